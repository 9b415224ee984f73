/*
 * fold.h
 *		The data table opened for writing, and folding deltas into its rows.
 */
#ifndef FO_ROLLUP_FOLD_H
#define FO_ROLLUP_FOLD_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "rollup/delta.h"

/* Rows of a group that one transaction folds; the bound in fold.c follows from it. */
#define FO_FOLD_ROWS	4

/* The open data table and its indexes. */
typedef struct FoTarget
{
	Relation	rel;
	MemoryContext cxt;			/* of what is opened */
	int			nindexes;		/* -1: not opened yet */
	Relation   *indexes;
	IndexInfo **infos;
	EState	   *estate;			/* only for indexes on expressions */
} FoTarget;

extern int	fo_rollup_fold(FoRollup *rollup, FoTarget *target,
						   FoDelta **deltas, int ndeltas);
extern void fo_rollup_remember(FoRollup *rollup, const FoDelta *delta,
							   ItemPointer tid);
extern void fo_rollup_fill_slot(FoRollup *rollup, TupleTableSlot *slot,
								const FoDelta *delta);
extern void fo_rollup_index_row(FoTarget *target, TupleTableSlot *slot,
								bool summaries);
extern void fo_rollup_open_indexes(FoTarget *target);

#endif							/* FO_ROLLUP_FOLD_H */
