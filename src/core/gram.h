/*
 * gram.h
 *		Which groups of three bytes a text has, so that texts can be searched.
 */
#ifndef FO_CORE_GRAM_H
#define FO_CORE_GRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FO_GRAM_FEWEST	32		/* buckets */
#define FO_GRAM_MOST	65536

/* Bytes of a set of buckets. */
#define FO_GRAM_SET_BYTES(buckets) (((size_t) (buckets) + 7) / 8)

extern void fo_gram_text(const char *text, size_t length, uint32_t buckets, uint8_t *set);
extern void fo_gram_pattern(const char *pattern, size_t length, bool ascii, uint32_t buckets,
							uint8_t *set);
extern uint32_t fo_gram_list(const uint8_t *set, uint32_t buckets, uint32_t *list);

#endif							/* FO_CORE_GRAM_H */
