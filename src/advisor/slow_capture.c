/*
 * slow_capture.c
 *		Plans of slow executions that somebody has asked for, as they really ran.
 *
 * slow_query_plan(..., capture => true) asks for the plan of a query's next slow
 * execution.  Until it has come, executions of that query count their rows and buffers,
 * and the first slow one leaves what EXPLAIN ANALYZE would print, without times, in shared
 * memory.  While nothing is asked for all executions pay for reading one number, else
 * for a shared lock.
 *
 * There are FO_PLAN_SLOTS requests of all databases; a new one takes the place of the
 * oldest, and after filteropt.advisor_plan_wait a plan is not waited for any more.  Their
 * lock is FoWatchShared.plan_lock; plans_wanted may be read without it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "advisor/watch.h"
#include "base/compat_executor.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/builtins.h"

#define PARAMETER_BYTES 256		/* shown of each value */

/* A plan's entry of this database; plan_lock is held. */
static FoPlanEntry *
find_plan(uint64 id, Oid role)
{
	for (int i = 0; i < FO_PLAN_SLOTS; i++)
	{
		FoPlanEntry *entry = &fo_watch_shared->plan[i];

		if (entry->id == id && entry->role == role && entry->database == MyDatabaseId)
			return entry;
	}
	return NULL;
}

/* Do not wait for a plan any longer; plan_lock is held. */
static void
stop_waiting(FoPlanEntry *entry)
{
	if (entry->wanted)
		(void) pg_atomic_fetch_sub_u32(&fo_watch_shared->plans_wanted, 1);
	entry->wanted = false;
}

/* Is a plan wanted no more, although it has not come?  plan_lock is held. */
static bool
is_overdue(const FoPlanEntry *entry)
{
	return entry->wanted && entry->wanted_until < GetCurrentStatementStartTimestamp();
}

/* Let the plans that were waited for too long be. */
static void
end_overdue(void)
{
	LWLockAcquire(&fo_watch_shared->plan_lock, LW_EXCLUSIVE);
	for (int i = 0; i < FO_PLAN_SLOTS; i++)
		if (is_overdue(&fo_watch_shared->plan[i]))
			stop_waiting(&fo_watch_shared->plan[i]);
	LWLockRelease(&fo_watch_shared->plan_lock);
}

/* Does somebody wait for the plan of a query that the role runs? */
static bool
is_wanted(uint64 id, Oid role)
{
	FoPlanEntry *entry;
	bool		wanted;
	bool		overdue = false;

	LWLockAcquire(&fo_watch_shared->plan_lock, LW_SHARED);
	for (int i = 0; i < FO_PLAN_SLOTS && !overdue; i++)
		overdue = is_overdue(&fo_watch_shared->plan[i]);
	entry = find_plan(id, role);
	wanted = entry != NULL && entry->wanted && !is_overdue(entry);
	LWLockRelease(&fo_watch_shared->plan_lock);
	if (overdue)
		end_overdue();
	return wanted;
}

/* Before the current role begins an execution: let it count if its plan is wanted. */
void
fo_capture_prepare(QueryDesc *desc, uint64 id)
{
	if (is_wanted(id, GetUserId()))
		desc->instrument_options |= INSTRUMENT_ROWS | INSTRUMENT_BUFFERS;
}

/* Write the plan of an execution that is over, but not ended. */
static char *
explain(QueryDesc *desc, double us)
{
	ExplainState *es = NewExplainState();
	char	   *parameters = NULL;

	if (desc->params != NULL && desc->params->numParams > 0)
		parameters = BuildParamLogString(desc->params, NULL, PARAMETER_BYTES);
	es->analyze = true;
	es->buffers = (desc->instrument_options & INSTRUMENT_BUFFERS) != 0;
	es->timing = (desc->instrument_options & INSTRUMENT_TIMER) != 0;
	es->settings = true;
	appendStringInfo(es->str, "Executed: %s, in %.3f ms\n",
					 timestamptz_to_str(GetCurrentStatementStartTimestamp()), us / 1000);
	if (parameters != NULL)
		appendStringInfo(es->str, "Parameters: %s\n", parameters);
	ExplainBeginOutput(es);
	ExplainPrintPlan(es, desc);
	ExplainEndOutput(es);
	return es->str->data;
}

/*
 * A slow execution is over: keep its plan if that is wanted.  One that began before it was
 * has counted nothing and leaves it to the next.
 */
void
fo_capture_slow(QueryDesc *desc, uint64 id, Oid role, double us)
{
	MemoryContext old;
	FoPlanEntry *entry;
	char	   *plan;
	int			len;

	if (desc->instrument_options == 0 ||
		pg_atomic_read_u32(&fo_watch_shared->plans_wanted) == 0 ||
		!IsTransactionState() || !is_wanted(id, role))
		return;
	old = MemoryContextSwitchTo(desc->estate->es_query_cxt);
	plan = explain(desc, us);
	len = (int) strlen(plan);
	if (len > FO_PLAN_BYTES)
		len = pg_mbcliplen(plan, len, FO_PLAN_BYTES);
	LWLockAcquire(&fo_watch_shared->plan_lock, LW_EXCLUSIVE);
	entry = find_plan(id, role);
	if (entry != NULL && entry->wanted)
	{
		entry->len = len;
		memcpy(entry->plan_text, plan, len);
		stop_waiting(entry);
	}
	LWLockRelease(&fo_watch_shared->plan_lock);
	pfree(plan);
	MemoryContextSwitchTo(old);
}

/* Stop waiting for a plan and forget it; plan_lock is held. */
static void
forget(FoPlanEntry *entry)
{
	stop_waiting(entry);
	memset(entry, 0, offsetof(FoPlanEntry, plan_text));
}

/* Make an entry for a query in the place of an unused or the oldest one; plan_lock is held. */
static FoPlanEntry *
add_plan(uint64 id, Oid role)
{
	FoPlanEntry *entry = &fo_watch_shared->plan[0];

	for (int i = 1; i < FO_PLAN_SLOTS; i++)
		if (fo_watch_shared->plan[i].asked_at < entry->asked_at)
			entry = &fo_watch_shared->plan[i];
	forget(entry);
	entry->id = id;
	entry->role = role;
	entry->database = MyDatabaseId;
	return entry;
}

/* Is there a plan of the query, or a request for one? */
bool
fo_capture_knows(uint64 id, Oid role)
{
	bool		known;

	LWLockAcquire(&fo_watch_shared->plan_lock, LW_SHARED);
	known = find_plan(id, role) != NULL;
	LWLockRelease(&fo_watch_shared->plan_lock);
	return known;
}

/* The plan that was kept, or NULL; and ask for that of the next slow execution. */
char *
fo_capture_ask(uint64 id, Oid role)
{
	char	   *plan = palloc(FO_PLAN_BYTES + 1);
	FoPlanEntry *entry;
	int			len;

	LWLockAcquire(&fo_watch_shared->plan_lock, LW_EXCLUSIVE);
	entry = find_plan(id, role);
	if (entry == NULL)
		entry = add_plan(id, role);
	len = entry->len;
	memcpy(plan, entry->plan_text, len);
	if (!entry->wanted)
		(void) pg_atomic_fetch_add_u32(&fo_watch_shared->plans_wanted, 1);
	entry->wanted = true;
	entry->asked_at = GetCurrentTimestamp();
	entry->wanted_until = TimestampTzPlusMilliseconds(entry->asked_at, fo_advisor_plan_wait_ms);
	LWLockRelease(&fo_watch_shared->plan_lock);
	plan[len] = '\0';
	return len > 0 ? plan : NULL;
}

/* Forget the plans of this database, and who waits for them. */
void
fo_capture_forget(void)
{
	LWLockAcquire(&fo_watch_shared->plan_lock, LW_EXCLUSIVE);
	for (int i = 0; i < FO_PLAN_SLOTS; i++)
		if (fo_watch_shared->plan[i].database == MyDatabaseId)
			forget(&fo_watch_shared->plan[i]);
	LWLockRelease(&fo_watch_shared->plan_lock);
}
