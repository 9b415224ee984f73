/*
 * cache_alone.c
 *		What is left where there is no shared memory: level 1 and claims of one backend.
 *
 * Level 1 is then private: 1 MB of places where this backend has found rows of the table.
 * A look-up goes straight to the row, without the index, and believes only what the
 * reader's snapshot shows there: the one row of the key that it sees, whatever others have
 * changed.  Anything else sends it to the index.  So nobody has to tell anybody of a change,
 * and a value is what the table says, as with shared memory.
 *
 * A claim is an advisory lock of the session.  Its token stands for the snapshot of the
 * time: a value put with it is refused if the key's row, or that of one of its tags, was
 * last written by a transaction which that snapshot may not have seen.  Every change leaves
 * such a row (fo_store_delete), and nobody sweeps rows while a claim is held; what a
 * snapshot from before the claim has read is refused, lest a sweep came between.
 *
 * Example: A claims k while transactions from 700 on are in progress.  B deletes k, as 705:
 * a dead row of 705 stays.  A puts with its token: 705 is not before 700, refused.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "cache/cache_alone.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define BUCKETS			32768	/* of two places: 1 MB */
#define MAX_CLAIMS		64		/* of a session, each two locks */
#define CLAIM_LOCK_CLASS 62		/* field 4 of an advisory lock, beside that of
								 * tags in cache_put.c */
#define SWEEP_LOCK_CLASS 63
#define TAG_ROLE		1		/* owner of the rows of deleted tags; no role */
#define POLL_MS			10

/* Where a row was found; the newer one of a bucket comes first. */
typedef struct Place
{
	uint64		hash;			/* 0: none */
	ItemPointerData tid;
} Place;

/* A claim that this session holds. */
typedef struct Claim
{
	uint64		token;
	uint64		hash;
	TimestampTz lease_end;
	TransactionId horizon;		/* what transactions before it did was seen */
} Claim;

static Place (*places)[2] = NULL;
static Claim claims[MAX_CLAIMS];
static int	nclaims = 0;

/* The value of a key from where its row was before, if that is what the snapshot sees. */
bool
fo_alone_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item)
{
	uint64		hash = fo_claim_check(key);
	Place	   *bucket;

	/* a serializable reader must leave its predicate locks on the index */
	if (places == NULL || IsolationIsSerializable())
		return false;
	bucket = places[hash % BUCKETS];
	for (int i = 0; i < 2; i++)
		if (bucket[i].hash == hash && fo_store_get_at(key, snapshot, &bucket[i].tid, item))
		{
			item->level = FO_LEVEL_1;
			return true;
		}
	return false;
}

/* Remember where the row of a key is. */
void
fo_alone_note(const FoCacheKey *key, ItemPointer tid)
{
	uint64		hash = fo_claim_check(key);
	Place	   *bucket;

	if (places == NULL)
		places = MemoryContextAllocZero(TopMemoryContext, sizeof(Place) * 2 * BUCKETS);
	bucket = places[hash % BUCKETS];
	if (bucket[0].hash != hash)
		bucket[1] = bucket[0];
	bucket[0] = (Place) {hash, *tid};
}

static void
claim_lock(LOCKTAG *lock, uint64 hash)
{
	SET_LOCKTAG_ADVISORY(*lock, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash,
						 CLAIM_LOCK_CLASS);
}

static void
sweep_lock(LOCKTAG *lock)
{
	SET_LOCKTAG_ADVISORY(*lock, MyDatabaseId, 0, 0, SWEEP_LOCK_CLASS);
}

/* Give a lock back, unless pg_advisory_unlock_all() has. */
static void
give_back(const LOCKTAG *lock, LOCKMODE mode)
{
	if (FO_LOCK_IS_HELD(lock, mode))
		(void) LockRelease(lock, mode, true);
}

/* End a claim.  Raises no errors. */
static void
end_claim(Claim *claim)
{
	LOCKTAG		lock;

	claim_lock(&lock, claim->hash);
	give_back(&lock, ExclusiveLock);
	*claim = claims[--nclaims];
	sweep_lock(&lock);
	if (nclaims == 0)
		give_back(&lock, ShareLock);
}

/* Claims whose lease is over, or whose locks were taken away, are none. */
static void
end_lost_claims(void)
{
	TimestampTz now = GetCurrentTimestamp();
	LOCKTAG		sweep;
	bool		lost;

	sweep_lock(&sweep);
	lost = nclaims > 0 && !FO_LOCK_IS_HELD(&sweep, ShareLock);
	for (int i = nclaims - 1; i >= 0; i--)
		if (lost || claims[i].lease_end <= now)
			end_claim(&claims[i]);
}

static Claim *
find_claim(uint64 hash)
{
	for (int i = 0; i < nclaims; i++)
		if (claims[i].hash == hash)
			return &claims[i];
	return NULL;
}

/*
 * Take the claim of a key; false if another has it, or this session.  Token 1 is good for
 * nothing: with too many claims, while rows are swept or for a frozen snapshot that is not
 * the latest, everybody computes.
 */
bool
fo_alone_claim(const FoCacheKey *key, int64 lease_us, uint64 *token)
{
	uint64		hash = fo_claim_check(key);
	uint64		fresh;
	LOCKTAG		lock;
	LOCKTAG		sweep;

	end_lost_claims();
	*token = 1;
	if (nclaims == MAX_CLAIMS)
		return true;
	if (!pg_strong_random(&fresh, sizeof(fresh)))
		elog(ERROR, "no random numbers to be had");
	fresh = (fresh >> 11) | 2;	/* 53 bits, as in cache_token.c */
	claim_lock(&lock, hash);
	sweep_lock(&sweep);
	if (find_claim(hash) != NULL ||
		LockAcquire(&lock, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;

	/*
	 * The statement's snapshot, not the latest: it may also read the value
	 * and put it.  Should the second lock fail, end_lost_claims gives the
	 * first one back.
	 */
	claims[nclaims++] = (Claim) {fresh, hash, GetCurrentTimestamp() + lease_us,
								 GetActiveSnapshot()->xmin};

	/*
	 * a sweep since a frozen snapshot may have taken the trace of a change
	 * along
	 */
	if ((nclaims == 1 &&
		 LockAcquire(&sweep, ShareLock, true, true) == LOCKACQUIRE_NOT_AVAIL) ||
		(IsolationUsesXactSnapshot() && fo_token_is_late()))
		end_claim(&claims[nclaims - 1]);
	else
		*token = fresh;
	return true;
}

/* Wait a little for whoever has the claim. */
void
fo_alone_wait(int64 left_us)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(left_us / 1000 + 1, POLL_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* The value of a key is there, or gone: its claim, if it is ours, is fulfilled. */
void
fo_alone_done(const FoCacheKey *key)
{
	Claim	   *claim = nclaims == 0 ? NULL : find_claim(fo_claim_check(key));

	if (claim != NULL)
		end_claim(claim);
}

static Claim *
find_token(uint64 token)
{
	for (int i = 0; i < nclaims; i++)
		if (claims[i].token == token)
			return &claims[i];
	return NULL;
}

/* Give a claim up. */
void
fo_alone_release(uint64 token)
{
	Claim	   *claim = find_token(token);

	if (claim != NULL)
		end_claim(claim);
}

/* Was the row of a key, if it has one, last written before a claim was made? */
static bool
is_older(FoCacheKey *key, const Claim *claim)
{
	FoCacheItem item;
	ItemPointerData tid;
	bool		found;

	PushActiveSnapshot(GetLatestSnapshot());
	found = fo_store_get(key, GetActiveSnapshot(), &item, &tid);
	PopActiveSnapshot();
	return !found || TransactionIdPrecedes(item.xid, claim->horizon);
}

static void
make_tag_key(FoCacheKey *key, FoCacheResource *resource, text *tag)
{
	fo_key_make_for(key, resource, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag), TAG_ROLE);
}

/* The values of a tag, which is locked, are deleted: leave a trace for claims in progress. */
void
fo_alone_delete_tag(FoCacheResource *resource, text *tag)
{
	FoCacheKey	key;

	make_tag_key(&key, resource, tag);
	fo_store_put_dead(&key);
}

/* Were all tags, which are locked, last deleted before a claim was made? */
static bool
tags_are_older(FoCacheResource *resource, ArrayType *tags, const Claim *claim)
{
	Datum	   *elems;
	int			n;

	deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		FoCacheKey	key;

		make_tag_key(&key, resource, DatumGetTextPP(elems[i]));
		if (!is_older(&key, claim))
			return false;
	}
	return true;
}

/* Put a value computed under a claim into the table; false, unless nothing has changed since. */
bool
fo_alone_put(FoCacheKey *key, const FoCacheItem *item, uint64 token)
{
	FoCacheResource *resource = key->resource;
	Claim	   *claim;

	end_lost_claims();
	claim = find_token(token);
	return claim != NULL && !fo_token_read_before() && resource->uses[FO_LEVEL_3] &&
		TransactionIdPrecedes(resource->xid, claim->horizon) &&
		(item->tags == NULL || tags_are_older(resource, item->tags, claim)) &&
		is_older(key, claim) && fo_store_fill(key, item, claim->horizon);
}

/* May dead rows be swept until this transaction ends?  Not while anybody holds a claim. */
bool
fo_alone_may_sweep(void)
{
	LOCKTAG		sweep;

	end_lost_claims();
	sweep_lock(&sweep);
	return nclaims == 0 &&
		LockAcquire(&sweep, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}
