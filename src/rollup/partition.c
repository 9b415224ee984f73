/*
 * partition.c
 *		What statements other than INSERT, UPDATE and DELETE do to the rows of a
 *		base: TRUNCATE (a trigger), and attaching, detaching and dropping
 *		partitions (an event trigger).
 *
 * Row triggers of a partitioned table are cloned to its partitions by PostgreSQL
 * itself, TRUNCATE triggers are not.  A partition that joins or leaves brings or
 * takes its rows; they are scanned once, under the lock that the statement holds
 * anyway, and become deltas.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "rollup/capture.h"
#include "rollup/delta.h"
#include "rollup/manage.h"
#include "rollup/sql.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(fo_rollup_truncate);
PG_FUNCTION_INFO_V1(fo_rollup_ddl);

/* Does any table of the lineage have a rollup? */
static bool
has_rollups(List *lineage)
{
	ListCell   *lc;

	foreach(lc, lineage)
	{
		if (fo_rollup_ids_by(FO_CONFIG_BASE, lfirst_oid(lc)) != NIL)
			return true;
	}
	return false;
}

/* Empty the rollups whose base is this very table. */
static void
truncate_rollups(Oid relid)
{
	ListCell   *lc;

	fo_rollup_flush(NULL, false);
	foreach(lc, fo_rollup_ids_by(FO_CONFIG_BASE, relid))
	{
		FoRollupIds *ids = lfirst(lc);
		FoSqlState	state;

		fo_rollup_enter(&state, fo_relation_owner(ids->data));
		fo_rollup_run("TRUNCATE %s", fo_rollup_relation_name(ids->data));
		fo_rollup_leave(&state);
	}
}

/* filteropt.rollup_truncate(): BEFORE TRUNCATE FOR EACH STATEMENT. */
Datum
fo_rollup_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Oid			relid;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"rollup_truncate\" must be called as a TRUNCATE trigger")));
	relid = RelationGetRelid(trigdata->tg_relation);
	truncate_rollups(relid);
	if (trigdata->tg_relation->rd_rel->relispartition)
		fo_rollup_capture_table(trigdata->tg_relation,
								get_partition_ancestors(relid), -1);
	PG_RETURN_POINTER(NULL);
}

/* Add or take out the rows of a table and of its partitions, if any. */
static void
capture_tree(Oid relid, List *lineage, int sign)
{
	ListCell   *lc;

	/* Deltas of this transaction must not be counted by the scan again. */
	CommandCounterIncrement();
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel = table_open(lfirst_oid(lc), NoLock);

		if (rel->rd_rel->relkind == RELKIND_RELATION)
			fo_rollup_capture_table(rel, lineage, sign);
		table_close(rel, NoLock);
	}
}

/* Give leaf partitions the TRUNCATE trigger, or take it away. */
static void
truncate_triggers(Oid relid, bool add)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Oid			leaf = lfirst_oid(lc);
		FoSqlState	state;

		if (get_rel_relkind(leaf) != RELKIND_RELATION)
			continue;
		fo_rollup_enter(&state, fo_relation_owner(leaf));
		if (add)
			fo_rollup_add_truncate_trigger(leaf);
		else if (!has_rollups(fo_rollup_lineage(leaf)))
			fo_rollup_drop_truncate_trigger(leaf);
		fo_rollup_leave(&state);
	}
}

/* Refuse what would make a base an inheritance parent. */
static void
refuse_inheritance(const RangeVar *parent)
{
	Oid			relid = RangeVarGetRelid(parent, NoLock, true);

	if (OidIsValid(relid) && has_rollups(list_make1_oid(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot inherit from table \"%s\" because it has a rollup",
						parent->relname),
				 errhint("Use declarative partitioning, or drop the rollup first.")));
}

/* One command of a finished ALTER TABLE. */
static void
after_alter(Oid parent, AlterTableCmd *cmd)
{
	List	   *lineage;
	Oid			child;

	if (cmd->subtype == AT_AddInherit)
		refuse_inheritance((RangeVar *) cmd->def);
	if (cmd->subtype != AT_AttachPartition && cmd->subtype != AT_DetachPartition)
		return;
	lineage = fo_rollup_lineage(parent);
	if (!has_rollups(lineage))
		return;
	child = RangeVarGetRelid(((PartitionCmd *) cmd->def)->name, NoLock, false);
	if (cmd->subtype == AT_AttachPartition)
	{
		capture_tree(child, lineage, 1);
		truncate_triggers(child, true);
	}
	else
	{
		capture_tree(child, lineage, -1);
		truncate_triggers(child, false);
	}
}

/* Before an ALTER TABLE: refuse what leaves a gap between two transactions. */
static void
before_alter(AlterTableStmt *stmt)
{
	Oid			parent = RangeVarGetRelid(stmt->relation, NoLock, true);
	ListCell   *lc;

	if (!OidIsValid(parent))
		return;
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DetachPartition &&
			((PartitionCmd *) cmd->def)->concurrent &&
			has_rollups(fo_rollup_lineage(parent)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot detach partitions of \"%s\" concurrently "
							"because it has a rollup",
							stmt->relation->relname),
					 errhint("Use DETACH PARTITION without CONCURRENTLY.")));
	}
}

/* Before a DROP TABLE: partitions take their rows with them. */
static void
before_drop_table(DropStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		RangeVar   *rv = makeRangeVarFromNameList(lfirst(lc));
		Oid			relid = RangeVarGetRelid(rv, NoLock, true);
		List	   *ancestors;

		if (!OidIsValid(relid) || !get_rel_relispartition(relid))
			continue;
		ancestors = get_partition_ancestors(relid);
		if (!has_rollups(ancestors))
			continue;
		/* In the order of DROP TABLE itself: the parent first. */
		LockRelationOid(linitial_oid(ancestors), AccessExclusiveLock);
		LockRelationOid(relid, AccessExclusiveLock);
		capture_tree(relid, ancestors, -1);
	}
}

/* Is the partition in one of the schemas, and the base in none? */
static bool
leaves_alone(Oid base, Oid partition, List *schemas)
{
	return list_member_oid(schemas, get_rel_namespace(partition)) &&
		!list_member_oid(schemas, get_rel_namespace(base));
}

/* Before a DROP SCHEMA: refuse if it would take partitions but not their base. */
static void
before_drop_schema(DropStmt *stmt)
{
	List	   *schemas = NIL;
	ListCell   *lc,
			   *lc2;

	foreach(lc, stmt->objects)
		schemas = lappend_oid(schemas,
							  get_namespace_oid(strVal(lfirst(lc)), true));
	foreach(lc, fo_rollup_ids_by(FO_CONFIG_BASE, InvalidOid))
	{
		Oid			base = ((FoRollupIds *) lfirst(lc))->base;

		if (get_rel_name(base) == NULL)
			continue;
		foreach(lc2, find_all_inheritors(base, NoLock, NULL))
		{
			if (leaves_alone(base, lfirst_oid(lc2), schemas))
				ereport(ERROR,
						(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						 errmsg("cannot drop a schema that contains partition \"%s\" "
								"of a table with a rollup",
								get_rel_name(lfirst_oid(lc2))),
						 errhint("Drop or detach the partition first.")));
		}
	}
}

/* A finished CREATE TABLE: a partition gets its trigger, a child is refused. */
static void
after_create(CreateStmt *stmt)
{
	Oid			relid;
	ListCell   *lc;

	if (stmt->partbound)
	{
		relid = RangeVarGetRelid(stmt->relation, NoLock, true);
		if (OidIsValid(relid) && has_rollups(fo_rollup_lineage(relid)))
			truncate_triggers(relid, true);
		return;
	}
	foreach(lc, stmt->inhRelations)
		refuse_inheritance(lfirst_node(RangeVar, lc));
}

/* filteropt.rollup_ddl(): at the start or the end of a DDL command. */
Datum
fo_rollup_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;
	Node	   *stmt;
	bool		start;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"rollup_ddl\" must be called as an event trigger")));
	stmt = data->parsetree;
	start = strcmp(data->event, "ddl_command_start") == 0;
	if (fo_rollup_ids_by(FO_CONFIG_BASE, InvalidOid) == NIL)
		PG_RETURN_NULL();
	if (IsA(stmt, AlterTableStmt) && start)
		before_alter((AlterTableStmt *) stmt);
	else if (IsA(stmt, AlterTableStmt))
	{
		Oid			parent = RangeVarGetRelid(((AlterTableStmt *) stmt)->relation,
											  NoLock, true);
		ListCell   *lc;

		if (OidIsValid(parent))
			foreach(lc, ((AlterTableStmt *) stmt)->cmds)
				after_alter(parent, lfirst_node(AlterTableCmd, lc));
	}
	else if (IsA(stmt, DropStmt) && start)
	{
		if (((DropStmt *) stmt)->removeType == OBJECT_TABLE)
			before_drop_table((DropStmt *) stmt);
		else if (((DropStmt *) stmt)->removeType == OBJECT_SCHEMA)
			before_drop_schema((DropStmt *) stmt);
	}
	else if (IsA(stmt, CreateStmt) && !start)
		after_create((CreateStmt *) stmt);
	PG_RETURN_NULL();
}
