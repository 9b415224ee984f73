/*
 * rollup.c
 *		Start-up of the rollup feature: settings and executor hooks.
 *
 * The hooks make a transaction see its own changes: before a query reads a
 * rollup for which this transaction has deltas in memory, they are written.
 * Deltas exist only where the trigger ran, and the trigger loads this library;
 * so nothing needs to be preloaded.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "rollup/delta.h"
#include "rollup/rollup.h"
#include "rollup/settings.h"
#include "rollup/worker.h"
#include "utils/guc.h"

int			fo_rollup_memory = 65536;
int			fo_rollup_merge_at = 8;
int			fo_rollup_merge_interval = 10;

static ExecutorStart_hook_type next_start = NULL;
static ExecutorEnd_hook_type next_end = NULL;

/* Write the deltas that the query is about to need. */
static void
prepare_reader(QueryDesc *query)
{
	/* In parallel mode nothing can be written: write whatever there is now. */
	if (query->snapshot &&
		(query->plannedstmt->parallelModeNeeded ||
		 fo_rollup_pending_in(query->plannedstmt->rtable)))
		fo_rollup_flush(&query->snapshot->curcid, false);
}

/* ExecutorStart hook. */
static void
executor_start(QueryDesc *query, int eflags)
{
	if (fo_rollup_pending() && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		prepare_reader(query);
	fo_rollup_live_queries++;
	if (next_start)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

/* ExecutorEnd hook. A query that failed never ends: that errs on the safe side. */
static void
executor_end(QueryDesc *query)
{
	if (fo_rollup_live_queries > 0)
		fo_rollup_live_queries--;
	if (next_end)
		next_end(query);
	else
		standard_ExecutorEnd(query);
}

/* Define the settings. */
static void
define_settings(void)
{
	DefineCustomIntVariable("filteropt.rollup_memory",
							"Memory for rollup deltas of a transaction before they are written early.",
							NULL, &fo_rollup_memory, 65536, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.rollup_merge_at",
							"Partial rows of a group from which on a committing writer merges them.",
							"0 leaves merging to the background worker and filteropt.rollup_merge.",
							&fo_rollup_merge_at, 8, 0, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.rollup_merge_interval",
							"Time between two passes of the background worker that merges rollups.",
							"0 turns the worker off.",
							&fo_rollup_merge_interval, 10, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

/* Called once per backend, or once in the postmaster when preloaded. */
void
fo_rollup_init(void)
{
	define_settings();
	fo_rollup_spec_init();
	fo_rollup_delta_init();
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	next_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
	fo_rollup_worker_init();
}
