/*
 * watch_shared.c
 *		What all backends have found out: a table of queries and one of loops.
 *
 * It lives in main shared memory, so only with preloading.  Nothing of it is on disk: it
 * is lost when the server stops or a backend crashes, and then begins empty.
 *
 * Queries are in sets of FO_WATCH_WAYS entries; a set's lock guards all of them.  A new
 * query takes the place of the one of its set that has cost least lately.  Loops are few
 * and seldom written: one lock guards them.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/shmem.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/acl.h"

/* What remains of the other entries' usage when a set evicts one. */
#define DECAY 0.9

FoWatchShared *fo_watch_shared = NULL;

static void shared_init(void *memory, Size size);
static Size shared_size(void);

static FoShmemRegion region = {
	.name = "filteropt_advisor", .size = shared_size, .init = shared_init
};

static Size
entry_size(void)
{
	return MAXALIGN(offsetof(FoWatchEntry, query_text) + fo_watch_text_bytes);
}

/* Room for a text of a loop: a join is made of two queries. */
Size
fo_loop_text_bytes(void)
{
	return 2 * (Size) fo_watch_text_bytes + 512;
}

static Size
loop_size(void)
{
	return MAXALIGN(offsetof(FoLoopEntry, texts) + FO_LOOP_TEXTS * fo_loop_text_bytes());
}

static int
count_sets(void)
{
	return Max(1, fo_advisor_queries / FO_WATCH_WAYS);
}

static Size
shared_size(void)
{
	Size		size = MAXALIGN(sizeof(FoWatchShared)) + 2 * PG_CACHE_LINE_SIZE;

	size = add_size(size, mul_size(entry_size(), (Size) count_sets() * FO_WATCH_WAYS));
	return add_size(size, mul_size(loop_size(), FO_WATCH_LOOPS));
}

/* Lay out zeroed memory; AddinShmemInitLock is held. */
static void
shared_init(void *memory, Size size)
{
	FoWatchShared *shared = memory;

	for (int i = 0; i < FO_WATCH_LOCKS; i++)
		LWLockInitialize(&shared->lock[i].lock, region.tranche);
	LWLockInitialize(&shared->loop_lock, region.tranche);
	LWLockInitialize(&shared->plan_lock, region.tranche);
	pg_atomic_init_u32(&shared->plans_wanted, 0);
	shared->queries_since = shared->loops_since = GetCurrentTimestamp();
	pg_atomic_init_u64(&shared->evicted, 0);
	shared->nsets = count_sets();
	shared->entry_bytes = entry_size();
	shared->entries_at = MAXALIGN(sizeof(FoWatchShared));
	shared->loop_bytes = loop_size();
	shared->loops_at = shared->entries_at +
		shared->entry_bytes * (Size) shared->nsets * FO_WATCH_WAYS;
	fo_watch_shared = shared;
}

/* Announce the region, when preloaded. */
void
fo_watch_shared_init(void)
{
	if (process_shared_preload_libraries_in_progress)
		fo_shmem_register(&region);
}

/* Raise an error unless preloaded. */
void
fo_watch_require(void)
{
	if (fo_watch_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("queries are not watched, since filteropt is not preloaded"),
				 errhint("Add filteropt to shared_preload_libraries and restart the server.")));
}

/* Take the lock of an entry's set and return the entry. */
FoWatchEntry *
fo_watch_entry(int slot, LWLockMode mode, LWLock **lock)
{
	FoWatchShared *shared = fo_watch_shared;

	*lock = &shared->lock[slot / FO_WATCH_WAYS % FO_WATCH_LOCKS].lock;
	LWLockAcquire(*lock, mode);
	return (FoWatchEntry *) ((char *) shared + shared->entries_at +
							 shared->entry_bytes * (Size) slot);
}

/* A loop's entry; loop_lock is held. */
FoLoopEntry *
fo_loop_entry(int slot)
{
	FoWatchShared *shared = fo_watch_shared;

	return (FoLoopEntry *) ((char *) shared + shared->loops_at + shared->loop_bytes * (Size) slot);
}

/* One of a loop's texts. */
char *
fo_loop_text(FoLoopEntry *entry, FoLoopText which)
{
	return entry->texts + (Size) which * fo_loop_text_bytes();
}

/* May the current role read what another one has run?  As pg_stat_statements decides. */
bool
fo_watch_may_read(Oid role)
{
	return role == GetUserId() || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/* First slot of the set of a query of this database. */
static int
first_slot(uint64 id, Oid role)
{
	uint64		hash = id ^ ((uint64) role << 32) ^ MyDatabaseId;

	hash *= UINT64CONST(0x9e3779b97f4a7c15);
	return (int) ((hash >> 33) % fo_watch_shared->nsets) * FO_WATCH_WAYS;
}

static bool
is_entry_of(const FoWatchEntry *entry, uint64 id, Oid role)
{
	return entry->id == id && entry->role == role && entry->database == MyDatabaseId;
}

/* Empty the least used entry of a set, whose lock is held, for a new query. */
static int
evict(int first)
{
	FoWatchShared *shared = fo_watch_shared;
	FoWatchEntry *set = (FoWatchEntry *) ((char *) shared + shared->entries_at +
										  shared->entry_bytes * (Size) first);
	FoWatchEntry *entry;
	int			victim = 0;
	double		least = 0;

	for (int i = 0; i < FO_WATCH_WAYS; i++)
	{
		entry = (FoWatchEntry *) ((char *) set + shared->entry_bytes * (Size) i);
		if (entry->id == 0)
			return first + i;
		if (i == 0 || entry->usage < least)
		{
			victim = i;
			least = entry->usage;
		}
		entry->usage *= DECAY;
	}
	pg_atomic_fetch_add_u64(&shared->evicted, 1);
	return first + victim;
}

/*
 * The slot of a query of this database and a role, which is made if need be: query is its
 * normal form, or NULL just to look for it; then -1 means that it is not there.
 */
int
fo_watch_add(uint64 id, Oid role, const char *query, int len, bool truncated)
{
	int			first = first_slot(id, role);
	int			slot = -1;
	LWLock	   *lock;
	char	   *set = (char *) fo_watch_entry(first, query ? LW_EXCLUSIVE : LW_SHARED, &lock);

	for (int i = 0; i < FO_WATCH_WAYS && slot < 0; i++)
		if (is_entry_of((FoWatchEntry *) (set + fo_watch_shared->entry_bytes * (Size) i), id, role))
			slot = first + i;
	if (slot < 0 && query != NULL)
	{
		FoWatchEntry *entry;

		slot = evict(first);
		entry = (FoWatchEntry *) (set + fo_watch_shared->entry_bytes * (Size) (slot - first));
		memset(entry, 0, offsetof(FoWatchEntry, query_text));
		entry->id = id;
		entry->database = MyDatabaseId;
		entry->role = role;
		entry->usage = 1;
		entry->first_seen = GetCurrentTimestamp();
		entry->truncated = truncated;
		entry->len = len;
		memcpy(entry->query_text, query, len);
	}
	LWLockRelease(lock);
	return slot;
}

static void
add_cost(FoWatchCost *to, const FoWatchCost *cost)
{
	to->calls += cost->calls;
	to->slow_calls += cost->slow_calls;
	to->total += cost->total;
	to->rows += cost->rows;
	to->hit += cost->hit;
	to->read += cost->read;
	to->dirtied += cost->dirtied;
	to->temp_read += cost->temp_read;
	to->temp_written += cost->temp_written;
}

/* Add what a backend has counted; false if the entry is another query's by now. */
bool
fo_watch_tell(int slot, const FoWatchQuery *query)
{
	LWLock	   *lock;
	FoWatchEntry *entry = fo_watch_entry(slot, LW_EXCLUSIVE, &lock);
	bool		ours = is_entry_of(entry, query->id, query->role);

	if (ours)
	{
		add_cost(&entry->cost, &query->pending);
		for (int i = 0; i < FO_LATENCY_BUCKETS; i++)
			entry->histogram[i] += query->histogram[i];
		entry->usage += query->pending.total / 1000 + (double) query->pending.calls;
		entry->last_seen = GetCurrentTimestamp();
	}
	LWLockRelease(lock);
	return ours;
}

/* Forget the queries or the loops of this database. */
void
fo_watch_forget(bool queries, bool loops)
{
	FoWatchShared *shared = fo_watch_shared;
	LWLock	   *lock;

	for (int i = 0; queries && i < shared->nsets * FO_WATCH_WAYS; i++)
	{
		FoWatchEntry *entry = fo_watch_entry(i, LW_EXCLUSIVE, &lock);

		if (entry->database == MyDatabaseId)
			entry->id = 0;
		LWLockRelease(lock);
	}
	if (queries)
		fo_capture_forget();
	LWLockAcquire(&shared->loop_lock, LW_EXCLUSIVE);
	for (int i = 0; loops && i < FO_WATCH_LOOPS; i++)
		if (fo_loop_entry(i)->id.database == MyDatabaseId)
			fo_loop_entry(i)->id.database = InvalidOid;
	if (queries)
		shared->queries_since = GetCurrentTimestamp();
	if (loops)
		shared->loops_since = GetCurrentTimestamp();
	LWLockRelease(&shared->loop_lock);
}
