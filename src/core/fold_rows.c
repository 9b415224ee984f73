/*
 * fold_rows.c
 *		Making rows of folded characters from the pages of unicode.c.
 *
 * Example, level FO_FOLD_ACCENT, row 3 (U+00C0 to U+00FF): U+00E9 has the bytes
 * 'e', 0, 0; U+00DF has 's', 's', 0; U+00D7, the multiplication sign, stays as
 * it is and has its bit of nonword set.
 *
 * As with pages, the state of this file is per process and only grows.
 */
#include "core/fold_rows.h"

#include <string.h>

#define KEPT 3					/* recent rows, from text to text */

static FoFoldRows all_rows[FO_FOLD_EVASION];

/*
 * Are the characters of a form of several over 127 and no part of words (1), is
 * none of them (0), or only some (-1)?
 */
static int
nonword_long(FoFoldLevel level, const FoFolded *folded)
{
	const uint8_t *bytes = fo_unicode_long(folded);
	int			all = -1;

	for (int at = 0; at < folded->len;)
	{
		uint32_t	cp;
		int			one;

		at += fo_utf8_decode(bytes + at, bytes + folded->len, &cp);
		one = cp >= 0x80 && !(fo_unicode_fold(level, cp)->cls & FO_CH_WORD);
		if (all >= 0 && one != all)
			return -1;
		all = one;
	}
	return all;
}

/* Enter the i-th character of a row, which has len bytes of UTF-8. */
static void
enter(FoFoldRow *row, int i, FoFoldLevel level, const FoFolded *folded, int len)
{
	const uint8_t *bytes = folded->bytes;
	int			nonword = bytes[0] >= 0x80 && !(folded->cls & FO_CH_WORD);
	int			quiet = folded->len > 0;

	if (folded->cls & FO_CH_LONG)
	{
		bytes = fo_unicode_long(folded);
		nonword = nonword_long(level, folded);
	}
	if (folded->cls & FO_CH_JOINS || folded->len > len || nonword < 0)
	{
		row->bytes[0][i] = FO_ROW_STOP;
		return;
	}
	for (int k = 0; k < folded->len; k++)
	{
		row->bytes[k][i] = bytes[k];
		quiet &= bytes[k] < 0x80 ? !fo_ascii_word(bytes[k]) : nonword;
	}
	row->nonword |= (uint64_t) nonword << i;
	row->quiet |= (uint64_t) quiet << i;
}

/*
 * Make the table of a row.  Numbers of rows that no character needs come from
 * bytes that are no UTF-8: from leads of C0 and C1.
 */
static const FoFoldRow *
make_row(FoFoldLevel level, uint32_t number)
{
	FoFoldRow	row = {0};

	for (int i = 0; i < 64; i++)
	{
		const FoFolded *folded = fo_unicode_fold(level, number << 6 | (uint32_t) i);

		if (number < 0x80 >> 6)
			row.bytes[0][i] = FO_ROW_STOP;
		else
			enter(&row, i, level, folded, number < 0x800 >> 6 ? 2 : 3);
	}
	return fo_unicode_keep(&row, sizeof(row));
}

/*
 * The rows of a level, for another text.  A text is likely to need the rows that
 * the one before has used, unless those are many.
 */
FoFoldRows *
fo_fold_rows(FoFoldLevel level)
{
	FoFoldRows *rows;

	level = level == FO_FOLD_EVASION ? FO_FOLD_ACCENT : level;
	rows = &all_rows[level];
	rows->level = level;
	rows->ntwo = rows->ntwo > KEPT ? 0 : rows->ntwo;
	rows->nthree = rows->nthree > KEPT ? 0 : rows->nthree;
	return rows;
}

/* Enter a row among the recent ones. */
static void
use_row(FoRecentRow *recent, uint32_t *n, FoFoldRows *rows, FoRecentRow row)
{
	recent[*n < FO_RECENT_ROWS ? (*n)++ : rows->replaced++ % FO_RECENT_ROWS] = row;
}

/* The row of what begins at p and has the form of a character of two or three bytes. */
const FoFoldRow *
fo_fold_row(FoFoldRows *rows, const uint8_t *p)
{
	uint32_t	number = (p[0] & 0x0Fu) << 6 | (p[1] & 0x3Fu);

	if (p[0] < 0xE0)
		number = p[0] & 0x1Fu;
	else if (number < 0x800 >> 6)
		number = 0;				/* three bytes for what needs but two: as
								 * wrong as two for what needs one */
	if (rows->rows[number] == NULL)
		rows->rows[number] = make_row(rows->level, number);
	return rows->rows[number];
}

/* The same; the row is entered among the recent ones. */
const FoFoldRow *
fo_fold_recent_row(FoFoldRows *rows, const uint8_t *p)
{
	FoRecentRow recent = {fo_fold_row(rows, p), p[0], p[1]};

	if (p[0] < 0xE0)
		use_row(rows->two, &rows->ntwo, rows, recent);
	else
		use_row(rows->three, &rows->nthree, rows, recent);
	return recent.row;
}
