/*
 * keyword_presence.h
 *		Telling from a text as it stands that no keyword occurs in it.
 */
#ifndef FO_KEYWORD_PRESENCE_H
#define FO_KEYWORD_PRESENCE_H

#include "core/keyword_set.h"

/* A text that is not folded, and room for a bit per byte of it in each array. */
typedef struct FoRaw
{
	const FoKernel *kernel;
	const uint8_t *body;
	size_t		len;
	uint64_t   *words;
	uint64_t   *candidates;
	uint64_t   *leads;

} FoRaw;

extern bool fo_keywords_absent(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw);

#endif							/* FO_KEYWORD_PRESENCE_H */
