/*
 * unicode.c
 *		What characters fold to: some by hand, all of them by their properties.
 */
#include <string.h>

#include "support/fixture.h"
#include "support/tap.h"

/* What keyword_match.c relies on for the size of windows. */
#define MAX_EXPANSION 12

#define LAST_CHAR 0x10FFFF

static const struct
{
	FoFoldLevel level;
	const char *source;
	const char *wanted;
}			forms[] = {
	{FO_FOLD_NONE, "Straße É ｶﾞ", "Straße É ｶﾞ"},
	{FO_FOLD_NONE, "a\t\n b\xC2\xA0" "c\xE3\x80\x80" "d", "a b c d"},
	/* full case folding */
	{FO_FOLD_CASE, "Straße STRASSE ẞ", "strasse strasse ss"},
	{FO_FOLD_CASE, "ÀÉÎ", "àéî"},
	{FO_FOLD_CASE, "I İ ı", "i i\xCC\x87 ı"},
	{FO_FOLD_CASE, "ΣΑΣ ς", "σασ σ"},
	{FO_FOLD_CASE, "ПРИВЕТ Ёж", "привет ёж"},
	{FO_FOLD_CASE, "ԱՐԵՒ և", "արեւ եւ"},
	{FO_FOLD_CASE, "ﬀ ŉ", "ff ʼn"},
	{FO_FOLD_CASE, "Ꭰ ꭰ", "Ꭰ Ꭰ"},
	{FO_FOLD_CASE, "𐐀 Ⓐ Ａ", "𐐨 ⓐ ａ"},
	{FO_FOLD_CASE, "日本 ガ ไทย", "日本 ガ ไทย"},
	/* compatibility forms */
	{FO_FOLD_ACCENT, "ＡＢＣ１２３！", "abc123!"},
	{FO_FOLD_ACCENT, "ﬁ ﬃ Ǆ ĳ", "fi ffi dz ij"},
	{FO_FOLD_ACCENT, "𝓯𝓻𝓮𝓮 Ⓕⓡ", "free fr"},
	{FO_FOLD_ACCENT, "① ² ½ Ⅻ", "1 2 1⁄2 xii"},
	{FO_FOLD_ACCENT, "™ ℠ ®", "™ ℠ ®"},
	{FO_FOLD_ACCENT, "ﷺ", "صلى الله عليه وسلم"},
	{FO_FOLD_ACCENT, "ﻻ", "لا"},
	/* accents and strokes */
	{FO_FOLD_ACCENT, "Café naïve Åse", "cafe naive ase"},
	{FO_FOLD_ACCENT, "e\xCC\x81\xCC\xA3", "e"},
	{FO_FOLD_ACCENT, "Łódź Øre Đorđe Æsir œuvre þorn", "lodz ore dorde aesir oeuvre thorn"},
	{FO_FOLD_ACCENT, "İstanbul ırmak", "istanbul irmak"},
	{FO_FOLD_ACCENT, "Việt Nguyễn", "viet nguyen"},
	{FO_FOLD_ACCENT, "Ἀθῆναι", "αθηναι"},
	{FO_FOLD_ACCENT, "ёжик й", "ежик и"},
	{FO_FOLD_ACCENT, "שָׁלוֹם", "שלום"},
	{FO_FOLD_ACCENT, "كِتَابٌ أ", "كتاب ا"},
	/* marks that make another letter stay */
	{FO_FOLD_ACCENT, "हिन्दी क़", "हिन्दी क़"},
	{FO_FOLD_ACCENT, "தமிழ்", "தமிழ்"},
	{FO_FOLD_ACCENT, "ภาษาไทย", "ภาษาไทย"},
	{FO_FOLD_ACCENT, "か\xE3\x82\x99 ｶﾞ ㌐ は\xE3\x82\x9A", "が ガ ギガ ぱ"},
	{FO_FOLD_ACCENT, "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB ㈎ 한", "한 (가) 한"},
	/* what vanishes, and signs for others */
	{FO_FOLD_ACCENT, "fr\xE2\x80\x8B" "ee\xC2\xAD \xEF\xBB\xBFx\xE2\x80\x8D", "free x"},
	{FO_FOLD_ACCENT, "❤\xEF\xB8\x8F 1\xEF\xB8\x8F\xE2\x83\xA3", "❤ 1"},
	{FO_FOLD_ACCENT, "don’t donʼt ‘x´", "don't don't 'x'"},
	{FO_FOLD_ACCENT, "e‑mail e‐mail", "e-mail e-mail"},
};

static void
test_forms(void)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		ok(fx_folds_to(forms[i].level, forms[i].source, forms[i].wanted),
		   "level %d: %s", forms[i].level, forms[i].source);
}

/* The folded form of one character; returns its length. */
static size_t
form_of(FoFoldLevel level, uint32_t cp, uint8_t *form)
{
	const FoFolded *folded = fo_unicode_fold(level, cp);

	memcpy(form, folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes, folded->len);
	return folded->len;
}

/* Does folding the folded form change nothing? */
static bool
is_idempotent(FoFoldLevel level, const uint8_t *form, size_t len)
{
	FoText		text = fx_fold(fo_kernel(), level, false, false, form, len, 0);
	bool		same = text.len == len && memcmp(text.buf, form, len) == 0;

	fx_free_text(&text);
	return same;
}

/* Is the form well-formed UTF-8 of characters that the table describes as they are? */
static bool
is_consistent(FoFoldLevel level, uint32_t cp, const uint8_t *form, size_t len)
{
	const FoFolded *folded = fo_unicode_fold(level, cp);
	uint8_t		cls = folded->cls;
	uint32_t	single = 0;
	int			first = 0;

	for (size_t i = 0; i < len; i += (size_t) first)
	{
		first = fo_utf8_decode(form + i, form + len, &single);
		if (single == FO_INVALID_CHAR)
			return false;
	}
	if (cls & FO_CH_LONG)
		return fo_unicode_long(folded)[-1] == len && len > (size_t) first;
	return len <= 4 && (len == 0 || ((size_t) first == len &&
									 fo_unicode_fold(level, single)->cls == cls));
}

/* Folding more gives the same, whether or not one has folded less before. */
static bool
includes_lower(FoFoldLevel level, uint32_t cp, const uint8_t *form, size_t len)
{
	uint8_t		lower[FO_FOLDED_MAX];
	size_t		n;
	FoText		text;
	bool		same;

	if (level == FO_FOLD_NONE)
		return true;
	n = form_of((FoFoldLevel) (level - 1), cp, lower);
	text = fx_fold(fo_kernel(), level, false, false, lower, n, 0);
	same = text.len == len && memcmp(text.buf, form, len) == 0;
	fx_free_text(&text);
	return same;
}

/* Assert that no character is counted, naming the first one. */
static void
none(long count, uint32_t first, FoFoldLevel level, const char *what)
{
	if (!ok(count == 0, "level %d: every character %s", level, what))
		tap_diag("%ld do not, the first is U+%04X", count, first);
}

static void
test_every_character(FoFoldLevel level)
{
	enum
	{
		IDEMPOTENT, CONSISTENT, SHORT, LOWER, ASKED
	};
	static const char *const what[] = {"is folded once and for all",
		"has a well-formed entry", "grows at most twelvefold", "is folded more than at the level below"};
	long		wrong[ASKED] = {0};
	uint32_t	first[ASKED] = {0};

	for (uint32_t cp = 0; cp <= LAST_CHAR; cp += cp == 0xD7FF ? 0x801 : 1)
	{
		uint8_t		form[FO_FOLDED_MAX];
		uint8_t		source[4];
		size_t		source_len = (size_t) fo_utf8_encode(cp, source);
		size_t		len = form_of(level, cp, form);
		bool		holds[ASKED] = {is_idempotent(level, form, len),
			is_consistent(level, cp, form, len), len <= MAX_EXPANSION * source_len,
			includes_lower(level, cp, form, len)};

		for (int i = 0; i < ASKED; i++)
		{
			if (!holds[i] && wrong[i]++ == 0)
				first[i] = cp;
		}
	}
	for (int i = 0; i < ASKED; i++)
		none(wrong[i], first[i], level, what[i]);
}

/* Every Hangul syllable, written as jamo (Unicode standard, section 3.12). */
static void
test_hangul(void)
{
	long		wrong = 0;

	for (uint32_t s = 0; s < 11172; s++)
	{
		uint8_t		jamo[9];
		uint8_t		whole[3];
		int			len = fo_utf8_encode(0x1100 + s / 588, jamo);
		FoText		text;

		len += fo_utf8_encode(0x1161 + s % 588 / 28, jamo + len);
		if (s % 28 != 0)
			len += fo_utf8_encode(0x11A7 + s % 28, jamo + len);
		fo_utf8_encode(0xAC00 + s, whole);
		text = fx_fold(fo_kernel(), FO_FOLD_ACCENT, true, false, jamo, (size_t) len, 0);
		wrong += text.len != 3 || memcmp(text.buf, whole, 3) != 0;
		fx_free_text(&text);
	}
	is(wrong, 0, "all syllables of Hangul are composed of their jamo");
	ok(fo_unicode_compose(0xAC01, 0x11A8) == 0, "a syllable with a final takes no other");
	ok(fo_unicode_compose('a', 0x1161) == 0, "a vowel does not compose with a Latin letter");
	ok(fo_unicode_compose(FO_INVALID_CHAR, 0x3099) == 0, "nothing composes with an invalid byte");
}

/* Kana with the voicing marks, as combining, half-width and precomposed characters. */
static void
test_kana(void)
{
	static const char *const voiced[][3] = {
		{"か\xE3\x82\x99き\xE3\x82\x99く\xE3\x82\x99け\xE3\x82\x99こ\xE3\x82\x99", "がぎぐげご", "hiragana"},
		{"は\xE3\x82\x99ひ\xE3\x82\x9Aう\xE3\x82\x99", "ばぴゔ", "hiragana of other kinds"},
		{"ｶﾞｷﾞｸﾞｹﾞｺﾞﾊﾟﾋﾞｳﾞﾜﾞ", "ガギグゲゴパビヴヷ", "half-width katakana"},
		{"カ\xE2\x80\x8B\xE3\x82\x99", "ガ", "with something ignorable between"},
		{"あ\xE3\x82\x99", "あ\xE3\x82\x99", "which do not go together"},
		{"\xE3\x82\x99", "\xE3\x82\x99", "a mark alone"},
	};

	for (size_t i = 0; i < sizeof(voiced) / sizeof(voiced[0]); i++)
		ok(fx_folds_to(FO_FOLD_ACCENT, voiced[i][0], voiced[i][1]), "kana: %s", voiced[i][2]);
}

/* The kernels fold ASCII by themselves: as the table does? */
static void
test_ascii(void)
{
	for (int level = 0; level < FO_FOLD_LEVELS; level++)
	{
		bool		same = true;

		for (uint8_t c = 1; c < 0x80; c++)
		{
			uint8_t		form[FO_FOLDED_MAX];
			size_t		len = form_of((FoFoldLevel) level, c, form);
			FoText		text = fx_fold(fo_kernel(), (FoFoldLevel) level, true, false, &c, 1, 0);

			same &= len == 1 && text.len == 1 && text.buf[0] == form[0];
			fx_free_text(&text);
		}
		ok(same, "level %d: the table agrees with the kernel on ASCII", level);
	}
}

/* Decoding, of what is UTF-8 and what is not. */
static void
test_utf8(void)
{
	static const char *const bad[] = {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3",
		"\xE0\x80\x80",
		"\xE2\x82", "\xE2\x28\xA1", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"};
	bool		same = true;

	for (uint32_t cp = 0; cp <= LAST_CHAR; cp += cp == 0xD7FF ? 0x801 : 1)
	{
		uint8_t		bytes[4];
		uint32_t	again;
		int			len = fo_utf8_encode(cp, bytes);

		same &= fo_utf8_decode(bytes, bytes + len, &again) == len && again == cp;
		same &= len == 1 || fo_utf8_decode(bytes, bytes + len - 1, &again) == 1;
	}
	ok(same, "what is encoded is decoded");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		const uint8_t *p = (const uint8_t *) bad[i];
		uint32_t	cp;

		ok(fo_utf8_decode(p, p + strlen(bad[i]), &cp) == 1 && cp == FO_INVALID_CHAR,
		   "invalid sequence %zu is a byte of its own", i);
	}
}

int
main(void)
{
	fx_init();
	test_utf8();
	test_forms();
	test_ascii();
	for (int level = 0; level < FO_FOLD_LEVELS; level++)
		test_every_character((FoFoldLevel) level);
	test_hangul();
	test_kana();
	ok(fo_unicode_look_alike(0x430) == 'a' && fo_unicode_look_alike('a') == 0,
	   "a Cyrillic letter looks like a Latin one, which looks like no other");
	return tap_done();
}
