/*
 * manage.h
 *		Catalog side of rollups.
 */
#ifndef FO_ROLLUP_MANAGE_H
#define FO_ROLLUP_MANAGE_H

#include "postgres.h"

#define FO_CAPTURE_TRIGGER	"filteropt_rollup"
#define FO_TRUNCATE_TRIGGER	"filteropt_rollup_truncate"

extern void fo_rollup_add_truncate_trigger(Oid relid);
extern void fo_rollup_drop_truncate_trigger(Oid relid);
extern void fo_rollup_invalidate_partitions(Oid base);

#endif							/* FO_ROLLUP_MANAGE_H */
