/*
 * kernel_x86.c
 *		The inner loops by AVX2 and by AVX-512.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_X86

#include <string.h>

/* Bytes of v from lo on, count of them, as all-ones; the rest zero. */
AVX2 static inline __m256i
in_range_avx2(__m256i v, uint8_t lo, uint8_t count)
{
	__m256i		offset = _mm256_sub_epi8(v, _mm256_set1_epi8((char) lo));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, _mm256_set1_epi8((char) (count - 1))),
							 offset);
}

AVX2 static bool
regular_avx2(const uint8_t *src, size_t n)
{
	__m256i		blank = _mm256_set1_epi8(' ');
	__m256i		wrong = _mm256_setzero_si256();
	size_t		i;

	if (n < 33)
		return fo_regular_portable(src, n);
	for (i = 1; i + 32 <= n; i += 32)
	{
		__m256i		v = _mm256_loadu_si256((const __m256i *) (src + i));
		__m256i		before = _mm256_loadu_si256((const __m256i *) (src + i - 1));
		__m256i		control = _mm256_cmpeq_epi8(_mm256_max_epu8(v, blank), blank);
		__m256i		single = _mm256_andnot_si256(_mm256_cmpeq_epi8(before, blank),
												 _mm256_cmpeq_epi8(v, blank));

		wrong = _mm256_or_si256(wrong, _mm256_andnot_si256(single, control));
	}
	return _mm256_testz_si256(wrong, wrong) && src[0] >= ' ' &&
		fo_regular_portable(src + i - 1, n - i + 1);
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

AVX512 bool
fo_regular_avx512(const uint8_t *src, size_t n)
{
	__m512i		blank = _mm512_set1_epi8(' ');
	uint64_t	wrong = 0;
	uint64_t	carry = 0;

	for (size_t i = 0; i < n; i += 64)
	{
		uint64_t	present = n - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (n - i)) - 1;
		__m512i		v = _mm512_maskz_loadu_epi8(present, src + i);
		uint64_t	blanks = _mm512_cmpeq_epi8_mask(v, blank);

		wrong |= _mm512_mask_cmplt_epu8_mask(present, v, blank) | (blanks & (blanks << 1 | carry));
		carry = blanks >> 63;
	}
	return wrong == 0;
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

AVX512 size_t
fo_fold_avx512(const uint8_t *src, size_t n, uint8_t *dst,
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

AVX512 void
fo_classify_avx512(const uint8_t *buf, size_t len, const uint64_t *nonword, uint64_t *words)
{
	for (size_t at = 0; at < len; at += 64)
	{
		words[at / 64] = fo_word_bits(_mm512_loadu_si512(buf + at));
		if (nonword != NULL)
			words[at / 64] &= ~nonword[at / 64];
	}
	if (len % 64 != 0)
		words[len / 64] &= (UINT64_C(1) << len % 64) - 1;
}

const FoKernel fo_kernel_avx2 = {
	"avx2", regular_avx2, fold_avx2, NULL, classify_avx2, NULL, NULL, NULL, fo_positions_portable
};

const FoKernel fo_kernel_avx512 = {
	"avx512", fo_regular_avx512, fo_fold_avx512, NULL, fo_classify_avx512,
	NULL, NULL, NULL, fo_positions_portable
};

#endif
