/*
 * cache_policy.c
 *		Eviction: S3-FIFO, TinyLFU admission and CLOCK over the same two FIFO queues.
 *
 * The first two keep new entries in a small queue and proven ones in a main queue,
 * and hits only bump a saturating counter in the entry, so that readers need no
 * lock.  They differ in what happens at the oldest end of the small queue:
 *
 *	S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", 2023):
 *		an entry hit twice or more moves to main; another is dropped and its key
 *		remembered as a ghost; a key that returns while a ghost starts in main.
 *	TinyLFU (Einziger, Friedman and Manes, 2017): the entry duels with the oldest
 *		entry of main; a count-min sketch tells which was asked for more often.  Its
 *		strict form wants a lead of two: in a loop larger than the cache the candidate
 *		was just asked for and the victim will be soon, so one request says nothing.
 *	CLOCK: new entries go to main at once.  Near to LRU, for requests that come back
 *		soon or never.
 *
 * Main gives second chances: an entry with credit is put back with one less.
 *
 * Example, S3-FIFO with room for 10 (small 1, main 9), requests a b a a c:
 *		a enters small; b enters small; a is hit twice; when c comes and the cache
 *		is full, a is oldest in small with two hits, so it moves to main; b, oldest
 *		next time, has none: it is dropped, and "b" becomes a ghost.
 *
 * The sketch is fed lazily: a miss adds one at once, the hits of an entry when it
 * is looked at for eviction.  That costs a hit nothing, and measures no worse than
 * counting each hit at once (bench/cache_trace.sh).
 */
#include "core/cache_policy.h"

#include <string.h>

#include "core/cache_hash.h"

#define SKETCH_ROWS			4
#define SKETCH_MAX			15
#define SKETCH_PERIOD		10	/* halve the counters each so many times
								 * capacity */
#define SKETCH_MIN_ENTRIES	256 /* a smaller cache counts as so large: its
								 * counters would forget too soon */
#define GHOST_WAYS			4
#define MAX_SECOND_CHANCES	64	/* bound on the work of one eviction */
#define MAX_TRANSFERS		4	/* entries re-labelled by one eviction */

typedef struct GhostBucket
{
	struct
	{
		uint32_t	print;		/* upper half of the hash, 0 is empty */
		uint32_t	born;		/* ghost_clock when made */
	}			way[GHOST_WAYS];
} GhostBucket;

/* Share of the capacity that the small queue may use, per mille, by rule. */
static const uint32_t small_share[FO_CACHE_RULES] = {100, 10, 300, 10, 0};

/* Smallest power of two that is at least n. */
static uint32_t
ceil_power(uint64_t n)
{
	uint32_t	power = 16;

	while (power < n && power < UINT32_C(1) << 30)
		power <<= 1;
	return power;
}

static uint32_t
at_least(uint32_t n, uint32_t least)
{
	return n > least ? n : least;
}

static uint32_t
ghost_buckets(uint32_t max_entries)
{
	return ceil_power((uint64_t) max_entries * 2 / GHOST_WAYS);
}

static uint32_t
sketch_width(uint32_t max_entries)
{
	return ceil_power((uint64_t) at_least(max_entries, SKETCH_MIN_ENTRIES) * 4);
}

/* Bytes of a policy for at most so many entries. */
size_t
fo_cache_policy_bytes(uint32_t max_entries)
{
	return sizeof(FoCachePolicy) +
		ghost_buckets(max_entries) * sizeof(GhostBucket) +
		(size_t) sketch_width(max_entries) * SKETCH_ROWS / 2;
}

/* Start with nothing remembered; `entries` and `rule` may be changed at any time. */
void
fo_cache_policy_init(FoCachePolicy *policy, uint32_t max_entries)
{
	memset(policy, 0, fo_cache_policy_bytes(max_entries));
	policy->entries = max_entries;
	policy->rule = FO_CACHE_LFU;
	policy->sketch_mask = sketch_width(max_entries) - 1;
	policy->ghost_mask = ghost_buckets(max_entries) - 1;
}

static GhostBucket *
ghost_bucket(FoCachePolicy *policy, uint64_t hash)
{
	return (GhostBucket *) policy->tables + (hash & policy->ghost_mask);
}

/* The byte of a counter, and by *shift its nibble. */
static uint8_t *
sketch_cell(FoCachePolicy *policy, uint64_t hash, int row, int *shift)
{
	uint8_t    *sketch = (uint8_t *) ((GhostBucket *) policy->tables + policy->ghost_mask + 1);
	uint64_t	spread = fo_cache_remix(hash + (uint64_t) row * UINT64_C(0x9e3779b97f4a7c15));
	size_t		cell = (size_t) row * (policy->sketch_mask + 1) + (spread & policy->sketch_mask);

	*shift = (cell & 1) * 4;
	return sketch + cell / 2;
}

/* Halve all counters, so that old popularity fades. */
static void
sketch_halve(FoCachePolicy *policy)
{
	uint8_t    *sketch = (uint8_t *) ((GhostBucket *) policy->tables + policy->ghost_mask + 1);
	size_t		bytes = (size_t) (policy->sketch_mask + 1) * SKETCH_ROWS / 2;

	for (size_t i = 0; i < bytes; i++)
		sketch[i] = (sketch[i] >> 1) & 0x77;
	policy->sketch_adds /= 2;
}

/* Count `times` requests for a key. */
static void
sketch_add(FoCachePolicy *policy, uint64_t hash, uint32_t times)
{
	if (times == 0)
		return;
	for (int row = 0; row < SKETCH_ROWS; row++)
	{
		int			shift;
		uint8_t    *cell = sketch_cell(policy, hash, row, &shift);
		uint32_t	count = ((*cell >> shift) & SKETCH_MAX) + times;

		if (count > SKETCH_MAX)
			count = SKETCH_MAX;
		*cell = (uint8_t) ((*cell & ~(SKETCH_MAX << shift)) | (count << shift));
	}
	policy->sketch_adds += times;
	if (policy->sketch_adds >= (uint64_t) SKETCH_PERIOD * at_least(policy->entries, SKETCH_MIN_ENTRIES))
		sketch_halve(policy);
}

/* How often a key was asked for lately, 0 .. 15; too high at worst. */
static uint32_t
sketch_estimate(FoCachePolicy *policy, uint64_t hash)
{
	uint32_t	least = SKETCH_MAX;

	for (int row = 0; row < SKETCH_ROWS; row++)
	{
		int			shift;
		uint8_t    *cell = sketch_cell(policy, hash, row, &shift);
		uint32_t	count = (*cell >> shift) & SKETCH_MAX;

		if (count < least)
			least = count;
	}
	return least;
}

static uint32_t
ghost_print(uint64_t hash)
{
	uint32_t	print = (uint32_t) (hash >> 32);

	return print == 0 ? 1 : print;
}

/* Remember the key of a dropped entry, in place of the oldest ghost of its bucket. */
static void
ghost_add(FoCachePolicy *policy, uint64_t hash)
{
	GhostBucket *bucket = ghost_bucket(policy, hash);
	uint32_t	print = ghost_print(hash);
	int			use = 0;

	for (int i = 0; i < GHOST_WAYS; i++)
	{
		if (bucket->way[i].print == print || bucket->way[i].print == 0)
		{
			use = i;
			break;
		}
		if (policy->ghost_clock - bucket->way[i].born > policy->ghost_clock - bucket->way[use].born)
			use = i;
	}
	bucket->way[use].print = print;
	bucket->way[use].born = policy->ghost_clock++;
}

/* Was the key dropped lately?  It is forgotten by being asked for. */
static bool
ghost_take(FoCachePolicy *policy, uint64_t hash)
{
	GhostBucket *bucket = ghost_bucket(policy, hash);
	uint32_t	print = ghost_print(hash);

	for (int i = 0; i < GHOST_WAYS; i++)
	{
		if (bucket->way[i].print != print)
			continue;
		bucket->way[i].print = 0;
		return policy->ghost_clock - bucket->way[i].born <= policy->entries - policy->entries / 10;
	}
	return false;
}

/* A missing key is about to be stored: count the request, and say in which queue. */
FoCacheQueue
fo_cache_policy_admit(FoCachePolicy *policy, uint64_t hash)
{
	bool		returned = ghost_take(policy, hash);

	sketch_add(policy, hash, 1);
	if (policy->rule == FO_CACHE_CLOCK || (policy->rule == FO_CACHE_S3FIFO && returned))
		return FO_CACHE_MAIN;
	return FO_CACHE_SMALL;
}

/* Size that the small queue may have under the present rule. */
static uint64_t
small_target(const FoCachePolicy *policy, uint64_t capacity)
{
	uint64_t	target = capacity * small_share[policy->rule] / 1000;

	return target > 0 ? target : 1;
}

/* Look at the oldest entry of a queue, and count its hits since the last look. */
static bool
look(FoCachePolicy *policy, const FoCacheStore *ops, void *store, FoCacheQueue queue,
	 FoCacheTail *tail)
{
	if (!ops->tail(store, queue, tail))
		return false;
	sketch_add(policy, tail->hash, tail->recent);
	return true;
}

/* Drop the oldest entry of a queue and remember its key. */
static void
drop(FoCachePolicy *policy, const FoCacheStore *ops, void *store, FoCacheQueue queue,
	 const FoCacheTail *tail)
{
	ghost_add(policy, tail->hash);
	ops->drop(store, queue);
}

/*
 * While there is room: under the TinyLFU rules entries that leave the window go to
 * main without a duel.  Call after storing an entry that needed no eviction.
 */
void
fo_cache_policy_settle(FoCachePolicy *policy, const FoCacheStore *ops, void *store,
					   uint64_t capacity)
{
	FoCacheTail tail;

	if (policy->rule != FO_CACHE_S3FIFO &&
		ops->size(store, FO_CACHE_SMALL) > small_target(policy, capacity) &&
		look(policy, ops, store, FO_CACHE_SMALL, &tail))
		ops->keep(store, FO_CACHE_SMALL, 0);
}

/* Bring an entry of main that has no second chance left to its oldest end. */
static bool
main_victim(FoCachePolicy *policy, const FoCacheStore *ops, void *store, FoCacheTail *tail)
{
	for (int i = 0; i < MAX_SECOND_CHANCES; i++)
	{
		if (!look(policy, ops, store, FO_CACHE_MAIN, tail))
			return false;
		if (tail->credit == 0)
			return true;
		ops->keep(store, FO_CACHE_MAIN, tail->credit - 1);
	}
	return look(policy, ops, store, FO_CACHE_MAIN, tail);
}

/* One eviction under S3-FIFO. */
static void
evict_s3fifo(FoCachePolicy *policy, const FoCacheStore *ops, void *store, uint64_t capacity)
{
	FoCacheTail tail;

	while (ops->size(store, FO_CACHE_SMALL) > small_target(policy, capacity) &&
		   look(policy, ops, store, FO_CACHE_SMALL, &tail))
	{
		if (tail.credit < 2)
		{
			drop(policy, ops, store, FO_CACHE_SMALL, &tail);
			return;
		}
		ops->keep(store, FO_CACHE_SMALL, 0);
	}
	if (main_victim(policy, ops, store, &tail))
		ops->drop(store, FO_CACHE_MAIN);
	else if (look(policy, ops, store, FO_CACHE_SMALL, &tail))
		drop(policy, ops, store, FO_CACHE_SMALL, &tail);
}

/* Was the candidate asked for so much more often that it displaces the victim? */
static bool
wins(FoCachePolicy *policy, const FoCacheTail *candidate, const FoCacheTail *victim)
{
	uint32_t	lead = policy->rule == FO_CACHE_LFU_STRICT ? 2 : 1;

	return sketch_estimate(policy, candidate->hash) >=
		sketch_estimate(policy, victim->hash) + lead;
}

/* One eviction under TinyLFU admission: the oldest of small and of main duel. */
static void
evict_lfu(FoCachePolicy *policy, const FoCacheStore *ops, void *store, uint64_t capacity,
		  uint64_t slack)
{
	uint64_t	target = small_target(policy, capacity);
	FoCacheTail candidate;
	FoCacheTail victim;
	bool		duel;

	/* A small queue left over from another rule becomes part of main. */
	for (int i = 0; i < MAX_TRANSFERS && ops->size(store, FO_CACHE_SMALL) > target + slack; i++)
	{
		if (!look(policy, ops, store, FO_CACHE_SMALL, &candidate))
			break;
		ops->keep(store, FO_CACHE_SMALL, 0);
	}

	if (!main_victim(policy, ops, store, &victim))
	{
		if (look(policy, ops, store, FO_CACHE_SMALL, &candidate))
			drop(policy, ops, store, FO_CACHE_SMALL, &candidate);
		return;
	}
	duel = policy->rule != FO_CACHE_CLOCK && ops->size(store, FO_CACHE_SMALL) > target &&
		look(policy, ops, store, FO_CACHE_SMALL, &candidate);
	if (duel && !wins(policy, &candidate, &victim))
	{
		drop(policy, ops, store, FO_CACHE_SMALL, &candidate);
		return;
	}
	drop(policy, ops, store, FO_CACHE_MAIN, &victim);
	if (duel)
		ops->keep(store, FO_CACHE_SMALL, 0);
}

/*
 * Drop one entry of a store that holds `capacity` at most.  `slack` is how far the
 * small queue may exceed its share in the normal course: the size of an entry.
 */
void
fo_cache_policy_evict(FoCachePolicy *policy, const FoCacheStore *ops, void *store,
					  uint64_t capacity, uint64_t slack)
{
	if (policy->rule == FO_CACHE_S3FIFO)
		evict_s3fifo(policy, ops, store, capacity);
	else
		evict_lfu(policy, ops, store, capacity, slack);
}
