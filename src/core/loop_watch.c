/*
 * loop_watch.c
 *		Finding, in the stream of queries of one session, a query that is run once for
 *		each row of another one's result.
 *
 * Example.  A session runs
 *		P: SELECT id, author_id FROM post ORDER BY at DESC LIMIT 20
 *		C: SELECT name FROM author WHERE id = $1		twenty times
 * fo_loop_begin and fo_loop_row keep the rows of P: (90, 7), (85, 3), (84, 12), ...
 * Each execution of C is told to fo_loop_run with its key.  The first, 7, is found in
 * the second column of P, in row 0: a candidate.  The next, 3, is found in row 1 of that
 * column: two different keys, the second in order, and so on.  When there are
 * FoLoopLimits.min of them, C is a suspect, and fo_loop_convincing weighs the evidence.
 *
 * What is no loop:
 * - Small numbers coincide: ids 1 .. 20 of one table are found among those of any other.
 *   If nothing relates the columns (a foreign key, a name: the caller knows), the keys
 *   must come in the order of the rows with steps between them that are not constant.
 * - "Fetch a user, fetch its orders", over and over: an execution of P forgets the rows
 *   of the one before, so every loop is over the rows of one execution.
 * - A page after a page: a query's keys are not looked up in its own result.
 * - Requests of many people on one connection pick keys from one list in any order:
 *   outside of a transaction the keys must come in the order of the rows.
 *
 * Keys are numbers: integers themselves, of other types a hash that says "equal" by
 * mistake once in 2^64 times.  All memory is fixed: 8 kB for each result.
 */
#include "core/loop_watch.h"

#include <stddef.h>
#include <string.h>

/* Rows that a key in order may skip: rows with nulls, or whose key was met before. */
#define ROWS_SKIPPED 8

/* Bit of the Bloom filter of a key. */
static uint32_t
bloom_bit(int64_t key)
{
	return (uint32_t) (((uint64_t) key * UINT64_C(0x9e3779b97f4a7c15)) >> 51) %
		FO_LOOP_BLOOM_BITS;
}

/* Where the result of a query belongs: its own slot, a free one, or the one used least lately. */
int
fo_loop_parent_slot(const FoLoopWatch *watch, uint64_t query)
{
	int			slot = 0;

	for (int i = 0; i < FO_LOOP_PARENTS; i++)
		if (watch->parent[i] != NULL && watch->parent[i]->query == query)
			return i;
	for (int i = 0; i < FO_LOOP_PARENTS; i++)
	{
		if (watch->parent[i] == NULL)
			return i;
		if (watch->parent[i]->used_at < watch->parent[slot]->used_at)
			slot = i;
	}
	return slot;
}

/* Remember the rows of an execution from now on, in a slot whose memory is there. */
void
fo_loop_begin(FoLoopWatch *watch, int slot, uint64_t query, int columns, uint64_t xact,
			  int64_t now)
{
	FoLoopParent *parent = watch->parent[slot];

	parent->query = query;
	parent->generation = ++watch->generations;
	parent->xact = xact;
	parent->used_at = now;
	parent->found = false;
	watch->xact = xact;
	watch->used_at = now;
	parent->columns = columns < FO_LOOP_COLUMNS ? columns : FO_LOOP_COLUMNS;
	parent->rows = 0;
	memset(parent->bloom, 0, sizeof(parent->bloom));
}

/* One more row, unless there are enough. */
void
fo_loop_row(FoLoopParent *parent, const int64_t *key)
{
	if (parent->rows >= FO_LOOP_ROWS)
		return;
	for (int i = 0; i < parent->columns; i++)
	{
		uint32_t	bit = bloom_bit(key[i]);

		parent->key[i][parent->rows] = key[i];
		if (key[i] != FO_LOOP_NONE)
			parent->bloom[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	parent->rows++;
}

/* The next row with the key, searching from a row on and round; -1 if there is none. */
static int
find_row(const FoLoopParent *parent, int column, int from, int64_t key)
{
	const int64_t *rows = parent->key[column];

	for (int i = from; i < parent->rows; i++)
		if (rows[i] == key)
			return i;
	for (int i = 0; i < from && i < parent->rows; i++)
		if (rows[i] == key)
			return i;
	return -1;
}

/* May what was seen at a time in a transaction still belong to what is run now? */
static bool
is_live(uint64_t xact, int64_t used_at, const FoLoopRun *run, const FoLoopLimits *limits)
{
	return xact == run->xact ||
		(run->now >= used_at && run->now - used_at <= limits->window);
}

/* The result of a candidate, or NULL if it is gone. */
static FoLoopParent *
parent_of(const FoLoopWatch *watch, const FoLoopCandidate *candidate)
{
	FoLoopParent *parent = watch->parent[candidate->parent];

	return parent->generation == candidate->generation ? parent : NULL;
}

/* Begin a run with an execution. */
static void
restart(FoLoopChild *child, const FoLoopRun *run)
{
	child->nkeys = run->nkeys;
	child->varying = -1;
	memcpy(child->last, run->key, sizeof(*run->key) * (size_t) run->nkeys);
	child->step = 0;
	child->runs = 0;
	child->total = 0;
	child->ndifferent = 0;
	child->ncandidates = 0;
	child->judge_at = 0;
	child->reported = false;
}

/* A key has been found in a result. */
static void
note_use(FoLoopWatch *watch, FoLoopParent *parent, const FoLoopRun *run)
{
	parent->found = true;
	parent->used_at = watch->used_at = run->now;
	watch->xact = run->xact;
}

/* Take the columns in which the first key of a run is found as its candidates. */
static void
find_candidates(FoLoopWatch *watch, FoLoopChild *child, const FoLoopRun *run,
				const FoLoopLimits *limits, int64_t key)
{
	uint32_t	bit = bloom_bit(key);

	child->ncandidates = 0;
	for (int i = 0; i < FO_LOOP_PARENTS && watch->parent[i] != NULL; i++)
	{
		FoLoopParent *parent = watch->parent[i];

		if ((parent->bloom[bit / 64] >> (bit % 64) & 1) == 0 || parent->query == run->query ||
			!is_live(parent->xact, parent->used_at, run, limits))
			continue;
		for (int column = 0; column < parent->columns; column++)
		{
			int			row = find_row(parent, column, 0, key);

			if (row >= 0 && child->ncandidates < FO_LOOP_CANDIDATES)
				child->candidate[child->ncandidates++] = (FoLoopCandidate)
			{
				.parent = i, .column = column, .generation = parent->generation,
					.row = row, .hits = 1
			};
		}
		if (child->ncandidates > 0)
			note_use(watch, parent, run);
	}
}

/* Has this key not been met in the run before?  Beyond the limit all keys are new. */
static bool
is_different(FoLoopChild *child, int64_t key)
{
	for (int i = 0; i < child->ndifferent; i++)
		if (child->different[i] == key)
			return false;
	if (child->ndifferent < FO_LOOP_MIN_MAX)
		child->different[child->ndifferent++] = key;
	return true;
}

/* Count a key for or against a candidate; false if the candidate is none any more. */
static bool
weigh(FoLoopWatch *watch, FoLoopCandidate *candidate, const FoLoopRun *run, int64_t key,
	  bool different, bool irregular)
{
	FoLoopParent *parent = parent_of(watch, candidate);
	int			row;
	int			ahead;

	if (parent == NULL)
		return false;
	row = find_row(parent, candidate->column, candidate->row + 1, key);
	if (row < 0)
	{
		/* what lies beyond the rows that are remembered counts neither way */
		if (parent->rows < FO_LOOP_ROWS)
			candidate->misses++;
		return candidate->misses <= 1 + candidate->hits / 4;
	}
	note_use(watch, parent, run);
	ahead = row - candidate->row;
	candidate->row = row;
	if (different)
	{
		candidate->hits++;
		if (ahead > 0 && ahead <= ROWS_SKIPPED)
		{
			candidate->in_order++;
			candidate->irregular += irregular;
		}
	}
	return true;
}

/* Weigh the changed key of an execution for all candidates; some may go. */
static void
weigh_all(FoLoopWatch *watch, FoLoopChild *child, const FoLoopRun *run, int64_t key)
{
	uint64_t	step = (uint64_t) key - (uint64_t) child->last[child->varying];
	bool		irregular = child->step != 0 && step != child->step;
	bool		different = is_different(child, key);
	int			kept = 0;

	for (int i = 0; i < child->ncandidates; i++)
	{
		FoLoopCandidate candidate = child->candidate[i];

		if (weigh(watch, &candidate, run, key, different, irregular))
			child->candidate[kept++] = candidate;
	}
	child->ncandidates = kept;
	child->step = step;
}

/* Which key of an execution differs from the one before: -1 none, -2 several. */
static int
changed_key(const FoLoopChild *child, const FoLoopRun *run)
{
	int			changed = -1;

	for (int i = 0; i < run->nkeys; i++)
		if (run->key[i] != child->last[i])
			changed = changed == -1 ? i : -2;
	return changed;
}

/* The run that an execution goes on with, or a new one in the slot used least lately. */
static FoLoopChild *
child_of(FoLoopWatch *watch, const FoLoopRun *run, const FoLoopLimits *limits, bool *fresh)
{
	FoLoopChild *child = NULL;
	int			oldest = 0;

	for (int i = 0; i < FO_LOOP_CHILDREN && child == NULL; i++)
		if (watch->query[i] == run->query)
			child = &watch->child[i];
	if (child != NULL)
	{
		*fresh = child->nkeys != run->nkeys || !is_live(child->xact, child->used_at, run, limits);
		return child;
	}
	for (int i = 1; i < FO_LOOP_CHILDREN; i++)
		if (watch->child[i].used_at < watch->child[oldest].used_at)
			oldest = i;
	watch->query[oldest] = run->query;
	*fresh = true;
	return &watch->child[oldest];
}

/* Is any candidate's result the one that it was? */
static bool
has_live_candidate(const FoLoopWatch *watch, const FoLoopChild *child)
{
	for (int i = 0; i < child->ncandidates; i++)
		if (parent_of(watch, &child->candidate[i]) != NULL)
			return true;
	return false;
}

/* Begin a run anew with an execution whose key `varying` is taken to be the one that changes. */
static void
restart_with(FoLoopWatch *watch, FoLoopChild *child, const FoLoopRun *run,
			 const FoLoopLimits *limits, int varying)
{
	restart(child, run);
	if (varying < 0)
		return;
	child->varying = varying;
	find_candidates(watch, child, run, limits, run->key[varying]);
	if (child->ncandidates > 0)
		(void) is_different(child, run->key[varying]);
}

/* Continue a run by an execution in which key `changed` is another one. */
static void
advance(FoLoopWatch *watch, FoLoopChild *child, const FoLoopRun *run,
		const FoLoopLimits *limits, int changed)
{
	if (child->varying < 0 && changed >= 0)
	{
		/* the second execution tells which key to look up of the first */
		child->varying = changed;
		find_candidates(watch, child, run, limits, child->last[changed]);
		if (child->ncandidates > 0)
			(void) is_different(child, child->last[changed]);
	}
	if (changed == -2 || (changed >= 0 && changed != child->varying))
		restart_with(watch, child, run, limits, -1);
	else if (changed >= 0)
	{
		if (child->ncandidates > 0)
			weigh_all(watch, child, run, run->key[changed]);
		if (child->ncandidates == 0)
			restart_with(watch, child, run, limits, changed);
	}
	memcpy(child->last, run->key, sizeof(*run->key) * (size_t) run->nkeys);
}

/* Account for an execution; *child is its run when the verdict is not "nothing". */
FoLoopVerdict
fo_loop_run(FoLoopWatch *watch, const FoLoopRun *run, const FoLoopLimits *limits,
			FoLoopChild **result)
{
	bool		fresh;
	FoLoopChild *child;
	FoLoopCandidate *best;

	/* most queries come after no result that could matter */
	if (!is_live(watch->xact, watch->used_at, run, limits))
		return FO_LOOP_NOTHING;
	child = child_of(watch, run, limits, &fresh);
	if (fresh || (child->ncandidates > 0 && !has_live_candidate(watch, child)))
		restart_with(watch, child, run, limits, fresh ? -1 : child->varying);
	else
		advance(watch, child, run, limits, changed_key(child, run));
	child->xact = run->xact;
	child->used_at = run->now;
	child->runs++;
	child->total += run->time;
	*result = child;
	if (child->reported)
		return FO_LOOP_GOES_ON;
	best = fo_loop_best(child);
	return best != NULL && best->hits >= limits->min && best->hits >= child->judge_at ?
		FO_LOOP_SUSPECT : FO_LOOP_NOTHING;
}

/* The candidate that most speaks for, or NULL. */
FoLoopCandidate *
fo_loop_best(FoLoopChild *child)
{
	FoLoopCandidate *best = NULL;

	for (int i = 0; i < child->ncandidates; i++)
	{
		FoLoopCandidate *other = &child->candidate[i];

		if (best == NULL || other->hits > best->hits ||
			(other->hits == best->hits && other->in_order > best->in_order))
			best = other;
	}
	return best;
}

/*
 * Is a suspect's run a loop over the rows of a candidate?  "related" says that the
 * columns have to do with each other by what the database knows of them.
 */
bool
fo_loop_convincing(const FoLoopWatch *watch, const FoLoopChild *child,
				   const FoLoopCandidate *candidate, bool related)
{
	const FoLoopParent *parent = parent_of(watch, candidate);
	bool		ordered = candidate->in_order * 10 >= (candidate->hits - 1) * 6;
	bool		surprising = candidate->irregular * 2 >= candidate->hits - 1;

	if (parent == NULL)
		return false;
	if (related)
		return ordered || parent->xact == child->xact;
	return ordered && surprising;
}

/* Note the verdict on a suspect. */
void
fo_loop_judge(FoLoopChild *child, bool guilty)
{
	FoLoopCandidate *best = fo_loop_best(child);

	child->reported = guilty;
	child->judge_at = best != NULL ? best->hits * 2 : 0;
}
