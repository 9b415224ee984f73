/*
 * advise.c
 *		index_advise: which indexes to make for a workload.
 *
 * The parts, in the order of a run: advise_workload.c reads queries,
 * advise_need.c notes what they want of their tables, advise_candidate.c makes
 * candidates of that, advise_whatif.c plans with them, advise_select.c chooses,
 * and advise_verify.c builds and measures if asked to.  Without that nothing is
 * written, so all of it works on a standby.
 */
#include "postgres.h"

#include <math.h>

#include "advisor/advise.h"
#include "base/compat.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define NOTICE_SECONDS	3		/* between two that say how far it is */

PG_FUNCTION_INFO_V1(fo_index_advise);

/* Start a run. */
static FoAdvise *
new_run(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "filteropt index advice",
												  ALLOCSET_DEFAULT_SIZES);
	FoAdvise   *advise = MemoryContextAllocZero(context, sizeof(FoAdvise));

	advise->context = context;
	advise->scratch = AllocSetContextCreate(context, "filteropt index advice plan",
											ALLOCSET_DEFAULT_SIZES);
	return advise;
}

/*
 * Is the time over?  Called often; says now and then how far it is.
 */
bool
fo_advise_is_late(FoAdvise *advise, const char *doing)
{
	TimestampTz now = GetCurrentTimestamp();

	CHECK_FOR_INTERRUPTS();
	if (now >= advise->next_notice)
	{
		advise->next_notice = now + NOTICE_SECONDS * USECS_PER_SEC;
		ereport(NOTICE,
				(errmsg("index advice is %s: %d queries, %d possible indexes, "
						INT64_FORMAT " plans so far",
						doing, list_length(advise->queries), advise->nindexes,
						advise->plannings)));
	}
	if (now >= advise->deadline)
		advise->late = true;
	return advise->late;
}

/* The weight of a query: that of an array of the same length, or 1. */
static double *
read_weights(ArrayType *array, int n)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	double	   *weights = palloc(sizeof(double) * Max(n, 1));

	for (int i = 0; i < n; i++)
		weights[i] = 1;
	if (array == NULL)
		return weights;
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &count);
	if (count != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d weights are given for %d queries", count, n),
				 errhint("Give as many weights as queries, or none.")));
	for (int i = 0; i < n; i++)
	{
		weights[i] = nulls[i] ? 1 : DatumGetFloat8(values[i]);
		if (!(weights[i] >= 0) || isinf(weights[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d is %g", i + 1, weights[i]),
					 errhint("Weights are finite and not negative.")));
	}
	return weights;
}

/* Read the queries of an array. */
static void
read_array(FoAdvise *advise, ArrayType *array, ArrayType *weight_array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	double	   *weights;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	weights = read_weights(weight_array, count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			fo_advise_add_query(advise, i + 1, TextDatumGetCString(values[i]), weights[i]);
	}
}

/* Read what the server knows of the queries of this database. */
static void
read_statements(FoAdvise *advise)
{
	uint64		n;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute("SELECT queryid, query, calls FROM filteropt.index_workload()", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "index_workload failed");
	n = SPI_processed;
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		null;

		fo_advise_add_query(advise, DatumGetInt64(SPI_getbinval(row, desc, 1, &null)),
							SPI_getvalue(row, desc, 2),
							DatumGetFloat8(SPI_getbinval(row, desc, 3, &null)));
	}
	SPI_finish();
}

/* Bytes of the tables that the workload reads. */
static double
table_bytes(FoAdvise *advise)
{
	List	   *seen = NIL;
	double		bytes = 0;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, advise->queries)
	{
		foreach(lc2, ((FoAdviseQuery *) lfirst(lc))->needs)
		{
			Oid			relid = ((FoAdviseNeed *) lfirst(lc2))->relid;
			double		pages;
			double		tuples;

			if (list_member_oid(seen, relid))
				continue;
			seen = lappend_oid(seen, relid);

			fo_advise_table_size(relid, &pages, &tuples);
			bytes += pages * BLCKSZ;
		}
	}
	return bytes;
}

/* What the queries that use an index cost with a set. */
typedef struct Effect
{
	Datum	   *ids;
	int			nids;
	double		cost_before;
	double		cost_after;
	double		ms_before;
	double		ms_after;
	bool		guessed;
} Effect;

/* Add up what the queries that use an index gain from the chosen set. */
static Effect
effect_of(FoAdvise *advise, const FoAdviseIndex *index, const FoPickSet *chosen)
{
	Effect		effect = {0};
	ListCell   *lc;

	effect.ids = palloc(sizeof(Datum) * Max(1, list_length(advise->queries)));
	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);
		FoAdvisePlan *plan = query->query ? fo_advise_plan(advise, query, chosen) : NULL;

		if (!plan || !fo_pick_has(&plan->used, index->number))
			continue;
		effect.ids[effect.nids++] = Int64GetDatum(query->id);
		effect.cost_before += query->weight * query->cost_before;
		effect.cost_after += query->weight * plan->cost;
		effect.guessed |= query->guessed;
		if (query->ms_before >= 0 && plan->ms >= 0)
		{
			effect.ms_before += query->weight * query->ms_before;
			effect.ms_after += query->weight * plan->ms;
		}
	}
	return effect;
}

/* How sure the advice is. */
static const char *
confidence_of(const FoAdviseIndex *index, const Effect *effect)
{
	bool		plain = index->am == BTREE_AM_OID && !effect->guessed;

	if (index->built && effect->ms_before > 0)
		return "high";
	for (int i = 0; i < index->nkeys; i++)
		plain &= index->keys[i].attnum != 0;
	return plain ? "medium" : "low";
}

/* Give out one advice. */
static void
put_advice(ReturnSetInfo *rsinfo, FoAdvise *advise, const FoAdviseIndex *index,
		   const FoPickSet *chosen)
{
	Effect		effect = effect_of(advise, index, chosen);
	Datum		values[12];
	bool		nulls[12] = {0};
	char	   *ddl = fo_advise_ddl(index, NULL);
	bool		verified = index->built && effect.ms_before > 0;

	values[0] = CStringGetTextDatum(ddl);
	values[1] = CStringGetTextDatum(fo_advise_reason(advise, index, chosen));
	values[2] = PointerGetDatum(construct_array(effect.ids, effect.nids, INT8OID, 8,
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = Float8GetDatum(effect.cost_before);
	values[4] = Float8GetDatum(effect.cost_after);
	values[5] = Int64GetDatum((int64) index->bytes);
	values[6] = Float8GetDatum(index->price);
	values[7] = CStringGetTextDatum(confidence_of(index, &effect));
	values[8] = BoolGetDatum(verified);
	values[9] = Float8GetDatum(effect.ms_before);
	values[10] = Float8GetDatum(effect.ms_after);
	nulls[9] = nulls[10] = !verified;
	values[11] = Int64GetDatum(fo_advise_remember(ddl));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Say which queries were not looked at, and why. */
static void
put_skipped(ReturnSetInfo *rsinfo, const FoAdviseQuery *query)
{
	Datum		values[12] = {0};
	bool		nulls[12];
	Datum		id = Int64GetDatum(query->id);

	memset(nulls, true, sizeof(nulls));
	values[1] = CStringGetTextDatum(psprintf("skipped: %s", query->skipped));
	values[2] = PointerGetDatum(construct_array(&id, 1, INT8OID, 8, FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	nulls[1] = nulls[2] = false;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* What would be lost without an index of the chosen set, to sort by. */
static double
value_in(FoAdvise *advise, const FoPickSet *chosen, int i)
{
	FoPickSet	without = *chosen;

	fo_pick_remove(&without, i);
	if (advise->measured)
		return fo_advise_time(advise, &without) - fo_advise_time(advise, chosen);
	return fo_advise_total(advise, &without) - fo_advise_total(advise, chosen);
}

/* Give out the chosen indexes, the most useful ones first. */
static void
put_chosen(FoAdvise *advise, const FoPickSet *chosen, void *rsinfo)
{
	FoPickSet	left = *chosen;

	for (;;)
	{
		int			best = -1;

		for (int i = 0; i < advise->nindexes; i++)
		{
			if (!fo_pick_has(&left, i))
				continue;
			advise->indexes[i]->benefit = value_in(advise, chosen, i);
			if (best < 0 || advise->indexes[i]->benefit > advise->indexes[best]->benefit)
				best = i;
		}
		if (best < 0)
			break;
		put_advice(rsinfo, advise, advise->indexes[best], chosen);
		fo_pick_remove(&left, best);
	}
}

/* Bytes that a text names, as pg_size_bytes does; a percentage is of the tables. */
static double
parse_size(FoAdvise *advise, text *value)
{
	char	   *string = text_to_cstring(value);
	char	   *end;
	double		number = strtod(string, &end);
	double		bytes;

	while (*end == ' ')
		end++;
	if (end != string && strcmp(end, "%") == 0)
		bytes = number / 100 * table_bytes(advise);
	else
		bytes = (double) DatumGetInt64(DirectFunctionCall1(pg_size_bytes, PointerGetDatum(value)));
	if (!(bytes >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("budget \"%s\" is negative", string),
				 errhint("Write a size like 200MB, or a share of the tables like 25%%.")));
	return bytes;
}

/* The time so long from now. */
static TimestampTz
deadline_after(Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(GetCurrentTimestamp()),
												   PointerGetDatum(interval)));
}

/* The limits of time and size. */
static void
set_limits(FoAdvise *advise, FunctionCallInfo fcinfo)
{
	TimestampTz now = GetCurrentTimestamp();

	advise->next_notice = now + NOTICE_SECONDS * USECS_PER_SEC;
	advise->deadline = PG_ARGISNULL(4) ? DT_NOEND : deadline_after(PG_GETARG_INTERVAL_P(4));
	advise->statement_ms = PG_ARGISNULL(5) ? INT_MAX / 4 :
		(double) (deadline_after(PG_GETARG_INTERVAL_P(5)) - now) / 1000;
	advise->verify_limit = PG_ARGISNULL(6) ? HUGE_VAL :
		parse_size(advise, PG_GETARG_TEXT_PP(6));
}

/*
 * index_advise(workload text[], budget text, verify boolean, weights float8[],
 * time_limit interval, statement_limit interval, verify_limit text): rows of advice.
 */
Datum
fo_index_advise(PG_FUNCTION_ARGS)
{
	FoAdvise   *advise = new_run();
	FoPickSet	chosen;
	ListCell   *lc;

	fo_begin_rows(fcinfo);
	set_limits(advise, fcinfo);
	if (PG_ARGISNULL(0))
		read_statements(advise);
	else
		read_array(advise, PG_GETARG_ARRAYTYPE_P(0),
				   PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3));
	advise->thrifty = !PG_ARGISNULL(1);
	fo_advise_find(advise);
	advise->budget = PG_ARGISNULL(1) ? HUGE_VAL : parse_size(advise, PG_GETARG_TEXT_PP(1));
	chosen = fo_advise_select(advise);
	if (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2))
		fo_advise_verify(advise, &chosen, put_chosen, fcinfo->resultinfo);
	else
		put_chosen(advise, &chosen, fcinfo->resultinfo);
	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);

		if (query->skipped)
			put_skipped((ReturnSetInfo *) fcinfo->resultinfo, query);
	}
	elog(DEBUG1, "index_advise: %d candidates, " INT64_FORMAT " plans", advise->nindexes,
		 advise->plannings);
	MemoryContextDelete(advise->context);
	return (Datum) 0;
}
