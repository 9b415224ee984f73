/*
 * compat.h
 *		Differences between the supported versions of PostgreSQL (14 to 18).
 */
#ifndef FO_BASE_COMPAT_H
#define FO_BASE_COMPAT_H

#include "postgres.h"

#include "access/attmap.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "utils/acl.h"
#include "utils/tuplestore.h"

/* Parse analysis without parameters got a name of its own in 15. */
#if PG_VERSION_NUM >= 150000
#define fo_parse_analyze(raw, text) \
	parse_analyze_fixedparams(raw, text, NULL, 0, NULL)
#else
#define fo_parse_analyze(raw, text) parse_analyze(raw, text, NULL, 0, NULL)
#endif

/* From 18 on, grouped expressions are columns of a range table entry. */
#if PG_VERSION_NUM >= 180000
#include "optimizer/optimizer.h"
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

/* Set up a tuplestore as the result of a set-returning function. */
#if PG_VERSION_NUM >= 150000
#define fo_init_srf(fcinfo) InitMaterializedSRF(fcinfo, 0)
#else
static inline void
fo_init_srf(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rsinfo->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->setDesc);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(old);
}
#endif

/* Ownership checks became one function in 16. */
#if PG_VERSION_NUM >= 160000
#define fo_owns_relation(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#define fo_build_attrmap(in, out) build_attrmap_by_name_if_req(in, out, false)
#else
#define fo_owns_relation(relid, role) pg_class_ownercheck(relid, role)
#define fo_build_attrmap(in, out) build_attrmap_by_name_if_req(in, out)
#endif

#endif							/* FO_BASE_COMPAT_H */
