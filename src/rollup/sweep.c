/*
 * sweep.c
 *		Fold the deltas of a transaction page by page, as far as this backend
 *		remembers where the rows of their groups are.
 *
 * Example: a statement has touched 550 groups, and the rows of 500 of them are on
 * 120 pages that the backend has visited before.  Sorted by place, each page is
 * found, locked and tidied up once, and the rows wanted of it are copied in one
 * go.  What is left, because a place is unknown, outdated or taken by another
 * writer, goes to the index (fold.c).
 *
 * A row that is written often is a chain of versions, dead ones most of them: the
 * look starts at the version that this backend has seen last.  It asks what is
 * committed when it looks (SnapshotSelf): to take a snapshot would cost a tenth of the
 * whole fold, and more the more sessions there are, and to see what commits after it
 * is welcome (fold.c, "Why the sum is right").
 *
 * In most rollups all partial columns are counts and integer sums.  Then the new
 * row is the copied one with numbers added in place: as these columns are the last
 * of the row, have eight bytes each and are never null, they end where it ends.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "base/compat_write.h"
#include "common/int.h"
#include "miscadmin.h"
#include "rollup/fold.h"
#include "rollup/place.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* So many versions are looked at from the one seen last. */
#define MAX_VERSIONS	64

/* A delta, and where the row of its group may be. */
typedef struct Placed
{
	uint64		place;			/* block, root and tip */
	FoDelta    *delta;
	HeapTuple	row;			/* NULL: not there, or not free */
	Buffer		buffer;			/* that may hold the page */
} Placed;

#define ST_SORT sort_placed
#define ST_ELEMENT_TYPE Placed
#define ST_COMPARE(a, b) ((a)->place < (b)->place ? -1 : (a)->place > (b)->place)
#define ST_SCOPE static
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

#define PLACE_OF(spot) \
	((uint64) ItemPointerGetBlockNumber(&(spot)->root) << 32 | \
	 (uint64) ItemPointerGetOffsetNumber(&(spot)->root) << 16 | (spot)->tip)
#define BLOCK_OF(place) ((BlockNumber) ((place) >> 32))
#define ROOT_OF(place) ((OffsetNumber) ((place) >> 16 & 0xffff))
#define TIP_OF(place) ((OffsetNumber) ((place) & 0xffff))

/*
 * Split the deltas: those with a place go to "placed", the others to the front of
 * their array.  Returns the number of those placed.
 */
static int
place_deltas(FoFold *fold, FoDelta **deltas, int ndeltas, Placed *placed)
{
	int			n = 0;
	int			left = 0;

	for (int i = 0; i < ndeltas; i++)
	{
		FoSpot		spot;

		if (fo_rollup_recall(fold->rollup, deltas[i], &spot))
		{
			placed[n].place = PLACE_OF(&spot);
			placed[n].delta = deltas[i];
			placed[n].buffer = spot.buffer;
			placed[n++].row = NULL;
		}
		else
			deltas[left++] = deltas[i];
	}
	return n;
}

/*
 * Look for the visible version of a row from the one seen last.  That one may be
 * gone and its line pointer taken by any other row: whoever calls this checks
 * the group, and then it does not matter which way led there.
 */
static bool
follow_tip(FoFold *fold, Buffer buffer, BlockNumber block, OffsetNumber tip,
		   HeapTuple row)
{
	Page		page = BufferGetPage(buffer);

	row->t_tableOid = RelationGetRelid(fold->target->rel);
	for (int i = 0; i < MAX_VERSIONS; i++)
	{
		ItemId		item;

		if (tip < FirstOffsetNumber || tip > PageGetMaxOffsetNumber(page))
			return false;
		item = PageGetItemId(page, tip);
		if (!ItemIdIsNormal(item))
			return false;
		row->t_data = (HeapTupleHeader) PageGetItem(page, item);
		row->t_len = ItemIdGetLength(item);
		ItemPointerSet(&row->t_self, block, tip);
		if (HeapTupleSatisfiesVisibility(row, SnapshotSelf, buffer))
			return true;
		if (!HeapTupleIsHotUpdated(row))
			return false;
		tip = ItemPointerGetOffsetNumber(&row->t_data->t_ctid);
	}
	return false;
}

/* Look for the visible version of a row on its page. */
static bool
find_version(FoFold *fold, Buffer buffer, uint64 place, HeapTuple row)
{
	ItemPointerData root;

	if (follow_tip(fold, buffer, BLOCK_OF(place), TIP_OF(place), row))
		return true;
	ItemPointerSet(&root, BLOCK_OF(place), ROOT_OF(place));
	return heap_hot_search_buffer(&root, fold->target->rel, buffer, SnapshotSelf, row, NULL,
								  true);
}

/* May this command change the row?  Not if it, or a later one, has written it. */
static bool
is_earlier(FoFold *fold, HeapTuple row)
{
	return HeapTupleHeaderXminCommitted(row->t_data) ||
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(row->t_data)) ||
		HeapTupleHeaderGetCmin(row->t_data) < fold->cid;
}

/* Copy the free rows of the groups that are on one page. */
static void
copy_rows(FoFold *fold, Buffer buffer, Placed *placed, int n)
{
	bool		crowded;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	for (int i = 0; i < n; i++)
	{
		HeapTupleData row;

		if (find_version(fold, buffer, placed[i].place, &row) &&
			fo_rollup_is_free(&row) && is_earlier(fold, &row) &&
			fo_rollup_same_group(fold, placed[i].delta, &row))
			placed[i].row = heap_copytuple(&row);
	}
	crowded = fo_rollup_crowded(buffer);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (crowded)
		heap_page_prune_opt(fold->target->rel, buffer);
}

/* Add the delta's numbers to those at the end of the row. */
static void
add_in_place(FoRollup *rollup, HeapTuple row, const FoDelta *delta)
{
	int			ncolumns = rollup->layout->ncolumns;
	int64	   *numbers = (int64 *) ((char *) row->t_data + row->t_len) - ncolumns;
	Datum	   *values = delta->values + rollup->layout->ngroups;

	for (int i = 0; i < ncolumns; i++)
	{
		if (pg_add_s64_overflow(numbers[i], DatumGetInt64(values[i]), &numbers[i]))
			fo_rollup_out_of_range();
	}
}

/* Update a copied row to its sum with the delta unless somebody is faster. */
static bool
fold_row(FoFold *fold, Buffer buffer, const Placed *placed)
{
	FoRollup   *rollup = fold->rollup;
	HeapTupleData old = *placed->row;
	HeapTuple	sum = placed->row;
	ItemPointerData root;

	ItemPointerSet(&root, BLOCK_OF(placed->place), ROOT_OF(placed->place));
	if (rollup->only_integers)
		add_in_place(rollup, sum, placed->delta);
	else
		sum = fo_rollup_form_row(fold, fo_rollup_sum(fold, placed->delta, &old));
	return fo_rollup_update_row(fold, &old.t_self, sum, &root, buffer, placed->delta);
}

/* Fold the deltas of one page; those that stay go to "left". */
static int
sweep_page(FoFold *fold, Placed *placed, int n, FoDelta **left)
{
	MemoryContext old = MemoryContextSwitchTo(fold->cxt);
	Buffer		buffer = fo_read_block(fold->target->rel, BLOCK_OF(placed[0].place),
									   placed[0].buffer);
	int			nleft = 0;

	if (BufferIsValid(buffer))
	{
		copy_rows(fold, buffer, placed, n);
		for (int i = 0; i < n; i++)
		{
			if (placed[i].row && fold_row(fold, buffer, &placed[i]))
				placed[i].delta = NULL;
		}
		ReleaseBuffer(buffer);
	}
	for (int i = 0; i < n; i++)
	{
		if (placed[i].delta)
			left[nleft++] = placed[i].delta;
	}
	MemoryContextSwitchTo(old);
	fo_rollup_forget(fold);
	return nleft;
}

/*
 * Fold what can be folded without the index.  Returns how many deltas are left,
 * and moves them to the front of the array.
 */
int
fo_rollup_sweep(FoFold *fold, FoDelta **deltas, int ndeltas)
{
	Placed	   *placed = palloc(sizeof(Placed) * ndeltas);
	int			nplaced = place_deltas(fold, deltas, ndeltas, placed);
	int			left = ndeltas - nplaced;
	int			end;

	if (nplaced > 1)
		sort_placed(placed, nplaced);
	for (int start = 0; start < nplaced; start = end)
	{
		for (end = start + 1; end < nplaced; end++)
		{
			if (BLOCK_OF(placed[end].place) != BLOCK_OF(placed[start].place))
				break;
		}
		CHECK_FOR_INTERRUPTS();
		left += sweep_page(fold, placed + start, end - start, deltas + left);
	}
	pfree(placed);
	return left;
}
