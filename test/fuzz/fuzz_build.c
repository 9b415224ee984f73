/*
 * fuzz_build.c
 *		Keywords from any bytes: parsing, folding and laying out.
 *
 * Input: a byte of options and entries parted by RS (0x1E).  Each must be
 * accepted or refused as the reference does; the set must be valid, hold the
 * keywords as written, be equal to the set of the same keywords in reverse, and
 * come out the same a second time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define MAX_ENTRIES 64

#define require(condition) \
	do { if (!(condition)) fail(__LINE__); } while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fail(int line)
{
	fprintf(stderr, "%s:%d: not as required\n", __FILE__, line);
	abort();
}

/* Is each entry of the set one of the spec's, and is there one for each? */
static void
check_sources(const RefSpec *spec, const FoKeywordSet *set)
{
	RefSet	   *reference = ref_compile(spec);

	require(set->nkeywords == ref_count(reference, false));
	for (uint32_t i = 0; i < set->nkeywords; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(set, i, &len);
		bool		found = false;

		for (size_t k = 0; k < spec->nkeywords; k++)
			found |= spec->keywords[k].len == len &&
				memcmp(spec->keywords[k].bytes, source, len) == 0;
		require(found);
	}
	ref_free(reference);
}

static void
check_reversed(const RefSpec *spec, const FoKeywordSet *set)
{
	RefBytes	reversed[MAX_ENTRIES];
	RefSpec		other = *spec;
	FoKeywordSet *same;

	for (size_t i = 0; i < spec->nkeywords; i++)
		reversed[i] = spec->keywords[spec->nkeywords - 1 - i];
	other.keywords = reversed;
	same = fx_build(&other);
	require(fo_keyword_set_equal(set, same, &fx_alloc));
	require(set->digest == same->digest);
	other.whole_word = !other.whole_word;
	free(same);
	same = fx_build(&other);
	require(!fo_keyword_set_equal(set, same, &fx_alloc));
	free(same);
}

static void
check_status(const RefSpec *spec)
{
	for (size_t i = 0; i < spec->nkeywords; i++)
	{
		RefSpec		one = *spec;
		FoKeywordSet *set;

		one.keywords = spec->keywords + i;
		one.nkeywords = 1;
		set = fx_build(&one);
		require((set->nkeywords == 1) == (ref_status(spec, spec->keywords[i]) == FO_BUILD_OK));
		free(set);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RefBytes	keywords[MAX_ENTRIES];
	RefSpec		spec = {.keywords = keywords};
	FoKeywordSet *set;
	FoKeywordSet *again;

	if (size < 1)
		return 0;
	fx_init();
	/* Without an encoding there is no folding beyond case. */
	spec.opaque = (data[0] & 8) != 0;
	spec.fold = (FoFoldLevel) (data[0] & (spec.opaque ? 1 : 3));
	spec.whole_word = (data[0] & 4) != 0;
	for (const uint8_t *p = data + 1; p <= data + size && spec.nkeywords < MAX_ENTRIES; p++)
	{
		const uint8_t *end = memchr(p, 0x1E, (size_t) (data + size - p));

		if (end == NULL)
			end = data + size;
		keywords[spec.nkeywords++] = (RefBytes) {p, (size_t) (end - p)};
		p = end;
	}
	set = fx_build(&spec);
	again = fx_build(&spec);
	require(fo_keyword_set_state(set, set->size) == FO_SET_CURRENT);
	require(set->size == again->size);
	/* The first word is the container's. */
	require(memcmp((char *) set + 4, (char *) again + 4, set->size - 4) == 0);
	check_sources(&spec, set);
	check_reversed(&spec, set);
	check_status(&spec);
	free(set);
	free(again);
	return 0;
}
