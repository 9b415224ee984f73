/*
 * advise_workload.c
 *		Queries of a workload: read, analysed with the rights of the caller, and
 *		brought into a form that can be planned again and again.
 *
 * A query that changes rows is planned as the SELECT that finds them, and what
 * it changes counts as the price of indexes.  Whatever cannot be analysed is
 * skipped, with the reason.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "advisor/advise.h"
#include "base/compat_query.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

/* What the workload writes to a table. */
static FoAdviseWrites *
writes_of(FoAdvise *advise, Oid relid)
{
	ListCell   *lc;
	FoAdviseWrites *writes;

	foreach(lc, advise->writes)
	{
		writes = lfirst(lc);
		if (writes->relid == relid)
			return writes;
	}
	writes = palloc0(sizeof(FoAdviseWrites));
	writes->relid = relid;
	advise->writes = lappend(advise->writes, writes);
	return writes;
}

/* Rows that a VALUES list adds; 1 for anything else. */
static double
rows_inserted(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_VALUES)
			return list_length(rte->values_lists);
	}
	return 1;
}

/* The columns that an update sets. */
static Bitmapset *
columns_set(const Query *query)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst(lc);

		if (!entry->resjunk)
			columns = bms_add_member(columns, entry->resno);
	}
	return columns;
}

/* Count what a query writes; the searches that foreign keys then make. */
static List *
count_writes(FoAdvise *advise, const Query *query, double weight)
{
	FoAdviseWrites *writes;
	Bitmapset  *columns;

	if (query->resultRelation == 0)
		return NIL;
	writes = writes_of(advise, rt_fetch(query->resultRelation, query->rtable)->relid);
	if (query->commandType == CMD_INSERT)
	{
		writes->inserted += weight * rows_inserted(query);
		return NIL;
	}
	if (query->commandType == CMD_DELETE)
	{
		writes->deleted += weight;
		return fo_advise_foreign_searches(writes->relid, true, NULL);
	}
	columns = columns_set(query);
	writes->updated += weight;
	writes->columns = bms_add_members(writes->columns, columns);
	return fo_advise_foreign_searches(writes->relid, false, columns);
}

/* The SELECT that finds the rows which an UPDATE or a DELETE changes. */
static void
make_finder(Query *query)
{
	Var		   *ctid = makeVar(query->resultRelation, SelfItemPointerAttributeNumber, TIDOID, -1,
							   InvalidOid, 0);

	query->commandType = CMD_SELECT;
	query->resultRelation = 0;
	query->returningList = NIL;
	query->targetList = list_make1(makeTargetEntry((Expr *) ctid, 1, pstrdup("ctid"), false));
}

/* The query whose rows an INSERT adds; NULL if it has none. */
static Query *
source_of(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY)
			return rte->subquery;
	}
	return NULL;
}

/* Does a query read any table at all? */
static bool
reads_table(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_RELATION &&
			((RangeTblEntry *) node)->relid >= FirstNormalObjectId;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_table, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_table, context);
}

/* Remove row locks: they write, and change nothing about finding the rows. */
static bool
remove_row_locks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		((Query *) node)->rowMarks = NIL;
		((Query *) node)->hasForUpdate = false;
		return query_tree_walker((Query *) node, remove_row_locks, context, 0);
	}
	return expression_tree_walker(node, remove_row_locks, context);
}

/* A part of the analysis that may fail. */
typedef struct Analysis
{
	FoAdvise   *advise;
	FoAdviseQuery *query;
	RawStmt    *raw;
	List	   *raws;
	List	   *searches;		/* of foreign keys, as texts */
} Analysis;

static void
parse_it(void *arg)
{
	Analysis   *analysis = arg;

	analysis->raws = pg_parse_query(analysis->query->text);
}

/* Analyse and rewrite a statement, and make it one that can be planned. */
static void
analyse_it(void *arg)
{
	Analysis   *analysis = arg;
	FoAdviseQuery *query = analysis->query;
	Oid		   *types = NULL;
	int			ntypes = 0;
	Query	   *tree = fo_parse_analyze_params(analysis->raw, query->text, &types, &ntypes);
	List	   *rewritten;

	if (tree->commandType == CMD_UTILITY)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("%s is not a query",
							   GetCommandTagName(CreateCommandTag(tree->utilityStmt)))));
	tree->queryId = 0;
	rewritten = QueryRewrite(tree);
	if (list_length(rewritten) != 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("rules make several queries of it, or none")));
	tree = linitial_node(Query, rewritten);
	analysis->searches = count_writes(analysis->advise, tree, query->weight);
	if (tree->commandType == CMD_INSERT)
		tree = source_of(tree);
	else if (tree->commandType == CMD_UPDATE || tree->commandType == CMD_DELETE)
		make_finder(tree);
	if (tree == NULL || !reads_table((Node *) tree, NULL))
		return;
	tree = fo_advise_bind(tree, &query->guessed);
	(void) remove_row_locks((Node *) tree, NULL);
	query->query = tree;
	query->runnable = tree->commandType == CMD_SELECT && !tree->hasModifyingCTE &&
		!contain_volatile_functions((Node *) tree) && !fo_advise_has_parameter((Node *) tree);
}

/* Add one statement. */
static void
add_statement(FoAdvise *advise, int64 id, const char *text, double weight, RawStmt *raw)
{
	FoAdviseQuery *query = palloc0(sizeof(FoAdviseQuery));
	Analysis	analysis = {advise, query, raw, NIL, NIL};
	ListCell   *lc;

	query->id = id;
	query->text = text;

	query->weight = weight;
	query->ms_before = -1;
	advise->queries = lappend(advise->queries, query);
	if (raw == NULL)
	{
		if (!fo_advise_guarded(advise, parse_it, &analysis, &query->skipped))
			return;
		analysis.raw = list_length(analysis.raws) > 0 ? linitial(analysis.raws) : NULL;
		for (int i = 1; i < list_length(analysis.raws); i++)
			add_statement(advise, id, text, weight, list_nth(analysis.raws, i));
		if (analysis.raw == NULL)
		{
			query->skipped = "it is empty";
			return;
		}
	}
	fo_advise_guarded(advise, analyse_it, &analysis, &query->skipped);
	foreach(lc, analysis.searches)
		add_statement(advise, id, lfirst(lc), weight, NULL);
}

/* Add the query of a text, or each of several. */
void
fo_advise_add_query(FoAdvise *advise, int64 id, const char *text, double weight)
{
	MemoryContext old = MemoryContextSwitchTo(advise->context);

	add_statement(advise, id, pstrdup(text), weight, NULL);
	MemoryContextSwitchTo(old);
}
