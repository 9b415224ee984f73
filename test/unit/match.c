/*
 * match.c
 *		Random sets and texts of many scripts, against the reference matcher.
 *
 * FO_SEED and FO_ROUNDS in the environment choose other cases and more of them.
 */
#include <stdlib.h>

#include "support/random_text.h"
#include "support/tap.h"

static uint32_t
setting(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value == NULL ? otherwise : (uint32_t) strtoul(value, NULL, 10);
}

/* Random cases of one alphabet. */
static void
test_alphabet(uint32_t alphabet, size_t len, uint32_t nentries, uint32_t rounds)
{
	uint32_t	seed = setting("FO_SEED", 1);
	bool		same = true;

	for (uint32_t round = 0; same && round < rounds; round++)
	{
		FxRandom	random = {((uint64_t) seed << 40) + ((uint64_t) alphabet << 32) + round + 1};
		FxCase		fx = fx_random_case(&random, alphabet, fx_random(&random, (uint32_t) len),
										nentries);
		const char *difference = fx_differs(&fx.spec, fx.body, fx.len);

		if (difference != NULL)
		{
			fx_shrink_case(&fx);
			tap_diag("alphabet %u, round %u: %s", alphabet, round,
					 fx_differs(&fx.spec, fx.body, fx.len));
			fx_explain(&fx.spec, fx.body, fx.len);
			same = false;
		}
		fx_free_case(&fx);
	}
	ok(same, "alphabet %u, %u texts of up to %zu bytes, %u entries",
	   alphabet, rounds, len, nentries);
}

/* Leave a scan in the middle, as an error does. */
static void
abandon(FoMatcher *matcher, const FxCase *fx)
{
	FoKeywordSet *set = fx_build(&fx->spec);
	FoScan		scan;

	fo_scan_begin(&scan, matcher, set, fx->body, fx->len, fx->len % 2);
	fo_scan_next(&scan);
	free(set);
}

/* One matcher for sets and texts of all kinds in turn: nothing is left over. */
static void
test_reuse(const FoKernel *kernel, uint32_t rounds)
{
	FxRandom	random = {setting("FO_SEED", 1) + 77};
	FoMatcher	matcher;
	bool		same = true;

	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	matcher.kernel = kernel;
	for (uint32_t round = 0; same && round < rounds; round++)
	{
		size_t		len = fx_random(&random, 50) == 0 ? 40000 : fx_random(&random, 500);
		FxCase		fx = fx_random_case(&random, fx_random(&random, fx_nalphabets), len, 5);
		const char *difference = fx_matcher_differs(&matcher, &fx.spec, fx.body, fx.len);

		if (fx_random(&random, 4) == 0)
			abandon(&matcher, &fx);
		same = difference == NULL;
		if (!same)
		{
			tap_diag("round %u: %s", round, difference);
			fx_explain(&fx.spec, fx.body, fx.len);
		}
		fx_free_case(&fx);
	}
	ok(same, "%s: one matcher for %u sets and texts", kernel->name, rounds);
	fx_matcher_end(&matcher);
}

int
main(void)
{
	uint32_t	rounds = setting("FO_ROUNDS", 300);
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);

	fx_init();
	for (uint32_t alphabet = 0; alphabet < fx_nalphabets; alphabet++)
	{
		test_alphabet(alphabet, 40, 2, rounds);
		test_alphabet(alphabet, 300, 8, rounds);
		test_alphabet(alphabet, 600, 60, rounds / 4);
	}
	for (size_t i = 0; i < n; i++)
		test_reuse(kernels[i], 2 * rounds);
	is(fx_blocks, 0, "all memory was released");
	return tap_done();
}
