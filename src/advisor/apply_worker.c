/*
 * apply_worker.c
 *		The worker that changes an index for index_apply.
 *
 * It logs in as the caller's session did and takes on the caller's role, so it
 * may do what the caller may.  One works at a time per database: the rest find
 * an advisory lock taken.  Before anything is written it holds the lock that
 * the statement will need, for the whole session, and waits until whoever writes
 * to the table now has ended, both under lock_timeout: a long transaction makes
 * it give up before there is an index to clean up.  After that it waits as long
 * as it takes; others do not wait for it.
 *
 * Under that lock nobody else builds an index of this table, so one that is
 * invalid is a leftover: of the name to be made it is dropped before, and what
 * a failed statement leaves is dropped after.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "advisor/apply.h"
#include "base/compat.h"
#include "base/compat_worker.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqmq.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

PGDLLEXPORT void fo_index_apply_main(Datum arg);

/* The advisory lock of a database's index_apply: "fo" and a number of ours. */
#define LOCK_CLASS	0x666f
#define LOCK_NUMBER 6

/* How long to wait for locks from now on; 0: as long as it takes. */
static void
set_lock_timeout(int ms)
{
	char		value[16];

	snprintf(value, sizeof(value), "%d", ms);
	SetConfigOption("lock_timeout", value, PGC_USERSET, PGC_S_SESSION);
}

/* Start a transaction with a snapshot. */
static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* End it; a concurrent statement has used up the snapshot. */
static void
finish(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * Execute a utility statement, in a transaction of its own or, if it is concurrent,
 * several.  What it keeps across them it allocates where a portal would have its memory.
 */
static void
run_parsed(Node *statement, const char *ddl)
{
	PlannedStmt *plan;

	begin();
	MemoryContextSwitchTo(PortalContext);
	plan = makeNode(PlannedStmt);
	plan->commandType = CMD_UTILITY;
	plan->canSetTag = true;
	plan->utilityStmt = statement;
	ProcessUtility(plan, ddl, false, PROCESS_UTILITY_TOPLEVEL, NULL, NULL, None_Receiver, NULL);
	finish();
}

/* Where what outlives transactions is allocated. */
static void
use_portal_context(void)
{
	if (PortalContext == NULL)
		PortalContext = AllocSetContextCreate(TopMemoryContext, "filteropt index_apply",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(PortalContext);
}

/* Execute one statement. */
static void
run(const char *ddl)
{
	use_portal_context();
	pgstat_report_activity(STATE_RUNNING, ddl);
	run_parsed(linitial_node(RawStmt, raw_parser(ddl, RAW_PARSE_DEFAULT))->stmt, ddl);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Log in, and become the caller. */
static void
become_caller(const FoIndexJob *job)
{
	fo_worker_connect(job->database, job->session_user);
	begin();
	if (job->role != job->session_user)
		SetCurrentRoleId(job->role, superuser_arg(job->role));
	finish();
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("client_min_messages", "notice", PGC_USERSET, PGC_S_SESSION);
	for (int i = 0; i < FO_INDEX_SETTINGS; i++)
		SetConfigOption(fo_index_settings[i], FO_JOB_TEXT(job, FO_TEXT_SETTINGS + i),
						PGC_USERSET, PGC_S_SESSION);
	set_lock_timeout(job->lock_timeout);
}

/*
 * At the end of the worker, however it comes: a lock that is held for the
 * session would outlive it, if it ended between two transactions.
 */
static void
release_locks(int code, Datum arg)
{
	AbortOutOfAnyTransaction();
	LockReleaseAll(DEFAULT_LOCKMETHOD, true);
}

/* One at a time. */
static void
claim_turn(void)
{
	if (!DatumGetBool(DirectFunctionCall2(pg_try_advisory_lock_int4,
										  Int32GetDatum(LOCK_CLASS), Int32GetDatum(LOCK_NUMBER))))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another index_apply is running in this database"),
				 errhint("Call it again when the other one has finished.")));
}

/* Hold the lock that a concurrent statement needs, for the whole session. */
static void
hold_table(const FoIndexJob *job)
{
	LockRelId	id = {job->relation, MyDatabaseId};

	LockRelationIdForSession(&id, ShareUpdateExclusiveLock);
	if (get_rel_name(job->relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table was dropped meanwhile")));
}

/*
 * Wait until the transactions end that hold a lock which would hold up ours.  Unlike
 * waiting for the lock itself, it makes nobody wait behind us.
 */
static void
await_lockers(Oid relation, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
	WaitForLockers(tag, mode, false);
}

/* The invalid indexes of the job's table, in the current memory context. */
static List *
invalid_indexes(const FoIndexJob *job)
{
	Relation	table = table_open(job->relation, AccessShareLock);
	List	   *indexes = RelationGetIndexList(table);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, indexes)
		if (!get_index_isvalid(lfirst_oid(lc)))
		result = lappend_oid(result, lfirst_oid(lc));
	table_close(table, AccessShareLock);
	return result;
}

/* Drop an index that is a leftover; the table is held. */
static void
drop_leftover(Oid index)
{
	char	   *name;

	begin();
	name = get_rel_name(index);
	if (name)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(index)), name);
		MemoryContextSwitchTo(old);
	}
	finish();
	if (name == NULL)
		return;
	run(psprintf("DROP INDEX CONCURRENTLY %s", name));
	ereport(NOTICE, (errmsg("dropped the invalid index %s", name)));
}

/*
 * Run SQL on index_applied as its owner, who is no concern of the caller's.  A
 * cancellation that comes too late does not keep it from being recorded.
 */
static void
record(const char *sql, int nargs, Oid *types, Datum *values, int64 *id)
{
	Oid			table = get_relname_relid("index_applied",
										  get_namespace_oid("filteropt", false));
	Oid			user;
	int			security;
	bool		isnull;

	HOLD_CANCEL_INTERRUPTS();
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(fo_relation_owner(table), security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0) < 0 ||
		SPI_processed != 1)
		elog(ERROR, "could not record the statement");
	if (id)
		*id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										  &isnull));
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	RESUME_CANCEL_INTERRUPTS();
}

/* The statistics before, as far as the caller may see them; in the current memory context. */
static Datum
statistics(const FoIndexJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(job->relation)};
	bool		isnull;
	Datum		result;
	MemoryContext old;

	SPI_connect();
	if (SPI_execute_with_args("SELECT filteropt.index_snapshot($1)", 1, types, values, NULL,
							  true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not take the statistics");
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	old = MemoryContextSwitchTo(cxt);
	result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
	MemoryContextSwitchTo(old);
	SPI_finish();
	return result;
}

/* Record that the work begins. */
static void
record_start(FoIndexJob *job)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID};
	const char *undo = FO_JOB_TEXT(job, FO_TEXT_UNDO);
	Datum		values[5];

	values[0] = ObjectIdGetDatum(job->relation);
	values[1] = CStringGetTextDatum(FO_JOB_TEXT(job, FO_TEXT_DDL));
	values[2] = CStringGetTextDatum(undo);
	values[3] = CStringGetTextDatum(GetUserNameFromId(job->role, false));
	values[4] = statistics(job);
	record("INSERT INTO filteropt.index_applied (relation, ddl, undo, role, before, started_at) "
		   "VALUES ($1, $2, nullif($3, ''), $4, $5, clock_timestamp()) RETURNING id",
		   5, types, values, &job->id);
}

/* The index that the job is about, or InvalidOid. */
static Oid
find_index(const FoIndexJob *job)
{
	return get_relname_relid(FO_JOB_TEXT(job, FO_TEXT_INDEX),
							 get_namespace_oid(FO_JOB_TEXT(job, FO_TEXT_SCHEMA), true));
}

/* Record how it ended. */
static void
record_end(FoIndexJob *job, const char *error)
{
	Oid			types[] = {INT8OID, TEXTOID, OIDOID};
	Datum		values[3] = {Int64GetDatum(job->id)};

	begin();
	values[1] = CStringGetTextDatum(error ? error : "");
	values[2] = ObjectIdGetDatum(find_index(job));
	record("UPDATE filteropt.index_applied SET finished_at = clock_timestamp(), "
		   "error = nullif($2, ''), index = nullif($3, 0::oid) WHERE id = $1",
		   3, types, values, NULL);
	finish();
}

/* Get ready: the turn, the lock, the record.  Returns the invalid indexes that are there. */
static List *
prepare(FoIndexJob *job)
{
	MemoryContext old;
	List	   *invalid;
	Oid			leftover;

	begin();
	claim_turn();
	hold_table(job);
	await_lockers(job->relation, job->action == FO_INDEX_DROP ? AccessExclusiveLock : ShareLock);
	record_start(job);
	leftover = job->action == FO_INDEX_CREATE ? find_index(job) : InvalidOid;
	old = MemoryContextSwitchTo(TopMemoryContext);
	invalid = invalid_indexes(job);
	MemoryContextSwitchTo(old);
	finish();
	if (OidIsValid(leftover) && list_member_oid(invalid, leftover))
		drop_leftover(leftover);
	return invalid;
}

/* Drop the invalid indexes that were not there before; the abort has released the lock. */
static void
clean_up(const FoIndexJob *job, List *before)
{
	List	   *left;
	ListCell   *lc;
	MemoryContext old;

	begin();
	hold_table(job);
	old = MemoryContextSwitchTo(TopMemoryContext);
	left = list_difference_oid(invalid_indexes(job), before);
	MemoryContextSwitchTo(old);
	finish();
	foreach(lc, left)
		drop_leftover(lfirst_oid(lc));
}

/* Get out of a failed transaction; returns the error. */
static ErrorData *
recover(void)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(TopMemoryContext);
	RESUME_INTERRUPTS();
	return error;
}

/* After an error: clean up, record, and raise it. */
static void
fail(FoIndexJob *job, ErrorData *error, List *before)
{
	set_lock_timeout(job->lock_timeout);
	PG_TRY();
	{
		if (job->action == FO_INDEX_CREATE || job->action == FO_INDEX_REINDEX)
			clean_up(job, before);
	}
	PG_CATCH();
	{
		(void) recover();
		error->hint = psprintf("An invalid index may be left; filteropt.index_health() shows it, "
							   "and the same call will drop it first.");
	}
	PG_END_TRY();
	record_end(job, error->message);
	ReThrowError(error);
}

/* Before an index is attached: nobody may be using it. */
static void
await_readers(const FoIndexJob *job)
{
	begin();
	await_lockers(find_index(job), AccessExclusiveLock);
	finish();
}

/*
 * Analyze the table whose index has been made, which it stays if this fails or is cancelled.
 */
static void
analyze(Node *statement, const char *ddl)
{
	PG_TRY();
	{
		run_parsed(statement, ddl);
	}
	PG_CATCH();
	{
		ErrorData  *error = recover();

		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("the index is there, but its table was not analyzed: %s", error->message),
				 errhint("Until ANALYZE the planner has no statistics of its expressions.")));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

/*
 * Execute the statements of a job.  A concurrent one waits for as long as it takes; what
 * follows it, as one that is not, only for lock_timeout.
 */
static void
run_job(const FoIndexJob *job)
{
	const char *ddl = FO_JOB_TEXT(job, FO_TEXT_DDL);
	ListCell   *lc;

	use_portal_context();
	pgstat_report_activity(STATE_RUNNING, ddl);
	foreach(lc, raw_parser(ddl, RAW_PARSE_DEFAULT))
	{
		Node	   *statement = lfirst_node(RawStmt, lc)->stmt;
		bool		patient = IsA(statement, IndexStmt) ? ((IndexStmt *) statement)->concurrent :
			job->action == FO_INDEX_DROP || job->action == FO_INDEX_REINDEX;

		set_lock_timeout(patient ? 0 : job->lock_timeout);
		if (IsA(statement, AlterTableStmt))
			await_readers(job);
		if (IsA(statement, VacuumStmt))
			analyze(statement, ddl);
		else
			run_parsed(statement, ddl);
	}
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* The work itself. */
static void
work(FoIndexJob *job)
{
	List	   *before = prepare(job);
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		run_job(job);
	}
	PG_CATCH();
	{
		error = recover();
	}
	PG_END_TRY();
	if (error)
		fail(job, error, before);
	record_end(job, NULL);
}

/* The worker lets go of the job: its process id is to be signalled no more. */
static void
sign_off(dsm_segment *segment, Datum arg)
{
	((FoIndexJob *) dsm_segment_address(segment))->worker = 0;
}

/* Entry of the worker; arg is the handle of the job's memory. */
void
fo_index_apply_main(Datum arg)
{
	dsm_segment *segment;
	FoIndexJob *job;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return;					/* the caller has given up */
	job = dsm_segment_address(segment);
	shm_mq_set_sender(FO_JOB_QUEUE(job), MyProc);
	pq_redirect_to_shm_mq(segment, shm_mq_attach(FO_JOB_QUEUE(job), segment, NULL));
	become_caller(job);
	before_shmem_exit(release_locks, (Datum) 0);
	on_dsm_detach(segment, sign_off, (Datum) 0);
	job->worker = MyProcPid;
	pg_memory_barrier();
	if (job->cancelled)
		return;
	work(job);
	job->done = true;
}
