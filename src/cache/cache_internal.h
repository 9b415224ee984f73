/*
 * cache_internal.h
 *		What the files of the cache feature share.
 */
#ifndef FO_CACHE_INTERNAL_H
#define FO_CACHE_INTERNAL_H

#include "cache/cache_shared.h"
#include "executor/spi.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#define FO_MAX_LEVELS		3
#define FO_CACHE_MAX_VALUE	(256 * 1024 * 1024)

/* Where a value was found. */
typedef enum FoCacheLevel
{
	FO_LEVEL_NONE,
	FO_LEVEL_1,					/* shared memory */
	FO_LEVEL_2,					/* Redis */
	FO_LEVEL_3,					/* the table */
	FO_LEVEL_OWN				/* this transaction's uncommitted write */
} FoCacheLevel;

/* A row of filteropt.cache_resource, as this backend knows it. */
typedef struct FoCacheResource
{
	char		name[NAMEDATALEN];	/* hash key */
	bool		valid;
	uint64		seen;			/* state of the slot's config cell when read */
	int32		id;
	int32		version;
	TransactionId xid;			/* who last changed the row */
	uint32		name_hash;
	int			slot;
	int64		ttl;			/* microseconds; PG_INT64_MAX: for ever */
	int64		stale_for;
	int64		negative_ttl;
	double		jitter;
	int32		max_bytes;
	bool		skip_oversize;
	bool		per_role;
	int			nlevels;
	FoCacheLevel level[FO_MAX_LEVELS];
	bool		uses[FO_LEVEL_OWN + 1]; /* by FoCacheLevel */
} FoCacheResource;

/* A value with what is known of it. */
typedef struct FoCacheItem
{
	FoCacheLevel level;
	bool		stale;
	Jsonb	   *value;			/* NULL: known not to exist */
	TimestampTz created;
	TimestampTz expires;
	TimestampTz stale_until;
	Oid			writer;
	TransactionId xid;			/* writer's, InvalidTransactionId: visible to
								 * all */
	bool		xid_is_bound;	/* not the writer's but the newest it may
								 * depend on */
	ArrayType  *tags;			/* from the table only */
	int			hits;			/* recent ones, 0 to 3, from shared memory
								 * only */
} FoCacheItem;

/* A key of a resource, hashed once. */
typedef struct FoCacheKey
{
	FoCacheResource *resource;
	FoL1Key		l1;				/* the hash is the same for all versions of
								 * the resource */
	FoCacheCell *cell;			/* NULL without shared memory */
	bool		digested;
	uint8		digest[32];		/* SHA-256 of owner and key: fo_key_digest */
} FoCacheKey;

/* Settings. */
extern int	fo_cache_l1_kb;
extern char *fo_cache_redis;
extern char *fo_cache_redis_user;
extern char *fo_cache_redis_password;
extern char *fo_cache_redis_prefix;
extern bool fo_cache_redis_shared;
extern int	fo_cache_expire_ms;
extern int	fo_cache_redis_database;
extern int	fo_cache_redis_connect_ms;
extern int	fo_cache_redis_command_ms;
extern int	fo_cache_redis_breaker_ms;
extern int	fo_cache_compress_bytes;

/* cache_shared.c */
extern int	fo_cache_tranche(void);

static inline void
fo_cache_count(const FoCacheResource *resource, FoCacheCounter counter)
{
	fo_cache_count_slow(resource->slot, counter, 1);
}

/* cache_resource.c */
extern void fo_resource_init(void);
extern FoCacheResource *fo_resource_get(text *name);
extern FoCacheResource *fo_resource_find(const char *name, int len);
extern FoCacheSlot *fo_resource_slot(const FoCacheResource *resource);
extern Oid	fo_cache_relation(const char *name);
extern TimestampTz fo_resource_expiry(const FoCacheResource *resource, TimestampTz now,
									  Interval *ttl, bool negative);
extern int64 fo_interval_us(const Interval *interval, const char *what);

/* cache_key.c */
extern void fo_key_make(FoCacheKey *key, FoCacheResource *resource, const char *bytes, uint32 len);
extern void fo_key_make_for(FoCacheKey *key, FoCacheResource *resource, const char *bytes,
							uint32 len, Oid role);
extern void fo_key_make_marked(FoCacheKey *key, FoCacheResource *resource, const char *bytes,
							   uint32 len, const Oid *role);
extern int	fo_keys_unique(FoCacheKey *keys, int n);
extern const uint8 *fo_key_digest(FoCacheKey *key);
extern void fo_sha256(uint8 *digest, int nparts, const void *const *part, const size_t *len);

/* cache_store.c: level 3 */
extern bool fo_store_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item, ItemPointer tid);
extern int	fo_store_get_many(FoCacheKey **keys, int n, Snapshot snapshot, FoCacheItem *items,
							  ItemPointerData *tids);
extern bool fo_store_get_at(FoCacheKey *key, Snapshot snapshot, ItemPointer tid,
							FoCacheItem *item);
extern bool fo_store_still(ItemPointer tid);
extern bool fo_store_is_logged(void);
extern void fo_store_put(FoCacheKey *key, const FoCacheItem *item);
extern void fo_store_put_dead(FoCacheKey *key);
extern bool fo_store_fill(FoCacheKey *key, const FoCacheItem *item, TransactionId horizon);
extern bool fo_store_delete(FoCacheKey *key);
extern void fo_store_as_owner(Oid *saved_user, int *saved_context);
extern uint64 fo_store_run(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types,
						   Datum *values, const char *nulls);

/* State of the fences of a key before anything was read. */
typedef struct FoToken
{
	bool		clean;			/* nothing uncommitted: shared levels may be
								 * used */
	uint64		cell;
	uint64		data;
} FoToken;

/* cache_look.c: reading through the levels */
#define FO_LOOK_STALE		1	/* stale values are welcome */
#define FO_LOOK_QUIET		2	/* count nothing, fill nothing */
extern bool fo_cache_look(FoCacheKey *key, Snapshot snapshot, int flags, FoCacheItem *item);
extern void fo_cache_look_many(FoCacheKey *keys, int n, Snapshot snapshot, int flags,
							   FoCacheItem *items);
extern bool fo_cache_result_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item,
								FoToken *token);
extern void fo_cache_result_put(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item,
								const FoToken *token);
extern FoToken fo_cache_token(const FoCacheKey *key);
extern void fo_cache_keep(FoCacheKey *key, FoCacheItem *item, const FoToken *token);
extern bool fo_cache_fresh(FoCacheItem *item, TimestampTz now, int flags);
extern TransactionId fo_cache_bound(const FoCacheKey *key);
extern bool fo_cache_visible(TransactionId xid, bool is_bound, Snapshot snapshot);
extern FoL1Meta fo_cache_l1_meta(const FoCacheKey *key, const FoCacheItem *item);

/* cache_get.c */
extern const char *const fo_cache_level_name[]; /* by FoCacheLevel */
extern Datum fo_interval_datum(int64 us);

/* cache_change.c: writing, and what a transaction has pending */
extern void fo_change_init(void);
extern bool fo_change_own(const FoCacheKey *key, FoCacheItem *item);
extern bool fo_change_put(FoCacheKey *key, FoCacheItem *item, uint64 token);
extern FoCacheResource *fo_change_reserve(FoCacheResource *resource);
extern void fo_change_delete(FoCacheKey *key);
extern void fo_change_clear(FoCacheResource *resource);
extern void fo_change_config(int32 resource_id, bool forget);
extern void fo_change_require_writable(const char *what);
extern void fo_change_flush_read(void);

/* cache_put.c */
extern bool fo_cache_put(FoCacheResource *resource, const char *key, uint32 len, Jsonb *value,
						 Interval *ttl, ArrayType *tags, uint64 token);
extern void fo_cache_delete(FoCacheResource *resource, const char *key, uint32 len);

/* cache_token.c: what became wrong since a claim */
extern uint64 fo_token_make(void);
extern uint64 fo_token_spoilt(uint64 token);
extern void fo_token_given(void);
extern bool fo_token_read_before(void);
extern bool fo_token_is_late(void);
extern bool fo_token_is_good(const FoCacheKey *key);
extern bool fo_token_raced_on(FoCacheCell *cell, uint64 token);
extern bool fo_token_raced(const FoCacheKey *key, uint64 token);
extern bool fo_token_store(FoCacheKey *key, FoCacheItem *item, uint64 token);

/* cache_claim.c */
typedef enum FoClaimState
{
	FO_CLAIM_HIT,
	FO_CLAIM_STALE,
	FO_CLAIM_CLAIMED,
	FO_CLAIM_TIMEOUT
} FoClaimState;
extern FoClaimState fo_claim(FoCacheKey *key, int64 wait_us, int64 lease_us, int flags,
							 FoCacheItem *item, uint64 *token);
extern uint64 fo_claim_check(const FoCacheKey *key);
extern void fo_claim_done(const FoCacheKey *key);
extern void fo_claim_release(uint64 token);


#endif							/* FO_CACHE_INTERNAL_H */
