/*
 * cache_redis.h
 *		Level 2, as the rest of the feature sees it.
 */
#ifndef FO_CACHE_REDIS_H
#define FO_CACHE_REDIS_H

#include "cache/cache_internal.h"
#include "core/cache_record.h"

/* Longer keys are not kept in Redis. */
#define FO_REDIS_MAX_KEY	8192

/* So long a change leaves its trace in Redis, for servers that did not listen a while. */
#define FO_REDIS_TRACE_MS	600000

/* Whoever did not listen for longer gives its rows up; must be less than that. */
#define FO_REDIS_DEAF_MS	300000

/* An address that begins so asks for TLS. */
#define FO_REDIS_TLS_SCHEME "rediss://"

/* What of a server's certificate is verified. */
typedef enum FoTlsVerify
{
	FO_TLS_VERIFY_NONE,
	FO_TLS_VERIFY_CA,			/* who has signed it */
	FO_TLS_VERIFY_FULL			/* and whose it is */
} FoTlsVerify;

/* A committed or about to be committed change of a key that Redis may hold. */
typedef struct FoRedisChange
{
	char	   *name;			/* Redis key, without prefix and run id */
	int			name_len;
	char	   *record;			/* the value to store, NULL: a tombstone */
	int			record_len;
	int64		keep_ms;		/* how long Redis keeps the record */
	bool		in_table;		/* the resource uses L3 too */
	char	   *full_name;		/* with prefix and run id; NULL: Redis was not
								 * told */
	int			full_len;
} FoRedisChange;

/* May the i-th of some fills still be let in? */
typedef bool (*FoRedisGuard) (void *arg, int i);

/* cache_redis_tls.c */
extern char *fo_cache_redis_tls_ca;
extern char *fo_cache_redis_tls_cert;
extern char *fo_cache_redis_tls_key;
extern char *fo_cache_redis_tls_server_name;
extern int	fo_cache_redis_tls_verify;
extern bool fo_redis_tls_built(void);

extern bool fo_redis_configured(void);
extern bool fo_redis_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item);
extern int	fo_redis_get_many(FoCacheKey **keys, int n, Snapshot snapshot, FoCacheItem *items);
extern void fo_redis_name(FoCacheKey *key, FoRedisChange *change);
extern void fo_redis_record(const FoCacheKey *key, const FoCacheItem *item, FoRedisChange *change);
extern FoRecord fo_redis_new_record(char kind);
extern void fo_redis_full_name(FoRedisChange *change);
extern uint64 fo_redis_nonce(void);
extern void fo_redis_fill(FoCacheKey **keys, FoCacheItem **items, int n, FoRedisGuard guard,
						  void *guard_arg);
extern bool fo_redis_fence(FoRedisChange *changes, int n);
extern bool fo_redis_publish(FoRedisChange *changes, int n);
extern bool fo_redis_kill(FoRedisChange *changes, int n, bool told_before);
extern void fo_redis_miss(FoRedisChange *changes, int n);
extern Datum fo_redis_name_array(FoRedisChange *changes, int n);
extern void fo_redis_missed_again(void);
extern bool fo_redis_may_miss(void);
extern int	fo_redis_drain(void);
extern bool fo_redis_outbox_empty(void);
extern void fo_redis_thin_missed(void);
extern bool fo_redis_keeps_told(void);
extern void fo_redis_tell(FoRedisChange *changes, int n);
extern bool fo_redis_tell_again(TransactionId since);
extern void fo_redis_forget_told(TransactionId horizon);
extern void fo_redis_thin_told(void);
extern void fo_redis_load_heard(char *run, Size run_size, TimestampTz *at, uint64 *place);
extern void fo_redis_save_heard(const char *run, TimestampTz at);
extern void fo_redis_track(int timeout_ms);
extern void fo_redis_close(void);
extern const char *fo_redis_state(void);

#endif							/* FO_CACHE_REDIS_H */
