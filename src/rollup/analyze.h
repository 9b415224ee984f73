/*
 * analyze.h
 *		Checking and pinning the query of a rollup.
 */
#ifndef FO_ROLLUP_ANALYZE_H
#define FO_ROLLUP_ANALYZE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

extern Query *fo_rollup_parse(const char *text);
extern void fo_rollup_check_query(Query *query);
extern void fo_rollup_check_expressions(Query *query);
extern Query *fo_rollup_pin(Query *query, const char *zone, bool *pinned);

#endif							/* FO_ROLLUP_ANALYZE_H */
