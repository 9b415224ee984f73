/*
 * place.h
 *		Where this backend has last found or put the row of a group.
 */
#ifndef FO_ROLLUP_PLACE_H
#define FO_ROLLUP_PLACE_H

#include "postgres.h"

#include "rollup/delta.h"
#include "storage/itemptr.h"

extern bool fo_rollup_recall(FoRollup *rollup, const FoDelta *delta, ItemPointer tid);
extern void fo_rollup_remember(FoRollup *rollup, const FoDelta *delta, ItemPointer tid);

#endif							/* FO_ROLLUP_PLACE_H */
