/*
 * worker.c
 *		The background worker that merges rollups, when the library is preloaded.
 *
 * A launcher, connected to no database, starts one short-lived worker per
 * database and pass, one after the other, so that a pass never occupies more
 * than one worker slot.  A worker merges each rollup of its database in a
 * transaction of its own, as the rollup's owner.  Writers bound the backlog by
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
#include "rollup/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

PGDLLEXPORT void fo_rollup_launcher_main(Datum arg);
PGDLLEXPORT void fo_rollup_worker_main(Datum arg);

/*
 * A large rollup is left alone while so small a share of its rows is new: a pass
 * reads its whole index.  Writers bound the groups that are written often.
 */
#define LARGE_ROLLUP	100000
#define NEW_ONE_IN		20

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

/* Has enough been written since the last vacuum to be worth a pass? */
static bool
worth_a_pass(Oid data)
{
	int64		live = DatumGetInt64(DirectFunctionCall1(pg_stat_get_live_tuples,
														 ObjectIdGetDatum(data)));
	int64		written = DatumGetInt64(DirectFunctionCall1(pg_stat_get_ins_since_vacuum,
															ObjectIdGetDatum(data)));

	return live < LARGE_ROLLUP || written * NEW_ONE_IN >= live;
}

/* Merge one rollup as its owner. */
static void
merge_rollup(const FoRollupIds *ids)
{
	FoRollup   *rollup;
	Oid			user;
	int			security;

	if (get_rel_name(ids->view) == NULL || get_rel_name(ids->data) == NULL ||
		!worth_a_pass(ids->data))
		return;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(fo_relation_owner(ids->view), security |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	rollup = fo_rollup_load(ids);
	if (rollup)
	{
		(void) fo_rollup_merge_all(rollup);
		fo_rollup_release(rollup);
	}
	SetUserIdAndSecContext(user, security);
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
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		pgstat_report_activity(STATE_RUNNING, "merging rollups");
		merge_rollup(lfirst(lc));
		PopActiveSnapshot();
		CommitTransactionCommand();
		pgstat_report_stat(true);
		pgstat_report_activity(STATE_IDLE, NULL);
	}
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
