/*
 * keyword_pattern.c
 *		Parsing one keyword and finding out what it asks of its surroundings.
 *
 * Example: "crypto*" is the bytes "crypto" with an open end; after folding it
 * gets FO_PATTERN_START_WORD, since it begins with a letter and the start is
 * not open, and FO_CLASS_GRAM4, since only its beginning is known.  "don't"
 * gets both word flags and FO_CLASS_TOKEN with the token "don".
 */
#include "core/keyword_pattern.h"

#include <string.h>

#include "core/boundary.h"

/* Length of the white space at p, or 0. */
static int
space_at(const uint8_t *p, const uint8_t *end, bool opaque)
{
	uint32_t	cp;
	int			len;

	if (p >= end)
		return 0;
	if (*p < 0x80 || opaque)
		return fo_ascii_space(*p) ? 1 : 0;
	len = fo_utf8_decode(p, end, &cp);
	if (cp != FO_INVALID_CHAR && (fo_unicode_fold(FO_FOLD_NONE, cp)->cls & FO_CH_SPACE))
		return len;
	return 0;
}

/* Move p over white space, and stars when open is given, which is set if there was one. */
static const uint8_t *
skip_leading(const uint8_t *p, const uint8_t *end, bool opaque, bool *open)
{
	for (;;)
	{
		int			len = space_at(p, end, opaque);

		if (len == 0 && p < end && *p == '*')
		{
			*open = true;
			len = 1;
		}
		if (len == 0)
			return p;
		p += len;
	}
}

/* How many characters there are, as PostgreSQL counts them. */
static size_t
count_characters(const uint8_t *p, size_t len, bool opaque)
{
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
		n += opaque || !fo_utf8_continues(p[i]);
	return n;
}

/*
 * Parse a keyword: stars at its ends open them, a backslash makes a star or a
 * backslash literal, white space at the ends does not count.
 */
FoBuildStatus
fo_pattern_parse(const uint8_t *source, size_t len, bool opaque, FoParsed *parsed)
{
	const uint8_t *end = source + len;
	const uint8_t *p;
	uint32_t	stars = 0;		/* length of the result before trailing stars
								 * and blanks */

	parsed->len = 0;
	parsed->open_start = false;
	parsed->open_end = false;
	if (len > FO_PATTERN_MAX_BYTES || count_characters(source, len, opaque) > FO_KEYWORD_MAX_CHARS)
		return FO_BUILD_TOO_LONG;
	p = skip_leading(source, end, opaque, &parsed->open_start);
	while (p < end)
	{
		bool		escaped = *p == '\\' && p + 1 < end && (p[1] == '*' || p[1] == '\\');
		int			blank = space_at(p, end, opaque);

		if (escaped)
			p++;
		parsed->bytes[parsed->len++] = *p++;
		for (; blank > 1; blank--)
			parsed->bytes[parsed->len++] = *p++;
		if (escaped || (blank == 0 && p[-1] != '*'))
		{
			stars = parsed->len;
			parsed->open_end = false;
		}
		else if (p[-1] == '*' && blank == 0)
			parsed->open_end = true;
	}
	parsed->len = stars;
	return parsed->len == 0 ? FO_BUILD_EMPTY : FO_BUILD_OK;
}

/* What a folded pattern asks of the text around it: FO_PATTERN_* bits. */
uint8_t
fo_pattern_flags(const FoText *text, bool open_start, bool open_end)
{
	uint8_t		first = text->buf[0];
	uint8_t		last = text->buf[text->len - 1];
	uint8_t		flags = 0;

	if (open_start)
		flags |= FO_PATTERN_OPEN_START;
	else if (fo_text_word(text, 0))
		flags |= FO_PATTERN_START_WORD;
	else if (first == '#' || first == '@' || first == '$')
		flags |= FO_PATTERN_START_SIGIL;
	if (open_end)
		flags |= FO_PATTERN_OPEN_END;
	else if (fo_text_word(text, text->len - 1))
		flags |= FO_PATTERN_END_WORD;
	if ((flags & FO_PATTERN_END_WORD) && (last | 0x20) == 'n')
		flags |= FO_PATTERN_END_N;
	if (fo_text_regional(text, 0))
		flags |= FO_PATTERN_REGIONAL;
	return flags;
}

/*
 * The class in which to look for a pattern.  A token must be bounded by the
 * pattern itself: it starts a word, and the word ends inside the pattern or
 * must end with it.  Anything else is found by its first bytes.
 */
int
fo_pattern_class(const FoText *text, uint8_t flags, uint32_t *token_len)
{
	uint32_t	n = 0;

	while (n < text->len && fo_text_word(text, n))
		n++;
	*token_len = n;
	if ((flags & FO_PATTERN_START_WORD) && (n < text->len || (flags & FO_PATTERN_END_WORD)))
		return FO_CLASS_TOKEN;
	*token_len = 0;
	if (text->len >= 6 && text->buf[0] >= 0xC0)
		return FO_CLASS_GRAM6;
	return text->len >= 4 ? FO_CLASS_GRAM4 : FO_CLASS_GRAM1 + (int) text->len - 1;
}
