/*
 * kernel_sieve.h
 *		Sieves in vector registers, for processors that look up 16 bytes at a time.
 *
 * Positions are hashed by multiplying pairs of bytes in lanes of 16 bits, those
 * at even positions and those at odd ones apart.  Rows are looked up by 16, and
 * the right one is chosen by the upper bits of its number.
 *
 * A kernel includes this file once, after it has defined
 *	V				a vector of unsigned bytes as gcc has them
 *	V_TARGET		attributes of functions that use it
 *	V_LOAD(p)		the bytes at p
 *	V_TABLE(p)		16 bytes at p, for V_LOOKUP
 *	V_LOOKUP(t, v)	the bytes of a table that v, all less than 16, selects
 *	V_CHOOSE(v, n, a, b)	b where bit n of v is set, else a
 *	V_AHEAD(a, b, n)	bytes of a from byte n on, followed by the first n of b
 *	V_TOP_BITS(v)	the highest bits of all bytes, as a number
 * and gets sieve_v, sieve_words_v and sift_words_v: see FoKernel.
 */
#ifndef FO_KERNEL_SIEVE_H
#define FO_KERNEL_SIEVE_H

#include <string.h>

#include "core/kernel_variants.h"

#define V_INLINE V_TARGET INLINE
#define V_SIZE sizeof(V)
#define V_BITS (~UINT64_C(0) >> (64 - V_SIZE))
#define UNROLLED _Pragma("GCC unroll 16")

/* Bytes that a step reads: 64, and what follows. */
#define STEP (64 + V_SIZE)

/* Room for a copy of what is left when less than that is: two steps. */
#define PADDED (64 + STEP)

/* The same vector as numbers of 16 bits. */
typedef uint16_t V16 __attribute__((vector_size(sizeof(V))));

/*
 * Constants are loaded as wide as they are used: the compiler would make them of
 * smaller ones each time.
 */
#define FOUR_TIMES(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__

/* Powers of two, by a number of which the lower three bits count. */
static const uint8_t powers[64] = {
	FOUR_TIMES(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
};

/*
 * Which characters of ASCII are letters or digits: those for which what the two
 * halves of their bytes select has a bit in common.  Bit 0 is for digits, bits 1
 * and 2 are for letters up to o and from p on.
 */
static const uint8_t word_lower[64] = {
	FOUR_TIMES(5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 2, 2, 2, 2, 2)
};
static const uint8_t word_upper[64] = {
	FOUR_TIMES(0, 0, 0, 1, 2, 4, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0)
};

/* Bit 5 of bytes that are there, to be blind to case, and of none behind them. */
#define BLINDS 128
static const uint8_t blinds[BLINDS + PADDED] = {
	FOUR_TIMES(FOUR_TIMES(0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20))
};

/* The rows that bytes number, of n, which is a power of two. */
V_INLINE	V
rows_at(const uint8_t *rows, V at, int n)
{
	V			row[16];

	UNROLLED
		for (int i = 0; i < n / 16; i++)
		row[i] = V_LOOKUP(V_TABLE(rows + 16 * i), at & 15);
	UNROLLED
		for (int i = 0; i < n / 32; i++)
		row[i] = V_CHOOSE(at, 4, row[2 * i], row[2 * i + 1]);
	UNROLLED
		for (int i = 0; i < n / 64; i++)
		row[i] = V_CHOOSE(at, 5, row[2 * i], row[2 * i + 1]);
	UNROLLED
		for (int i = 0; i < n / 128; i++)
		row[i] = V_CHOOSE(at, 6, row[2 * i], row[2 * i + 1]);
	return n < 256 ? row[0] : V_CHOOSE(at, 7, row[0], row[1]);
}

/*
 * Which positions pass the sieve?  even has the bytes at each of them and the
 * next in its numbers, for those at even places, and odd for the others; even2
 * and odd2 have the two bytes behind.  n is the number of rows.
 */
V_INLINE uint64_t
pass(const FoSieve *sieve, V even, V even2, V odd, V odd2, int n)
{
	V16			evens = (V16) even * SIEVE_FACTOR_1 + (V16) even2 * SIEVE_FACTOR_2;
	V16			odds = (V16) odd * SIEVE_FACTOR_1 + (V16) odd2 * SIEVE_FACTOR_2;
	V			high = (V) (evens >> 8 | (odds & 0xFF00));
	V			low = (V) ((evens & 0x00FF) | odds << 8);
	V			bit1 = V_LOOKUP(V_LOAD(powers), low & 15);
	const uint8_t *rows = sieve->narrow;
	V			found1;
	V			found2;

	/* Load large tables anew each time: there is no room to keep them. */
	if (n > 16)
		__asm__ volatile ("":::"memory");

	if (n == 16)
	{
		found1 = rows_at(rows, high, n) & rows_at(rows + 16, high >> 4, n);
		found2 = rows_at(rows + 32, low >> 4, n);
		return ~V_TOP_BITS((V) ((found1 & found2 & bit1) == 0)) & V_BITS;
	}
	found1 = rows_at(rows, high, n) & bit1;
	found2 = rows_at(rows + n, low, n) & V_LOOKUP(V_LOAD(powers), high & 15);
	return ~V_TOP_BITS((V) (found1 == 0) | (V) (found2 == 0)) & V_BITS;
}

/* A mask of the first n bits. */
static inline uint64_t
first_bits(size_t n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* Copy the n bytes at p, fewer than a step reads, and continue them with zeros. */
V_INLINE void
pad(const uint8_t *p, size_t n, uint8_t *copy)
{
	V			zeros = {0};

	UNROLLED
		for (size_t i = 0; i < PADDED; i += V_SIZE)
		memcpy(copy + i, &zeros, V_SIZE);
	if (n < V_SIZE)
		memcpy(copy, p, n);
	else
	{
		for (size_t i = 0; i + V_SIZE < n; i += V_SIZE)
			memcpy(copy + i, p + i, V_SIZE);
		memcpy(copy + n - V_SIZE, p + n - V_SIZE, V_SIZE);
	}
}

/*
 * In which of the 64 bytes at p does a character of several bytes begin?  Sets
 * *high if any byte is over 127.
 */
V_INLINE uint64_t
lead_bits(const uint8_t *p, uint64_t *high)
{
	V			any = V_LOAD(p);
	uint64_t	bits = 0;

	UNROLLED
		for (size_t i = V_SIZE; i < 64; i += V_SIZE)
		any |= V_LOAD(p + i);
	if (V_TOP_BITS(any) == 0)
		return 0;
	*high = 1;
	UNROLLED
		for (size_t i = 0; i < 64; i += V_SIZE)
		bits |= V_TOP_BITS((V) (V_LOAD(p + i) >= 0xC0)) << i;
	return bits;
}

/*
 * Which of the 64 bytes at p begin what passes the sieve?  blind has bit 5 for
 * each byte that is there, and zeros for those behind.
 */
V_INLINE uint64_t
pass_grams(const FoSieve *sieve, const uint8_t *p, const uint8_t *blind, V kept, int n)
{
	uint64_t	bits = 0;

	UNROLLED
		for (size_t i = 0; i < 64; i += V_SIZE)
	{
		V			even = V_LOAD(p + i) | V_LOAD(blind + i);
		V			odd = V_LOAD(p + i + 1) | V_LOAD(blind + i + 1);
		V			even2 = V_LOAD(p + i + 2) | V_LOAD(blind + i + 2);
		V			odd2 = V_LOAD(p + i + 3) | V_LOAD(blind + i + 3);

		bits |= pass(sieve, even, even2 & kept, odd, odd2 & kept, n) << i;
	}
	return bits;
}

V_INLINE FoSifted
sieve_grams(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve,
			uint64_t *out, uint64_t *leads, int n)
{
	uint16_t	both = letters == 3 ? 0x00FF : 0xFFFF;
	V			kept = (V) ((V16) {0} + both);
	uint8_t		copy[PADDED];
	FoSifted	all = {0, 0};
	size_t		at = 0;

	for (; len - at >= STEP; at += 64)
	{
		out[at / 64] = pass_grams(sieve, buf + at, blinds, kept, n);
		if (leads != NULL)
			leads[at / 64] = lead_bits(buf + at, &all.high);
		all.candidates |= out[at / 64];
	}
	if (at < len)
		pad(buf + at, len - at, copy);
	for (const uint8_t *p = copy; at < len; p += 64, at += 64)
	{
		const uint8_t *blind = blinds + BLINDS - (len - at);

		out[at / 64] = first_bits(len - at) & pass_grams(sieve, p, blind, kept, n);
		if (leads != NULL)
			leads[at / 64] = lead_bits(p, &all.high);
		all.candidates |= out[at / 64];
	}
	return all;
}

/* 0xFF for each bit of the bytes of 64 bits from number i on that is set. */
V_INLINE	V
spread_bits(uint64_t bits, size_t i)
{
	static const uint8_t eighths[64] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
		2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
		4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5,
		6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7
	};
	uint8_t		bytes[16];

	for (int k = 0; k < 16; k++)
		bytes[k] = (uint8_t) (bits >> 8 * (k % 8));
	return (V) ((V_LOOKUP(V_TABLE(bytes), V_LOAD(eighths + i)) & V_LOAD(powers)) != 0);
}

/*
 * What bytes count as in a word: letters and digits with bit 5 set, others as
 * zero.  Those over 127 count as letters when whole is set.
 */
V_INLINE	V
word_letters(V v, bool whole)
{
	V			none = (V) ((V_LOOKUP(V_LOAD(word_lower), v & 15) &
							 V_LOOKUP(V_LOAD(word_upper), v >> 4)) == 0);

	if (whole)
		none &= (V) (v < 0x80);
	return (v | V_LOAD(blinds)) & ~none;
}

/*
 * Which positions begin words that pass the sieve?  c has what the bytes count
 * as in a word, next those behind them; *words gets the bits of words, of which
 * carry has the last one before.
 */
V_INLINE uint64_t
pass_words(const FoSieve *sieve, V c, V next, uint64_t carry, uint64_t *words, int n)
{
	V			odd = V_AHEAD(c, next, 1);
	V			even2 = V_AHEAD(c, next, 2);
	V			odd2 = V_AHEAD(c, next, 3);
	V16			even_ends = (V16) (odd == 0);
	V16			odd_ends = (V16) (even2 == 0);

	/* Nothing counts that comes behind the end of the word. */
	*words = ~V_TOP_BITS((V) (c == 0)) & V_BITS;
	odd2 &= ~(V) (odd_ends | odd_ends << 8);
	even2 &= ~(V) (even_ends | even_ends << 8);
	return *words & ~(*words << 1 | carry) & pass(sieve, c, even2, odd, odd2, n);
}

/* Words on the way through a text. */
typedef struct Walk
{
	const FoSieve *sieve;
	bool		whole;			/* do bytes over 127 count as letters ... */
	const uint64_t *nonword;	/* ... but for those that this has bits of? */
	V			letters;		/* word_letters of the bytes to come next */
	uint64_t	carry;			/* does the byte before them belong to a word? */
	uint64_t   *words;
	uint64_t   *out;
} Walk;

/* The letters of the bytes at p, of which number at is the first. */
V_INLINE	V
letters_at(const Walk *walk, const uint8_t *p, size_t at)
{
	V			v = V_LOAD(p);

	if (walk->nonword != NULL)
		v &= ~spread_bits(walk->nonword[at / 64], at % 64);
	return word_letters(v, walk->whole);
}

/* Go through the 64 bytes at p, of which number at is the first and of which rest are there. */
V_INLINE uint64_t
walk_on(Walk *walk, const uint8_t *p, size_t at, size_t rest, int n)
{
	uint64_t	words = 0;
	uint64_t	candidates = 0;

	UNROLLED
		for (size_t i = 0; i < 64; i += V_SIZE)
	{
		uint64_t	here;
		V			next = {0};

		if (rest > i + V_SIZE)
			next = letters_at(walk, p + i + V_SIZE, at + i + V_SIZE);
		candidates |= pass_words(walk->sieve, walk->letters, next, walk->carry, &here, n) << i;
		words |= here << i;
		walk->carry = here >> (V_SIZE - 1);
		walk->letters = next;
	}
	walk->words[at / 64] = words;
	walk->out[at / 64] = candidates;
	return candidates;
}

/* The words of a text that pass the sieve; leads may be NULL. */
V_INLINE FoSifted
sift(Walk walk, const uint8_t *src, size_t len, uint64_t *leads, int n)
{
	uint8_t		copy[PADDED];
	FoSifted	all = {0, 0};
	size_t		at = 0;

	if (len >= STEP)
		walk.letters = letters_at(&walk, src, 0);
	for (; len - at >= STEP; at += 64)
	{
		all.candidates |= walk_on(&walk, src + at, at, STEP, n);
		if (leads != NULL)
			leads[at / 64] = lead_bits(src + at, &all.high);
	}
	if (at < len)
		pad(src + at, len - at, copy);
	if (at == 0)
		walk.letters = letters_at(&walk, copy, 0);
	for (const uint8_t *p = copy; at < len; p += 64, at += 64)
	{
		all.candidates |= walk_on(&walk, p, at, len - at, n);
		if (leads != NULL)
			leads[at / 64] = lead_bits(p, &all.high);
	}
	return all;
}

/* The functions of a kernel, for each number of rows; one for all would be short of registers. */
#define FOR_ROWS(n) \
	V_TARGET static __attribute__((noinline)) FoSifted \
	sieve_##n(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve, \
			  uint64_t *out, uint64_t *leads) \
	{ \
		return sieve_grams(buf, len, letters, sieve, out, leads, n); \
	} \
	V_TARGET static __attribute__((noinline)) FoSifted \
	sift_##n(const uint8_t *src, size_t len, const FoSieve *sieve, \
			 uint64_t *words, uint64_t *out, uint64_t *leads) \
	{ \
		return sift((Walk) {sieve, false, NULL, {0}, 0, words, out}, src, len, leads, n); \
	} \
	V_TARGET static __attribute__((noinline)) void \
	sieve_words_##n(const uint8_t *buf, size_t len, const uint64_t *nonword, \
					const FoSieve *sieve, uint64_t *words, uint64_t *out) \
	{ \
		sift((Walk) {sieve, true, nonword, {0}, 0, words, out}, buf, len, NULL, n); \
	}

FOR_ROWS(16)
FOR_ROWS(64)
FOR_ROWS(128)
FOR_ROWS(256)

/* Call the variant of a function for the rows of the sieve. */
#define CALL(function, ...) \
	(sieve->narrow_rows == 16 ? function##_16(__VA_ARGS__) \
	 : sieve->narrow_rows == 64 ? function##_64(__VA_ARGS__) \
	 : sieve->narrow_rows == 128 ? function##_128(__VA_ARGS__) : function##_256(__VA_ARGS__))

static FoSifted
sieve_v(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve,
		uint64_t *out, uint64_t *leads)
{
	return CALL(sieve, buf, len, letters, sieve, out, leads);
}

static void
sieve_words_v(const uint8_t *buf, size_t len, const uint64_t *nonword,
			  const FoSieve *sieve, uint64_t *words, uint64_t *out)
{
	CALL(sieve_words, buf, len, nonword, sieve, words, out);
}

static FoSifted
sift_words_v(const uint8_t *src, size_t len, const FoSieve *sieve,
			 uint64_t *words, uint64_t *out, uint64_t *leads)
{
	return CALL(sift, src, len, sieve, words, out, leads);
}

#endif							/* FO_KERNEL_SIEVE_H */
