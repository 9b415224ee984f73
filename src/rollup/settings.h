/*
 * settings.h
 *		GUCs of the rollup feature.
 */
#ifndef FO_ROLLUP_SETTINGS_H
#define FO_ROLLUP_SETTINGS_H

#include "postgres.h"

/* Deltas in one bucket, kB. */
extern int	fo_rollup_memory;

/* May committing writers add their deltas to rows that are there? */
extern bool fo_rollup_may_fold;

/* Seconds between passes of the worker; 0: no passes. */
extern int	fo_rollup_merge_interval;

#endif							/* FO_ROLLUP_SETTINGS_H */
