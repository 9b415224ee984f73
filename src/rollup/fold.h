/*
 * fold.h
 *		The data table opened for writing, and folding deltas into its rows.
 */
#ifndef FO_ROLLUP_FOLD_H
#define FO_ROLLUP_FOLD_H

#include "postgres.h"

#include "access/relscan.h"
#include "access/skey.h"
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

/* A transaction's look at the rows of the groups of its deltas. */
typedef struct FoFold
{
	FoRollup   *rollup;
	FoTarget   *target;
	Relation	index;			/* on the group columns; NULL without any */
	Snapshot	snapshot;		/* NULL: not taken, no look went by the index */
	CommandId	cid;
	IndexScanDesc scan;			/* NULL: not started */
	ScanKeyData keys[INDEX_MAX_KEYS];
	TupleTableSlot *slot;		/* NULL: not made */
	MemoryContext cxt;			/* of one group, or of the groups of one page */
	bool		few;			/* cxt is the caller's, nothing is freed early */
	int			nrows;			/* free rows found */
	HeapTuple	rows[FO_FOLD_ROWS];
	ItemPointerData roots[FO_FOLD_ROWS];	/* where index entries point */
	bool		complete;		/* they are all rows of the group */
} FoFold;

extern void fo_rollup_sort(FoRollup *rollup, FoDelta **deltas, int ndeltas);
extern int	fo_rollup_fold(FoRollup *rollup, FoTarget *target,
						   FoDelta **deltas, int ndeltas);
extern bool fo_rollup_is_free(HeapTuple row);
extern bool fo_rollup_same_group(FoFold *fold, const FoDelta *delta, HeapTuple row);
extern FoDelta *fo_rollup_sum(FoFold *fold, const FoDelta *delta, HeapTuple row);
extern bool fo_rollup_update_row(FoFold *fold, ItemPointer old, HeapTuple row,
								 ItemPointer root, Buffer buffer, const FoDelta *delta);
extern HeapTuple fo_rollup_form_row(FoFold *fold, const FoDelta *delta);
extern bool fo_rollup_crowded(Buffer buffer);
extern void fo_rollup_forget(FoFold *fold);

/* Folding page by page (sweep.c). */
extern int	fo_rollup_sweep(FoFold *fold, FoDelta **deltas, int ndeltas);
extern void fo_rollup_index_row(FoTarget *target, TupleTableSlot *slot,
								bool summaries);
extern void fo_rollup_open_indexes(FoTarget *target);

#endif							/* FO_ROLLUP_FOLD_H */
