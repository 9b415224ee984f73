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

#include "advisor/advise.h"
#include "miscadmin.h"

#define LEAST_SHARE		0.01	/* of a query's cost that a candidate must
								 * save */
#define LEAST_GAIN_SHARE	0.002	/* of the workload's cost */
#define LEAST_GAIN_COST	1.0		/* and so much besides: a page or so */
#define LEAST_GAIN_MS	0.01
#define LAYERS			6
#define MOST_BYTES		1e15	/* where no budget is given */

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
	return fo_advise_is_late(context, "choosing");
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
		if (query->query && !query->skipped &&
			!fo_advise_is_late(advise, "looking at the queries"))
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
		fo_advise_set_price(advise, advise->indexes[i]);
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
