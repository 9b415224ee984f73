/*
 * cache_simhash.h
 *		SimHash of a text: texts that share most of their wording differ in few bits.
 */
#ifndef FO_CACHE_SIMHASH_H
#define FO_CACHE_SIMHASH_H

#include <stddef.h>
#include <stdint.h>

#define FO_SIMHASH_BANDS	4	/* of 16 bits */
#define FO_SIMHASH_MAX_BITS 7	/* largest distance that probes can find */
#define FO_SIMHASH_PROBES	(FO_SIMHASH_BANDS * 17)

extern uint64_t fo_simhash(const uint8_t *text, size_t len);
extern int	fo_simhash_probes(uint64_t hash, int bits, uint32_t *probes);

#endif							/* FO_CACHE_SIMHASH_H */
