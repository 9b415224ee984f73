/*
 * merge.h
 *		Replace several partial rows of a group by one.
 */
#ifndef FO_ROLLUP_MERGE_H
#define FO_ROLLUP_MERGE_H

#include "postgres.h"

#include "rollup/delta.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/snapshot.h"

extern int64 fo_rollup_merge_all(FoRollup *rollup);
extern bool fo_rollup_merge_step(FoRollup *rollup, int64 rows, ItemPointer place);
extern Snapshot fo_rollup_snapshot(void);
extern bool fo_rollup_lock(Oid query, LOCKMODE mode, bool wait);

#endif							/* FO_ROLLUP_MERGE_H */
