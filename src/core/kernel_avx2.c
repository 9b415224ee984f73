/*
 * kernel_avx2.c
 *		The inner loops by AVX2.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_X86

#include <string.h>

typedef uint8_t V32 __attribute__((vector_size(32)));

#define V V32
#define V_TARGET AVX2
#define V_LOAD(p) ((V32) _mm256_loadu_si256((const __m256i *) (const void *) (p)))
#define V_TABLE(p) \
	((V32) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) (const void *) (p))))
#define V_LOOKUP(t, v) ((V32) _mm256_shuffle_epi8((__m256i) (t), (__m256i) (v)))
#define V_CHOOSE(v, n, a, b) \
	((V32) _mm256_blendv_epi8((__m256i) (a), (__m256i) (b), \
							  _mm256_slli_epi16((__m256i) (v), 7 - (n))))
#define V_AHEAD(a, b, n) \
	((V32) _mm256_alignr_epi8(_mm256_permute2x128_si256((__m256i) (a), (__m256i) (b), 0x21), \
							  (__m256i) (a), n))
#define V_TOP_BITS(v) ((uint64_t) (uint32_t) _mm256_movemask_epi8((__m256i) (v)))

#include "core/kernel_sieve.h"

/* Bytes of v from lo on, count of them, as all-ones; the rest zero. */
AVX2 static inline __m256i
in_range_avx2(__m256i v, uint8_t lo, uint8_t count)
{
	__m256i		offset = _mm256_sub_epi8(v, _mm256_set1_epi8((char) lo));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, _mm256_set1_epi8((char) (count - 1))),
							 offset);
}

/* Which of 32 bytes, before which there is another, are not regular? */
AVX2 static inline __m256i
irregular_avx2(const uint8_t *p)
{
	__m256i		blank = _mm256_set1_epi8(' ');
	__m256i		v = _mm256_loadu_si256((const __m256i *) p);
	__m256i		before = _mm256_loadu_si256((const __m256i *) (p - 1));
	__m256i		control = _mm256_cmpeq_epi8(_mm256_max_epu8(v, blank), blank);
	__m256i		single = _mm256_andnot_si256(_mm256_cmpeq_epi8(before, blank),
											 _mm256_cmpeq_epi8(v, blank));

	return _mm256_andnot_si256(single, control);
}

AVX2 static bool
regular_avx2(const uint8_t *src, size_t n)
{
	__m256i		wrong = _mm256_setzero_si256();
	size_t		i;

	if (n < 33)
		return fo_regular_portable(src, n);
	for (i = 1; i + 32 < n; i += 32)
		wrong = _mm256_or_si256(wrong, irregular_avx2(src + i));
	wrong = _mm256_or_si256(wrong, irregular_avx2(src + n - 32));
	return _mm256_testz_si256(wrong, wrong) && src[0] >= ' ';
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

const FoKernel fo_kernel_avx2 = {
	"avx2", regular_avx2, fold_avx2, NULL, classify_avx2, sieve_v, sieve_words_v, sift_words_v,
	fo_positions_portable, true
};

#endif
