/*
 * worker.h
 *		The background worker that merges rollups.
 */
#ifndef FO_ROLLUP_WORKER_H
#define FO_ROLLUP_WORKER_H

extern void fo_rollup_worker_init(void);

#endif							/* FO_ROLLUP_WORKER_H */
