/*
 * compat_query.h
 *		Differences between PostgreSQL 14 and 18 in parse analysis and attribute maps.
 */
#ifndef FO_COMPAT_QUERY_H
#define FO_COMPAT_QUERY_H

#include "base/compat.h"

#include "access/attmap.h"
#include "access/stratnum.h"
#include "catalog/pg_attribute.h"
#include "executor/executor.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "utils/lsyscache.h"

/* Parse analysis without parameters got a name of its own in 15. */
#if PG_VERSION_NUM >= 150000
#define fo_parse_analyze(raw, text) \
	parse_analyze_fixedparams(raw, text, NULL, 0, NULL)
#else
#define fo_parse_analyze(raw, text) parse_analyze(raw, text, NULL, 0, NULL)
#endif

/* The same, finding out the types of parameters. */
#if PG_VERSION_NUM >= 150000
#define fo_parse_analyze_varparams(raw, text, types, count) \
	parse_analyze_varparams(raw, text, types, count, NULL)
#else
#define fo_parse_analyze_varparams(raw, text, types, count) \
	parse_analyze_varparams(raw, text, types, count)
#endif

/* UNIQUE NULLS NOT DISTINCT came with 15. */
#if PG_VERSION_NUM >= 150000
#define fo_index_nulls_not_distinct(stmt) ((stmt)->nulls_not_distinct)
#else
#define fo_index_nulls_not_distinct(stmt) false
#endif

/* From 18 on, grouped expressions are columns of a range table entry. */
#if PG_VERSION_NUM >= 180000
static inline Query *
fo_plain_groups(Query *query)
{
	if (query->hasGroupRTE)
	{
		query->targetList = (List *)
			flatten_group_exprs(NULL, query, (Node *) query->targetList);
		query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
		query->rtable = list_truncate(query->rtable,
									  list_length(query->rtable) - 1);
		query->hasGroupRTE = false;
	}
	return query;
}
#else
#define fo_plain_groups(query) (query)
#endif

/* Is a column computed when it is read?  Rows have nothing in its place; from 18 on. */
#if PG_VERSION_NUM >= 180000
#define fo_is_virtual(relid, attnum) \
	(get_attgenerated(relid, attnum) == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define fo_is_virtual(relid, attnum) false
#endif

/* Parse analysis that finds the types of parameters out. */
#if PG_VERSION_NUM >= 150000
#define fo_parse_analyze_params(raw, text, types, ntypes) \
	parse_analyze_varparams(raw, text, types, ntypes, NULL)
#else
#define fo_parse_analyze_params(raw, text, types, ntypes) \
	parse_analyze_varparams(raw, text, types, ntypes)
#endif

/* Is the user allowed to do what the plan does?  An error if not. */
#if PG_VERSION_NUM >= 160000
#define fo_check_permissions(plan) \
	((void) ExecCheckPermissions((plan)->rtable, (plan)->permInfos, true))
#else
#define fo_check_permissions(plan) ((void) ExecCheckRTPerms((plan)->rtable, true))
#endif

/* Run a query that was started, for so many rows at most. */
#if PG_VERSION_NUM >= 180000
#define fo_executor_run(desc, rows) ExecutorRun(desc, ForwardScanDirection, rows)
#else
#define fo_executor_run(desc, rows) ExecutorRun(desc, ForwardScanDirection, rows, true)
#endif

/* Make a column reference one to another relation of the query, as in a catalog. */
static inline void
fo_plain_var(Var *var, int varno)
{
	var->varno = varno;
	var->varnosyn = varno;
	var->varattnosyn = var->varattno;
	var->location = -1;
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = NULL;
#endif
}

/* Does the order descend? */
#if PG_VERSION_NUM >= 180000
#define fo_pathkey_descending(pathkey) ((pathkey)->pk_cmptype == COMPARE_GT)
#else
#define fo_pathkey_descending(pathkey) ((pathkey)->pk_strategy == BTGreaterStrategyNumber)
#endif

/* Whether columns may be missing is asked from 16 on. */
#if PG_VERSION_NUM >= 160000
#define fo_build_attrmap(in, out) build_attrmap_by_name_if_req(in, out, false)
#define fo_build_full_attrmap(in, out) build_attrmap_by_name(in, out, false)
#else
#define fo_build_attrmap(in, out) build_attrmap_by_name_if_req(in, out)
#define fo_build_full_attrmap(in, out) build_attrmap_by_name(in, out)
#endif

#endif							/* FO_COMPAT_QUERY_H */
