/*
 * keyword_layout.h
 *		From draft patterns to the block of a keyword set.
 */
#ifndef FO_KEYWORD_LAYOUT_H
#define FO_KEYWORD_LAYOUT_H

#include "core/keyword_build.h"

/* A pattern before it has its place. */
typedef struct FoDraftPattern
{
	FoPattern	pattern;		/* at: offset in the sources or in the folded
								 * bytes */
	uint64_t	key;			/* mix of the token, or bytes of the gram */
	uint8_t		class;
	uint8_t		known;			/* bytes that a sieve sees of it, at most 4 */
	bool		in_source;
} FoDraftPattern;

extern void *fo_vector_reserve(const FoAlloc *alloc, FoVector *vector, size_t n, size_t item);
extern FoBuildStatus fo_layout_set(FoBuilder *builder, FoKeywordSet **set);

#endif							/* FO_KEYWORD_LAYOUT_H */
