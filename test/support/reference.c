/*
 * reference.c
 *		The reference matcher: see reference.h.  Slow on purpose.
 */
#include "support/reference.h"

#include <stdlib.h>
#include <string.h>

/* What the undisguised text knows of a character. */
enum
{
	LOOKS_I = 1,				/* i, or a sign that can stand for it */
	LOOKS_L = 2,
	SIGN = 4,					/* not part of a word as written */
	SPLIT = 8					/* had a separator before it */
};

typedef struct Char
{
	uint32_t	cp;
	uint32_t	start;			/* bytes of the source that it came from */
	uint32_t	end;
	int			run;			/* undisguised: how often it was repeated */
	int			marks;
} Char;

typedef struct Text
{
	Char	   *chars;
	size_t		n;
	FoFoldLevel fold;
	bool		opaque;
	bool		plain;			/* undisguised */
} Text;

typedef struct Pattern
{
	RefBytes	source;
	bool		open_start;
	bool		open_end;
	Text		folded;
	Text		plain;			/* of FO_FOLD_EVASION */
} Pattern;

struct RefSet
{
	RefSpec		spec;
	Pattern    *patterns;		/* keywords, then allowed phrases */
	size_t		n[2];
};

static void *
grow(void *items, size_t n, size_t item)
{
	/* To the next power of two, and only when n has reached one. */
	if ((n & (n - 1)) == 0)
		items = realloc(items, (n == 0 ? 1 : 2 * n) * item);
	if (items == NULL)
		abort();
	return items;
}

/* --- single characters --- */

static int
class_of(const Text *text, uint32_t cp)
{
	if (text->opaque)
		return cp >= 0x80 ? FO_CH_WORD | FO_CH_LETTER : 0;
	return cp == FO_INVALID_CHAR ? 0 : fo_unicode_fold(text->fold, cp)->cls;
}

/* Is it a letter, mark or digit of a script that has spaces between words? */
static bool
is_word(const Text *text, size_t i)
{
	uint32_t	cp = text->chars[i].cp;

	if (cp < 0x80)
		return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
	return class_of(text, cp) & FO_CH_WORD;
}

/* Is it a letter, mark or digit of any script? */
static bool
is_written(const Text *text, size_t i)
{
	return is_word(text, i) ||
		(text->chars[i].cp >= 0x80 && class_of(text, text->chars[i].cp) & FO_CH_SPACELESS);
}

static bool
is_flag_half(const Text *text, size_t i)
{
	return !text->opaque && text->chars[i].cp >= 0x1F1E6 && text->chars[i].cp <= 0x1F1FF;
}

static bool
is_apostrophe(const Text *text, size_t i)
{
	return text->chars[i].cp == '\'' || text->chars[i].cp == 0x2019;
}

/* --- folding --- */

static void
append(Text *text, uint32_t cp, size_t start, size_t end)
{
	text->chars = grow(text->chars, text->n, sizeof(Char));
	text->chars[text->n++] = (Char) {cp, (uint32_t) start, (uint32_t) end, 1, 0};
}

static bool
is_ascii_space(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

/* Append a folded character: composed with the last one, or dropped behind a blank. */
static void
append_folded(Text *text, uint32_t cp, size_t start, size_t end)
{
	Char	   *last = text->n > 0 ? &text->chars[text->n - 1] : NULL;
	uint32_t	composed = 0;

	if (last != NULL && last->cp != FO_INVALID_CHAR && text->fold >= FO_FOLD_ACCENT)
		composed = fo_unicode_compose(last->cp, cp);
	if (composed != 0)
	{
		last->cp = composed;
		last->end = (uint32_t) end;
	}
	else if (cp != ' ' || last == NULL || last->cp != ' ')
		append(text, cp, start, end);
}

/* Fold the character of len bytes at p, number start in its source. */
static void
fold_char(Text *text, const uint8_t *p, size_t len, uint32_t cp, size_t start)
{
	const FoFolded *folded = fo_unicode_fold(text->fold, cp);
	uint8_t		form[FO_FOLDED_MAX];
	size_t		form_len = folded->len;

	if (form_len == 0 && text->n > 0)
		text->chars[text->n - 1].end = (uint32_t) (start + len);
	memcpy(form, folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes, form_len);
	for (size_t i = 0; i < form_len;)
	{
		uint32_t	part;

		i += (size_t) fo_utf8_decode(form + i, form + form_len, &part);
		append_folded(text, part, start, start + len);
	}
}

static Text
fold_text(FoFoldLevel fold, bool opaque, const uint8_t *p, size_t len)
{
	Text		text = {.fold = fold, .opaque = opaque};

	for (size_t i = 0; i < len;)
	{
		uint32_t	cp = p[i];
		size_t		n = 1;

		if (opaque && cp >= 'A' && cp <= 'Z' && fold > FO_FOLD_NONE)
			append(&text, cp + 32, i, i + 1);
		else if (opaque)
			append_folded(&text, is_ascii_space(p[i]) ? ' ' : cp, i, i + 1);
		else
		{
			n = (size_t) fo_utf8_decode(p + i, p + len, &cp);
			if (cp == FO_INVALID_CHAR)
				append(&text, cp, i, i + 1);
			else
				fold_char(&text, p + i, n, cp, i);
		}
		i += n;
	}
	return text;
}

/* --- undoing disguises --- */

/* The letter that character i is (*real) or can stand for, or 0. */
static uint32_t
letter_of(const Text *text, size_t i, bool *real)
{
	static const struct
	{
		uint32_t	sign;
		char		letter;
	}			signs[] = {
		{'0', 'o'}, {'1', 'i'}, {'3', 'e'}, {'4', 'a'}, {'5', 's'}, {'6', 'g'}, {'7', 't'},
		{'8', 'b'}, {'9', 'g'}, {'@', 'a'}, {'$', 's'}, {'!', 'i'}, {'|', 'i'}, {'+', 't'},
		{0x20AC, 'e'}, {0xA3, 'l'}, {0xA5, 'y'}, {0xA2, 'c'}
	};
	uint32_t	cp = text->chars[i].cp;

	*real = true;
	if (cp < 0x80 && ((cp | 32) >= 'a' && (cp | 32) <= 'z'))
		return cp | 32;
	if (cp >= 0x80 && cp != FO_INVALID_CHAR && fo_unicode_look_alike(cp) != 0)
		return fo_unicode_look_alike(cp);
	*real = cp >= 0x80 && class_of(text, cp) & FO_CH_LETTER;
	for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]) && !*real; k++)
	{
		if (signs[k].sign == cp)
			return (uint32_t) signs[k].letter;
	}
	return 0;
}

static bool
is_sign(const Text *text, size_t i)
{
	bool		real;

	return letter_of(text, i, &real) != 0 && !real;
}

static bool
is_letter(const Text *text, size_t i)
{
	bool		real;

	letter_of(text, i, &real);
	return real;
}

/* Is the sign i in a group of at most eight signs that has a letter beside it? */
static bool
stands_for_letter(const Text *text, size_t i)
{
	size_t		first = i;
	size_t		end = i;

	while (first > 0 && is_sign(text, first - 1))
		first--;
	while (end < text->n && is_sign(text, end))
		end++;
	return end - first <= 8 &&
		((first > 0 && is_letter(text, first - 1)) || (end < text->n && is_letter(text, end)));
}

/* Is character i a letter, or a sign for one, with no other right behind it? */
static bool
is_single(const Text *text, size_t i)
{
	return (is_letter(text, i) || is_sign(text, i)) &&
		(i + 1 >= text->n || !is_written(text, i + 1));
}

/* The single letter that one separator, no apostrophe, parts from the one at i, or 0. */
static size_t
next_single(const Text *text, size_t i)
{
	if (i + 2 >= text->n || is_written(text, i + 1) || is_apostrophe(text, i + 1))
		return 0;
	return is_single(text, i + 2) ? i + 2 : 0;
}

/* Do three single letters, two of them real among the first 16, begin at i? */
static bool
begins_spaced(const Text *text, size_t i)
{
	int			real = 0;
	int			n = 0;

	if ((i > 0 && is_written(text, i - 1)) || !is_single(text, i))
		return false;
	do
	{
		n++;
		real += is_letter(text, i);
		i = next_single(text, i);
	} while (i != 0 && n < 16);
	return n >= 3 && real >= 2;
}

/* Append character i to plain, as its letter when convert is set. */
static void
undisguise_char(const Text *text, size_t i, bool convert, int marks, Text *plain)
{
	Char		c = text->chars[i];
	Char	   *last = plain->n > 0 ? &plain->chars[plain->n - 1] : NULL;
	bool		real;
	uint32_t	letter = letter_of(text, i, &real);
	bool		converted = letter != 0 && (real || convert);

	if (converted)
	{
		if (letter == 'i' || letter == 'l')
			marks |= !real ? LOOKS_I | LOOKS_L : letter == 'i' ? LOOKS_I : LOOKS_L;
		if (!is_word(text, i))
			marks |= SIGN;
		c.cp = letter == 'l' ? 'i' : letter;
	}
	if ((real || converted) && last != NULL && last->cp == c.cp &&
		((last->marks ^ marks) & (LOOKS_I | LOOKS_L | SIGN)) == 0)
	{
		last->run++;
		last->end = c.end;
		return;
	}
	append(plain, c.cp, c.start, c.end);
	plain->chars[plain->n - 1].marks = marks;
}

static Text
undisguise(const Text *text)
{
	Text		plain = {.fold = text->fold, .opaque = text->opaque, .plain = true};

	for (size_t i = 0; i < text->n; i++)
	{
		if (!begins_spaced(text, i))
		{
			undisguise_char(text, i, is_sign(text, i) && stands_for_letter(text, i), 0, &plain);
			continue;
		}
		undisguise_char(text, i, true, 0, &plain);
		for (size_t next = next_single(text, i); next != 0; next = next_single(text, i))
		{
			i = next;
			undisguise_char(text, i, true, SPLIT, &plain);
		}
	}
	return plain;
}

/* --- patterns --- */

/* Length of the white space or unescaped star at the start of p, or 0. */
static size_t
blank_or_star(const uint8_t *p, const uint8_t *end, bool opaque, bool *star)
{
	uint32_t	cp;
	size_t		len;

	if (*p == '*')
	{
		*star = true;
		return 1;
	}
	if (opaque || *p < 0x80)
		return is_ascii_space(*p);
	len = (size_t) fo_utf8_decode(p, end, &cp);
	return cp != FO_INVALID_CHAR && fo_unicode_fold(FO_FOLD_NONE, cp)->cls & FO_CH_SPACE ? len : 0;
}

/* Parse source into pattern and bytes (room for source.len), whose length is *len. */
static FoBuildStatus
parse(const RefSpec *spec, RefBytes source, Pattern *pattern, uint8_t *bytes, size_t *len)
{
	const uint8_t *p = source.bytes;
	const uint8_t *end = p + source.len;
	size_t		characters = 0;
	size_t		used = 0;
	size_t		n;

	for (size_t i = 0; i < source.len; i++)
		characters += spec->opaque || (p[i] & 0xC0) != 0x80;
	if (characters > 1000 || source.len > 4000)
		return FO_BUILD_TOO_LONG;
	*pattern = (Pattern) {.source = source};
	while (p < end && (n = blank_or_star(p, end, spec->opaque, &pattern->open_start)) > 0)
		p += n;
	*len = 0;
	while (p < end)
	{
		bool		star = false;

		n = blank_or_star(p, end, spec->opaque, &star);
		if (n == 0 && *p == '\\' && p + 1 < end && (p[1] == '*' || p[1] == '\\'))
			p++;
		memcpy(bytes + used, p, n > 0 ? n : 1);
		used += n > 0 ? n : 1;
		p += n > 0 ? n : 1;
		/* Stars and blanks count once something else follows. */
		pattern->open_end = star || (n > 0 && pattern->open_end);
		if (n == 0)
			*len = used;
	}
	return *len == 0 ? FO_BUILD_EMPTY : FO_BUILD_OK;
}

/* Remove blanks at the ends of a folded pattern. */
static void
trim(Text *text)
{
	while (text->n > 0 && text->chars[text->n - 1].cp == ' ')
		text->n--;
	if (text->n > 0 && text->chars[0].cp == ' ')
		memmove(text->chars, text->chars + 1, --text->n * sizeof(Char));
}

static void
free_pattern(Pattern *pattern)
{
	free(pattern->folded.chars);
	free(pattern->plain.chars);
}

static FoBuildStatus
compile(const RefSpec *spec, RefBytes source, Pattern *pattern)
{
	uint8_t		bytes[4000];
	size_t		len;
	FoBuildStatus status = parse(spec, source, pattern, bytes, &len);

	if (status != FO_BUILD_OK)
		return status;
	pattern->open_start |= !spec->whole_word;
	pattern->open_end |= !spec->whole_word;
	pattern->folded = fold_text(spec->fold, spec->opaque, bytes, len);
	trim(&pattern->folded);
	if (spec->fold == FO_FOLD_EVASION)
		pattern->plain = undisguise(&pattern->folded);
	if (pattern->folded.n > 0)
		return FO_BUILD_OK;
	free_pattern(pattern);
	return FO_BUILD_VANISHES;
}

FoBuildStatus
ref_status(const RefSpec *spec, RefBytes source)
{
	Pattern		pattern;
	FoBuildStatus status = compile(spec, source, &pattern);

	if (status == FO_BUILD_OK)
		free_pattern(&pattern);
	return status;
}

/* Add the entries of one kind to a set. */
static void
add_entries(RefSet *set, const RefBytes *entries, size_t n, bool allow)
{
	size_t		first = allow ? set->n[0] : 0;

	for (size_t i = 0; i < n; i++)
	{
		size_t		total = set->n[0] + set->n[1];
		bool		repeated = false;

		for (size_t k = first; k < total; k++)
			repeated |= set->patterns[k].source.len == entries[i].len &&
				memcmp(set->patterns[k].source.bytes, entries[i].bytes, entries[i].len) == 0;
		set->patterns = grow(set->patterns, total, sizeof(Pattern));
		if (!repeated && compile(&set->spec, entries[i], &set->patterns[total]) == FO_BUILD_OK)
			set->n[allow]++;
	}
}

RefSet *
ref_compile(const RefSpec *spec)
{
	RefSet	   *set = calloc(1, sizeof(RefSet));

	set->spec = *spec;
	add_entries(set, spec->keywords, spec->nkeywords, false);
	add_entries(set, spec->allow, spec->nallow, true);
	return set;
}

void
ref_free(RefSet *set)
{
	for (size_t i = 0; i < set->n[0] + set->n[1]; i++)
		free_pattern(&set->patterns[i]);
	free(set->patterns);
	free(set);
}

size_t
ref_count(const RefSet *set, bool allow)
{
	return set->n[allow];
}

/* --- boundaries --- */

/* May pattern begin at character i of the text? */
static bool
may_begin(const Text *text, size_t i, const Pattern *pattern, const Text *form)
{
	uint32_t	first = form->chars[0].cp;
	bool		sigil = first == '#' || first == '@' || first == '$';
	size_t		halves = 0;

	if (is_flag_half(form, 0))
	{
		while (halves < i && is_flag_half(text, i - 1 - halves))
			halves++;
		if (halves % 2 == 1)
			return false;
	}
	if (i == 0 || pattern->open_start || !(is_word(form, 0) || sigil))
		return true;
	if (text->plain && (text->chars[i].marks & SPLIT || text->chars[i - 1].marks & SIGN))
		return true;
	if (is_word(text, i - 1))
		return false;
	return sigil || !(is_apostrophe(text, i - 1) && i >= 2 && is_word(text, i - 2));
}

/* May pattern end before character i of the text? */
static bool
may_end(const Text *text, size_t i, const Pattern *pattern, const Text *form)
{
	if (i == text->n)
		return true;
	if (text->chars[i].cp >= 0x80 && !text->opaque &&
		class_of(text, text->chars[i].cp) & FO_CH_MARK)
		return false;
	if (pattern->open_end || !is_word(form, form->n - 1))
		return true;
	if (text->plain && text->chars[i].marks & (SPLIT | SIGN))
		return true;
	if (is_word(text, i))
		return false;
	if ((form->chars[form->n - 1].cp | 32) != 'n' || !is_apostrophe(text, i))
		return true;
	return i + 1 >= text->n || (text->chars[i + 1].cp | 32) != 't' ||
		(i + 2 < text->n && is_word(text, i + 2));
}

/* --- matching --- */

/* Does text have at i what the character of the pattern asks for? */
static bool
char_matches(const Text *text, size_t i, const Char *wanted, bool open)
{
	const Char *found = &text->chars[i];
	int			wanted_run = wanted->run < 3 ? wanted->run : 3;
	int			found_run = found->run < 3 ? found->run : 3;

	if (found->cp != wanted->cp)
		return false;
	if (!text->plain)
		return true;
	/* One is i and the other l, neither a sign for both. */
	if (((found->marks ^ wanted->marks) & (LOOKS_I | LOOKS_L)) == (LOOKS_I | LOOKS_L))
		return false;
	return found_run == wanted_run || found_run == 3 || (open && wanted_run < found_run);
}

static bool
occurs_at(const Text *text, size_t at, const Pattern *pattern, const Text *form)
{
	if (form->n > text->n - at)
		return false;
	for (size_t i = 0; i < form->n; i++)
	{
		bool		open = (i == 0 && pattern->open_start) ||
			(i == form->n - 1 && pattern->open_end);

		if (!char_matches(text, at + i, &form->chars[i], open))
			return false;
	}
	return may_begin(text, at, pattern, form) && may_end(text, at + form->n, pattern, form);
}

typedef struct Found
{
	FoMatch    *items;
	size_t		n;
} Found;

/* Find pattern number keyword in one form of the text. */
static void
find_pattern(const Text *text, const Pattern *pattern, const Text *form, uint32_t keyword,
			 Found *found)
{
	for (size_t at = 0; at < text->n; at++)
	{
		if (!occurs_at(text, at, pattern, form))
			continue;
		found->items = grow(found->items, found->n, sizeof(FoMatch));
		found->items[found->n++] = (FoMatch) {text->chars[at].start,
											  text->chars[at + form->n - 1].end, keyword};
	}
}

/* Occurrences of keywords or allowed phrases, in no order. */
static Found
find_all(const RefSet *set, const Text *text, const Text *plain, bool allow)
{
	Found		found = {NULL, 0};
	size_t		first = allow ? set->n[0] : 0;

	for (size_t k = 0; k < set->n[allow]; k++)
	{
		find_pattern(text, &set->patterns[first + k], &set->patterns[first + k].folded,
					 (uint32_t) k, &found);
		if (set->spec.fold == FO_FOLD_EVASION)
			find_pattern(plain, &set->patterns[first + k], &set->patterns[first + k].plain,
						 (uint32_t) k, &found);
	}
	return found;
}

/* The end of the longest match of a keyword that begins at start, or 0. */
static uint32_t
longest(const Found *found, size_t start, size_t keyword)
{
	uint32_t	end = 0;

	for (size_t i = 0; i < found->n; i++)
	{
		const FoMatch *match = &found->items[i];

		if (match->start == start && match->keyword == keyword && match->end > end)
			end = match->end;
	}
	return end;
}

/*
 * Put matches in the documented order, leftmost first, then in the order of the
 * set: place by place, each keyword at most once, with the longest of what it
 * matches there.
 */
static void
put_in_order(Found *found, size_t nkeywords, size_t len)
{
	Found		ordered = {NULL, 0};

	for (size_t start = 0; start < len; start++)
	{
		bool		any = false;

		for (size_t i = 0; i < found->n; i++)
			any |= found->items[i].start == start;
		for (size_t keyword = 0; any && keyword < nkeywords; keyword++)
		{
			uint32_t	end = longest(found, start, keyword);

			if (end == 0)
				continue;
			ordered.items = grow(ordered.items, ordered.n, sizeof(FoMatch));
			ordered.items[ordered.n++] = (FoMatch) {(uint32_t) start, end, (uint32_t) keyword};
		}
	}
	free(found->items);
	*found = ordered;
}

/* Leave out what lies inside an allowed phrase. */
static void
drop_allowed(Found *found, const Found *allowed)
{
	size_t		kept = 0;

	for (size_t i = 0; i < found->n; i++)
	{
		bool		inside = false;

		for (size_t k = 0; k < allowed->n; k++)
			inside |= allowed->items[k].start <= found->items[i].start &&
				allowed->items[k].end >= found->items[i].end;
		if (!inside)
			found->items[kept++] = found->items[i];
	}
	found->n = kept;
}

size_t
ref_find(const RefSet *set, const uint8_t *body, size_t len, bool allow, FoMatch **matches)
{
	Text		text = fold_text(set->spec.fold, set->spec.opaque, body, len);
	Text		plain = {0};
	Found		found;

	if (set->spec.fold == FO_FOLD_EVASION)
		plain = undisguise(&text);
	found = find_all(set, &text, &plain, false);
	put_in_order(&found, set->n[0], len);
	if (allow && set->n[1] > 0)
	{
		Found		allowed = find_all(set, &text, &plain, true);

		drop_allowed(&found, &allowed);
		free(allowed.items);
	}
	free(text.chars);
	free(plain.chars);
	*matches = found.items;
	return found.n;
}
