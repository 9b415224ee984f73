/*
 * kernel.c
 *		Portable and x86 forms of the inner loops, chosen at run time.
 *
 * The sieve is a Bloom filter over the first four bytes at a position, held in
 * vector registers: 64 positions are hashed at once by multiplying their bits
 * with fixed matrices over GF(2), and each looks its two bits up by a byte
 * permutation.  With n patterns in it, a position that begins none of them
 * passes with probability of about (1 - exp(-n / 2048)) squared: 0.2 % for 100
 * patterns, 15 % for 1 000.  (The idea of a filter in registers is that of
 * Teddy, Wang et al., "Hyperscan", NSDI 2019, which groups patterns by nibbles
 * instead; hashing lets ten times as many patterns in.)
 */
#include "core/kernel.h"

#include <string.h>

#include "core/unicode.h"

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

static bool
ascii_portable(const uint8_t *src, size_t n)
{
	uint64_t	all = 0;
	size_t		i;

	for (i = 0; i + 8 <= n; i += 8)
		all |= load64(src + i);
	for (; i < n; i++)
		all |= src[i];
	return (all & HIGH_BITS) == 0;
}

static size_t
fold_portable(const uint8_t *src, size_t n, uint8_t *dst,
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

static void
classify_portable(const uint8_t *buf, size_t len, const uint64_t *nonword, uint64_t *words)
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

static size_t
positions_portable(const uint64_t *bits, size_t n, uint32_t *out)
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
	"portable", ascii_portable, fold_portable, classify_portable, NULL, NULL, positions_portable
};

/*
 * The hash of bytes c0 to c3, all with bit 5 set to be blind to case unless
 * absent, over GF(2), with random invertible matrices:
 *	s1 = A c0 + c1,  s2 = A s1 + c2,  row = A s2 + c3  (Horner's rule),
 *	other = B s1 + C s2,  and the row in the second table is D row + other.
 * The bits are numbered by bits 0 to 2 and 3 to 5 of other.
 */
#define MATRIX_A UINT64_C(0xFA92823DA163AC9E)
#define MATRIX_B UINT64_C(0x2CC068282FFF2491)
#define MATRIX_C UINT64_C(0xB3F85AA89DF9C42B)
#define MATRIX_D UINT64_C(0xB6A60F3B7CD951E9)

/* Multiply the bits of x with a matrix, as the instruction GF2P8AFFINEQB does. */
static uint8_t
multiply(uint64_t matrix, uint8_t x)
{
	unsigned	result = 0;

	for (int i = 0; i < 8; i++)
		result |= (unsigned) __builtin_parity((unsigned) (matrix >> 8 * (7 - i) & x)) << i;
	return (uint8_t) result;
}

/* Where the first len (at most 4) bytes at p, continued with zeros, lie in a sieve. */
FoSieveHash
fo_sieve_hash(const uint8_t *p, uint32_t len)
{
	uint8_t		c[FO_SIEVE_LETTERS] = {0};
	uint8_t		s1;
	uint8_t		s2;
	uint8_t		row;
	uint8_t		other;

	for (uint32_t k = 0; k < len && k < FO_SIEVE_LETTERS; k++)
		c[k] = p[k] | 0x20;
	s1 = multiply(MATRIX_A, c[0]) ^ c[1];
	s2 = multiply(MATRIX_A, s1) ^ c[2];
	row = multiply(MATRIX_A, s2) ^ c[3];
	other = multiply(MATRIX_B, s1) ^ multiply(MATRIX_C, s2);
	return (FoSieveHash) {{row, multiply(MATRIX_D, row) ^ other}, {other & 7, other >> 3 & 7}};
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi")))
#define INLINE static inline __attribute__((always_inline))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi")))
#define VBMI \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,gfni,bmi,popcnt")))

/* Bytes of v from lo on, count of them, as all-ones; the rest zero. */
AVX2 static inline __m256i
in_range_avx2(__m256i v, uint8_t lo, uint8_t count)
{
	__m256i		offset = _mm256_sub_epi8(v, _mm256_set1_epi8((char) lo));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, _mm256_set1_epi8((char) (count - 1))),
							 offset);
}

AVX2 static bool
ascii_avx2(const uint8_t *src, size_t n)
{
	__m256i		all = _mm256_setzero_si256();
	size_t		i;

	for (i = 0; i + 32 <= n; i += 32)
		all = _mm256_or_si256(all, _mm256_loadu_si256((const __m256i *) (src + i)));
	return _mm256_movemask_epi8(all) == 0 && ascii_portable(src + i, n - i);
}

AVX2 static size_t
fold_avx2(const uint8_t *src, size_t n, uint8_t *dst,
		  bool lower, bool collapse, bool space_before)
{
	uint32_t	carry = space_before;

	for (size_t i = 0; i < n; i += 32)
	{
		uint8_t		tail[32] = {0};
		const uint8_t *from = src + i;
		uint32_t	stop;
		__m256i		v;

		if (n - i < 32)
			from = memcpy(tail, from, n - i);
		v = _mm256_loadu_si256((const __m256i *) from);
		stop = (uint32_t) _mm256_movemask_epi8(v);
		if (lower)
			v = _mm256_or_si256(v, _mm256_and_si256(in_range_avx2(v, 'A', 26),
													_mm256_set1_epi8(0x20)));
		if (collapse)
		{
			__m256i		space = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(' ')),
												in_range_avx2(v, '\t', 5));
			uint32_t	spaces = (uint32_t) _mm256_movemask_epi8(space);

			stop |= spaces & (spaces << 1 | carry);
			carry = spaces >> 31;
			v = _mm256_blendv_epi8(v, _mm256_set1_epi8(' '), space);
		}
		_mm256_storeu_si256((__m256i *) (dst + i), v);
		if (stop != 0)
			return i + (size_t) __builtin_ctz(stop);
	}
	return n;
}

AVX2 static uint32_t
word_bits_avx2(const uint8_t *p)
{
	__m256i		v = _mm256_loadu_si256((const __m256i *) p);
	__m256i		letter = in_range_avx2(_mm256_or_si256(v, _mm256_set1_epi8(0x20)), 'a', 26);
	__m256i		word = _mm256_or_si256(_mm256_or_si256(letter, in_range_avx2(v, '0', 10)), v);

	return (uint32_t) _mm256_movemask_epi8(word);
}

AVX2 static void
classify_avx2(const uint8_t *buf, size_t len, const uint64_t *nonword, uint64_t *words)
{
	size_t		at;

	for (at = 0; at < len; at += 64)
	{
		uint64_t	bits = word_bits_avx2(buf + at);

		if (at + 32 < len)
			bits |= (uint64_t) word_bits_avx2(buf + at + 32) << 32;
		if (nonword != NULL)
			bits &= ~nonword[at / 64];
		words[at / 64] = bits;
	}
	if (len % 64 != 0)
		words[len / 64] &= (UINT64_C(1) << len % 64) - 1;
}

AVX512 static bool
ascii_avx512(const uint8_t *src, size_t n)
{
	__m512i		all = _mm512_setzero_si512();
	size_t		i;

	for (i = 0; i + 64 <= n; i += 64)
		all = _mm512_or_si512(all, _mm512_loadu_si512(src + i));
	if (i < n)
		all = _mm512_or_si512(all, _mm512_maskz_loadu_epi8((UINT64_C(1) << (n - i)) - 1, src + i));
	return _mm512_movepi8_mask(all) == 0;
}

/* Lower-case the ASCII letters of 64 bytes. */
AVX512 INLINE __m512i
lower_avx512(__m512i v)
{
	__m512i		offset = _mm512_sub_epi8(v, _mm512_set1_epi8('A'));
	__mmask64	upper = _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(26));

	return _mm512_mask_add_epi8(v, upper, v, _mm512_set1_epi8(0x20));
}

/*
 * Blocks that hold nothing but printing ASCII and single blanks; returns where
 * the first other one begins.  src[-1] must be readable.
 */
AVX512 static size_t
fold_plain_avx512(const uint8_t *src, size_t n, uint8_t *dst, bool lower)
{
	__m512i		blank = _mm512_set1_epi8(' ');
	size_t		i;

	for (i = 0; i + 64 <= n; i += 64)
	{
		__m512i		v = _mm512_loadu_si512(src + i);
		__mmask64	spaces = _mm512_cmple_epu8_mask(v, blank);
		__m512i		before = _mm512_loadu_si512(src + i - 1);
		__mmask64	pairs = _mm512_mask_cmple_epu8_mask(spaces, before, blank);

		/*
		 * As signed numbers, controls and bytes over 127 are both below the
		 * blank.
		 */
		if ((pairs | _mm512_cmplt_epi8_mask(v, blank)) != 0)
			break;
		_mm512_storeu_si512(dst + i, lower ? lower_avx512(v) : v);
	}
	return i;
}

AVX512 static size_t
fold_avx512(const uint8_t *src, size_t n, uint8_t *dst,
			bool lower, bool collapse, bool space_before)
{
	uint64_t	carry = space_before;

	for (size_t i = 0; i < n; i += 64)
	{
		uint64_t	present;
		uint64_t	stop;
		__m512i		v;

		if (i > 0 && n - i >= 64)
		{
			size_t		plain = fold_plain_avx512(src + i, n - i, dst + i, lower);

			i += plain;
			if (plain > 0)
				carry = src[i - 1] == ' ';
			if (i == n)
				break;
		}
		present = n - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (n - i)) - 1;
		v = _mm512_maskz_loadu_epi8(present, src + i);
		stop = _mm512_movepi8_mask(v);
		if (lower)
			v = lower_avx512(v);
		if (collapse)
		{
			__m512i		offset = _mm512_sub_epi8(v, _mm512_set1_epi8('\t'));
			uint64_t	spaces = _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(5)) |
				_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' '));

			stop |= spaces & (spaces << 1 | carry);
			carry = spaces >> 63;
			v = _mm512_mask_mov_epi8(v, spaces, _mm512_set1_epi8(' '));
		}
		_mm512_storeu_si512(dst + i, v);
		if (stop != 0)
			return i + (size_t) __builtin_ctzll(stop);
	}
	return n;
}

/* Which of 64 bytes are ASCII letters or digits, or over 127? */
AVX512 INLINE uint64_t
word_bits_avx512(__m512i v)
{
	__m512i		letter = _mm512_sub_epi8(_mm512_or_si512(v, _mm512_set1_epi8(0x20)),
										 _mm512_set1_epi8('a'));
	__m512i		digit = _mm512_sub_epi8(v, _mm512_set1_epi8('0'));

	return _mm512_cmplt_epu8_mask(letter, _mm512_set1_epi8(26)) |
		_mm512_cmplt_epu8_mask(digit, _mm512_set1_epi8(10)) | _mm512_movepi8_mask(v);
}

AVX512 static void
classify_avx512(const uint8_t *buf, size_t len, const uint64_t *nonword, uint64_t *words)
{
	for (size_t at = 0; at < len; at += 64)
	{
		words[at / 64] = word_bits_avx512(_mm512_loadu_si512(buf + at));
		if (nonword != NULL)
			words[at / 64] &= ~nonword[at / 64];
	}
	if (len % 64 != 0)
		words[len / 64] &= (UINT64_C(1) << len % 64) - 1;
}

/* The two tables of a sieve, in registers. */
typedef struct SieveRegisters
{
	__m512i		part[2][4];
} SieveRegisters;

VBMI INLINE SieveRegisters
load_sieve(const FoSieve *sieve)
{
	SieveRegisters registers;

	for (int i = 0; i < 8; i++)
		registers.part[i / 4][i % 4] = _mm512_loadu_si512(&sieve->rows[i / 4][i % 4 * 64]);
	return registers;
}

/* Multiply the bits of each byte with a matrix. */
VBMI INLINE __m512i
multiply_all(__m512i bytes, uint64_t matrix)
{
	return _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64((long long) matrix), 0);
}

/* In which bytes does the row of the table have the bit that n numbers? */
VBMI INLINE uint64_t
has_bit(const __m512i part[4], __m512i rows, __m512i n)
{
	__m512i		powers = _mm512_set1_epi64((long long) UINT64_C(0x8040201008040201));
	__m512i		bit = _mm512_shuffle_epi8(powers, _mm512_and_si512(n, _mm512_set1_epi8(7)));
	__m512i		low = _mm512_permutex2var_epi8(part[0], rows, part[1]);
	__m512i		high = _mm512_permutex2var_epi8(part[2], rows, part[3]);

	return _mm512_test_epi8_mask(_mm512_mask_mov_epi8(low, _mm512_movepi8_mask(rows), high), bit);
}

/* Which of 64 positions pass the sieve, going by the bytes there and the three behind. */
VBMI INLINE uint64_t
pass(const SieveRegisters *registers, __m512i c0, __m512i c1, __m512i c2, __m512i c3)
{
	__m512i		s1 = _mm512_xor_si512(multiply_all(c0, MATRIX_A), c1);
	__m512i		s2 = _mm512_xor_si512(multiply_all(s1, MATRIX_A), c2);
	__m512i		row = _mm512_xor_si512(multiply_all(s2, MATRIX_A), c3);
	__m512i		other = _mm512_xor_si512(multiply_all(s1, MATRIX_B), multiply_all(s2, MATRIX_C));
	__m512i		row2 = _mm512_xor_si512(multiply_all(row, MATRIX_D), other);

	return has_bit(registers->part[0], row, other) &
		has_bit(registers->part[1], row2, _mm512_srli_epi16(other, 3));
}

/* The bytes at p that mask selects, with bit 5 set; the others zero, and not touched. */
VBMI INLINE __m512i
load_letters(const uint8_t *p, __mmask64 mask)
{
	return _mm512_or_si512(_mm512_maskz_loadu_epi8(mask, p),
						   _mm512_maskz_mov_epi8(mask, _mm512_set1_epi8(0x20)));
}

/* A mask of the first n of 64 bytes. */
VBMI INLINE __mmask64
first_bytes(size_t n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

VBMI static void
sieve_vbmi(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve, uint64_t *out)
{
	SieveRegisters registers = load_sieve(sieve);
	__m512i		blind = _mm512_set1_epi8(0x20);
	__mmask64	fourth = letters > 3 ? ~UINT64_C(0) : 0;
	size_t		at;

	for (at = 0; at + 64 + FO_SIEVE_LETTERS <= len; at += 64)
		out[at / 64] = pass(&registers, _mm512_or_si512(_mm512_loadu_si512(buf + at), blind),
							_mm512_or_si512(_mm512_loadu_si512(buf + at + 1), blind),
							_mm512_or_si512(_mm512_loadu_si512(buf + at + 2), blind),
							load_letters(buf + at + 3, fourth));
	for (; at < len; at += 64)
	{
		uint64_t	present = first_bytes(len - at);

		out[at / 64] = present &
			pass(&registers, load_letters(buf + at, present),
				 load_letters(buf + at + 1, first_bytes(len - at - 1)),
				 load_letters(buf + at + 2, first_bytes(len - at < 2 ? 0 : len - at - 2)),
				 load_letters(buf + at + 3, fourth & first_bytes(len - at < 3 ? 0 : len - at - 3)));
	}
}

/* Which of up to 64 bytes, n of them, belong to words? */
AVX512 INLINE uint64_t
word_bits_of(const uint8_t *p, size_t n, const uint64_t *nonword)
{
	uint64_t	present = n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
	uint64_t	bits = word_bits_avx512(_mm512_maskz_loadu_epi8(present, p));

	return nonword == NULL ? bits : bits & ~*nonword;
}

VBMI static void
sieve_words_vbmi(const uint8_t *buf, size_t len, const uint64_t *nonword,
				 const FoSieve *sieve, uint64_t *words, uint64_t *out)
{
	SieveRegisters registers = load_sieve(sieve);
	uint64_t	before = 0;
	uint64_t	here = word_bits_of(buf, len, nonword);

	for (size_t at = 0; at < len; at += 64)
	{
		const uint8_t *p = buf + at;
		uint64_t	next = at + 64 >= len ? 0
			: word_bits_of(p + 64, len - at - 64, nonword == NULL ? NULL : nonword + at / 64 + 1);
		uint64_t	second = here >> 1 | next << 63;
		uint64_t	third = second & (here >> 2 | next << 62);
		uint64_t	fourth = third & (here >> 3 | next << 61);

		words[at / 64] = here;
		out[at / 64] = here & ~(here << 1 | before >> 63) &
			pass(&registers, load_letters(p, here), load_letters(p + 1, second),
				 load_letters(p + 2, third), load_letters(p + 3, fourth));
		before = here;
		here = next;
	}
}

VBMI static size_t
positions_vbmi(const uint64_t *bits, size_t n, uint32_t *out)
{
	const __m512i iota = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50,
										 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
										 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22,
										 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8,
										 7, 6, 5, 4, 3, 2, 1, 0);
	size_t		count = 0;

	for (size_t w = 0; w < n; w++)
	{
		__m512i		numbers = _mm512_maskz_compress_epi8(bits[w], iota);
		__m512i		base = _mm512_set1_epi32((int) (w * 64));
		int			here = __builtin_popcountll(bits[w]);

		for (int i = 0; i < here; i += 16)
		{
			__m512i		few = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(numbers));

			_mm512_storeu_si512(out + count + i, _mm512_add_epi32(base, few));
			numbers = _mm512_alignr_epi64(numbers, numbers, 2);
		}
		count += (size_t) here;
	}
	return count;
}

static const FoKernel avx2 = {
	"avx2", ascii_avx2, fold_avx2, classify_avx2, NULL, NULL, positions_portable
};

static const FoKernel avx512 = {
	"avx512", ascii_avx512, fold_avx512, classify_avx512, NULL, NULL, positions_portable
};

static const FoKernel avx512vbmi = {
	"avx512vbmi", ascii_avx512, fold_avx512, classify_avx512,
	sieve_vbmi, sieve_words_vbmi, positions_vbmi
};

static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
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
		__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("gfni");
}

#endif							/* x86-64 */

/*
 * The kernel of that name ("portable", "avx2", "avx512", "avx512vbmi"), or NULL
 * if it cannot run here.
 */
const FoKernel *
fo_kernel_named(const char *name)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (strcmp(name, "avx512vbmi") == 0)
		return has_vbmi() ? &avx512vbmi : NULL;
	if (strcmp(name, "avx512") == 0)
		return has_avx512() ? &avx512 : NULL;
	if (strcmp(name, "avx2") == 0)
		return has_avx2() ? &avx2 : NULL;
#endif
	return strcmp(name, "portable") == 0 ? &portable : NULL;
}

/* The fastest kernel of this processor. */
const FoKernel *
fo_kernel(void)
{
	static const char *const names[] = {"avx512vbmi", "avx512", "avx2"};
	static const FoKernel *chosen = NULL;

	for (int i = 0; chosen == NULL && i < 3; i++)
		chosen = fo_kernel_named(names[i]);
	if (chosen == NULL)
		chosen = &portable;
	return chosen;
}
