/*
 * fold.c
 *		Folding of a text, ASCII stretches at memory speed, the rest by tables.
 *
 * Example, level FO_FOLD_ACCENT with collapse: "Le  CAFE\xCC\x81" (two blanks,
 * the accent as a combining character) becomes "le cafe"; byte 6, the last e,
 * has start 7 and end 10, since the accent belongs to it.
 */
#include "core/fold.h"

#include <string.h>

/*
 * When the kernel folds fewer bytes than the first before a character that it
 * leaves out, the tables do about as many as the second.
 */
#define SHORT_STRETCH 24
#define LONG_STRETCH 96

/* Remember where in the source the bytes from..text->len come from. */
static void
note_source(FoText *text, uint32_t from, size_t start, size_t end)
{
	if (text->start == NULL)
		return;
	for (uint32_t i = from; i < text->len; i++)
	{
		text->start[i] = (uint32_t) start;
		text->end[i] = (uint32_t) end;
	}
}

/* Mark the bytes from..text->len as part of no word. */
static void
mark_nonword(FoText *text, uint32_t from)
{
	text->has_nonword = true;
	while (from < text->len)
	{
		uint32_t	room = 64 - from % 64;
		uint32_t	n = room < text->len - from ? room : text->len - from;

		text->nonword[from / 64] |= ~UINT64_C(0) >> (64 - n) << from % 64;
		from += n;
	}
}

/* Append folded bytes of one source character. */
static void
append(FoText *text, const uint8_t *bytes, int len, uint8_t cls, size_t start, size_t end)
{
	uint32_t	from = text->len;

	memcpy(text->buf + from, bytes, (size_t) len);
	text->len += (uint32_t) len;
	note_source(text, from, start, end);
	if (!(cls & FO_CH_WORD) && bytes[0] >= 0x80)
		mark_nonword(text, from);
}

/*
 * Put the character that cp makes with the last one in its place; returns
 * false when they do not combine.
 */
static bool
compose_last(FoText *text, uint32_t cp, size_t end)
{
	uint32_t	at = text->len;
	uint32_t	before;
	uint32_t	composed;
	uint8_t		bytes[4];

	while (at > 0 && fo_utf8_continues(text->buf[at - 1]) && text->len - at < 3)
		at--;
	if (at == 0)
		return false;
	at--;
	fo_utf8_decode(text->buf + at, text->buf + text->len, &before);
	composed = fo_unicode_compose(before, cp);
	if (composed == 0)
		return false;
	/* All that composes, and all it makes, has three bytes. */
	fo_utf8_encode(composed, bytes);
	memcpy(text->buf + at, bytes, 3);
	if (text->start != NULL)
		note_source(text, at, text->start[at], end);
	return true;
}

/* Append an expansion of several characters, each classified for itself. */
static void
append_long(FoFold *fold, FoText *text, const FoFolded *folded, size_t start, size_t end)
{
	const uint8_t *p = fo_unicode_long(folded);
	const uint8_t *stop = p + folded->len;

	while (p < stop)
	{
		uint32_t	cp;
		int			len = fo_utf8_decode(p, stop, &cp);

		append(text, p, len, fo_unicode_fold(fold->level, cp)->cls, start, end);
		p += len;
	}
}

/* Is the last byte of the text a blank? */
static bool
ends_in_blank(const FoText *text)
{
	return text->len > 0 && text->buf[text->len - 1] == ' ';
}

/* Fold one character that is not ASCII, or is white space to be collapsed. */
static void
fold_character(FoFold *fold, FoText *text)
{
	size_t		start = fold->pos;
	uint32_t	cp;
	const FoFolded *folded;
	size_t		end;

	end = start + (size_t) fo_utf8_decode(fold->src + start, fold->src + fold->len, &cp);
	fold->pos = end;
	if (cp == FO_INVALID_CHAR)
	{
		append(text, fold->src + start, 1, 0, start, end);
		return;
	}
	folded = fo_unicode_fold(fold->level, cp);
	if (folded->len == 0)
	{
		if (text->end != NULL && text->len > 0)
			text->end[text->len - 1] = (uint32_t) end;
		return;
	}
	if ((folded->cls & (FO_CH_SPACE | FO_CH_JOINS | FO_CH_LONG)) == 0)
		append(text, folded->bytes, folded->len, folded->cls, start, end);
	else if (folded->cls & FO_CH_LONG)
		append_long(fold, text, folded, start, end);
	else if (folded->cls & FO_CH_JOINS)
	{
		uint32_t	joined;

		fo_utf8_decode(folded->bytes, folded->bytes + folded->len, &joined);
		if (!compose_last(text, joined, end))
			append(text, folded->bytes, folded->len, folded->cls, start, end);
	}
	else if (!fold->collapse || !ends_in_blank(text))
		append(text, folded->bytes, folded->len, folded->cls, start, end);
}

/* The table entry of the character of len bytes at p, which is valid UTF-8. */
static inline const FoFolded *
entry_at(FoFoldLevel level, const uint8_t *p, int len)
{
	uint32_t	cp;

	if (len == 2)
		cp = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
	else if (len == 3)
		cp = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
	else
		cp = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
	return fo_unicode_fold(level, cp);
}

/* Length of the valid sequence that begins with the byte at p (over 127), or 0. */
static inline int
sequence_at(const uint8_t *p, const uint8_t *end)
{
	uint32_t	cp;
	int			len = fo_utf8_decode(p, end, &cp);

	return cp == FO_INVALID_CHAR ? 0 : len;
}

/*
 * Fold characters of several bytes, and single blanks and letters between them,
 * as long as they are simple and no offsets are asked for: most of a text that
 * is not in ASCII passes here.
 */
static void
fold_simple_run(FoFold *fold, FoText *text, uint32_t limit, size_t until)
{
	const uint8_t *p = fold->src + fold->pos;
	const uint8_t *end = fold->src + fold->len;
	const uint8_t *last = text->buf + limit;
	uint8_t    *out = text->buf + text->len;

	while (p < fold->src + until && out < last)
	{
		const FoFolded *folded;
		int			len = 1;

		if (*p < 0x80)
		{
			/*
			 * A longer stretch of ASCII, and a blank to be dropped, are for
			 * others.
			 */
			if (end - p < 2 || p[1] < 0x80 ||
				(fo_ascii_space(*p) && (*p != ' ' || out == text->buf || out[-1] == ' ')))
				break;
		}
		else
			len = sequence_at(p, end);
		if (len == 0)
			break;
		folded = len == 1 ? &fo_unicode_page(fold->level, 0)[*p] : entry_at(fold->level, p, len);
		if (folded->cls & (FO_CH_SPACE | FO_CH_JOINS | FO_CH_LONG) && len > 1)
			break;
		memcpy(out, folded->bytes, 4);
		if (!(folded->cls & FO_CH_WORD) && folded->len > 0 && folded->bytes[0] >= 0x80)
		{
			text->len = (uint32_t) (out - text->buf) + folded->len;
			mark_nonword(text, text->len - folded->len);
		}
		out += folded->len;
		p += len;
	}
	fold->pos = (size_t) (p - fold->src);
	text->len = (uint32_t) (out - text->buf);
}

/* Take ASCII by the kernel from fold->pos on; false when there was none. */
static bool
fold_ascii(FoFold *fold, FoText *text, uint32_t limit)
{
	size_t		n = fold->len - fold->pos;
	uint32_t	from = text->len;
	size_t		done;

	if (n > limit - text->len)
		n = limit - text->len;
	done = fold->kernel->fold(fold->src + fold->pos, n, text->buf + text->len,
							  fold->level > FO_FOLD_NONE, fold->collapse, ends_in_blank(text));
	text->len += (uint32_t) done;
	if (text->start != NULL)
	{
		for (size_t i = 0; i < done; i++)
		{
			text->start[from + i] = (uint32_t) (fold->pos + i);
			text->end[from + i] = (uint32_t) (fold->pos + i + 1);
		}
	}
	fold->pos += done;
	return done > 0;
}

/* Fold one byte of a text that is not UTF-8. */
static void
fold_opaque(FoFold *fold, FoText *text)
{
	append(text, fold->src + fold->pos, 1, FO_CH_WORD, fold->pos, fold->pos + 1);
	fold->pos++;
}

/* Fold on by tables until the text holds limit bytes, or at least to byte until. */
static void
fold_by_table(FoFold *fold, FoText *text, uint32_t limit, size_t until)
{
	while (fold->pos < until && text->len < limit)
	{
		const uint8_t *p = fold->src + fold->pos;

		if (*p < 0x80 && fold_ascii(fold, text, limit))
			continue;
		if (*p < 0x80)
		{
			/* White space behind a blank. */
			fold->pos++;
			if (text->end != NULL)
				text->end[text->len - 1] = (uint32_t) fold->pos;
			continue;
		}
		text->has_high = true;
		if (text->opaque)
			fold_opaque(fold, text);
		else
		{
			if (text->start == NULL)
				fold_simple_run(fold, text, limit, until);
			if (fold->pos < fold->len && fold->src[fold->pos] >= 0x80)
				fold_character(fold, text);
		}
	}
}

/*
 * Fold on by the kernel, and by tables what it leaves out: a character, or a
 * stretch where it does not get far.
 */
static void
fold_by_kernel(FoFold *fold, FoText *text, uint32_t limit)
{
	/* Most texts are in ASCII from one end to the other. */
	if (fold->pos == 0 && fold->len > 0 && fold->src[0] < 0x80)
		fold_ascii(fold, text, limit);
	while (fold->pos < fold->len && text->len < limit)
	{
		size_t		from = fold->pos;

		fold->kernel->fold_text(fold, text, limit);
		if (fold->pos == fold->len || text->len >= limit)
			break;
		text->has_high = true;
		if (fold->pos - from >= SHORT_STRETCH)
			fold_character(fold, text);
		else
			fold_by_table(fold, text, limit, fold->len - fold->pos < LONG_STRETCH
						  ? fold->len : fold->pos + LONG_STRETCH);
	}
}

/*
 * Fold on until the text holds limit bytes or the source ends.  The arrays of
 * text must have room for limit + FO_FOLD_SLACK bytes, and the bits of nonword
 * from text->len on must be zero.
 */
void
fo_fold_fill(FoFold *fold, FoText *text, uint32_t limit)
{
	if (fold->kernel->fold_text != NULL && text->start == NULL && !text->opaque)
		fold_by_kernel(fold, text, limit);
	else
		fold_by_table(fold, text, limit, fold->len);
}

/* Forget the first bytes of the text, a multiple of 64 and at most text->len. */
void
fo_fold_drop(FoText *text, uint32_t bytes)
{
	uint32_t	kept = text->len - bytes;
	uint32_t	words = (text->len + 63) / 64;

	memmove(text->buf, text->buf + bytes, kept);
	if (text->has_nonword)
	{
		memmove(text->nonword, text->nonword + bytes / 64, (words - bytes / 64) * 8);
		memset(text->nonword + (words - bytes / 64), 0, bytes / 64 * 8);
	}
	if (text->start != NULL)
	{
		memmove(text->start, text->start + bytes, kept * sizeof(uint32_t));
		memmove(text->end, text->end + bytes, kept * sizeof(uint32_t));
	}
	text->len = kept;
}
