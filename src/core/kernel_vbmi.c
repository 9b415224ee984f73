/*
 * kernel_vbmi.c
 *		Sieves in vector registers, for processors with AVX-512 VBMI and GFNI.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_X86

static const uint8_t numbers[64] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
};

/* The two tables of a sieve, in registers: four runs of 64 rows each. */
typedef struct SieveRegisters
{
	__m512i		part[2][4];
} SieveRegisters;

VBMI INLINE SieveRegisters
load_sieve(const FoSieve *sieve)
{
	const uint8_t *rows = sieve->rows[0];
	SieveRegisters registers;

	/* A loop would be compiled to one through memory. */
	registers.part[0][0] = _mm512_loadu_si512(rows);
	registers.part[0][1] = _mm512_loadu_si512(rows + 64);
	registers.part[0][2] = _mm512_loadu_si512(rows + 128);
	registers.part[0][3] = _mm512_loadu_si512(rows + 192);
	registers.part[1][0] = _mm512_loadu_si512(rows + 256);
	registers.part[1][1] = _mm512_loadu_si512(rows + 320);
	registers.part[1][2] = _mm512_loadu_si512(rows + 384);
	registers.part[1][3] = _mm512_loadu_si512(rows + 448);
	return registers;
}

/* Multiply the bits of each byte with a matrix. */
VBMI INLINE __m512i
multiply_all(__m512i bytes, uint64_t matrix)
{
	return _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64((long long) matrix), 0);
}

/*
 * In which bytes does the row of the table have the bit that n numbers?  In a
 * table of few patterns the halves are alike.
 */
VBMI INLINE uint64_t
has_bit(const __m512i part[4], __m512i rows, __m512i n, bool few)
{
	__m512i		powers = _mm512_set1_epi64((long long) UINT64_C(0x8040201008040201));
	__m512i		bit = _mm512_shuffle_epi8(powers, _mm512_and_si512(n, _mm512_set1_epi8(7)));
	__m512i		row = _mm512_permutex2var_epi8(part[0], rows, part[1]);

	if (!few)
		row = _mm512_mask_mov_epi8(row, _mm512_movepi8_mask(rows),
								   _mm512_permutex2var_epi8(part[2], rows, part[3]));
	return _mm512_test_epi8_mask(row, bit);
}

/* Which of 64 positions pass the sieve, going by the bytes there and the three behind. */
VBMI INLINE uint64_t
pass(const SieveRegisters *registers, __m512i c0, __m512i c1, __m512i c2, __m512i c3, bool few)
{
	__m512i		s1 = _mm512_xor_si512(multiply_all(c0, MATRIX_A), c1);
	__m512i		s2 = _mm512_xor_si512(multiply_all(s1, MATRIX_A), c2);
	__m512i		row = _mm512_xor_si512(multiply_all(s2, MATRIX_A), c3);
	__m512i		other = _mm512_xor_si512(multiply_all(s1, MATRIX_B), multiply_all(s2, MATRIX_C));
	__m512i		row2 = _mm512_xor_si512(multiply_all(row, MATRIX_D), other);

	return has_bit(registers->part[0], row, other, few) &
		has_bit(registers->part[1], row2, _mm512_srli_epi16(other, 3), few);
}

/* A mask of the first n of 64 bytes. */
VBMI INLINE __mmask64
first_bytes(size_t n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* The first n bytes at p, at most 64, continued with zeros.  Loads by a mask are slower. */
VBMI INLINE __m512i
load_first(const uint8_t *p, size_t n)
{
	return n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(first_bytes(n), p);
}

/* The bytes at p that mask selects, with bit 5 set; the others zero, and not touched. */
VBMI INLINE __m512i
load_letters(const uint8_t *p, __mmask64 mask)
{
	return _mm512_or_si512(_mm512_maskz_loadu_epi8(mask, p),
						   _mm512_maskz_mov_epi8(mask, _mm512_set1_epi8(0x20)));
}

/* Add to letters what the bytes at p tell that mask selects and that are over 127. */
VBMI INLINE __m512i
add_high(__m512i letters, const uint8_t *p, __mmask64 mask)
{
	__m512i		matrix = _mm512_set1_epi64((long long) MATRIX_E);
	__m512i		bytes = _mm512_maskz_loadu_epi8(mask, p);
	__mmask64	high = _mm512_movepi8_mask(bytes);

	return _mm512_xor_si512(letters,
							_mm512_maskz_gf2p8affine_epi64_epi8(high, bytes, matrix, 0));
}

/* Four letters at each of 64 positions. */
typedef struct Letters
{
	__m512i		c[FO_SIEVE_LETTERS];
} Letters;

VBMI INLINE uint64_t
pass_letters(const SieveRegisters *registers, const Letters *letters, bool few)
{
	return pass(registers, letters->c[0], letters->c[1], letters->c[2], letters->c[3], few);
}

/* A mask of those of 64 positions, n of them in the text, that have a byte k further on. */
VBMI INLINE __mmask64
reaching(size_t n, size_t k)
{
	return n <= k ? 0 : first_bytes(n - k);
}

/*
 * Which of the n bytes at p begin what passes the sieve, going by so many
 * letters, or bytes if they are more?
 */
VBMI INLINE uint64_t
pass_grams(const SieveRegisters *registers, const uint8_t *p, size_t n, int letters, bool few)
{
	__m512i		blind = _mm512_set1_epi8(0x20);
	__mmask64	fourth = letters > 3 ? ~UINT64_C(0) : 0;
	Letters		l;

	if (n >= 64 + FO_SIEVE_BYTES)
	{
		l.c[0] = _mm512_or_si512(_mm512_loadu_si512(p), blind);
		l.c[1] = _mm512_or_si512(_mm512_loadu_si512(p + 1), blind);
		l.c[2] = _mm512_or_si512(_mm512_loadu_si512(p + 2), blind);
		l.c[3] = _mm512_maskz_mov_epi8(fourth, _mm512_or_si512(_mm512_loadu_si512(p + 3), blind));
	}
	else
	{
		l.c[0] = load_letters(p, first_bytes(n));
		l.c[1] = load_letters(p + 1, reaching(n, 1));
		l.c[2] = load_letters(p + 2, reaching(n, 2));
		l.c[3] = load_letters(p + 3, fourth & reaching(n, 3));
	}
	if (letters > FO_SIEVE_LETTERS)
	{
		l.c[2] = add_high(l.c[2], p + 4, reaching(n, 4));
		l.c[3] = add_high(l.c[3], p + 5, reaching(n, 5));
	}
	if (letters == FO_SIEVE_BYTES)
	{
		l.c[1] = add_high(l.c[1], p + 7, reaching(n, 7));
		l.c[0] = add_high(l.c[0], p + 8, reaching(n, 8));
		l.c[3] = add_high(l.c[3], p + 10, reaching(n, 10));
		l.c[2] = add_high(l.c[2], p + 11, reaching(n, 11));
	}
	return first_bytes(n) & pass_letters(registers, &l, few);
}

/* In which of 64 bytes does a character of several bytes begin? */
VBMI INLINE uint64_t
lead_bits(__m512i v)
{
	return _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char) 0xC0));
}

/* With so many such characters among 64 bytes a text is better folded. */
#define MANY_LEADS 6

/* Note the characters of several bytes in v; false if they are many. */
VBMI INLINE bool
note_leads(__m512i v, uint64_t *leads, FoSifted *all)
{
	*leads = lead_bits(v);
	all->high |= _mm512_movepi8_mask(v) != 0;
	if (__builtin_popcountll(*leads) <= MANY_LEADS)
		return true;
	all->high = FO_MANY_HIGH;
	return false;
}

VBMI INLINE FoSifted
sieve_grams(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve,
			uint64_t *out, uint64_t *leads, bool few)
{
	SieveRegisters registers = load_sieve(sieve);
	FoSifted	all = {0, 0};

	for (size_t at = 0; at < len; at += 64)
	{
		uint64_t	candidates = pass_grams(&registers, buf + at, len - at, letters, few);

		if (leads != NULL &&
			!note_leads(load_first(buf + at, len - at), &leads[at / 64], &all))
			return all;
		out[at / 64] = candidates;
		all.candidates |= candidates;
	}
	return all;
}

VBMI static FoSifted
sieve_vbmi(const uint8_t *buf, size_t len, int letters, const FoSieve *sieve,
		   uint64_t *out, uint64_t *leads)
{
	if (letters == FO_SIEVE_BYTES)
		return sieve_grams(buf, len, FO_SIEVE_BYTES, sieve, out, leads, false);
	if (letters > FO_SIEVE_LETTERS)
		return sieve_grams(buf, len, FO_SIEVE_LETTERS + 2, sieve, out, leads, false);
	return sieve->few ? sieve_grams(buf, len, letters, sieve, out, leads, true)
		: sieve_grams(buf, len, letters, sieve, out, leads, false);
}

/*
 * What each ASCII character counts as in a word: a letter as lower case, with
 * bit 5 set as everywhere in a sieve, a digit as itself, anything else as zero.
 */
static const char word_letters[129] =
"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
"0123456789\0\0\0\0\0\0"
"\0abcdefghijklmnopqrstuvwxyz\0\0\0\0\0"
"\0abcdefghijklmnopqrstuvwxyz\0\0\0\0\0";

/* What each of 64 bytes counts as in a word. */
VBMI INLINE __m512i
as_word_letters(__m512i v)
{
	/*
	 * Indexes have seven bits, so that 128 and all bytes over it count as
	 * byte zero.
	 */
	return _mm512_permutex2var_epi8(_mm512_loadu_si512(word_letters),
									_mm512_min_epu8(v, _mm512_set1_epi8((char) 0x80)),
									_mm512_loadu_si512(word_letters + 64));
}

/* Bytes of v where those of where are not zero. */
VBMI INLINE __m512i
where_not_zero(__m512i where, __m512i v)
{
	return _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(where, where), v);
}

VBMI INLINE FoSifted
sift(const uint8_t *src, size_t len, const FoSieve *sieve,
	 uint64_t *words, uint64_t *out, uint64_t *leads, bool few)
{
	SieveRegisters registers = load_sieve(sieve);
	__m512i		v = load_first(src, len);
	__m512i		c0 = as_word_letters(v);
	FoSifted	all = {0, 0};
	uint64_t	carry = 0;

	for (size_t at = 0; at < len; at += 64)
	{
		size_t		rest = len - at < 64 ? 0 : len - at - 64;
		__m512i		v_next = load_first(src + at + 64, rest);
		__m512i		next = as_word_letters(v_next);
		__m512i		sixteen_on = _mm512_alignr_epi64(next, c0, 2);
		__m512i		c1 = _mm512_alignr_epi8(sixteen_on, c0, 1);
		__m512i		c2 = where_not_zero(c1, _mm512_alignr_epi8(sixteen_on, c0, 2));
		__m512i		c3 = where_not_zero(c2, _mm512_alignr_epi8(sixteen_on, c0, 3));
		uint64_t	word = _mm512_test_epi8_mask(c0, c0);
		uint64_t	starts = word & ~(word << 1 | carry);
		uint64_t	candidates = starts & pass(&registers, c0, c1, c2, c3, few);

		words[at / 64] = word;
		out[at / 64] = candidates;
		all.candidates |= candidates;
		if (!note_leads(v, &leads[at / 64], &all))
			return all;
		carry = word >> 63;
		v = v_next;
		c0 = next;
	}
	return all;
}

VBMI static FoSifted
sift_words_vbmi(const uint8_t *src, size_t len, const FoSieve *sieve,
				uint64_t *words, uint64_t *out, uint64_t *leads)
{
	return sieve->few ? sift(src, len, sieve, words, out, leads, true)
		: sift(src, len, sieve, words, out, leads, false);
}

/* Which of up to 64 bytes, n of them, belong to words? */
VBMI INLINE uint64_t
word_bits_of(const uint8_t *p, size_t n, const uint64_t *nonword)
{
	uint64_t	bits = fo_word_bits(_mm512_maskz_loadu_epi8(first_bytes(n), p));

	return nonword == NULL ? bits : bits & ~*nonword;
}

/* Is one of the first n bytes at p, from 64 to 128, over 127?  rest of them are there. */
VBMI INLINE bool
has_high(const uint8_t *p, size_t rest, size_t n)
{
	__m512i		first = load_first(p, rest);
	size_t		on = n - 64;

	return _mm512_movepi8_mask(rest <= on ? first
							   : _mm512_or_si512(first, load_first(p + on, rest - on))) != 0;
}

/* Add what comes from the fifth letter on in the words at p; has_fourth tells which have four. */
VBMI INLINE void
add_long_words(Letters *letters, const uint8_t *p, uint64_t has_fourth,
			   uint64_t here, uint64_t next)
{
	uint64_t	run = has_fourth;
	uint64_t	has[FO_SIEVE_BYTES];

	for (int k = 4; k < FO_SIEVE_BYTES; k++)
		has[k] = run &= here >> k | next << (64 - k);
	letters->c[2] = add_high(letters->c[2], p + 4, has[4]);
	letters->c[3] = add_high(letters->c[3], p + 5, has[5]);
	letters->c[1] = add_high(letters->c[1], p + 7, has[7]);
	letters->c[0] = add_high(letters->c[0], p + 8, has[8]);
	letters->c[3] = add_high(letters->c[3], p + 10, has[10]);
	letters->c[2] = add_high(letters->c[2], p + 11, has[11]);
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
		Letters		letters = {{load_letters(p, here), load_letters(p + 1, second),
			load_letters(p + 2, third), load_letters(p + 3, fourth)}};

		/* Up to the last byte that a word which begins here is known by. */
		if (has_high(p, len - at, 64 + FO_SIEVE_BYTES - 1))
			add_long_words(&letters, p, fourth, here, next);
		words[at / 64] = here;
		out[at / 64] = here & ~(here << 1 | before >> 63) &
			pass_letters(&registers, &letters, false);
		before = here;
		here = next;
	}
}

VBMI static size_t
positions_vbmi(const uint64_t *bits, size_t n, uint32_t *out)
{
	size_t		count = 0;

	for (size_t w = 0; w < n; w++)
	{
		__m512i		set = _mm512_maskz_compress_epi8(bits[w], _mm512_loadu_si512(numbers));
		__m512i		base = _mm512_set1_epi32((int) (w * 64));
		int			here = __builtin_popcountll(bits[w]);

		for (int i = 0; i < here; i += 16)
		{
			__m512i		offsets = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(set));

			_mm512_storeu_si512(out + count + i, _mm512_add_epi32(base, offsets));
			set = _mm512_alignr_epi64(set, set, 2);
		}
		count += (size_t) here;
	}
	return count;
}

const FoKernel fo_kernel_vbmi = {
	"avx512vbmi", fo_regular_avx512, fo_fold_avx512, fo_fold_text_vbmi, fo_classify_avx512,
	sieve_vbmi, sieve_words_vbmi, sift_words_vbmi, positions_vbmi, false
};

#endif
