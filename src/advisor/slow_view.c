/*
 * slow_view.c
 *		Queries and what they cost, as SQL functions.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(fo_advisor_queries_list);

#define QUERY_COLUMNS 18

/* Make a row of a query. */
static void
query_values(const FoWatchEntry *entry, Datum *values, bool *nulls)
{
	const FoWatchCost *cost = &entry->cost;
	bool		readable = fo_watch_may_read(entry->role);

	memset(nulls, false, sizeof(*nulls) * QUERY_COLUMNS);
	nulls[0] = nulls[2] = nulls[3] = !readable;
	if (readable)
	{
		values[0] = Int64GetDatum((int64) entry->id);
		values[2] = PointerGetDatum(cstring_to_text_with_len(entry->text, entry->len));
		values[3] = BoolGetDatum(entry->truncated);
	}
	values[1] = ObjectIdGetDatum(entry->role);
	values[4] = Int64GetDatum((int64) cost->calls);
	values[5] = Int64GetDatum((int64) cost->slow_calls);
	values[6] = Float8GetDatum(cost->total / 1000);
	values[7] = Float8GetDatum(cost->total / 1000 / (double) cost->calls);
	values[8] = Float8GetDatum(fo_latency_quantile(entry->histogram, 0.95) / 1000);
	values[9] = Float8GetDatum(fo_latency_quantile(entry->histogram, 0.99) / 1000);
	values[10] = Int64GetDatum((int64) cost->rows);
	values[11] = Int64GetDatum((int64) cost->hit);
	values[12] = Int64GetDatum((int64) cost->read);
	values[13] = Int64GetDatum((int64) cost->dirtied);
	values[14] = Int64GetDatum((int64) cost->temp_read);
	values[15] = Int64GetDatum((int64) cost->temp_written);
	values[16] = TimestampTzGetDatum(entry->first_seen);
	values[17] = TimestampTzGetDatum(entry->last_seen);
}

/* advisor_queries(): the queries of this database; none when not preloaded */
Datum
fo_advisor_queries_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		required = PG_GETARG_BOOL(0);
	FoWatchEntry *copy;

	if (required)
		fo_watch_require();
	fo_begin_rows(fcinfo);
	if (fo_watch_shared == NULL)
		return (Datum) 0;
	fo_watch_flush();
	copy = palloc(fo_watch_shared->entry_bytes);
	for (int i = 0; i < fo_watch_shared->nsets * FO_WATCH_WAYS; i++)
	{
		Datum		values[QUERY_COLUMNS];
		bool		nulls[QUERY_COLUMNS];
		LWLock	   *lock;
		FoWatchEntry *entry;

		CHECK_FOR_INTERRUPTS();
		entry = fo_watch_entry(i, LW_SHARED, &lock);
		memcpy(copy, entry, fo_watch_shared->entry_bytes);
		LWLockRelease(lock);
		if (copy->id == 0 || copy->database != MyDatabaseId || copy->cost.calls == 0)
			continue;
		query_values(copy, values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(fo_slow_query_reset);

/* slow_query_reset(): forget the queries of this database */
Datum
fo_slow_query_reset(PG_FUNCTION_ARGS)
{
	fo_watch_require();
	fo_watch_forget(true, false);
	PG_RETURN_VOID();
}
