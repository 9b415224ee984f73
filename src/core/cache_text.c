/*
 * cache_text.c
 *		Normalisation of posts for classification keys.
 *
 * Dropped: web addresses (http://, https:// and www. up to the next white space),
 * mentions (@ and the word after it, unless a letter or digit stands before the @), a
 * leading "RT", punctuation, and what keyword folding at level "accent" ignores.
 * Folded: case, accents, compatibility forms, white space (to one blank between words,
 * none at the ends).  Kept: letters, digits and symbols such as emoji.
 *
 * Example: "RT @ann: Größe!!  Read https://x.y/z  👍" becomes "grosse read 👍".
 *
 * A text of which nothing is left stands for itself, as it is: two posts that are only
 * links do not mean the same.
 */
#include "core/cache_text.h"

#include <stdbool.h>
#include <string.h>

#include <utf8proc.h>

#include "core/unicode.h"

/* Longest folded form of a character, for each byte it may be written in. */
size_t
fo_cache_text_room(size_t len)
{
	return len * FO_FOLDED_MAX + 1;
}

static bool
is_ascii_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Does an ASCII word (in small letters) stand here, in any case? */
static bool
stands_here(const uint8_t *p, const uint8_t *end, const char *word)
{
	size_t		len = strlen(word);

	if ((size_t) (end - p) < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]) != word[i])
			return false;
	return true;
}

/* Is the character a letter, a digit or a mark? */
static bool
is_word(uint32_t cp)
{
	const FoFolded *folded;

	if (cp == FO_INVALID_CHAR)
		return true;
	folded = fo_unicode_fold(FO_FOLD_ACCENT, cp);
	return (folded->cls & (FO_CH_WORD | FO_CH_SPACELESS | FO_CH_MARK)) != 0;
}

/* End of the web address or mention that begins at p, or p if none does. */
static const uint8_t *
skip_reference(const uint8_t *p, const uint8_t *end, bool after_word)
{
	uint32_t	cp;
	int			n;

	if (after_word)
		return p;
	if (stands_here(p, end, "http://") || stands_here(p, end, "https://") ||
		stands_here(p, end, "www."))
	{
		while (p < end && !is_ascii_space(*p))
			p++;
		return p;
	}
	if (*p != '@' || end - p < 2)
		return p;
	(void) fo_utf8_decode(p + 1, end, &cp);
	if (!is_word(cp) && cp != '_')
		return p;
	for (p += 1; p < end; p += n)
	{
		n = fo_utf8_decode(p, end, &cp);
		if (!is_word(cp) && cp != '_')
			break;
	}
	return p;
}

/* Skip white space and one leading "RT". */
static const uint8_t *
skip_retweet(const uint8_t *p, const uint8_t *end)
{
	while (p < end && is_ascii_space(*p))
		p++;
	if (end - p > 3 && p[0] == 'R' && p[1] == 'T' && (is_ascii_space(p[2]) || p[2] == ':'))
		p += 3;
	return p;
}

/* Does a character that is no word only separate words? */
static bool
separates(uint32_t cp, const FoFolded *folded)
{
	if (folded->cls & FO_CH_SPACE)
		return true;
	switch (utf8proc_category((utf8proc_int32_t) cp))
	{
		case UTF8PROC_CATEGORY_PC:
		case UTF8PROC_CATEGORY_PD:
		case UTF8PROC_CATEGORY_PS:
		case UTF8PROC_CATEGORY_PE:
		case UTF8PROC_CATEGORY_PI:
		case UTF8PROC_CATEGORY_PF:
		case UTF8PROC_CATEGORY_PO:
			return true;
		default:
			return false;
	}
}

/* Append the folded form of a character; returns how many bytes. */
static size_t
append_folded(const FoFolded *folded, uint8_t *to)
{
	memcpy(to, folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes, folded->len);
	return folded->len;
}

/* Write the normal form of a text; returns its length. */
size_t
fo_cache_text_normal(const uint8_t *text, size_t len, uint8_t *to)
{
	const uint8_t *end = text + len;
	size_t		n = 0;
	bool		after_word = false;
	bool		gap = false;

	for (const uint8_t *p = skip_retweet(text, end); p < end;)
	{
		const uint8_t *rest = skip_reference(p, end, after_word);
		const FoFolded *folded;
		uint32_t	cp;

		if (rest != p)
		{
			p = rest;
			gap = true;
			continue;
		}
		p += fo_utf8_decode(p, end, &cp);
		if (cp == FO_INVALID_CHAR)
		{
			to[n++] = p[-1];
			continue;
		}
		folded = fo_unicode_fold(FO_FOLD_ACCENT, cp);
		if (folded->len == 0)
			continue;
		after_word = is_word(cp);
		if (!after_word && separates(cp, folded))
		{
			gap = true;
			continue;
		}
		if (gap && n > 0)
			to[n++] = ' ';
		gap = false;
		n += append_folded(folded, to + n);
	}
	if (n > 0)
		return n;
	memcpy(to, text, len);
	return len;
}
