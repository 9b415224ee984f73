/*
 * localtime.h
 *		Fast conversion to the local time of a constant zone.
 */
#ifndef FO_ROLLUP_LOCALTIME_H
#define FO_ROLLUP_LOCALTIME_H

#include "postgres.h"

#include "nodes/nodes.h"

extern Node *fo_rollup_fast_zones(Node *node, void *context);

#endif							/* FO_ROLLUP_LOCALTIME_H */
