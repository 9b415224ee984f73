/*
 * advise_param.c
 *		Values for the parameters of a query whose text has $1, $2 and so on.
 *
 * pg_stat_statements keeps texts without their constants.  A parameter that is
 * compared with a column gets a typical value of the column's statistics; that
 * of a LIMIT is taken for a page of rows and that of an OFFSET for the first
 * page.  One for which there is nothing to go by stays, and the planner
 * assumes what it assumes for any value.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "advisor/advise.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define PAGE_OF_ROWS	20

/* What the search for parameters carries along. */
typedef struct Binding
{
	List	   *queries;		/* the query and those around it */
	bool		guessed;
} Binding;

/* A value of a statistics slot, if the type is that of the column. */
static Const *
value_of_slot(HeapTuple tuple, Oid type, int kind, double position)
{
	AttStatsSlot slot;
	Const	   *value = NULL;
	int16		len;
	bool		byval;

	if (!get_attstatsslot(&slot, tuple, kind, InvalidOid, ATTSTATSSLOT_VALUES))
		return NULL;
	if (slot.nvalues > 0 && IsBinaryCoercible(slot.valuetype, type))
	{
		get_typlenbyval(slot.valuetype, &len, &byval);
		value = makeConst(type, -1, get_typcollation(type), len,
						  datumCopy(slot.values[(int) (position * (slot.nvalues - 1))], byval, len),
						  false, byval);
	}
	free_attstatsslot(&slot);
	return value;
}

/*
 * A typical value of a column: for equality one from the middle of the common
 * ones or of the histogram, for a comparison one that few rows are beyond.
 */
static Const *
typical_value(Oid relid, AttrNumber attnum, Oid type, Oid selectivity_function)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum), BoolGetDatum(false));
	Const	   *value;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	if (selectivity_function == F_SCALARGTSEL || selectivity_function == F_SCALARGESEL)
		value = value_of_slot(tuple, type, STATISTIC_KIND_HISTOGRAM, 0.95);
	else if (selectivity_function == F_SCALARLTSEL || selectivity_function == F_SCALARLESEL)
		value = value_of_slot(tuple, type, STATISTIC_KIND_HISTOGRAM, 0.05);
	else
	{
		value = value_of_slot(tuple, type, STATISTIC_KIND_MCV, 0.5);
		if (value == NULL)
			value = value_of_slot(tuple, type, STATISTIC_KIND_HISTOGRAM, 0.5);
	}
	ReleaseSysCache(tuple);
	return value;
}

/* A value for a parameter that is compared with an expression. */
static Node *
value_for(Binding *binding, Node *other, Param *param, Oid opno)
{
	RangeTblEntry *rte;
	Var		   *var;
	Query	   *query;
	Const	   *value = NULL;

	while (other && IsA(other, RelabelType))
		other = (Node *) ((RelabelType *) other)->arg;
	var = (Var *) other;
	if (!other || !IsA(other, Var) || (int) var->varlevelsup >= list_length(binding->queries))
		return (Node *) param;
	query = list_nth(binding->queries, (int) var->varlevelsup);
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_RELATION && var->varattno > 0)
		value = typical_value(rte->relid, var->varattno, param->paramtype, get_oprrest(opno));
	if (value == NULL)
		return (Node *) param;
	binding->guessed = true;
	return (Node *) value;
}

/* Is there a parameter? */
static bool
parameter_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, parameter_walker, context, 0);
	return expression_tree_walker(node, parameter_walker, context);
}

/* Is there a parameter without a value? */
bool
fo_advise_has_parameter(Node *node)
{
	return parameter_walker(node, NULL);
}

static bool
is_parameter(Node *node)
{
	return node && IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN;
}

/* Give values to the parameters of a comparison. */
static void
bind_comparison(Binding *binding, OpExpr *op)
{
	Node	   *left = linitial(op->args);
	Node	   *right = llast(op->args);
	Oid			commutator;

	if (list_length(op->args) != 2)
		return;
	if (is_parameter(right))
		lsecond(op->args) = value_for(binding, left, (Param *) right, op->opno);
	else if (is_parameter(left) && OidIsValid(commutator = get_commutator(op->opno)))
		linitial(op->args) = value_for(binding, right, (Param *) left, commutator);
}

/* Look for parameters. */
static bool
bind_walker(Node *node, void *context)
{
	Binding    *binding = context;

	if (node == NULL)
		return false;
	if (IsA(node, OpExpr))
		bind_comparison(binding, (OpExpr *) node);
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->limitCount && fo_advise_has_parameter(query->limitCount))
			query->limitCount = (Node *) makeConst(INT8OID, -1, InvalidOid, 8,
												   Int64GetDatum(PAGE_OF_ROWS), false, true);
		if (query->limitOffset && fo_advise_has_parameter(query->limitOffset))
			query->limitOffset = NULL;
		binding->queries = lcons(query, binding->queries);
		(void) query_tree_walker(query, bind_walker, context, 0);
		binding->queries = list_delete_first(binding->queries);
		return false;
	}
	return expression_tree_walker(node, bind_walker, context);
}

/* Give values to the parameters of a query; say whether any got one. */
Query *
fo_advise_bind(Query *query, bool *guessed)
{
	Binding		binding = {NIL, false};

	(void) bind_walker((Node *) query, &binding);
	*guessed = binding.guessed || fo_advise_has_parameter((Node *) query);
	return query;
}
