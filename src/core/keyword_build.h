/*
 * keyword_build.h
 *		Compiling keywords into a FoKeywordSet.
 */
#ifndef FO_KEYWORD_BUILD_H
#define FO_KEYWORD_BUILD_H

#include "core/fold.h"
#include "core/keyword_set.h"

typedef enum FoBuildStatus
{
	FO_BUILD_OK,
	FO_BUILD_EMPTY,				/* no character but white space and '*' */
	FO_BUILD_VANISHES,			/* nothing is left after folding */
	FO_BUILD_TOO_LONG,			/* over FO_KEYWORD_MAX_CHARS characters */
	FO_BUILD_TOO_MANY,			/* over FO_KEYWORD_MAX_COUNT keywords */
	FO_BUILD_TOO_BIG			/* over FO_KEYWORD_MAX_BYTES */
} FoBuildStatus;

/* An array that grows. */
typedef struct FoVector
{
	void	   *items;
	size_t		used;			/* in items */
	size_t		size;
} FoVector;

/* Patterns of one engine, before they are sorted into buckets. */
typedef struct FoDraft
{
	FoVector	patterns;		/* FoDraftPattern */
	uint32_t	per_class[FO_CLASSES];
} FoDraft;

typedef struct FoBuilder
{
	FoAlloc		alloc;
	void		(*poll) (void); /* called now and then; may longjmp */
	FoFoldLevel fold;
	bool		whole_word;
	bool		opaque;
	bool		has_phrase;
	uint32_t	nkeywords;
	uint32_t	nallow;
	uint32_t	longest;
	uint64_t	digest;
	uint64_t	secret;			/* of the hash of seen */
	FoVector	sources;		/* bytes of the keywords, then of the allowed
								 * phrases */
	FoVector	ends;			/* uint32_t */
	FoVector	folded;			/* bytes of the patterns that differ from
								 * their source */
	FoVector	seen;			/* uint32_t: open-addressing table of sources,
								 * number + 1 */
	FoDraft		drafts[FO_ENGINES];
	FoText		text;			/* working memory for folding one keyword */
	FoText		undisguised;
	uint8_t    *attributes;
} FoBuilder;

extern void fo_builder_begin(FoBuilder *builder, FoFoldLevel fold, bool whole_word,
							 bool opaque, FoAlloc alloc, void (*poll) (void));
extern FoBuildStatus fo_builder_add(FoBuilder *builder, const uint8_t *source, size_t len,
									bool allow);
extern FoBuildStatus fo_builder_finish(FoBuilder *builder, FoKeywordSet **set);

#endif							/* FO_KEYWORD_BUILD_H */
