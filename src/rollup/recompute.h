/*
 * recompute.h
 *		Partial rows computed from the base table.
 */
#ifndef FO_ROLLUP_RECOMPUTE_H
#define FO_ROLLUP_RECOMPUTE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "rollup/delta.h"
#include "utils/snapshot.h"

extern FoDelta *fo_rollup_recompute(FoRollup *rollup, const FoDelta *group,
									Snapshot snapshot);
extern void fo_rollup_progress(FoRollup *rollup, int64 done, const char *what,
							   TimestampTz *last);

#endif							/* FO_ROLLUP_RECOMPUTE_H */
