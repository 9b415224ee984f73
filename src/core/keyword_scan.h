/*
 * keyword_scan.h
 *		Running one engine of a set over a stretch of folded text.
 */
#ifndef FO_KEYWORD_SCAN_H
#define FO_KEYWORD_SCAN_H

#include "core/fold.h"
#include "core/keyword_set.h"

/* Called for each pattern found at byte at; returns true to stop. */
typedef bool (*FoPatternFound) (void *arg, const FoPattern *pattern, uint32_t at);

/* What an engine looks through, and where it puts intermediate results. */
typedef struct FoField
{
	const FoKernel *kernel;
	const FoText *text;
	const uint8_t *attributes;	/* of an undisguised text, else NULL */
	uint32_t	from;			/* first byte at which a pattern may begin, a
								 * multiple of 64 */
	uint32_t	to;				/* and the byte behind the last one */
	uint64_t   *words;			/* room for a bit per byte of text */
	uint64_t   *candidates;		/* likewise */
	uint32_t   *starts;			/* room for a number per byte of text, and 64
								 * more */
	uint32_t   *ends;			/* likewise */
	uint32_t   *tried;			/* patterns tried so far, for poll */
	void		(*poll) (void); /* called now and then; may longjmp */
	FoPatternFound found;
	void	   *arg;
} FoField;

extern bool fo_engine_run(const FoKeywordSet *set, const FoEngine *engine, const FoField *field);

#endif							/* FO_KEYWORD_SCAN_H */
