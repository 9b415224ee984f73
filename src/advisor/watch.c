/*
 * watch.c
 *		The watch over executed queries: hooks of parse analysis and of the executor.
 *
 * What it costs is paid by every query of the server, so an execution that is neither
 * slow nor part of a loop takes no lock and allocates nothing: it reads the clock twice,
 * adds to counters of this backend (watch_query.c) and takes the keys among its first
 * columns and parameters, which nplus_watch.c compares.
 *
 * An execution that is under way has a frame, found by its QueryDesc: cursors make
 * executions overlap, so frames are no stack.  After an error ExecutorEnd is not called;
 * then frames go with their transaction or subtransaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "advisor/watch.h"
#include "base/compat_executor.h"
#include "base/compat_query.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "utils/guc.h"

#define MAX_HASHED 4096			/* bytes of a text without identifier */
#define FRAMES 16				/* deeper nesting is not watched */

/* After so many results in turn that no loop went over, only every eighth is kept. */
#define IDLE_RESULTS 16
#define IDLE_MASK 7

/* Once in so many microseconds a backend draws whether it is watched, and tells all. */
#define SLICE_US INT64CONST(1000000)

typedef struct Frame
{
	DestReceiver receiver;		/* stands before the real one; must be first */
	DestReceiver *inner;
	QueryDesc  *desc;			/* NULL: unused */
	uint64		id;				/* of the query */
	Oid			role;			/* that began it */
	instr_time	elapsed;
	FoWatchCost cost;
	int64		key[FO_LOOP_KEYS];
	int			nkeys;
	int			level;			/* of transactions */
	bool		captures;

	/* the result so far */
	int			slot;
	uint64		generation;		/* 0: not begun */
	int64		first[FO_LOOP_COLUMNS];
	int			attribute[FO_LOOP_COLUMNS];
	int			rows;
	int			columns;
} Frame;

bool		fo_advisor_watch = true;
int			fo_advisor_loop_min = 5;
int			fo_advisor_loop_window_ms = 1000;
int			fo_advisor_slow_ms = 100;
int			fo_advisor_plan_wait_ms = 3600 * 1000;
double		fo_advisor_sample_rate = 1;
int			fo_advisor_queries = 1000;
int			fo_watch_text_bytes = 2048;

static Frame frame[FRAMES];
static int	newest = 0;
static int	open_frames = 0;	/* at most so many are in use */
static bool sampled = true;
static TimestampTz slice_end = 0;
static bool exit_registered = false;

static post_parse_analyze_hook_type prev_parse_hook = NULL;
static ExecutorStart_hook_type prev_start_hook = NULL;
static ExecutorRun_hook_type prev_run_hook = NULL;
static ExecutorFinish_hook_type prev_finish_hook = NULL;
static ExecutorEnd_hook_type prev_end_hook = NULL;

/* Are executions of this process watched at all? */
static inline bool
is_watching(void)
{
	return fo_advisor_watch && fo_watch_shared != NULL && MyBackendType == B_BACKEND;
}

/* Before the process ends: what it has counted. */
static void
flush_at_exit(int code, Datum arg)
{
	if (fo_watch_shared != NULL && OidIsValid(MyDatabaseId))
		fo_watch_flush();
}

/* A new slice of time: draw for it, and tell what was counted in the one before. */
static void
begin_slice(TimestampTz now)
{
	slice_end = now + SLICE_US;
	sampled = fo_advisor_sample_rate >= 1 || FO_RANDOM_DOUBLE() < fo_advisor_sample_rate;
	fo_watch_flush();
	if (!exit_registered)
	{
		before_shmem_exit(flush_at_exit, (Datum) 0);
		exit_registered = true;
	}
}

static Frame *
find_frame(const QueryDesc *desc)
{
	if (frame[newest].desc == desc)
		return &frame[newest];
	for (int i = 0; i < FRAMES; i++)
		if (frame[i].desc == desc)
			return &frame[i];
	return NULL;
}

/* The keys that an execution compares columns with. */
static void
take_keys(Frame *f, const FoWatchQuery *query, ParamListInfo params)
{
	f->nkeys = query->nkeys;
	for (int i = 0; i < query->nkeys; i++)
	{
		int			id = query->key[i].param;
		ParamExternData workspace;
		ParamExternData *param;

		f->key[i] = id == 0 ? query->constant[i] : FO_LOOP_NONE;
		if (id == 0 || params == NULL || id > params->numParams)
			continue;
		param = params->paramFetch ? params->paramFetch(params, id, true, &workspace)
			: &params->params[id - 1];
		if (!param->isnull && OidIsValid(param->ptype))
			f->key[i] = fo_watch_value(param->ptype, param->value);
	}
}

/*
 * The identifier of a query.  Until PostgreSQL 15 the server makes none for the query of
 * a cursor: then it is made of the text.
 */
static uint64
id_of(const QueryDesc *desc)
{
	uint64		id = (uint64) desc->plannedstmt->queryId;

	if (id == 0 && IsQueryIdEnabled())
		id = hash_bytes_extended((const unsigned char *) desc->sourceText,
								 (int) strnlen(desc->sourceText, MAX_HASHED), 0) | 1;
	return id;
}

/* Begin to watch an execution, if there is a free frame. */
static void
begin_frame(QueryDesc *desc, uint64 id)
{
	Frame	   *f = NULL;
	FoWatchQuery *query;

	for (int i = 0; i < FRAMES && f == NULL; i++)
		if (frame[i].desc == NULL || frame[i].desc == desc)
		{
			f = &frame[i];
			newest = i;
		}
	if (f == NULL)
		return;
	query = fo_watch_query(id);
	f->id = id;
	f->role = GetUserId();
	f->level = GetCurrentTransactionNestLevel();
	f->captures = desc->operation == CMD_SELECT && fo_advisor_loop_min > 0 &&
		(query->idle < IDLE_RESULTS || (++query->skipped & IDLE_MASK) == 0);
	if (f->captures && query->idle < IDLE_RESULTS)
		query->idle++;
	INSTR_TIME_SET_ZERO(f->elapsed);
	memset(&f->cost, 0, sizeof(f->cost));
	f->nkeys = 0;
	f->rows = 0;
	f->generation = 0;
	if (desc->operation == CMD_SELECT && fo_nplus_may_loop())
		take_keys(f, query, desc->params);
	f->desc = desc;
	open_frames++;
}

/* Which columns of a result may hold ids; those of the first rows that come. */
static void
choose_columns(Frame *f, TupleDesc desc)
{
	f->columns = 0;
	for (int i = 0; i < desc->natts && f->columns < FO_LOOP_COLUMNS; i++)
		if (fo_watch_is_key_type(TupleDescAttr(desc, i)->atttypid))
			f->attribute[f->columns++] = i;
	f->captures = f->columns > 0;
}

/* Keep the keys of one more row; results of one row are not kept. */
static void
capture_row(Frame *f, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	int64		key[FO_LOOP_COLUMNS];

	if (f->rows == 0)
		choose_columns(f, desc);
	for (int i = 0; i < f->columns; i++)
	{
		int			attribute = f->attribute[i];
		bool		isnull;
		Datum		value = slot_getattr(slot, attribute + 1, &isnull);

		key[i] = isnull ? FO_LOOP_NONE
			: fo_watch_value(TupleDescAttr(desc, attribute)->atttypid, value);
	}
	if (f->rows == 0)
		memcpy(f->first, key, sizeof(key[0]) * f->columns);
	else if (f->rows == 1)
	{
		f->slot = fo_nplus_begin_result(fo_watch_query(f->id), f->desc, f->columns,
										f->attribute);
		f->generation = fo_nplus_generation(f->slot);
		fo_nplus_row(f->slot, f->generation, f->first);
	}
	if (f->rows > 0)
		fo_nplus_row(f->slot, f->generation, key);
	if (++f->rows >= FO_LOOP_ROWS)
		f->captures = false;
}

/* DestReceiver.receiveSlot: keep the keys, pass the row on. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Frame	   *f = (Frame *) self;

	if (f->captures)
		capture_row(f, slot);
	return f->inner->receiveSlot(slot, f->inner);
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Frame	   *f = (Frame *) self;

	f->inner->rStartup(f->inner, operation, desc);
}

static void
receive_shutdown(DestReceiver *self)
{
	Frame	   *f = (Frame *) self;

	f->inner->rShutdown(f->inner);
}

/* Stand before the receiver of an execution whose rows someone gets to see. */
static void
wrap_receiver(Frame *f, DestReceiver *inner)
{
	f->inner = inner;
	f->receiver.receiveSlot = receive_row;
	f->receiver.rStartup = receive_startup;
	f->receiver.rShutdown = receive_shutdown;
	f->receiver.rDestroy = NULL;
	f->receiver.mydest = inner->mydest;
	f->desc->dest = &f->receiver;
}

static bool
is_seen(CommandDest dest)
{
	return dest == DestRemote || dest == DestRemoteExecute || dest == DestSPI ||
		dest == DestTuplestore;
}

/* post_parse_analyze_hook: learn where a query's keys are. */
static void
watch_parse(ParseState *pstate, Query *query, JumbleState *jumble)
{
	if (prev_parse_hook)
		prev_parse_hook(pstate, query, jumble);
	if (is_watching() && query->commandType == CMD_SELECT && query->queryId != 0 &&
		fo_advisor_loop_min > 0)
		fo_watch_parsed(pstate, query);
}

/* ExecutorStart_hook */
static void
watch_start(QueryDesc *desc, int eflags)
{
	bool		watches = is_watching() && !(eflags & EXEC_FLAG_EXPLAIN_ONLY) &&
		desc->sourceText != NULL;
	uint64		id;

	if (watches && pg_atomic_read_u32(&fo_watch_shared->plans_wanted) > 0)
		fo_capture_prepare(desc, id_of(desc));
	if (prev_start_hook)
		prev_start_hook(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if (!watches)
		return;
	if (GetCurrentStatementStartTimestamp() >= slice_end)
		begin_slice(GetCurrentStatementStartTimestamp());
	if (sampled && (id = id_of(desc)) != 0)
		begin_frame(desc, id);
}

static void
run(FO_RUN_ARGS)
{
	if (prev_run_hook)
		prev_run_hook(FO_RUN_PASS);
	else
		standard_ExecutorRun(FO_RUN_PASS);
}

/* Counters of buffers, as far as they are of interest. */
typedef struct Buffers
{
	int64		hit;
	int64		read;
	int64		dirtied;
	int64		temp_read;
	int64		temp_written;
} Buffers;

static inline Buffers
buffers_now(void)
{
	return (Buffers)
	{
		pgBufferUsage.shared_blks_hit, pgBufferUsage.shared_blks_read,
			pgBufferUsage.shared_blks_dirtied, pgBufferUsage.temp_blks_read,
			pgBufferUsage.temp_blks_written
	};
}

/* Add the buffers used since `before` to a cost. */
static inline void
add_buffers(FoWatchCost *cost, const Buffers *before)
{
	Buffers		now = buffers_now();

	cost->hit += now.hit - before->hit;
	cost->read += now.read - before->read;
	cost->dirtied += now.dirtied - before->dirtied;
	cost->temp_read += now.temp_read - before->temp_read;
	cost->temp_written += now.temp_written - before->temp_written;
}

/*
 * ExecutorRun_hook.  After an error neither the frame nor the QueryDesc is used again, so
 * there is nothing to put back then.
 */
static void
watch_run(FO_RUN_ARGS)
{
	Frame	   *f = find_frame(desc);
	DestReceiver *dest = desc->dest;
	Buffers		before;
	instr_time	start;
	instr_time	end;

	if (f == NULL)
	{
		run(FO_RUN_PASS);
		return;
	}
	if (f->captures && is_seen(dest->mydest))
		wrap_receiver(f, dest);
	before = buffers_now();
	INSTR_TIME_SET_CURRENT(start);
	run(FO_RUN_PASS);
	INSTR_TIME_SET_CURRENT(end);
	desc->dest = dest;
	INSTR_TIME_ACCUM_DIFF(f->elapsed, end, start);
	f->cost.rows += desc->estate->es_processed;
	add_buffers(&f->cost, &before);
}

static void
finish(QueryDesc *desc)
{
	if (prev_finish_hook)
		prev_finish_hook(desc);
	else
		standard_ExecutorFinish(desc);
}

/* ExecutorFinish_hook: triggers after statements run there. */
static void
watch_finish(QueryDesc *desc)
{
	Frame	   *f = desc->operation != CMD_SELECT ? find_frame(desc) : NULL;
	Buffers		before;
	instr_time	start;
	instr_time	end;

	if (f == NULL)
	{
		finish(desc);
		return;
	}
	before = buffers_now();
	INSTR_TIME_SET_CURRENT(start);
	finish(desc);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(f->elapsed, end, start);
	add_buffers(&f->cost, &before);
}

/*
 * Account for an execution that is over.  To write its plan may run queries that are
 * watched too, so the frame is used until after that.
 */
static void
end_frame(Frame *f)
{
	QueryDesc  *desc = f->desc;
	FoWatchQuery *query;

	f->cost.total = INSTR_TIME_GET_DOUBLE(f->elapsed) * 1e6;
	f->cost.slow_calls = fo_advisor_slow_ms >= 0 && f->cost.total >= fo_advisor_slow_ms * 1e3;
	if (f->cost.slow_calls > 0)
		fo_capture_slow(desc, f->id, f->role, f->cost.total);
	f->desc = NULL;
	open_frames--;
	query = fo_watch_query(f->id);
	fo_watch_account(query, desc, f->role, &f->cost);
	if (f->nkeys > 0 && f->nkeys == query->nkeys)
		fo_nplus_run(query, desc, f->key, f->cost.total);
}

/* ExecutorEnd_hook */
static void
watch_end(QueryDesc *desc)
{
	Frame	   *f = find_frame(desc);

	if (f != NULL)
		end_frame(f);
	if (prev_end_hook)
		prev_end_hook(desc);
	else
		standard_ExecutorEnd(desc);
}

/* The end of a transaction: nothing is under way any more. */
static void
at_xact_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			for (int i = 0; i < FRAMES && open_frames > 0; i++)
				frame[i].desc = NULL;
			open_frames = 0;
			fo_nplus_xact_end();
			break;
		default:
			break;
	}
}

/*
 * The end of a subtransaction: what began in one that failed is not under way any more;
 * else it is its parent's from now on, as the cursors are.
 */
static void
at_subxact_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = 0; i < FRAMES && open_frames > 0; i++)
	{
		if (frame[i].level < level)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			frame[i].desc = NULL;
		else
			frame[i].level = level - 1;
	}
}

/* The settings of the watch. */
static void
define_settings(void)
{
	DefineCustomBoolVariable("filteropt.advisor_watch",
							 "Watch executed queries for loops and slowness.",
							 "Only with filteropt in shared_preload_libraries.",
							 &fo_advisor_watch, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.advisor_n_plus_one_min",
							"Executions with different keys of one result that make an N+1 loop.",
							"0: loops are not looked for.",
							&fo_advisor_loop_min, 5, 0, FO_LOOP_MIN_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.advisor_n_plus_one_window",
							"Longest pause between executions of a loop outside of a transaction.",
							NULL, &fo_advisor_loop_window_ms, 1000, 0, 3600 * 1000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.advisor_slow_ms",
							"Time of an execution from which on it is slow.",
							"-1: none is.",
							&fo_advisor_slow_ms, 100, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.advisor_plan_wait",
							"Longest time that the plan of a query's next slow execution is waited for.",
							NULL, &fo_advisor_plan_wait_ms, 3600 * 1000, 1, INT_MAX, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomRealVariable("filteropt.advisor_sample_rate",
							 "Share of the seconds of each session in which its queries are watched.",
							 NULL, &fo_advisor_sample_rate, 1, 0, 1, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("filteropt.advisor_queries",
							"Number of queries that shared memory has room for.",
							NULL, &fo_advisor_queries, 1000, 8, 1000000, PGC_POSTMASTER, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.advisor_text_size",
							"Length at which the text of a query is cut off.",
							NULL, &fo_watch_text_bytes, 2048, 256, 65536, PGC_POSTMASTER,
							GUC_UNIT_BYTE, NULL, NULL, NULL);
}

/* Settings and, when preloaded, shared memory and hooks. */
void
fo_watch_init(void)
{
	define_settings();
	if (!process_shared_preload_libraries_in_progress)
		return;
	fo_watch_shared_init();
	EnableQueryId();
	prev_parse_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = watch_parse;
	prev_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = watch_start;
	prev_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = watch_run;
	prev_finish_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = watch_finish;
	prev_end_hook = ExecutorEnd_hook;
	ExecutorEnd_hook = watch_end;
	RegisterXactCallback(at_xact_end, NULL);
	RegisterSubXactCallback(at_subxact_end, NULL);
}
