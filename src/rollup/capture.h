/*
 * capture.h
 *		Recording changes of base rows.
 */
#ifndef FO_ROLLUP_CAPTURE_H
#define FO_ROLLUP_CAPTURE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"

extern void fo_rollup_capture_table(Relation rel, List *lineage, int sign);

#endif							/* FO_ROLLUP_CAPTURE_H */
