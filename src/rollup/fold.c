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
 * Entries of the index (or rows of
 * the table) that it passes on its way: old snapshots may hold back dead rows, and
 * a writer must not pay for them.
 */
#define MAX_PASSED	256

/* One look after the other at the groups of some deltas. */
typedef struct Fold
{
	FoRollup   *rollup;
	FoTarget   *target;
	Relation	index;			/* on the group columns; NULL without any */
	Snapshot	snapshot;
	CommandId	cid;
	IndexScanDesc scan;
	ScanKeyData keys[INDEX_MAX_KEYS];
	TupleTableSlot *slot;
	MemoryContext cxt;			/* of one group */
	int			nrows;			/* free rows found */
	HeapTuple	rows[FO_FOLD_ROWS];
	ItemPointerData roots[FO_FOLD_ROWS];	/* where index entries point */
	bool		complete;		/* they are all rows of the group */
} Fold;

/*
 * Where this backend has last found or put the row of a group.  The index entry
 * leads there as well; this saves the descent.
 */
typedef struct FoPlace
{
	uint32		hash;			/* of the group */
	uint16		uses;
	ItemPointerData tid;		/* of the root of its HOT chain */
} FoPlace;

/*
 * Places remembered per rollup, in sets of so many, the latest first; and uses of
 * one after which the index is asked, which finds other rows as well.
 */
#define PLACES		16384
#define SET_PLACES	4
#define LOOK_ONE_IN	32

/* Free bytes on a page below which dead rows on it are to go. */
#define CROWDED		1024

/* The set for groups of the hash; the memory goes with the loaded rollup. */
static FoPlace *
places_of(FoRollup *rollup, uint32 hash)
{
	if (rollup->places == NULL)
		rollup->places = MemoryContextAllocZero(rollup->cxt,
												PLACES * sizeof(FoPlace));
	return &rollup->places[hash % (PLACES / SET_PLACES) * SET_PLACES];
}

/* The place remembered for groups of the hash, or NULL. */
static FoPlace *
find_place(FoRollup *rollup, uint32 hash)
{
	FoPlace    *set = places_of(rollup, hash);

	for (int i = 0; i < SET_PLACES; i++)
	{
		if (set[i].hash == hash && ItemPointerIsValid(&set[i].tid))
			return &set[i];
	}
	return NULL;
}

/* Remember where the delta's group has its row. */
void
fo_rollup_remember(FoRollup *rollup, const FoDelta *delta, ItemPointer tid)
{
	FoPlace    *place = find_place(rollup, delta->hash);

	if (place == NULL)
	{
		place = places_of(rollup, delta->hash);
		memmove(place + 1, place, (SET_PLACES - 1) * sizeof(FoPlace));
		place->hash = delta->hash;
		place->uses = 0;
	}
	else if (place->uses >= LOOK_ONE_IN)
		place->uses = 0;
	place->tid = *tid;
}

/* Collect a visible row if it is free. */
static void
collect(Fold *fold, HeapTuple row, ItemPointer root)
{
	uint16		mask = row->t_data->t_infomask;

	/* Whoever has stamped it is changing it right now, or just has. */
	if ((mask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(mask))
	{
		fold->roots[fold->nrows] = *root;
		fold->rows[fold->nrows++] = row;
	}
	else
		fold->complete = false;
}

/*
 * Fetch the visible row of a HOT chain into the memory of the group, or NULL;
 * *all_dead as an index scan wants to know.  Unlike such a scan it leaves dead
 * rows on the page until room for new ones gets scarce: to prune at each visit
 * would cost as much as the update.
 */
static HeapTuple
fetch_row(Fold *fold, ItemPointerData tid, bool *all_dead)
{
	Relation	rel = fold->target->rel;
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tid));
	HeapTupleData row;
	HeapTuple	copy = NULL;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (PageGetHeapFreeSpace(BufferGetPage(buffer)) < CROWDED)
	{
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		heap_page_prune_opt(rel, buffer);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	}
	if (heap_hot_search_buffer(&tid, rel, buffer, fold->snapshot, &row, all_dead, true))
	{
		MemoryContext old = MemoryContextSwitchTo(fold->cxt);

		copy = heap_copytuple(&row);
		MemoryContextSwitchTo(old);
	}
	UnlockReleaseBuffer(buffer);
	return copy;
}

/*
 * Find the rows of the delta's group, the newest first.  The scan keeps memory of
 * its own, so the current context is not that of the group.
 */
static void
find_rows(Fold *fold, const FoDelta *delta)
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
find_all_rows(Fold *fold)
{
	TableScanDesc scan = table_beginscan(fold->target->rel, fold->snapshot, 0, NULL);
	MemoryContext old;
	int			passed = 0;

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
static bool
same_group(Fold *fold, const FoDelta *delta, HeapTuple row)
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

/* Find the group's row where it was last, if it is still there and free. */
static bool
find_remembered(Fold *fold, const FoDelta *delta)
{
	FoPlace    *place = find_place(fold->rollup, delta->hash);
	HeapTuple	row;

	fold->nrows = 0;
	fold->complete = false;
	if (place == NULL || ++place->uses >= LOOK_ONE_IN ||
		!fo_has_block(fold->target->rel, ItemPointerGetBlockNumber(&place->tid)))
		return false;
	row = fetch_row(fold, place->tid, NULL);
	if (row && same_group(fold, delta, row))
		collect(fold, row, &place->tid);
	return fold->nrows > 0;
}

/* Take a row's values into the delta. */
static void
absorb(Fold *fold, FoDelta *delta, HeapTuple row)
{
	FoRollup   *rollup = fold->rollup;
	Datum	   *values = palloc(sizeof(Datum) * rollup->natts);
	bool	   *nulls = palloc(sizeof(bool) * rollup->natts);

	heap_deform_tuple(row, RelationGetDescr(fold->target->rel), values, nulls);
	fo_rollup_combine(rollup, delta->values, delta->nulls, values, nulls);
}

/* Delete a row unless somebody is faster. */
static bool
delete_row(Fold *fold, HeapTuple row)
{
	TM_FailureData failure;

	return table_tuple_delete(fold->target->rel, &row->t_self, fold->cid,
							  fold->snapshot, InvalidSnapshot, false, &failure,
							  false) == TM_Ok;
}

/* Put the delta in the place of a row unless somebody is faster. */
static bool
update_row(Fold *fold, HeapTuple row, ItemPointer root, const FoDelta *delta)
{
	bool		index_it;
	bool		summaries;

	fo_rollup_fill_slot(fold->rollup, fold->slot, delta);
	if (!fo_tuple_update(fold->target->rel, &row->t_self, fold->slot, fold->cid,
						 fold->snapshot, &index_it, &summaries))
		return false;
	if (index_it)
		fo_rollup_index_row(fold->target, fold->slot, summaries);
	fo_rollup_remember(fold->rollup, delta,
					   index_it && !summaries ? &fold->slot->tts_tid : root);
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

/*
 * Fold a delta into the rows of its group.  Otherwise returns what is to be
 * appended, which may hold more than the delta by then; NULL if nothing is.
 */
static FoDelta *
fold_delta(Fold *fold, FoDelta *delta)
{
	FoRollup   *rollup = fold->rollup;
	int			last = fold->nrows - 1;
	FoDelta    *rest = delta;
	FoDelta    *sum;

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
	sum = copy_delta(rollup, rest);
	absorb(fold, sum, fold->rows[last]);
	(void) fo_rollup_settle(rollup, sum);
	if (fold->complete && DatumGetInt64(sum->values[rollup->layout->ngroups]) == 0)
		return delete_row(fold, fold->rows[last]) ? NULL : rest;
	return update_row(fold, fold->rows[last], &fold->roots[last], sum) ? NULL : rest;
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
begin_fold(Fold *fold, FoRollup *rollup, FoTarget *target)
{
	fold->rollup = rollup;
	fold->target = target;
	fold->scan = NULL;
	fold->index = NULL;
	if (!fo_rollup_lock(rollup->ids.query, RowExclusiveLock, false))
		return false;
	PushActiveSnapshot(GetLatestSnapshot());
	fold->snapshot = GetActiveSnapshot();
	fold->cid = GetCurrentCommandId(true);
	fold->slot = table_slot_create(target->rel, NULL);
	fold->cxt = AllocSetContextCreate(CurrentMemoryContext, "filteropt rollup fold",
									  ALLOCSET_DEFAULT_SIZES);
	return true;
}

/* Start to use the index; false if there is none. */
static bool
begin_scan(Fold *fold)
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
look(Fold *fold, const FoDelta *delta)
{
	if (fold->rollup->layout->ngroups == 0)
		find_all_rows(fold);
	else if (fold->scan || begin_scan(fold))
		find_rows(fold, delta);
}

/* Release what begin_fold took, the lock aside. */
static void
end_fold(Fold *fold)
{
	if (fold->scan)
		index_endscan(fold->scan);
	ExecDropSingleTupleTableSlot(fold->slot);
	PopActiveSnapshot();
}

/*
 * Fold deltas into the rows of the data table.  Returns how many must be
 * appended instead, and moves them to the front of the array.
 */
int
fo_rollup_fold(FoRollup *rollup, FoTarget *target, FoDelta **deltas, int ndeltas)
{
	Fold		fold;
	int			left = 0;

	if (!fo_rollup_may_fold || !begin_fold(&fold, rollup, target))
		return ndeltas;
	for (int i = 0; i < ndeltas; i++)
	{
		FoDelta    *rest;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		if (!find_remembered(&fold, deltas[i]))
			look(&fold, deltas[i]);
		old = MemoryContextSwitchTo(fold.cxt);
		rest = fold_delta(&fold, deltas[i]);
		MemoryContextSwitchTo(old);
		if (rest && rest != deltas[i])
			rest = copy_delta(rollup, rest);
		if (rest)
			deltas[left++] = rest;
		MemoryContextReset(fold.cxt);
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
