/*
 * layout.c
 *		Derive the partial columns of a rollup from its query.
 *
 * Example: for
 *		SELECT user_id, count(*), avg(score), min(at) FROM e GROUP BY user_id
 * with score of type int4 the partial row is
 *		(g1 user_id, n count of rows, c1 sum of score, c2 count of score,
 *		 c3 smallest "at" added, c4 smallest "at" removed)
 * and avg is c1 / c2.  min is c3 unless c4 is as small: then the row that held
 * the minimum may be gone and the group is recomputed from the base table.
 * Columns with the same meaning are shared between aggregates.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "rollup/layout.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The range table index of the one base relation in the query's FROM. */
int
fo_rollup_base_index(const Query *query)
{
	RangeTblRef *ref = linitial_node(RangeTblRef, query->jointree->fromlist);

	return ref->rtindex;
}

/* The name of a built-in aggregate, or NULL for one defined by a user. */
const char *
fo_rollup_aggregate_name(const Aggref *ref)
{
	if (get_func_namespace(ref->aggfnoid) != PG_CATALOG_NAMESPACE)
		return NULL;
	return get_func_name(ref->aggfnoid);
}

/* The name of data column j: g1, g2, ... for groups, then n, c1, c2, ... */
const char *
fo_rollup_column_name(const FoLayout *layout, int j)
{
	if (j < layout->ngroups)
		return psprintf("g%d", j + 1);
	if (j == layout->ngroups)
		return "n";
	return psprintf("c%d", j - layout->ngroups);
}

/* Can the expression never be null? Knows constants and CASE only: a NOT NULL
 * constraint may be dropped later, and the layout must not change then.  */
static bool
never_null(Node *node)
{
	if (IsA(node, Const))
		return !((Const *) node)->constisnull;
	if (IsA(node, RelabelType))
		return never_null((Node *) ((RelabelType *) node)->arg);
	if (IsA(node, CaseExpr))
	{
		CaseExpr   *expr = (CaseExpr *) node;
		ListCell   *lc;

		foreach(lc, expr->args)
		{
			CaseWhen   *when = lfirst_node(CaseWhen, lc);

			if (!never_null((Node *) when->result))
				return false;
		}
		return expr->defresult && never_null((Node *) expr->defresult);
	}
	return false;
}

/* Find or add an input; -1 stands for "every row". */
static int
add_input(FoLayout *layout, Expr *arg, Expr *filter)
{
	FoInput    *input;

	if (arg == NULL && filter == NULL)
		return -1;
	for (int i = 0; i < layout->ninputs; i++)
	{
		if (equal(layout->inputs[i].arg, arg) &&
			equal(layout->inputs[i].filter, filter))
			return i;
	}
	input = &layout->inputs[layout->ninputs];
	input->arg = arg;
	input->filter = filter;
	input->type = arg ? exprType((Node *) arg) : InvalidOid;
	return layout->ninputs++;
}

/* Find or add a partial column; its type follows from its kind. */
static int
add_column(FoLayout *layout, FoColumnKind kind, int input)
{
	FoColumn   *column;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		if (layout->columns[i].kind == kind &&
			layout->columns[i].input == input &&
			kind != FO_COL_BEST && kind != FO_COL_GONE)
			return i;
	}
	column = &layout->columns[layout->ncolumns];
	memset(column, 0, sizeof(*column));
	column->kind = kind;
	column->input = input;
	column->typmod = -1;
	switch (kind)
	{
		case FO_COL_SUM_NUMERIC:
		case FO_COL_SCALES:
			column->type = NUMERICOID;
			break;
		case FO_COL_SUM_FLOAT:
			column->type = FLOAT8OID;
			break;
		case FO_COL_SUM_INTERVAL:
			column->type = INTERVALOID;
			break;
		default:
			column->type = INT8OID;
			break;
	}
	return layout->ncolumns++;
}

/* The column that counts the non-null inputs: often that of all rows. */
static int
add_count(FoLayout *layout, Expr *arg, Expr *filter)
{
	if (arg && never_null((Node *) arg))
		arg = NULL;
	return add_column(layout, FO_COL_COUNT, add_input(layout, arg, filter));
}

/* The kind of sum that adds up values of the type exactly (or as float8). */
static FoColumnKind
sum_kind(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
			return FO_COL_SUM_INT;
		case INT8OID:
		case NUMERICOID:
			return FO_COL_SUM_NUMERIC;
		case FLOAT4OID:
		case FLOAT8OID:
			return FO_COL_SUM_FLOAT;
		case INTERVALOID:
			return FO_COL_SUM_INTERVAL;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a rollup cannot maintain a sum of type %s",
							format_type_be(type)),
					 errhint("Cast the argument to numeric or interval.")));
	}
	return FO_COL_SUM_INT;		/* keep the compiler quiet */
}

/* The operator by which an extreme is "better": < of min, > of max. */
static Oid
better_operator(Oid aggfnoid)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggfnoid));
	Oid			result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggfnoid);
	result = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	return result;
}

/* min and max keep the extreme of the values added and of those removed. */
static void
add_extreme(FoLayout *layout, FoAgg *agg, Expr *arg, Expr *filter,
			const char *name)
{
	int			input = add_input(layout, arg, filter);

	agg->kind = FO_AGG_EXTREME;
	agg->main = add_column(layout, FO_COL_BEST, input);
	agg->doubt = add_column(layout, FO_COL_GONE, input);
	for (int i = agg->main; i <= agg->doubt; i++)
	{
		FoColumn   *column = &layout->columns[i];

		column->type = exprType((Node *) arg);
		column->collation = exprCollation((Node *) arg);
		column->better = better_operator(agg->ref->aggfnoid);
		column->aggname = name;
	}
}

/* sum and avg: the sum, the count, and what floating point cannot take back. */
static void
add_sum(FoLayout *layout, FoAgg *agg, Expr *arg, Expr *filter)
{
	Oid			type = exprType((Node *) arg);
	int			input = add_input(layout, arg, filter);

	agg->main = add_column(layout, sum_kind(type), input);
	agg->count = add_count(layout, arg, filter);
	if (type == NUMERICOID && exprTypmod((Node *) arg) < 0)
		agg->scales = add_column(layout, FO_COL_SCALES, input);
	if (type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID)
		agg->doubt = add_column(layout, FO_COL_LOST, input);
}

/* Lay out one aggregate. The caller has checked that it is supported. */
static void
add_aggregate(FoLayout *layout, Aggref *ref)
{
	FoAgg	   *agg = &layout->aggs[layout->naggs];
	const char *name = fo_rollup_aggregate_name(ref);
	Expr	   *arg = NULL;

	for (int i = 0; i < layout->naggs; i++)
	{
		if (equal(layout->aggs[i].ref, ref))
			return;
	}
	if (ref->args != NIL)
		arg = linitial_node(TargetEntry, ref->args)->expr;
	agg->ref = ref;
	agg->main = agg->count = agg->scales = agg->doubt = -1;
	if (strcmp(name, "count") == 0)
	{
		agg->kind = FO_AGG_COUNT;
		agg->main = add_count(layout, arg, ref->aggfilter);
	}
	else if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		add_extreme(layout, agg, arg, ref->aggfilter, name);
	else if (strcmp(name, "sum") == 0 || strcmp(name, "avg") == 0)
	{
		agg->kind = strcmp(name, "sum") == 0 ? FO_AGG_SUM : FO_AGG_AVG;
		add_sum(layout, agg, arg, ref->aggfilter);
	}
	else
	{
		int			input = add_input(layout, arg, ref->aggfilter);

		agg->kind = strcmp(name, "bool_or") == 0 ?
			FO_AGG_BOOL_OR : FO_AGG_BOOL_AND;
		agg->main = add_column(layout, FO_COL_TRUE, input);
		agg->count = add_column(layout, FO_COL_FALSE, input);
	}
	layout->naggs++;
}

/* Copy an expression of the query with the base relation as index 1. */
static Node *
normalised(const Query *query, Node *node)
{
	node = copyObject(node);
	ChangeVarNodes(node, fo_rollup_base_index(query), 1, 0);
	return node;
}

/*
 * Derive the layout of a checked query.  Order is that of GROUP BY and of the
 * first appearance of aggregates in the select list.  Allocated in the current
 * memory context.
 */
FoLayout *
fo_rollup_layout(const Query *query)
{
	FoLayout   *layout = palloc0(sizeof(FoLayout));
	int			index = fo_rollup_base_index(query);
	List	   *refs;
	ListCell   *lc;

	layout->base = rt_fetch(index, query->rtable)->relid;
	layout->where = normalised(query, query->jointree->quals);
	layout->groups = palloc0(sizeof(Node *) * (list_length(query->groupClause) + 1));
	foreach(lc, query->groupClause)
	{
		TargetEntry *tle = get_sortgroupclause_tle(lfirst(lc), query->targetList);

		layout->groups[layout->ngroups++] = normalised(query, (Node *) tle->expr);
	}
	refs = pull_var_clause(normalised(query, (Node *) query->targetList),
						   PVC_INCLUDE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS |
						   PVC_RECURSE_PLACEHOLDERS);
	if (list_length(refs) * 4 > FO_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many aggregates in the rollup query"),
				 errhint("Create several rollups of the table.")));
	layout->inputs = palloc0(sizeof(FoInput) * (list_length(refs) * 2 + 1));
	layout->columns = palloc0(sizeof(FoColumn) * (list_length(refs) * 4 + 1));
	layout->aggs = palloc0(sizeof(FoAgg) * (list_length(refs) + 1));
	add_column(layout, FO_COL_COUNT, -1);
	foreach(lc, refs)
	{
		if (IsA(lfirst(lc), Aggref))
			add_aggregate(layout, lfirst(lc));
	}
	return layout;
}
