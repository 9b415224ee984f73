/*
 * walk.c
 *		Rows of the data table in the order of its group index, from a group on.
 *
 * An index scan cannot start at "(7, May 1) or later" when columns may be null.  So
 * it is a sequence of scans, each of one range.  From (7, May 1), nulls being last:
 *
 *		g1 = 7 and g2 >= May 1 | g1 = 7 and g2 is null | g1 > 7 | g1 is null
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "base/compat.h"
#include "rollup/group.h"
#include "rollup/walk.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Prepare; the arrays must live as long as the walk. */
void
fo_rollup_walk_begin(FoWalk *walk, Relation heap, Relation index, Snapshot snapshot,
					 Datum *from, bool *fromnulls)
{
	walk->heap = heap;
	walk->index = index;
	walk->snapshot = snapshot;
	walk->scan = NULL;
	walk->from = from;
	walk->fromnulls = fromnulls;
	walk->fixed = from ? IndexRelationGetNumberOfKeyAttributes(index) - 1 : 0;
	walk->kind = from && fromnulls[walk->fixed] ? FO_WALK_NULLS : FO_WALK_FROM;
}

/* The key for the first column that is not fixed. */
static void
init_range_key(FoWalk *walk)
{
	int			i = walk->fixed;
	Relation	index = walk->index;
	Oid			type = index->rd_opcintype[i];
	StrategyNumber strategy = walk->kind == FO_WALK_FROM ? BTGreaterEqualStrategyNumber :
		BTGreaterStrategyNumber;
	Oid			op = get_opfamily_member(index->rd_opfamily[i], type, type, strategy);

	ScanKeyEntryInitialize(&walk->keys[i], 0, i + 1, strategy, type,
						   index->rd_indcollation[i], get_opcode(op), walk->from[i]);
	if (walk->kind == FO_WALK_NULLS)
		fo_rollup_set_key(&walk->keys[i], (Datum) 0, true);
}

/* Begin to scan the range. */
static void
begin_range(FoWalk *walk)
{
	int			nkeys = walk->from ? walk->fixed + 1 : 0;

	for (int i = 0; i < nkeys - 1; i++)
	{
		fo_rollup_init_key(&walk->keys[i], walk->index, i);
		fo_rollup_set_key(&walk->keys[i], walk->from[i], walk->fromnulls[i]);
	}
	if (nkeys > 0)
		init_range_key(walk);
	walk->scan = fo_index_beginscan(walk->heap, walk->index, walk->snapshot, nkeys);
	index_rescan(walk->scan, walk->keys, nkeys, NULL, 0);
}

/* End the range, and go to the one that follows in the index. */
static void
end_range(FoWalk *walk)
{
	index_endscan(walk->scan);
	walk->scan = NULL;
	if (walk->from && walk->kind != FO_WALK_NULLS)
	{
		walk->kind = FO_WALK_NULLS;
		return;
	}
	do
		walk->fixed--;
	while (walk->fixed >= 0 && walk->fromnulls[walk->fixed]);
	walk->kind = FO_WALK_AFTER;
}

/* The next visible row; false at the end. */
bool
fo_rollup_walk_next(FoWalk *walk, TupleTableSlot *slot)
{
	while (walk->fixed >= 0)
	{
		if (walk->scan == NULL)
			begin_range(walk);
		if (index_getnext_slot(walk->scan, ForwardScanDirection, slot))
			return true;
		end_range(walk);
	}
	return false;
}

/* Release what the walk holds, wherever it is. */
void
fo_rollup_walk_end(FoWalk *walk)
{
	if (walk->scan)
		index_endscan(walk->scan);
	walk->scan = NULL;
}
