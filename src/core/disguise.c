/*
 * disguise.c
 *		Undoing look-alike letters, signs used as letters, stretched and spaced words.
 *
 * The text, folded at the accent level, is rewritten in one pass:
 *	- a letter that looks like a Latin one becomes it;
 *	- a digit or symbol that can stand for a letter becomes it when it is in a
 *	  group of at most MAX_GROUP such signs next to a letter, so that "v1agr@"
 *	  is a word and "100" stays a number;
 *	- three or more single letters with single separators between them lose the
 *	  separators;
 *	- a run of one letter is written once, its length kept as an attribute.
 *
 * Example: "F.R.E.E v1agr@!!" gives "fre viagrai": e has run 2 and the mark
 * FO_ATTR_SPLIT; the i made from 1 stands for i or l; the last i, run 2, has
 * FO_ATTR_SYMBOL, so that "viagra" ends before it.  A keyword goes through the
 * same, and matches when the bytes are equal and fo_attributes_match agrees.
 *
 * Every decision depends on at most CONTEXT bytes around a character, so that a
 * window of a long text gives what the whole text would.
 */
#include "core/disguise.h"

#include <string.h>

#define MAX_GROUP 8
#define MIN_SINGLES 3
#define MAX_SINGLES_SEEN 16

/* What ASCII digits and symbols stand for, or 0. */
static uint8_t
letter_for(uint8_t c)
{
	static const char signs[] = "013456789@$!|+";
	static const char letters[] = "oieasgtbgasiit";
	const char *found = c == 0 ? NULL : strchr(signs, c);

	return found == NULL ? 0 : (uint8_t) letters[found - signs];
}

/* The same for other signs: currency symbols. */
static uint8_t
letter_for_other(uint32_t cp)
{
	switch (cp)
	{
		case 0x20AC:			/* euro */
			return 'e';
		case 0xA3:				/* pound */
			return 'l';
		case 0xA5:				/* yen */
			return 'y';
		case 0xA2:				/* cent */
			return 'c';
		default:
			return 0;
	}
}

/* One character of the text and what it can stand for. */
typedef struct Sign
{
	uint32_t	len;			/* bytes */
	uint8_t		letter;			/* Latin letter that it is or can stand for,
								 * or 0 */
	bool		real;			/* is it a letter itself? */
	bool		word;			/* is it part of a word as written? */
} Sign;

static Sign
sign_at(const FoText *text, uint32_t at)
{
	uint8_t		c = text->buf[at];
	Sign		sign = {1, 0, false, fo_text_word(text, at)};
	uint32_t	cp;

	if (c < 0x80)
	{
		sign.real = (uint8_t) ((c | 0x20) - 'a') < 26;
		sign.letter = sign.real ? (uint8_t) (c | 0x20) : letter_for(c);
		return sign;
	}
	sign.len = (uint32_t) fo_utf8_decode(text->buf + at, text->buf + text->len, &cp);
	if (cp == FO_INVALID_CHAR)
		return sign;
	sign.letter = fo_unicode_look_alike(cp);
	sign.real = sign.letter != 0 || (fo_unicode_fold(FO_FOLD_ACCENT, cp)->cls & FO_CH_LETTER);
	if (sign.letter == 0)
		sign.letter = letter_for_other(cp);
	return sign;
}

/* First byte of the character before byte at (at > 0). */
static uint32_t
before(const FoText *text, uint32_t at)
{
	at--;
	while (at > 0 && fo_utf8_continues(text->buf[at]))
		at--;
	return at;
}

/* Is the sign at byte at in a group of at most MAX_GROUP signs that touches a letter? */
static bool
touches_letter(const FoText *text, uint32_t at)
{
	uint32_t	left = at;
	uint32_t	right = at;
	bool		touches = false;
	int			n = 0;

	while (right < text->len)
	{
		Sign		sign = sign_at(text, right);

		touches = sign.real;
		if (sign.real || sign.letter == 0)
			break;
		if (++n > MAX_GROUP)
			return false;
		right += sign.len;
	}
	while (left > 0)
	{
		Sign		sign;

		left = before(text, left);
		sign = sign_at(text, left);
		if (sign.real || sign.letter == 0)
			return touches || sign.real;
		if (++n > MAX_GROUP)
			return false;
	}
	return touches;
}

/* Is the character at byte at a letter, mark or digit, of whatever script? */
static bool
written_at(const FoText *text, uint32_t at)
{
	uint32_t	cp;

	if (fo_text_word(text, at))
		return true;
	if (text->buf[at] < 0x80)
		return false;
	fo_utf8_decode(text->buf + at, text->buf + text->len, &cp);
	return cp != FO_INVALID_CHAR &&
		(fo_unicode_fold(FO_FOLD_ACCENT, cp)->cls & FO_CH_SPACELESS);
}

/* Can the character at byte at be one letter of a spaced word? */
static bool
is_single(const FoText *text, uint32_t at, Sign *sign)
{
	*sign = sign_at(text, at);
	return (sign->real || sign->letter != 0) &&
		(at + sign->len >= text->len || !written_at(text, at + sign->len));
}

/*
 * The byte behind the one separator after a single letter, or 0 when there is
 * none.  An apostrophe is none: in "c@t's" it ends the word.
 */
static uint32_t
next_single(const FoText *text, uint32_t at, Sign sign)
{
	at += sign.len;
	if (at + 1 >= text->len || written_at(text, at) || fo_apostrophe_at(text, at) > 0)
		return 0;
	at += sign_at(text, at).len;
	return at < text->len && is_single(text, at, &sign) ? at : 0;
}

/*
 * Does a spaced word begin at byte at: at least MIN_SINGLES single letters, two
 * of them real ones among the first MAX_SINGLES_SEEN, and not the tail of
 * another word?
 */
static bool
spaced_word(const FoText *text, uint32_t at)
{
	int			real = 0;
	Sign		sign;

	if ((at > 0 && written_at(text, before(text, at))) || !is_single(text, at, &sign))
		return false;
	for (int n = 1; n <= MAX_SINGLES_SEEN; n++)
	{
		sign = sign_at(text, at);
		real += sign.real;
		if (n >= MIN_SINGLES && real >= 2)
			return true;
		at = next_single(text, at, sign);
		if (at == 0)
			break;
	}
	return false;
}

/* Where fo_undisguise writes. */
typedef struct Output
{
	const FoText *text;
	FoText	   *plain;
	uint8_t    *attributes;
	uint32_t	last;			/* byte at which the last character begins */
	bool		any;			/* is there a last character? */
} Output;

/* Append a character made from [at, end) of the text, or lengthen the run of the last one. */
static void
put(Output *out, const uint8_t *bytes, uint32_t len, uint8_t attribute, bool letter,
	uint32_t at, uint32_t end)
{
	FoText	   *plain = out->plain;
	uint8_t    *last = &out->attributes[out->last];
	uint32_t	to = plain->len;

	if (letter && out->any && to - out->last == len &&
		memcmp(plain->buf + out->last, bytes, len) == 0 &&
		((*last ^ attribute) & (FO_ATTR_EITHER | FO_ATTR_SYMBOL)) == 0)
	{
		if ((*last & FO_ATTR_RUN) < 3)
			(*last)++;
		for (uint32_t i = 0; plain->end != NULL && i < len; i++)
			plain->end[out->last + i] = out->text->end[end - 1];
		return;
	}
	for (uint32_t i = 0; i < len; i++)
	{
		plain->buf[to + i] = bytes[i];
		out->attributes[to + i] = i == 0 ? (uint8_t) (attribute | 1) : 0;
		if (bytes[0] >= 0x80 && !fo_text_word(out->text, at))
		{
			plain->nonword[(to + i) / 64] |= UINT64_C(1) << (to + i) % 64;
			plain->has_nonword = true;
		}
		if (plain->start != NULL)
		{
			plain->start[to + i] = out->text->start[at];
			plain->end[to + i] = out->text->end[end - 1];
		}
	}
	plain->len += len;
	out->last = to;
	out->any = true;
}

/* How the letter i is told from l, and from a sign that stands for either. */
static uint8_t
i_or_l(uint8_t letter, bool real)
{
	if (letter != 'i' && letter != 'l')
		return 0;
	if (!real)
		return FO_ATTR_EITHER;
	return letter == 'i' ? FO_ATTR_I : FO_ATTR_L;
}

/* Append the character at byte at; converted tells whether a sign counts as its letter. */
static void
put_sign(Output *out, Sign sign, uint32_t at, bool converted, uint8_t attribute)
{
	uint8_t		letter = sign.letter;

	if (letter == 0 || !(sign.real || converted))
	{
		put(out, out->text->buf + at, sign.len, attribute, sign.real, at, at + sign.len);
		return;
	}
	attribute |= i_or_l(letter, sign.real);
	if (!sign.word)
		attribute |= FO_ATTR_SYMBOL;
	if (letter == 'l')
		letter = 'i';
	put(out, &letter, 1, attribute, true, at, at + sign.len);
}

/*
 * Rewrite text into plain, which has room for as many bytes, and attributes,
 * one per byte of plain.  The bits of plain->nonword must be zero.
 */
void
fo_undisguise(const FoText *text, FoText *plain, uint8_t *attributes)
{
	Output		out = {text, plain, attributes, 0, false};
	uint32_t	at = 0;

	plain->len = 0;
	plain->has_nonword = false;
	plain->has_high = text->has_high;
	plain->opaque = text->opaque;
	while (at < text->len)
	{
		Sign		sign = sign_at(text, at);
		uint8_t		split = 0;

		if (!spaced_word(text, at))
		{
			put_sign(&out, sign, at,
					 sign.letter != 0 && !sign.real && touches_letter(text, at), 0);
			at += sign.len;
			continue;
		}
		for (uint32_t next = 0;; at = next)
		{
			sign = sign_at(text, at);
			put_sign(&out, sign, at, true, split);
			split = FO_ATTR_SPLIT;
			next = next_single(text, at, sign);
			if (next == 0)
				break;
		}
		at += sign.len;
	}
}

/*
 * Do the attributes found in a text satisfy those of a pattern with the same
 * bytes?  A letter repeated three times or more stands for any number of it;
 * at an open end the text may have more of the letter than the pattern.
 */
bool
fo_attributes_match(const uint8_t *bytes, const uint8_t *pattern, const uint8_t *found,
					uint32_t len, uint8_t flags)
{
	uint32_t	last = len - 1;

	while (last > 0 && fo_utf8_continues(bytes[last]))
		last--;
	for (uint32_t i = 0; i <= last; i++)
	{
		int			wanted = pattern[i] & FO_ATTR_RUN;
		int			run = found[i] & FO_ATTR_RUN;
		uint8_t		kinds = (pattern[i] | found[i]) & FO_ATTR_EITHER;
		bool		open;

		if (fo_utf8_continues(bytes[i]))
			continue;
		open = (i == 0 && (flags & FO_PATTERN_OPEN_START)) ||
			(i == last && (flags & FO_PATTERN_OPEN_END));
		if (run != wanted && run != 3 && !(open && wanted < run))
			return false;
		if (kinds == FO_ATTR_EITHER && (pattern[i] & FO_ATTR_EITHER) != FO_ATTR_EITHER &&
			(found[i] & FO_ATTR_EITHER) != FO_ATTR_EITHER)
			return false;
	}
	return true;
}
