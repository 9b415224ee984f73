/*
 * fold.c
 *		At the end of a transaction: add its deltas to rows that are there.
 *
 * A committing writer looks its group up in the index and finds the partial rows
 * that are committed.  Those that no other transaction is changing right now are
 * free: it updates one of them to the sum of a few free rows and its own delta, and
 * deletes the others.  Only when none is free it appends its delta as a row.
 * Nothing here waits: a row that is busy is left alone.  Example, (7, May 1):
 *
 *		rows found: n=120 | n=2 | n=1 (being updated by someone else)
 *		own delta:  n=1
 *		after:      n=123 |     | n=1
 *
 * Hence the bound.  A row is appended only when all rows that are visible are
 * busy, and each transaction that is committing keeps at most FO_FOLD_ROWS busy and
 * appends one.  So while at most w transactions commit to a group at the same
 * moment, it has at most (FO_FOLD_ROWS + 1) * w rows; one that is written by one
 * session at a time has one row.  No worker and no shared state is needed.
 *
 * A backend remembers where it has found a group, and looks there first: then it
 * sees one row only, and goes to the index when that is gone or busy, or after
 * some uses, to find rows that a burst of writers has left.
 *
 * Why the sum is right for every snapshot: whoever sees this transaction as
 * committed also sees those as committed whose rows it has folded, because they
 * had committed when it looked.  That takes a look at what is newest, whatever
 * the isolation level, and the transaction reads nothing after it.  Serializable
 * transactions append, because conflicts are found by index entries.
 *
 * The update is heap-only (HOT) as long as the page has room, because no group
 * column changes: no index entry is made, and the old row's space is reclaimed
 * by the next visitors of the page.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat_write.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rollup/fold.h"
#include "rollup/group.h"
#include "rollup/merge.h"
#include "rollup/place.h"
#include "rollup/settings.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/lockdefs.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(fo_rollup_row_bound);

/*
 * Entries of the index (or rows of the table) that a writer passes in search of its
 * group: old snapshots may hold back dead rows, and it must not pay for them.
 */
#define MAX_PASSED	256

/*
 * Free bytes on a page below which dead rows on it are to go: room for a few rows,
 * because several writers may come to the page at once.
 */
#define CROWDED		512

/* So few deltas need no memory that is freed from one to the next. */
#define FEW			8

/* Is nobody changing the visible row?  Whoever has stamped it is, or just has. */
bool
fo_rollup_is_free(HeapTuple row)
{
	uint16		mask = row->t_data->t_infomask;

	return (mask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(mask);
}

/* Collect a visible row if it is free. */
static void
collect(FoFold *fold, HeapTuple row, ItemPointer root)
{
	if (fo_rollup_is_free(row))
	{
		fold->roots[fold->nrows] = *root;
		fold->rows[fold->nrows++] = row;
	}
	else
		fold->complete = false;
}

/*
 * Is the locked page to be tidied up once it is unlocked?  Unlike an index scan this
 * leaves dead rows there until room for new ones gets scarce: to prune at each visit
 * would cost as much as the update.
 */
bool
fo_rollup_crowded(Buffer buffer)
{
	return PageGetHeapFreeSpace(BufferGetPage(buffer)) < CROWDED;
}

/*
 * Fetch the visible row of a HOT chain into the memory of the group, or NULL;
 * *all_dead as an index scan wants to know.
 */
static HeapTuple
fetch_row(FoFold *fold, ItemPointerData tid, bool *all_dead)
{
	Relation	rel = fold->target->rel;
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tid));
	HeapTupleData row;
	HeapTuple	copy = NULL;
	bool		crowded;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (heap_hot_search_buffer(&tid, rel, buffer, fold->snapshot, &row, all_dead, true))
	{
		MemoryContext old = MemoryContextSwitchTo(fold->cxt);

		copy = heap_copytuple(&row);
		MemoryContextSwitchTo(old);
	}
	crowded = fo_rollup_crowded(buffer);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (crowded)
		heap_page_prune_opt(rel, buffer);
	ReleaseBuffer(buffer);
	return copy;
}

/*
 * Find the rows of the delta's group, the newest first.  The scan keeps memory of
 * its own, so the current context is not that of the group.
 */
static void
find_rows(FoFold *fold, const FoDelta *delta)
{
	ItemPointer tid;
	int			passed = 0;

	for (int i = 0; i < fold->rollup->layout->ngroups; i++)
		fo_rollup_set_key(&fold->keys[i], delta->values[i], delta->nulls[i]);
	index_rescan(fold->scan, fold->keys, fold->rollup->layout->ngroups, NULL, 0);
	fold->nrows = 0;
	fold->complete = true;
	while ((tid = index_getnext_tid(fold->scan, BackwardScanDirection)) != NULL)
	{
		HeapTuple	row;
		bool		all_dead = false;

		if (++passed > MAX_PASSED || fold->nrows == FO_FOLD_ROWS)
		{
			fold->complete = false;
			break;
		}
		row = fetch_row(fold, *tid, &all_dead);
		if (row)
			collect(fold, row, tid);
		fold->scan->kill_prior_tuple = all_dead;
	}
}

/* The same for a rollup without groups: all of its rows. */
static void
find_all_rows(FoFold *fold)
{
	TableScanDesc scan = table_beginscan(fold->target->rel, fold->snapshot, 0, NULL);
	MemoryContext old;
	int			passed = 0;

	if (fold->slot == NULL)
		fold->slot = table_slot_create(fold->target->rel, NULL);
	fold->nrows = 0;
	fold->complete = true;
	while (table_scan_getnextslot(scan, ForwardScanDirection, fold->slot))
	{
		if (++passed > MAX_PASSED || fold->nrows == FO_FOLD_ROWS)
		{
			fold->complete = false;
			break;
		}
		old = MemoryContextSwitchTo(fold->cxt);
		collect(fold, ExecCopySlotHeapTuple(fold->slot), &fold->slot->tts_tid);
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(fold->slot);
	table_endscan(scan);
}

/* Are the group's values in the row those of the delta, bit by bit? */
bool
fo_rollup_same_group(FoFold *fold, const FoDelta *delta, HeapTuple row)
{
	FoRollup   *rollup = fold->rollup;
	TupleDesc	desc = RelationGetDescr(fold->target->rel);

	for (int i = 0; i < rollup->layout->ngroups; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(row, i + 1, desc, &isnull);

		if (isnull != delta->nulls[i] ||
			(!isnull && !datum_image_eq(value, delta->values[i],
										rollup->typbyval[i], rollup->typlen[i])))
			return false;
	}
	return true;
}

/* Take a row's values into the delta. */
static void
absorb(FoFold *fold, FoDelta *delta, HeapTuple row)
{
	FoRollup   *rollup = fold->rollup;
	Datum	   *values = palloc(sizeof(Datum) * rollup->natts);
	bool	   *nulls = palloc(sizeof(bool) * rollup->natts);

	heap_deform_tuple(row, RelationGetDescr(fold->target->rel), values, nulls);
	fo_rollup_combine(rollup, delta->values, delta->nulls, values, nulls);
}

/* Delete a row unless somebody is faster. */
static bool
delete_row(FoFold *fold, HeapTuple row)
{
	TM_FailureData failure;

	return table_tuple_delete(fold->target->rel, &row->t_self, fold->cid,
							  fold->snapshot, InvalidSnapshot, false, &failure,
							  false) == TM_Ok;
}

/* Index a row that took the place of another on another page, or its summaries. */
static void
index_row(FoFold *fold, HeapTuple row, bool summaries)
{
	MemoryContext old = MemoryContextSwitchTo(fold->target->cxt);

	if (fold->slot == NULL)
		fold->slot = table_slot_create(fold->target->rel, NULL);
	ExecForceStoreHeapTuple(row, fold->slot, false);
	fold->slot->tts_tid = row->t_self;
	fo_rollup_index_row(fold->target, fold->slot, summaries);
	ExecClearTuple(fold->slot);
	MemoryContextSwitchTo(old);
}

/* The delta as a row of the data table. */
HeapTuple
fo_rollup_form_row(FoFold *fold, const FoDelta *delta)
{
	return heap_form_tuple(RelationGetDescr(fold->target->rel), delta->values,
						   delta->nulls);
}

/*
 * Put a row in the place of another of the delta's group, whose HOT chain starts at
 * root, unless somebody is faster.  The buffer is that of the page, if known.
 */
bool
fo_rollup_update_row(FoFold *fold, ItemPointer old, HeapTuple row, ItemPointer root,
					 Buffer buffer, const FoDelta *delta)
{
	Relation	rel = fold->target->rel;
	bool		index_it;
	bool		summaries;

	if (!fo_heap_update(rel, old, row, fold->cid, &index_it, &summaries))
		return false;
	if (index_it)
		index_row(fold, row, summaries);
	if (index_it && !summaries)
		fo_rollup_remember(fold->rollup, delta, &row->t_self, &row->t_self, InvalidBuffer);
	else
		fo_rollup_remember(fold->rollup, delta, root, &row->t_self, buffer);
	return true;
}

/* A copy of the delta that combining leaves the original's values alone. */
static FoDelta *
copy_delta(FoRollup *rollup, const FoDelta *delta)
{
	FoDelta    *copy = palloc(sizeof(FoDelta));

	copy->hash = delta->hash;
	copy->values = palloc(sizeof(Datum) * rollup->natts);
	copy->nulls = palloc(sizeof(bool) * rollup->natts);
	memcpy(copy->values, delta->values, sizeof(Datum) * rollup->natts);
	memcpy(copy->nulls, delta->nulls, sizeof(bool) * rollup->natts);
	for (int i = rollup->layout->ngroups; i < rollup->natts; i++)
	{
		if (!copy->nulls[i])
			copy->values[i] = datumCopy(copy->values[i], rollup->typbyval[i],
										rollup->typlen[i]);
	}
	return copy;
}

/* What the row is to become when the delta is added to it. */
FoDelta *
fo_rollup_sum(FoFold *fold, const FoDelta *delta, HeapTuple row)
{
	FoDelta    *sum = copy_delta(fold->rollup, delta);

	absorb(fold, sum, row);
	(void) fo_rollup_settle(fold->rollup, sum);
	return sum;
}

/*
 * Fold a delta into the rows of its group.  Otherwise returns what is to be
 * appended, which may hold more than the delta by then; NULL if nothing is.
 */
static FoDelta *
fold_delta(FoFold *fold, FoDelta *delta)
{
	FoRollup   *rollup = fold->rollup;
	int			last = fold->nrows - 1;
	FoDelta    *rest = delta;
	FoDelta    *sum;
	HeapTuple	row;

	if (last < 0)
		return delta;
	if (last > 0)
		rest = copy_delta(rollup, delta);
	for (int i = 0; i < last; i++)
	{
		if (delete_row(fold, fold->rows[i]))
			absorb(fold, rest, fold->rows[i]);
		else
			fold->complete = false;
	}
	row = fold->rows[last];
	sum = fo_rollup_sum(fold, rest, row);
	if (fold->complete && DatumGetInt64(sum->values[rollup->layout->ngroups]) == 0)
		return delete_row(fold, row) ? NULL : rest;
	return fo_rollup_update_row(fold, &row->t_self, fo_rollup_form_row(fold, sum),
								&fold->roots[last], InvalidBuffer, sum) ? NULL : rest;
}

/* The index on the group columns; NULL if there is none. */
static Relation
group_index(FoRollup *rollup, FoTarget *target)
{
	for (int i = 0; i < target->nindexes; i++)
	{
		if (fo_rollup_is_group_index(target->indexes[i], rollup->layout->ngroups))
			return target->indexes[i];
	}
	return NULL;
}

/* Prepare; false when folding must not happen now. */
static bool
begin_fold(FoFold *fold, FoRollup *rollup, FoTarget *target, int ndeltas)
{
	if (!fo_rollup_lock(rollup->ids.query, RowExclusiveLock, false))
		return false;
	fold->rollup = rollup;
	fold->target = target;
	fold->scan = NULL;
	fold->index = NULL;
	fold->snapshot = NULL;
	fold->cid = GetCurrentCommandId(true);
	fold->slot = NULL;
	fold->few = ndeltas <= FEW;
	fold->cxt = fold->few ? CurrentMemoryContext :
		AllocSetContextCreate(CurrentMemoryContext, "filteropt rollup fold",
							  ALLOCSET_DEFAULT_SIZES);
	return true;
}

/* Free what belongs to one group or page. */
void
fo_rollup_forget(FoFold *fold)
{
	if (!fold->few)
		MemoryContextReset(fold->cxt);
}

/* Start to use the index; false if there is none. */
static bool
begin_scan(FoFold *fold)
{
	int			ngroups = fold->rollup->layout->ngroups;

	fo_rollup_open_indexes(fold->target);
	fold->index = group_index(fold->rollup, fold->target);
	if (fold->index == NULL)
		return false;
	fold->scan = fo_index_beginscan(fold->target->rel, fold->index,
									fold->snapshot, ngroups);
	for (int i = 0; i < ngroups; i++)
		fo_rollup_init_key(&fold->keys[i], fold->index, i);
	return true;
}

/* Find the rows of the delta's group by the index, or all without groups. */
static void
find_group(FoFold *fold, const FoDelta *delta)
{
	if (fold->snapshot == NULL)
	{
		PushActiveSnapshot(GetLatestSnapshot());
		fold->snapshot = GetActiveSnapshot();
	}
	if (fold->rollup->layout->ngroups == 0)
		find_all_rows(fold);
	else if (fold->scan || begin_scan(fold))
		find_rows(fold, delta);
}

/* Release what begin_fold took, the lock aside. */
static void
end_fold(FoFold *fold)
{
	if (fold->scan)
		index_endscan(fold->scan);
	if (fold->slot)
		ExecDropSingleTupleTableSlot(fold->slot);
	if (fold->snapshot)
		PopActiveSnapshot();
}

/* Order deltas roughly as the index does, for locality of its pages. */
static int
compare_deltas(const void *a, const void *b)
{
	const FoDelta *da = *(FoDelta *const *) a;
	const FoDelta *db = *(FoDelta *const *) b;
	int64		va = (int64) da->values[0];
	int64		vb = (int64) db->values[0];

	return va < vb ? -1 : va > vb;
}

/* Sort deltas for the index, if that is cheap. */
void
fo_rollup_sort(FoRollup *rollup, FoDelta **deltas, int ndeltas)
{
	if (ndeltas > 1 && rollup->layout->ngroups > 0 && rollup->typbyval[0])
		qsort(deltas, ndeltas, sizeof(FoDelta *), compare_deltas);
}

/* Fold a delta with the help of the index.  Returns what is to be appended, or NULL. */
static FoDelta *
fold_by_index(FoFold *fold, FoDelta *delta)
{
	FoDelta    *rest;
	MemoryContext old;

	find_group(fold, delta);
	old = MemoryContextSwitchTo(fold->cxt);
	rest = fold_delta(fold, delta);
	MemoryContextSwitchTo(old);
	if (rest && rest != delta)
		rest = copy_delta(fold->rollup, rest);
	fo_rollup_forget(fold);
	return rest;
}

/*
 * Fold deltas into the rows of the data table.  Returns how many must be
 * appended instead, and moves them to the front of the array.
 */
int
fo_rollup_fold(FoRollup *rollup, FoTarget *target, FoDelta **deltas, int ndeltas)
{
	FoFold		fold;
	int			left = 0;

	if (!fo_rollup_may_fold || !begin_fold(&fold, rollup, target, ndeltas))
		return ndeltas;
	if (rollup->layout->ngroups > 0)
		ndeltas = fo_rollup_sweep(&fold, deltas, ndeltas);
	fo_rollup_sort(rollup, deltas, ndeltas);
	for (int i = 0; i < ndeltas; i++)
	{
		FoDelta    *rest;

		CHECK_FOR_INTERRUPTS();
		rest = fold_by_index(&fold, deltas[i]);
		if (rest)
			deltas[left++] = rest;
	}
	end_fold(&fold);
	return left;
}

/* filteropt.rollup_row_bound() returns int: rows of a group per committing writer. */
Datum
fo_rollup_row_bound(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(FO_FOLD_ROWS + 1);
}
