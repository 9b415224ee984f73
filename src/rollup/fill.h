/*
 * fill.h
 *		Fill or rebuild a rollup from its base table.
 */
#ifndef FO_ROLLUP_FILL_H
#define FO_ROLLUP_FILL_H

#include "rollup/spec.h"

extern int64 fo_rollup_fill(FoRollup *rollup);

#endif							/* FO_ROLLUP_FILL_H */
