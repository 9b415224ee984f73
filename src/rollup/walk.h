/*
 * walk.h
 *		Rows of the data table in the order of its group index, from a group on.
 */
#ifndef FO_ROLLUP_WALK_H
#define FO_ROLLUP_WALK_H

#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"

/* How the first column that is not fixed goes on from the group's. */
typedef enum FoWalkKind
{
	FO_WALK_FROM,				/* equal or greater */
	FO_WALK_AFTER,				/* greater */
	FO_WALK_NULLS				/* null, which comes last */
} FoWalkKind;

typedef struct FoWalk
{
	Relation	heap;
	Relation	index;
	Snapshot	snapshot;
	IndexScanDesc scan;			/* NULL: the next range is to begin */
	Datum	   *from;			/* group to start at; NULL: the first */
	bool	   *fromnulls;
	int			fixed;			/* columns as in "from"; -1: at the end */
	FoWalkKind	kind;
	ScanKeyData keys[INDEX_MAX_KEYS];
} FoWalk;

extern void fo_rollup_walk_begin(FoWalk *walk, Relation heap, Relation index,
								 Snapshot snapshot, Datum *from, bool *fromnulls);
extern bool fo_rollup_walk_next(FoWalk *walk, TupleTableSlot *slot);
extern void fo_rollup_walk_end(FoWalk *walk);

#endif							/* FO_ROLLUP_WALK_H */
