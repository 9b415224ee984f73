/*
 * keyword_set.c
 *		What can be asked of a compiled set without a text.
 */
#include "core/keyword_set.h"

#include <stdlib.h>
#include <string.h>

/* A number that changes with the version of the Unicode data in use. */
uint32_t
fo_keyword_unicode(void)
{
	uint32_t	hash = 2166136261u;

	for (const char *p = fo_unicode_version(); *p != '\0'; p++)
		hash = (hash ^ (uint8_t) *p) * 16777619u;
	return hash;
}

/* Does [at, at + count * item) lie inside the block? */
static bool
inside(const FoKeywordSet *set, uint64_t at, uint64_t count, uint64_t item)
{
	return at >= sizeof(FoKeywordSet) && at % 8 == 0 && at + count * item <= set->size;
}

/* Does a sieve lie inside the block? */
static bool
sieve_valid(const FoKeywordSet *set, uint32_t at)
{
	const FoSieve *sieve = fo_at(set, at);

	if (!inside(set, at, 1, offsetof(FoSieve, narrow)))
		return false;
	return (sieve->narrow_rows == 16 || sieve->narrow_rows == 64 ||
			sieve->narrow_rows == 128 || sieve->narrow_rows == 256) &&
		inside(set, at, 1, fo_sieve_size(sieve->narrow_rows));
}

/* Do the tables of a class lie inside the block? */
static bool
class_valid(const FoKeywordSet *set, const FoClass *class)
{
	if (class->npatterns == 0)
		return true;
	return class->bitmap_shift >= 32 && class->bitmap_shift <= 58 &&
		class->slot_shift >= 32 && class->slot_shift < 64 &&
		inside(set, class->bitmap, UINT64_C(1) << (64 - class->bitmap_shift - 3), 1) &&
		inside(set, class->slots, UINT64_C(1) << (64 - class->slot_shift), sizeof(FoSlot)) &&
		inside(set, class->buckets, (uint64_t) class->nbuckets + 1, sizeof(uint32_t)) &&
		(class->sieve == 0 || sieve_valid(set, class->sieve));
}

/* Can the keywords be read from the block, whatever its format? */
static bool
readable(const FoKeywordSet *set, size_t size)
{
	uint64_t	n = (uint64_t) set->nkeywords + set->nallow;
	const uint32_t *ends;
	uint32_t	last = 0;

	if (set->magic >> 8 != FO_KEYWORD_MAGIC >> 8 || set->size != size ||
		set->fold > FO_FOLD_EVASION || n > FO_KEYWORD_MAX_COUNT ||
		!inside(set, set->ends, n, sizeof(uint32_t)) || !inside(set, set->sources, 0, 1))
		return false;
	ends = fo_at(set, set->ends);
	if (n > 0)
		last = ends[n - 1];
	return set->sources + (uint64_t) last <= size;
}

/*
 * Is this a block of the current format and Unicode version, with every table
 * inside it?  Takes constant time; blocks come from this library or from a
 * page of the database, what a client sends is compiled anew.
 */
FoSetState
fo_keyword_set_state(const FoKeywordSet *set, size_t size)
{
	if (size < sizeof(FoKeywordSet) || !readable(set, size))
		return FO_SET_CORRUPT;
	if (set->magic != FO_KEYWORD_MAGIC || set->unicode != fo_keyword_unicode())
		return FO_SET_OUTDATED;
	if (set->longest > UINT16_MAX)
		return FO_SET_CORRUPT;
	for (int e = 0; e < FO_ENGINES; e++)
	{
		const FoEngine *engine = &set->engines[e];

		if (engine->npatterns > 0 &&
			!inside(set, engine->patterns, engine->npatterns, sizeof(FoPattern)))
			return FO_SET_CORRUPT;
		for (int c = 0; c < FO_CLASSES; c++)
		{
			if (!class_valid(set, &engine->classes[c]))
				return FO_SET_CORRUPT;
		}
	}
	return FO_SET_CURRENT;
}

/* The i-th source as it was written: keywords first, then allowed phrases. */
const uint8_t *
fo_keyword_source(const FoKeywordSet *set, uint32_t i, uint32_t *len)
{
	const uint32_t *ends = fo_at(set, set->ends);
	uint32_t	start = i == 0 ? 0 : ends[i - 1];

	*len = ends[i] - start;
	return (const uint8_t *) fo_at(set, set->sources) + start;
}

/* A source, for sorting. */
typedef struct Source
{
	const uint8_t *bytes;
	uint32_t	len;
} Source;

static int
compare_sources(const void *left, const void *right)
{
	const Source *a = left;
	const Source *b = right;
	int			order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* The n sources from number first on, sorted, in memory of alloc. */
static Source *
sorted_sources(const FoKeywordSet *set, uint32_t first, uint32_t n, const FoAlloc *alloc)
{
	Source	   *sources = alloc->resize(alloc->arg, NULL, (n + (size_t) 1) * sizeof(Source));

	for (uint32_t i = 0; i < n; i++)
		sources[i].bytes = fo_keyword_source(set, first + i, &sources[i].len);
	qsort(sources, n, sizeof(Source), compare_sources);
	return sources;
}

/* Do two sets have the same n sources from number first on, in any order? */
static bool
same_sources(const FoKeywordSet *a, const FoKeywordSet *b, uint32_t first, uint32_t n,
			 const FoAlloc *alloc)
{
	Source	   *left = sorted_sources(a, first, n, alloc);
	Source	   *right = sorted_sources(b, first, n, alloc);
	bool		same = true;

	for (uint32_t i = 0; same && i < n; i++)
		same = compare_sources(&left[i], &right[i]) == 0;
	alloc->release(alloc->arg, left);
	alloc->release(alloc->arg, right);
	return same;
}

/*
 * Are the sets equal: the same options, keywords and allowed phrases, in
 * whatever order?  Linear when the order is the same too.
 */
bool
fo_keyword_set_equal(const FoKeywordSet *a, const FoKeywordSet *b, const FoAlloc *alloc)
{
	uint32_t	total = a->nkeywords + a->nallow;
	uint32_t	bytes;
	uint8_t		differing = (a->flags ^ b->flags) & (FO_SET_WHOLE_WORD | FO_SET_OPAQUE);

	if (a->digest != b->digest || a->nkeywords != b->nkeywords || a->nallow != b->nallow ||
		a->fold != b->fold || differing)
		return false;
	if (total == 0)
		return true;
	bytes = ((const uint32_t *) fo_at(a, a->ends))[total - 1];
	if (memcmp(fo_at(a, a->ends), fo_at(b, b->ends), total * sizeof(uint32_t)) == 0 &&
		memcmp(fo_at(a, a->sources), fo_at(b, b->sources), bytes) == 0)
		return true;
	return same_sources(a, b, 0, a->nkeywords, alloc) &&
		same_sources(a, b, a->nkeywords, a->nallow, alloc);
}
