/*
 * advise_select.c
 *		Choose among the candidates.
 *
 * Each query first names the candidates that some plan of it would use; those
 * are shared by all queries that could use them.  Then a set is chosen that
 * makes the weighted cost of all queries, with the price of keeping the
 * indexes, as low as the budget allows.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "advisor/advise.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define LEAST_SHARE		0.01	/* of a query's cost that a candidate must save */
#define LEAST_GAIN_SHARE	0.002	/* of the workload's cost */
#define LEAST_GAIN_COST	1.0		/* and so much besides: a page or so */
#define LEAST_GAIN_MS	0.01
#define LAYERS			6
#define MOST_BYTES		1e15	/* where no budget is given */

/* Cost units of adding a row to an index; measured by bench/advisor.sh write. */
#define PRICE_BTREE		0.6
#define PRICE_GIST		2.0
#define PRICE_GIN_ITEM	0.25
#define PRICE_BRIN		0.05

/* All of the candidates that are left, of a kind. */
typedef bool (*KindOfIndex) (const FoAdviseIndex *index);

static bool
any_kind(const FoAdviseIndex *index)
{
	return true;
}

static bool
no_cover(const FoAdviseIndex *index)
{
	return index->include == NULL;
}

static bool
one_key(const FoAdviseIndex *index)
{
	return index->include == NULL && index->nkeys == 1;
}

static bool
no_predicate(const FoAdviseIndex *index)
{
	return index->include == NULL && index->predicate == NIL;
}

/*
 * Find the candidates that plans use: those of the best plan, then those of
 * the best plan without these, and so on as long as the plans are better than
 * without any.
 */
static void
peel(FoAdvise *advise, FoAdviseQuery *query, KindOfIndex kind, FoPickSet *useful)
{
	FoPickSet	left = {{0}};

	for (int i = 0; i < advise->nindexes; i++)
	{
		if (fo_pick_has(&query->relevant, i) && kind(advise->indexes[i]))
			fo_pick_add(&left, i);
	}
	for (int layer = 0; layer < LAYERS; layer++)
	{
		FoAdvisePlan *plan = fo_advise_plan(advise, query, &left);

		if (!plan || plan->cost > query->cost_before * (1 - LEAST_SHARE))
			break;
		for (int i = 0; i < advise->nindexes; i++)
		{
			if (fo_pick_has(&plan->used, i))
			{
				fo_pick_add(useful, i);
				fo_pick_remove(&left, i);
			}
		}
	}
}

/* Keep of the candidates from one on those that are useful, and number them. */
static void
keep_useful(FoAdvise *advise, int from, const FoPickSet *useful)
{
	int			n = from;

	for (int i = from; i < advise->nindexes; i++)
	{
		if (fo_pick_has(useful, i))
		{
			FoAdviseIndex *index = advise->indexes[i];

			index->oid -= index->number - n;
			index->number = n;
			advise->indexes[n++] = index;
		}
	}
	advise->nindexes = n;
}

/* Plan a query as it is, noting what it wants of its tables. */
static void
look_at(FoAdvise *advise, FoAdviseQuery *query)
{
	FoPickSet	none = {{0}};
	FoAdvisePlan *plan;

	fo_advise_needs_start(advise, query);
	plan = fo_advise_plan(advise, query, &none);
	fo_advise_needs_stop();
	if (plan)
		query->cost_before = plan->cost;
}

/* Find the candidates for a query. */
static void
find_candidates(FoAdvise *advise, FoAdviseQuery *query)
{
	static const KindOfIndex kinds[] = {any_kind, no_cover, one_key, no_predicate};
	FoPickSet	useful = {{0}};
	int			from = advise->nindexes;

	fo_advise_generate(advise, query);
	fo_advise_relate(advise, query, 0);
	for (int i = 0; i < (int) lengthof(kinds); i++)
		peel(advise, query, kinds[i], &useful);
	keep_useful(advise, from, &useful);
}

/* The price of adding a row to an index. */
static double
row_price(const FoAdviseIndex *index)
{
	switch (index->am)
	{
		case BTREE_AM_OID:
			return PRICE_BTREE;
		case BRIN_AM_OID:
			return PRICE_BRIN;
		case GIN_AM_OID:
			return PRICE_GIN_ITEM * Max(1, index->items);
		default:
			return PRICE_GIST;
	}
}

/* The columns that an index depends on. */
static Bitmapset *
columns_of(const FoAdviseIndex *index)
{
	Bitmapset  *columns = bms_copy(index->include);
	Bitmapset  *attrs = NULL;
	int			attr = -1;

	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i].attnum)
			columns = bms_add_member(columns, index->keys[i].attnum);
		pull_varattnos(index->keys[i].expr, 1, &attrs);
	}
	pull_varattnos((Node *) index->predicate, 1, &attrs);
	while ((attr = bms_next_member(attrs, attr)) >= 0)
		columns = bms_add_member(columns, attr + FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* Does the query read the table? */
static bool
reads(const FoAdviseQuery *query, Oid relid)
{
	ListCell   *lc;

	foreach(lc, query->needs)
	{
		if (((FoAdviseNeed *) lfirst(lc))->relid == relid)
			return true;
	}
	return false;
}

/* What the workload's writes cost with an index, more than without. */
static void
set_price(FoAdvise *advise, FoAdviseIndex *index)
{
	ListCell   *lc;

	index->price = index->readers = 0;
	foreach(lc, advise->queries)
	{
		const FoAdviseQuery *query = lfirst(lc);

		if (reads(query, index->relid))
			index->readers += query->weight;
	}
	foreach(lc, advise->writes)
	{
		FoAdviseWrites *writes = lfirst(lc);
		double		rows = writes->inserted;

		if (writes->relid != index->relid)
			continue;
		/* An update of its column makes a new entry, and one in other indexes. */
		if (bms_overlap(writes->columns, columns_of(index)))
			rows += 2 * writes->updated;
		index->price += rows * index->share * row_price(index);
	}
}

/* The weighted cost of the workload with a set of indexes. */
double
fo_advise_total(FoAdvise *advise, const FoPickSet *set)
{
	double		total = 0;
	ListCell   *lc;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);
		FoAdvisePlan *plan = query->query ? fo_advise_plan(advise, query, set) : NULL;

		if (plan)
			total += query->weight * plan->cost;
	}
	for (int i = 0; i < advise->nindexes; i++)
	{
		if (fo_pick_has(set, i))
			total += advise->indexes[i]->price;
	}
	return total;
}

static double
cost_of_set(void *context, const FoPickSet *set)
{
	FoAdvise   *advise = context;

	return advise->measured ? fo_advise_time(advise, set) : fo_advise_total(advise, set);
}

/* Is the time over? */
static bool
is_late(void *context)
{
	FoAdvise   *advise = context;

	CHECK_FOR_INTERRUPTS();
	if (GetCurrentTimestamp() >= advise->deadline)
		advise->late = true;
	return advise->late;
}

/* An index may be exchanged for another one of its table. */
static bool
same_table(void *context, int a, int b)
{
	FoAdvise   *advise = context;

	return advise->indexes[a]->relid == advise->indexes[b]->relid;
}

/* Find the candidates of all queries. */
void
fo_advise_find(FoAdvise *advise)
{
	ListCell   *lc;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);

		if (query->query)
			look_at(advise, query);
		if (query->query && !query->skipped && !is_late(advise))
			find_candidates(advise, query);
	}
	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);

		memset(&query->relevant, 0, sizeof(FoPickSet));
		query->plans = NIL;
		fo_advise_relate(advise, query, 0);
	}
	for (int i = 0; i < advise->nindexes; i++)
		set_price(advise, advise->indexes[i]);
}

/* Choose indexes, by the planner's costs or by what was measured. */
FoPickSet
fo_advise_select(FoAdvise *advise)
{
	FoPick		pick = {0};
	FoPickSet	none = {{0}};
	double		size[FO_PICK_MAX];

	/* Once indexes were built, those that were not worth it are out. */
	for (int i = 0; i < advise->nindexes; i++)
		size[i] = advise->measured && !advise->indexes[i]->tried ? HUGE_VAL :
			advise->indexes[i]->bytes;
	pick.count = advise->nindexes;
	pick.size = size;
	pick.budget = Min(advise->budget, MOST_BYTES);
	pick.least_share = LEAST_GAIN_SHARE;
	pick.least_gain = advise->measured ? LEAST_GAIN_MS : LEAST_GAIN_COST;
	pick.cost = cost_of_set;
	pick.related = same_table;
	pick.stop = is_late;
	pick.context = advise;
	return fo_pick(&pick, &none);
}
