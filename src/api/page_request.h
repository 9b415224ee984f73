/*
 * page_request.h
 *		What is asked for, and the rows that answer it.
 */
#ifndef FO_PAGE_REQUEST_H
#define FO_PAGE_REQUEST_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "api/json_value.h"
#include "api/page_sql.h"

typedef struct FoPageRequest
{
	FoPageSource source;
	Jsonb	   *filter;			/* may be NULL */
	StringInfoData where;		/* " AND condition" for each of the filter's */
	FoSqlArgs	args;			/* the filter's parameters first */
	int			filter_args;
	AttrNumber *columns;		/* that are read: those of the items, then
								 * keys */
	FoJsonType *json;			/* how they become JSON */
	int			ncolumns;
	int			nfields;		/* how many of them are in the items */
	int		   *key_columns;	/* where each key stands among them */
	int			page_size;
} FoPageRequest;

/* Rows in the order of reading. */
typedef struct FoPageRows
{
	HeapTuple  *rows;
	TupleDesc	desc;
	int			count;
} FoPageRows;

extern void fo_page_request(FoPageRequest *request, FunctionCallInfo fcinfo, int source,
							int order_by, int page_size, int filter, int fields, bool total);
extern int	fo_page_size_arg(FunctionCallInfo fcinfo, int arg);
extern List *fo_page_statements(FoPageRequest *request, const FoPagePlace *place, bool backward,
								int limit, bool values);
extern char *fo_page_statement(FoPageRequest *request, const char *range, bool backward,
							   int limit, bool values);
extern void fo_page_read(FoPageRequest *request, const FoPagePlace *place, bool backward,
						 int limit, FoPageRows *rows);
extern void fo_page_read_offset(FoPageRequest *request, int offset, FoPageRows *rows);
extern bool fo_page_probe(FoPageRequest *request, const FoPagePlace *place, bool backward);
extern void fo_page_place_of(const FoPageRequest *request, const FoPageRows *rows, int row,
							 FoPagePlace *place);
extern void fo_page_push_row(FoPageRequest *request, JsonbParseState **state, const Datum *values,
							 const bool *nulls);
extern void fo_page_push_items(FoPageRequest *request, JsonbParseState **state,
							   const FoPageRows *rows, bool reverse);

#endif							/* FO_PAGE_REQUEST_H */
