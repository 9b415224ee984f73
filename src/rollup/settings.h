/*
 * settings.h
 *		GUCs of the rollup feature.
 */
#ifndef FO_ROLLUP_SETTINGS_H
#define FO_ROLLUP_SETTINGS_H

#include "postgres.h"

/* Deltas in one bucket, kB. */
extern int	fo_rollup_memory;

/* Partial rows of a group from which on a writer merges them; 0: never. */
extern int	fo_rollup_merge_at;

/* Seconds between passes of the worker; 0: no passes. */
extern int	fo_rollup_merge_interval;

#endif							/* FO_ROLLUP_SETTINGS_H */
