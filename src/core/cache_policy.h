/*
 * cache_policy.h
 *		Which entry leaves a full cache: S3-FIFO, TinyLFU admission or CLOCK over
 *		two FIFO queues.  See cache_policy.c for the rules and a worked example.
 *
 * The policy owns no entries.  It remembers what it must about keys that are gone
 * (a ghost table) and how often keys were asked for (a sketch), and drives queues
 * that the caller keeps, through FoCacheStore.
 */
#ifndef FO_CACHE_POLICY_H
#define FO_CACHE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The two queues; new entries are put at the newest end of either. */
typedef enum FoCacheQueue
{
	FO_CACHE_SMALL,
	FO_CACHE_MAIN
} FoCacheQueue;

/* Rules to choose from; the chooser in cache_adapt.c compares them on line. */
typedef enum FoCacheRule
{
	FO_CACHE_S3FIFO,			/* S3-FIFO, small queue of 10 % */
	FO_CACHE_LFU,				/* TinyLFU admission, window of 1 % */
	FO_CACHE_LFU_WIDE,			/* TinyLFU admission, window of 30 % */
	FO_CACHE_LFU_STRICT,		/* the same, ahead by two requests */
	FO_CACHE_CLOCK,				/* second chances alone, near to LRU */
	FO_CACHE_RULES
} FoCacheRule;

/* Hits that an entry counts before readers stop writing to it. */
#define FO_CACHE_MAX_HITS	3

/* What the policy wants to know of the oldest entry of a queue. */
typedef struct FoCacheTail
{
	uint64_t	hash;
	uint8_t		credit;			/* second chances left, 0 .. FO_CACHE_MAX_HITS */
	uint8_t		recent;			/* hits since last looked at; the store zeroes
								 * it */
} FoCacheTail;

/* The caller's queues.  Sizes are in any one unit: entries or bytes. */
typedef struct FoCacheStore
{
	uint64_t	(*size) (void *store, FoCacheQueue queue);
	bool		(*tail) (void *store, FoCacheQueue queue, FoCacheTail *tail);
	/* oldest of `queue` becomes the newest of main, with this credit */
	void		(*keep) (void *store, FoCacheQueue queue, uint8_t credit);
	void		(*drop) (void *store, FoCacheQueue queue);
} FoCacheStore;

/* Lives in the caller's memory, shared memory included: no pointers in it. */
typedef struct FoCachePolicy
{
	uint32_t	entries;		/* capacity in entries, as now estimated */
	uint32_t	rule;			/* a FoCacheRule */
	uint32_t	sketch_mask;	/* counters in a sketch row, less one */
	uint32_t	sketch_adds;	/* since the counters were last halved */
	uint32_t	ghost_mask;		/* ghost buckets, less one */
	uint32_t	ghost_clock;	/* ghosts ever made */
	uint64_t	tables[];		/* ghosts, then the sketch */
} FoCachePolicy;

extern size_t fo_cache_policy_bytes(uint32_t max_entries);
extern void fo_cache_policy_init(FoCachePolicy *policy, uint32_t max_entries);
extern FoCacheQueue fo_cache_policy_admit(FoCachePolicy *policy, uint64_t hash);
extern void fo_cache_policy_settle(FoCachePolicy *policy, const FoCacheStore *ops,
								   void *store, uint64_t capacity);
extern void fo_cache_policy_evict(FoCachePolicy *policy, const FoCacheStore *ops,
								  void *store, uint64_t capacity, uint64_t slack);

#endif							/* FO_CACHE_POLICY_H */
