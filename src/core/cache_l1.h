/*
 * cache_l1.h
 *		A cache of byte strings in one flat piece of memory that many processes may
 *		map: seqlock buckets over a log of pages.  See cache_l1.c for the layout and
 *		cache_policy.c for what is evicted.
 *
 * Locks: every writer holds the log lock, which is the caller's (an LWLock in the
 * server, a mutex in the unit tests); fo_l1_remove needs none.  Readers take no lock.
 */
#ifndef FO_CACHE_L1_H
#define FO_CACHE_L1_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cache_hash.h"

#define FO_L1_SLOTS			7	/* entries that a bucket can hold */
#define FO_L1_ACCOUNTS		256 /* counters by FoL1Meta.account */
#define FO_L1_MIN_BYTES		(512 * 1024)

/* What an entry belongs to; part of its identity, compared in full. */
typedef struct FoL1Owner
{
	uint32_t	database;
	uint32_t	resource;
	uint32_t	version;
	uint32_t	role;
} FoL1Owner;

/* A key as the cache sees it. */
typedef struct FoL1Key
{
	uint64_t	hash;			/* by fo_cache_hash, of as much of the rest as
								 * one likes */
	FoL1Owner	owner;
	const char *bytes;
	uint32_t	len;
} FoL1Key;

/* What is kept beside a value; the cache reads only `expires` and `account`. */
typedef struct FoL1Meta
{
	int64_t		created;		/* microseconds on the caller's clock */
	int64_t		expires;		/* not fresh from then on */
	int64_t		stale_until;	/* not even stale from then on */
	uint64_t	clock;			/* coherence token of the fill */
	uint32_t	xid;			/* writer, as the caller likes it */
	uint32_t	writer;			/* role that wrote the value */
	uint16_t	account;		/* < FO_L1_ACCOUNTS */
	uint16_t	flags;			/* the caller's */
	uint32_t	unused;
} FoL1Meta;

/* A found entry; valid until fo_l1_copy says so or not. */
typedef struct FoL1View
{
	FoL1Meta	meta;
	uint32_t	len;			/* of the value */
	uint32_t	seq;
	void	   *bucket;
	const char *value;
	uint8_t		hits;			/* 0 .. 3, as the policy counts them */
} FoL1View;

typedef struct FoL1 FoL1;

/* Totals for the caller's statistics. */
typedef struct FoL1Totals
{
	uint64_t	bytes_total;	/* of the whole memory */
	uint64_t	bytes_capacity; /* of entries that the log means to hold */
	uint64_t	bytes_used;		/* of the log, dead space included */
	uint64_t	entries;
	uint64_t	evictions;
	uint32_t	rule;			/* FoCacheRule in force */
	uint32_t	switches;
} FoL1Totals;

/* Called under the bucket's lock just before an entry becomes visible. */
typedef bool (*FoL1Guard) (void *arg);

extern FoL1 *fo_l1_init(void *memory, size_t bytes);
extern uint32_t fo_l1_max_entry(const FoL1 *l1);
extern void fo_l1_prefetch(FoL1 *l1, uint64_t hash);
extern bool fo_l1_find(FoL1 *l1, const FoL1Key *key, FoL1View *view);
extern bool fo_l1_copy(const FoL1View *view, void *to);
extern bool fo_l1_touch(FoL1 *l1, const FoL1Key *key, const FoL1View *view);
extern bool fo_l1_insert(FoL1 *l1, const FoL1Key *key, const FoL1Meta *meta,
						 const void *value, uint32_t len, int64_t now,
						 FoL1Guard guard, void *guard_arg);
extern bool fo_l1_remove(FoL1 *l1, const FoL1Key *key);
extern void fo_l1_drain(FoL1 *l1);
extern void fo_l1_totals(FoL1 *l1, FoL1Totals *totals);
extern void fo_l1_account(FoL1 *l1, uint16_t account, int64_t *bytes, int64_t *entries,
						  uint64_t *evictions);
extern bool fo_l1_check(FoL1 *l1);

#endif							/* FO_CACHE_L1_H */
