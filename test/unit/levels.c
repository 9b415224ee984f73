/*
 * levels.c
 *		Each fold level finds what the level below it finds, but for known cases.
 *
 * The characters that a keyword or text may not hold for that to be sure, since
 * at the accent level they become, or come to stand beside, something else:
 *	- a symbol or punctuation mark that is folded to letters, digits, marks, an
 *	  apostrophe or a sigil, as in the degree Celsius, a circled letter or the
 *	  full-width number sign: what stands beside it is bounded by it below;
 *	- an ignorable character that is no mark, as the zero-width space: it parts
 *	  words below and vanishes above, so that "free" is in "free" + U+200B +
 *	  "dom" below only;
 *	- a letter that is folded to a mark and more, as Thai sara am: no match ends
 *	  before a mark;
 *	- jamo, which compose with what follows.
 * Also "don" is found in "don't" when the t has an accent that is not folded.
 */
#include <stdlib.h>
#include <string.h>

#include "support/random_text.h"
#include "support/tap.h"

#define LAST_CHAR 0x10FFFF

/* Letters, marks and digits of any script. */
#define WRITTEN (FO_CH_WORD | FO_CH_SPACELESS)

static uint8_t
class_of(FoFoldLevel level, uint32_t cp)
{
	return fo_unicode_fold(level, cp)->cls;
}

/* Does a folded character bear on boundaries, at an end of a folded form? */
static bool
part_matters(FoFoldLevel level, uint32_t part, bool first, bool was_written)
{
	uint8_t		cls = class_of(level, part);

	if (was_written)
		return first && cls & FO_CH_MARK;
	return cls & (WRITTEN | FO_CH_MARK) || (part < 0x80 && strchr("'#@$", (int) part) != NULL);
}

/* Is cp one of the characters told of above? */
static bool
changes_sides(FoFoldLevel level, uint32_t cp)
{
	const FoFolded *folded = fo_unicode_fold(level, cp);
	bool		written = class_of(FO_FOLD_NONE, cp) & WRITTEN;
	uint8_t		form[FO_FOLDED_MAX];
	size_t		len = folded->len;

	if (cp < 0x80 || class_of(FO_FOLD_NONE, cp) & FO_CH_MARK)
		return false;
	memcpy(form, folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes, len);
	for (size_t i = 0; i < len;)
	{
		bool		first = i == 0;
		uint32_t	part;

		i += (size_t) fo_utf8_decode(form + i, form + len, &part);
		if (part_matters(level, part, first, written))
			return true;
	}
	return len == 0 && !written;
}

/* Is cp a vowel or final consonant of Hangul, or folded to one? */
static bool
is_jamo(uint32_t cp)
{
	return class_of(FO_FOLD_ACCENT, cp) & FO_CH_JOINS ||
		(cp >= 0x1100 && cp <= 0x11FF) || (cp >= 0x3131 && cp <= 0x318E) ||
		(cp >= 0xFFA0 && cp <= 0xFFDC);
}

/* Take the characters that break the rule out of bytes; returns the new length. */
static size_t
leave_safe(uint8_t *bytes, size_t len)
{
	size_t		kept = 0;

	for (size_t i = 0; i < len;)
	{
		uint32_t	cp;
		size_t		n = (size_t) fo_utf8_decode(bytes + i, bytes + len, &cp);

		if (!changes_sides(FO_FOLD_ACCENT, cp) && !is_jamo(cp) &&
			!(cp >= 0xAC00 && cp <= 0xD7A3) && cp != '\'' && cp != 0x2019)
		{
			memmove(bytes + kept, bytes + i, n);
			kept += n;
		}
		i += n;
	}
	return kept;
}

static bool
occurs(const RefSpec *spec, FoFoldLevel fold, const uint8_t *body, size_t len, bool *made)
{
	RefSpec		other = *spec;
	FoKeywordSet *set;
	FoMatcher	matcher;
	bool		found;

	other.fold = fold;
	other.nkeywords = 1;
	other.nallow = 0;
	set = fx_build(&other);
	*made = set->nkeywords == 1;
	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	found = fo_keyword_occurs(&matcher, set, body, len);
	fx_matcher_end(&matcher);
	free(set);
	return found;
}

/* Is the keyword of a case found at each level when it is at the level below? */
static bool
is_monotone(const FxCase *fx, long *hits)
{
	bool		below = false;

	for (int fold = 0; fold < FO_FOLD_LEVELS; fold++)
	{
		bool		made;
		bool		found = occurs(&fx->spec, (FoFoldLevel) fold, fx->body, fx->len, &made);

		if (!made)
			return true;
		if (below && !found)
		{
			tap_diag("not found at level %d", fold);
			fx_explain(&fx->spec, fx->body, fx->len);
			return false;
		}
		below = found;
		*hits += found;
	}
	return true;
}

static void
test_alphabet(uint32_t alphabet)
{
	FxRandom	random = {1000 + alphabet};
	bool		monotone = true;
	long		hits = 0;

	for (int round = 0; monotone && round < 500; round++)
	{
		FxCase		fx = fx_random_case(&random, alphabet, 60, 1);

		fx.len = leave_safe(fx.body, fx.len);
		fx.entries[0].len = leave_safe((uint8_t *) fx.entries[0].bytes, fx.entries[0].len);
		monotone = is_monotone(&fx, &hits);
		fx_free_case(&fx);
	}
	ok(monotone, "alphabet %u: what is found below is found above", alphabet);
	ok(hits > 50, "alphabet %u: something was found, %ld times", alphabet, hits);
}

/* Case folding moves no boundary at all. */
static void
test_case_level(void)
{
	long		changed = 0;

	for (uint32_t cp = 0; cp <= LAST_CHAR; cp += cp == 0xD7FF ? 0x801 : 1)
		changed += changes_sides(FO_FOLD_CASE, cp);
	is(changed, 0, "no character changes sides at the case level");
}

/* The known cases are as told. */
static void
test_known(void)
{
	static const struct
	{
		const char *keyword;
		const char *text;
	}			known[] = {
		{"free", "㎏free"},
		{"free", "free\xE2\x80\x8B" "dom"},
		{"ai", "j´ai"},
		{"#ai", "x ＃ai"},
		{"ᄒ*", "ᄒ\xE1\x85\xA1"},
		{"don", "don'ť"},
		{"น", "นำ"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		RefBytes	entry = {(const uint8_t *) known[i].keyword, strlen(known[i].keyword)};
		RefSpec		spec = {FO_FOLD_CASE, true, false, &entry, 1, NULL, 0};
		const uint8_t *body = (const uint8_t *) known[i].text;
		size_t		len = strlen(known[i].text);
		bool		made;
		bool		below = occurs(&spec, FO_FOLD_CASE, body, len, &made);
		bool		above = occurs(&spec, FO_FOLD_ACCENT, body, len, &made);

		ok(below != above, "%s in %s: found at one level only", known[i].keyword, known[i].text);
	}
}

int
main(void)
{
	fx_init();
	test_case_level();
	for (uint32_t alphabet = 0; alphabet < fx_nalphabets; alphabet++)
		test_alphabet(alphabet);
	test_known();
	return tap_done();
}
