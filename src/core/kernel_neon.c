/*
 * kernel_neon.c
 *		Sieves by NEON, which every 64-bit ARM has.
 */
#include "core/kernel_variants.h"

#ifdef FO_KERNEL_NEON

#include <arm_neon.h>

/* The highest bits of 16 bytes, as a number. */
INLINE uint64_t
top_bits(uint8x16_t v)
{
	static const uint8_t numbered[16] = {
		1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128
	};
	uint8x16_t	set = vreinterpretq_u8_s8(vshrq_n_s8(vreinterpretq_s8_u8(v), 7));
	uint8x16_t	bits = vandq_u8(set, vld1q_u8(numbered));

	return vaddv_u8(vget_low_u8(bits)) | (uint64_t) vaddv_u8(vget_high_u8(bits)) << 8;
}

#define V uint8x16_t
#define V_TARGET
#define V_LOAD(p) vld1q_u8(p)
#define V_TABLE(p) vld1q_u8(p)
#define V_LOOKUP(t, v) vqtbl1q_u8(t, v)
#define V_CHOOSE(v, n, a, b) vbslq_u8(vtstq_u8(v, vdupq_n_u8(1 << (n))), b, a)
#define V_AHEAD(a, b, n) vextq_u8(a, b, n)
#define V_TOP_BITS(v) top_bits(v)

#include "core/kernel_sieve.h"

const FoKernel fo_kernel_neon = {
	"neon", fo_regular_portable, fo_fold_portable, NULL, fo_classify_portable,
	sieve_v, sieve_words_v, sift_words_v, fo_positions_portable, true
};

#endif
