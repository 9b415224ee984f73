/*
 * watch_view.c
 *		What the views of the watch share, and its state as SQL functions.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/*
 * Return the entries of this database as rows.  Each is copied under its lock, so that
 * whatever making a row does is done without one.
 */
void
fo_watch_list(FunctionCallInfo fcinfo, const FoWatchListing *listing)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	void	   *copy = palloc(listing->bytes);
	Datum	   *values = palloc0(sizeof(Datum) * listing->columns);
	bool	   *nulls = palloc(sizeof(bool) * listing->columns);

	for (int i = 0; i < listing->entries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!listing->copy(i, copy))
			continue;
		listing->fill(copy, values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
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
