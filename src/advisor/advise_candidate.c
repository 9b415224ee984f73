/*
 * advise_candidate.c
 *		Indexes that could help a query, from what it wants of its tables.
 *
 * For user_id = 7 AND deleted_at IS NULL ORDER BY created_at DESC these are,
 * among others: (user_id), (user_id, created_at DESC), (created_at DESC), each
 * of them also WHERE deleted_at IS NULL, and each also with the other columns
 * that are read INCLUDEd.  Which of them is worth its size is for the planner
 * to say.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "advisor/advise.h"
#include "advisor/gram.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#define BRIN_PAGES			256 /* a table below has no use for BRIN */
#define BRIN_CORRELATION	0.9
#define WORTH_LEAVING_OUT	0.9 /* a search of these rows alone */
#define MOST_TERMS			6	/* of one kind that are combined */
#define MAX_STORED			500 /* bytes that a type may allow to be INCLUDEd */
#define SHORT_STRING		64	/* average of strings that are, of any type */

/* What is combined for one table: the terms that a predicate leaves. */
typedef struct Kit
{
	FoAdvise   *advise;
	const FoAdviseNeed *need;
	List	   *predicate;		/* of the indexes to make */
	double		share;
	List	   *equal;			/* of FoAdviseKey */
	List	   *list;
	List	   *range;
	List	   *join;
} Kit;

/* Add a key to a list unless it is there. */
static List *
with_key(List *keys, FoAdviseKey *key)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		if (fo_advise_same_key(lfirst(lc), key))
			return keys;
	}
	return lappend(keys, key);
}

/* All keys of two lists in turn, each once. */
static List *
join_keys(const List *first, const List *second)
{
	List	   *keys = list_copy(first);
	ListCell   *lc;

	foreach(lc, second)
		keys = with_key(keys, lfirst(lc));
	return keys;
}

/* Would the columns make the index a second table? */
static bool
is_most_of_row(Oid relid, const Bitmapset *columns)
{
	double		pages;
	double		tuples;
	double		width = 0;
	int			attnum = -1;

	fo_advise_table_size(relid, &pages, &tuples);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		width += get_attavgwidth(relid, (AttrNumber) attnum);
	return width * tuples > pages * BLCKSZ / 2;
}

/* Has the column's type no limit of length that keeps it far below an index entry's? */
bool
fo_advise_is_unbounded(Oid relid, AttrNumber attnum)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	return get_typlen(type) < 0 && type != NUMERICOID &&	/* digits are few */
		(type_maximum_size(type, typmod) < 0 || type_maximum_size(type, typmod) > MAX_STORED);
}

/*
 * May a column be INCLUDEd?  A row whose entry outgrows a third of a page is refused, so
 * jsonb and the like are left out, and of strings those that are not known to be short.
 */
static bool
is_includable(Oid relid, AttrNumber attnum)
{
	int32		width = get_attavgwidth(relid, attnum);
	char		category;
	bool		preferred;

	if (!fo_advise_is_unbounded(relid, attnum))
		return true;
	get_type_category_preferred(getBaseType(get_atttype(relid, attnum)), &category, &preferred);
	return category == TYPCATEGORY_STRING && width > 0 && width <= SHORT_STRING;
}

static bool
are_includable(Oid relid, const Bitmapset *columns)
{
	int			attnum = -1;

	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		if (!is_includable(relid, (AttrNumber) attnum))
			return false;
	return true;
}

/* Have an index with these keys among the candidates, and one that covers. */
static void
suggest(const Kit *kit, const List *keys)
{
	FoAdviseIndex index = {0};
	Bitmapset  *rest = bms_copy(kit->need->columns);
	ListCell   *lc;

	if (keys == NIL || list_length(keys) > FO_ADVISE_KEYS)
		return;
	index.relid = kit->need->relid;
	index.am = BTREE_AM_OID;
	index.predicate = kit->predicate;
	index.share = Max(kit->share, 1e-9);
	foreach(lc, keys)
	{
		index.keys[index.nkeys] = *(FoAdviseKey *) lfirst(lc);
		rest = bms_del_member(rest, index.keys[index.nkeys++].attnum);
	}
	fo_advise_add_index(kit->advise, &index);
	if (!kit->need->coverable || bms_is_empty(rest) || is_most_of_row(kit->need->relid, rest) ||
		!are_includable(kit->need->relid, rest))
		return;
	index.include = rest;
	fo_advise_add_index(kit->advise, &index);
}

/* Combine the conditions with an order, or with none. */
static void
suggest_orders(const Kit *kit, const List *order)
{
	ListCell   *lc;
	ListCell   *lc2;

	suggest(kit, order);
	suggest(kit, join_keys(kit->equal, order));
	foreach(lc, kit->join)
	{
		List	   *join = list_make1(lfirst(lc));

		suggest(kit, join_keys(join, order));
		suggest(kit, join_keys(join_keys(kit->equal, join), order));
	}
	foreach(lc, kit->list)
		suggest(kit, join_keys(join_keys(kit->equal, list_make1(lfirst(lc))), order));
	if (list_length(kit->equal) < 2)
		return;
	foreach(lc, kit->equal)
	{
		suggest(kit, join_keys(list_make1(lfirst(lc)), order));
		foreach(lc2, kit->equal)
			suggest(kit, join_keys(join_keys(list_make1(lfirst(lc)), list_make1(lfirst(lc2))),
								   order));
	}
}

/* Each key of a list after each of others, and the other way round. */
static void
suggest_pairs(const Kit *kit, const List *first, const List *second)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, first)
	{
		foreach(lc2, second)
		{
			suggest(kit, join_keys(list_make1(lfirst(lc)), list_make1(lfirst(lc2))));
			suggest(kit, join_keys(list_make1(lfirst(lc2)), list_make1(lfirst(lc))));
		}
	}
}

/* Combine all that there is. */
static void
suggest_all(const Kit *kit)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, kit->need->orders)
		suggest_orders(kit, lfirst(lc));
	suggest_orders(kit, NIL);
	foreach(lc, kit->range)
	{
		List	   *range = list_make1(lfirst(lc));

		suggest(kit, range);
		suggest(kit, join_keys(kit->equal, range));
		foreach(lc2, kit->list)
			suggest(kit, join_keys(join_keys(kit->equal, list_make1(lfirst(lc2))), range));
		foreach(lc2, kit->join)
			suggest(kit, join_keys(join_keys(kit->equal, list_make1(lfirst(lc2))), range));
	}
	foreach(lc, kit->list)
		suggest(kit, list_make1(lfirst(lc)));
	suggest_pairs(kit, kit->join, kit->equal);
	suggest_pairs(kit, kit->join, kit->join);
	suggest_pairs(kit, kit->range, kit->equal);
}

/* The columns that a predicate leaves one value, or few. */
Bitmapset *
fo_advise_fixed_columns(List *predicate)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, predicate)
	{
		Node	   *clause = lfirst(lc);
		Bitmapset  *attrs = NULL;
		int			attr = -1;

		if ((IsA(clause, NullTest) && ((NullTest *) clause)->nulltesttype == IS_NOT_NULL) ||
			(IsA(clause, OpExpr) && get_oprrest(((OpExpr *) clause)->opno) == F_NEQSEL))
			continue;
		pull_varattnos(clause, 1, &attrs);
		while ((attr = bms_next_member(attrs, attr)) >= 0)
			columns = bms_add_member(columns, attr + FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* The more selective term comes first; columns in their order otherwise. */
static int
by_selectivity(const ListCell *a, const ListCell *b)
{
	const FoAdviseTerm *x = lfirst(a);
	const FoAdviseTerm *y = lfirst(b);

	if (x->selectivity != y->selectivity)
		return x->selectivity < y->selectivity ? -1 : 1;
	return (x->key.attnum > y->key.attnum) - (x->key.attnum < y->key.attnum);
}

/* Add a term's key to a list that is not too long. */
static void
sort_in(List **keys, FoAdviseTerm *term)
{
	if (list_length(*keys) < MOST_TERMS)
		*keys = with_key(*keys, &term->key);
}

/* Combine B-tree terms under a predicate. */
static void
suggest_under(FoAdvise *advise, const FoAdviseNeed *need, List *predicate, double share)
{
	Kit			kit = {advise, need, predicate, share, NIL, NIL, NIL, NIL};
	Bitmapset  *fixed = fo_advise_fixed_columns(predicate);
	ListCell   *lc;

	foreach(lc, need->terms)
	{
		FoAdviseTerm *term = lfirst(lc);

		if (term->am != BTREE_AM_OID ||
			(term->key.attnum && bms_is_member(term->key.attnum, fixed)))
			continue;
		if (term->use == FO_ADVISE_EQUAL)
			sort_in(&kit.equal, term);
		else if (term->use == FO_ADVISE_LIST)
			sort_in(&kit.list, term);
		else if (term->use == FO_ADVISE_RANGE)
			sort_in(&kit.range, term);
		else
			sort_in(&kit.join, term);
	}
	suggest_all(&kit);
}

/* A partial index whose key does not matter: on the column of its predicate. */
static void
suggest_mere_predicate(FoAdvise *advise, const FoAdviseNeed *need, List *predicate, double share)
{
	Kit			kit = {advise, need, predicate, share, NIL, NIL, NIL, NIL};
	Bitmapset  *fixed = fo_advise_fixed_columns(predicate);
	ListCell   *lc;

	foreach(lc, need->terms)
	{
		FoAdviseTerm *term = lfirst(lc);

		if (term->am == BTREE_AM_OID && bms_is_member(term->key.attnum, fixed))
		{
			suggest(&kit, list_make1(&term->key));
			return;
		}
	}
}

/* Bytes of a key's values. */
static double
width_of(Oid relid, const FoAdviseKey *key)
{
	int32		width = key->attnum ? get_attavgwidth(relid, key->attnum) : 0;

	return width > 0 ? width : get_typavgwidth(key->type, -1);
}

/*
 * Is the term one for gram_ops, where pg_trgm does as well and more besides,
 * and space does not matter?
 */
static bool
is_second_best(const FoAdvise *advise, const FoAdviseNeed *need, const FoAdviseTerm *term)
{
	ListCell   *lc;

	if (advise->thrifty || term->key.opclass != fo_gram_opclass())
		return false;
	foreach(lc, need->terms)
	{
		const FoAdviseTerm *other = lfirst(lc);

		if (other->am == GIN_AM_OID && other->key.opfamily != term->key.opfamily &&
			other->key.attnum == term->key.attnum && equal(other->key.expr, term->key.expr))
			return true;
	}
	return false;
}

/* GIN and the like, under a predicate or none. */
static void
suggest_search(FoAdvise *advise, const FoAdviseNeed *need, List *predicate, double share)
{
	ListCell   *lc;

	foreach(lc, need->terms)
	{
		const FoAdviseTerm *term = lfirst(lc);
		FoAdviseIndex index = {0};

		if (term->use != FO_ADVISE_OTHER || is_second_best(advise, need, term))
			continue;
		index.relid = need->relid;
		index.share = Max(share, 1e-9);
		index.predicate = predicate;
		index.nkeys = 1;
		index.keys[0] = term->key;
		index.am = term->am;
		if (term->key.opclass == fo_gram_opclass())
			index.keys[0].buckets = fo_gram_buckets_for(width_of(need->relid, &term->key));
		fo_advise_add_index(advise, &index);
	}
}

/* BRIN for columns in whose order the table lies. */
static void
suggest_brin(FoAdvise *advise, const FoAdviseNeed *need)
{
	ListCell   *lc;
	double		pages;
	double		tuples;

	fo_advise_table_size(need->relid, &pages, &tuples);
	foreach(lc, need->terms)
	{
		FoAdviseTerm *term = lfirst(lc);
		FoAdviseIndex index = {0};
		Oid			opclass;

		index.relid = need->relid;
		index.share = 1;
		index.nkeys = 1;
		index.keys[0] = term->key;
		index.am = BRIN_AM_OID;
		if (term->use == FO_ADVISE_RANGE && term->key.attnum && pages >= BRIN_PAGES &&
			fabs(fo_advise_correlation(need->relid, term->key.attnum)) >= BRIN_CORRELATION &&
			OidIsValid(opclass = GetDefaultOpClass(term->key.type, BRIN_AM_OID)) &&
			fo_advise_key_for(BRIN_AM_OID, get_opclass_family(opclass), term->key.type,
							  &index.keys[0]))
			fo_advise_add_index(advise, &index);
	}
}

/* The columns that have one value. */
static Bitmapset *
columns_given(const FoAdviseNeed *need)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, need->terms)
	{
		const FoAdviseTerm *term = lfirst(lc);

		if (term->use == FO_ADVISE_EQUAL && term->key.attnum)
			columns = bms_add_member(columns, term->key.attnum);
	}
	return columns;
}

/* Candidates for a table of a query. */
static void
suggest_for(FoAdvise *advise, FoAdviseNeed *need)
{
	List	   *all = NIL;
	double		share = 1;
	ListCell   *lc;

	if (fo_advise_finds_one(need->relid, columns_given(need)))
		return;
	list_sort(need->terms, by_selectivity);
	suggest_under(advise, need, NIL, 1);
	foreach(lc, need->predicates)
	{
		FoAdvisePredicate *predicate = lfirst(lc);

		suggest_under(advise, need, list_make1(predicate->clause), predicate->selectivity);
		suggest_mere_predicate(advise, need, list_make1(predicate->clause),
							   predicate->selectivity);
		if (predicate->selectivity < WORTH_LEAVING_OUT)
			suggest_search(advise, need, list_make1(predicate->clause), predicate->selectivity);
		all = lappend(all, predicate->clause);
		share *= predicate->selectivity;
	}
	if (list_length(all) > 1 && list_length(all) <= MOST_TERMS)
	{
		suggest_under(advise, need, all, share);
		suggest_mere_predicate(advise, need, all, share);
	}
	suggest_search(advise, need, NIL, 1);
	suggest_brin(advise, need);
}

/* Add the candidates for a query to those that there are. */
void
fo_advise_generate(FoAdvise *advise, FoAdviseQuery *query)
{
	ListCell   *lc;

	foreach(lc, query->needs)
		suggest_for(advise, lfirst(lc));
}

/* Is the key one that the need has a term or an order for? */
static bool
has_use_for_key(const FoAdviseNeed *need, const FoAdviseIndex *index)
{
	ListCell   *lc;

	foreach(lc, need->terms)
	{
		FoAdviseTerm *term = lfirst(lc);

		if (index->am == BRIN_AM_OID ? term->key.attnum == index->keys[0].attnum :
			term->am == index->am && fo_advise_same_key(&term->key, &index->keys[0]))
			return true;
	}
	foreach(lc, need->orders)
	{
		if (fo_advise_same_key(linitial((List *) lfirst(lc)), &index->keys[0]))
			return true;
	}
	return index->include != NULL && bms_is_subset(need->columns, index->include);
}

/* Are all clauses of a predicate among the conditions? */
static bool
has_predicate(const FoAdviseNeed *need, const List *predicate)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, predicate)
	{
		bool		found = false;

		foreach(lc2, need->predicates)
			found |= equal(((FoAdvisePredicate *) lfirst(lc2))->clause, lfirst(lc));
		if (!found)
			return false;
	}
	return true;
}

/* Note which candidates, from one on, may change the plan of the query. */
void
fo_advise_relate(FoAdvise *advise, FoAdviseQuery *query, int from)
{
	ListCell   *lc;

	foreach(lc, query->needs)
	{
		const FoAdviseNeed *need = lfirst(lc);

		for (int i = from; i < advise->nindexes; i++)
		{
			const FoAdviseIndex *index = advise->indexes[i];

			if (index->relid == need->relid && has_predicate(need, index->predicate) &&
				(index->predicate != NIL || has_use_for_key(need, index)))
				fo_pick_add(&query->relevant, i);
		}
	}
}
