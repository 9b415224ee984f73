/*
 * create.c
 *		filteropt.rollup_create: make the relations of a rollup and fill it.
 *
 * A rollup "daily_stats" consists of
 *		daily_stats			a view, what users read: sums over partial rows
 *		daily_stats_query	a view, the defining query: the oracle of rollup_check;
 *							PostgreSQL itself keeps it right when columns or tables
 *							are renamed, and guards the columns it uses
 *		daily_stats_data	the table of partial rows
 *		a row trigger on the base, shared by all its rollups
 *		a row in filteropt.rollup that ties them together.
 *
 * Locks: ShareRowExclusiveLock on the base, as CREATE TRIGGER takes anyway: it
 * waits for running writers and keeps new ones out until commit, so that every
 * row is either in the fill's snapshot or fires the trigger.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "base/compat_query.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "commands/view.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "pgtime.h"
#include "rewrite/rewriteManip.h"
#include "rollup/analyze.h"
#include "rollup/fill.h"
#include "rollup/manage.h"
#include "rollup/merge.h"
#include "rollup/spec.h"
#include "rollup/sql.h"
#include "rollup/sqltext.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(fo_rollup_create);

/* Percent of a page filled at first, as in the declaration of rollup_create. */
#define DEFAULT_FILLFACTOR	50

/* The names of a rollup's relations. */
typedef struct Names
{
	char	   *schema;
	char	   *view;
	char	   *query;
	char	   *data;
} Names;

/* Choose the names; the schema is that in which CREATE VIEW would work. */
static Names
choose_names(text *name)
{
	RangeVar   *rv = makeRangeVarFromNameList(textToQualifiedNameList(name));
	Names		names;

	names.schema = get_namespace_name(RangeVarGetCreationNamespace(rv));
	names.view = rv->relname;
	names.query = makeObjectName(rv->relname, NULL, "query");
	names.data = makeObjectName(rv->relname, NULL, "data");
	return names;
}

/* Check a time zone name; the default is the session's. */
static const char *
choose_zone(text *zone)
{
	const char *name = zone ? text_to_cstring(zone) :
		pg_get_timezone_name(session_timezone);

	if (pg_tzset(name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("See the view pg_timezone_names.")));
	return name;
}

/* Only the owner may create triggers that work for everybody. */
static void
check_owner(Oid base)
{
	if (!fo_owns_relation(base))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", get_rel_name(base)),
				 errhint("A rollup adds triggers to its base table.")));
}

/* How to turn the query's select list into one over the data table. */
typedef struct Translation
{
	FoLayout   *layout;
	List	   *targets;		/* of the reading query: groups, aggregates */
} Translation;

/* Replace groups and aggregates by what the reading query has for them. */
static Node *
to_reading(Node *node, void *arg)
{
	Translation *t = arg;
	FoLayout   *layout = t->layout;

	if (node == NULL)
		return NULL;
	for (int i = 0; i < layout->ngroups; i++)
	{
		if (equal(node, layout->groups[i]))
			return copyObject((Node *) list_nth_node(TargetEntry, t->targets, i)->expr);
	}
	for (int i = 0; i < layout->naggs; i++)
	{
		if (equal(node, layout->aggs[i].ref))
			return copyObject((Node *) list_nth_node(TargetEntry, t->targets,
													 layout->ngroups + i)->expr);
	}
	if (IsA(node, Var))
		ereport(ERROR,
				(errcode(ERRCODE_GROUPING_ERROR),
				 errmsg("column \"%s\" must appear in the GROUP BY clause of a rollup",
						get_attname(layout->base, ((Var *) node)->varattno, true)),
				 errhint("Add it to GROUP BY even if the primary key determines it.")));
	return expression_tree_mutator(node, to_reading, arg);
}

/*
 * Mark which entry of the select list is which group; groups that the user does
 * not select become hidden entries, as GROUP BY wants them.
 */
static void
attach_groups(List **list, List *targets, int ngroups)
{
	for (int i = 0; i < ngroups; i++)
	{
		TargetEntry *group = list_nth_node(TargetEntry, targets, i);
		ListCell   *lc;
		bool		found = false;

		foreach(lc, *list)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, lc);

			if (tle->ressortgroupref == 0 && equal(tle->expr, group->expr))
			{
				tle->ressortgroupref = group->ressortgroupref;
				found = true;
				break;
			}
		}
		if (!found)
		{
			group = copyObject(group);
			group->resno = list_length(*list) + 1;
			group->resjunk = true;
			*list = lappend(*list, group);
		}
	}
}

/* The query of the reading view: the user's select list over partial rows. */
static Query *
make_reading_query(Query *query, FoLayout *layout, const Names *names)
{
	char	   *data = quote_qualified_identifier(names->schema, names->data);
	Query	   *reading = fo_rollup_parse(fo_rollup_reading_sql(layout, data));
	List	   *targets = copyObject(query->targetList);
	Translation t = {layout, reading->targetList};
	List	   *list = NIL;
	ListCell   *lc;

	ChangeVarNodes((Node *) targets, fo_rollup_base_index(query), 1, 0);
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		tle->expr = (Expr *) to_reading((Node *) tle->expr, &t);
		tle->ressortgroupref = 0;
		tle->resorigtbl = InvalidOid;
		list = lappend(list, tle);
	}
	attach_groups(&list, reading->targetList, layout->ngroups);
	reading->targetList = list;
	return reading;
}

/* Create a view with the given query, which need not have a text. */
static Oid
create_view(const char *schema, const char *name, Query *query)
{
	StringInfoData columns;
	ListCell   *lc;
	Oid			relid;

	initStringInfo(&columns);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		if (tle->resjunk)
			continue;
		appendStringInfo(&columns, "%sNULL::%s AS %s", columns.len ? ", " : "",
						 fo_rollup_type_sql(exprType(expr), exprTypmod(expr),
											exprCollation(expr)),
						 quote_identifier(tle->resname));
	}
	fo_rollup_run("CREATE VIEW %s AS SELECT %s",
				  quote_qualified_identifier(schema, name), columns.data);
	relid = get_relname_relid(name, get_namespace_oid(schema, false));
	StoreViewQuery(relid, query, true);
	CommandCounterIncrement();
	return relid;
}

/* The column of the data table for a grouping column of the rollup. */
static const char *
group_column(Query *query, FoLayout *layout, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = copyObject((Node *) tle->expr);

		if (tle->resjunk || strcmp(tle->resname, name) != 0)
			continue;
		ChangeVarNodes(expr, fo_rollup_base_index(query), 1, 0);
		for (int i = 0; i < layout->ngroups; i++)
		{
			if (equal(expr, layout->groups[i]))
				return fo_rollup_column_name(layout, i);
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" is not a grouping column of the rollup", name),
			 errhint("An index of a rollup is a list of columns that its query "
					 "selects and groups by, such as 'date, user_id'.")));
	return NULL;				/* keep the compiler quiet */
}

/* Create an index on grouping columns, given as a list of their names. */
static void
create_index(const char *table, Query *query, FoLayout *layout, char *columns)
{
	StringInfoData buf;
	List	   *names;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(columns), ',', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("index \"%s\" is not a list of column names", columns),
				 errhint("Separate the names by commas, such as 'date, user_id'.")));
	initStringInfo(&buf);
	foreach(lc, names)
		appendStringInfo(&buf, "%s%s", buf.len ? ", " : "",
						 group_column(query, layout, lfirst(lc)));
	fo_rollup_run("CREATE INDEX ON %s (%s)", table, buf.data);
}

/* Create the indexes that the caller wants besides that on all groups. */
static void
create_indexes(const char *table, Query *query, FoLayout *layout, ArrayType *wanted)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			create_index(table, query, layout, TextDatumGetCString(elements[i]));
	}
}

/*
 * Create the table of partial rows, and its index on the groups.  What fillfactor
 * leaves of each page is for heap-only updates.
 */
static Oid
create_data(const Names *names, const FoLayout *layout, int fillfactor)
{
	char	   *table = quote_qualified_identifier(names->schema, names->data);
	bool		unlogged =
	get_rel_persistence(layout->base) == RELPERSISTENCE_UNLOGGED;

	fo_rollup_run("CREATE %s TABLE %s (%s) USING heap WITH (fillfactor = %d,"
				  " autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,"
				  " autovacuum_vacuum_cost_delay = 0)",
				  unlogged ? "UNLOGGED" : "", table, fo_rollup_columns_sql(layout), fillfactor);
	if (layout->ngroups > 0)
	{
		StringInfoData columns;

		initStringInfo(&columns);
		for (int i = 0; i < layout->ngroups; i++)
			appendStringInfo(&columns, "%sg%d", i ? ", " : "", i + 1);
		fo_rollup_run("CREATE INDEX ON %s (%s) WITH (deduplicate_items = off)",
					  table, columns.data);
	}
	return get_relname_relid(names->data, get_namespace_oid(names->schema, false));
}

/* Refuse direct writes, by triggers that our own writing does not fire. */
static void
create_guards(const FoRollupIds *ids)
{
	char	   *data = fo_rollup_relation_name(ids->data);
	char	   *view = fo_rollup_relation_name(ids->view);

	fo_rollup_run("CREATE TRIGGER filteropt_guard_rows BEFORE INSERT ON %s FOR EACH ROW"
				  " EXECUTE FUNCTION filteropt.rollup_guard()", data);
	fo_rollup_run("CREATE TRIGGER filteropt_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON %s"
				  " FOR EACH STATEMENT EXECUTE FUNCTION filteropt.rollup_guard()", data);
	fo_rollup_run("CREATE TRIGGER filteropt_guard INSTEAD OF INSERT OR UPDATE OR DELETE ON %s"
				  " FOR EACH ROW EXECUTE FUNCTION filteropt.rollup_guard()", view);
	fo_rollup_run("CREATE TRIGGER filteropt_guard_statement BEFORE INSERT OR UPDATE OR DELETE ON %s"
				  " FOR EACH STATEMENT EXECUTE FUNCTION filteropt.rollup_guard()", view);
}

/* Give a table or leaf partition the trigger that handles TRUNCATE. */
void
fo_rollup_add_truncate_trigger(Oid relid)
{
	if (OidIsValid(get_trigger_oid(relid, FO_TRUNCATE_TRIGGER, true)))
		return;
	/* Before for partitions: their rows are still there to be taken out. */
	fo_rollup_run("CREATE TRIGGER %s BEFORE TRUNCATE ON %s FOR EACH STATEMENT"
				  " EXECUTE FUNCTION filteropt.rollup_truncate()",
				  FO_TRUNCATE_TRIGGER, fo_rollup_relation_name(relid));
	fo_rollup_run("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
				  fo_rollup_relation_name(relid), FO_TRUNCATE_TRIGGER);
}

/* Give the base and its partitions their triggers, unless they have them. */
static void
create_triggers(Oid base)
{
	char	   *name = fo_rollup_relation_name(base);
	ListCell   *lc;

	if (!OidIsValid(get_trigger_oid(base, FO_CAPTURE_TRIGGER, true)))
	{
		fo_rollup_run("CREATE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW"
					  " EXECUTE FUNCTION filteropt.rollup_capture()",
					  FO_CAPTURE_TRIGGER, name);
		fo_rollup_run("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", name,
					  FO_CAPTURE_TRIGGER);
	}
	foreach(lc, find_all_inheritors(base, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			fo_rollup_add_truncate_trigger(lfirst_oid(lc));
	}
}

/*
 * Let the parts go together: dropping the view, or the base with CASCADE, drops
 * the rest.  pg_dump does not carry these; rollup_drop does not need them.
 */
static void
tie_together(const FoRollupIds *ids)
{
	ObjectAddress view,
				query,
				data;

	ObjectAddressSet(view, RelationRelationId, ids->view);
	ObjectAddressSet(query, RelationRelationId, ids->query);
	ObjectAddressSet(data, RelationRelationId, ids->data);
	recordDependencyOn(&query, &view, DEPENDENCY_AUTO);
	recordDependencyOn(&data, &view, DEPENDENCY_AUTO);
	recordDependencyOn(&data, &query, DEPENDENCY_AUTO);
}

/* Enter the rollup in filteropt.rollup, as the owner of that table. */
static void
register_rollup(const FoRollupIds *ids, const char *zone)
{
	Oid			config = fo_rollup_config_relid();
	FoSqlState	state;

	fo_rollup_enter(&state, fo_relation_owner(config));
	fo_rollup_run("DELETE FROM filteropt.rollup r WHERE NOT EXISTS"
				  " (SELECT FROM pg_class c WHERE c.oid = r.view)");
	fo_rollup_run("INSERT INTO filteropt.rollup (view, query, data, base, day_tz)"
				  " VALUES (%u, %u, %u, %u, %s)", ids->view, ids->query, ids->data,
				  ids->base, zone ? quote_literal_cstr(zone) : "NULL");
	fo_rollup_leave(&state);
	CacheInvalidateRelcacheByRelid(ids->base);
	fo_rollup_invalidate_partitions(ids->base);
	CommandCounterIncrement();
}

/* Create the relations of a rollup for a checked and pinned query. */
static FoRollupIds
create_relations(Query *query, const Names *names, int fillfactor, ArrayType *indexes)
{
	FoLayout   *layout = fo_rollup_layout(query);
	FoRollupIds ids;

	ids.base = layout->base;
	ids.query = create_view(names->schema, names->query, query);
	ids.data = create_data(names, layout, fillfactor);
	if (indexes)
		create_indexes(fo_rollup_relation_name(ids.data), query, layout, indexes);
	ids.view = create_view(names->schema, names->view,
						   make_reading_query(query, layout, names));
	return ids;
}

/* Parse, check and pin the text of a query; *zone becomes NULL if not needed. */
static Query *
accept_query(const char *text, const char **zone)
{
	Query	   *query = fo_rollup_parse(text);
	bool		pinned;

	fo_rollup_check_query(query);
	query = fo_rollup_pin(query, *zone, &pinned);
	fo_rollup_check_expressions(query);
	if (!pinned)
		*zone = NULL;
	return query;
}

/*
 * filteropt.rollup_create(name text, query text, day_tz text, fillfactor integer,
 * indexes text[]) returns regclass
 */
Datum
fo_rollup_create(PG_FUNCTION_ARGS)
{
	Names		names;
	const char *zone;
	Query	   *query;
	FoRollupIds ids;
	FoSqlState	state;
	FoRollup   *rollup;
	Oid			base;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name and query of a rollup must not be null"),
				 errhint("Pass the query as text, such as "
						 "'SELECT a, count(*) FROM t GROUP BY a'.")));
	PreventCommandIfReadOnly("rollup_create()");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a rollup must be created at isolation level READ COMMITTED"),
				 errdetail("The snapshot of this transaction may be older than rows "
						   "that the rollup must count.")));
	names = choose_names(PG_GETARG_TEXT_PP(0));
	zone = choose_zone(PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	query = accept_query(text_to_cstring(PG_GETARG_TEXT_PP(1)), &zone);
	base = rt_fetch(fo_rollup_base_index(query), query->rtable)->relid;
	check_owner(base);
	LockRelationOid(base, ShareRowExclusiveLock);
	fo_rollup_enter(&state, InvalidOid);
	ids = create_relations(query, &names,
						   PG_ARGISNULL(3) ? DEFAULT_FILLFACTOR : PG_GETARG_INT32(3),
						   PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4));
	create_triggers(base);
	create_guards(&ids);
	tie_together(&ids);
	register_rollup(&ids, zone);
	fo_rollup_leave(&state);
	rollup = fo_rollup_load(&ids);
	(void) fo_rollup_fill(rollup);
	fo_rollup_release(rollup);
	if (zone)
		ereport(NOTICE,
				(errmsg("rollup \"%s\" uses time zone \"%s\" in every session",
						names.view, zone),
				 errdetail("The pinned query is the view \"%s\".", names.query)));
	PG_RETURN_OID(ids.view);
}
