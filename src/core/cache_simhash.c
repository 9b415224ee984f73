/*
 * cache_simhash.c
 *		SimHash of a text (Charikar 2002), and the bands by which near ones are found.
 *
 * Features are all runs of SHINGLE bytes; each votes, by the bits of its hash, for or
 * against each bit of the result.
 *
 * Finding (Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", 2007):
 * the hash is cut into four bands.  If two hashes differ in at most 3 bits, one band is
 * equal; if in at most 7, one band differs in at most 1 bit.  So whoever is within the
 * distance is under one of 4, or of 68, (number, band) pairs of an index.
 *
 * Example: "buy cheap pills now" and "buy cheap pills today" share 12 of their shingles.
 */
#include "core/cache_simhash.h"

#include "core/cache_hash.h"

#define SHINGLE		4
#define BAND_BITS	16

/* Fixed, since hashes are stored. */
static const FoCacheSeed seed = {UINT64_C(0x66696c7465726f70), UINT64_C(0x742d73696d686173)};

uint64_t
fo_simhash(const uint8_t *text, size_t len)
{
	int64_t		votes[64] = {0};
	size_t		width = len < SHINGLE ? len : SHINGLE;
	uint64_t	result = 0;

	for (size_t at = 0; at + width <= len && width > 0; at++)
	{
		uint64_t	hash = fo_cache_hash(&seed, 0, text + at, width);

		for (int i = 0; i < 64; i++)
			votes[i] += (hash >> i & 1) ? 1 : -1;
	}
	for (int i = 0; i < 64; i++)
		if (votes[i] > 0)
			result |= UINT64_C(1) << i;
	return result;
}

/*
 * Bands under which hashes within `bits` of a hash are to be looked for, each with its
 * number above it; a hash itself is to be stored under those of distance 0.  Writes up to
 * FO_SIMHASH_PROBES and returns how many.
 */
int
fo_simhash_probes(uint64_t hash, int bits, uint32_t *probes)
{
	int			n = 0;

	for (uint32_t band = 0; band < FO_SIMHASH_BANDS; band++)
	{
		uint32_t	value = (uint32_t) (hash >> (band * BAND_BITS)) & ((1u << BAND_BITS) - 1);

		probes[n++] = band << BAND_BITS | value;
		for (int i = 0; i < BAND_BITS && bits >= FO_SIMHASH_BANDS; i++)
			probes[n++] = band << BAND_BITS | (value ^ 1u << i);
	}
	return n;
}
