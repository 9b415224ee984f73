/*
 * worker.c
 *		The background worker that merges rollups, when the library is preloaded.
 *
 * A launcher, connected to no database, starts one short-lived worker per
 * database and pass, one after the other, so that a pass never occupies more
 * than one worker slot.  A worker merges the rollups of its database as their owners,
 * in short transactions: a step looks at some thousand rows, and a pass at some ten
 * thousand of each rollup.  The next pass goes on where it ended, so what the worker
 * costs does not depend on how large a rollup is.  Writers bound the backlog by
 * themselves (fold.c); the worker merges what they leave in groups that nobody
 * writes any more, and what serializable and prepared transactions append.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "rollup/manage.h"
#include "rollup/merge.h"
#include "rollup/settings.h"
#include "rollup/stat.h"
#include "rollup/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

PGDLLEXPORT void fo_rollup_launcher_main(Datum arg);
PGDLLEXPORT void fo_rollup_worker_main(Datum arg);

/* Rows looked at in one transaction, and transactions for a rollup in one pass. */
#define STEP_ROWS		2000
#define PASS_STEPS		10

/* Fill in what both kinds of worker have in common. */
static void
describe_worker(BackgroundWorker *worker, const char *name, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, "filteropt rollup", BGW_MAXLEN);
	strlcpy(worker->bgw_library_name, "$libdir/filteropt", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
}

/* Databases that can be connected to. */
static List *
list_databases(void)
{
	List	   *result = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database db = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!db->datallowconn || db->datistemplate)
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		result = lappend_oid(result, db->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return result;
}

/* Start a worker for the database and wait for its end. */
static void
visit_database(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	describe_worker(&worker, "filteropt rollup merge worker",
					"fo_rollup_worker_main");
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		(void) WaitForBackgroundWorkerShutdown(handle);
		pfree(handle);
	}
	MemoryContextSwitchTo(old);
}

/* The launcher: a pass over all databases, a pause, and so on. */
void
fo_rollup_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	for (;;)
	{
		long		pause = fo_rollup_merge_interval > 0 ?
			fo_rollup_merge_interval * 1000L : 60000L;

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 pause, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		else if (fo_rollup_merge_interval > 0)
		{
			List	   *databases = list_databases();
			ListCell   *lc;

			foreach(lc, databases)
				visit_database(lfirst_oid(lc));
			list_free(databases);
		}
	}
}

/* The place where the last pass has ended. */
static void
get_place(FoRollupCounters *counters, ItemPointer place)
{
	uint64		packed = counters ? pg_atomic_read_u64(&counters->place) : 0;

	ItemPointerSet(place, (BlockNumber) (packed >> 16), (OffsetNumber) (packed & 0xffff));
}

/* Where the next pass is to start. */
static void
set_place(FoRollupCounters *counters, ItemPointer place)
{
	uint64		packed = 0;

	if (ItemPointerIsValid(place))
		packed = (uint64) ItemPointerGetBlockNumber(place) << 16 |
			ItemPointerGetOffsetNumber(place);
	if (counters)
		pg_atomic_write_u64(&counters->place, packed);
}

/*
 * Merge some rows of a rollup as its owner, from *place on; in step 0 from where the
 * last pass has ended.  True if there is more to do in this pass; a rollup that is
 * not counted has no place from pass to pass, so it is done at once.
 */
static bool
merge_some(const FoRollupIds *ids, int step, ItemPointer place)
{
	FoRollup   *rollup;
	Oid			user;
	int			security;
	bool		more = false;

	if (get_rel_name(ids->view) == NULL || get_rel_name(ids->data) == NULL)
		return false;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(fo_relation_owner(ids->view), security |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	rollup = fo_rollup_load(ids);
	if (rollup)
	{
		if (step == 0)
			get_place(rollup->counters, place);
		if (fo_rollup_merge_step(rollup, STEP_ROWS, place))
		{
			set_place(rollup->counters, place);
			more = ItemPointerIsValid(place) &&
				(step + 1 < PASS_STEPS || rollup->counters == NULL);
		}
		fo_rollup_release(rollup);
	}
	SetUserIdAndSecContext(user, security);
	return more;
}

/* A pass over a rollup. */
static void
merge_rollup(const FoRollupIds *ids)
{
	ItemPointerData place;
	bool		more = true;

	for (int step = 0; more; step++)
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		pgstat_report_activity(STATE_RUNNING, "merging rollups");
		more = merge_some(ids, step, &place);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* The rollups of this database, in memory that outlives transactions. */
static List *
list_rollups(void)
{
	MemoryContext old;
	List	   *result;

	StartTransactionCommand();
	old = MemoryContextSwitchTo(TopMemoryContext);
	result = fo_rollup_ids_by(FO_CONFIG_BASE, InvalidOid);
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
	return result;
}

/* A worker: merge every rollup of one database once. */
void
fo_rollup_worker_main(Datum arg)
{
	List	   *rollups;
	ListCell   *lc;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	pgstat_report_appname("filteropt rollup merge");
	rollups = list_rollups();
	foreach(lc, rollups)
		merge_rollup(lfirst(lc));
}

/* Register the launcher when preloaded. */
void
fo_rollup_worker_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;
	describe_worker(&worker, "filteropt rollup merge launcher",
					"fo_rollup_launcher_main");
	worker.bgw_restart_time = 10;
	RegisterBackgroundWorker(&worker);
}
