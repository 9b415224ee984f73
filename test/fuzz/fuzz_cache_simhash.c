/*
 * fuzz_cache_simhash.c
 *		Any bytes as a text: its hash does not depend on where it lies, and not on what is
 *		beside it.  A hash that differs from it in at most so many bits, which the input's
 *		last bytes choose, is found under one of its probes.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_simhash.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The hash of a copy that ends with its memory, and begins so many bytes after it does. */
static uint64_t
hash_at(const uint8_t *text, size_t len, size_t offset)
{
	uint8_t    *memory = malloc(offset + len);
	uint64_t	hash;

	if (len > 0)
		memcpy(memory + offset, text, len);
	hash = fo_simhash(memory + offset, len);
	free(memory);
	return hash;
}

/* Does looking up to so many bits from `from` find what is stored for `to`? */
static bool
finds(uint64_t from, int bits, uint64_t to)
{
	uint32_t	looked[FO_SIMHASH_PROBES];
	uint32_t	stored[FO_SIMHASH_PROBES];
	int			nlooked = fo_simhash_probes(from, bits, looked);
	int			nstored = fo_simhash_probes(to, 0, stored);

	if (nlooked > FO_SIMHASH_PROBES || nstored != FO_SIMHASH_BANDS)
		abort();
	for (int i = 0; i < nlooked; i++)
		for (int j = 0; j < nstored; j++)
			if (looked[i] == stored[j])
				return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t	hash = hash_at(data, size, 1);
	uint64_t	near = hash;

	if (hash_at(data, size, 4) != hash || (size == 0 && hash != 0))
		abort();
	if (!finds(hash, 0, hash))
		abort();
	for (size_t i = 0; i < FO_SIMHASH_MAX_BITS && i < size; i++)
	{
		near ^= UINT64_C(1) << data[size - 1 - i] % 64;
		if (!finds(hash, __builtin_popcountll(near ^ hash), near) ||
			!finds(near, FO_SIMHASH_MAX_BITS, hash))
			abort();
	}
	return 0;
}
