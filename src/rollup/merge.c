/*
 * merge.c
 *		Merge partial rows: several rows of one group become one.
 *
 * A merge deletes partial rows that its snapshot sees and inserts their
 * combination, in one transaction.  A reader's snapshot holds either the old
 * rows or the new one: whoever committed before the merge's snapshot is also
 * visible to every snapshot that sees the merge.  Example, group (7, May 1):
 *		rows before: n=120 | n=1 | n=1 | n=-1 (uncommitted)
 *		after:       n=122            | n=-1 (uncommitted)
 *
 * Locks: none that a writer could wait for.  A row that another transaction is
 * deleting is skipped.  Merges exclude rebuilds by a lock of their own on the
 * data table (fo_rollup_lock: merges share it, a rebuild has it alone), which
 * merges only try.
 *
 * The worker merges in steps, each of some rows and in a transaction of its own: it
 * goes through the index, and where a step ends the next one starts.  The place is
 * the address of a row.  That is only a hint: if it is gone, the walk starts over.
 *
 * A group whose extreme or floating-point sum is in doubt is recomputed from the
 * base table under the same snapshot, by rollup_merge and the worker only.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat_write.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rollup/group.h"
#include "rollup/merge.h"
#include "rollup/recompute.h"
#include "rollup/settings.h"
#include "rollup/stat.h"
#include "rollup/walk.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Partial rows of one group that are merged at once. */
#define MAX_RUN			4096

/* Rows between two looks at the clock, whether to tell about progress. */
#define PROGRESS_ROWS	1000

/* The rows of one group that the snapshot sees. */
typedef struct Run
{
	int			nrows;
	bool		complete;		/* all of them are here */
	HeapTuple  *rows;
} Run;

/* What a merge works on. */
typedef struct Merge
{
	FoRollup   *rollup;
	Relation	data;
	Relation	index;			/* on the group columns; NULL without any */
	Snapshot	snapshot;
	TupleTableSlot *slot;
	MemoryContext cxt;			/* of one group */
	int64		merged;			/* rows removed so far */
	int64		limit;			/* rows to look at, about; 0: all */
	ItemPointerData place;		/* where to start, then where it ended */
} Merge;

/*
 * Take the lock between those who fold or merge rows (RowExclusiveLock) and
 * rebuilds (ExclusiveLock) until the end of the transaction.  It is that of the
 * query view, which nobody else locks in these modes, because a weak lock on a
 * relation costs a writer next to nothing.
 */
bool
fo_rollup_lock(Oid query, LOCKMODE mode, bool wait)
{
	if (!wait)
		return ConditionalLockRelationOid(query, mode);
	LockRelationOid(query, mode);
	return true;
}

/* Open the index on the group columns; NULL if there is none. */
static Relation
open_group_index(Relation data, int ngroups)
{
	ListCell   *lc;

	if (ngroups == 0)
		return NULL;
	foreach(lc, RelationGetIndexList(data))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (fo_rollup_is_group_index(index, ngroups))
			return index;
		index_close(index, AccessShareLock);
	}
	return NULL;
}

/* The combination of partial rows, starting from nothing. */
static FoDelta *
combine_rows(Merge *merge, HeapTuple *rows, int nrows)
{
	FoRollup   *rollup = merge->rollup;
	TupleDesc	desc = RelationGetDescr(merge->data);
	Datum	   *values = palloc(sizeof(Datum) * rollup->natts);
	bool	   *nulls = palloc(sizeof(bool) * rollup->natts);
	FoDelta    *sum = palloc0(sizeof(FoDelta));

	sum->values = palloc(sizeof(Datum) * rollup->natts);
	sum->nulls = palloc(sizeof(bool) * rollup->natts);
	fo_rollup_init_partials(rollup, sum->values, sum->nulls);
	for (int i = 0; i < nrows; i++)
	{
		heap_deform_tuple(rows[i], desc, values, nulls);
		fo_rollup_combine(rollup, sum->values, sum->nulls, values, nulls);
	}
	memcpy(sum->values, values, sizeof(Datum) * rollup->layout->ngroups);
	memcpy(sum->nulls, nulls, sizeof(bool) * rollup->layout->ngroups);
	return sum;
}

/* Delete those rows that nobody else is deleting; returns how many. */
static int
delete_rows(Merge *merge, Run *run)
{
	CommandId	cid = GetCurrentCommandId(true);
	int			kept = 0;

	for (int i = 0; i < run->nrows; i++)
	{
		TM_FailureData failure;
		TM_Result	result;

		result = table_tuple_delete(merge->data, &run->rows[i]->t_self, cid,
									merge->snapshot, InvalidSnapshot, false,
									&failure, false);
		if (result == TM_Ok)
			run->rows[kept++] = run->rows[i];
		else
			run->complete = false;
	}
	return kept;
}

/* Replace the rows of a run by their combination, or by a recomputed row. */
static void
merge_run(Merge *merge, Run *run)
{
	FoRollup   *rollup = merge->rollup;
	int			ngroups = rollup->layout->ngroups;
	int			deleted = delete_rows(merge, run);
	FoDelta    *sum;
	bool		doubt;
	int64		n;

	if (deleted == 0)
		return;
	sum = combine_rows(merge, run->rows, deleted);
	doubt = fo_rollup_settle(rollup, sum);
	n = DatumGetInt64(sum->values[ngroups]);
	merge->merged += deleted;
	if (run->complete && n == 0)
		return;
	if (run->complete && doubt)
		sum = fo_rollup_recompute(rollup, sum, merge->snapshot);
	fo_rollup_write(rollup, &sum, 1, GetCurrentCommandId(true), false);
	merge->merged--;
}

/* Collect the slot's row into the run. */
static void
collect(Merge *merge, Run *run)
{
	if (run->rows == NULL)
		run->rows = palloc(sizeof(HeapTuple) * MAX_RUN);
	run->rows[run->nrows++] = ExecCopySlotHeapTuple(merge->slot);
}

/*
 * The snapshot for maintenance: the newest one, or that of the transaction where
 * the transaction must not see anything newer.
 */
Snapshot
fo_rollup_snapshot(void)
{
	return IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
		GetLatestSnapshot();
}

/* Prepare a merge; false when it should not happen now. */
static bool
begin_merge(Merge *merge, FoRollup *rollup, Relation data)
{
	int			ngroups = rollup->layout->ngroups;

	merge->rollup = rollup;
	merge->data = data;
	merge->merged = 0;
	merge->limit = 0;
	ItemPointerSetInvalid(&merge->place);
	merge->index = open_group_index(data, ngroups);
	if (merge->index == NULL && ngroups > 0)
		return false;
	PushActiveSnapshot(fo_rollup_snapshot());
	merge->snapshot = GetActiveSnapshot();
	merge->slot = table_slot_create(data, NULL);
	merge->cxt = AllocSetContextCreate(CurrentMemoryContext,
									   "filteropt rollup merge",
									   ALLOCSET_DEFAULT_SIZES);
	return true;
}

/* Release what begin_merge took. */
static void
end_merge(Merge *merge)
{
	ExecDropSingleTupleTableSlot(merge->slot);
	PopActiveSnapshot();
	MemoryContextDelete(merge->cxt);
	if (merge->index)
		index_close(merge->index, NoLock);
}

/* Does a run deserve work: several rows, a dead group, or one in doubt? */
static bool
worth_merging(Merge *merge, Run *run)
{
	FoDelta    *sum;

	if (run->nrows != 1)
		return run->nrows > 1;
	sum = combine_rows(merge, run->rows, 1);
	return DatumGetInt64(sum->values[merge->rollup->layout->ngroups]) == 0 ||
		fo_rollup_settle(merge->rollup, sum);
}

/* Collect all rows of a rollup without groups, which needs no index. */
static void
merge_only_group(Merge *merge)
{
	MemoryContext old = MemoryContextSwitchTo(merge->cxt);
	TableScanDesc scan = table_beginscan(merge->data, merge->snapshot, 0, NULL);
	Run			run = {0, true, NULL};

	while (run.nrows < MAX_RUN &&
		   table_scan_getnextslot(scan, ForwardScanDirection, merge->slot))
		collect(merge, &run);
	if (run.nrows == MAX_RUN)
		run.complete = false;
	ExecClearTuple(merge->slot);
	table_endscan(scan);
	if (worth_merging(merge, &run))
		merge_run(merge, &run);
	MemoryContextSwitchTo(old);
	MemoryContextReset(merge->cxt);
}

/* Is the slot's row of the same group as the row, in the index's order? */
static bool
same_group(Merge *merge, HeapTuple row, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(merge->data);

	for (int i = 0; i < merge->rollup->layout->ngroups; i++)
	{
		bool		nulla,
					nullb;
		Datum		a = heap_getattr(row, i + 1, desc, &nulla);
		Datum		b = slot_getattr(slot, i + 1, &nullb);

		if (nulla != nullb)
			return false;
		if (!nulla &&
			DatumGetInt32(FunctionCall2Coll(index_getprocinfo(merge->index, i + 1,
															  BTORDER_PROC),
											merge->index->rd_indcollation[i],
											a, b)) != 0)
			return false;
	}
	return true;
}

/* End a run in a pass over all groups; the next row may continue the group. */
static void
end_run(Merge *merge, Run *run, bool split)
{
	if (split)
		run->complete = false;
	if (worth_merging(merge, run))
		merge_run(merge, run);
	run->nrows = 0;
	run->rows = NULL;
	run->complete = !split;
	MemoryContextReset(merge->cxt);
}

/* The group values of the row to start at; false: start with the first. */
static bool
find_start(Merge *merge, Datum *values, bool *nulls)
{
	HeapTuple	row;

	if (!ItemPointerIsValid(&merge->place) ||
		!fo_has_block(merge->data, ItemPointerGetBlockNumber(&merge->place)) ||
		!table_tuple_fetch_row_version(merge->data, &merge->place, SnapshotAny,
									   merge->slot))
		return false;
	row = ExecCopySlotHeapTuple(merge->slot);
	heap_deform_tuple(row, RelationGetDescr(merge->data), values, nulls);
	ExecClearTuple(merge->slot);
	return true;
}

/*
 * Look at groups in the order of the index, at each once, until the limit is reached.
 * The walk keeps memory of its own, so only the rows of a group live in the context
 * that is reset.
 */
static void
merge_groups(Merge *merge)
{
	MemoryContext old = CurrentMemoryContext;
	Datum	   *values = palloc(sizeof(Datum) * merge->rollup->natts);
	bool	   *nulls = palloc(sizeof(bool) * merge->rollup->natts);
	bool		started = find_start(merge, values, nulls);
	FoWalk		walk;
	Run			run = {0, true, NULL};
	int64		looked = 0;
	TimestampTz last = GetCurrentTimestamp();

	fo_rollup_walk_begin(&walk, merge->data, merge->index, merge->snapshot,
						 started ? values : NULL, nulls);
	ItemPointerSetInvalid(&merge->place);
	while (fo_rollup_walk_next(&walk, merge->slot))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(merge->cxt);
		if (run.nrows > 0 && !same_group(merge, run.rows[0], merge->slot))
			end_run(merge, &run, false);
		else if (run.nrows == MAX_RUN)
			end_run(merge, &run, true);
		if (run.nrows == 0 && run.complete && merge->limit > 0 && looked >= merge->limit)
			merge->place = merge->slot->tts_tid;
		else
			collect(merge, &run);
		MemoryContextSwitchTo(old);
		if (ItemPointerIsValid(&merge->place))
			break;
		if (++looked % PROGRESS_ROWS == 0)
			fo_rollup_progress(merge->rollup, looked, "rows looked at", &last);
	}
	ExecClearTuple(merge->slot);
	MemoryContextSwitchTo(merge->cxt);
	end_run(merge, &run, false);
	MemoryContextSwitchTo(old);
	fo_rollup_walk_end(&walk);
}

/* Merge from merge->place on, up to the limit; returns the number of rows saved. */
static int64
merge_pass(FoRollup *rollup, Relation data, int64 limit, ItemPointer place)
{
	Merge		merge;

	if (!begin_merge(&merge, rollup, data))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rollup table \"%s\" has no index on its group columns",
						RelationGetRelationName(data)),
				 errhint("Call filteropt.rollup_drop and rollup_create again.")));
	merge.limit = limit;
	merge.place = *place;
	if (merge.index)
		merge_groups(&merge);
	else
		merge_only_group(&merge);
	*place = merge.place;
	end_merge(&merge);
	CommandCounterIncrement();
	return merge.merged;
}

/*
 * Merge every group of a rollup, recompute what is in doubt; one transaction,
 * cancellable.  Returns the number of partial rows saved; -1 if a rebuild is
 * running.
 */
int64
fo_rollup_merge_all(FoRollup *rollup)
{
	Relation	data;
	ItemPointerData place;
	int64		total = 0;
	int64		saved;

	if (!fo_rollup_lock(rollup->ids.query, RowExclusiveLock, false))
		return -1;
	fo_rollup_flush(NULL, false);
	CommandCounterIncrement();
	data = table_open(rollup->ids.data, RowExclusiveLock);
	do
	{
		ItemPointerSetInvalid(&place);
		saved = merge_pass(rollup, data, 0, &place);
		total += saved;
	} while (saved >= MAX_RUN - 1);
	table_close(data, NoLock);
	fo_rollup_count_merge(rollup->counters, total);
	return total;
}

/*
 * Merge the groups of about so many rows, from *place on (invalid: the first), which
 * moves on, and becomes invalid at the end.  False if a rebuild is running.
 */
bool
fo_rollup_merge_step(FoRollup *rollup, int64 rows, ItemPointer place)
{
	Relation	data;

	if (!fo_rollup_lock(rollup->ids.query, RowExclusiveLock, false))
		return false;
	data = table_open(rollup->ids.data, RowExclusiveLock);
	fo_rollup_count_merge(rollup->counters, merge_pass(rollup, data, rows, place));
	table_close(data, NoLock);
	return true;
}
