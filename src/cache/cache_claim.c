/*
 * cache_claim.c
 *		Claims: of many callers that miss the same key, one computes the value.
 *
 * A claim is a slot in shared memory, found by two hashes of the key (a collision of
 * both would make a caller wait in vain, no more).  It ends when its value is
 * committed, when it is given up, when its lease ends or when its backend does; each
 * end wakes those who wait.  A claim outlives the transaction that took it, since the
 * computation usually happens in the client, between transactions; its token is the
 * clock of the fences at that time, so the value put with it is thrown away if the key
 * changed meanwhile.
 *
 * Locks: claim_lock guards all slots; `done` of a slot is waited on without it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/cache_alone.h"
#include "cache/cache_internal.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#define PROBES		16			/* slots that a key may use */
#define MAX_SLEEP_MS 1000

static bool exit_hook_set = false;
static const FoCacheSeed check_seed = {UINT64CONST(0x2545f4914f6cdd1d),
UINT64CONST(0x27d4eb2f165667c5)};

/* A hash of a key that is the same in all backends, with shared memory or without. */
uint64
fo_claim_check(const FoCacheKey *key)
{
	return fo_cache_hash(&check_seed, (uint64) key->l1.owner.resource << 32 | key->l1.owner.role,
						 key->l1.bytes, key->l1.len);
}

static uint64
claim_hash(const FoCacheKey *key)
{
	return key->l1.hash == 0 ? 1 : key->l1.hash;
}

/* Free a slot and wake who waits for it.  Under claim_lock. */
static void
free_claim(FoCacheClaim *claim)
{
	pg_atomic_fetch_sub_u32(&fo_cache_shared()->nclaims, 1);
	claim->hash = 0;
	claim->token = 0;
	ConditionVariableBroadcast(&claim->done);
}

/* The slot of a key, or else a free or expired one in *unused.  Under claim_lock. */
static FoCacheClaim *
find_claim(FoCacheShared *shared, const FoCacheKey *key, FoCacheClaim **unused)
{
	uint64		hash = claim_hash(key);
	uint64		check = fo_claim_check(key);
	TimestampTz now = GetCurrentTimestamp();

	*unused = NULL;
	for (int i = 0; i < PROBES; i++)
	{
		FoCacheClaim *claim = &shared->claim[(hash + i) % FO_CLAIMS];

		if (claim->hash == hash && claim->check == check)
			return claim;
		if (*unused == NULL && (claim->hash == 0 || claim->lease_end <= now))
			*unused = claim;
	}
	return NULL;
}

/* This backend ends: others may compute what it claimed. */
static void
release_all(int code, Datum arg)
{
	FoCacheShared *shared = fo_cache_shared();

	if (shared == NULL)
		return;
	LWLockAcquire(&shared->claim_lock, LW_EXCLUSIVE);
	for (int i = 0; i < FO_CLAIMS; i++)
		if (shared->claim[i].hash != 0 && shared->claim[i].pid == MyProcPid)
			free_claim(&shared->claim[i]);
	LWLockRelease(&shared->claim_lock);
}

/* The value of a key is there, or gone: its claim is fulfilled. */
void
fo_claim_done(const FoCacheKey *key)
{
	FoCacheShared *shared = fo_cache_shared();
	FoCacheClaim *claim;
	FoCacheClaim *unused;

	if (unlikely(shared == NULL))
		fo_alone_done(key);
	if (shared == NULL || pg_atomic_read_u32(&shared->nclaims) == 0)
		return;
	LWLockAcquire(&shared->claim_lock, LW_EXCLUSIVE);
	claim = find_claim(shared, key, &unused);
	if (claim != NULL)
		free_claim(claim);
	LWLockRelease(&shared->claim_lock);
}

/* Give a claim up, if it is still held. */
void
fo_claim_release(uint64 token)
{
	FoCacheShared *shared = fo_cache_shared();

	if (unlikely(shared == NULL))
		fo_alone_release(token);
	if (shared == NULL || token == 0 || pg_atomic_read_u32(&shared->nclaims) == 0)
		return;
	LWLockAcquire(&shared->claim_lock, LW_EXCLUSIVE);
	for (int i = 0; i < FO_CLAIMS; i++)
	{
		FoCacheClaim *claim = &shared->claim[i];

		if (claim->hash == 0 ||
			(claim->token != token && fo_token_spoilt(claim->token) != token))
			continue;
		free_claim(claim);
		break;
	}
	LWLockRelease(&shared->claim_lock);
}

/*
 * Take the claim of a key, or get ready to wait for it.  Returns true if it was taken;
 * else *wait is what to sleep on, unless all slots are in use, when it is NULL.
 */
static bool
try_claim(FoCacheShared *shared, FoCacheKey *key, int64 lease_us, uint64 *token,
		  FoCacheClaim **wait, TimestampTz *lease_end)
{
	TimestampTz now = GetCurrentTimestamp();
	FoCacheClaim *claim;
	FoCacheClaim *unused;
	bool		taken = false;

	LWLockAcquire(&shared->claim_lock, LW_EXCLUSIVE);
	claim = find_claim(shared, key, &unused);
	if (claim != NULL && claim->lease_end > now)
	{
		*lease_end = claim->lease_end;
		*wait = claim;
		ConditionVariablePrepareToSleep(&claim->done);
	}
	else
	{
		claim = claim != NULL ? claim : unused;
		if (claim != NULL && claim->hash == 0)
			pg_atomic_fetch_add_u32(&shared->nclaims, 1);
		*wait = NULL;
		/* with all slots in use everybody computes, as without claims */
		*token = fo_token_make();
		taken = true;
		if (claim != NULL)
		{
			claim->hash = claim_hash(key);
			claim->check = fo_claim_check(key);
			claim->token = *token;
			claim->lease_end = now + lease_us;
			claim->pid = MyProcPid;
		}
	}
	LWLockRelease(&shared->claim_lock);
	return taken;
}

/* Look with a snapshot taken now: what others commit while we wait must be seen. */
static bool
look_latest(FoCacheKey *key, int flags, FoCacheItem *item)
{
	bool		found;

	PushActiveSnapshot(GetLatestSnapshot());
	found = fo_cache_look(key, GetActiveSnapshot(), flags, item);
	PopActiveSnapshot();
	return found;
}

/*
 * Get the value of a key, or the claim to compute it.  With the claim comes a token for
 * fo_change_put, and in *item the stale value if there is one.  flags are 0, or
 * FO_LOOK_QUIET if the caller has looked, and counted, already.
 */
FoClaimState
fo_claim(FoCacheKey *key, int64 wait_us, int64 lease_us, int flags, FoCacheItem *item,
		 uint64 *token)
{
	FoCacheShared *shared = fo_cache_shared();
	TimestampTz deadline = GetCurrentTimestamp() + wait_us;
	bool		waited = false;

	*token = 0;
	if (!exit_hook_set)
	{
		before_shmem_exit(release_all, (Datum) 0);
		exit_hook_set = true;
	}
	for (;;)
	{
		bool		found = look_latest(key, flags | FO_LOOK_STALE, item);
		FoCacheClaim *claim = NULL;
		TimestampTz lease_end = 0;
		TimestampTz now;

		if (found && !item->stale)
			return FO_CLAIM_HIT;
		if (shared == NULL ? fo_alone_claim(key, lease_us, token)
			: try_claim(shared, key, lease_us, token, &claim, &lease_end))
		{
			/* someone may have fulfilled it since we looked */
			if (look_latest(key, FO_LOOK_QUIET | FO_LOOK_STALE, item) && !item->stale)
			{
				fo_claim_release(*token);
				return FO_CLAIM_HIT;
			}
			if (shared != NULL && !fo_token_is_good(key))
				*token = fo_token_spoilt(*token);
			fo_cache_count(key->resource, FO_COUNT_CLAIMS);
			return FO_CLAIM_CLAIMED;
		}
		now = GetCurrentTimestamp();
		if (found || now >= deadline)
		{
			ConditionVariableCancelSleep();
			return found ? FO_CLAIM_STALE : FO_CLAIM_TIMEOUT;
		}
		if (!waited)
			fo_cache_count(key->resource, FO_COUNT_WAITS);
		waited = true;
		if (shared == NULL)
		{
			fo_alone_wait(deadline - now);
			continue;
		}
		ConditionVariableTimedSleep(&claim->done,
									Min((Min(deadline, lease_end) - now) / 1000 + 1, MAX_SLEEP_MS),
									PG_WAIT_EXTENSION);
		ConditionVariableCancelSleep();
	}
}

PG_FUNCTION_INFO_V1(fo_cache_claim_sql);

/* cache_claim(resource, key, wait, lease) returns (state, value, token) */
Datum
fo_cache_claim_sql(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"hit", "stale", "claimed", "timeout"};
	text	   *bytes = PG_GETARG_TEXT_PP(1);
	int64		wait_us = fo_interval_us(PG_GETARG_INTERVAL_P(2), "wait");
	int64		lease_us = fo_interval_us(PG_GETARG_INTERVAL_P(3), "lease");
	TupleDesc	desc;
	FoCacheKey	key;
	FoCacheItem item;
	uint64		token;
	FoClaimState state;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (lease_us == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lease must be positive")));
	PreventCommandIfParallelMode("filteropt.cache_claim()");
	fo_key_make(&key, fo_resource_get(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(bytes),
				VARSIZE_ANY_EXHDR(bytes));
	state = fo_claim(&key, wait_us, lease_us, 0, &item, &token);
	fo_token_given();
	values[0] = CStringGetTextDatum(names[state]);
	values[1] = PointerGetDatum(item.value);
	nulls[1] = state == FO_CLAIM_TIMEOUT || item.value == NULL;
	values[2] = Int64GetDatum((int64) token);
	nulls[2] = state != FO_CLAIM_CLAIMED;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(fo_cache_unclaim);

/* cache_unclaim(token): give a claim up, so that the next waiter gets it */
Datum
fo_cache_unclaim(PG_FUNCTION_ARGS)
{
	fo_claim_release((uint64) PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}
