/*
 * page_tools.c
 *		Paging in one's own SQL: cursors of rows and conditions from cursors; and
 *		what page() runs, explained.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "api/page_cursor.h"
#include "api/page_request.h"
#include "base/compat.h"

PG_FUNCTION_INFO_V1(fo_api_page_cursor);
PG_FUNCTION_INFO_V1(fo_api_page_condition);
PG_FUNCTION_INFO_V1(fo_api_page_explain);

/* The number of the row's column that holds a column of the ordering. */
static int
find_in_row(const FoPageSource *source, const FoPageKey *key, TupleDesc desc)
{
	const char *name = NameStr(TupleDescAttr(source->desc, key->attnum - 1)->attname);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (getBaseType(att->atttypid) != key->type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the row is of type %s, but that of %s is of type %s",
							name, format_type_be(att->atttypid), source->name,
							format_type_be(key->type))));
		return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\"", name),
			 errhint("Pass a row with all columns of the ordering and of the primary key.")));
}

/* The place of a row of whatever composite type has the ordering's columns. */
static void
place_of_row(const FoPageSource *source, HeapTupleHeader row, FoPagePlace *place)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
											  HeapTupleHeaderGetTypMod(row));
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};

	heap_deform_tuple(&tuple, desc, values, nulls);
	place->values = palloc(sizeof(Datum) * source->nkeys);
	place->nulls = palloc(sizeof(bool) * source->nkeys);
	place->inclusive = false;
	for (int i = 0; i < source->nkeys; i++)
	{
		int			column = find_in_row(source, &source->keys[i], desc);

		place->values[i] = values[column];
		place->nulls[i] = nulls[column];
	}
	ReleaseTupleDesc(desc);
}

/* page_cursor(source, order_by, row, filter) */
Datum
fo_api_page_cursor(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 2);
	FoPageRequest request;
	FoPagePlace place;
	text	   *cursor;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (!type_is_rowtype(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a value of type %s is no row", format_type_be(type)),
				 errhint("Pass the alias of the table in FROM.")));
	fo_page_request(&request, fcinfo, 0, 1, -1, 3, -1, true);
	place_of_row(&request.source, PG_GETARG_HEAPTUPLEHEADER(2), &place);
	cursor = fo_page_cursor_write(&request.source, request.filter, &place);
	fo_page_source_close(&request.source);
	PG_RETURN_TEXT_P(cursor);
}

/*
 * The values of a place as SQL literals.  Types are named as those without a
 * length: plain "character" would be one character.
 */
static const char **
literals(const FoPageSource *source, const FoPagePlace *place)
{
	char	  **texts = fo_page_place_texts(source, place);
	const char **refs = palloc0(sizeof(char *) * source->nkeys);
	bits16		how = FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY;

	for (int i = 0; i < source->nkeys; i++)
	{
		if (texts[i] != NULL)
			refs[i] = psprintf("%s::%s", quote_literal_cstr(texts[i]),
							   format_type_extended(source->keys[i].type, -1, how));
	}
	return refs;
}

/* The ranges of a place as one condition. */
static char *
one_condition(const FoPageSource *source, const FoPagePlace *place, bool backward)
{
	const char **refs = literals(source, place);
	List	   *ranges = fo_page_ranges(source, place->nulls, refs, backward, place->inclusive);
	const char *bound = fo_page_bound(source, place->nulls, refs, backward);
	StringInfoData buf;
	ListCell   *cell;

	if (ranges == NIL)
		return "false";
	initStringInfo(&buf);
	if (list_length(ranges) > 1 && bound != NULL)
		appendStringInfo(&buf, "%s AND ", bound);
	appendStringInfoChar(&buf, '(');
	foreach(cell, ranges)
		appendStringInfo(&buf, "%s%s", cell == list_head(ranges) ? "" : " OR ",
						 (char *) lfirst(cell));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* page_condition(source, order_by, cursor, filter, backward, alias) */
Datum
fo_api_page_condition(PG_FUNCTION_ARGS)
{
	bool		backward = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	FoPageRequest request;
	FoPagePlace place;
	char	   *condition = "true";

	fo_page_request(&request, fcinfo, 0, 1, -1, 3, -1, true);
	request.source.alias = PG_ARGISNULL(5) ? request.source.name :
		quote_identifier(text_to_cstring(PG_GETARG_TEXT_PP(5)));
	if (!PG_ARGISNULL(2))
	{
		fo_page_cursor_read(&request.source, request.filter, PG_GETARG_TEXT_PP(2), &place);
		condition = one_condition(&request.source, &place, backward);
	}
	fo_page_source_close(&request.source);
	PG_RETURN_TEXT_P(cstring_to_text(condition));
}

/* Return a line. */
static void
put_line(ReturnSetInfo *rsinfo, int step, const char *line)
{
	Datum		values[2] = {Int32GetDatum(step), CStringGetTextDatum(line)};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Return a statement and its plan. */
static void
explain(ReturnSetInfo *rsinfo, int step, const char *sql, const FoSqlArgs *args, bool analyze)
{
	const char *options = analyze ? "COSTS OFF, ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF" :
		"COSTS OFF";

	put_line(rsinfo, step, sql);
	if (SPI_execute_with_args(psprintf("EXPLAIN (%s) %s", options, sql), args->count, args->types,
							  args->values, args->nulls, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "EXPLAIN failed");
	for (uint64 i = 0; i < SPI_processed; i++)
		put_line(rsinfo, step, psprintf("  %s", SPI_getvalue(SPI_tuptable->vals[i],
															 SPI_tuptable->tupdesc, 1)));
}

/* page_explain(source, order_by, page_size, cursor, filter, fields, backward, analyze) */
Datum
fo_api_page_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		backward = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	bool		analyze = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	FoPageRequest request;
	FoPagePlace place;
	FoPagePlace *from = NULL;
	List	   *statements;
	ListCell   *cell;
	uint64		left;
	int			step = 0;

	fo_begin_rows(fcinfo);
	SPI_connect();
	fo_page_request(&request, fcinfo, 0, 1, 2, 4, 5, true);
	if (!PG_ARGISNULL(3))
	{
		fo_page_cursor_read(&request.source, request.filter, PG_GETARG_TEXT_PP(3), &place);
		from = &place;
	}
	left = (uint64) request.page_size + 1;
	statements = fo_page_statements(&request, from, backward, (int) left, true);
	foreach(cell, statements)
	{
		explain(rsinfo, ++step, lfirst(cell), &request.args, analyze);
		if (analyze)
			left -= fo_sql_run(lfirst(cell), &request.args, (int) left);
		if (left == 0)
			break;
	}
	SPI_finish();
	fo_page_source_close(&request.source);
	return (Datum) 0;
}
