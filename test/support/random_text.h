/*
 * random_text.h
 *		Random texts of many scripts, and keywords that are likely to occur in them.
 */
#ifndef FO_TEST_RANDOM_TEXT_H
#define FO_TEST_RANDOM_TEXT_H

#include "support/fixture.h"

/* Number of alphabets; the last one mixes all. */
extern const uint32_t fx_nalphabets;

/* A set's entries and a text, in memory of one case. */
typedef struct FxCase
{
	RefSpec		spec;
	RefBytes   *entries;		/* keywords, then allowed phrases */
	uint8_t    *body;
	size_t		len;
} FxCase;

/* Write about len bytes of an alphabet at out, whole characters; returns how many. */
extern size_t fx_random_text(FxRandom *random, uint32_t alphabet, uint8_t *out, size_t len);

/*
 * Make a case: a text of about len bytes and up to nentries keywords and as many
 * allowed phrases, most of them cut from the text and changed a little.
 */
extern FxCase fx_random_case(FxRandom *random, uint32_t alphabet, size_t len, uint32_t nentries);

/* Leave out of a case that fails (fx_differs) what can be left out of it. */
extern void fx_shrink_case(FxCase *fx);
extern void fx_free_case(FxCase *fx);

#endif							/* FO_TEST_RANDOM_TEXT_H */
