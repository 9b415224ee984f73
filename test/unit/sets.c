/*
 * sets.c
 *		Compiled sets without a text: equality, sources, duplicates, validity.
 */
#include <stdlib.h>
#include <string.h>

#include "support/random_text.h"
#include "support/tap.h"

/* A set of the blank-separated keywords and allowed phrases. */
static FoKeywordSet *
build(FoFoldLevel fold, bool whole_word, const char *keywords, const char *allow)
{
	RefBytes	entries[64];
	RefSpec		spec = {fold, whole_word, false, entries, 0, NULL, 0};
	size_t		n = 0;

	for (const char *p = keywords; *p != '\0'; p += strspn(p, " "))
	{
		entries[n++] = (RefBytes) {(const uint8_t *) p, strcspn(p, " ")};
		p += entries[n - 1].len;
	}
	spec.nkeywords = n;
	spec.allow = entries + n;
	for (const char *p = allow; *p != '\0'; p += strspn(p, " "))
	{
		entries[n++] = (RefBytes) {(const uint8_t *) p, strcspn(p, " ")};
		p += entries[n - 1].len;
	}
	spec.nallow = n - spec.nkeywords;
	return fx_build(&spec);
}

/* Are sets made from these equal? */
static void
test_equal(FoKeywordSet *a, FoKeywordSet *b, bool wanted, const char *what)
{
	is(fo_keyword_set_equal(a, b, &fx_alloc), wanted, "%s", what);
	is(fo_keyword_set_equal(b, a, &fx_alloc), wanted, "%s, the other way round", what);
	if (wanted)
		ok(a->digest == b->digest, "%s: so are the digests", what);
	free(a);
	free(b);
}

static void
test_equality(void)
{
	test_equal(build(2, true, "a b c", "x y"), build(2, true, "a b c", "x y"), true, "the same");
	test_equal(build(2, true, "a b c", "x y"), build(2, true, "c a b", "y x"), true,
			   "in another order");
	test_equal(build(2, true, "a b c", ""), build(2, true, "a b b c a", ""), true, "duplicates");
	test_equal(build(2, true, "", ""), build(2, true, "", ""), true, "empty sets");
	test_equal(build(2, true, "a b", ""), build(2, true, "a c", ""), false, "other keywords");
	test_equal(build(2, true, "a b", ""), build(2, true, "a", ""), false, "a keyword more");
	test_equal(build(2, true, "ab c", ""), build(2, true, "a bc", ""), false, "the same letters");
	test_equal(build(2, true, "a", "b"), build(2, true, "b", "a"), false, "allowed for keywords");
	test_equal(build(2, true, "a b", ""), build(2, true, "a", "b"), false, "one allowed instead");
	test_equal(build(2, true, "a", ""), build(1, true, "a", ""), false, "another level");
	test_equal(build(2, true, "a", ""), build(2, false, "a", ""), false, "parts of words");
	test_equal(build(2, true, "a", ""), build(2, true, "A", ""), false, "another case as written");
}

static void
test_sources(void)
{
	FoKeywordSet *set = build(FO_FOLD_ACCENT, true, "Zwei ein* Zwei zwei ein*", "ein ein Drei");
	static const char *const wanted[] = {"Zwei", "ein*", "zwei", "ein", "Drei"};
	bool		same = true;

	is(set->nkeywords, 3, "keywords are kept once");
	is(set->nallow, 2, "and so are allowed phrases");
	for (uint32_t i = 0; i < 5; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(set, i, &len);

		same &= len == strlen(wanted[i]) && memcmp(source, wanted[i], len) == 0;
	}
	ok(same, "they are in order and as written");
	free(set);
}

/* Which keywords are refused leaves no trace. */
static void
test_refused(void)
{
	test_equal(build(2, true, "a b", ""), build(2, true, "* a ** \xE2\x80\x8B b", ""), true,
			   "refused entries");
}

/* The same set made twice is the same block, byte by byte, from dirty memory. */
static void
test_reproducible(void)
{
	FxRandom	random = {11};
	bool		same = true;

	for (int round = 0; round < 100; round++)
	{
		FxCase		fx = fx_random_case(&random, fx_random(&random, fx_nalphabets), 2000, 300);
		FoKeywordSet *a = fx_build(&fx.spec);
		void	   *between = malloc(round * 1000 + 1);
		FoKeywordSet *b = fx_build(&fx.spec);

		same &= a->size == b->size && memcmp((char *) a + 4, (char *) b + 4, a->size - 4) == 0;
		free(a);
		free(b);
		free(between);
		fx_free_case(&fx);
	}
	ok(same, "the block depends on nothing but the keywords");
	is(fx_blocks, 0, "all memory was released");
}

/* Is a block of these bytes refused, or harmless to ask? */
static FoSetState
state_of(const FoKeywordSet *set, size_t size)
{
	uint8_t    *exact = fx_exact(set, size);
	FoSetState	state = fo_keyword_set_state((FoKeywordSet *) exact, size);

	free(exact);
	return state;
}

static void
test_validity(void)
{
	FoKeywordSet *set = build(FO_FOLD_EVASION, true, "eins zwei* *drei vi", "fünf");
	size_t		whole = set->size;
	long		accepted = 0;

	is(state_of(set, set->size), FO_SET_CURRENT, "a set is good");
	for (size_t size = 0; size < whole; size++)
		accepted += state_of(set, size) != FO_SET_CORRUPT;
	is(accepted, 0, "a set cut short at any place is not");
	set->unicode ^= 1;
	is(state_of(set, set->size), FO_SET_OUTDATED, "a set of another version of Unicode is old");
	set->unicode ^= 1;
	set->magic ^= 1;
	is(state_of(set, set->size), FO_SET_OUTDATED, "and so is one of another format");
	set->magic ^= 1;
	for (size_t i = 4 * 8; i < sizeof(FoKeywordSet) * 8; i++)
	{
		((uint8_t *) set)[i / 8] ^= (uint8_t) (1 << i % 8);
		state_of(set, whole);
		((uint8_t *) set)[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	ok(true, "no flipped bit of the header makes the check read elsewhere");
	free(set);
}

/* A number that lies outside what the header can say makes the block corrupt. */
#define CORRUPT_IF(member, value) \
	do \
	{ \
		FoKeywordSet *set = build(FO_FOLD_ACCENT, true, "eins zwei* *drei", "vier"); \
		size_t		whole = set->size; \
		set->member = (value); \
		is(state_of(set, whole), FO_SET_CORRUPT, #member " of " #value " is corrupt"); \
		free(set); \
	} while (0)

static void
test_corrupt(void)
{
	CORRUPT_IF(fold, 4);
	CORRUPT_IF(size, 0);
	CORRUPT_IF(longest, UINT16_MAX + 1);
	CORRUPT_IF(nkeywords, UINT32_MAX);
	CORRUPT_IF(nallow, UINT32_MAX);
	CORRUPT_IF(ends, UINT32_MAX - 7);
	CORRUPT_IF(ends, 4);
	CORRUPT_IF(sources, UINT32_MAX - 7);
	CORRUPT_IF(engines[0].npatterns, UINT32_MAX);
	CORRUPT_IF(engines[0].patterns, UINT32_MAX - 7);
	CORRUPT_IF(engines[0].classes[0].bitmap_shift, 64);
	CORRUPT_IF(engines[0].classes[0].bitmap_shift, 40);
	CORRUPT_IF(engines[0].classes[0].slot_shift, 32);
	CORRUPT_IF(engines[0].classes[0].slot_shift, 64);
	CORRUPT_IF(engines[0].classes[0].slot_shift, 50);
	CORRUPT_IF(engines[0].classes[0].bitmap, UINT32_MAX - 7);
	CORRUPT_IF(engines[0].classes[0].slots, UINT32_MAX - 7);
	CORRUPT_IF(engines[0].classes[0].buckets, UINT32_MAX - 7);
	CORRUPT_IF(engines[0].classes[0].nbuckets, UINT32_MAX);
	CORRUPT_IF(engines[0].classes[0].sieve, UINT32_MAX - 7);
	CORRUPT_IF(engines[2].patterns, 2);
}

/* Sizes of the blocks that no test is fast enough to fill. */
static void
test_limits(void)
{
	FoBuilder	builder;

	fo_builder_begin(&builder, FO_FOLD_CASE, true, false, fx_alloc, fx_poll);
	is(fo_builder_add(&builder, (const uint8_t *) "a", 1, false), FO_BUILD_OK, "a first keyword");
	builder.ends.used = FO_KEYWORD_MAX_COUNT;
	is(fo_builder_add(&builder, (const uint8_t *) "b", 1, false), FO_BUILD_TOO_MANY,
	   "a keyword beyond ten million");
	builder.ends.used = 1;
	builder.sources.used += FO_KEYWORD_MAX_BYTES;
	is(fo_builder_add(&builder, (const uint8_t *) "b", 1, false), FO_BUILD_TOO_BIG,
	   "a keyword beyond a gigabyte");
	builder.sources.used -= FO_KEYWORD_MAX_BYTES;
	is(fo_builder_add(&builder, (const uint8_t *) "b", 1, false), FO_BUILD_OK,
	   "the set is as before after an error");
	fx_release_builder(&builder);
	is(fx_blocks, 0, "all memory was released");
}

int
main(void)
{
	fx_init();
	test_equality();
	test_sources();
	test_refused();
	test_reproducible();
	test_validity();
	test_corrupt();
	test_limits();
	return tap_done();
}
