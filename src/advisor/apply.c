/*
 * apply.c
 *		CALL index_apply(...): have a worker change an index concurrently.
 *
 * CREATE INDEX CONCURRENTLY is several transactions and waits for every
 * snapshot older than itself, the caller's too.  So it runs in a background
 * worker, and this is a procedure: it commits, which releases its snapshot and
 * locks, and only then waits for the worker.  A function could not, and would
 * wait for ever for a worker that waits for it.
 *
 * The worker's messages come through a queue in dynamic shared memory and are
 * raised here.  Whatever ends the wait, an error or the end of the session,
 * detaches that memory, and that cancels the worker.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "advisor/apply.h"
#include "base/compat.h"
#include "base/compat_worker.h"
#include "catalog/namespace.h"
#include "commands/progress.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "libpq/pqmq.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(fo_index_apply);

#define QUEUE_BYTES			16384
#define LOOK_EVERY_MS		200
#define TELL_EVERY_MS		3000

const char *const fo_index_settings[FO_INDEX_SETTINGS] = {
	"maintenance_work_mem", "max_parallel_maintenance_workers", "default_tablespace"
};

/* What the user is told while the worker works, by phase. */
static const char *const phase_names[] = {
	"starting", "waiting for writers before the build", "building",
	"waiting for writers before the validation", "validating: scanning the index",
	"validating: sorting", "validating: scanning the table",
	"waiting for old snapshots", "waiting for readers before it is marked dead",
	"waiting for readers before it is dropped"
};

/* Refuse where a worker could not run, or the caller could not wait for it. */
static void
check_place(FunctionCallInfo fcinfo)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("index_apply cannot run on a standby"),
				 errhint("Call it on the primary; the standby follows.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("index_apply cannot run in a read-only transaction")));
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("index_apply cannot run inside a transaction block"),
				 errdetail("A concurrent build would wait for this transaction to end."),
				 errhint("Send the CALL by itself, outside of BEGIN and functions.")));
}

/* An interval as milliseconds, for lock_timeout. */
static int
milliseconds(const Interval *interval)
{
	double		ms = interval->time / 1000.0 + interval->day * 86400000.0;

	if (interval->month != 0 || ms < 0 || ms > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lock_timeout must be at least 0 and at most 24 days")));
	return (int) ms;
}

/* Commit, so that this session holds neither a snapshot nor a lock. */
static void
let_go(void)
{
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	SPI_commit();
	SPI_start_transaction();
	SPI_finish();
}

/* When the job's memory is let go of before the work is done: cancel it. */
static void
give_up(dsm_segment *segment, Datum arg)
{
	FoIndexJob *job = dsm_segment_address(segment);

	job->cancelled = true;
	pg_memory_barrier();
	if (!job->done && job->worker != 0)
		(void) kill(job->worker, SIGINT);
}

/* The texts of a job, in the order of FoIndexText. */
static void
list_texts(const FoIndexStatement *statement, const char **texts)
{
	texts[FO_TEXT_DDL] = statement->ddl;
	texts[FO_TEXT_UNDO] = statement->undo ? statement->undo : "";
	texts[FO_TEXT_SCHEMA] = statement->schema;
	texts[FO_TEXT_INDEX] = statement->index ? statement->index : "";
	for (int i = 0; i < FO_INDEX_SETTINGS; i++)
		texts[FO_TEXT_SETTINGS + i] = pstrdup(GetConfigOption(fo_index_settings[i], false, false));
}

/* Put a job into shared memory. */
static dsm_segment *
make_job(const FoIndexStatement *statement, int lock_timeout)
{
	const char *texts[FO_TEXTS];
	Size		size = sizeof(FoIndexJob);
	dsm_segment *segment;
	FoIndexJob *job;

	list_texts(statement, texts);
	for (int i = 0; i < FO_TEXTS; i++)
		size += strlen(texts[i]) + 1;
	segment = dsm_create(MAXALIGN(size) + QUEUE_BYTES, 0);
	job = dsm_segment_address(segment);
	memset(job, 0, sizeof(FoIndexJob));
	job->database = MyDatabaseId;
	job->session_user = GetSessionUserId();
	job->role = GetUserId();
	job->relation = statement->relation;
	job->action = statement->action;
	job->lock_timeout = lock_timeout;
	size = sizeof(FoIndexJob);
	for (int i = 0; i < FO_TEXTS; i++)
	{
		job->text[i] = size;
		memcpy((char *) job + size, texts[i], strlen(texts[i]) + 1);
		size += strlen(texts[i]) + 1;
	}
	job->queue = MAXALIGN(size);
	(void) shm_mq_create((char *) job + job->queue, QUEUE_BYTES);
	shm_mq_set_receiver(FO_JOB_QUEUE(job), MyProc);
	on_dsm_detach(segment, give_up, (Datum) 0);
	return segment;
}

/* Start the worker of a job. */
static BackgroundWorkerHandle *
start_worker(dsm_segment *segment)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	snprintf(worker.bgw_name, BGW_MAXLEN, "filteropt index_apply for process %d", MyProcPid);
	strlcpy(worker.bgw_type, "filteropt index_apply", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "$libdir/filteropt", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "fo_index_apply_main", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free to change the index"),
				 errhint("Wait until others end, or increase max_worker_processes, which is %d.",
						 max_worker_processes)));
	return handle;
}

/* Raise what the worker reports. */
static void
pass_on(void *data, Size length)
{
	StringInfoData message;
	ErrorData	report;
	char		type;

	initStringInfo(&message);
	appendBinaryStringInfo(&message, data, (int) length);
	type = message.data[0];
	message.cursor = 1;
	if (type == 'E' || type == 'N')
	{
		pq_parse_errornotice(&message, &report);
		report.elevel = Min(report.elevel, ERROR);
		ThrowErrorData(&report);
	}
	pfree(message.data);
}

/* Tell how far the worker is. */
static void
tell_progress(const FoIndexJob *job)
{
	int64		progress[PGSTAT_NUM_PROGRESS_PARAM];
	int64		phase;

	if (job->worker == 0 ||
		!fo_backend_progress(job->worker, PROGRESS_COMMAND_CREATE_INDEX, progress))
		return;
	phase = progress[PROGRESS_CREATEIDX_PHASE];
	if (phase < 0 || phase >= (int64) lengthof(phase_names))
		return;
	if (progress[PROGRESS_WAITFOR_CURRENT_PID] != 0)
		ereport(NOTICE, (errmsg("index_apply: %s; process " INT64_FORMAT " holds it up",
								phase_names[phase], progress[PROGRESS_WAITFOR_CURRENT_PID])));
	else if (progress[PROGRESS_SCAN_BLOCKS_TOTAL] > 0)
		ereport(NOTICE, (errmsg("index_apply: %s, " INT64_FORMAT " of " INT64_FORMAT " blocks",
								phase_names[phase], progress[PROGRESS_SCAN_BLOCKS_DONE],
								progress[PROGRESS_SCAN_BLOCKS_TOTAL])));
	else
		ereport(NOTICE, (errmsg("index_apply: %s", phase_names[phase])));
}

/* Wait until the worker is gone; raises its errors. */
static void
wait_for_worker(dsm_segment *segment, BackgroundWorkerHandle *handle)
{
	FoIndexJob *job = dsm_segment_address(segment);
	shm_mq_handle *queue = shm_mq_attach(FO_JOB_QUEUE(job), segment, handle);
	TimestampTz told = GetCurrentTimestamp();

	for (;;)
	{
		Size		length;
		void	   *data;
		shm_mq_result result = shm_mq_receive(queue, &length, &data, true);

		if (result == SHM_MQ_DETACHED)
			break;
		if (result == SHM_MQ_SUCCESS)
		{
			pass_on(data, length);
			continue;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_EVERY_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (TimestampDifferenceExceeds(told, GetCurrentTimestamp(), TELL_EVERY_MS))
		{
			tell_progress(job);
			told = GetCurrentTimestamp();
		}
	}
	if (!job->done)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the worker that changes the index ended unexpectedly"),
				 errhint("The server's log tells why; index_health() shows what is left.")));
}

/* Have a statement executed by a worker; returns its row in index_applied. */
static int64
execute(const FoIndexStatement *statement, int lock_timeout)
{
	dsm_segment *segment;
	BackgroundWorkerHandle *handle;
	int64		id;

	let_go();
	segment = make_job(statement, lock_timeout);
	handle = start_worker(segment);
	wait_for_worker(segment, handle);
	id = ((FoIndexJob *) dsm_segment_address(segment))->id;
	dsm_detach(segment);
	(void) WaitForBackgroundWorkerShutdown(handle);
	AcceptInvalidationMessages();	/* of what it has made */
	return id;
}

/* Give each partition its part of an index that has been begun. */
static void
apply_to_parts(const FoIndexStatement *whole, int lock_timeout)
{
	Oid			index = get_relname_relid(whole->index, get_namespace_oid(whole->schema, false));
	List	   *steps;

	while (OidIsValid(index) && (steps = fo_index_steps(whole, index, 1)) != NIL)
		(void) execute(linitial(steps), lock_timeout);
	if (!OidIsValid(index) || !get_index_isvalid(index))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid although each partition has its part",
						whole->index),
				 errhint("Somebody has changed it; filteropt.index_health() shows its state.")));
}

/* Have the statement executed, in all its steps; returns its row in index_applied. */
static int64
apply(const FoIndexStatement *statement, int lock_timeout)
{
	int64		id = OidIsValid(statement->begun) ? statement->begun_id :
		execute(statement, lock_timeout);

	if (statement->action == FO_INDEX_CREATE_ONLY)
		apply_to_parts(statement, lock_timeout);
	return id;
}

/* All the statements that are left to be executed. */
static char *
list_statements(const FoIndexStatement *statement)
{
	StringInfoData result;
	ListCell   *lc;

	initStringInfo(&result);
	if (!OidIsValid(statement->begun))
		appendStringInfoString(&result, statement->ddl);
	if (statement->action == FO_INDEX_CREATE_ONLY)
		foreach(lc, fo_index_steps(statement, statement->begun, INT_MAX))
			appendStringInfo(&result, "%s%s", result.len > 0 ? ";\n" : "",
							 ((FoIndexStatement *) lfirst(lc))->ddl);
	return result.data;
}

/*
 * CALL index_apply(ddl, dry_run, lock_timeout, INOUT statement, INOUT undo, INOUT id)
 */
Datum
fo_index_apply(PG_FUNCTION_ARGS)
{
	FoIndexStatement *statement;
	TupleDesc	desc;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, true};
	bool		dry_run = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	int			lock_timeout = PG_ARGISNULL(2) ? 0 : milliseconds(PG_GETARG_INTERVAL_P(2));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the statement to apply is null")));
	if (!dry_run)
		check_place(fcinfo);
	statement = fo_index_parse(fo_advise_statement(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	nulls[0] = statement->ddl == NULL;
	nulls[1] = statement->undo == NULL;
	if (!nulls[0])
		values[0] = CStringGetTextDatum(list_statements(statement));
	if (!nulls[1])
		values[1] = CStringGetTextDatum(statement->undo);
	if (!dry_run && statement->ddl != NULL)
	{
		values[2] = Int64GetDatum(apply(statement, lock_timeout));
		nulls[2] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
