/*
 * page_sql.h
 *		The SQL that reads a page: conditions, ranges, statements, plans.
 */
#ifndef FO_PAGE_SQL_H
#define FO_PAGE_SQL_H

#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "api/page_source.h"

/* The parameters of a statement. */
typedef struct FoSqlArgs
{
	int			count;
	int			room;
	Oid		   *types;
	Datum	   *values;
	char	   *nulls;			/* ' ' or 'n', as SPI wants it */
} FoSqlArgs;

/* A place in the ordering: right at a row, or, inclusive, right before it. */
typedef struct FoPagePlace
{
	Datum	   *values;			/* of the ordering's columns */
	bool	   *nulls;
	bool		inclusive;
} FoPagePlace;

extern int	fo_sql_add_arg(FoSqlArgs *args, Oid type, Datum value, bool isnull);
extern uint64 fo_sql_run(const char *sql, const FoSqlArgs *args, int limit);

extern void fo_page_filter(const FoPageSource *source, Jsonb *filter, FoSqlArgs *args,
						   StringInfo where);

extern List *fo_page_ranges(const FoPageSource *source, const bool *nulls, const char *const *refs,
							bool backward, bool inclusive);
extern const char *fo_page_bound(const FoPageSource *source, const bool *nulls,
								 const char *const *refs, bool backward);
extern char *fo_page_order_sql(const FoPageSource *source, bool backward);

#endif							/* FO_PAGE_SQL_H */
