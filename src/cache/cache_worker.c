/*
 * cache_worker.c
 *		Background work of the cache, when the library is preloaded.
 *
 * A launcher, which is connected to no database, looks once a second which databases use
 * the cache and starts a worker for each.  A worker erases in Redis what it missed,
 * deletes expired rows a few pages at a time, and listens to other servers that share the
 * Redis (cache_redis_track.c).  None runs on a standby.
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "cache/cache_worker.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#define LAUNCH_EVERY_MS 1000
#define MAX_PAUSE		(64 * USECS_PER_SEC)
#define EXPIRE_PAGES	256		/* in each interval */
#define LISTENING_TURNS 4		/* that they are divided into where news must
								 * not wait so long */

PGDLLEXPORT void fo_cache_launcher_main(Datum arg);
PGDLLEXPORT void fo_cache_worker_main(Datum arg);

/* A worker that the launcher has started, or could not start. */
typedef struct Started
{
	BackgroundWorkerHandle *handle;
	TimestampTz at;				/* when it was tried last */
	int64		pause;			/* until the next time, as it does not stay */
	Oid			database;
	bool		complained;
} Started;

static void
describe_worker(BackgroundWorker *worker, const char *function)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "$libdir/filteropt", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_type, "filteropt cache", BGW_MAXLEN);
}

/* Register the launcher, in the postmaster. */
void
fo_cache_worker_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;
	describe_worker(&worker, "fo_cache_launcher_main");
	worker.bgw_restart_time = 10;
	strlcpy(worker.bgw_name, "filteropt cache launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* There was no room for a worker. */
static void
complain(Started *slot)
{
	if (!slot->complained)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is left for the cache of database %u",
						slot->database),
				 errdetail("Its dead rows are not swept, and with "
						   "filteropt.cache_redis_shared it does not hear of other servers."),
				 errhint("Raise max_worker_processes, which is %d.", max_worker_processes)));
	slot->complained = true;
}

static void
start_worker(Started *slot)
{
	TimestampTz now = GetCurrentTimestamp();
	BackgroundWorker worker;

	describe_worker(&worker, "fo_cache_worker_main");
	worker.bgw_flags |= BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_main_arg = ObjectIdGetDatum(slot->database);
	snprintf(worker.bgw_name, BGW_MAXLEN, "filteropt cache worker for database %u",
			 slot->database);
	if (slot->handle != NULL)
		pfree(slot->handle);
	slot->handle = NULL;
	if (!RegisterDynamicBackgroundWorker(&worker, &slot->handle))
		complain(slot);
	else
		slot->complained = false;
	/* one whose database was dropped, say, ends at once */
	slot->pause = now - slot->at > MAX_PAUSE ? LAUNCH_EVERY_MS * INT64CONST(1000)
		: Min(slot->pause * 2, MAX_PAUSE);
	slot->at = now;
}

/* Does a database lack a worker, and is it time to start one? */
static bool
is_wanted(const Started *slot)
{
	TimestampTz now = GetCurrentTimestamp();
	pid_t		pid;

	if (slot->handle != NULL && GetBackgroundWorkerPid(slot->handle, &pid) != BGWH_STOPPED)
		return false;
	return now < slot->at || now - slot->at >= slot->pause;
}

/* Start workers for databases that use the cache and have none. */
static void
look_for_databases(Started *started)
{
	FoCacheShared *shared = fo_cache_shared();

	for (int i = 1; shared != NULL && i < FO_RESOURCE_SLOTS; i++)
	{
		Oid			database = shared->slot[i].database;
		Started    *slot = started;

		if (!OidIsValid(database))
			break;
		while (OidIsValid(slot->database) && slot->database != database)
			slot++;
		slot->database = database;
		if (is_wanted(slot))
			start_worker(slot);
	}
}

/* Entry of the launcher. */
void
fo_cache_launcher_main(Datum arg)
{
	static Started started[FO_RESOURCE_SLOTS];

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	while (!ShutdownRequestPending)
	{
		look_for_databases(started);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LAUNCH_EVERY_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(0);
}

/* Does the database have the extension? */
static bool
is_installed(void)
{
	Oid			namespace;
	bool		found;

	StartTransactionCommand();
	namespace = get_namespace_oid("filteropt", true);
	found = OidIsValid(namespace) && OidIsValid(get_relname_relid("cache_entry", namespace)) &&
		OidIsValid(get_relname_relid("cache_redis_missed", namespace));
	CommitTransactionCommand();
	return found;
}

/* How often the table is looked at in each interval. */
static int
turns(void)
{
	return fo_cache_redis_shared ? LISTENING_TURNS : 1;
}

/* One round of table work, in a transaction of its own. */
static void
tidy(bool expire)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "filteropt cache: expiring");
	(void) fo_redis_drain();
	if (expire)
	{
		SPI_connect();
		SPI_execute(psprintf("SELECT filteropt.cache_expire(%d)", EXPIRE_PAGES / turns()), false,
					0);
		SPI_finish();
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Is there anything to erase or expire now? */
static void
work_if_due(TimestampTz *last)
{
	TimestampTz now = GetCurrentTimestamp();
	FoCacheShared *shared = fo_cache_shared();
	bool		missed = fo_redis_configured() && shared != NULL &&
		fo_redis_may_miss();
	bool		expire = fo_cache_expire_ms > 0 &&
		(now < *last || now - *last >= fo_cache_expire_ms * INT64CONST(1000) / turns());

	if (!missed && !expire)
		return;
	tidy(expire);
	if (expire)
		*last = now;
}

/*
 * Leave if somebody wants the database to himself, to drop, rename or copy it: he waits
 * five seconds for others to go, with a lock that all who come in need.
 */
static void
leave_if_unwanted(void)
{
	LOCKTAG		database;
	LockAcquireResult got;

	SET_LOCKTAG_OBJECT(database, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	StartTransactionCommand();
	got = LockAcquire(&database, RowExclusiveLock, false, true);
	CommitTransactionCommand();
	if (got == LOCKACQUIRE_NOT_AVAIL)
		proc_exit(0);
}

/* Entry of a worker: arg is the database. */
void
fo_cache_worker_main(Datum arg)
{
	TimestampTz last = 0;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);

	/*
	 * a database's owner sets the path there, but is not to run functions as
	 * us
	 */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_SESSION);
	if (!is_installed())
		proc_exit(0);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		leave_if_unwanted();
		fo_cache_roll_windows();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		work_if_due(&last);
		/* sleeps, or listens to other servers meanwhile */
		fo_redis_track(fo_cache_expire_ms > 0
					   ? Max(Min(fo_cache_expire_ms, 1000) / turns(), 1) : 1000);
	}
}
