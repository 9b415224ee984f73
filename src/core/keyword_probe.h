/*
 * keyword_probe.h
 *		Looking a word or the first bytes of a pattern up in a class of a set.
 */
#ifndef FO_KEYWORD_PROBE_H
#define FO_KEYWORD_PROBE_H

#include "core/keyword_set.h"

#define FO_NO_BUCKET UINT32_MAX

/* The word of a class's bitmap that is for a hash. */
static inline uint64_t
fo_bitmap_word(const FoClass *class, uint64_t hash)
{
	return hash >> class->bitmap_shift >> 6;
}

/* The numbers of the two bits of a hash in that word. */
static inline uint64_t
fo_first_bit(const FoClass *class, uint64_t hash)
{
	return hash >> class->bitmap_shift & 63;
}

static inline uint64_t
fo_second_bit(const FoClass *class, uint64_t hash)
{
	return hash >> (class->bitmap_shift - 6) & 63;
}

/* Are the bits of a hash set in the bitmap of the class? */
static inline bool
fo_may_occur(const FoClass *class, const uint64_t *bitmap, uint64_t hash)
{
	uint64_t	word = bitmap[fo_bitmap_word(class, hash)];

	return word >> fo_first_bit(class, hash) & word >> fo_second_bit(class, hash) & 1;
}

/*
 * The bucket of a tag, or FO_NO_BUCKET.  next has the fo_gram_next of the
 * text, or is FO_NEXT_UNKNOWN; a bucket none of whose patterns continues
 * so is not returned.
 */
static inline uint32_t
fo_find_bucket(const FoClass *class, const FoSlot *slots, uint32_t tag, uint32_t next)
{
	uint32_t	mask = (UINT32_C(1) << (64 - class->slot_shift)) - 1;

	for (uint32_t slot = fo_slot(class, tag); slots[slot].bucket != 0; slot = (slot + 1) & mask)
	{
		if (slots[slot].tag == tag)
			return (slots[slot].bucket & next) == next ? (slots[slot].bucket & FO_BUCKET_NUMBER) - 1
				: FO_NO_BUCKET;
	}
	return FO_NO_BUCKET;
}

/* Length of the run of set bits from bit at on, at most to bit end. */
static inline uint32_t
fo_run_length(const uint64_t *bits, uint32_t at, uint32_t end)
{
	uint32_t	n = 0;

	for (;;)
	{
		uint64_t	rest = ~bits[(at + n) / 64] >> (at + n) % 64;

		if (rest != 0)
			return n + (uint32_t) __builtin_ctzll(rest);
		n += 64 - (at + n) % 64;
		if (at + n >= end)
			return end - at;
	}
}

#endif							/* FO_KEYWORD_PROBE_H */
