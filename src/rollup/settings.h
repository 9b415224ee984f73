/*
 * settings.h
 *		GUCs of the rollup feature.
 */
#ifndef FO_ROLLUP_SETTINGS_H
#define FO_ROLLUP_SETTINGS_H

#include "postgres.h"

extern int	fo_rollup_memory;	/* kB of deltas in one bucket */
extern int	fo_rollup_merge_at; /* partial rows in a group that a writer merges */
extern int	fo_rollup_merge_interval;	/* seconds between worker passes, 0: off */

#endif							/* FO_ROLLUP_SETTINGS_H */
