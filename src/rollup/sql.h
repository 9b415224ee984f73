/*
 * sql.h
 *		Running SQL from the rollup's functions.
 */
#ifndef FO_ROLLUP_SQL_H
#define FO_ROLLUP_SQL_H

#include "postgres.h"

/* What fo_rollup_enter changed, to be given back to fo_rollup_leave. */
typedef struct FoSqlState
{
	int			guc_level;
	Oid			user;
	int			security;
} FoSqlState;

extern void fo_rollup_enter(FoSqlState *state, Oid role);
extern void fo_rollup_leave(const FoSqlState *state);
extern void fo_rollup_run(const char *format,...) pg_attribute_printf(1, 2);
extern char *fo_rollup_relation_name(Oid relid);
extern bool fo_rollup_internal;

#endif							/* FO_ROLLUP_SQL_H */
