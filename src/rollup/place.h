/*
 * place.h
 *		Where this backend has last found or put the row of a group.
 */
#ifndef FO_ROLLUP_PLACE_H
#define FO_ROLLUP_PLACE_H

#include "postgres.h"

#include "rollup/delta.h"
#include "storage/buf.h"
#include "storage/itemptr.h"

/* A row that is updated again and again: a chain of versions on one page. */
typedef struct FoSpot
{
	ItemPointerData root;		/* where index entries point */
	OffsetNumber tip;			/* the version seen or written last */
	Buffer		buffer;			/* that has held the page; may hold another by
								 * now */
} FoSpot;

extern bool fo_rollup_recall(FoRollup *rollup, const FoDelta *delta, FoSpot *spot);
extern void fo_rollup_remember(FoRollup *rollup, const FoDelta *delta, ItemPointer root,
							   ItemPointer tip, Buffer buffer);
extern void fo_rollup_forget_places(FoRollup *rollup);

#endif							/* FO_ROLLUP_PLACE_H */
