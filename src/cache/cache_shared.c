/*
 * cache_shared.c
 *		The shared state: making it, slots of resources, counters.
 *
 * Counters are striped by backend, so that readers do not share their cache lines;
 * a reader sums the stripes.  Slots are given to resources of all databases at first
 * use and kept; when they run out, slot 0 serves the rest together (its fences are
 * then shared, which costs hits, not correctness).
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "cache/cache_internal.h"
#include "cache/cache_shared.h"
#include "miscadmin.h"
#include "storage/proc.h"

FoCacheShared *fo_cache_shared_state = NULL;

static Size
l1_offset(void)
{
	return CACHELINEALIGN(sizeof(FoCacheShared));
}

static Size
shared_size(void)
{
	return add_size(l1_offset() + 2 * PG_CACHE_LINE_SIZE,
					mul_size((Size) fo_cache_l1_kb, 1024));
}

static void
cell_init(FoCacheCell *cell)
{
	pg_atomic_init_u64(&cell->state, 0);
	pg_atomic_init_u32(&cell->max_xid, InvalidTransactionId);
	pg_atomic_init_u32(&cell->bare_xid, InvalidTransactionId);
}

/* Lay out zeroed memory; AddinShmemInitLock is held. */
static void
shared_init(void *memory, Size size)
{
	FoCacheShared *shared = memory;
	int			tranche = fo_cache_tranche();

	LWLockInitialize(&shared->log_lock, tranche);
	LWLockInitialize(&shared->claim_lock, tranche);
	LWLockInitialize(&shared->slot_lock, tranche);
	pg_atomic_init_u64(&shared->clock, 1);
	shared->window_start = GetCurrentTimestamp();
	pg_atomic_init_u64(&shared->reset_at, (uint64) shared->window_start);
	if (!pg_strong_random(&shared->seed, sizeof(shared->seed)) ||
		!pg_strong_random(&shared->server_id, sizeof(shared->server_id)))
		elog(ERROR, "no random numbers to be had");

	pg_atomic_init_u64(&shared->breaker.open_until, 0);
	pg_atomic_init_u32(&shared->breaker.failures, 0);
	pg_atomic_init_u64(&shared->breaker.opened, 0);
	pg_atomic_init_u64(&shared->breaker.errors, 0);
	/* whether the outbox holds anything is not known before someone looks */
	pg_atomic_init_u64(&shared->breaker.missed, 1);
	pg_atomic_init_u64(&shared->breaker.settled, 0);
	pg_atomic_init_u32(&shared->breaker.tracking, 0);
	pg_atomic_init_u32(&shared->nclaims, 0);
	for (int i = 0; i < FO_RESOURCE_SLOTS; i++)
	{
		cell_init(&shared->slot[i].config);
		cell_init(&shared->slot[i].data);
		cell_init(&shared->slot[i].tags);
	}
	for (int i = 0; i < FO_CLAIMS; i++)
		ConditionVariableInit(&shared->claim[i].done);
	for (int i = 0; i < FO_FENCE_CELLS; i++)
		cell_init(&shared->cell[i]);
	for (int s = 0; s < FO_STAT_STRIPES; s++)
		for (int i = 0; i < FO_RESOURCE_SLOTS; i++)
			for (int c = 0; c < FO_COUNTERS; c++)
				pg_atomic_init_u64(&shared->counters[s][i].count[c], 0);
	if (fo_l1_init((char *) memory + l1_offset(),
				   TYPEALIGN_DOWN(64, size - l1_offset())) != NULL)
		shared->l1_at = l1_offset();
}

static FoShmemRegion region = {.name = "filteropt_cache", .size = shared_size, .init = shared_init};

/* LWLock tranche of the region. */
int
fo_cache_tranche(void)
{
	return region.tranche;
}

/* Announce the region; from _PG_init. */
void
fo_cache_shared_init(void)
{
	fo_shmem_register(&region);
}

/* Map the region in this backend.  NULL: the cache works from its table alone. */
FoCacheShared *
fo_cache_shared_attach(void)
{
	fo_cache_shared_state = fo_shmem_attach(&region);
	return fo_cache_shared_state;
}

/* For people: where the level-1 cache lives. */
const char *
fo_cache_shared_place(void)
{
	fo_cache_shared();
	return region.place == FO_SHMEM_MAIN ? "preloaded"
		: region.place == FO_SHMEM_SEGMENT ? "run time" : "private";
}

/*
 * Without shared memory changes are told through the table, which all read: unless
 * others have shared memory, and only this backend could not map it.
 */
void
fo_cache_require_company(void)
{
	if (fo_cache_shared() == NULL && region.apart)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("the cache cannot be changed by this backend"),
				 errdetail("It could not map the shared memory by which others hear of changes."),
				 errhint("Connect again.")));
}

/* The slot of a resource of this database; 0 when all are taken. */
int
fo_cache_slot(int32 resource)
{
	FoCacheShared *shared = fo_cache_shared();
	int			slot = 0;

	if (shared == NULL)
		return 0;
	LWLockAcquire(&shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 1; i < FO_RESOURCE_SLOTS && slot == 0; i++)
	{
		FoCacheSlot *s = &shared->slot[i];

		if (!OidIsValid(s->database))
		{
			s->database = MyDatabaseId;
			s->resource = resource;
		}
		if (s->database == MyDatabaseId && s->resource == resource)
			slot = i;
	}
	LWLockRelease(&shared->slot_lock);
	return slot;
}

/* Count in this backend's stripe. */
void
fo_cache_count_slow(int slot, FoCacheCounter counter, uint64 n)
{
	FoCacheShared *shared = fo_cache_shared();

	if (shared != NULL)
	{
		FoCacheCounters *stripe = shared->counters[FO_BACKEND_NUMBER() % FO_STAT_STRIPES];

		pg_atomic_fetch_add_u64(&stripe[slot].count[counter], n);
	}
}

/* Sum of a counter over all stripes. */
uint64
fo_cache_counted(int slot, FoCacheCounter counter)
{
	FoCacheShared *shared = fo_cache_shared();
	uint64		sum = 0;

	for (int s = 0; shared != NULL && s < FO_STAT_STRIPES; s++)
		sum += pg_atomic_read_u64(&shared->counters[s][slot].count[counter]);
	return sum;
}

/* Hits and look-ups of a resource so far. */
static void
count_lookups(int slot, uint64 *hits, uint64 *lookups)
{
	*hits = fo_cache_counted(slot, FO_COUNT_L1_HITS) + fo_cache_counted(slot, FO_COUNT_L2_HITS) +
		fo_cache_counted(slot, FO_COUNT_L3_HITS) + fo_cache_counted(slot, FO_COUNT_OWN_HITS);
	*lookups = *hits + fo_cache_counted(slot, FO_COUNT_MISSES);
}

/* Begin a new window if the present one is over; called by whoever looks, and the worker. */
void
fo_cache_roll_windows(void)
{
	FoCacheShared *shared = fo_cache_shared();
	TimestampTz now = GetCurrentTimestamp();

	if (shared == NULL)
		return;
	LWLockAcquire(&shared->slot_lock, LW_EXCLUSIVE);
	if (now < shared->window_start || now - shared->window_start >= FO_WINDOW_US)
	{
		shared->window_start = now;
		for (int i = 0; i < FO_RESOURCE_SLOTS; i++)
		{
			FoCacheWindow *window = &shared->window[i];

			window->hits[1] = window->hits[0];
			window->lookups[1] = window->lookups[0];
			count_lookups(i, &window->hits[0], &window->lookups[0]);
		}
	}
	LWLockRelease(&shared->slot_lock);
}

/* Hits and look-ups in this window and the one before. */
void
fo_cache_recent(int slot, uint64 *hits, uint64 *lookups)
{
	FoCacheWindow window;

	LWLockAcquire(&fo_cache_shared()->slot_lock, LW_SHARED);
	window = fo_cache_shared()->window[slot];
	LWLockRelease(&fo_cache_shared()->slot_lock);
	count_lookups(slot, hits, lookups);
	*hits -= Min(*hits, window.hits[1]);
	*lookups -= Min(*lookups, window.lookups[1]);
}

/* Set all counters of this database to zero. */
void
fo_cache_reset_counters(void)
{
	FoCacheShared *shared = fo_cache_shared();

	for (int i = 0; shared != NULL && i < FO_RESOURCE_SLOTS; i++)
	{
		if (i > 0 && shared->slot[i].database != MyDatabaseId)
			continue;
		for (int s = 0; s < FO_STAT_STRIPES; s++)
			for (int c = 0; c < FO_COUNTERS; c++)
				pg_atomic_write_u64(&shared->counters[s][i].count[c], 0);
		shared->window[i] = (FoCacheWindow) {{0, 0}, {0, 0}};
	}
	if (shared != NULL)
		pg_atomic_write_u64(&shared->reset_at, (uint64) GetCurrentTimestamp());
}
