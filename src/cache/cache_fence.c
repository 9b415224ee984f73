/*
 * cache_fence.c
 *		Fences: which keys have uncommitted or too recent changes.
 *
 * Every key hashes to a cell, every resource has two.  A transaction marks the cells
 * of what it changes before the change and holds the marks to its end; at commit it
 * moves their clocks on, once its changes are visible and before it tells anyone that
 * it committed.  The protocol:
 *
 *	Reading:	only from an unmarked cell; what is shared is then what the newest
 *				committed change says, or was committed after the reader's snapshot, which
 *				the writer's transaction id in the entry tells.
 *	Filling:	note the clock of an unmarked cell, read the table, make sure that what was
 *				read is the newest committed version (fo_fence_settled, or the row itself),
 *				and store only if the cell is as it was.
 *	Publishing: leave the id, move the clock, remove or replace the shared value, then
 *				unmark.  Until then nothing but the mark tells others of the change.
 *
 * Example: A reads row v1 with clock 5.  B marks, updates to v2, commits, moves the
 * clock to 6, removes, unmarks.  A's fill finds clock 6 and is thrown away.
 *
 * Cells are shared by keys that collide; that throws a fill away for nothing now and
 * then.  All fields are atomic; a crash of any backend resets shared memory.
 */
#include "postgres.h"

#include "access/transam.h"
#include "cache/cache_internal.h"
#include "cache/cache_shared.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A cell that this transaction holds a mark on. */
typedef struct Mark
{
	FoCacheCell *cell;			/* hash key */
	uint64		clock;			/* when first marked, or of our own
								 * publication */
	uint64		first_clock;	/* when first marked */
	uint32		times;			/* we have marked it */
	bool		raced;			/* others held a mark then */
} Mark;

static HTAB *marks = NULL;

/* Hold a mark on a cell until this transaction ends. */
void
fo_fence_mark(FoCacheCell *cell)
{
	Mark	   *mark;
	bool		found;
	uint64		before;

	if (marks == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(FoCacheCell *), .entrysize = sizeof(Mark),
			.hcxt = TopTransactionContext};

		marks = hash_create("filteropt fence marks", 64, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	mark = hash_search(marks, &cell, HASH_ENTER, &found);
	if (found)
	{
		mark->times++;
		return;
	}
	before = pg_atomic_fetch_add_u64(&cell->state, 1);
	mark->times = 1;
	mark->clock = mark->first_clock = fo_cell_clock(before);
	mark->raced = fo_cell_dirty(before) > 0;
}

static Mark *
find_mark(FoCacheCell *cell)
{
	return marks == NULL ? NULL : hash_search(marks, &cell, HASH_FIND, NULL);
}

/* Does this transaction hold a mark on the cell? */
bool
fo_fence_mine(FoCacheCell *cell)
{
	return find_mark(cell) != NULL;
}

/* Do other transactions hold marks on the cell? */
bool
fo_fence_others(FoCacheCell *cell)
{
	uint64		dirty = fo_cell_dirty(pg_atomic_read_u64(&cell->state));

	return dirty > (fo_fence_mine(cell) ? 1 : 0);
}

/* Has nobody else marked or changed the cell since this transaction first did? */
bool
fo_fence_unraced(FoCacheCell *cell)
{
	Mark	   *mark = find_mark(cell);
	uint64		state = pg_atomic_read_u64(&cell->state);

	return mark != NULL && !mark->raced && fo_cell_dirty(state) == 1 &&
		fo_cell_clock(state) == mark->clock;
}

/* The same, or nobody has marked it. */
bool
fo_fence_unraced_or_free(FoCacheCell *cell)
{
	return fo_cell_dirty(pg_atomic_read_u64(&cell->state)) == 0 || fo_fence_unraced(cell);
}

/* How often has this transaction marked the cell? */
uint32
fo_fence_times(FoCacheCell *cell)
{
	Mark	   *mark = find_mark(cell);

	return mark == NULL ? 0 : mark->times;
}

/* What to compare a cell with later. */
FoFenceNote
fo_fence_note(FoCacheCell *cell)
{
	return (FoFenceNote) {fo_cell_clock(pg_atomic_read_u64(&cell->state)), fo_fence_times(cell)};
}

/* Has nobody changed the cell since it was noted, this transaction included? */
bool
fo_fence_is_noted(FoCacheCell *cell, const FoFenceNote *note)
{
	Mark	   *mark = find_mark(cell);
	uint64		state = pg_atomic_read_u64(&cell->state);

	if (mark == NULL)
		return fo_cell_dirty(state) == 0 && fo_cell_clock(state) == note->clock;
	return mark->times == note->times && mark->first_clock == note->clock &&
		fo_fence_unraced(cell);
}

/* Has this transaction marked anything? */
bool
fo_fence_any(void)
{
	return marks != NULL;
}

/* Are all changes that were published on the cell visible to the snapshot? */
bool
fo_fence_settled(FoCacheCell *cell, Snapshot snapshot)
{
	TransactionId newest = pg_atomic_read_u32(&cell->max_xid);

	return !TransactionIdIsValid(newest) || TransactionIdPrecedes(newest, snapshot->xmin);
}

/*
 * Was the snapshot taken after all changes of the cell that others have made, and is
 * nobody making one?  False when in doubt.  (A transaction without id may tell of what
 * another has changed before: then all ids of that time must be visible.)
 */
bool
fo_fence_seen(FoCacheCell *cell, Snapshot snapshot)
{
	TransactionId bare;

	if (fo_fence_others(cell))
		return false;
	pg_read_barrier();			/* whose mark is gone has left its id */
	bare = pg_atomic_read_u32(&cell->bare_xid);
	return fo_fence_settled(cell, snapshot) &&
		(!TransactionIdIsValid(bare) || TransactionIdPrecedes(bare, snapshot->xmin));
}

/* Let a cell remember that a transaction published a change of it. */
static void
raise_xid(pg_atomic_uint32 *newest, TransactionId xid)
{
	uint32		seen = pg_atomic_read_u32(newest);

	while (!TransactionIdIsValid(seen) || TransactionIdPrecedes(seen, xid))
		if (pg_atomic_compare_exchange_u32(newest, &seen, xid))
			break;
}

/* Move the clocks of all marked cells on, the marks staying. */
void
fo_fence_publish(TransactionId xid)
{
	HASH_SEQ_STATUS scan;
	Mark	   *mark;
	TransactionId bare = InvalidTransactionId;
	uint64		clock;

	if (marks == NULL)
		return;
	if (!TransactionIdIsValid(xid))
	{
		bare = ReadNextTransactionId();
		TransactionIdRetreat(bare);
	}
	clock = pg_atomic_add_fetch_u64(&fo_cache_shared()->clock, 1);
	hash_seq_init(&scan, marks);
	while ((mark = hash_seq_search(&scan)) != NULL)
	{
		uint64		seen = pg_atomic_read_u64(&mark->cell->state);

		if (TransactionIdIsValid(xid))
			raise_xid(&mark->cell->max_xid, xid);
		else
			raise_xid(&mark->cell->bare_xid, bare);
		while (fo_cell_clock(seen) < clock &&
			   !pg_atomic_compare_exchange_u64(&mark->cell->state, &seen,
											   clock << FO_CELL_CLOCK_SHIFT | fo_cell_dirty(seen)))
			;
		/* for fo_fence_unraced: a clock that only we moved is no race */
		if (fo_cell_clock(seen) == mark->clock)
			mark->clock = clock;
	}
}

/* Give all marks back; at the end of the transaction. */
void
fo_fence_release(void)
{
	HASH_SEQ_STATUS scan;
	Mark	   *mark;

	if (marks == NULL)
		return;
	hash_seq_init(&scan, marks);
	while ((mark = hash_seq_search(&scan)) != NULL)
		pg_atomic_fetch_sub_u64(&mark->cell->state, 1);
	marks = NULL;				/* goes with TopTransactionContext */
}
