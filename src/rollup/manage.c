/*
 * manage.c
 *		filteropt.rollup_drop, rollup_rebuild, rollup_merge, rollup_check, and the
 *		guard against direct writes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat_query.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rollup/delta.h"
#include "rollup/fill.h"
#include "rollup/manage.h"
#include "rollup/merge.h"
#include "rollup/spec.h"
#include "rollup/sql.h"
#include "rollup/stat.h"
#include "storage/lmgr.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(fo_rollup_drop);
PG_FUNCTION_INFO_V1(fo_rollup_rebuild);
PG_FUNCTION_INFO_V1(fo_rollup_merge);
PG_FUNCTION_INFO_V1(fo_rollup_check);
PG_FUNCTION_INFO_V1(fo_rollup_guard);
PG_FUNCTION_INFO_V1(fo_rollup_pending_rows);
PG_FUNCTION_INFO_V1(fo_rollup_skip_known);

/* Make backends load the rollups of the partitions anew. */
void
fo_rollup_invalidate_partitions(Oid base)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(base, NoLock, NULL))
		CacheInvalidateRelcacheByRelid(lfirst_oid(lc));
}

/* Find the rollup read through the view, or raise an error. */
static FoRollupIds
get_rollup(Oid view, bool must_own)
{
	FoRollupIds ids;
	char	   *name = get_rel_name(view);

	if (name == NULL || !fo_rollup_ids_of_view(view, &ids))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation \"%s\" is not a rollup",
						name ? name : psprintf("%u", view)),
				 errhint("The view filteropt.rollup_stat lists all rollups.")));
	if (must_own && !fo_owns_relation(view))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of rollup %s", name)));
	return ids;
}

/* Load it, too; it must be released. */
static FoRollup *
load_rollup(Oid view)
{
	FoRollupIds ids = get_rollup(view, true);
	FoRollup   *rollup = fo_rollup_load(&ids);

	if (rollup == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the defining query of rollup \"%s\" is gone",
						get_rel_name(view)),
				 errhint("Drop the rollup and create it again.")));
	return rollup;
}

/* Take the TRUNCATE trigger from a relation that has it. */
void
fo_rollup_drop_truncate_trigger(Oid relid)
{
	if (OidIsValid(get_trigger_oid(relid, FO_TRUNCATE_TRIGGER, true)))
		fo_rollup_run("DROP TRIGGER %s ON %s", FO_TRUNCATE_TRIGGER,
					  fo_rollup_relation_name(relid));
}

/* Drop the triggers of a base that has no rollup any more. */
static void
drop_triggers(Oid base)
{
	ListCell   *lc;

	if (get_rel_name(base) == NULL)
		return;
	fo_rollup_run("DROP TRIGGER IF EXISTS %s ON %s", FO_CAPTURE_TRIGGER,
				  fo_rollup_relation_name(base));
	foreach(lc, find_all_inheritors(base, NoLock, NULL))
		fo_rollup_drop_truncate_trigger(lfirst_oid(lc));
}

/* Drop a relation of the rollup if it is still there. */
static void
drop_relation(Oid relid, const char *kind)
{
	if (get_rel_name(relid) != NULL)
		fo_rollup_run("DROP %s %s", kind, fo_rollup_relation_name(relid));
}

/* filteropt.rollup_drop(rollup regclass): drop all parts; no row of the base changes. */
Datum
fo_rollup_drop(PG_FUNCTION_ARGS)
{
	FoRollupIds ids = get_rollup(PG_GETARG_OID(0), true);
	FoSqlState	state;
	FoSqlState	inner;

	PreventCommandIfReadOnly("rollup_drop()");
	LockRelationOid(ids.base, ShareRowExclusiveLock);
	fo_rollup_flush(NULL, false);
	fo_rollup_enter(&state, InvalidOid);
	drop_relation(ids.view, "VIEW");
	drop_relation(ids.query, "VIEW");
	drop_relation(ids.data, "TABLE");
	fo_rollup_forget_counters(ids.data);
	fo_rollup_enter(&inner, fo_relation_owner(fo_rollup_config_relid()));
	fo_rollup_run("DELETE FROM filteropt.rollup WHERE view = %u", ids.view);
	fo_rollup_leave(&inner);
	CommandCounterIncrement();
	CacheInvalidateRelcacheByRelid(ids.base);
	fo_rollup_invalidate_partitions(ids.base);
	if (fo_rollup_ids_by(FO_CONFIG_BASE, ids.base) == NIL)
		drop_triggers(ids.base);
	fo_rollup_leave(&state);
	PG_RETURN_VOID();
}

/* filteropt.rollup_rebuild(rollup regclass) returns the number of groups. */
Datum
fo_rollup_rebuild(PG_FUNCTION_ARGS)
{
	FoRollup   *rollup;
	int64		groups;

	PreventCommandIfReadOnly("rollup_rebuild()");
	rollup = load_rollup(PG_GETARG_OID(0));
	groups = fo_rollup_fill(rollup);
	fo_rollup_release(rollup);
	PG_RETURN_INT64(groups);
}

/* filteropt.rollup_merge(rollup regclass) returns the number of rows saved. */
Datum
fo_rollup_merge(PG_FUNCTION_ARGS)
{
	FoRollup   *rollup;
	int64		saved;

	PreventCommandIfReadOnly("rollup_merge()");
	rollup = load_rollup(PG_GETARG_OID(0));
	saved = fo_rollup_merge_all(rollup);
	fo_rollup_release(rollup);
	if (saved < 0)
	{
		ereport(NOTICE,
				(errmsg("rollup \"%s\" is being rebuilt, which merges everything",
						get_rel_name(PG_GETARG_OID(0)))));
		saved = 0;
	}
	PG_RETURN_INT64(saved);
}

/*
 * filteropt.rollup_check(rollup regclass): rows in which rollup and query
 * differ, compared in one snapshot with the privileges of the caller.
 */
Datum
fo_rollup_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FoRollupIds ids = get_rollup(PG_GETARG_OID(0), false);
	FoSqlState	state;
	char	   *view = fo_rollup_relation_name(ids.view);
	char	   *query = fo_rollup_relation_name(ids.query);

	fo_begin_rows(fcinfo);
	fo_rollup_enter(&state, InvalidOid);
	fo_rollup_run("SELECT 'rollup', to_jsonb(r) FROM (TABLE %s EXCEPT ALL TABLE %s) r"
				  " UNION ALL "
				  "SELECT 'query', to_jsonb(q) FROM (TABLE %s EXCEPT ALL TABLE %s) q",
				  view, query, query, view);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
								  1, &nulls[0]);
		values[1] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
								  2, &nulls[1]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	fo_rollup_leave(&state);
	PG_RETURN_NULL();
}

/* "g1, g2, ...", or a constant for a rollup without groups. */
static char *
group_columns(Oid data)
{
	StringInfoData buf;
	AttrNumber	n = get_attnum(data, "n");

	initStringInfo(&buf);
	for (int i = 1; i < n; i++)
		appendStringInfo(&buf, "%sg%d", i > 1 ? ", " : "", i);
	return n > 1 ? buf.data : "()";
}

/*
 * filteropt.rollup_pending(rollup regclass): groups, partial rows, and the most
 * partial rows of one group; all null without SELECT on the rollup.
 */
Datum
fo_rollup_pending_rows(PG_FUNCTION_ARGS)
{
	FoRollupIds ids = get_rollup(PG_GETARG_OID(0), false);
	FoSqlState	state;
	TupleDesc	desc;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (pg_class_aclcheck(ids.view, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
	{
		fo_rollup_enter(&state, fo_relation_owner(ids.data));
		fo_rollup_run("SELECT count(*), coalesce(sum(c), 0)::bigint, coalesce(max(c), 0)"
					  " FROM (SELECT count(*) AS c FROM %s GROUP BY %s) g WHERE c > 0",
					  fo_rollup_relation_name(ids.data), group_columns(ids.data));
		for (int i = 0; i < 3; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, i + 1, &nulls[i]);
		fo_rollup_leave(&state);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Is a COPY ... FROM running the trigger, as in a data-only restore? */
static bool
in_copy(void)
{
	return ActivePortal && ActivePortal->commandTag == CMDTAG_COPY;
}

/*
 * filteropt.rollup_guard(): refuse direct writes.  A restore of the data only
 * copies the base, whose triggers maintain the rollup, and also the table of
 * partial rows: those rows would count twice, so they are skipped.
 */
Datum
fo_rollup_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"rollup_guard\" must be called as a trigger")));
	if (fo_rollup_internal)
		return PointerGetDatum(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ?
							   trigdata->tg_trigtuple : NULL);
	if (in_copy() && TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		PG_RETURN_POINTER(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rollup relation \"%s\" cannot be changed directly",
					RelationGetRelationName(trigdata->tg_relation)),
			 errdetail("It follows the changes of its base table by itself."),
			 errhint("Change the base table; filteropt.rollup_rebuild recomputes a rollup.")));
	PG_RETURN_POINTER(NULL);
}

/* filteropt.rollup_skip_known(): BEFORE INSERT on filteropt.rollup. */
Datum
fo_rollup_skip_known(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	FoRollupIds ids;
	bool		isnull;
	Oid			view;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"rollup_skip_known\" must be called as a trigger")));
	view = DatumGetObjectId(heap_getattr(trigdata->tg_trigtuple, FO_CONFIG_VIEW,
										 RelationGetDescr(trigdata->tg_relation),
										 &isnull));
	if (!isnull && fo_rollup_ids_of_view(view, &ids))
		PG_RETURN_POINTER(NULL);
	return PointerGetDatum(trigdata->tg_trigtuple);
}
