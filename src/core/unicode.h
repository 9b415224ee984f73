/*
 * unicode.h
 *		UTF-8, character classes and folding of single characters.
 *
 * What a character folds to depends on nothing but the character and the
 * level, so it is tabulated: 256 characters a page, made on first use from
 * utf8proc (case folding, decomposition, categories) and unicode_tables.h
 * (the rest), and kept for the life of the process.
 */
#ifndef FO_UNICODE_H
#define FO_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of a character's form is ignored; each level includes the one before. */
typedef enum FoFoldLevel
{
	FO_FOLD_NONE,				/* compared as written */
	FO_FOLD_CASE,				/* full Unicode case folding */
	FO_FOLD_ACCENT,				/* compatibility forms, accents, ignorables */
	FO_FOLD_EVASION				/* look-alikes, stretched and spaced words */
} FoFoldLevel;

#define FO_FOLD_LEVELS 4

/* Classes of a folded character, as bits. */
#define FO_CH_WORD		0x01	/* letter, mark or digit of a script with
								 * spaces */
#define FO_CH_SPACELESS	0x02	/* the same of a script without spaces */
#define FO_CH_MARK		0x04	/* combining: belongs to the character before */
#define FO_CH_SPACE		0x08	/* white space, folded to U+0020 */
#define FO_CH_LETTER	0x10	/* letter of any script */
#define FO_CH_REGIONAL	0x20	/* regional indicator: half a flag */
#define FO_CH_JOINS		0x40	/* composes with the character before it */
#define FO_CH_LONG		0x80	/* several characters: kept in the pool */

/* The folded form of one character: nothing, one, or several characters. */
typedef struct FoFolded
{
	uint8_t		bytes[4];		/* UTF-8, when not FO_CH_LONG */
	uint8_t		len;			/* bytes; 0: the character is dropped */
	uint8_t		cls;			/* FO_CH_* of a single character; of several,
								 * FO_CH_WORD if one has it */
	uint16_t	pool;			/* FO_CH_LONG: where in the pool it is kept,
								 * else FO_FOLDS_TO_ITSELF or 0 */
} FoFolded;

#define FO_FOLDS_TO_ITSELF 1

#define FO_PAGE_BITS 8
#define FO_PAGE_SIZE (1 << FO_PAGE_BITS)

/* Planes 0 to 2 and 14 have pages; other planes hold nothing that folds. */
#define FO_PAGED_CHARS 0x30000
#define FO_PAGES ((FO_PAGED_CHARS + 0x1000) >> FO_PAGE_BITS)

/* Longest folded form of one character: U+FDFA decomposes into 18 characters. */
#define FO_FOLDED_MAX 64

/* Allocates memory that is never freed; may not return NULL (it may longjmp). */
typedef void *(*FoUnicodeAlloc) (size_t size);

extern void fo_unicode_init(FoUnicodeAlloc alloc);
extern const char *fo_unicode_version(void);
extern const FoFolded *fo_unicode_make_page(FoFoldLevel level, uint32_t page);
extern const FoFolded *fo_unicode_unpaged(uint32_t cp);
extern const void *fo_unicode_keep(const void *block, size_t size);
extern const uint8_t *fo_unicode_long(const FoFolded *folded);
extern uint32_t fo_unicode_compose(uint32_t before, uint32_t cp);
extern uint8_t fo_unicode_look_alike(uint32_t cp);

/* The pages made so far; evasion folds characters as accent does. */
extern const FoFolded *fo_unicode_pages[FO_FOLD_LEVELS][FO_PAGES];

/* The table of the 256 characters of a page. */
static inline const FoFolded *
fo_unicode_page(FoFoldLevel level, uint32_t page)
{
	const FoFolded *table = fo_unicode_pages[level][page];

	return table != NULL ? table : fo_unicode_make_page(level, page);
}

/* What cp folds to; for a character without a page, valid until the next call. */
static inline const FoFolded *
fo_unicode_fold(FoFoldLevel level, uint32_t cp)
{
	if (cp >= 0xE0000 && cp < 0xE1000)
		cp -= 0xE0000 - FO_PAGED_CHARS;
	else if (cp >= FO_PAGED_CHARS)
		return fo_unicode_unpaged(cp);
	return &fo_unicode_page(level, cp >> FO_PAGE_BITS)[cp & (FO_PAGE_SIZE - 1)];
}

/*
 * Decode the character at p (p < end) into *cp and return its length in bytes.
 * A byte that starts no valid sequence is a character of its own, *cp being
 * FO_INVALID_CHAR: texts of PostgreSQL are valid, hostile callers are not.
 */
#define FO_INVALID_CHAR 0xFFFFFFFFu

static inline int
fo_utf8_decode(const uint8_t *p, const uint8_t *end, uint32_t *cp)
{
	uint32_t	lead = p[0];

	if (lead < 0x80)
	{
		*cp = lead;
		return 1;
	}
	if (lead >= 0xC2 && lead < 0xE0 && end - p >= 2 && (p[1] & 0xC0) == 0x80)
	{
		*cp = (lead & 0x1F) << 6 | (p[1] & 0x3F);
		return 2;
	}
	if (lead >= 0xE0 && lead < 0xF0 && end - p >= 3 &&
		(p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80)
	{
		*cp = (lead & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
		if (*cp >= 0x800)
			return 3;
	}
	if (lead >= 0xF0 && lead < 0xF5 && end - p >= 4 && (p[1] & 0xC0) == 0x80 &&
		(p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80)
	{
		*cp = (lead & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
		if (*cp >= 0x10000 && *cp < 0x110000)
			return 4;
	}
	*cp = FO_INVALID_CHAR;
	return 1;
}

/* Write cp (not FO_INVALID_CHAR) at out as UTF-8 and return its length. */
static inline int
fo_utf8_encode(uint32_t cp, uint8_t *out)
{
	if (cp < 0x80)
	{
		out[0] = (uint8_t) cp;
		return 1;
	}
	if (cp < 0x800)
	{
		out[0] = (uint8_t) (0xC0 | cp >> 6);
		out[1] = (uint8_t) (0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000)
	{
		out[0] = (uint8_t) (0xE0 | cp >> 12);
		out[1] = (uint8_t) (0x80 | (cp >> 6 & 0x3F));
		out[2] = (uint8_t) (0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (uint8_t) (0xF0 | cp >> 18);
	out[1] = (uint8_t) (0x80 | (cp >> 12 & 0x3F));
	out[2] = (uint8_t) (0x80 | (cp >> 6 & 0x3F));
	out[3] = (uint8_t) (0x80 | (cp & 0x3F));
	return 4;
}

/* Is this byte the second or later one of a UTF-8 sequence? */
static inline bool
fo_utf8_continues(uint8_t byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Letter or digit of ASCII? */
static inline bool
fo_ascii_word(uint8_t c)
{
	return (uint8_t) ((c | 0x20) - 'a') < 26 || (uint8_t) (c - '0') < 10;
}

/* White space of ASCII? */
static inline bool
fo_ascii_space(uint8_t c)
{
	return c == ' ' || (uint8_t) (c - '\t') < 5;
}

#endif							/* FO_UNICODE_H */
