/*
 * page_cursor.h
 *		Cursors: places in an ordering as texts that go to clients and back.
 */
#ifndef FO_PAGE_CURSOR_H
#define FO_PAGE_CURSOR_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "api/page_sql.h"

extern text *fo_page_cursor_write(const FoPageSource *source, Jsonb *filter,
								  const FoPagePlace *place);
extern void fo_page_cursor_read(const FoPageSource *source, Jsonb *filter, text *cursor,
								FoPagePlace *place);
extern char **fo_page_place_texts(const FoPageSource *source, const FoPagePlace *place);

#endif							/* FO_PAGE_CURSOR_H */
