/*
 * group.h
 *		The partial rows of one group.
 */
#ifndef FO_ROLLUP_GROUP_H
#define FO_ROLLUP_GROUP_H

#include "postgres.h"

#include "access/skey.h"
#include "rollup/delta.h"
#include "utils/relcache.h"

extern bool fo_rollup_is_group_index(Relation index, int ngroups);
extern void fo_rollup_init_key(ScanKey key, Relation index, int i);
extern void fo_rollup_set_key(ScanKey key, Datum value, bool isnull);
extern bool fo_rollup_settle(FoRollup *rollup, FoDelta *sum);

#endif							/* FO_ROLLUP_GROUP_H */
