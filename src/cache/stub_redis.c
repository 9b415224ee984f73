#include "postgres.h"
#include "cache/cache_redis.h"
#include "cache/cache_worker.h"
bool fo_redis_configured(void) { return false; }
bool fo_redis_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item) { return false; }
int fo_redis_get_many(FoCacheKey **keys, int n, Snapshot snapshot, FoCacheItem *items) { return 0; }
void fo_redis_name(FoCacheKey *key, FoRedisChange *change) {}
void fo_redis_record(const FoCacheKey *key, const FoCacheItem *item, FoRedisChange *change) {}
bool fo_redis_fence(FoRedisChange *changes, int n) { return true; }
bool fo_redis_publish(FoRedisChange *changes, int n) { return true; }
const char *fo_redis_state(void) { return "off"; }
void fo_cache_worker_init(void) {}
