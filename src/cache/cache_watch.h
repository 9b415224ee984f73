/*
 * cache_watch.h
 *		Which tables tell the cache of their changes.
 */
#ifndef FO_CACHE_WATCH_H
#define FO_CACHE_WATCH_H

#include "utils/relcache.h"

extern bool fo_cache_is_watched(Relation rel, const char *resource);

#endif							/* FO_CACHE_WATCH_H */
