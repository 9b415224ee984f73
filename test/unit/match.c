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

int
main(void)
{
	uint32_t	rounds = setting("FO_ROUNDS", 300);

	fx_init();
	for (uint32_t alphabet = 0; alphabet < fx_nalphabets; alphabet++)
	{
		test_alphabet(alphabet, 40, 2, rounds);
		test_alphabet(alphabet, 300, 8, rounds);
		test_alphabet(alphabet, 600, 60, rounds / 4);
	}
	is(fx_blocks, 0, "all memory was released");
	return tap_done();
}
