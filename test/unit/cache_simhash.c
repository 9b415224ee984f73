/*
 * cache_simhash.c
 *		Tests of SimHash: near texts are near, and whatever is near is found by its bands.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/cache_simhash.h"

static int	tests;
static int	failures;

static void
ok(bool good, const char *what)
{
	tests++;
	if (!good)
		failures++;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static uint64_t
hash(const char *text)
{
	return fo_simhash((const uint8_t *) text, strlen(text));
}

static int
distance(uint64_t a, uint64_t b)
{
	return __builtin_popcountll(a ^ b);
}

/* Do the probes of one hash meet the bands of another? */
static bool
meets(uint64_t a, uint64_t b, int bits)
{
	uint32_t	probes[FO_SIMHASH_PROBES];
	uint32_t	bands[FO_SIMHASH_PROBES];
	int			nprobes = fo_simhash_probes(a, bits, probes);
	int			nbands = fo_simhash_probes(b, 0, bands);

	for (int i = 0; i < nprobes; i++)
		for (int j = 0; j < nbands; j++)
			if (probes[i] == bands[j])
				return true;
	return false;
}

/* Is every hash within so many bits found, whichever bits they are? */
static bool
finds_all(int bits)
{
	uint64_t	state = 88172645463325252u;

	for (int round = 0; round < 200000; round++)
	{
		uint64_t	a = state;
		uint64_t	b = a;

		for (int i = 0; i < bits; i++)
		{
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			b ^= UINT64_C(1) << (state & 63);
		}
		if (distance(a, b) <= bits && !meets(a, b, bits))
			return false;
	}
	return true;
}

int
main(void)
{
	const char *post = "the quick brown fox jumps over the lazy dog and runs into the dark forest";
	char		long_text[100000];

	ok(hash(post) == hash(post), "equal texts have equal hashes");
	ok(distance(hash(post), hash("the quick brown fox jumps over the lazy dog and runs into the "
								 "dark forests")) <= 7, "a letter more: within 7 bits");
	ok(distance(hash(post), hash("completely different words about a recipe for apple cake with "
								 "cinnamon and cream")) > 15, "another text is far");
	ok(hash("") == 0, "no text has no bits");
	ok(hash("a") != hash("b") && hash("abc") != hash("abd"), "texts shorter than a shingle");
	memset(long_text, 'x', sizeof(long_text));
	ok(fo_simhash((uint8_t *) long_text, sizeof(long_text)) == hash("xxxx"),
	   "many votes do not overflow");
	for (int bits = 0; bits <= FO_SIMHASH_MAX_BITS; bits++)
		ok(finds_all(bits), "everything within the distance is found");
	ok(!meets(0, UINT64_C(0x8001800180018001), FO_SIMHASH_MAX_BITS), "two bits in each are not");
	printf("1..%d\n", tests);
	return failures != 0;
}
