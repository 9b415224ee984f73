/*
 * index_pick.h
 *		Choose things of a size under a budget when their use depends on one another.
 */
#ifndef FO_CORE_INDEX_PICK_H
#define FO_CORE_INDEX_PICK_H

#include <stdbool.h>
#include <stdint.h>

#define FO_PICK_MAX		512		/* things to choose from */

/* Some of the things, a bit each. */
typedef struct FoPickSet
{
	uint64_t	words[FO_PICK_MAX / 64];
} FoPickSet;

static inline bool
fo_pick_has(const FoPickSet *set, int i)
{
	return set->words[i / 64] >> (i % 64) & 1;
}

static inline void
fo_pick_add(FoPickSet *set, int i)
{
	set->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void
fo_pick_remove(FoPickSet *set, int i)
{
	set->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Is all of a in b? */
static inline bool
fo_pick_within(const FoPickSet *a, const FoPickSet *b)
{
	uint64_t	outside = 0;

	for (int i = 0; i < FO_PICK_MAX / 64; i++)
		outside |= a->words[i] & ~b->words[i];
	return outside == 0;
}

static inline FoPickSet
fo_pick_common(const FoPickSet *a, const FoPickSet *b)
{
	FoPickSet	both;

	for (int i = 0; i < FO_PICK_MAX / 64; i++)
		both.words[i] = a->words[i] & b->words[i];
	return both;
}

/*
 * What to choose from.  The functions get "context".
 */
typedef struct FoPick
{
	int			count;			/* at most FO_PICK_MAX */
	const double *size;			/* of each thing, above 0 */
	double		budget;			/* the chosen things' sizes add up to no more */
	double		least_share;	/* of the cost that a thing must save, */
	double		least_gain;		/* and what it must save besides */
	/* What everything costs with a set; an impossible set is HUGE_VAL. */
	double		(*cost) (void *context, const FoPickSet *set);
	/* May taking b for a be an improvement? */
	bool		(*related) (void *context, int a, int b);
	/* Is it time to stop? */
	bool		(*stop) (void *context);
	void	   *context;
} FoPick;

extern FoPickSet fo_pick(const FoPick *pick, const FoPickSet *start);
extern double fo_pick_size(const FoPick *pick, const FoPickSet *set);

#endif							/* FO_CORE_INDEX_PICK_H */
