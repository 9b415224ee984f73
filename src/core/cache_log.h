/*
 * cache_log.h
 *		Inside the shared-memory cache: pages, entries and buckets.  Only
 *		cache_l1.c and cache_log.c include this.
 */
#ifndef FO_CACHE_LOG_H
#define FO_CACHE_LOG_H

#include "core/cache_adapt.h"
#include "core/cache_l1.h"

#define FO_L1_UNIT			16	/* entries start at multiples of this */
#define FO_L1_RESERVE		4	/* pages kept free for moving entries */
#define FO_L1_RING			1024	/* sampled hits waiting for the models */
#define FO_L1_NO_PAGE		UINT32_MAX

/* One entry of the log: this header, the key, padding to 8, the value. */
typedef struct FoL1Entry
{
	uint64_t	hash;
	FoL1Owner	owner;
	FoL1Meta	meta;
	uint32_t	bytes;			/* of the whole entry, a multiple of the unit */
	uint32_t	keylen;
	uint32_t	len;
	uint32_t	unused;
} FoL1Entry;

typedef struct FoL1Slot
{
	uint32_t	ref;			/* of the entry in units from the log; 0 is
								 * empty */
	uint16_t	tag;			/* 16 bits of the hash */
	uint8_t		hits;			/* credit in bits 0-1, recent hits in bits 2-3 */
	uint8_t		unused;
} FoL1Slot;

/* One cache line.  seq is odd while a writer changes the slots. */
typedef struct FoL1Bucket
{
	_Atomic uint32_t seq;
	uint32_t	unused;
	FoL1Slot	slot[FO_L1_SLOTS];
} FoL1Bucket;

/* A page of a queue; `scan` is how far eviction has come. */
typedef struct FoL1Page
{
	uint32_t	newer;			/* next page of the queue, or of the free list */
	uint32_t	used;
	uint32_t	scan;
} FoL1Page;

typedef struct FoL1Queue
{
	uint32_t	oldest;
	uint32_t	newest;
	uint64_t	bytes;			/* of entries not yet scanned, dead ones
								 * included */
} FoL1Queue;

struct FoL1
{
	size_t		bytes;
	uint32_t	bucket_mask;
	uint32_t	page_bytes;
	uint32_t	npages;
	uint32_t	max_entries;	/* that the policy's tables are made for */
	uint64_t	buckets_at;		/* offsets from this struct */
	uint64_t	pages_at;
	uint64_t	policy_at;
	uint64_t	adapt_at;
	uint64_t	log_at;

	/* under the log lock */
	FoL1Queue	queue[2];
	uint32_t	free_page;
	uint32_t	free_pages;
	uint32_t	page_fill;		/* bytes used of a full page, on average */
	uint32_t	ring_tail;
	uint32_t	inserts;		/* since the capacity was last estimated */
	int64_t		now;			/* of the running insert */

	/* atomic */
	_Atomic int64_t entries;
	_Atomic int64_t live_bytes;
	_Atomic uint64_t evictions;
	_Atomic uint32_t sample_mask;
	_Atomic uint32_t ring_head;
	_Atomic uint64_t ring[FO_L1_RING];
	_Atomic int64_t account_bytes[FO_L1_ACCOUNTS];
	_Atomic int64_t account_entries[FO_L1_ACCOUNTS];
	_Atomic uint64_t account_evictions[FO_L1_ACCOUNTS];
};

static inline FoL1Bucket *
fo_l1_bucket(FoL1 *l1, uint64_t hash)
{
	return (FoL1Bucket *) ((char *) l1 + l1->buckets_at) + (hash & l1->bucket_mask);
}

static inline uint16_t
fo_l1_tag(uint64_t hash)
{
	return (uint16_t) (hash >> 48);
}

static inline FoL1Entry *
fo_l1_entry(FoL1 *l1, uint32_t ref)
{
	return (FoL1Entry *) ((char *) l1 + l1->log_at + (uint64_t) ref * FO_L1_UNIT);
}

static inline char *
fo_l1_entry_key(FoL1Entry *entry)
{
	return (char *) (entry + 1);
}

static inline char *
fo_l1_entry_value(FoL1Entry *entry, uint32_t keylen)
{
	return (char *) (entry + 1) + ((keylen + 7) & ~7u);
}

static inline FoCachePolicy *
fo_l1_policy(FoL1 *l1)
{
	return (FoCachePolicy *) ((char *) l1 + l1->policy_at);
}

static inline FoCacheAdapt *
fo_l1_adapt(FoL1 *l1)
{
	return (FoCacheAdapt *) ((char *) l1 + l1->adapt_at);
}

extern void fo_l1_lock_bucket(FoL1Bucket *bucket);
extern void fo_l1_unlock_bucket(FoL1Bucket *bucket);
extern void fo_l1_clear_slot(FoL1 *l1, FoL1Slot *slot);
extern void fo_l1_log_init(FoL1 *l1);
extern uint32_t fo_l1_log_alloc(FoL1 *l1, FoCacheQueue queue, uint32_t bytes);
extern uint64_t fo_l1_log_capacity(const FoL1 *l1);
extern void fo_l1_make_room(FoL1 *l1);

#endif							/* FO_CACHE_LOG_H */
