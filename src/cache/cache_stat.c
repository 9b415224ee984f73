/*
 * cache_stat.c
 *		Statistics: counters by resource, and the state of the whole.
 */
#include "postgres.h"

#include "base/compat.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(fo_cache_counters);

/*
 * cache_counters() returns setof (resource id, counters..., L1 entries, bytes,
 * evictions, recent hits, look-ups)
 */
Datum
fo_cache_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FoCacheShared *shared = fo_cache_shared();
	FoL1	   *l1 = fo_cache_l1(shared);

	fo_begin_rows(fcinfo);
	fo_cache_roll_windows();
	for (int i = 0; shared != NULL && i < FO_RESOURCE_SLOTS; i++)
	{
		Datum		values[1 + FO_COUNTERS + 5];
		bool		nulls[1 + FO_COUNTERS + 5] = {false};
		int64		bytes = 0;
		int64		entries = 0;
		uint64		evictions = 0;
		uint64		hits;
		uint64		lookups;

		if (i > 0 && shared->slot[i].database != MyDatabaseId)
			continue;
		values[0] = Int32GetDatum(i == 0 ? 0 : shared->slot[i].resource);
		for (int c = 0; c < FO_COUNTERS; c++)
			values[1 + c] = Int64GetDatum((int64) fo_cache_counted(i, c));
		if (l1 != NULL)
			fo_l1_account(l1, i, &bytes, &entries, &evictions);
		values[1 + FO_COUNTERS] = Int64GetDatum(entries);
		values[2 + FO_COUNTERS] = Int64GetDatum(bytes);
		values[3 + FO_COUNTERS] = Int64GetDatum((int64) evictions);
		fo_cache_recent(i, &hits, &lookups);
		values[4 + FO_COUNTERS] = Int64GetDatum((int64) hits);
		values[5 + FO_COUNTERS] = Int64GetDatum((int64) lookups);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(fo_cache_status);

/* cache_status() returns one row: where the levels are, how they do */
Datum
fo_cache_status(PG_FUNCTION_ARGS)
{
	static const char *const rules[] = {"S3-FIFO", "TinyLFU", "TinyLFU, wide window"};
	FoCacheShared *shared = fo_cache_shared();
	FoL1	   *l1 = fo_cache_l1(shared);
	FoL1Totals	totals = {0};
	TupleDesc	desc;
	Datum		values[12];
	bool		nulls[12] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (l1 != NULL)
		fo_l1_totals(l1, &totals);
	values[0] = CStringGetTextDatum(fo_cache_shared_place());
	values[1] = Int64GetDatum((int64) totals.bytes_total);
	values[2] = Int64GetDatum((int64) totals.bytes_used);
	values[3] = Int64GetDatum((int64) totals.entries);
	values[4] = Int64GetDatum((int64) totals.evictions);
	values[5] = CStringGetTextDatum(rules[totals.rule % lengthof(rules)]);
	values[6] = Int32GetDatum((int32) totals.switches);
	values[7] = CStringGetTextDatum(fo_redis_state());
	values[8] = Int64GetDatum(shared ? (int64) pg_atomic_read_u64(&shared->breaker.opened) : 0);
	values[9] = Int64GetDatum(shared ? (int64) pg_atomic_read_u64(&shared->breaker.errors) : 0);
	values[10] = BoolGetDatum(shared && pg_atomic_read_u32(&shared->breaker.tracking) > 0);
	nulls[11] = shared == NULL;
	values[11] = shared ?
		TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&shared->reset_at)) : (Datum) 0;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(fo_cache_stat_reset);

/* cache_stat_reset(): set the counters of this database to zero */
Datum
fo_cache_stat_reset(PG_FUNCTION_ARGS)
{
	fo_cache_reset_counters();
	PG_RETURN_VOID();
}
