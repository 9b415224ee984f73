/*
 * page.c
 *		Pages of a relation, by cursor or, within limits, by number.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "api/api.h"
#include "api/page_cursor.h"
#include "api/page_request.h"

PG_FUNCTION_INFO_V1(fo_api_page);
PG_FUNCTION_INFO_V1(fo_api_page_offset);

/* What lies around a page. */
typedef struct Around
{
	text	   *next;
	text	   *previous;
	bool		has_next;
	bool		has_previous;
} Around;

/* Cut the row off that was read only to see whether there is one; true if there is. */
static bool
cut(FoPageRows *rows, int page_size)
{
	if (rows->count <= page_size)
		return false;
	rows->count = page_size;
	return true;
}

/* The cursors of a page's first and last row. */
static void
make_cursors(const FoPageRequest *request, const FoPageRows *rows, bool backward,
			 FoPagePlace *first, Around *around)
{
	FoPagePlace last;

	fo_page_place_of(request, rows, backward ? rows->count - 1 : 0, first);
	fo_page_place_of(request, rows, backward ? 0 : rows->count - 1, &last);
	around->previous = fo_page_cursor_write(&request->source, request->filter, first);
	around->next = fo_page_cursor_write(&request->source, request->filter, &last);
	if (backward)
		*first = last;
}

/*
 * Tell what lies around a page that was read from a place.  On the side where it
 * was read from, one more look tells whether there are rows; nothing can be there
 * if it was read from the end.  A page without rows lies between the rows before
 * its place, the place's own row included, and nothing.
 */
static void
look_around(FoPageRequest *request, FoPageRows *rows, const FoPagePlace *from, bool backward,
			Around *around)
{
	bool		beyond = cut(rows, request->page_size);
	bool		behind = false;
	FoPagePlace edge;

	memset(around, 0, sizeof(*around));
	if (rows->count > 0)
	{
		make_cursors(request, rows, backward, &edge, around);
		behind = from != NULL && fo_page_probe(request, &edge, !backward);
	}
	else if (from != NULL)
	{
		text	   *here = fo_page_cursor_write(&request->source, request->filter, from);
		text	   *turned;

		edge = *from;
		edge.inclusive = !from->inclusive;
		behind = fo_page_probe(request, &edge, !backward);
		turned = fo_page_cursor_write(&request->source, request->filter, &edge);
		around->next = backward ? turned : here;
		around->previous = backward ? here : turned;
	}
	around->has_next = backward ? behind : beyond;
	around->has_previous = backward ? beyond : behind;
}

/* Push the members of a page that tell what lies around it. */
static void
push_around(JsonbParseState **state, const Around *around)
{
	fo_json_push_text(state, "next", around->next);
	fo_json_push_text(state, "previous", around->previous);
	fo_json_push_bool(state, "has_next", around->has_next);
	fo_json_push_bool(state, "has_previous", around->has_previous);
}

/* Finish an object, in the caller's memory context, and leave SPI. */
static Datum
finish(JsonbParseState **state, MemoryContext caller)
{
	JsonbValue *value = pushJsonbValue(state, WJB_END_OBJECT, NULL);
	MemoryContext old = MemoryContextSwitchTo(caller);
	Jsonb	   *result = JsonbValueToJsonb(value);

	MemoryContextSwitchTo(old);
	SPI_finish();
	return JsonbPGetDatum(result);
}

/* page(source, order_by, page_size, cursor, filter, fields, backward) */
Datum
fo_api_page(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		backward = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	FoPagePlace place;
	FoPagePlace *from = NULL;
	FoPageRequest request;
	FoPageRows	rows;
	Around		around;
	JsonbParseState *state = NULL;
	Datum		result;

	SPI_connect();
	fo_page_request(&request, fcinfo, 0, 1, 2, 4, 5, true);
	if (!PG_ARGISNULL(3))
	{
		fo_page_cursor_read(&request.source, request.filter, PG_GETARG_TEXT_PP(3), &place);
		from = &place;
	}
	fo_page_read(&request, from, backward, request.page_size + 1, &rows);
	look_around(&request, &rows, from, backward, &around);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	fo_page_push_items(&request, &state, &rows, backward);
	push_around(&state, &around);
	result = finish(&state, caller);
	fo_page_source_close(&request.source);
	return result;
}

/* The argument of a page's number, checked; returns the rows before it. */
static int
offset_arg(FunctionCallInfo fcinfo, int arg, int page_size)
{
	int64		offset;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the page number is null")));
	if (PG_GETARG_INT32(arg) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("page number %d is not positive", PG_GETARG_INT32(arg)),
				 errhint("The first page has number 1.")));
	offset = ((int64) PG_GETARG_INT32(arg) - 1) * page_size;
	if (offset > fo_api_offset_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("page %d would read and throw away %lld rows; the limit is %d",
						PG_GETARG_INT32(arg), (long long) offset, fo_api_offset_max),
				 errhint("Go on with page() and a cursor, whose cost does not depend on the depth; "
						 "the setting filteropt.api_offset_max is the limit.")));
	return (int) offset;
}

/* page_offset(source, order_by, page_number, page_size, filter, fields) */
Datum
fo_api_page_offset(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	FoPageRequest request;
	FoPageRows	rows;
	FoPagePlace first;
	Around		around = {0};
	JsonbParseState *state = NULL;
	int			page_size = fo_page_size_arg(fcinfo, 3);
	int			offset = offset_arg(fcinfo, 2, page_size);
	Datum		result;

	SPI_connect();
	fo_page_request(&request, fcinfo, 0, 1, 3, 4, 5, true);
	fo_page_read_offset(&request, offset, &rows);
	around.has_next = cut(&rows, page_size);
	if (rows.count > 0)
		make_cursors(&request, &rows, false, &first, &around);
	around.has_previous = offset > 0 && (rows.count > 0 || fo_page_probe(&request, NULL, false));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	fo_json_push_int(&state, "page", PG_GETARG_INT32(2));
	fo_json_push_int(&state, "rows_skipped", offset);
	fo_page_push_items(&request, &state, &rows, false);
	push_around(&state, &around);
	result = finish(&state, caller);
	fo_page_source_close(&request.source);
	return result;
}
