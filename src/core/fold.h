/*
 * fold.h
 *		Folding of a text into the form in which keywords are looked for.
 */
#ifndef FO_FOLD_H
#define FO_FOLD_H

#include "core/kernel.h"
#include "core/unicode.h"

/* Bytes that a buffer needs beyond the limit given to fo_fold_fill. */
#define FO_FOLD_SLACK (FO_FOLDED_MAX + 2 * FO_KERNEL_SLACK)

/*
 * A stretch of folded text.  The caller owns the arrays.  nonword has a bit
 * for each byte, set for characters over 127 that are not FO_CH_WORD.  start
 * and end, unless NULL, hold for each byte where in the source its character
 * begins and ends, accents and ignorable characters behind it included.
 */
typedef struct FoText
{
	uint8_t    *buf;
	uint32_t	len;
	uint64_t   *nonword;
	uint32_t   *start;
	uint32_t   *end;
	bool		has_nonword;	/* is any bit of nonword set? */
	bool		has_high;		/* may there be bytes over 127? */
	bool		opaque;			/* no UTF-8: a byte over 127 is a letter of
								 * its own */
	bool		half_flag;		/* does the first whole character follow half
								 * a flag? */
} FoText;

/* A text being folded. */
typedef struct FoFold
{
	const FoKernel *kernel;
	const uint8_t *src;
	size_t		len;
	size_t		pos;			/* folded so far */
	FoFoldLevel level;
	bool		collapse;		/* a run of white space becomes one blank */
} FoFold;

extern void fo_fold_fill(FoFold *fold, FoText *text, uint32_t limit);
extern void fo_fold_drop(FoText *text, uint32_t bytes);

#endif							/* FO_FOLD_H */
