/*
 * kernel_x86.c
 *		The inner loops by AVX-512.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_X86

typedef uint8_t V64 __attribute__((vector_size(64)));

#define V V64
#define V_TARGET AVX512
#define V_LOAD(p) ((V64) _mm512_loadu_si512(p))
#define V_TABLE(p) \
	((V64) _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *) (const void *) (p))))
#define V_LOOKUP(t, v) ((V64) _mm512_shuffle_epi8((__m512i) (t), (__m512i) (v)))
#define V_CHOOSE(v, n, a, b) \
	((V64) _mm512_mask_blend_epi8(_mm512_movepi8_mask(_mm512_slli_epi16((__m512i) (v), 7 - (n))), \
								  (__m512i) (a), (__m512i) (b)))
#define V_AHEAD(a, b, n) \
	((V64) _mm512_alignr_epi8(_mm512_alignr_epi64((__m512i) (b), (__m512i) (a), 2), \
							  (__m512i) (a), n))
#define V_TOP_BITS(v) ((uint64_t) _mm512_movepi8_mask((__m512i) (v)))

#include "core/kernel_sieve.h"

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

const FoKernel fo_kernel_avx512 = {
	"avx512", fo_regular_avx512, fo_fold_avx512, NULL, fo_classify_avx512,
	sieve_v, sieve_words_v, sift_words_v, fo_positions_portable, true
};

#endif
