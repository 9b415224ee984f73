/*
 * module.c
 *		What the benchmark needs inside a backend: Hyperscan as SQL functions,
 *		a function that does nothing, and a stopwatch of CPU time.
 *
 * Compiled Hyperscan databases live as long as the backend and are named by a
 * number, so that a call looks nothing up and detoasts nothing but the text;
 * what is measured is as near to Hyperscan itself as a function call can get.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hyperscan.h"

PG_MODULE_MAGIC;

#define MAX_LISTS 256
#define MAX_PLANS 1024

/* A compiled list with its keywords, for results that name them. */
typedef struct NamedList
{
	HsList	   *list;
	int			n;
	Datum	   *keywords;
} NamedList;

static NamedList lists[MAX_LISTS];
static int	n_lists = 0;

static SPIPlanPtr plans[MAX_PLANS];
static int	n_plans = 0;

PG_FUNCTION_INFO_V1(bench_noop);
PG_FUNCTION_INFO_V1(bench_cpu_ns);
PG_FUNCTION_INFO_V1(bench_plan);
PG_FUNCTION_INFO_V1(bench_run);
PG_FUNCTION_INFO_V1(bench_forget);
PG_FUNCTION_INFO_V1(bench_hs_build);
PG_FUNCTION_INFO_V1(bench_hs_bytes);
PG_FUNCTION_INFO_V1(bench_hs_any);
PG_FUNCTION_INFO_V1(bench_hs_all);
PG_FUNCTION_INFO_V1(bench_hs_list);

/* CPU time of this backend in nanoseconds. */
static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* bench_cpu_ns() returns float8 */
Datum
bench_cpu_ns(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(cpu_ns());
}

/* bench_noop(text, anyelement) returns boolean: the floor of a call */
Datum
bench_noop(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(false);
}

/* Run a kept plan n times; returns the first value of the last run. */
static Datum
execute_plan(SPIPlanPtr plan, int n)
{
	Datum		value = (Datum) 0;

	for (int i = 0; i < n; i++)
	{
		bool		isnull = true;

		if (SPI_execute_plan(plan, NULL, NULL, false, 0) < 0)
			elog(ERROR, "the query failed");
		if (SPI_tuptable && SPI_processed > 0)
			value = SPI_getbinval(SPI_tuptable->vals[0],
								  SPI_tuptable->tupdesc, 1, &isnull);
		if (isnull)
			value = (Datum) 0;
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	return value;
}

/*
 * bench_plan(query text) returns integer: keep the plan of a query
 *
 * A query without parameters is planned once, so constants are folded before
 * anything is measured.
 */
Datum
bench_plan(PG_FUNCTION_ARGS)
{
	SPIPlanPtr	plan;

	if (n_plans == MAX_PLANS)
		elog(ERROR, "too many plans");
	SPI_connect();
	plan = SPI_prepare(text_to_cstring(PG_GETARG_TEXT_PP(0)), 0, NULL);
	if (!plan || SPI_keepplan(plan) != 0)
		elog(ERROR, "the query cannot be prepared");
	SPI_finish();
	plans[n_plans] = plan;
	PG_RETURN_INT32(n_plans++);
}

/* bench_forget(): drop all plans, but not the lists */
Datum
bench_forget(PG_FUNCTION_ARGS)
{
	while (n_plans > 0)
		SPI_freeplan(plans[--n_plans]);
	PG_RETURN_VOID();
}

/*
 * bench_run(plan integer, n integer, OUT ns float8, OUT value bigint): run a
 * plan n times; CPU time of all runs, and the bigint that the last one returned
 */
Datum
bench_run(PG_FUNCTION_ARGS)
{
	int			plan = PG_GETARG_INT32(0);
	int			n = PG_GETARG_INT32(1);
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	double		start;

	if (plan < 0 || plan >= n_plans)
		elog(ERROR, "there is no plan %d", plan);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "bench_run returns a row");
	SPI_connect();
	start = cpu_ns();
	values[1] = execute_plan(plans[plan], n);
	values[0] = Float8GetDatum(cpu_ns() - start);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

/*
 * bench_hs_build(keywords text[], boundary integer, first_only boolean)
 * returns integer: compile a list; boundary is an HsBoundary
 */
Datum
bench_hs_build(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	HsOptions	options = {
		.boundary = PG_GETARG_INT32(1),
		.first_only = PG_GETARG_BOOL(2)
	};
	NamedList  *named = &lists[n_lists];
	const char **texts;
	size_t	   *lengths;
	char		error[256];

	if (n_lists == MAX_LISTS)
		elog(ERROR, "too many lists");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P_COPY(0), TEXTOID, -1, false, 'i',
					  &named->keywords, NULL, &named->n);
	texts = palloc(named->n * sizeof(char *));
	lengths = palloc(named->n * sizeof(size_t));
	for (int i = 0; i < named->n; i++)
	{
		texts[i] = text_to_cstring(DatumGetTextPP(named->keywords[i]));
		lengths[i] = strlen(texts[i]);
	}
	named->list = hs_list_build(texts, lengths, named->n, options,
								error, sizeof(error));
	if (!named->list)
		elog(ERROR, "hyperscan: %s", error);
	MemoryContextSwitchTo(old);
	PG_RETURN_INT32(n_lists++);
}

/* The list that a call names by number. */
static NamedList *
get_list(int number)
{
	if (number < 0 || number >= n_lists)
		elog(ERROR, "there is no list %d", number);
	return &lists[number];
}

/* bench_hs_bytes(list integer) returns bigint */
Datum
bench_hs_bytes(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(hs_list_bytes(get_list(PG_GETARG_INT32(0))->list));
}

/* bench_hs_any(body text, list integer) returns boolean */
Datum
bench_hs_any(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	NamedList  *named = get_list(PG_GETARG_INT32(1));

	PG_RETURN_BOOL(hs_list_any(named->list, VARDATA_ANY(body),
							   VARSIZE_ANY_EXHDR(body)));
}

/* bench_hs_all(body text, list integer) returns integer: occurrences */
Datum
bench_hs_all(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	NamedList  *named = get_list(PG_GETARG_INT32(1));

	PG_RETURN_INT32(hs_list_all(named->list, VARDATA_ANY(body),
								VARSIZE_ANY_EXHDR(body)));
}

/* Numbers of the keywords seen, in a growing array. */
typedef struct Seen
{
	unsigned   *ids;
	int			n;
	int			room;
} Seen;

/* HsVisit that remembers the keyword. */
static int
remember_keyword(unsigned int id, void *context)
{
	Seen	   *seen = context;

	if (seen->n == seen->room)
	{
		seen->room = Max(16, 2 * seen->room);
		seen->ids = seen->ids ?
			repalloc(seen->ids, seen->room * sizeof(unsigned)) :
			palloc(seen->room * sizeof(unsigned));
	}
	seen->ids[seen->n++] = id;
	return 0;
}

/* qsort comparison of keyword numbers. */
static int
compare_ids(const void *a, const void *b)
{
	unsigned	x = *(const unsigned *) a;
	unsigned	y = *(const unsigned *) b;

	return (x > y) - (x < y);
}

/*
 * bench_hs_list(body text, list integer) returns text[]: the distinct keywords
 * that occur, in the order of the list, as keyword_list() gives them
 */
Datum
bench_hs_list(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	NamedList  *named = get_list(PG_GETARG_INT32(1));
	Seen		seen = {NULL, 0, 0};
	Datum	   *found;
	int			n = 0;

	hs_list_visit(named->list, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body),
				  remember_keyword, &seen);
	if (seen.n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));
	qsort(seen.ids, seen.n, sizeof(unsigned), compare_ids);
	found = palloc(seen.n * sizeof(Datum));
	for (int i = 0; i < seen.n; i++)
		if (i == 0 || seen.ids[i] != seen.ids[i - 1])
			found[n++] = named->keywords[seen.ids[i]];
	PG_RETURN_ARRAYTYPE_P(construct_array(found, n, TEXTOID, -1, false, 'i'));
}
