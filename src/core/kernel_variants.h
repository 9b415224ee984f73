/*
 * kernel_variants.h
 *		What the files that implement kernels share.
 */
#ifndef FO_KERNEL_VARIANTS_H
#define FO_KERNEL_VARIANTS_H

#include "core/kernel.h"

/*
 * The hash of bytes c0 to c3, all with bit 5 set to be blind to case unless
 * absent, over GF(2), with random invertible matrices:
 *	s1 = A c0 + c1,  s2 = A s1 + c2,  row = A s2 + c3  (Horner's rule),
 *	other = B s1 + C s2,  and the row in the second table is D row + other.
 * The bits are numbered by bits 0 to 2 and 3 to 5 of other.  Four bytes
 * say too little where characters have several each: bytes further on that are
 * over 127 are multiplied with E and added before, c4 and c11 to c2, c5 and c10
 * to c3, c7 to c1 and c8 to c0.
 */
#define MATRIX_A UINT64_C(0xFA92823DA163AC9E)
#define MATRIX_B UINT64_C(0x2CC068282FFF2491)
#define MATRIX_C UINT64_C(0xB3F85AA89DF9C42B)
#define MATRIX_D UINT64_C(0xB6A60F3B7CD951E9)
#define MATRIX_E UINT64_C(0x627655DAA05F1119)

/*
 * The other hash of the same bytes, for processors without such an instruction:
 *	(c0 + 256 c1) factor 1 + (c2 + 256 c3) factor 2, modulo 65 536.
 * Of its two bytes the higher one numbers a row of the first table and the lower
 * one a row of the second.  Each numbers the bit in the other's table.
 */
#define SIEVE_FACTOR_1 0x7F4B
#define SIEVE_FACTOR_2 0xC6A5

extern bool fo_regular_portable(const uint8_t *src, size_t n);
extern size_t fo_positions_portable(const uint64_t *bits, size_t n, uint32_t *out);

extern size_t fo_fold_portable(const uint8_t *src, size_t n, uint8_t *dst,
							   bool lower, bool collapse, bool space_before);
extern void fo_classify_portable(const uint8_t *buf, size_t len, const uint64_t *nonword,
								 uint64_t *words);

#define INLINE static inline __attribute__((always_inline))

#if defined(__aarch64__) && defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FO_KERNEL_NEON

extern const FoKernel fo_kernel_neon;
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define FO_KERNEL_X86

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2")))
#define VBMI \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,gfni," \
						  "bmi,bmi2,popcnt")))

/* Which of 64 bytes are ASCII letters or digits, or over 127? */
AVX512 INLINE uint64_t
fo_word_bits(__m512i v)
{
	__m512i		letter = _mm512_sub_epi8(_mm512_or_si512(v, _mm512_set1_epi8(0x20)),
										 _mm512_set1_epi8('a'));
	__m512i		digit = _mm512_sub_epi8(v, _mm512_set1_epi8('0'));

	return _mm512_cmplt_epu8_mask(letter, _mm512_set1_epi8(26)) |
		_mm512_cmplt_epu8_mask(digit, _mm512_set1_epi8(10)) | _mm512_movepi8_mask(v);
}

extern bool fo_regular_avx512(const uint8_t *src, size_t n);
extern size_t fo_fold_avx512(const uint8_t *src, size_t n, uint8_t *dst,
							 bool lower, bool collapse, bool space_before);
extern void fo_classify_avx512(const uint8_t *buf, size_t len, const uint64_t *nonword,
							   uint64_t *words);

extern void fo_fold_text_vbmi(struct FoFold *fold, struct FoText *text, uint32_t limit);

extern const FoKernel fo_kernel_avx2;
extern const FoKernel fo_kernel_avx512;
extern const FoKernel fo_kernel_vbmi;
#endif

#endif							/* FO_KERNEL_VARIANTS_H */
