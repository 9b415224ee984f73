/*
 * cache_look.c
 *		Reading: through the levels of a resource in its order, filling the shared
 *		ones on the way.
 *
 * No path here writes a table, so all of it works in read-only transactions and on a
 * standby.  cache_fence.c states the protocol that keeps shared values right; in
 * short, what level 1 gives is what the table would give for the same snapshot.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "cache/cache_alone.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#define FO_ENTRY_NEGATIVE	1	/* FoL1Meta.flags */
#define FO_ENTRY_BOUND		2	/* FoCacheItem.xid_is_bound */
#define CLOCK_STEP			(60 * USECS_PER_SEC)	/* back in time, that we
													 * forgive */

/*
 * Does a snapshot see what a transaction wrote?  Of a bound: does it surely see all
 * transactions up to that one?
 */
bool
fo_cache_visible(TransactionId xid, bool is_bound, Snapshot snapshot)
{
	if (likely(!TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, snapshot->xmin)))
		return true;
	return !is_bound && !XidInMVCCSnapshot(xid, snapshot);
}

/*
 * May the value be given out at this time?  Says in item->stale whether it is past
 * its time; such values pass only with FO_LOOK_STALE.  A value from the future means
 * that the clock was set back: it counts as expired.
 */
bool
fo_cache_fresh(FoCacheItem *item, TimestampTz now, int flags)
{
	if (unlikely(item->created > now + CLOCK_STEP))
		return false;
	item->stale = now >= item->expires;
	return !item->stale || ((flags & FO_LOOK_STALE) && now < item->stale_until);
}

/* Read the fences of a key. */
FoToken
fo_cache_token(const FoCacheKey *key)
{
	FoToken		token = {false, 0, 0};
	FoCacheSlot *slot = fo_resource_slot(key->resource);

	if (unlikely(slot == NULL))
		return token;
	token.cell = pg_atomic_read_u64(&key->cell->state);
	token.data = pg_atomic_read_u64(&slot->data.state);
	/* a serializable reader must leave its predicate locks on the table */
	token.clean = fo_cell_dirty(token.cell) == 0 && fo_cell_dirty(token.data) == 0 &&
		!IsolationIsSerializable() && !RecoveryInProgress();
	pg_read_barrier();
	return token;
}

/* Look into shared memory, the fences being clean. */
static bool
look_l1(FoCacheKey *key, Snapshot snapshot, const FoToken *token, FoCacheItem *item)
{
	FoCacheShared *shared = fo_cache_shared();
	FoL1	   *l1 = fo_cache_l1(shared);
	FoL1View	view;

	while (l1 != NULL && fo_l1_find(l1, &key->l1, &view))
	{
		if (view.meta.clock != fo_cell_clock(token->data))
			return false;
		if (!fo_cache_visible(view.meta.xid, (view.meta.flags & FO_ENTRY_BOUND) != 0, snapshot))
		{
			fo_cache_count(key->resource, FO_COUNT_L1_BYPASSED);
			return false;
		}
		if (unlikely(view.len > FO_CACHE_MAX_VALUE))
			continue;
		item->value = palloc(view.len + 1);
		if (unlikely(!fo_l1_copy(&view, item->value)))
		{
			pfree(item->value);
			continue;
		}
		if (view.meta.flags & FO_ENTRY_NEGATIVE)
			item->value = NULL;
		item->level = FO_LEVEL_1;
		item->created = view.meta.created;
		item->expires = view.meta.expires;
		item->stale_until = view.meta.stale_until;
		item->writer = view.meta.writer;
		item->xid = view.meta.xid;
		item->xid_is_bound = (view.meta.flags & FO_ENTRY_BOUND) != 0;
		item->tags = NULL;
		item->hits = view.hits;
		if (unlikely(fo_l1_touch(l1, &key->l1, &view)) &&
			LWLockConditionalAcquire(&shared->log_lock, LW_EXCLUSIVE))
		{
			fo_l1_drain(l1);
			LWLockRelease(&shared->log_lock);
		}
		return true;
	}
	return false;
}

/* What level 1 keeps beside a value. */
FoL1Meta
fo_cache_l1_meta(const FoCacheKey *key, const FoCacheItem *item)
{
	FoL1Meta	meta = {.created = item->created, .expires = item->expires,
		.stale_until = item->stale_until, .xid = item->xid, .writer = item->writer,
		.account = key->resource->slot,
		.flags = (item->value == NULL ? FO_ENTRY_NEGATIVE : 0) |
		(item->xid_is_bound ? FO_ENTRY_BOUND : 0)};

	return meta;
}

/* A fill that waits to be let in. */
typedef struct Fill
{
	FoCacheCell *cell;
	FoCacheCell *data;
	const FoToken *token;
} Fill;

static bool
fill_is_unraced(void *arg)
{
	Fill	   *fill = arg;

	return pg_atomic_read_u64(&fill->cell->state) == fill->token->cell &&
		pg_atomic_read_u64(&fill->data->state) == fill->token->data;
}

/* The same for one of several fills. */
static bool
any_is_unraced(void *arg, int i)
{
	return fill_is_unraced((Fill *) arg + i);
}

/* Store a value in level 1 unless the fences have moved since the token. */
static void
store_l1(FoCacheKey *key, const FoToken *token, const FoCacheItem *item)
{
	FoCacheShared *shared = fo_cache_shared();
	FoL1	   *l1 = fo_cache_l1(shared);
	Fill		fill = {key->cell, &fo_resource_slot(key->resource)->data, token};
	FoL1Meta	meta = fo_cache_l1_meta(key, item);
	bool		filled;

	if (l1 == NULL)
		return;
	meta.clock = fo_cell_clock(token->data);
	LWLockAcquire(&shared->log_lock, LW_EXCLUSIVE);
	filled = fo_l1_insert(l1, &key->l1, &meta, item->value,
						  item->value == NULL ? 0 : VARSIZE(item->value),
						  GetCurrentTimestamp(), fill_is_unraced, &fill);
	LWLockRelease(&shared->log_lock);
	fo_cache_count(key->resource, filled ? FO_COUNT_FILLS : FO_COUNT_FILLS_REFUSED);
}

/* Do all published changes of a key lie within a snapshot? */
static bool
is_settled(const FoCacheKey *key, Snapshot snapshot)
{
	return fo_fence_settled(key->cell, snapshot) &&
		fo_fence_settled(&fo_resource_slot(key->resource)->data, snapshot);
}

/* Is what was found under a clean token the newest committed value, not only the snapshot's? */
static bool
is_newest(const FoCacheKey *key, Snapshot snapshot, const FoCacheItem *item, ItemPointer tid)
{
	if (TransactionIdIsCurrentTransactionId(item->xid))
		return false;
	return is_settled(key, snapshot) || (tid != NULL && fo_store_still(tid));
}

/* Is Redis asked before the table, so that what it lacks is known to be missing there? */
static bool
redis_comes_first(const FoCacheResource *resource)
{
	for (int i = 0; i < resource->nlevels; i++)
	{
		if (resource->level[i] == FO_LEVEL_2)
			return resource->uses[FO_LEVEL_3];
		if (resource->level[i] == FO_LEVEL_3)
			return false;
	}
	return false;
}

/* Fill the levels above from values of one resource that were found below. */
static void
fill_above(FoCacheKey **keys, FoCacheItem **items, const FoToken **tokens, ItemPointerData *tids,
		   int n, Snapshot snapshot)
{
	FoCacheResource *resource = n > 0 ? keys[0]->resource : NULL;
	bool		redis = n > 0 && redis_comes_first(resource);
	Fill	   *fills = palloc(sizeof(Fill) * n);
	TimestampTz now = GetCurrentTimestamp();
	int			missing = 0;

	for (int i = 0; i < n; i++)
	{
		bool		from_table = items[i]->level == FO_LEVEL_3;

		if (!tokens[i]->clean || (!resource->uses[FO_LEVEL_1] && !(redis && from_table)))
			continue;
		if (!is_newest(keys[i], snapshot, items[i], from_table ? &tids[i] : NULL))
		{
			fo_cache_count(resource, FO_COUNT_FILLS_REFUSED);
			continue;
		}
		if (resource->uses[FO_LEVEL_1])
			store_l1(keys[i], tokens[i], items[i]);
		if (!redis || !from_table || now >= items[i]->expires ||
			keys[i]->l1.len > FO_REDIS_MAX_KEY ||
			(items[i]->tags != NULL && !fo_store_is_logged()))
			continue;
		keys[missing] = keys[i];
		items[missing] = items[i];
		fills[missing++] = (Fill) {keys[i]->cell, &fo_resource_slot(resource)->data, tokens[i]};
	}
	fo_redis_fill(keys, items, missing, any_is_unraced, fills);
	pfree(fills);
}

static void
count_hit(FoCacheKey *key, const FoCacheItem *item)
{
	static const FoCacheCounter counter[] = {
		[FO_LEVEL_NONE] = FO_COUNT_MISSES,
		[FO_LEVEL_1] = FO_COUNT_L1_HITS,
		[FO_LEVEL_2] = FO_COUNT_L2_HITS,
		[FO_LEVEL_3] = FO_COUNT_L3_HITS,
		[FO_LEVEL_OWN] = FO_COUNT_OWN_HITS
	};

	fo_cache_count(key->resource, counter[item->level]);
	if (item->level != FO_LEVEL_NONE && item->stale)
		fo_cache_count(key->resource, FO_COUNT_STALE);
}

/* Is a snapshot the same as one taken now? */
static bool
is_latest(Snapshot snapshot)
{
	Snapshot	latest;

	if (IsInParallelMode() || snapshot->takenDuringRecovery)
		return false;
	latest = GetLatestSnapshot();
	return latest->xmin == snapshot->xmin && latest->xmax == snapshot->xmax &&
		latest->xcnt == snapshot->xcnt &&
		memcmp(latest->xip, snapshot->xip, sizeof(TransactionId) * latest->xcnt) == 0;
}

/* Look a query's result up; notes the fences for fo_cache_result_put. */
bool
fo_cache_result_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item, FoToken *token)
{
	bool		found;

	*token = fo_cache_token(key);
	found = token->clean && look_l1(key, snapshot, token, item) &&
		fo_cache_fresh(item, GetCurrentTimestamp(), 0) && item->value != NULL;
	if (!found)
		item->level = FO_LEVEL_NONE;
	count_hit(key, item);
	return found;
}

/* The newest transaction that has published a change of a key or of what it belongs to. */
TransactionId
fo_cache_bound(const FoCacheKey *key)
{
	FoCacheSlot *slot = fo_resource_slot(key->resource);
	FoCacheCell *cells[] = {&slot->data, &slot->config};
	TransactionId newest = pg_atomic_read_u32(&key->cell->max_xid);

	for (size_t i = 0; i < lengthof(cells); i++)
	{
		TransactionId xid = pg_atomic_read_u32(&cells[i]->max_xid);

		if (TransactionIdIsValid(xid) &&
			(!TransactionIdIsValid(newest) || TransactionIdPrecedes(newest, xid)))
			newest = xid;
	}
	return newest;
}

/* Say since when and how long a value computed now is good. */
static void
date_item(FoCacheKey *key, FoCacheItem *item)
{
	item->created = GetCurrentTimestamp();
	item->expires = item->stale_until =
		fo_resource_expiry(key->resource, item->created, NULL, item->value == NULL);
	item->writer = GetUserId();
	item->xid = fo_cache_bound(key);
	item->xid_is_bound = true;
}

/*
 * May others see a value that was computed outside the table?  Not if it is too large, or
 * if it may depend on what this transaction has written.
 */
static bool
may_keep(const FoCacheKey *key, const FoCacheItem *item)
{
	return (item->value == NULL || (int64) VARSIZE(item->value) <= key->resource->max_bytes) &&
		!TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* Keep a result that was computed under a snapshot, if nothing changed meanwhile. */
void
fo_cache_result_put(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item, const FoToken *token)
{
	FoCacheSlot *slot = fo_resource_slot(key->resource);

	if (!token->clean || fo_cache_l1(fo_cache_shared()) == NULL || !may_keep(key, item))
		return;
	date_item(key, item);
	if (fo_fence_settled(&slot->data, snapshot) || is_latest(snapshot))
		store_l1(key, token, item);
	else
		fo_cache_count(key->resource, FO_COUNT_FILLS_REFUSED);
}

/*
 * Keep a value that was computed under a snapshot taken after the token, where no table
 * can be written, in the shared levels of a resource that has no other.
 */
void
fo_cache_keep(FoCacheKey *key, FoCacheItem *item, const FoToken *token)
{
	FoCacheResource *resource = key->resource;
	Fill		fill = {key->cell, NULL, token};

	if (!token->clean || resource->uses[FO_LEVEL_3] || !may_keep(key, item))
		return;
	fill.data = &fo_resource_slot(resource)->data;
	date_item(key, item);
	if (resource->uses[FO_LEVEL_1])
		store_l1(key, token, item);
	if (resource->uses[FO_LEVEL_2] && key->l1.len <= FO_REDIS_MAX_KEY)
		fo_redis_fill(&key, &item, 1, any_is_unraced, &fill);
}

/* Look into one level. */
static bool
look_level(FoCacheKey *key, FoCacheLevel level, Snapshot snapshot, int flags, const FoToken *token,
		   FoCacheItem *item)
{
	ItemPointerData tid;

	ItemPointerSetInvalid(&tid);
	switch (level)
	{
		case FO_LEVEL_1:
			if (unlikely(key->cell == NULL))
				return fo_alone_get(key, snapshot, item);
			return token->clean && look_l1(key, snapshot, token, item);
		case FO_LEVEL_2:
			return (token->clean || RecoveryInProgress()) && fo_redis_get(key, snapshot, item);
		case FO_LEVEL_3:
			if (!fo_store_get(key, snapshot, item, &tid))
				return false;
			if (unlikely(key->cell == NULL) && key->resource->uses[FO_LEVEL_1])
				fo_alone_note(key, &tid);
			break;
		default:
			return false;
	}
	if (token->clean && !(flags & FO_LOOK_QUIET) &&
		fo_cache_fresh(item, GetCurrentTimestamp(), FO_LOOK_STALE))
		fill_above(&key, &item, &token, &tid, 1, snapshot);
	return true;
}

/*
 * Look a key up for a snapshot.  False, with item->level FO_LEVEL_NONE: nothing that
 * may be given out.  A found item with a NULL value is known not to exist.
 */
bool
fo_cache_look(FoCacheKey *key, Snapshot snapshot, int flags, FoCacheItem *item)
{
	FoCacheResource *resource = key->resource;
	FoToken		token = fo_cache_token(key);
	TimestampTz now = GetCurrentTimestamp();
	bool		found = false;

	if (unlikely(fo_change_own(key, item)))
		found = item->level != FO_LEVEL_NONE && fo_cache_fresh(item, now, flags);
	else
		for (int i = 0; i < resource->nlevels && !found; i++)
			found = look_level(key, resource->level[i], snapshot, flags, &token, item) &&
				fo_cache_fresh(item, now, flags);
	if (!found)
	{
		item->level = FO_LEVEL_NONE;
		item->value = NULL;
	}
	if (!(flags & FO_LOOK_QUIET))
		count_hit(key, item);
	return found;
}

/* Fetch the keys that are still missing from the table or from Redis, in one go. */
static void
look_many_in(FoCacheLevel level, FoCacheKey *keys, int n, Snapshot snapshot, int flags,
			 const FoToken *tokens, FoCacheItem *items)
{
	FoCacheKey **missing = palloc(sizeof(FoCacheKey *) * n);
	FoCacheItem *found = palloc(sizeof(FoCacheItem) * n);
	FoCacheItem **fresh = palloc(sizeof(FoCacheItem *) * n);
	const FoToken **fresh_tokens = palloc(sizeof(FoToken *) * n);
	ItemPointerData *tids = palloc0(sizeof(ItemPointerData) * n);
	TimestampTz now = GetCurrentTimestamp();
	int			nmissing = 0;
	int			nfresh = 0;

	for (int i = 0; i < n; i++)
		if (items[i].level == FO_LEVEL_NONE &&
			(level == FO_LEVEL_3 || tokens[i].clean || RecoveryInProgress()))
			missing[nmissing++] = &keys[i];
	if (level == FO_LEVEL_3)
		fo_store_get_many(missing, nmissing, snapshot, found, tids);
	else
		fo_redis_get_many(missing, nmissing, snapshot, found);
	for (int i = 0; i < nmissing; i++)
	{
		int			k = missing[i] - keys;

		if (found[i].level == FO_LEVEL_NONE || !fo_cache_fresh(&found[i], now, flags))
			continue;
		if (unlikely(keys[k].cell == NULL) && keys[k].resource->uses[FO_LEVEL_1])
			fo_alone_note(&keys[k], &tids[i]);
		items[k] = found[i];
		missing[nfresh] = missing[i];
		fresh[nfresh] = &items[k];
		tids[nfresh] = tids[i];
		fresh_tokens[nfresh++] = &tokens[k];
	}
	fill_above(missing, fresh, fresh_tokens, tids, nfresh, snapshot);
}

/* Look distinct keys of one resource up, level by level. */
void
fo_cache_look_many(FoCacheKey *keys, int n, Snapshot snapshot, int flags, FoCacheItem *items)
{
	FoToken    *tokens = palloc(sizeof(FoToken) * Max(n, 1));
	TimestampTz now = GetCurrentTimestamp();
	bool	   *own = palloc0(sizeof(bool) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		tokens[i] = fo_cache_token(&keys[i]);
		own[i] = fo_change_own(&keys[i], &items[i]);
		if (!own[i] || !fo_cache_fresh(&items[i], now, flags))
			items[i].level = FO_LEVEL_NONE;
	}
	for (int l = 0; n > 0 && l < keys[0].resource->nlevels; l++)
	{
		switch (keys[0].resource->level[l])
		{
			case FO_LEVEL_1:
				for (int i = 0; i < n; i++)
					if (items[i].level == FO_LEVEL_NONE && !own[i] &&
						!(look_level(&keys[i], FO_LEVEL_1, snapshot, flags, &tokens[i],
									 &items[i]) && fo_cache_fresh(&items[i], now, flags)))
						items[i].level = FO_LEVEL_NONE;
				break;
			case FO_LEVEL_2:
			case FO_LEVEL_3:
				look_many_in(keys[0].resource->level[l], keys, n, snapshot, flags, tokens, items);
				break;
			default:
				break;
		}
	}
	for (int i = 0; i < n; i++)
		count_hit(&keys[i], &items[i]);
}
