/*
 * cache.h
 *		The cache feature, as the module entry sees it.
 */
#ifndef FO_CACHE_H
#define FO_CACHE_H

extern void fo_cache_init(void);

#endif							/* FO_CACHE_H */
