/*
 * reader.c
 *		Executor hooks: what a query must find when it reads a rollup whose base
 *		this transaction has changed.
 *
 * Before a query reads a rollup for which there are deltas in memory, they are
 * written.  Deltas exist only where the trigger ran, and the trigger loads this
 * library; so nothing needs to be preloaded for this.
 *
 * A query may also run inside a statement that is changing the base: in a row
 * trigger, or in a volatile function that the statement calls.  It sees the rows
 * changed so far, but row triggers fire only after the last one, so the deltas
 * lag behind.  Such a read is refused rather than answered wrongly.  The hooks
 * keep a stack of the changing statements and compare the rows that each has
 * processed with those captured.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "rollup/delta.h"
#include "rollup/reader.h"
#include "utils/lsyscache.h"

/* A changing statement that has started and not ended. */
typedef struct Changing
{
	QueryDesc  *query;
	SubTransactionId subxact;	/* it started in */
	uint64		captured;		/* rows captured for it, nested ones aside */
} Changing;

/* Deeper nesting than this is not watched. */
#define MAX_CHANGING	64

static Changing changing[MAX_CHANGING];
static int	nchanging = 0;

/*
 * Queries that run in this backend right now.  One that fails never ends: the
 * number is then too high until the transaction ends, which errs on the safe
 * side (see may_coalesce).
 */
int			fo_rollup_live_queries = 0;

static ExecutorStart_hook_type next_start = NULL;
static ExecutorEnd_hook_type next_end = NULL;

/*
 * Called for every captured row.  A row that an UPDATE moves to another partition
 * is captured twice, as deleted and as inserted, but processed once.
 */
void
fo_rollup_count_capture(bool deleted)
{
	Changing   *top = nchanging > 0 ? &changing[nchanging - 1] : NULL;

	if (top && !(deleted && top->query->operation == CMD_UPDATE))
		top->captured++;
}

/* Forget statements that died with a subtransaction, or (0) all of them. */
void
fo_rollup_forget_queries(SubTransactionId from)
{
	while (nchanging > 0 && changing[nchanging - 1].subxact >= from)
		nchanging--;
	if (from == InvalidSubTransactionId)
		fo_rollup_live_queries = 0;
}

/* Does the statement change the base of a rollup that the range table reads? */
static bool
changes_base_of(QueryDesc *writer, List *rtable, Oid *data)
{
	ListCell   *lc;

	foreach(lc, writer->plannedstmt->resultRelations)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc),
									  writer->plannedstmt->rtable);

		if (fo_rollup_fed_by(rte->relid, rtable, data))
			return true;
	}
	return false;
}

/* Have all rows that the statement has changed so far been captured? */
static bool
all_captured(const Changing *writer)
{
	return !writer->query->plannedstmt->hasModifyingCTE &&
		writer->query->estate != NULL &&
		writer->captured >= writer->query->estate->es_processed;
}

/* Refuse to read a rollup in the middle of a statement that changes its base. */
static void
check_reader(QueryDesc *reader)
{
	for (int i = 0; i < nchanging; i++)
	{
		Oid			data;

		if (reader->snapshot->curcid <= changing[i].query->snapshot->curcid ||
			all_captured(&changing[i]) ||
			!changes_base_of(changing[i].query, reader->plannedstmt->rtable, &data))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rollup with table \"%s\" cannot be read inside the statement "
						"that changes its base table",
						get_rel_name(data)),
				 errhint("Read it in a statement-level or deferred trigger, "
						 "or in a later statement.")));
	}
}

/* Push a changing statement. */
static void
push_changing(QueryDesc *query)
{
	if (nchanging == MAX_CHANGING)
		return;
	changing[nchanging].query = query;
	changing[nchanging].subxact = GetCurrentSubTransactionId();
	changing[nchanging].captured = 0;
	nchanging++;
}

/* ExecutorStart hook. */
static void
executor_start(QueryDesc *query, int eflags)
{
	bool		only_explain = (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0;

	if (query->snapshot && !only_explain)
	{
		if (nchanging > 0)
			check_reader(query);
		/* In parallel mode nothing can be written: write what there is now. */
		if (fo_rollup_pending() &&
			(query->plannedstmt->parallelModeNeeded ||
			 fo_rollup_pending_in(query->plannedstmt->rtable)))
			fo_rollup_flush(&query->snapshot->curcid, false);
	}
	fo_rollup_live_queries++;
	if (next_start)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->plannedstmt->resultRelations != NIL && !only_explain)
		push_changing(query);
}

/* ExecutorEnd hook. */
static void
executor_end(QueryDesc *query)
{
	if (fo_rollup_live_queries > 0)
		fo_rollup_live_queries--;
	for (int i = nchanging - 1; i >= 0; i--)
	{
		if (changing[i].query == query)
			nchanging = i;
	}
	if (next_end)
		next_end(query);
	else
		standard_ExecutorEnd(query);
}

/* Install the hooks. */
void
fo_rollup_reader_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	next_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
}
