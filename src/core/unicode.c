/*
 * unicode.c
 *		Tables of what each character folds to.
 *
 * Example, level FO_FOLD_ACCENT: U+01C4 (one letter "DZ with caron") is case
 * folded to U+01C6, decomposed for compatibility into d, z and U+030C, and
 * loses the caron: the entry holds the two bytes "dz".
 *
 * The state of this file is per process and only grows: a page is published
 * after it is complete, so an allocator that does not return leaves no trace.
 */
#include "core/unicode.h"

#include <string.h>
#include <utf8proc.h>

typedef struct FoUnicodeRange
{
	uint32_t	first;
	uint32_t	last;
} FoUnicodeRange;

typedef struct FoUnicodeMapping
{
	uint32_t	cp;
	char		to[4];
} FoUnicodeMapping;

#include "core/unicode_tables.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Folded forms of over four bytes; the longest sets of Unicode need 11 kB a level. */
#define POOL_SIZE 65536

typedef struct Pool
{
	uint32_t	used;
	uint8_t		bytes[POOL_SIZE];	/* each form behind its length in a byte */
} Pool;

static FoUnicodeAlloc allocate;
const FoFolded *fo_unicode_pages[FO_FOLD_LEVELS][FO_PAGES];
static Pool *pool;

/* A character without a page: it folds to itself and is no part of a word. */
static FoFolded other;

/*
 * Set the allocator; call before any other function here.  Pages are made on
 * first use, 2 kB each, at most 776 per level.
 */
void
fo_unicode_init(FoUnicodeAlloc alloc)
{
	allocate = alloc;
}

/* Version of the Unicode data behind the tables, as "15.0.0". */
const char *
fo_unicode_version(void)
{
	return utf8proc_unicode_version();
}

/* Does one of the sorted ranges hold cp? */
static bool
in_ranges(uint32_t cp, const FoUnicodeRange *ranges, size_t n)
{
	size_t		lo = 0;

	while (lo < n)
	{
		size_t		mid = (lo + n) / 2;

		if (cp < ranges[mid].first)
			n = mid;
		else if (cp > ranges[mid].last)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

/* What the sorted mapping says of cp, or NULL. */
static const char *
mapped(uint32_t cp, const FoUnicodeMapping *map, size_t n)
{
	size_t		lo = 0;

	while (lo < n)
	{
		size_t		mid = (lo + n) / 2;

		if (cp < map[mid].cp)
			n = mid;
		else if (cp > map[mid].cp)
			lo = mid + 1;
		else
			return map[mid].to;
	}
	return NULL;
}

/* White space as Unicode defines it: separators and the controls that act as such. */
static bool
is_space(uint32_t cp, utf8proc_category_t category)
{
	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
		category == UTF8PROC_CATEGORY_ZP || (cp >= 9 && cp <= 13) || cp == 0x85;
}

/* Vowel and final consonant of a Hangul syllable, or a voicing mark of kana. */
static bool
joins(uint32_t cp)
{
	return (cp >= 0x1161 && cp <= 0x1175) || (cp >= 0x11A8 && cp <= 0x11C2) ||
		cp == 0x3099 || cp == 0x309A;
}

/* FO_CH_* bits of an unfolded character. */
static uint8_t
classify(uint32_t cp)
{
	utf8proc_category_t category = utf8proc_get_property((utf8proc_int32_t) cp)->category;
	bool		letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
	bool		mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
	bool		number = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
	uint8_t		cls = 0;

	if (letter || mark || number)
		cls |= in_ranges(cp, spaceless_ranges, LENGTH(spaceless_ranges))
			? FO_CH_SPACELESS : FO_CH_WORD;
	if (mark)
		cls |= FO_CH_MARK;
	if (letter)
		cls |= FO_CH_LETTER;
	if (is_space(cp, category))
		cls |= FO_CH_SPACE;
	if (cp >= 0x1F1E6 && cp <= 0x1F1FF)
		cls |= FO_CH_REGIONAL;
	return cls;
}

/*
 * Is this mark an accent, to be dropped?  Accents are the marks placed by
 * position (classes 200 to 240), overlays (1), Hebrew, Arabic and Syriac
 * points (10 to 36) and enclosing marks.  Vowel signs, viramas, nuktas and the
 * voicing marks of kana make another letter and stay.
 */
static bool
is_accent(const utf8proc_property_t *property)
{
	int			ccc = property->combining_class;

	if (property->category == UTF8PROC_CATEGORY_ME)
		return true;
	if (property->category != UTF8PROC_CATEGORY_MN)
		return false;
	return ccc == 1 || (ccc >= 10 && ccc <= 36) || ccc >= 200;
}

/*
 * Decompose cp for compatibility, case folded, into out (room for 32); returns
 * how many.  Hangul syllables stay whole.  Signs that would turn into a space
 * and a mark stay, and so do signs written as superscript letters: the trade
 * mark sign ends a word and adds no letters to it.
 */
static int
decompose(uint32_t cp, utf8proc_int32_t *out)
{
	const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t) cp);
	bool		symbol = property->category >= UTF8PROC_CATEGORY_PC &&
		property->category <= UTF8PROC_CATEGORY_SO;
	bool		keep = (cp >= 0xAC00 && cp <= 0xD7A3) ||
		(symbol && property->decomp_type == UTF8PROC_DECOMP_TYPE_SUPER);
	int			boundclass = 0;
	int			n;

	out[0] = (utf8proc_int32_t) cp;
	if (keep)
		return 1;
	n = (int) utf8proc_decompose_char((utf8proc_int32_t) cp, out, 32,
									  UTF8PROC_CASEFOLD | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE,
									  &boundclass);
	if (n < 1 || n > 32 || (n > 1 && out[0] == ' '))
	{
		out[0] = (utf8proc_int32_t) cp;
		return 1;
	}
	return n;
}

/* Append cp to the folded form in buf, white space as one blank; returns the length. */
static int
emit(uint32_t cp, uint8_t *buf, int len)
{
	if (len > FO_FOLDED_MAX - 4)
		return len;
	if (classify(cp) & FO_CH_SPACE)
		cp = ' ';
	return len + fo_utf8_encode(cp, buf + len);
}

/*
 * Fold cp at the accent level into buf; returns the length, 0 when it is
 * dropped.  Jamo and voicing marks are put together again.
 */
static int
fold_accent(uint32_t cp, uint8_t *buf)
{
	const char *base = mapped(cp, base_letters, LENGTH(base_letters));
	utf8proc_int32_t parts[32];
	uint32_t	last = 0;
	int			nparts = 1;
	int			last_at = 0;
	int			len = 0;

	if (base == NULL)
		nparts = decompose(cp, parts);
	else
		parts[0] = (utf8proc_int32_t) cp;
	for (int i = 0; i < nparts; i++)
	{
		const utf8proc_property_t *property = utf8proc_get_property(parts[i]);

		base = mapped((uint32_t) parts[i], base_letters, LENGTH(base_letters));
		if (base != NULL)
		{
			memcpy(buf + len, base, strlen(base));
			len += (int) strlen(base);
			last = 0;
		}
		else if (!property->ignorable && !is_accent(property))
		{
			uint32_t	composed = fo_unicode_compose(last, (uint32_t) parts[i]);

			if (composed != 0)
				len = last_at;
			last = composed != 0 ? composed : (uint32_t) parts[i];
			last_at = len;
			len = emit(last, buf, len);
		}
	}
	return len;
}

/* Fold cp by full case folding into buf; returns the length. */
static int
fold_case(uint32_t cp, uint8_t *buf)
{
	utf8proc_int32_t parts[32];
	int			boundclass = 0;
	int			n = (int) utf8proc_decompose_char((utf8proc_int32_t) cp, parts, 32,
												  UTF8PROC_CASEFOLD, &boundclass);
	int			len = 0;

	if (n < 1 || n > 32)
		return emit(cp, buf, 0);
	for (int i = 0; i < n; i++)
		len = emit((uint32_t) parts[i], buf, len);
	return len;
}

/* Put a form of over four bytes into the pool; returns its place. */
static uint16_t
keep_long(const uint8_t *buf, int len)
{
	uint32_t	at;

	if (pool == NULL)
	{
		Pool	   *fresh = allocate(sizeof(Pool));

		fresh->used = 0;
		pool = fresh;
	}
	at = pool->used;
	if (at + 1 + (uint32_t) len > POOL_SIZE)
		return 0;
	pool->bytes[at] = (uint8_t) len;
	memcpy(&pool->bytes[at + 1], buf, (size_t) len);
	pool->used = at + 1 + (uint32_t) len;
	return (uint16_t) at;
}

/* FO_CH_WORD if one of the characters in buf has it, else 0. */
static uint8_t
words_in(const uint8_t *buf, int len)
{
	uint8_t		cls = 0;
	uint32_t	cp;

	for (int at = 0; at < len;)
	{
		at += fo_utf8_decode(buf + at, buf + len, &cp);
		cls |= classify(cp);
	}
	return cls & FO_CH_WORD;
}

/* Make the table entry of one character. */
static void
fold_entry(FoFoldLevel level, uint32_t cp, FoFolded *entry)
{
	uint8_t		buf[FO_FOLDED_MAX];
	uint32_t	single = 0;
	int			len;

	if (level >= FO_FOLD_ACCENT)
		len = fold_accent(cp, buf);
	else if (level == FO_FOLD_CASE)
		len = fold_case(cp, buf);
	else
		len = emit(cp, buf, 0);

	memset(entry, 0, sizeof(*entry));
	entry->len = (uint8_t) len;
	if (len > 0 && len <= 4 && fo_utf8_decode(buf, buf + len, &single) == len)
	{
		memcpy(entry->bytes, buf, (size_t) len);
		entry->pool = single == cp ? FO_FOLDS_TO_ITSELF : 0;
		entry->cls = classify(single);
		if (level >= FO_FOLD_ACCENT && joins(single))
			entry->cls |= FO_CH_JOINS;
	}
	else if (len > 0)
	{
		entry->pool = keep_long(buf, len);
		entry->cls = FO_CH_LONG | words_in(buf, len);
	}
}

/* Make the table of page number page at a level, unless it is there. */
const FoFolded *
fo_unicode_make_page(FoFoldLevel level, uint32_t page)
{
	uint32_t	first = page << FO_PAGE_BITS;
	FoFolded   *table;

	if (level == FO_FOLD_EVASION)
		level = FO_FOLD_ACCENT;
	if (fo_unicode_pages[level][page] != NULL)
		return fo_unicode_pages[level][page];
	if (first >= FO_PAGED_CHARS)
		first += 0xE0000 - FO_PAGED_CHARS;
	table = allocate(sizeof(FoFolded) * FO_PAGE_SIZE);
	for (uint32_t i = 0; i < FO_PAGE_SIZE; i++)
		fold_entry(level, first + i, &table[i]);
	fo_unicode_pages[level][page] = table;
	if (level == FO_FOLD_ACCENT)
		fo_unicode_pages[FO_FOLD_EVASION][page] = table;
	return table;
}

/*
 * What a character without a page folds to: itself.  The answer is valid until
 * the next call.
 */
const FoFolded *
fo_unicode_unpaged(uint32_t cp)
{
	other.len = (uint8_t) fo_utf8_encode(cp, other.bytes);
	other.pool = FO_FOLDS_TO_ITSELF;
	return &other;
}

/* A copy of a block for the life of the process. */
const void *
fo_unicode_keep(const void *block, size_t size)
{
	return memcpy(allocate(size), block, size);
}

/* The bytes of a form marked FO_CH_LONG; there are folded->len of them. */
const uint8_t *
fo_unicode_long(const FoFolded *folded)
{
	return &pool->bytes[folded->pool + 1];
}

/*
 * The character that cp makes with the one before it (Hangul jamo by the
 * arithmetic of the Unicode standard, section 3.12; voiced kana), or 0.
 */
uint32_t
fo_unicode_compose(uint32_t before, uint32_t cp)
{
	utf8proc_int32_t pair[2] = {(utf8proc_int32_t) before, (utf8proc_int32_t) cp};

	if (before >= 0x1100 && before <= 0x1112 && cp >= 0x1161 && cp <= 0x1175)
		return 0xAC00 + ((before - 0x1100) * 21 + (cp - 0x1161)) * 28;
	if (before >= 0xAC00 && before <= 0xD7A3 && (before - 0xAC00) % 28 == 0 &&
		cp >= 0x11A8 && cp <= 0x11C2)
		return before + (cp - 0x11A7);
	if ((cp == 0x3099 || cp == 0x309A) && before <= 0x10FFFF &&
		utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) == 1)
		return (uint32_t) pair[0];
	return 0;
}

/* The ASCII letter that a folded letter of another kind looks like, or 0. */
uint8_t
fo_unicode_look_alike(uint32_t cp)
{
	const char *to = mapped(cp, look_alikes, LENGTH(look_alikes));

	return to == NULL ? 0 : (uint8_t) to[0];
}
