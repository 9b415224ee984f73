/*
 * nplus_view.c
 *		Loops and the state of the watch, as SQL functions.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

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
loop_values(FoLoopEntry *entry, Datum *values, bool *nulls)
{
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

/* n_plus_one_list(): the loops of this database */
Datum
fo_n_plus_one_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FoLoopEntry *copy;

	fo_watch_require();
	fo_begin_rows(fcinfo);
	copy = palloc(fo_watch_shared->loop_bytes);
	for (int i = 0; i < FO_WATCH_LOOPS; i++)
	{
		Datum		values[LOOP_COLUMNS] = {0};
		bool		nulls[LOOP_COLUMNS];

		CHECK_FOR_INTERRUPTS();
		LWLockAcquire(&fo_watch_shared->loop_lock, LW_SHARED);
		memcpy(copy, fo_loop_entry(i), fo_watch_shared->loop_bytes);
		LWLockRelease(&fo_watch_shared->loop_lock);
		if (copy->id.database != MyDatabaseId)
			continue;
		loop_values(copy, values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
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

PG_FUNCTION_INFO_V1(fo_advisor_status);

/* advisor_status(): is anything watched, and how full is its memory? */
Datum
fo_advisor_status(PG_FUNCTION_ARGS)
{
	FoWatchShared *shared = fo_watch_shared;
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6] = {false, true, true, true, true, true};
	int			queries = 0;
	int			loops = 0;
	LWLock	   *lock;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(shared == NULL ? "not preloaded"
									: fo_advisor_watch ? "on" : "off");
	if (shared != NULL)
	{
		for (int i = 0; i < shared->nsets * FO_WATCH_WAYS; i++)
		{
			queries += fo_watch_entry(i, LW_SHARED, &lock)->id != 0;
			LWLockRelease(lock);
		}
		LWLockAcquire(&shared->loop_lock, LW_SHARED);
		for (int i = 0; i < FO_WATCH_LOOPS; i++)
			loops += OidIsValid(fo_loop_entry(i)->id.database);
		values[4] = TimestampTzGetDatum(shared->queries_since);
		values[5] = TimestampTzGetDatum(shared->loops_since);
		LWLockRelease(&shared->loop_lock);
		values[1] = Int32GetDatum(queries);
		values[2] = Int64GetDatum((int64) pg_atomic_read_u64(&shared->evicted));
		values[3] = Int32GetDatum(loops);
		memset(nulls, false, sizeof(nulls));
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
