/*
 * cache_hash.h
 *		SipHash-1-3 of a byte string: the 64-bit hash by which the shared-memory
 *		cache finds, samples and ages its entries.
 *
 * A keyed hash, because strangers choose cache keys: without the server's random
 * seed they cannot aim many keys at one bucket.  It only finds candidates; whole
 * keys are compared afterwards.  Source: Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF" (2012), with one compression and three finalisation rounds.
 */
#ifndef FO_CACHE_HASH_H
#define FO_CACHE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct FoCacheSeed
{
	uint64_t	k0;
	uint64_t	k1;
} FoCacheSeed;

static inline uint64_t
fo_rotl64(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* One SipHash round over the four words of state. */
static inline void
fo_sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = fo_rotl64(v[1], 13) ^ v[0];
	v[0] = fo_rotl64(v[0], 32);
	v[2] += v[3];
	v[3] = fo_rotl64(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = fo_rotl64(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = fo_rotl64(v[1], 17) ^ v[2];
	v[2] = fo_rotl64(v[2], 32);
}

/*
 * Hash `len` bytes at `data`; `salt` is mixed in first, so that the same key of
 * two resources gets two hashes without building a joined string.
 */
static inline uint64_t
fo_cache_hash(const FoCacheSeed *seed, uint64_t salt, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t	v[4] = {
		seed->k0 ^ UINT64_C(0x736f6d6570736575),
		seed->k1 ^ UINT64_C(0x646f72616e646f6d),
		seed->k0 ^ UINT64_C(0x6c7967656e657261),
		seed->k1 ^ UINT64_C(0x7465646279746573)
	};
	uint64_t	last = (uint64_t) len << 56;
	uint64_t	word;
	size_t		rest = len & 7;

	v[3] ^= salt;
	fo_sip_round(v);
	v[0] ^= salt;
	for (const unsigned char *end = p + (len - rest); p < end; p += 8)
	{
		memcpy(&word, p, 8);
		v[3] ^= word;
		fo_sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < rest; i++)
		last |= (uint64_t) p[i] << (8 * i);
	v[3] ^= last;
	fo_sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	fo_sip_round(v);
	fo_sip_round(v);
	fo_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Spread the bits of an already random hash again, for another use of it. */
static inline uint64_t
fo_cache_remix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

#endif							/* FO_CACHE_HASH_H */
