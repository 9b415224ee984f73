/*
 * cache_change.c
 *		What a transaction has changed, until its end.
 *
 * A change marks the fences of its key at once, writes the table at once if the
 * resource uses it, and is remembered here.  Shared memory and Redis hear of it when
 * the transaction commits; a rollback forgets it, a savepoint's rollback forgets its
 * part.  For resources without a table this list is also where the transaction reads
 * its own writes.
 *
 * The list is bounded: values are kept up to KEEP_BYTES together (others are only
 * removed from shared memory at commit, not replaced), and beyond MAX_CHANGES keys the
 * resources concerned get a new version each, which makes all their old values vanish.
 *
 * Example: put k=1, savepoint, put k=2, rollback to savepoint, commit.  The list is
 * [k=1] then [k=1, k=2] then [k=1]; the commit publishes k=1.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "cache/cache_alone.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define MAX_CHANGES		100000
#define KEEP_BYTES		(16 * 1024 * 1024)
#define KEEP_VALUE		(1024 * 1024)
#define NO_CHANGE		(-1)

typedef struct Change
{
	FoCacheKey	key;			/* key.resource points to the copy below */
	FoCacheResource resource;	/* as it was when the change was made */
	FoCacheItem item;			/* level FO_LEVEL_NONE: deleted */
	bool		has_value;		/* item.value was kept */
	bool		tagged;
	FoFenceNote data;			/* of all values of the resource, when put */
	SubTransactionId subid;
	int			previous;		/* change of the same key before this one */
	FoRedisChange *redis;		/* what Redis gets, NULL: nothing */
} Change;

/* A resource that this transaction gave a new version. */
typedef struct Renewed
{
	int32		resource;
	SubTransactionId subid;
} Renewed;

/* Index of the last change of a key. */
typedef struct Last
{
	uint64		hash[2];		/* hash key: two independent hashes of the
								 * whole key */
	int			change;
} Last;

static MemoryContext change_context = NULL;
static Change **changes = NULL;
static int	nchanges = 0;
static int	max_changes = 0;
static Size kept_bytes = 0;
static HTAB *last_change = NULL;
static Renewed *renewed = NULL;
static int	nrenewed = 0;
static int	max_renewed = 0;
static FoRedisChange *redis_changes = NULL;
static int	nredis = 0;

/* Refuse to write where writing is impossible, with the server's own words. */
void
fo_change_require_writable(const char *what)
{
	PreventCommandIfReadOnly(what);
	PreventCommandIfParallelMode(what);
	PreventCommandDuringRecovery(what);
}

/* Make the list; it lives as long as the transaction. */
static void
start_list(void)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64) * 2, .entrysize = sizeof(Last)};

	if (changes != NULL)
		return;
	change_context = AllocSetContextCreate(TopTransactionContext, "filteropt cache changes",
										   ALLOCSET_DEFAULT_SIZES);
	ctl.hcxt = change_context;
	last_change = hash_create("filteropt changed keys", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	max_changes = 64;
	changes = MemoryContextAlloc(change_context, sizeof(Change *) * max_changes);
}

/* Forget the list, whose memory goes with the transaction. */
static void
end_list(void)
{
	changes = NULL;
	last_change = NULL;
	change_context = NULL;
	redis_changes = NULL;
	renewed = NULL;
	nchanges = max_changes = nredis = nrenewed = max_renewed = 0;
	kept_bytes = 0;
}

static Last *
find_last(const FoCacheKey *key, HASHACTION action, bool *found)
{
	static const FoCacheSeed second = {UINT64CONST(0x9ae16a3b2f90404f),
		UINT64CONST(0xc949d7c7509e6557)};
	uint64		hash[2];

	hash[0] = fo_cache_hash(&second, (uint64) key->l1.owner.resource << 32 | key->l1.owner.version,
							key->l1.bytes, key->l1.len);
	hash[1] = fo_cache_hash(&second, hash[0] ^ key->l1.owner.role, key->l1.bytes, key->l1.len);
	return hash_search(last_change, hash, action, found);
}

/* Add a change of a key to the list. */
static Change *
add_change(FoCacheKey *key)
{
	MemoryContext old;
	Change	   *change;
	Last	   *last;
	char	   *bytes;
	bool		found;

	start_list();
	old = MemoryContextSwitchTo(change_context);
	if (nchanges == max_changes)
	{
		changes = repalloc_huge(changes, sizeof(Change *) * max_changes * 2);
		max_changes *= 2;
	}
	change = palloc0(sizeof(Change));
	change->resource = *key->resource;
	change->key = *key;
	change->key.resource = &change->resource;
	bytes = palloc(key->l1.len + 1);
	memcpy(bytes, key->l1.bytes, key->l1.len);
	change->key.l1.bytes = bytes;
	change->subid = GetCurrentSubTransactionId();
	last = find_last(key, HASH_ENTER, &found);
	change->previous = found ? last->change : NO_CHANGE;
	last->change = nchanges;
	changes[nchanges++] = change;
	MemoryContextSwitchTo(old);
	return change;
}

/* Keep a copy of a value, if it is not too much. */
static void
keep_value(Change *change, const FoCacheItem *item)
{
	Size		bytes = item->value == NULL ? 0 : VARSIZE(item->value);

	change->item = *item;
	change->tagged = item->tags != NULL;
	change->item.value = NULL;
	change->item.tags = NULL;
	change->has_value = item->value == NULL ||
		(bytes <= KEEP_VALUE && kept_bytes + bytes <= KEEP_BYTES) ||
		!change->resource.uses[FO_LEVEL_3];
	if (item->value == NULL || !change->has_value)
		return;
	change->item.value = MemoryContextAllocHuge(change_context, bytes);
	memcpy(change->item.value, item->value, bytes);
	kept_bytes += bytes;
}

/* Did this transaction give the resource a new version, which others cannot see yet? */
static bool
is_renewed(int32 resource_id)
{
	for (int i = 0; i < nrenewed; i++)
		if (renewed[i].resource == resource_id)
			return true;
	return false;
}

/*
 * Call before making the key of a change: with too many keys changed already the whole
 * resource gets a new version instead.  Returns the resource, read anew if need be.
 */
FoCacheResource *
fo_change_reserve(FoCacheResource *resource)
{
	char		name[NAMEDATALEN];

	if (nchanges < MAX_CHANGES || is_renewed(resource->id))
		return resource;
	strlcpy(name, resource->name, sizeof(name));
	fo_change_clear(resource);
	return fo_resource_find(name, strlen(name));
}

/*
 * Did this transaction change the key, and is the list the place to know what to?
 * (With a table, the table knows, by snapshot and command.)
 */
bool
fo_change_own(const FoCacheKey *key, FoCacheItem *item)
{
	Last	   *last;
	Change	   *change;

	if (likely(nchanges == 0) || key->resource->uses[FO_LEVEL_3])
		return false;
	last = find_last(key, HASH_FIND, NULL);
	if (last == NULL || last->change == NO_CHANGE)
		return false;
	change = changes[last->change];
	*item = change->item;
	if (key->cell != NULL &&
		fo_fence_times(&fo_resource_slot(key->resource)->data) != change->data.times)
		*item = (FoCacheItem) {.level = FO_LEVEL_NONE};
	else if (item->value != NULL)
	{
		item->value = palloc(VARSIZE(change->item.value));
		memcpy(item->value, change->item.value, VARSIZE(change->item.value));
	}
	return true;
}

/*
 * Put a value for a key, whose fence is marked.  With a token, which a claim returned,
 * it counts as a fill: false, and nothing is changed, if the key was changed since the
 * token, or if without shared memory that cannot be excluded.
 */
bool
fo_change_put(FoCacheKey *key, FoCacheItem *item, uint64 token)
{
	bool		fill = token != 0;
	FoFenceNote data = {0, 0};
	Change	   *change;

	if (key->cell != NULL)
		data = fo_fence_note(&fo_resource_slot(key->resource)->data);
	if (fill && key->cell == NULL)
	{
		if (!fo_alone_put(key, item, token))
			return false;
	}
	else if (fill && fo_token_raced(key, token))
		return false;
	else if (key->resource->uses[FO_LEVEL_3])
	{
		if (!fill)
			fo_store_put(key, item);
		else if (!fo_token_store(key, item, token))
			return false;
	}
	if (is_renewed(key->resource->id))
		return true;			/* nobody can have cached values of this
								 * version */
	change = add_change(key);
	change->data = data;
	item->level = FO_LEVEL_OWN;
	keep_value(change, item);
	return true;
}

/* Delete a key, whose fence is marked, in all levels. */
void
fo_change_delete(FoCacheKey *key)
{
	if (key->resource->uses[FO_LEVEL_3])
		fo_store_delete(key);
	if (!is_renewed(key->resource->id))
		add_change(key);
}

static void
add_renewed(int32 resource_id)
{
	start_list();
	if (nrenewed == max_renewed)
	{
		max_renewed = max_renewed > 0 ? max_renewed * 2 : 8;
		renewed = renewed == NULL
			? MemoryContextAlloc(change_context, sizeof(Renewed) * max_renewed)
			: repalloc(renewed, sizeof(Renewed) * max_renewed);
	}
	renewed[nrenewed++] = (Renewed) {resource_id, GetCurrentSubTransactionId()};
}

/* Make all values of a resource vanish: it gets a new version. */
void
fo_change_clear(FoCacheResource *resource)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(resource->id)};
	Oid			user;
	int			context;

	SPI_connect();
	fo_store_as_owner(&user, &context);
	if (SPI_execute_with_args("UPDATE filteropt.cache_resource"
							  " SET version = pg_catalog.nextval('filteropt.cache_version')::int"
							  " WHERE id OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not give a cache resource a new version");
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	add_renewed(resource->id);
}

/* A row of cache_resource changes: fence it, and all values in level 1 if they must go. */
void
fo_change_config(int32 resource_id, bool forget)
{
	FoCacheShared *shared = fo_cache_shared();
	FoCacheSlot *slot;

	fo_cache_require_company();
	if (shared == NULL)
		return;
	slot = &shared->slot[fo_cache_slot(resource_id)];
	fo_fence_mark(&slot->config);
	if (forget)
		fo_fence_mark(&slot->data);
}

/* May shared memory and Redis get the value, or must they only forget the old one? */
static bool
replaces(const Change *change)
{
	return change->item.level == FO_LEVEL_OWN && change->has_value &&
		fo_fence_unraced(change->key.cell) &&
		fo_fence_unraced_or_free(&fo_resource_slot(&change->resource)->config) &&
		fo_fence_is_noted(&fo_resource_slot(&change->resource)->data, &change->data);
}

/*
 * Whose the value is.  A transaction that has written no table has no id: its value may
 * depend on whatever was published on the key's fences.
 */
static void
set_xid(Change *change, TransactionId xid)
{
	change->item.xid_is_bound = !TransactionIdIsValid(xid);
	change->item.xid = TransactionIdIsValid(xid) ? xid : fo_cache_bound(&change->key);
}

static bool
still_unraced(void *arg)
{
	return replaces(arg);
}

/* Bring level 1 up to date with a committed change, the fences still being up. */
static void
publish_l1(Change *change, TransactionId xid, TimestampTz now)
{
	FoCacheShared *shared = fo_cache_shared();
	FoL1	   *l1 = fo_cache_l1(shared);
	bool		replaced = false;

	if (l1 == NULL || !change->resource.uses[FO_LEVEL_1])
		return;
	if (replaces(change))
	{
		FoL1Meta	meta;

		set_xid(change, xid);
		meta = fo_cache_l1_meta(&change->key, &change->item);
		meta.clock =
			fo_cell_clock(pg_atomic_read_u64(&fo_resource_slot(&change->resource)->data.state));
		LWLockAcquire(&shared->log_lock, LW_EXCLUSIVE);
		replaced = fo_l1_insert(l1, &change->key.l1, &meta, change->item.value,
								change->item.value == NULL ? 0 : VARSIZE(change->item.value),
								now, still_unraced, change);
		LWLockRelease(&shared->log_lock);
	}
	if (!replaced)
		fo_l1_remove(l1, &change->key.l1);
}

/* Is this the last change of its key? */
static bool
is_last(const Change *change, int number)
{
	Last	   *last = find_last(&change->key, HASH_FIND, NULL);

	return last != NULL && last->change == number;
}

/*
 * Should the server crash, Redis must not know more than the server then does: what this
 * transaction has read may have been committed asynchronously.  With an id, flushing
 * its own commit record does the same, later.
 */
void
fo_change_flush_read(void)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();

	/*
	 * the next record's place may be behind a page header that is not there
	 * yet
	 */
	if (XLogSegmentOffset(end, wal_segment_size) == SizeOfXLogLongPHD)
		end -= SizeOfXLogLongPHD;
	else if (end % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		end -= SizeOfXLogShortPHD;
	XLogFlush(end);
}

/* List what Redis must hear of. */
static void
list_redis_changes(void)
{
	redis_changes = palloc_extended(sizeof(FoRedisChange) * nchanges,
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < nchanges; i++)
	{
		FoRedisChange *redis = &redis_changes[nredis];

		if (!changes[i]->resource.uses[FO_LEVEL_2] || !is_last(changes[i], i) ||
			changes[i]->key.l1.len > FO_REDIS_MAX_KEY)
			continue;
		changes[i]->redis = redis;
		fo_redis_name(&changes[i]->key, redis);
		redis->in_table = changes[i]->resource.uses[FO_LEVEL_3];
		/* the worker must be able to wait for who has told Redis already */
		if (redis->in_table && fo_redis_keeps_told())
			(void) GetTopTransactionId();
		nredis++;
	}
	/* a delete by tag must find what Redis has, after a crash too */
	for (int i = 0; i < nchanges; i++)
		if (changes[i]->redis != NULL && changes[i]->item.level == FO_LEVEL_OWN &&
			changes[i]->has_value && (!changes[i]->tagged || fo_store_is_logged()))
		{
			set_xid(changes[i], GetTopTransactionIdIfAny());
			fo_redis_record(&changes[i]->key, &changes[i]->item, changes[i]->redis);
		}
}

/* Before the commit: Redis must not serve the old values any more. */
static void
prepare_commit(void)
{
	MemoryContext old;

	if (nchanges == 0 || !fo_redis_configured() || fo_cache_shared() == NULL)
		return;
	old = MemoryContextSwitchTo(change_context);
	list_redis_changes();
	if (nredis > 0)
	{
		/* under a frozen snapshot it could fail, and with it this commit */
		if (!IsolationUsesXactSnapshot())
		{
			PushActiveSnapshot(GetTransactionSnapshot());
			fo_redis_drain();
			PopActiveSnapshot();
		}
		if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
			fo_change_flush_read();
		fo_redis_fence(redis_changes, nredis);
	}
	MemoryContextSwitchTo(old);
}

/* Count the values that Redis got. */
static void
count_redis_puts(void)
{
	for (int i = 0; i < nchanges; i++)
		if (changes[i]->redis != NULL && changes[i]->redis->record != NULL)
			fo_cache_count(&changes[i]->resource, FO_COUNT_L2_PUTS);
}

/* After the commit, which nobody has been told of: no errors may be raised here. */
static void
publish(void)
{
	TransactionId xid = GetTopTransactionIdIfAny();
	TimestampTz now = GetCurrentTimestamp();

	fo_fence_publish(xid);
	for (int i = 0; i < nchanges; i++)
	{
		if (is_last(changes[i], i))
			publish_l1(changes[i], xid, now);
		/* its fence in Redis may have covered that of a later commit */
		if (changes[i]->redis != NULL && !replaces(changes[i]))
			changes[i]->redis->record = NULL;
	}
	if (nredis > 0)
	{
		if (TransactionIdIsValid(xid))
			XLogFlush(XactLastCommitEnd);
		if (fo_redis_publish(redis_changes, nredis))
			count_redis_puts();
	}
}

/* Let those go who waited for what is published now: marked keys would send them to the table. */
static void
wake_waiters(void)
{
	for (int i = 0; i < nchanges; i++)
		fo_claim_done(&changes[i]->key);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (likely(nchanges == 0 && !fo_fence_any()))
	{
		end_list();
		return;
	}
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			prepare_commit();
			break;
		case XACT_EVENT_COMMIT:
			publish();
			fo_fence_release();
			wake_waiters();
			end_list();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			fo_fence_release();
			end_list();
			break;
		case XACT_EVENT_PRE_PREPARE:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that has changed the filteropt "
							"cache"),
					 errhint("Change the cache before or after the prepared transaction.")));
			break;
		default:
			break;
	}
}

/* A savepoint is rolled back: so are the changes made since. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
					  void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (nrenewed > 0 && renewed[nrenewed - 1].subid >= subid)
		nrenewed--;
	while (nchanges > 0 && changes[nchanges - 1]->subid >= subid)
	{
		Change	   *change = changes[--nchanges];
		Last	   *last = find_last(&change->key, HASH_FIND, NULL);

		last->change = change->previous;
	}
}

/* Follow all transactions; from _PG_init. */
void
fo_change_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
