/*
 * analyze.c
 *		Refuse queries that a rollup cannot maintain, and say why.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "base/compat_query.h"
#include "catalog/catalog.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "parser/parser.h"
#include "rollup/analyze.h"
#include "rollup/layout.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/typcache.h"

/* Refuse with a reason and a way out. */
static void
refuse(const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a rollup cannot be maintained over %s", reason),
			 errhint("%s", hint)));
}

/* Parse and analyse the text of the query in the caller's search_path. */
Query *
fo_rollup_parse(const char *text)
{
	List	   *parsed = pg_parse_query(text);
	RawStmt    *raw;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rollup query must be one SELECT statement"),
				 errhint("Pass the query as text, without CREATE VIEW.")));
	raw = linitial_node(RawStmt, parsed);
	if (!IsA(raw->stmt, SelectStmt) || ((SelectStmt *) raw->stmt)->intoClause)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rollup query must be one SELECT statement"),
				 errhint("Pass the query as text, without CREATE VIEW.")));
	return fo_plain_groups(fo_parse_analyze(raw, text));
}

/* Clauses whose meaning a sum of deltas cannot carry. */
static void
check_clauses(const Query *query)
{
	if (query->setOperations)
		refuse("UNION, INTERSECT or EXCEPT",
			   "Create one rollup per branch and combine them in a view.");
	if (query->cteList != NIL)
		refuse("WITH queries", "Write the query over the table itself.");
	if (query->hasWindowFuncs)
		refuse("window functions",
			   "Create the rollup without them and apply them when reading it.");
	if (query->hasTargetSRFs)
		refuse("set-returning functions", "Apply them when reading the rollup.");
	if (query->distinctClause != NIL)
		refuse("DISTINCT", "Use GROUP BY.");
	if (query->groupingSets != NIL)
		refuse("GROUPING SETS, CUBE or ROLLUP",
			   "Create one rollup per grouping set.");
	if (query->havingQual)
		refuse("HAVING", "Put the condition into the WHERE clause when reading the rollup.");
	if (query->sortClause != NIL)
		refuse("ORDER BY", "Put ORDER BY into the query that reads the rollup.");
	if (query->limitCount || query->limitOffset)
		refuse("LIMIT or OFFSET", "Put it into the query that reads the rollup.");
	if (query->rowMarks != NIL)
		refuse("FOR UPDATE or FOR SHARE", "Remove the locking clause.");
	if (query->hasSubLinks)
		refuse("subqueries", "Keep what the subquery returns in a column of the table.");
	if (!query->hasAggs && query->groupClause == NIL)
		refuse("a query without aggregates and GROUP BY", "Use a plain view.");
}

/* FROM must be one table. */
static RangeTblEntry *
check_from(const Query *query)
{
	Node	   *item;
	RangeTblEntry *rte;

	if (list_length(query->jointree->fromlist) == 0)
		refuse("a query without FROM", "Select from one table.");
	item = linitial(query->jointree->fromlist);
	if (list_length(query->jointree->fromlist) > 1 || !IsA(item, RangeTblRef))
		refuse("joins",
			   "Create rollups of the single tables and join them when reading, or copy the column by a trigger.");
	rte = rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		refuse("subqueries", "Select from one table.");
	if (rte->rtekind != RTE_RELATION)
		refuse("functions or VALUES in FROM", "Select from one table.");
	if (rte->tablesample)
		refuse("TABLESAMPLE", "Select from the whole table.");
	return rte;
}

/* The base must be a table whose every change fires our triggers. */
static void
check_relation(const RangeTblEntry *rte)
{
	Relation	rel = table_open(rte->relid, AccessShareLock);
	char		kind = rel->rd_rel->relkind;

	if (kind == RELKIND_VIEW || kind == RELKIND_MATVIEW)
		refuse("views", "Select from the table behind the view.");
	if (kind == RELKIND_FOREIGN_TABLE)
		refuse("foreign tables", "Create the rollup on the server that holds the table.");
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		refuse("this kind of relation", "Select from a table.");
	if (IsCatalogRelation(rel) || IsToastRelation(rel))
		refuse("system catalogs", "Select from a table of your own.");
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse("temporary tables", "Use a permanent or an unlogged table.");
	if (kind == RELKIND_RELATION && has_subclass(rte->relid))
		refuse("inheritance", "Use declarative partitioning.");
	if (kind == RELKIND_PARTITIONED_TABLE && !rte->inh)
		refuse("ONLY of a partitioned table, which is always empty", "Remove ONLY.");
	if (check_enable_rls(rte->relid, InvalidOid, true) == RLS_ENABLED)
		refuse("a table whose row security hides rows from you",
			   "Let a role create the rollup that bypasses row security, and grant SELECT on the rollup with care: it counts all rows.");
	table_close(rel, NoLock);
}

/* Check everything about the query but its expressions. */
void
fo_rollup_check_query(Query *query)
{
	RangeTblEntry *rte;

	if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
		refuse("data-modifying statements", "Pass a plain SELECT.");
	check_clauses(query);
	rte = check_from(query);
	check_relation(rte);
}

/* Which aggregates the layout knows. */
static bool
supported_aggregate(const Aggref *ref)
{
	static const char *const known[] = {
		"count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every"
	};
	const char *name = fo_rollup_aggregate_name(ref);

	for (int i = 0; name && i < (int) lengthof(known); i++)
	{
		if (strcmp(name, known[i]) == 0)
			return true;
	}
	return false;
}

/* Refuse an aggregate that partial rows cannot carry. */
static void
check_aggregate(Aggref *ref)
{
	const char *name = get_func_name(ref->aggfnoid);

	if (ref->aggdistinct != NIL)
		refuse(psprintf("%s(DISTINCT ...)", name),
			   "Add the expression to GROUP BY and count the rows of the rollup: its size is then one row per distinct value.");
	if (ref->aggorder != NIL || ref->aggkind != AGGKIND_NORMAL)
		refuse(psprintf("the ordered aggregate %s", name),
			   "Aggregate in order when reading the rollup.");
	if (!supported_aggregate(ref))
		refuse(psprintf("the aggregate %s", format_procedure(ref->aggfnoid)),
			   "Supported are count, sum, avg, min, max, bool_and, bool_or and every.");
}

/* Is the function's result fixed by its arguments, as far as we use it? */
static bool
is_mutable(Oid funcid, void *context)
{
	char		volatility = func_volatile(funcid);

	/* With the zone as an argument it is marked stable only by caution. */
	if (funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT ||
		volatility == PROVOLATILE_IMMUTABLE)
		return false;
	if (volatility == PROVOLATILE_VOLATILE)
		refuse(psprintf("the volatile function %s", format_procedure(funcid)),
			   "Store its result in a column of the table, for example by DEFAULT.");
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a rollup cannot be maintained over the function %s, which is not immutable",
					format_procedure(funcid)),
			 errdetail("Its result depends on a setting, on the time or on other tables."),
			 errhint("Use an immutable expression: name the time zone (AT TIME ZONE 'UTC') "
					 "or cast constants to the column's type.")));
	return true;
}

/* Check a column reference. */
static void
check_var(Var *var, Oid relid)
{
	if (var->varattno == InvalidAttrNumber)
		refuse("whole-row references", "Name the columns.");
	if (var->varattno < 0)
		refuse(psprintf("the system column %s",
						get_attname(relid, var->varattno, false)),
			   "Use columns of the table.");
	if (fo_is_virtual(relid, var->varattno))
		refuse(psprintf("the virtual generated column %s",
						get_attname(relid, var->varattno, false)),
			   "Write its expression into the query, or make it STORED.");
}

/* Refuse expressions whose value may change while the row does not. */
static bool
check_walker(Node *node, void *relid)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
		check_aggregate((Aggref *) node);
	if (IsA(node, GroupingFunc))
		refuse("GROUPING", "Create one rollup per grouping set.");
	if (IsA(node, Var))
		check_var((Var *) node, *(Oid *) relid);
	if (IsA(node, SQLValueFunction))
		refuse("CURRENT_DATE, CURRENT_USER and the like",
			   "Put the condition into the query that reads the rollup.");
	if (!IsA(node, Aggref))
		(void) check_functions_in_node(node, is_mutable, NULL);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_walker, relid, 0);
	return expression_tree_walker(node, check_walker, relid);
}

/* A group must be sortable (for the index) and of a real type. */
static void
check_group(Node *group)
{
	Oid			type = exprType(group);

	if (get_typtype(type) == TYPTYPE_PSEUDO)
		refuse(psprintf("groups of type %s", format_type_be(type)),
			   "Cast the expression in GROUP BY.");
	if (!OidIsValid(lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf))
		refuse(psprintf("groups of type %s, which has no order", format_type_be(type)),
			   "Cast the expression in GROUP BY to a type with a btree operator class.");
}

/* A group key must fit in an index entry: count the columns at least. */
static void
check_groups(const Query *query)
{
	ListCell   *lc;

	if (list_length(query->groupClause) > INDEX_MAX_KEYS)
		refuse(psprintf("more than %d groups", INDEX_MAX_KEYS),
			   "Group by fewer expressions.");
	foreach(lc, query->groupClause)
		check_group((Node *) get_sortgroupclause_tle(lfirst(lc),
													 query->targetList)->expr);
}

/* Check the expressions of a query that fo_rollup_check_query let pass. */
void
fo_rollup_check_expressions(Query *query)
{
	RangeTblEntry *rte = rt_fetch(fo_rollup_base_index(query), query->rtable);

	(void) check_walker((Node *) query->targetList, &rte->relid);
	(void) check_walker(query->jointree->quals, &rte->relid);
	check_groups(query);
}
