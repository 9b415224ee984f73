/*
 * advise_need.c
 *		What a query wants of its tables, as the planner sees it.
 *
 * While a query is planned, set_rel_pathlist_hook shows each of its tables
 * with the conditions that are left after constants have been folded, views and
 * subqueries have been pulled up and row security has been applied; the
 * equivalence classes show joins, and the path keys the wanted orders.  For
 *		SELECT ... FROM posts WHERE user_id = 7 AND lang IN ('de', 'fr')
 *		ORDER BY created_at DESC LIMIT 20
 * that is: the terms user_id (equal) and lang (list), and the order
 * created_at DESC.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "advisor/advise.h"
#include "base/compat_query.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"
#include "utils/syscache.h"

#define FEW_VALUES		16		/* a column for constants of partial indexes */
#define FEW_COLUMNS		10		/* that an index may store for index-only
								 * scans */

/* What is being looked at: only while a query is planned for its needs. */
typedef struct LookedAt
{
	FoAdvise   *advise;
	FoAdviseQuery *query;
	PlannerInfo *root;
	RelOptInfo *rel;
	FoAdviseNeed *need;
} LookedAt;

static LookedAt looked_at;

/* Put the nodes of an expression into the advice's memory, its table as relation 1. */
static Node *
as_relation_one(Node *node)
{
	MemoryContext old = MemoryContextSwitchTo(looked_at.advise->context);
	Node	   *copy = copyObject(node);
	List	   *vars = pull_var_clause(copy, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS |
									   PVC_RECURSE_PLACEHOLDERS);
	ListCell   *lc;

	foreach(lc, vars)
		fo_plain_var(lfirst_node(Var, lc), 1);
	MemoryContextSwitchTo(old);
	return copy;
}

/* Nodes that no index expression may have. */
static bool
has_foreign_nodes(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) || IsA(node, SubPlan) || IsA(node, SubLink) || IsA(node, Aggref) ||
		IsA(node, WindowFunc) || IsA(node, PlaceHolderVar) || IsA(node, AlternativeSubPlan))
		return true;
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		return true;
	return expression_tree_walker(node, has_foreign_nodes, context);
}

/* Is the expression one over this table alone that an index could hold? */
static bool
is_indexable(Node *node)
{
	Relids		relids = pull_varnos(looked_at.root, node);

	return bms_equal(relids, looked_at.rel->relids) && !has_foreign_nodes(node, NULL) &&
		!contain_mutable_functions(node);
}

/* Make a key of an expression, for a method's operator family. */
static bool
make_key(Node *expr, Oid am, Oid family, Oid collation, FoAdviseKey *key)
{
	memset(key, 0, sizeof(*key));
	while (expr && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (expr == NULL || !is_indexable(expr) || !fo_advise_key_for(am, family, exprType(expr), key))
		return false;
	key->collation = OidIsValid(get_typcollation(key->opcintype)) ? collation : InvalidOid;
	if (IsA(expr, Var))
		key->attnum = ((Var *) expr)->varattno;
	else
		key->expr = as_relation_one(expr);
	return true;
}

/* Remember a term. */
static void
add_term(const FoAdviseKey *key, Oid am, FoAdviseUse use, double selectivity)
{
	MemoryContext old = MemoryContextSwitchTo(looked_at.advise->context);
	FoAdviseTerm *term = palloc(sizeof(FoAdviseTerm));

	term->key = *key;
	term->am = am;
	term->use = use;
	term->selectivity = selectivity;
	looked_at.need->terms = lappend(looked_at.need->terms, term);
	MemoryContextSwitchTo(old);
}

/* The type's own order, as NULL tests need no operator. */
static void
add_null_term(NullTest *test, double selectivity)
{
	Oid			type = exprType((Node *) test->arg);
	Oid			opclass = GetDefaultOpClass(type, BTREE_AM_OID);
	FoAdviseKey key;

	if (!test->argisrow && OidIsValid(opclass) &&
		make_key((Node *) test->arg, BTREE_AM_OID, get_opclass_family(opclass),
				 exprCollation((Node *) test->arg), &key))
		add_term(&key, BTREE_AM_OID,
				 test->nulltesttype == IS_NULL ? FO_ADVISE_EQUAL : FO_ADVISE_RANGE, selectivity);
}

/* The pattern begins with something to search for. */
static bool
has_prefix(Node *pattern)
{
	Const	   *c = (Const *) pattern;
	const char *prefix;

	if (!IsA(pattern, Const) || c->constisnull || c->consttype != TEXTOID)
		return false;
	prefix = TextDatumGetCString(c->constvalue);
	return prefix[0] != '\0' && prefix[0] != '%' && prefix[0] != '_';
}

/* LIKE 'abc%' is a range of the order that compares characters. */
static void
add_prefix_term(Node *left, Node *right, Oid opno, Oid collation, double selectivity)
{
	Oid			opclass;
	FoAdviseKey key;

	if (get_oprrest(opno) != F_LIKESEL || !has_prefix(right))
		return;
	if (collation == C_COLLATION_OID)
		opclass = GetDefaultOpClass(TEXTOID, BTREE_AM_OID);
	else
		opclass = get_opclass_oid(BTREE_AM_OID,
								  list_make1(makeString("text_pattern_ops")), true);
	if (OidIsValid(opclass) &&
		make_key(left, BTREE_AM_OID, get_opclass_family(opclass), collation, &key))
	{
		key.opclass = opclass;
		add_term(&key, BTREE_AM_OID, FO_ADVISE_RANGE, selectivity);
	}
}

/* How well a family suits an operator: default classes of B-trees first. */
static int
suitability(Form_pg_amop amop, Oid type)
{
	Oid			opclass;

	if (amop->amoppurpose != AMOP_SEARCH)
		return 0;
	opclass = GetDefaultOpClass(type, amop->amopmethod);
	switch (amop->amopmethod)
	{
		case BTREE_AM_OID:
			return OidIsValid(opclass) && get_opclass_family(opclass) == amop->amopfamily ? 9 : 8;
		case GIN_AM_OID:
			return 7;
		case GIST_AM_OID:
			return OidIsValid(opclass) && get_opclass_family(opclass) == amop->amopfamily ? 5 : 4;
		case SPGIST_AM_OID:
			return 3;
		default:
			return 0;
	}
}

/* What the operator means to the index. */
static FoAdviseUse
use_of(Form_pg_amop amop, FoAdviseUse equal)
{
	if (amop->amopmethod != BTREE_AM_OID)
		return FO_ADVISE_OTHER;
	return amop->amopstrategy == BTEqualStrategyNumber ? equal : FO_ADVISE_RANGE;
}

/*
 * Terms for an operator with the table's expression at its left: of the best
 * B-tree family, or of each GIN family or else the best other one.
 */
static void
add_operator_term(Node *left, Oid opno, Oid collation, FoAdviseUse equal, double selectivity)
{
	CatCList   *list = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(opno));
	Oid			type = exprType(left);
	int			best = 0;
	FoAdviseKey key;

	for (int i = 0; i < list->n_members; i++)
		best = Max(best, suitability((Form_pg_amop) GETSTRUCT(&list->members[i]->tuple), type));
	for (int i = 0; i < list->n_members && best > 0; i++)
	{
		Form_pg_amop amop = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (suitability(amop, type) != best ||
			!make_key(left, amop->amopmethod, amop->amopfamily, collation, &key))
			continue;
		add_term(&key, amop->amopmethod, use_of(amop, equal), selectivity);
		if (amop->amopmethod != GIN_AM_OID)
			break;
	}
	ReleaseSysCacheList(list);
}

/* Is the other side known without this table's row? */
static bool
is_outside(Node *node)
{
	return !bms_overlap(pull_varnos(looked_at.root, node), looked_at.rel->relids) &&
		!contain_volatile_functions(node);
}

/* Terms of a comparison, either way round. */
static void
add_comparison(OpExpr *op, FoAdviseUse equal, double selectivity)
{
	Node	   *left;
	Node	   *right;
	Oid			commutator;

	if (list_length(op->args) != 2)
		return;
	left = linitial(op->args);
	right = lsecond(op->args);
	if (equal == FO_ADVISE_EQUAL && pull_varnos(looked_at.root, left) &&
		pull_varnos(looked_at.root, right))
		equal = FO_ADVISE_JOIN;
	if (is_outside(right))
	{
		add_prefix_term(left, right, op->opno, op->inputcollid, selectivity);
		add_operator_term(left, op->opno, op->inputcollid, equal, selectivity);
	}
	else if (is_outside(left) && OidIsValid(commutator = get_commutator(op->opno)))
		add_operator_term(right, commutator, op->inputcollid, equal, selectivity);
}

/* Terms of a boolean column or expression. */
static void
add_boolean(Node *expr, double selectivity)
{
	FoAdviseKey key;

	if (exprType(expr) == BOOLOID &&
		make_key(expr, BTREE_AM_OID, get_opclass_family(GetDefaultOpClass(BOOLOID, BTREE_AM_OID)),
				 InvalidOid, &key))
		add_term(&key, BTREE_AM_OID, FO_ADVISE_EQUAL, selectivity);
}

/* Terms of a condition; those in a branch of an OR find some of the rows. */
static void
add_condition(Node *node, FoAdviseUse equal, double selectivity)
{
	ListCell   *lc;

	if (IsA(node, RestrictInfo))
		node = (Node *) ((RestrictInfo *) node)->clause;
	if (IsA(node, OpExpr))
		add_comparison((OpExpr *) node, equal, selectivity);
	else if (IsA(node, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) node)->useOr)
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

		if (is_outside(lsecond(op->args)))
			add_operator_term(linitial(op->args), op->opno, op->inputcollid,
							  FO_ADVISE_LIST, selectivity);
	}
	else if (IsA(node, NullTest))
		add_null_term((NullTest *) node, selectivity);
	else if (IsA(node, RowCompareExpr))
	{
		RowCompareExpr *row = (RowCompareExpr *) node;

		if (is_outside((Node *) row->rargs))
			add_operator_term(linitial(row->largs), linitial_oid(row->opnos),
							  linitial_oid(row->inputcollids), equal, selectivity);
	}
	else if (is_notclause(node))
		add_boolean((Node *) get_notclausearg((Expr *) node), selectivity);
	else if (IsA(node, BooleanTest))
		add_boolean((Node *) ((BooleanTest *) node)->arg, selectivity);
	else if (IsA(node, BoolExpr))
	{
		foreach(lc, ((BoolExpr *) node)->args)
			add_condition(lfirst(lc), FO_ADVISE_LIST, selectivity);
	}
	else if (IsA(node, Var))
		add_boolean(node, selectivity);
}

/* Does the column have so few values that one of them makes a partial index? */
static bool
has_few_values(Node *expr)
{
	double		pages;
	double		tuples;
	double		distinct;

	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (!IsA(expr, Var) || ((Var *) expr)->varattno <= 0)
		return false;
	fo_advise_table_size(looked_at.need->relid, &pages, &tuples);
	distinct = fo_advise_distinct(looked_at.need->relid, ((Var *) expr)->varattno, tuples);
	return distinct <= FEW_VALUES && distinct * 10 <= tuples;
}

/*
 * Is the condition one that a partial index may have?  Its constant has to be a
 * property of the query rather than one value of a parameter: of a column that
 * has few values.
 */
static bool
is_predicate(Node *clause)
{
	if (has_foreign_nodes(clause, NULL) || contain_mutable_functions(clause) ||
		looked_at.query->guessed)
		return IsA(clause, NullTest) && is_indexable((Node *) ((NullTest *) clause)->arg);
	if (IsA(clause, NullTest))
		return true;
	if (IsA(clause, Var) || is_notclause(clause) || IsA(clause, BooleanTest))
		return exprType(clause) == BOOLOID && !IsA(clause, BoolExpr) ? true :
			is_notclause(clause) && IsA(get_notclausearg((Expr *) clause), Var);
	if (IsA(clause, OpExpr) && list_length(((OpExpr *) clause)->args) == 2)
	{
		OpExpr	   *op = (OpExpr *) clause;

		return IsA(lsecond(op->args), Const) && has_few_values(linitial(op->args)) &&
			(get_oprrest(op->opno) == F_EQSEL || get_oprrest(op->opno) == F_NEQSEL);
	}
	if (IsA(clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) clause;

		return IsA(lsecond(op->args), Const) && has_few_values(linitial(op->args));
	}
	return false;
}

/* Remember conditions for partial indexes. */
static void
add_predicate(RestrictInfo *rinfo, double selectivity)
{
	MemoryContext old;
	FoAdvisePredicate *predicate;
	Node	   *clause = (Node *) rinfo->clause;

	if (!bms_equal(rinfo->clause_relids, looked_at.rel->relids) || rinfo->pseudoconstant ||
		!is_predicate(clause))
		return;
	clause = as_relation_one(clause);
	old = MemoryContextSwitchTo(looked_at.advise->context);
	predicate = palloc(sizeof(FoAdvisePredicate));
	predicate->clause = clause;
	predicate->selectivity = selectivity;
	looked_at.need->predicates = lappend(looked_at.need->predicates, predicate);
	MemoryContextSwitchTo(old);
}

/* The class's expression over this table alone. */
static EquivalenceMember *
member_of_table(EquivalenceClass *class)
{
	ListCell   *lc;

	foreach(lc, class->ec_members)
	{
		EquivalenceMember *member = lfirst(lc);

		if (bms_equal(member->em_relids, looked_at.rel->relids) && !member->em_is_child)
			return member;
	}
	return NULL;
}

/* Terms of the equivalence classes: joins. */
static void
add_joins(void)
{
	ListCell   *lc;

	foreach(lc, looked_at.root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);
		EquivalenceMember *member = member_of_table(class);
		FoAdviseKey key;
		ListCell   *f;

		if (!member || list_length(class->ec_members) < 2 || class->ec_has_const)
			continue;
		foreach(f, class->ec_opfamilies)
		{
			if (make_key((Node *) member->em_expr, BTREE_AM_OID, lfirst_oid(f),
						 class->ec_collation, &key))
			{
				add_term(&key, BTREE_AM_OID, FO_ADVISE_JOIN, 0);
				break;
			}
		}
	}
}

/* An order that descends throughout is an ascending one, read backwards. */
static void
turn_round(List *order)
{
	ListCell   *lc;

	foreach(lc, order)
	{
		const FoAdviseKey *key = lfirst(lc);

		if (!key->descending || !key->nulls_first)
			return;
	}
	foreach(lc, order)
	{
		FoAdviseKey *key = lfirst(lc);

		key->descending = key->nulls_first = false;
	}
}

/* The part of an order that this table can deliver. */
static void
add_order(List *pathkeys)
{
	List	   *order = NIL;
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, pathkeys)
	{
		PathKey    *pathkey = lfirst(lc);
		EquivalenceMember *member = member_of_table(pathkey->pk_eclass);
		FoAdviseKey key;
		FoAdviseKey *copy;

		if (!member || list_length(order) >= FO_ADVISE_KEYS ||
			!make_key((Node *) member->em_expr, BTREE_AM_OID, pathkey->pk_opfamily,
					  pathkey->pk_eclass->ec_collation, &key))
			break;
		key.descending = fo_pathkey_descending(pathkey);
		key.nulls_first = pathkey->pk_nulls_first;
		old = MemoryContextSwitchTo(looked_at.advise->context);
		copy = palloc(sizeof(FoAdviseKey));
		*copy = key;
		order = lappend(order, copy);
		MemoryContextSwitchTo(old);
	}
	turn_round(order);
	old = MemoryContextSwitchTo(looked_at.advise->context);
	if (order)
		looked_at.need->orders = lappend(looked_at.need->orders, order);
	MemoryContextSwitchTo(old);
}

/* The columns that are read. */
static void
add_columns(void)
{
	Bitmapset  *attrs = NULL;
	int			attr = -1;
	ListCell   *lc;
	MemoryContext old = MemoryContextSwitchTo(looked_at.advise->context);

	pull_varattnos((Node *) looked_at.rel->reltarget->exprs, looked_at.rel->relid, &attrs);
	foreach(lc, looked_at.rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, looked_at.rel->relid,
					   &attrs);
	looked_at.need->coverable = bms_num_members(attrs) <= FEW_COLUMNS;

	while ((attr = bms_next_member(attrs, attr)) >= 0)
	{
		int			attnum = attr + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0)
			looked_at.need->columns = bms_add_member(looked_at.need->columns, attnum);
		else
			looked_at.need->coverable = false;
	}
	MemoryContextSwitchTo(old);
}

/* Is the relation a table of a user whose indexes we may think about? */
static bool
is_interesting(PlannerInfo *root, RelOptInfo *rel, const RangeTblEntry *rte)
{
	char		relkind;

	if (rte->rtekind != RTE_RELATION || rte->relid < FirstNormalObjectId)
		return false;
	relkind = get_rel_relkind(rte->relid);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_MATVIEW &&
		relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	if (rel->reloptkind == RELOPT_OTHER_MEMBER_REL)
	{
		/* Partitions get the indexes of their table. */
		Index		parent = root->append_rel_array[rel->relid]->parent_relid;

		return planner_rt_fetch(parent, root)->relkind != RELKIND_PARTITIONED_TABLE;
	}
	return rel->reloptkind == RELOPT_BASEREL &&
		(relkind == RELKIND_PARTITIONED_TABLE || !rte->inh);
}

/* Note what the query being planned wants of a table. */
void
fo_advise_look(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	MemoryContext old;
	ListCell   *lc;

	if (looked_at.query == NULL || !is_interesting(root, rel, rte))
		return;
	looked_at.root = root;
	looked_at.rel = rel;

	old = MemoryContextSwitchTo(looked_at.advise->context);
	looked_at.need = palloc0(sizeof(FoAdviseNeed));
	looked_at.need->relid = rte->relid;
	looked_at.query->needs = lappend(looked_at.query->needs, looked_at.need);
	MemoryContextSwitchTo(old);
	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst(lc);
		double		selectivity = clause_selectivity(root, (Node *) rinfo, 0, JOIN_INNER, NULL);

		add_condition((Node *) rinfo->clause, FO_ADVISE_EQUAL, selectivity);
		add_predicate(rinfo, selectivity);
	}
	foreach(lc, rel->joininfo)
		add_condition((Node *) lfirst_node(RestrictInfo, lc)->clause, FO_ADVISE_EQUAL, 0);
	add_joins();
	add_order(root->query_pathkeys);
	if (root->sort_pathkeys != root->query_pathkeys)
		add_order(root->sort_pathkeys);
	add_columns();
}

/* From here on, planning is looked at. */
void
fo_advise_needs_start(FoAdvise *advise, FoAdviseQuery *query)
{
	looked_at.advise = advise;
	looked_at.query = query;
}

void
fo_advise_needs_stop(void)
{
	looked_at.query = NULL;
}
