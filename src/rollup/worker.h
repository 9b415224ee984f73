/*
 * worker.h
 *		The background worker that merges rollups.
 */
#ifndef FO_ROLLUP_WORKER_H
#define FO_ROLLUP_WORKER_H

extern bool fo_rollup_worker_runs(void);
extern void fo_rollup_worker_init(void);

#endif							/* FO_ROLLUP_WORKER_H */
