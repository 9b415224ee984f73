/*
 * fold_rows.h
 *		What characters fold to, in the form that vector instructions look up.
 *
 * A row is 64 characters whose UTF-8 forms differ in the last byte only, and so
 * an index of six bits.  Rows are numbered by what precedes those bits: U+0410
 * is in row 0x10.
 */
#ifndef FO_FOLD_ROWS_H
#define FO_FOLD_ROWS_H

#include "core/unicode.h"

/* Rows of characters of two and three bytes. */
#define FO_ROWS (0x10000 >> 6)

/*
 * The folded form of each character of a row: no longer than the character
 * itself, and ended by a zero where it is shorter.
 */
typedef struct FoFoldRow
{
	uint8_t		bytes[3][64];
	uint64_t	nonword;		/* bit i: what the i-th folds to has
								 * characters over 127 that belong to no word */
	uint64_t	quiet;			/* bit i: and has something, but no letter or
								 * digit of any kind */
} FoFoldRow;

/* In bytes[0]: has to be folded on its own. */
#define FO_ROW_STOP 0xFF

/* A row in recent use, of characters that begin with these bytes. */
typedef struct FoRecentRow
{
	const FoFoldRow *row;
	uint8_t		lead;
	uint8_t		second;			/* of three */
} FoRecentRow;

#define FO_RECENT_ROWS 6

typedef struct FoFoldRows
{
	FoFoldLevel level;
	const FoFoldRow *rows[FO_ROWS]; /* NULL: not made yet */
	FoRecentRow two[FO_RECENT_ROWS];
	FoRecentRow three[FO_RECENT_ROWS];
	uint32_t	ntwo;			/* recent rows: how many are in use */
	uint32_t	nthree;
	uint32_t	replaced;		/* how often one has been replaced */
} FoFoldRows;

extern const FoFoldRow *fo_fold_row(FoFoldRows *rows, const uint8_t *p);
extern FoFoldRows *fo_fold_rows(FoFoldLevel level);
extern const FoFoldRow *fo_fold_recent_row(FoFoldRows *rows, const uint8_t *p);

#endif							/* FO_FOLD_ROWS_H */
