/*
 * page_request.c
 *		What is asked for, and the rows that answer it.
 *
 * Statements are run as the caller, so privileges and row-level security are
 * those of the caller's own SQL, and all of them see the snapshot of the calling
 * query.  Nothing of the arguments becomes SQL but quoted names of columns that
 * exist, and numbers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/api.h"
#include "api/page_request.h"

/* The columns of the items: those named, or all; each once. */
static void
choose_columns(FoPageRequest *request, ArrayType *fields)
{
	const FoPageSource *source = &request->source;
	Datum	   *names;
	bool	   *nulls;
	int			count;

	request->columns = palloc(sizeof(AttrNumber) * (source->desc->natts + source->nkeys));
	if (fields == NULL)
	{
		for (int i = 0; i < source->desc->natts; i++)
		{
			if (!TupleDescAttr(source->desc, i)->attisdropped)
				request->columns[request->ncolumns++] = (AttrNumber) (i + 1);
		}
		request->nfields = request->ncolumns;
		return;
	}
	deconstruct_array(fields, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		AttrNumber	attnum;
		bool		known = false;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("entry %d of fields is null", i + 1)));
		attnum = fo_page_column(source, TextDatumGetCString(names[i]));
		for (int j = 0; j < request->ncolumns; j++)
			known |= request->columns[j] == attnum;
		if (!known)
			request->columns[request->ncolumns++] = attnum;
	}
	request->nfields = request->ncolumns;
}

/* Read the ordering's columns, too, for cursors; and find out how all become JSON. */
static void
add_key_columns(FoPageRequest *request)
{
	const FoPageSource *source = &request->source;

	request->key_columns = palloc(sizeof(int) * Max(source->nkeys, 1));
	for (int i = 0; i < source->nkeys; i++)
	{
		int			at = 0;

		while (at < request->ncolumns && request->columns[at] != source->keys[i].attnum)
			at++;
		if (at == request->ncolumns)
			request->columns[request->ncolumns++] = source->keys[i].attnum;
		request->key_columns[i] = at;
	}
	request->json = palloc0(sizeof(FoJsonType) * Max(request->nfields, 1));
	for (int i = 0; i < request->nfields; i++)
		fo_json_type(&request->json[i], fo_page_column_type(source, request->columns[i]));
}

/* The argument of a page's size, checked. */
int
fo_page_size_arg(FunctionCallInfo fcinfo, int arg)
{
	int			size;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the page size is null")));
	size = PG_GETARG_INT32(arg);
	if (size < 1 || size > fo_api_page_size_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("page size %d is not between 1 and %d", size, fo_api_page_size_max),
				 errhint("The setting filteropt.api_page_size_max is the limit.")));
	return size;
}

/*
 * Resolve the arguments of a call, which stand at the given positions (-1: there
 * is no such argument).  A total ordering is one without ties.  The source stays open
 * until fo_page_source_close().
 */
void
fo_page_request(FoPageRequest *request, FunctionCallInfo fcinfo, int source, int order_by,
				int page_size, int filter, int fields, bool total)
{
	memset(request, 0, sizeof(*request));
	if (page_size >= 0)
		request->page_size = fo_page_size_arg(fcinfo, page_size);
	if (PG_ARGISNULL(source))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the source is null")));
	fo_page_source_open(&request->source, PG_GETARG_OID(source));
	fo_page_source_order(&request->source,
						 PG_ARGISNULL(order_by) ? NULL : PG_GETARG_ARRAYTYPE_P(order_by), total);
	request->filter = PG_ARGISNULL(filter) ? NULL : PG_GETARG_JSONB_P(filter);
	initStringInfo(&request->where);
	fo_page_filter(&request->source, request->filter, &request->args, &request->where);
	request->filter_args = request->args.count;
	if (fields < 0)
		return;
	choose_columns(request, PG_ARGISNULL(fields) ? NULL : PG_GETARG_ARRAYTYPE_P(fields));
	add_key_columns(request);
}

/*
 * The statement that reads a range, or all rows if it is NULL; without values, only
 * whether there are any.
 */
char *
fo_page_statement(FoPageRequest *request, const char *range, bool backward, int limit,
				  bool values)
{
	const FoPageSource *source = &request->source;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT");
	for (int i = 0; values && i < request->ncolumns; i++)
		appendStringInfo(&buf, "%s %s", i > 0 ? "," : "",
						 fo_page_column_sql(source, request->columns[i]));
	appendStringInfo(&buf, " FROM %s %s WHERE %s%s ORDER BY %s LIMIT %d", source->name,
					 source->alias, range == NULL ? "true" : range, request->where.data,
					 fo_page_order_sql(source, backward), limit);
	return buf.data;
}

/*
 * The statements that read what comes after a place, nearest first, or the one
 * that reads from the beginning if it is NULL.  Their parameters are in args.
 */
List *
fo_page_statements(FoPageRequest *request, const FoPagePlace *place, bool backward, int limit,
				   bool values)
{
	const FoPageSource *source = &request->source;
	const char **refs;
	List	   *ranges;
	ListCell   *cell;

	request->args.count = request->filter_args;
	if (place == NULL)
		return list_make1(fo_page_statement(request, NULL, backward, limit, values));
	refs = palloc0(sizeof(char *) * source->nkeys);
	for (int i = 0; i < source->nkeys; i++)
	{
		if (!place->nulls[i])
			refs[i] = psprintf("$%d", fo_sql_add_arg(&request->args, source->keys[i].type,
													 place->values[i], false));
	}
	ranges = fo_page_ranges(source, place->nulls, refs, backward, place->inclusive);
	foreach(cell, ranges)
		lfirst(cell) = fo_page_statement(request, lfirst(cell), backward, limit, values);
	return ranges;
}

/*
 * Read at most "limit" rows that come after a place, or from the beginning if it
 * is NULL.  The rows live until SPI_finish().
 */
void
fo_page_read(FoPageRequest *request, const FoPagePlace *place, bool backward, int limit,
			 FoPageRows *rows)
{
	List	   *statements = fo_page_statements(request, place, backward, limit, true);
	ListCell   *cell;

	rows->rows = palloc(sizeof(HeapTuple) * limit);
	rows->count = 0;
	foreach(cell, statements)
	{
		uint64		got = fo_sql_run(lfirst(cell), &request->args, limit - rows->count);

		for (uint64 i = 0; i < got; i++)
			rows->rows[rows->count++] = SPI_tuptable->vals[i];
		rows->desc = SPI_tuptable->tupdesc;
		if (rows->count >= limit)
			break;
	}
}

/* Read a page's rows, and one more, that lie behind so many others. */
void
fo_page_read_offset(FoPageRequest *request, int offset, FoPageRows *rows)
{
	char	   *sql = fo_page_statement(request, NULL, false, request->page_size + 1, true);

	request->args.count = request->filter_args;
	sql = psprintf("%s OFFSET $%d", sql,
				   fo_sql_add_arg(&request->args, INT4OID, Int32GetDatum(offset), false));
	rows->count = (int) fo_sql_run(sql, &request->args, request->page_size + 1);
	rows->rows = SPI_tuptable->vals;
	rows->desc = SPI_tuptable->tupdesc;
}

/* Does any row come after the place? */
bool
fo_page_probe(FoPageRequest *request, const FoPagePlace *place, bool backward)
{
	List	   *statements = fo_page_statements(request, place, backward, 1, false);
	ListCell   *cell;

	foreach(cell, statements)
	{
		if (fo_sql_run(lfirst(cell), &request->args, 1) > 0)
			return true;
	}
	return false;
}

/* The place of a row. */
void
fo_page_place_of(const FoPageRequest *request, const FoPageRows *rows, int row,
				 FoPagePlace *place)
{
	int			nkeys = request->source.nkeys;

	place->values = palloc(sizeof(Datum) * nkeys);
	place->nulls = palloc(sizeof(bool) * nkeys);
	place->inclusive = false;
	for (int i = 0; i < nkeys; i++)
		place->values[i] = heap_getattr(rows->rows[row], request->key_columns[i] + 1, rows->desc,
										&place->nulls[i]);
}

/* Push a row, the columns of an item first, as an object. */
void
fo_page_push_row(FoPageRequest *request, JsonbParseState **state, const Datum *values,
				 const bool *nulls)
{
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < request->nfields; i++)
	{
		Form_pg_attribute att = TupleDescAttr(request->source.desc, request->columns[i] - 1);

		fo_json_push_key(state, NameStr(att->attname));
		fo_json_push(state, WJB_VALUE, &request->json[i], values[i], nulls[i]);
	}
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* Push the rows as an array of objects, last row first if they were read backward. */
void
fo_page_push_items(FoPageRequest *request, JsonbParseState **state, const FoPageRows *rows,
				   bool reverse)
{
	Datum	   *values = palloc(sizeof(Datum) * request->ncolumns);
	bool	   *nulls = palloc(sizeof(bool) * request->ncolumns);

	fo_json_push_key(state, "items");
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < rows->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(rows->rows[reverse ? rows->count - 1 - i : i], rows->desc, values,
						  nulls);
		fo_page_push_row(request, state, values, nulls);
	}
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}
