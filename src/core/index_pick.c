/*
 * index_pick.c
 *		Choose things of a size under a budget when their use depends on one another.
 *
 * Say three indexes of size 4, 3 and 3 save 10, 6 and 6 alone, the first and
 * the second serve the same query, and the budget is 6.  The first is taken
 * for its 2.5 a byte; nothing else fits.  Doing without it there is room for
 * the second and the third, which save 12: so after the greedy round things
 * are exchanged, replaced, added and left out as long as that helps.
 *
 * A greedy round takes what saves most, or what saves most for its size;
 * whichever ends cheaper after being improved is the answer.  What a thing
 * saves mostly shrinks when others are taken, so what it saved before is taken
 * as a bound, and only things at the top are asked for again (Minoux 1978).
 * Nothing depends on time or chance unless "stop" does.
 */
#include <math.h>
#include <string.h>

#include "core/index_pick.h"

#define WORTH_SHRINKING	0.8		/* of the size */

/* One attempt at choosing. */
typedef struct Attempt
{
	const FoPick *pick;
	FoPickSet	set;
	double		cost;			/* with the set */
	double		free;			/* of the budget */
	bool		by_size;		/* gains count by size */
	double		gain[FO_PICK_MAX];	/* at most, or unknown: HUGE_VAL */
	double		alone[FO_PICK_MAX]; /* the gain with nothing else */
} Attempt;

/* The sizes of a set's things. */
double
fo_pick_size(const FoPick *pick, const FoPickSet *set)
{
	double		size = 0;

	for (int i = 0; i < pick->count; i++)
	{
		if (fo_pick_has(set, i))
			size += pick->size[i];
	}
	return size;
}

/* What the attempt's set would save more with another thing. */
static double
gain_of(const Attempt *attempt, int i)
{
	FoPickSet	with = attempt->set;

	fo_pick_add(&with, i);
	return attempt->cost - attempt->pick->cost(attempt->pick->context, &with);
}

/* What ranks a thing in the greedy round. */
static double
rank_of(const Attempt *attempt, int i)
{
	return attempt->by_size ? attempt->gain[i] / attempt->pick->size[i] : attempt->gain[i];
}

/* Could the thing still be taken? */
static bool
is_open(const Attempt *attempt, int i)
{
	return !fo_pick_has(&attempt->set, i) && attempt->pick->size[i] <= attempt->free;
}

/* The thing with the highest rank as known, or -1. */
static int
top_of(const Attempt *attempt)
{
	int			top = -1;
	double		highest = 0;

	for (int i = 0; i < attempt->pick->count; i++)
	{
		if (is_open(attempt, i) && rank_of(attempt, i) > highest)
		{
			highest = rank_of(attempt, i);
			top = i;
		}
	}
	return top;
}

/* Take the set with a thing more or less, whose cost is known. */
static void
move_to(Attempt *attempt, const FoPickSet *set, double cost)
{
	attempt->set = *set;
	attempt->cost = cost;
	attempt->free = attempt->pick->budget - fo_pick_size(attempt->pick, set);
}

/* Take a thing of known gain. */
static void
take(Attempt *attempt, int i)
{
	FoPickSet	with = attempt->set;

	fo_pick_add(&with, i);
	move_to(attempt, &with, attempt->cost - attempt->gain[i]);
}

/* The least that a change must save. */
static double
threshold(const Attempt *attempt)
{
	return attempt->cost * attempt->pick->least_share + attempt->pick->least_gain;
}

/* Take things as long as one saves enough. */
static void
greedy(Attempt *attempt)
{
	bool		fresh[FO_PICK_MAX];
	int			i;

	memset(fresh, 0, sizeof(fresh));
	while ((i = top_of(attempt)) >= 0 && !attempt->pick->stop(attempt->pick->context))
	{
		if (!fresh[i])
		{
			attempt->gain[i] = gain_of(attempt, i);
			if (attempt->alone[i] == HUGE_VAL)
				attempt->alone[i] = attempt->gain[i];
			fresh[i] = true;
		}
		else if (attempt->gain[i] > threshold(attempt))
		{
			take(attempt, i);
			memset(fresh, 0, sizeof(fresh));
		}
		else
			attempt->gain[i] = 0;
	}
}

/* Leave out things that the rest can do without. */
static bool
leave_out(Attempt *attempt)
{
	bool		any = false;

	for (int i = attempt->pick->count - 1; i >= 0; i--)
	{
		FoPickSet	without = attempt->set;
		double		cost;

		if (!fo_pick_has(&without, i) || attempt->pick->stop(attempt->pick->context))
			continue;
		fo_pick_remove(&without, i);
		cost = attempt->pick->cost(attempt->pick->context, &without);
		if (cost - attempt->cost <= threshold(attempt))
		{
			move_to(attempt, &without, cost);
			any = true;
		}
	}
	return any;
}

/* What the set costs more without a thing. */
static double
loss_of(const Attempt *attempt, int i)
{
	FoPickSet	without = attempt->set;

	fo_pick_remove(&without, i);
	return attempt->pick->cost(attempt->pick->context, &without) - attempt->cost;
}

/*
 * Exchange a thing of the set for the best related one that fits.  What one
 * saves alone is taken as the most that it saves in company.
 */
static bool
exchange_one(Attempt *attempt, int old)
{
	const FoPick *pick = attempt->pick;
	double		loss = loss_of(attempt, old);
	double		best_cost = attempt->cost - threshold(attempt);
	FoPickSet	best;
	bool		found = false;

	for (int i = 0; i < pick->count && !pick->stop(pick->context); i++)
	{
		FoPickSet	other = attempt->set;
		double		cost;

		if (fo_pick_has(&other, i) || attempt->alone[i] <= loss ||
			pick->size[i] > attempt->free + pick->size[old] ||
			!pick->related(pick->context, old, i))
			continue;
		fo_pick_remove(&other, old);
		fo_pick_add(&other, i);
		cost = pick->cost(pick->context, &other);
		if (cost < best_cost)
		{
			best_cost = cost;
			best = other;
			found = true;
		}
	}
	if (found)
		move_to(attempt, &best, best_cost);
	return found;
}

/* Exchange what can be exchanged with profit, once over. */
static bool
exchange(Attempt *attempt)
{
	FoPickSet	before = attempt->set;
	bool		any = false;

	for (int i = 0; i < attempt->pick->count; i++)
	{
		if (fo_pick_has(&before, i) && fo_pick_has(&attempt->set, i))
			any |= exchange_one(attempt, i);
	}
	return any;
}

/*
 * Exchange things for the smallest related ones that are hardly worse: what
 * they leave free is worth more than the last bit of gain.
 */
static void
shrink(Attempt *attempt)
{
	const FoPick *pick = attempt->pick;
	FoPickSet	before = attempt->set;

	for (int old = 0; old < pick->count; old++)
	{
		FoPickSet	best = attempt->set;
		double		best_cost = attempt->cost;
		double		smallest = pick->size[old] * WORTH_SHRINKING;
		double		loss;

		if (!fo_pick_has(&before, old) || !fo_pick_has(&attempt->set, old))
			continue;
		loss = loss_of(attempt, old);
		for (int i = 0; i < pick->count && !pick->stop(pick->context); i++)
		{
			FoPickSet	other = attempt->set;
			double		cost;

			if (fo_pick_has(&other, i) || pick->size[i] > smallest ||
				attempt->alone[i] < loss - threshold(attempt) ||
				!pick->related(pick->context, old, i))
				continue;
			fo_pick_remove(&other, old);
			fo_pick_add(&other, i);
			cost = pick->cost(pick->context, &other);
			if (cost - attempt->cost > threshold(attempt))
				continue;
			best = other;
			best_cost = cost;
			smallest = pick->size[i];
		}
		move_to(attempt, &best, best_cost);
	}
}

/*
 * Do without a thing, and fill what it leaves free: a large thing may stand in
 * the way of several smaller ones.
 */
static bool
replace_one(Attempt *attempt, int old)
{
	const FoPick *pick = attempt->pick;
	Attempt		other = *attempt;
	FoPickSet	without = attempt->set;

	fo_pick_remove(&without, old);
	move_to(&other, &without, pick->cost(pick->context, &without));
	memcpy(other.gain, other.alone, sizeof(other.gain));
	other.gain[old] = 0;
	greedy(&other);
	if (other.cost >= attempt->cost - threshold(attempt))
		return false;
	move_to(attempt, &other.set, other.cost);
	return true;
}

/* Replace what stands in the way of better things, once over. */
static bool
replace(Attempt *attempt)
{
	const FoPick *pick = attempt->pick;
	FoPickSet	before = attempt->set;
	double		needed = 0;
	bool		any = false;

	/* Nothing does if there is room for all that saves anything. */
	for (int i = 0; i < pick->count; i++)
		needed += attempt->alone[i] > 0 && pick->size[i] <= pick->budget ? pick->size[i] : 0;
	if (needed <= pick->budget)
		return false;
	for (int i = 0; i < pick->count && !pick->stop(pick->context); i++)
	{
		if (fo_pick_has(&before, i) && fo_pick_has(&attempt->set, i))
			any |= replace_one(attempt, i);
	}
	return any;
}

/* Nothing is known of gains. */
static void
forget_gains(Attempt *attempt)
{
	for (int i = 0; i < attempt->pick->count; i++)
		attempt->gain[i] = HUGE_VAL;
}

/* Choose, in one of two ways. */
static void
try_to_pick(Attempt *attempt)
{
	forget_gains(attempt);
	greedy(attempt);
	(void) leave_out(attempt);
	for (int round = 0; round < 8 && (exchange(attempt) || replace(attempt)); round++)
	{
		forget_gains(attempt);
		greedy(attempt);
		(void) leave_out(attempt);
	}
	shrink(attempt);
}

/*
 * Choose, starting from a set that fits.  Of two ways the cheaper end counts.
 */
FoPickSet
fo_pick(const FoPick *pick, const FoPickSet *start)
{
	Attempt		first;
	Attempt		second;

	first.pick = pick;
	for (int i = 0; i < pick->count; i++)
		first.alone[i] = HUGE_VAL;
	move_to(&first, start, pick->cost(pick->context, start));
	second = first;
	first.by_size = true;
	second.by_size = false;
	try_to_pick(&first);
	try_to_pick(&second);
	return second.cost < first.cost ? second.set : first.set;
}
