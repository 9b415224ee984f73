/*
 * cache_worker.h
 *		The background worker, as the start-up of the feature sees it.
 */
#ifndef FO_CACHE_WORKER_H
#define FO_CACHE_WORKER_H

extern void fo_cache_worker_init(void);

#endif							/* FO_CACHE_WORKER_H */
