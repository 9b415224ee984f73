/*
 * gram.c
 *		Which groups of three bytes a text has, so that texts can be searched.
 *
 * "green" has the grams gre, ree and een.  Each is hashed to one of, say, 256
 * buckets, and an index has an entry for each bucket of each text.  Whatever
 * LIKE '%gree_' finds has the buckets of gre and ree: the patterns' characters
 * between wildcards are taken together.  Other texts that have them too are
 * found as well and left out when they are compared.
 *
 * Grams are bytes, not characters, which is right in every encoding whose
 * characters never contain the bytes of "%", "_" or "\": those of servers.
 */
#include "core/gram.h"

#define GRAM	3

/* Add the bucket of the gram that ends a run of bytes. */
static void
add_gram(uint32_t gram, uint32_t buckets, uint8_t *set)
{
	uint32_t	hash = gram * UINT32_C(2654435769);
	uint32_t	bucket;

	hash ^= hash >> 15;
	hash *= UINT32_C(2246822519);
	hash ^= hash >> 13;
	bucket = (uint32_t) ((uint64_t) hash * buckets >> 32);
	set[bucket / 8] |= (uint8_t) (1 << bucket % 8);
}

/* Add the buckets of a text to a set. */
void
fo_gram_text(const char *text, size_t length, uint32_t buckets, uint8_t *set)
{
	uint32_t	gram = 0;

	for (size_t i = 0; i < length; i++)
	{
		gram = (gram << 8 | (unsigned char) text[i]) & 0xFFFFFF;
		if (i + 1 >= GRAM)
			add_gram(gram, buckets, set);
	}
}

/*
 * Add the buckets that each text has that a pattern of LIKE matches: those of
 * ASCII alone if so wanted.
 */
void
fo_gram_pattern(const char *pattern, size_t length, bool ascii, uint32_t buckets, uint8_t *set)
{
	uint32_t	gram = 0;
	int			run = 0;		/* bytes since the last wildcard */

	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) pattern[i];
		bool		wildcard = c == '%' || c == '_';

		if (c == '\\' && i + 1 < length)
			c = (unsigned char) pattern[++i];
		if (wildcard || (ascii && c >= 0x80))
		{
			run = 0;
			continue;
		}
		gram = (gram << 8 | c) & 0xFFFFFF;
		if (++run >= GRAM)
			add_gram(gram, buckets, set);
	}
}

/* List the buckets of a set, of which there are at most as many as bits; NULL: only count. */
uint32_t
fo_gram_list(const uint8_t *set, uint32_t buckets, uint32_t *list)
{
	uint32_t	n = 0;

	for (uint32_t i = 0; i < buckets; i++)
	{
		if (!(set[i / 8] >> i % 8 & 1))
			continue;
		if (list)
			list[n] = i;
		n++;
	}
	return n;
}
