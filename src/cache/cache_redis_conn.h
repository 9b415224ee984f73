/*
 * cache_redis_conn.h
 *		One connection to Redis a backend, with deadlines and a circuit breaker.
 */
#ifndef FO_CACHE_REDIS_CONN_H
#define FO_CACHE_REDIS_CONN_H

#include <hiredis/hiredis.h>

#include "cache/cache_internal.h"

/* Scripts that every connection has loaded. */
typedef enum FoRedisScript
{
	FO_SCRIPT_PUBLISH,			/* replace the own fence, or a foreign value */
	FO_SCRIPT_ERASE,			/* put a tombstone, whatever is there */
	FO_SCRIPT_FILL,				/* replace the own lease */
	FO_SCRIPTS
} FoRedisScript;

extern bool fo_redis_begin(bool reading);
extern void fo_redis_command(int argc, const char **argv, const size_t *len);
extern void fo_redis_script(FoRedisScript script, int argc, const char **argv, const size_t *len);
extern redisReply *fo_redis_reply(void);
extern bool fo_redis_end(void);
extern void fo_redis_fail(const char *what);
extern const char *fo_redis_run(void);
extern uint64 fo_redis_place(void);
extern uint64 fo_redis_way(void);

/* Also used by the worker's own connections. */
extern redisContext *fo_redis_connect(char *run_id, int timeout_ms);
extern void fo_redis_disconnect(redisContext *redis);
extern redisReply *fo_redis_await(redisContext *redis, int timeout_ms);
extern redisReply *fo_redis_ask(redisContext *redis, int argc, const char **argv,
								const size_t *len);

/* cache_redis_tls.c */
extern bool fo_redis_wait(redisContext *redis, short events);
extern bool fo_redis_tls_wanted(void);
extern bool fo_redis_tls_changed(void);
extern const char *fo_redis_tls_prepare(void);
extern void fo_redis_tls_forget(void);
extern const char *fo_redis_start_tls(redisContext *redis, const char *host);

/* cache_redis_news.c */
#define FO_REDIS_NAMES	256		/* that are looked at together */
extern void fo_redis_drop_unheard(bool table_too);
extern bool fo_redis_look_at_names(redisContext *asker, const char *prefix, redisReply **names,
								   size_t n);
extern bool fo_redis_compare_table(redisContext *asker, const char *prefix);

#endif							/* FO_CACHE_REDIS_CONN_H */
