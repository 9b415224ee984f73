/*
 * slow_view.c
 *		Queries and what they cost, as SQL functions.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(fo_advisor_queries_list);

#define QUERY_COLUMNS 18

/* Make a row of a query. */
static void
query_values(void *copy, Datum *values, bool *nulls)
{
	const FoWatchEntry *entry = copy;
	const FoWatchCost *cost = &entry->cost;
	bool		readable = fo_watch_may_read(entry->role);

	memset(nulls, false, sizeof(*nulls) * QUERY_COLUMNS);
	nulls[0] = nulls[2] = nulls[3] = !readable;
	if (readable)
	{
		values[0] = Int64GetDatum((int64) entry->id);
		values[2] = PointerGetDatum(cstring_to_text_with_len(entry->query_text, entry->len));
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

/* Copy a query's entry; false if it is none of this database. */
static bool
copy_query(int number, void *copy)
{
	const FoWatchEntry *entry = copy;
	LWLock	   *lock;

	memcpy(copy, fo_watch_entry(number, LW_SHARED, &lock), fo_watch_shared->entry_bytes);
	LWLockRelease(lock);
	return entry->id != 0 && entry->database == MyDatabaseId && entry->cost.calls > 0;
}

/* advisor_queries(): the queries of this database; none when not preloaded */
Datum
fo_advisor_queries_list(PG_FUNCTION_ARGS)
{
	FoWatchListing listing = {0, QUERY_COLUMNS, 0, copy_query, query_values};

	if (PG_GETARG_BOOL(0))
		fo_watch_require();
	fo_begin_rows(fcinfo);
	if (fo_watch_shared == NULL)
		return (Datum) 0;
	fo_watch_flush();
	listing.entries = fo_watch_shared->nsets * FO_WATCH_WAYS;
	listing.bytes = fo_watch_shared->entry_bytes;
	fo_watch_list(fcinfo, &listing);
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
