/*
 * cache_alone.h
 *		Level 1 and claims where there is no shared memory.
 */
#ifndef FO_CACHE_ALONE_H
#define FO_CACHE_ALONE_H

#include "cache/cache_internal.h"

extern bool fo_alone_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item);
extern void fo_alone_note(const FoCacheKey *key, ItemPointer tid);
extern bool fo_alone_claim(const FoCacheKey *key, int64 lease_us, uint64 *token);
extern void fo_alone_wait(int64 left_us);
extern void fo_alone_done(const FoCacheKey *key);
extern void fo_alone_release(uint64 token);
extern void fo_alone_delete_tag(FoCacheResource *resource, text *tag);
extern bool fo_alone_put(FoCacheKey *key, const FoCacheItem *item, uint64 token);
extern bool fo_alone_may_sweep(void);

#endif							/* FO_CACHE_ALONE_H */
