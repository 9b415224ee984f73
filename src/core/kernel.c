/*
 * kernel.c
 *		The inner loops in portable form, and the choice among all forms at run time.
 *
 * The sieve is a Bloom filter over the first four bytes at a position, held in
 * vector registers: 64 positions are hashed at once by multiplying their bits
 * with fixed matrices over GF(2), and each looks its two bits up by a byte
 * permutation.  With n patterns in it, a position that begins none of them
 * passes with probability of about (1 - exp(-n / 2048)) squared: 0.2 % for 100
 * patterns, 15 % for 1 000.  (The idea of a filter in registers is that of
 * Teddy, Wang et al., "Hyperscan", NSDI 2019, which groups patterns by nibbles
 * instead; hashing lets ten times as many patterns in.)
 *
 * Processors that permute 16 bytes only do the same with smaller tables, and with
 * a hash that multiplies numbers of 16 bits: kernel_sieve.h.
 */
#include "core/kernel_variants.h"

#include <string.h>

#include "core/unicode.h"

/* Number of patterns up to which half a sieve lets pass at most one position in fifty. */
#define FEW_PATTERNS 150

/* The same of grams: a text has more positions than words. */
#define FEW_GRAMS 30

/* The same for a narrow sieve of 16 rows. */
#define VERY_FEW_PATTERNS 24

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define EVERY_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

static uint64_t
load64(const uint8_t *p)
{
	uint64_t	v;

	memcpy(&v, p, 8);
	return v;
}

/* Lower-case the ASCII letters of eight ASCII bytes. */
static uint64_t
lower8(uint64_t v)
{
	uint64_t	at_least_a = v + EVERY_BYTE(0x80 - 'A');
	uint64_t	above_z = v + EVERY_BYTE(0x7F - 'Z');

	return v | ((at_least_a & ~above_z & HIGH_BITS) >> 2);
}

bool
fo_regular_portable(const uint8_t *src, size_t n)
{
	bool		regular = true;
	uint8_t		before = 'x';

	for (size_t i = 0; i < n; i++)
	{
		regular &= src[i] > ' ' || (src[i] == ' ' && before != ' ');
		before = src[i];
	}
	return regular;
}

size_t
fo_fold_portable(const uint8_t *src, size_t n, uint8_t *dst,
				 bool lower, bool collapse, bool space_before)
{
	size_t		i = 0;

	while (!collapse && i + 8 <= n && (load64(src + i) & HIGH_BITS) == 0)
	{
		uint64_t	v = load64(src + i);

		if (lower)
			v = lower8(v);
		memcpy(dst + i, &v, 8);
		i += 8;
	}
	for (; i < n && src[i] < 0x80; i++)
	{
		uint8_t		c = src[i];

		if (collapse && fo_ascii_space(c))
		{
			if (space_before)
				break;
			c = ' ';
		}
		space_before = (c == ' ');
		dst[i] = (uint8_t) (lower && (uint8_t) (c - 'A') < 26 ? c | 0x20 : c);
	}
	return i;
}

void
fo_classify_portable(const uint8_t *buf, size_t len, const uint64_t *nonword, uint64_t *words)
{
	for (size_t at = 0; at < len; at += 64)
	{
		size_t		n = len - at < 64 ? len - at : 64;
		uint64_t	bits = 0;

		for (size_t i = 0; i < n; i++)
		{
			uint8_t		c = buf[at + i];

			bits |= (uint64_t) (c >= 0x80 || fo_ascii_word(c)) << i;
		}
		if (nonword != NULL)
			bits &= ~nonword[at / 64];
		words[at / 64] = bits;
	}
}

size_t
fo_positions_portable(const uint64_t *bits, size_t n, uint32_t *out)
{
	size_t		count = 0;

	for (size_t w = 0; w < n; w++)
	{
		for (uint64_t rest = bits[w]; rest != 0; rest &= rest - 1)
			out[count++] = (uint32_t) (w * 64) + (uint32_t) __builtin_ctzll(rest);
	}
	return count;
}

static const FoKernel portable = {
	"portable", fo_regular_portable, fo_fold_portable, NULL, fo_classify_portable, NULL, NULL, NULL,
	fo_positions_portable, false
};

/* Multiply the bits of x with a matrix, as the instruction GF2P8AFFINEQB does. */
static uint8_t
multiply(uint64_t matrix, uint8_t x)
{
	unsigned	result = 0;

	for (int i = 0; i < 8; i++)
		result |= (unsigned) __builtin_parity((unsigned) (matrix >> 8 * (7 - i) & x)) << i;
	return (uint8_t) result;
}

/* Add four bytes to the tables of wide kernels. */
static void
add_wide(FoSieve *sieve, const uint8_t c[FO_SIEVE_LETTERS])
{
	uint8_t		s1 = multiply(MATRIX_A, c[0]) ^ c[1];
	uint8_t		s2 = multiply(MATRIX_A, s1) ^ c[2];
	uint8_t		other = multiply(MATRIX_B, s1) ^ multiply(MATRIX_C, s2);
	uint8_t		row[2];

	row[0] = multiply(MATRIX_A, s2) ^ c[3];
	row[1] = multiply(MATRIX_D, row[0]) ^ other;
	for (int k = 0; k < 2; k++)
	{
		uint8_t		bit = (uint8_t) (1 << (other >> 3 * k & 7));

		sieve->rows[k][row[k]] |= bit;
		if (sieve->few)
			sieve->rows[k][row[k] ^ 0x80] |= bit;
	}
}

/* Add four bytes to the tables of narrow kernels. */
static void
add_narrow(FoSieve *sieve, const uint8_t c[FO_SIEVE_LETTERS])
{
	uint32_t	first = c[0] | (uint32_t) c[1] << 8;
	uint32_t	second = c[2] | (uint32_t) c[3] << 8;
	uint32_t	hash = first * SIEVE_FACTOR_1 + second * SIEVE_FACTOR_2;
	uint8_t		high = (uint8_t) (hash >> 8);
	uint8_t		low = (uint8_t) hash;
	uint8_t		bit = (uint8_t) (1 << (low & 7));

	if (sieve->narrow_rows == 16)
	{
		sieve->narrow[high & 15] |= bit;
		sieve->narrow[16 + (high >> 4)] |= bit;
		sieve->narrow[32 + (low >> 4)] |= bit;
		return;
	}
	sieve->narrow[high % sieve->narrow_rows] |= bit;
	sieve->narrow[sieve->narrow_rows + low % sieve->narrow_rows] |= (uint8_t) (1 << (high & 7));
}

/*
 * Rows of the narrow tables of a sieve for so many patterns.  Only few positions
 * of a text begin words, so that it pays less to tell them apart.
 */
uint32_t
fo_sieve_rows(uint32_t npatterns, bool words)
{
	if (npatterns <= VERY_FEW_PATTERNS)
		return 16;
	return (npatterns <= FEW_PATTERNS ? 128 : 256) / (words ? 2 : 1);
}

/* Bytes of a sieve with so many rows in its narrow tables. */
size_t
fo_sieve_size(uint64_t narrow_rows)
{
	return offsetof(FoSieve, narrow) + (narrow_rows == 16 ? 48 : 2 * narrow_rows);
}

/* Empty a sieve for so many patterns. */
void
fo_sieve_begin(FoSieve *sieve, uint32_t npatterns, bool words)
{
	uint32_t	rows = fo_sieve_rows(npatterns, words);

	memset(sieve, 0, fo_sieve_size(rows));
	sieve->few = npatterns <= (words ? FEW_PATTERNS : FEW_GRAMS);
	sieve->narrow_rows = rows;
}

/*
 * Add a pattern of len bytes at p to a sieve; FO_SIEVE_BYTES of them are looked
 * at, zeros if there are fewer, but only FO_SIEVE_LETTERS in the narrow tables.
 */
void
fo_sieve_add(FoSieve *sieve, const uint8_t *p, uint32_t len)
{
	/* To which letter a byte further on is added; 4: to none. */
	static const uint8_t added_to[FO_SIEVE_BYTES] = {0, 1, 2, 3, 2, 3, 4, 1, 0, 4, 3, 2};
	uint8_t		c[FO_SIEVE_LETTERS] = {0};

	for (uint32_t k = 0; k < len && k < FO_SIEVE_LETTERS; k++)
		c[k] = p[k] | 0x20;
	add_narrow(sieve, c);
	for (uint32_t k = FO_SIEVE_LETTERS; k < len && k < FO_SIEVE_BYTES; k++)
	{
		if (p[k] >= 0x80 && added_to[k] < FO_SIEVE_LETTERS)
			c[added_to[k]] ^= multiply(MATRIX_E, p[k]);
	}
	add_wide(sieve, c);
}

#ifdef FO_KERNEL_X86

static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
		__builtin_cpu_supports("bmi2");
}

static bool
has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static bool
has_vbmi(void)
{
	return has_avx512() && __builtin_cpu_supports("avx512vbmi") &&
		__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
		__builtin_cpu_supports("gfni");
}

#endif

/*
 * The kernel of that name ("portable", "neon", "avx2", "avx512", "avx512vbmi"), or NULL
 * if it cannot run here.
 */
const FoKernel *
fo_kernel_named(const char *name)
{
#ifdef FO_KERNEL_X86
	if (strcmp(name, "avx512vbmi") == 0)
		return has_vbmi() ? &fo_kernel_vbmi : NULL;
	if (strcmp(name, "avx512") == 0)
		return has_avx512() ? &fo_kernel_avx512 : NULL;
	if (strcmp(name, "avx2") == 0)
		return has_avx2() ? &fo_kernel_avx2 : NULL;
#endif
#ifdef FO_KERNEL_NEON
	if (strcmp(name, "neon") == 0)
		return &fo_kernel_neon;
#endif
	return strcmp(name, "portable") == 0 ? &portable : NULL;
}

/* The fastest kernel of this processor. */
const FoKernel *
fo_kernel(void)
{
	static const char *const names[] = {"avx512vbmi", "avx512", "avx2", "neon"};
	static const FoKernel *chosen = NULL;

	for (int i = 0; chosen == NULL && i < 4; i++)
		chosen = fo_kernel_named(names[i]);
	if (chosen == NULL)
		chosen = &portable;
	return chosen;
}
