/*
 * recompute.h
 *		Partial rows computed from the base table.
 */
#ifndef FO_ROLLUP_RECOMPUTE_H
#define FO_ROLLUP_RECOMPUTE_H

#include "postgres.h"

#include "rollup/delta.h"
#include "utils/snapshot.h"

extern FoDelta *fo_rollup_recompute(FoRollup *rollup, const FoDelta *group,
									Snapshot snapshot);

#endif							/* FO_ROLLUP_RECOMPUTE_H */
