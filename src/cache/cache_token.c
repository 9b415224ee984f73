/*
 * cache_token.c
 *		Tokens of claims: is a value that was computed since still right?
 *
 * A token is the clock of when a claim was taken.  A change of later shows on the fences
 * of the key: it has moved their clocks past the token, or still holds a mark.  A change
 * of before the claim does not, and need not, if the value is read under a snapshot taken
 * after the claim.  An older snapshot must see all that was published on the fences: that
 * of a frozen transaction, and that of a statement which claims and puts at once.  Of
 * what was changed before shared memory was made anew nothing is known: a token tells its
 * run.
 *
 * Example: under REPEATABLE READ A takes its snapshot, B changes k and commits, A claims k
 * and reads the value of before.  No clock will move any more, but B's id on k's fence is
 * not one that A's snapshot sees: the fill is thrown away.
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/cache_internal.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/*
 * A token is the clock, and above it the run of shared memory, which is not 0.  Together
 * they have 53 bits: clients read tokens from JSON, and numbers of JavaScript have no more.
 * A clock that has outgrown its part (seven years of 20 000 changes a second) has every
 * token refused.
 */
#define RUN_SHIFT	42
#define RUNS		((UINT64CONST(1) << (53 - RUN_SHIFT)) - 1)
#define CLOCK_MASK	((UINT64CONST(1) << RUN_SHIFT) - 1)

static uint32 claimed_at = 0;	/* moment of this backend's last claim by SQL */
static bool has_claimed = false;

/*
 * How many transaction ids had ended when a snapshot was taken, modulo 2^32: each end moves
 * the moment on, by as many ids as are then known to have ended.
 */
static uint32
moment(Snapshot snapshot)
{
	return snapshot->xmax - snapshot->xcnt;
}

static uint64
run_of_memory(void)
{
	return fo_cache_shared()->server_id % RUNS + 1;
}

/* A token for a claim that is taken now. */
uint64
fo_token_make(void)
{
	uint64		clock = pg_atomic_add_fetch_u64(&fo_cache_shared()->clock, 1);

	return run_of_memory() << RUN_SHIFT | (clock & CLOCK_MASK);
}

/* The same token without a run: refused by every put, but good to give the claim up. */
uint64
fo_token_spoilt(uint64 token)
{
	return token & CLOCK_MASK;
}

/* The caller of a statement gets a claim: what that statement has read may be from before. */
void
fo_token_given(void)
{
	claimed_at = moment(GetLatestSnapshot());
	has_claimed = true;
}

/* Was the active snapshot taken before this backend's last claim by SQL? */
bool
fo_token_read_before(void)
{
	return has_claimed && (int32) (moment(GetActiveSnapshot()) - claimed_at) < 0;
}

/* Has any transaction ended since the active snapshot was taken? */
bool
fo_token_is_late(void)
{
	return moment(GetActiveSnapshot()) != moment(GetLatestSnapshot());
}

/* The snapshot under which a fill's value may have been read before its claim, or NULL. */
static Snapshot
older_snapshot(void)
{
	return IsolationUsesXactSnapshot() || fo_token_read_before() ? GetActiveSnapshot() : NULL;
}

/* Has a cell changed since a token, is it changing, or may the value be of before? */
bool
fo_token_raced_on(FoCacheCell *cell, uint64 token)
{
	uint64		clock = token & CLOCK_MASK;
	Snapshot	older = older_snapshot();

	return token >> RUN_SHIFT != run_of_memory() || fo_fence_others(cell) ||
		fo_cell_clock(pg_atomic_read_u64(&cell->state)) > clock ||
		(older != NULL && !fo_fence_seen(cell, older));
}

/* The same for a key and what it belongs to. */
bool
fo_token_raced(const FoCacheKey *key, uint64 token)
{
	FoCacheSlot *slot = fo_resource_slot(key->resource);

	return fo_token_raced_on(key->cell, token) || fo_token_raced_on(&slot->data, token) ||
		fo_token_raced_on(&slot->config, token);
}

/*
 * May a claim of a key be fulfilled by what the transaction reads?  Not if its frozen
 * snapshot is older than a change; the put may come from another transaction, which
 * cannot tell.
 */
bool
fo_token_is_good(const FoCacheKey *key)
{
	FoCacheSlot *slot = fo_resource_slot(key->resource);
	FoCacheCell *cells[] = {key->cell, &slot->data, &slot->config, &slot->tags};

	if (!IsolationUsesXactSnapshot())
		return true;
	for (size_t i = 0; i < lengthof(cells); i++)
		if (!fo_fence_seen(cells[i], GetTransactionSnapshot()))
			return false;
	return true;
}

/* Upsert a fill, whose key is marked; it is undone if a change came in between. */
bool
fo_token_store(FoCacheKey *key, FoCacheItem *item, uint64 token)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		raced;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		fo_store_put(key, item);

		/*
		 * who changes the key from now on finds our mark, and waits for us
		 * before it deletes the row, seen or unseen (fo_store_delete)
		 */
		raced = fo_token_raced(key, token);
	}
	PG_CATCH();
	{
		/* whoever catches the error knows of no subtransaction but his own */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (raced)
		RollbackAndReleaseCurrentSubTransaction();
	else
		ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return !raced;
}
