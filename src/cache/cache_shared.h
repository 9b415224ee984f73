/*
 * cache_shared.h
 *		What the backends share: fence cells, claims, counters, the breaker of the
 *		Redis connection and the level-1 cache.
 */
#ifndef FO_CACHE_SHARED_H
#define FO_CACHE_SHARED_H

#include "core/cache_l1.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#define FO_FENCE_CELLS		65536	/* a power of two */
#define FO_RESOURCE_SLOTS	FO_L1_ACCOUNTS	/* slot 0 is shared by the
											 * overflow */
#define FO_STAT_STRIPES		16
#define FO_CLAIMS			1024
#define FO_WINDOW_US		(60 * USECS_PER_SEC)	/* of the recent hit ratio */

/*
 * A fence cell: bits 0-19 count transactions with uncommitted changes of keys that
 * hash here, bits 20-63 are the clock of the last committed change.
 */
#define FO_CELL_DIRTY_MASK	UINT64CONST(0xFFFFF)
#define FO_CELL_CLOCK_SHIFT 20

typedef struct FoCacheCell
{
	pg_atomic_uint64 state;
	pg_atomic_uint32 max_xid;	/* newest transaction that published a change */
	pg_atomic_uint32 bare_xid;	/* none newer had begun when one without id
								 * did */
} FoCacheCell;

/* Counters of a resource. */
typedef enum FoCacheCounter
{
	FO_COUNT_L1_HITS,
	FO_COUNT_L2_HITS,
	FO_COUNT_L3_HITS,
	FO_COUNT_OWN_HITS,			/* the transaction's own uncommitted writes */
	FO_COUNT_MISSES,
	FO_COUNT_STALE,				/* of the hits, those past their time */
	FO_COUNT_L1_BYPASSED,		/* fenced, or not for this snapshot */
	FO_COUNT_PUTS,
	FO_COUNT_DELETES,
	FO_COUNT_FILLS,
	FO_COUNT_FILLS_REFUSED,		/* raced with a change */
	FO_COUNT_CLAIMS,
	FO_COUNT_WAITS,
	FO_COUNT_L2_MISSES,
	FO_COUNT_L2_PUTS,
	FO_COUNT_L2_ERRORS,
	FO_COUNT_SAVED_COST,		/* millionths, classification only */
	FO_COUNT_SAVED_MS,
	FO_COUNTERS
} FoCacheCounter;

typedef struct FoCacheCounters
{
	pg_atomic_uint64 count[FO_COUNTERS];
} FoCacheCounters;

/* What a resource had counted when this window and the one before began. */
typedef struct FoCacheWindow
{
	uint64		hits[2];
	uint64		lookups[2];
} FoCacheWindow;

/* A resource of some database.  Its config and data are fenced like keys. */
typedef struct FoCacheSlot
{
	Oid			database;		/* under the lock; never changes once set */
	int32		resource;
	FoCacheCell config;			/* its row in cache_resource */
	FoCacheCell data;			/* all its values: dirty or cleared as a whole */
	FoCacheCell tags;			/* its deletes by tag */
} FoCacheSlot;

/* One caller computes a missing key; others wait on `done`.  Under claim_lock. */
typedef struct FoCacheClaim
{
	uint64		hash;			/* 0: free */
	uint64		check;			/* a second, independent hash */
	uint64		token;
	TimestampTz lease_end;
	int			pid;
	ConditionVariable done;
} FoCacheClaim;

/* Circuit breaker of the Redis connections of all backends; atomics. */
typedef struct FoCacheBreaker
{
	pg_atomic_uint64 open_until;	/* TimestampTz; 0: closed */
	pg_atomic_uint32 failures;	/* since the last success */
	pg_atomic_uint64 opened;	/* times, since start */
	pg_atomic_uint64 errors;
	pg_atomic_uint64 missed;	/* commits that Redis was not told of */
	pg_atomic_uint64 settled;	/* so many of them left nothing in the table
								 * cache_redis_missed; less than missed: look */
	pg_atomic_uint32 tracking;	/* a worker listens to other servers' changes */
} FoCacheBreaker;

typedef struct FoCacheShared
{
	LWLock		log_lock;		/* the log of the level-1 cache */
	LWLock		claim_lock;
	LWLock		slot_lock;
	pg_atomic_uint64 clock;		/* of published changes */
	pg_atomic_uint64 reset_at;	/* TimestampTz of the last reset of counters */
	FoCacheSeed seed;
	uint64		server_id;		/* of this run of the server, for Redis */
	FoCacheBreaker breaker;
	TimestampTz window_start;	/* under slot_lock, like the windows */
	FoCacheWindow window[FO_RESOURCE_SLOTS];
	FoCacheSlot slot[FO_RESOURCE_SLOTS];
	FoCacheClaim claim[FO_CLAIMS];
	FoCacheCell cell[FO_FENCE_CELLS];
	FoCacheCounters counters[FO_STAT_STRIPES][FO_RESOURCE_SLOTS];
	pg_atomic_uint32 nclaims;	/* slots in use */
	uint64		l1_at;			/* offset of the FoL1, 0 if there is none */
} FoCacheShared;

extern FoCacheShared *fo_cache_shared_state;

extern void fo_cache_shared_init(void);
extern FoCacheShared *fo_cache_shared_attach(void);
extern const char *fo_cache_shared_place(void);
extern void fo_cache_require_company(void);
extern int	fo_cache_slot(int32 resource);
extern void fo_cache_count_slow(int slot, FoCacheCounter counter, uint64 n);
extern uint64 fo_cache_counted(int slot, FoCacheCounter counter);
extern void fo_cache_reset_counters(void);
extern void fo_cache_roll_windows(void);
extern void fo_cache_recent(int slot, uint64 *hits, uint64 *lookups);

/* The shared state, or NULL when there is none to be had. */
static inline FoCacheShared *
fo_cache_shared(void)
{
	return likely(fo_cache_shared_state != NULL) ? fo_cache_shared_state
		: fo_cache_shared_attach();
}

static inline FoL1 *
fo_cache_l1(FoCacheShared *shared)
{
	return shared && shared->l1_at ? (FoL1 *) ((char *) shared + shared->l1_at) : NULL;
}

static inline FoCacheCell *
fo_cache_cell(FoCacheShared *shared, uint64 hash)
{
	return &shared->cell[(hash >> 20) % FO_FENCE_CELLS];
}

static inline uint64
fo_cell_clock(uint64 state)
{
	return state >> FO_CELL_CLOCK_SHIFT;
}

static inline uint64
fo_cell_dirty(uint64 state)
{
	return state & FO_CELL_DIRTY_MASK;
}

/* What a transaction noted of a cell, to see later whether it has changed since. */
typedef struct FoFenceNote
{
	uint64		clock;
	uint32		times;			/* that it had marked the cell itself */
} FoFenceNote;

/* cache_fence.c: fences of changes, by transaction */
extern void fo_fence_mark(FoCacheCell *cell);
extern bool fo_fence_others(FoCacheCell *cell);
extern bool fo_fence_settled(FoCacheCell *cell, Snapshot snapshot);
extern bool fo_fence_seen(FoCacheCell *cell, Snapshot snapshot);
extern FoFenceNote fo_fence_note(FoCacheCell *cell);
extern bool fo_fence_is_noted(FoCacheCell *cell, const FoFenceNote *note);
extern uint32 fo_fence_times(FoCacheCell *cell);
extern void fo_fence_publish(TransactionId xid);
extern void fo_fence_release(void);
extern bool fo_fence_mine(FoCacheCell *cell);
extern bool fo_fence_unraced(FoCacheCell *cell);
extern bool fo_fence_unraced_or_free(FoCacheCell *cell);
extern bool fo_fence_any(void);

#endif							/* FO_CACHE_SHARED_H */
