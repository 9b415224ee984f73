/*
 * keyword_text.c
 *		Functions that look for the keywords of a set in one text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/selfuncs.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "keyword/keyword.h"

/* Share of rows expected to match when statistics say nothing. */
#define DEFAULT_KEYWORD_SEL 0.05

PG_FUNCTION_INFO_V1(fo_keyword_match);
PG_FUNCTION_INFO_V1(fo_keyword_list);
PG_FUNCTION_INFO_V1(fo_keyword_find);
PG_FUNCTION_INFO_V1(fo_keyword_highlight);
PG_FUNCTION_INFO_V1(fo_keyword_redact);
PG_FUNCTION_INFO_V1(fo_keyword_sel);

/* Numbers of keywords found, each perhaps several times. */
typedef struct Numbers
{
	uint32_t   *items;
	size_t		used;
	size_t		size;
} Numbers;

/* keyword_match(body text, set keyword_set), operator @@ */
Datum
fo_keyword_match(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	const FoKeywordSet *set = fo_keyword_set_arg(fcinfo, 1);
	FoBody		bytes = fo_keyword_body(body);
	bool		found = fo_keyword_occurs(&fo_keyword_matcher, set, bytes.bytes, bytes.len);

	if (set->nallow > 0)
		fo_keyword_trim();
	PG_FREE_IF_COPY(body, 0);
	PG_RETURN_BOOL(found);
}

/* Order of numbers, for qsort. */
static int
compare_numbers(const void *left, const void *right)
{
	uint32_t	a = *(const uint32_t *) left;
	uint32_t	b = *(const uint32_t *) right;

	return (a > b) - (a < b);
}

/* Sort numbers and drop those that repeat. */
static void
make_distinct(Numbers *numbers)
{
	size_t		n = 0;

	qsort(numbers->items, numbers->used, sizeof(uint32_t), compare_numbers);
	for (size_t i = 0; i < numbers->used; i++)
	{
		if (n == 0 || numbers->items[n - 1] != numbers->items[i])
			numbers->items[n++] = numbers->items[i];
	}
	numbers->used = n;
}

/* FoFound that collects the number of a keyword; room is bounded by the size of the set. */
static bool
collect_number(void *arg, uint32_t keyword)
{
	Numbers    *numbers = arg;

	if (numbers->used == numbers->size)
	{
		if (numbers->used > 0)
			make_distinct(numbers);
		if (numbers->used * 2 >= numbers->size)
		{
			numbers->size = Max(numbers->size * 2, 64);
			numbers->items = numbers->items == NULL
				? palloc(numbers->size * sizeof(uint32_t))
				: repalloc_huge(numbers->items, numbers->size * sizeof(uint32_t));
		}
	}
	numbers->items[numbers->used++] = keyword;
	return false;
}

/* Call found for every occurrence that no allowed phrase covers, by position. */
void
fo_keyword_each_match(const FoKeywordSet *set, FoBody body, FoMatchFound found, void *arg)
{
	FoScan		scan;

	fo_scan_begin(&scan, &fo_keyword_matcher, set, body.bytes, body.len, true);
	while (fo_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		fo_scan_matches(&scan, &fo_keyword_matches);
		for (size_t i = 0; i < fo_keyword_matches.used; i++)
			found(arg, &fo_keyword_matches.items[i]);
	}
	fo_keyword_trim();
}

/* FoMatchFound that collects the number of the keyword. */
static void
collect_match_number(void *arg, const FoMatch *match)
{
	collect_number(arg, match->keyword);
}

/* The keywords found in a body, as they were written, in set order. */
ArrayType *
fo_keyword_list_of(const FoKeywordSet *set, FoBody body)
{
	Numbers		numbers = {NULL, 0, 0};
	FoScan		scan;
	Datum	   *keywords;
	ArrayType  *result;

	if (set->nallow > 0)
		fo_keyword_each_match(set, body, collect_match_number, &numbers);
	else
	{
		fo_scan_begin(&scan, &fo_keyword_matcher, set, body.bytes, body.len, false);
		while (fo_scan_next(&scan))
		{
			CHECK_FOR_INTERRUPTS();
			fo_scan_keywords(&scan, collect_number, &numbers);
		}
	}
	if (numbers.used == 0)
		return construct_empty_array(TEXTOID);
	make_distinct(&numbers);
	keywords = palloc(numbers.used * sizeof(Datum));
	for (size_t i = 0; i < numbers.used; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(set, numbers.items[i], &len);

		keywords[i] = PointerGetDatum(fo_keyword_text(source, len));
	}
	result = construct_array(keywords, (int) numbers.used, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(keywords);
	pfree(numbers.items);
	return result;
}

/* keyword_list(body text, set keyword_set) returns text[] */
Datum
fo_keyword_list(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);

	PG_RETURN_ARRAYTYPE_P(fo_keyword_list_of(fo_keyword_set_arg(fcinfo, 1),
											 fo_keyword_body(body)));
}

/* State of keyword_find. */
typedef struct Find
{
	const FoKeywordSet *set;
	FoBody		body;
	ReturnSetInfo *result;
	uint32_t	byte;			/* a place in the body ... */
	int32		character;		/* ... and how many characters are before it */
	MemoryContext row;
} Find;

/* How many characters there are in bytes [start, end) of a body. */
int32
fo_keyword_characters(const FoKeywordSet *set, FoBody body, uint32_t start, uint32_t end)
{
	int32		n = 0;

	if (set->flags & FO_SET_OPAQUE)
		return (int32) (end - start);
	for (uint32_t i = start; i < end; i++)
		n += !fo_utf8_continues(body.bytes[i]);
	return n;
}

/* FoMatchFound that adds a row to the result. */
static void
put_row(void *arg, const FoMatch *match)
{
	Find	   *find = arg;
	MemoryContext old = MemoryContextSwitchTo(find->row);
	uint32_t	len;
	const uint8_t *source = fo_keyword_source(find->set, match->keyword, &len);
	Datum		values[4];
	bool		nulls[4] = {false};

	find->character += fo_keyword_characters(find->set, find->body, find->byte, match->start);
	find->byte = match->start;
	values[0] = PointerGetDatum(fo_keyword_text(source, len));
	values[1] = Int32GetDatum(find->character + 1);
	values[2] = Int32GetDatum(fo_keyword_characters(find->set, find->body, match->start,
													match->end));
	values[3] = PointerGetDatum(fo_keyword_text(find->body.bytes + match->start,
												match->end - match->start));
	tuplestore_putvalues(find->result->setResult, find->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(find->row);
	CHECK_FOR_INTERRUPTS();
}

/* keyword_find(body text, set keyword_set) returns setof (keyword, start, length, matched) */
Datum
fo_keyword_find(PG_FUNCTION_ARGS)
{
	Find		find = {0};

	find.set = fo_keyword_set_arg(fcinfo, 1);
	find.body = fo_keyword_body(PG_GETARG_TEXT_PP(0));
	fo_begin_rows(fcinfo);
	find.result = (ReturnSetInfo *) fcinfo->resultinfo;
	find.row = AllocSetContextCreate(CurrentMemoryContext, "filteropt keyword row",
									 ALLOCSET_SMALL_SIZES);
	fo_keyword_each_match(find.set, find.body, put_row, &find);
	MemoryContextDelete(find.row);
	PG_RETURN_NULL();
}

/* A text being rewritten: overlapping matches are taken together as one span. */
typedef struct Rewrite
{
	FoBody		body;
	StringInfoData out;
	bool		redact;			/* replace spans by open; else put open and
								 * close round them */
	bool		each;			/* replace every character of a span */
	bool		opaque;
	const char *open;
	const char *close;
	bool		any;			/* is there a span not yet written? */
	uint32_t	start;
	uint32_t	end;
	uint32_t	done;			/* bytes of the body that are written */
} Rewrite;

/* Write the text up to and including the current span. */
static void
write_span(Rewrite *rewrite)
{
	const uint8_t *bytes = rewrite->body.bytes;

	appendBinaryStringInfo(&rewrite->out, (const char *) bytes + rewrite->done,
						   (int) (rewrite->start - rewrite->done));
	rewrite->done = rewrite->end;
	if (!rewrite->redact)
	{
		appendStringInfoString(&rewrite->out, rewrite->open);
		appendBinaryStringInfo(&rewrite->out, (const char *) bytes + rewrite->start,
							   (int) (rewrite->end - rewrite->start));
		appendStringInfoString(&rewrite->out, rewrite->close);
		return;
	}
	if (!rewrite->each)
	{
		appendStringInfoString(&rewrite->out, rewrite->open);
		return;
	}
	for (uint32_t i = rewrite->start; i < rewrite->end; i++)
	{
		if (rewrite->opaque || !fo_utf8_continues(bytes[i]))
			appendStringInfoString(&rewrite->out, rewrite->open);
	}
}

/* FoMatchFound that extends the current span, or writes it and begins another. */
static void
rewrite_match(void *arg, const FoMatch *match)
{
	Rewrite    *rewrite = arg;

	if (rewrite->any && match->start < rewrite->end)
	{
		rewrite->end = Max(rewrite->end, match->end);
		return;
	}
	if (rewrite->any)
		write_span(rewrite);
	rewrite->any = true;
	rewrite->start = match->start;
	rewrite->end = match->end;
}

/* The text that comes of rewriting the matches of a set in it. */
static text *
rewrite_text(Rewrite *rewrite, const FoKeywordSet *set)
{
	initStringInfo(&rewrite->out);
	rewrite->opaque = (set->flags & FO_SET_OPAQUE) != 0;
	fo_keyword_each_match(set, rewrite->body, rewrite_match, rewrite);
	if (rewrite->any)
		write_span(rewrite);
	appendBinaryStringInfo(&rewrite->out, (const char *) rewrite->body.bytes + rewrite->done,
						   (int) (rewrite->body.len - rewrite->done));
	return fo_keyword_text((const uint8_t *) rewrite->out.data, rewrite->out.len);
}

/* A text argument as a C string in the encoding of the core. */
static char *
core_string(text *value)
{
	FoBody		body = fo_keyword_body(value);

	return pnstrdup((const char *) body.bytes, body.len);
}

/* keyword_highlight(body text, set keyword_set, open text, close text) */
Datum
fo_keyword_highlight(PG_FUNCTION_ARGS)
{
	Rewrite		rewrite = {0};

	rewrite.body = fo_keyword_body(PG_GETARG_TEXT_PP(0));
	rewrite.open = core_string(PG_GETARG_TEXT_PP(2));
	rewrite.close = core_string(PG_GETARG_TEXT_PP(3));
	PG_RETURN_TEXT_P(rewrite_text(&rewrite, fo_keyword_set_arg(fcinfo, 1)));
}

/* keyword_redact(body text, set keyword_set, mask text) */
Datum
fo_keyword_redact(PG_FUNCTION_ARGS)
{
	Rewrite		rewrite = {0};
	text	   *mask = PG_GETARG_TEXT_PP(2);

	rewrite.body = fo_keyword_body(PG_GETARG_TEXT_PP(0));
	rewrite.redact = true;
	rewrite.each = pg_mbstrlen_with_len(VARDATA_ANY(mask), VARSIZE_ANY_EXHDR(mask)) == 1;
	rewrite.open = core_string(mask);
	PG_RETURN_TEXT_P(rewrite_text(&rewrite, fo_keyword_set_arg(fcinfo, 1)));
}

/*
 * Selectivity of @@: the share of the column's most common values and of its
 * histogram that match.
 */
Datum
fo_keyword_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			relation = PG_GETARG_INT32(3);

	PG_RETURN_FLOAT8(generic_restriction_selectivity(root, operator, PG_GET_COLLATION(), args,
													 relation, DEFAULT_KEYWORD_SEL));
}
