/*
 * page_range.c
 *		The rows behind a place in an ordering, as conditions that an index serves.
 *
 * What comes after ('news', NULL, 7) in
 *		ORDER BY kind ASC, rank DESC NULLS LAST, id ASC
 * is, nearest first:
 *		kind = 'news' AND rank IS NULL AND id > 7
 *		kind = 'news' AND rank comes after NULL: no row, NULLs being last
 *		kind > 'news'
 * Each condition is one contiguous range of an index on these columns, and every
 * row of a range comes before all rows of the next.  So the ranges are read one
 * after the other, each in order and with a limit, until the page is full: as
 * many index descents as it takes, mostly one, at any depth.  Written as one
 * condition with OR the planner finds no range in it and reads all rows.
 *
 * Columns next to each other that go in one direction and hold no NULLs take one
 * range together, a row comparison: (created_at, id) < ($1, $2).
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "utils/builtins.h"

#include "api/page_sql.h"

/* The operator that leads away from a place. */
static const char *
operator_after(const FoPageKey *key, bool backward, bool or_equal)
{
	StrategyNumber strategy;

	if (key->descending != backward)
		strategy = or_equal ? BTLessEqualStrategyNumber : BTLessStrategyNumber;
	else
		strategy = or_equal ? BTGreaterEqualStrategyNumber : BTGreaterStrategyNumber;
	return fo_page_operator_sql(key->type, strategy);
}

/* Can both be in one row comparison?  It names one operator for all its columns. */
static bool
go_together(const FoPageKey *a, const FoPageKey *b)
{
	return a->not_null && b->not_null && a->descending == b->descending &&
		strcmp(fo_page_operator_sql(a->type, BTLessStrategyNumber),
			   fo_page_operator_sql(b->type, BTLessStrategyNumber)) == 0;
}

/* How many columns from "first" on make one row comparison. */
static int
run_length(const FoPageSource *source, int first)
{
	int			n = 1;

	while (first + n < source->nkeys &&
		   go_together(&source->keys[first], &source->keys[first + n]))
		n++;
	return n;
}

/* "a = $1 AND b IS NULL AND ", for the first n columns of the ordering. */
static void
append_prefix(StringInfo buf, const FoPageSource *source, const bool *nulls,
			  const char *const *refs, int n)
{
	for (int i = 0; i < n; i++)
	{
		const FoPageKey *key = &source->keys[i];

		if (nulls[i])
			appendStringInfo(buf, "%s %s AND ", fo_page_column_sql(source, key->attnum),
							 fo_page_null_sql(key->type, true));
		else
			appendStringInfo(buf, "%s %s %s AND ", fo_page_column_sql(source, key->attnum),
							 fo_page_operator_sql(key->type, BTEqualStrategyNumber), refs[i]);
	}
}

/* "(a, b) > ($1, $2)" for n columns from "first" on, or "a > $1" for one. */
static void
append_comparison(StringInfo buf, const FoPageSource *source, const char *const *refs, int first,
				  int n, const char *operator)
{
	if (n == 1)
	{
		appendStringInfo(buf, "%s %s %s",
						 fo_page_column_sql(source, source->keys[first].attnum), operator,
						 refs[first]);
		return;
	}
	appendStringInfoChar(buf, '(');
	for (int i = first; i < first + n; i++)
		appendStringInfo(buf, "%s%s", i > first ? ", " : "",
						 fo_page_column_sql(source, source->keys[i].attnum));
	appendStringInfo(buf, ") %s (", operator);
	for (int i = first; i < first + n; i++)
		appendStringInfo(buf, "%s%s", i > first ? ", " : "", refs[i]);
	appendStringInfoChar(buf, ')');
}

/* Add the range of rows that agree in the first columns and are null, or not null, in the next. */
static List *
add_null_range(List *ranges, const FoPageSource *source, const bool *nulls,
			   const char *const *refs, int column, bool is_null)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_prefix(&buf, source, nulls, refs, column);
	appendStringInfo(&buf, "%s %s",
					 fo_page_column_sql(source, source->keys[column].attnum),
					 fo_page_null_sql(source->keys[column].type, is_null));
	return lappend(ranges, buf.data);
}

/* Add the ranges of rows that agree in the first columns and come after the place in the next n. */
static List *
add_ranges(List *ranges, const FoPageSource *source, const bool *nulls, const char *const *refs,
		   int first, int n, bool backward, bool or_equal)
{
	const FoPageKey *key = &source->keys[first];
	bool		nulls_first = key->nulls_first != backward;
	StringInfoData buf;

	if (nulls[first])
	{
		if (or_equal)
			ranges = add_null_range(ranges, source, nulls, refs, first, true);
		if (nulls_first)
			ranges = add_null_range(ranges, source, nulls, refs, first, false);
		return ranges;
	}
	initStringInfo(&buf);
	append_prefix(&buf, source, nulls, refs, first);
	append_comparison(&buf, source, refs, first, n, operator_after(key, backward, or_equal));
	ranges = lappend(ranges, buf.data);
	if (!key->not_null && !nulls_first)
		ranges = add_null_range(ranges, source, nulls, refs, first, true);
	return ranges;
}

/*
 * The ranges that come after a place, nearest first, as a list of conditions.
 * nulls[] tells which of its values are null; refs[] is what stands for them in
 * the text.  Backward means after it in the opposite order; inclusive, the row at
 * the place itself belongs to it.
 */
List *
fo_page_ranges(const FoPageSource *source, const bool *nulls, const char *const *refs,
			   bool backward, bool inclusive)
{
	List	   *ranges = NIL;
	int			starts[INDEX_MAX_KEYS];
	int			runs = 0;

	for (int i = 0; i < source->nkeys; i += run_length(source, i))
		starts[runs++] = i;
	for (int r = runs - 1; r >= 0; r--)
		ranges = add_ranges(ranges, source, nulls, refs, starts[r],
							run_length(source, starts[r]), backward, inclusive && r == runs - 1);
	return ranges;
}

/*
 * A bound on the first column that all ranges imply, or NULL: with it an index
 * scan for the ranges joined by OR at least begins where they do.
 */
const char *
fo_page_bound(const FoPageSource *source, const bool *nulls, const char *const *refs,
			  bool backward)
{
	const FoPageKey *key = &source->keys[0];

	if (nulls[0] || (!key->not_null && key->nulls_first == backward))
		return NULL;
	return psprintf("%s %s %s", fo_page_column_sql(source, key->attnum),
					operator_after(key, backward, true), refs[0]);
}

/* The ordering as it stands behind ORDER BY. */
char *
fo_page_order_sql(const FoPageSource *source, bool backward)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < source->nkeys; i++)
	{
		const FoPageKey *key = &source->keys[i];

		appendStringInfo(&buf, "%s%s %s NULLS %s", i > 0 ? ", " : "",
						 fo_page_column_sql(source, key->attnum),
						 key->descending != backward ? "DESC" : "ASC",
						 key->nulls_first != backward ? "FIRST" : "LAST");
	}
	return buf.data;
}
