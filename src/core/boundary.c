/*
 * boundary.c
 *		Word boundaries, at the places where a pattern has been found.
 *
 * A boundary is asked for only between two characters of words.  Characters of
 * scripts written without spaces are not characters of words here, so there is
 * always a boundary beside them.  An apostrophe behind a letter joins what
 * follows to it ("ai" is not in "j'ai"), but what it joins to the end of a word
 * is a suffix ("AI's", "Ankara'da") that leaves the word whole, save for the t
 * of "don't".
 *
 * Compare Unicode Standard Annex 29, which these rules follow where it does not
 * serve counting rather than finding words.
 */
#include "core/boundary.h"

/* Length of the apostrophe that ends right before byte at, or 0. */
static uint32_t
apostrophe_before(const FoText *text, uint32_t at)
{
	const uint8_t *p = text->buf + at;

	if (at >= 1 && p[-1] == '\'')
		return 1;
	if (at >= 3 && p[-3] == 0xE2 && p[-2] == 0x80 && p[-1] == 0x99)
		return 3;
	return 0;
}

/* Length of the apostrophe that begins at byte at, or 0. */
uint32_t
fo_apostrophe_at(const FoText *text, uint32_t at)
{
	const uint8_t *p = text->buf + at;

	if (at < text->len && p[0] == '\'')
		return 1;
	if (at + 3 <= text->len && p[0] == 0xE2 && p[1] == 0x80 && p[2] == 0x99)
		return 3;
	return 0;
}

/* Is an odd number of regional indicators right before byte at: is it inside a flag? */
static bool
inside_flag(const FoText *text, uint32_t at)
{
	bool		odd = false;

	while (at >= 4 && fo_text_regional(text, at - 4))
	{
		odd = !odd;
		at -= 4;
	}
	/* Before the window, which may begin inside a character. */
	return odd != (at < 4 && text->half_flag);
}

/*
 * Keep in mind whether the text that remains after fo_fold_drop(text, bytes)
 * begins inside a flag.
 */
void
fo_boundary_carry(FoText *text, uint32_t bytes)
{
	while (bytes < text->len && fo_utf8_continues(text->buf[bytes]))
		bytes++;
	text->half_flag = inside_flag(text, bytes);
}

/*
 * May a pattern with these flags begin at byte at?  attributes is NULL, or
 * tells what the undisguised text was made from.
 */
bool
fo_boundary_start(const FoText *text, const uint8_t *attributes, uint32_t at, uint8_t flags)
{
	uint32_t	apostrophe;

	if ((flags & FO_PATTERN_REGIONAL) && inside_flag(text, at))
		return false;
	if (!(flags & (FO_PATTERN_START_WORD | FO_PATTERN_START_SIGIL)) || at == 0)
		return true;
	if (attributes != NULL &&
		(attributes[at] & FO_ATTR_SPLIT || attributes[at - 1] & FO_ATTR_SYMBOL))
		return true;
	if (fo_text_word(text, at - 1))
		return false;
	if (!(flags & FO_PATTERN_START_WORD))
		return true;
	apostrophe = apostrophe_before(text, at);
	return apostrophe == 0 || at == apostrophe || !fo_text_word(text, at - apostrophe - 1);
}

/* Does a combining mark begin at byte at? */
static bool
mark_at(const FoText *text, uint32_t at, FoFoldLevel level)
{
	uint32_t	cp;

	if (text->buf[at] < 0xC2 || text->opaque)
		return false;
	fo_utf8_decode(text->buf + at, text->buf + text->len, &cp);
	return cp != FO_INVALID_CHAR && (fo_unicode_fold(level, cp)->cls & FO_CH_MARK);
}

/* May a pattern with these flags end right before byte at? */
bool
fo_boundary_end(const FoText *text, const uint8_t *attributes, uint32_t at,
				uint8_t flags, FoFoldLevel level)
{
	uint32_t	t;

	if (at >= text->len)
		return true;
	if (mark_at(text, at, level))
		return false;
	if (!(flags & FO_PATTERN_END_WORD))
		return true;
	if (attributes != NULL && attributes[at] & (FO_ATTR_SYMBOL | FO_ATTR_SPLIT))
		return true;
	if (fo_text_word(text, at))
		return false;
	if (!(flags & FO_PATTERN_END_N))
		return true;
	t = at + fo_apostrophe_at(text, at);
	return t == at || t >= text->len || (text->buf[t] | 0x20) != 't' ||
		(t + 1 < text->len && fo_text_word(text, t + 1));
}
