/*
 * nplus_view.c
 *		Loops as SQL functions.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(fo_n_plus_one_list);

#define LOOP_COLUMNS 18

/* The application names of a loop as text[]. */
static Datum
applications(const FoLoopEntry *entry)
{
	Datum		name[FO_WATCH_APPS];

	for (int i = 0; i < entry->napps; i++)
		name[i] = CStringGetTextDatum(entry->app[i]);
	return PointerGetDatum(construct_array(name, entry->napps, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Make a row of a loop; who may not read texts gets numbers only. */
static void
loop_values(void *copy, Datum *values, bool *nulls)
{
	FoLoopEntry *entry = copy;
	bool		readable = fo_watch_may_read(entry->id.role);

	memset(nulls, !readable, sizeof(*nulls) * LOOP_COLUMNS);
	for (int i = 0; readable && i < FO_LOOP_TEXTS; i++)
	{
		nulls[i] = entry->len[i] == 0;
		if (!nulls[i])
			values[i] = PointerGetDatum(cstring_to_text_with_len(fo_loop_text(entry, i),
																 entry->len[i]));
	}
	if (readable)
	{
		values[5] = CStringGetTextDatum(entry->column);
		values[6] = CStringGetTextDatum(entry->parameter);
		values[7] = Int64GetDatum((int64) entry->id.parent);
		values[8] = Int64GetDatum((int64) entry->id.child);
		values[9] = applications(entry);
	}
	nulls[6] = nulls[6] || entry->parameter[0] == '\0';
	memset(nulls + 10, false, sizeof(*nulls) * (LOOP_COLUMNS - 10));
	values[10] = ObjectIdGetDatum(entry->id.role);
	values[11] = Int64GetDatum((int64) entry->loops);
	values[12] = Int64GetDatum((int64) entry->calls);
	values[13] = Int64GetDatum((int64) entry->most_calls);
	values[14] = Float8GetDatum(entry->total / 1000);
	values[15] = Float8GetDatum(entry->total / 1000 / (double) entry->calls);
	values[16] = TimestampTzGetDatum(entry->first_seen);
	values[17] = TimestampTzGetDatum(entry->last_seen);
}

/* Copy a loop's entry; false if it is none of this database. */
static bool
copy_loop(int number, void *copy)
{
	const FoLoopEntry *entry = copy;

	LWLockAcquire(&fo_watch_shared->loop_lock, LW_SHARED);
	memcpy(copy, fo_loop_entry(number), fo_watch_shared->loop_bytes);
	LWLockRelease(&fo_watch_shared->loop_lock);
	return entry->id.database == MyDatabaseId;
}

/* n_plus_one_list(): the loops of this database */
Datum
fo_n_plus_one_list(PG_FUNCTION_ARGS)
{
	FoWatchListing listing = {FO_WATCH_LOOPS, LOOP_COLUMNS, 0, copy_loop, loop_values};

	fo_watch_require();
	fo_begin_rows(fcinfo);
	listing.bytes = fo_watch_shared->loop_bytes;
	fo_watch_list(fcinfo, &listing);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(fo_n_plus_one_reset);

/* n_plus_one_reset(): forget the loops of this database */
Datum
fo_n_plus_one_reset(PG_FUNCTION_ARGS)
{
	fo_watch_require();
	fo_watch_forget(false, true);
	PG_RETURN_VOID();
}
