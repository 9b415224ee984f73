/*
 * random_text.c
 *		Random texts: see random_text.h.
 */
#include "support/random_text.h"

#include <stdlib.h>
#include <string.h>

/*
 * Few characters each, so that keywords occur: letters in both cases, what
 * folds to them, marks, characters that vanish, white space, punctuation that
 * boundary rules look at.  Members are parted by blanks; "_" stands for one.
 */
static const char *const alphabets[] = {
	/* words of ASCII */
	"a b a b A _ _ ' # - t n",
	/* English, with apostrophes, sigils and signs */
	"n t N T a i A I ' ’ _ _ . , # @ $ + * \\ \t \n",
	/* disguised words */
	"f r e E 3 € $ 5 s @ a l i 1 ! | I L _ . _ - е ѕ α ｅ 🄵",

	/*
	 * Latin with accents, in both normal forms, and look-alikes of an
	 * apostrophe
	 */
	"e é e\xCC\x81 E É ß s S ẞ ﬁ f i ŉ n æ a o ø ŀ l _ ' ʼ \xC2\xAD \xE2\x80\x8B",
	/* Turkish and Greek */
	"i I İ ı ı\xCC\x87 σ ς Σ ά α Α ΐ ᾳ ι \xCD\x85 _ _ ' k K K",
	/* Cyrillic, Armenian, Georgian */
	"а А б Б й и\xCC\x86 ё е և ե ւ ა Ა о o c с _ _ - . 1 2",
	/* Hebrew and Arabic, pointed */
	"ש שׁ ש\xD7\x81 ל ם ם\xD6\xB7 ا أ إ ل لا ﻻ ﷺ ص م \xD9\x91 \xD9\x8E ـ _ _ ،",
	/* Devanagari, Tamil, Thai, Khmer, Burmese */
	"क ि क़ क\xE0\xA4\xBC ् ष ா க ก ี ่ ำ า \xE0\xB9\x8D ខ ្ ម က ် a b _ _ \xE2\x80\x8D",
	/* Han and kana, full width and half width */
	"日 本 語 か が か\xE3\x82\x99 カ ガ ｶ ﾞ ガ ㌔ ㌐ a Ａ ａ １ 1 ー _ 　 。 、 A",
	/* Hangul, syllables and jamo, of both kinds */
	"가 각 한 ᄀ ᅡ ᆨ ᄒ ᆫ ㄱ ㅏ ㅋ ㈎ ㉠ 각 _ _ a",
	/* emoji, flags, joiners, selectors, kept and compatibility symbols */
	"🇺 🇸 🇦 👍 👍🏽 👩\xE2\x80\x8D💻 ❤ ❤\xEF\xB8\x8F 1\xEF\xB8\x8F\xE2\x83\xA3 ™ ℠ ² ½ ㎏ k g Ⓐ ⒜ a ( ) _ ℃",
	/* white space of all kinds, and phrases */
	"a b a b _ _ \t \n \r \xC2\xA0 \xE2\x80\x83 \xE2\x80\xA8 \xE3\x80\x80 \xC2\x85 \xE1\x9A\x80 é",
	/* ASCII with what is harmless in it, or turns into ASCII */
	"a b c a b C . _ _ , … “ ” – 👍 ❤\xEF\xB8\x8F ™ \xC2\xA0 \xE2\x80\x8B",
	"a b k g 1 2 ' . _ _ ½ ① ㎏ ㏂ ﬀ f ﹫ @ ＃ # ’ ‥ . ： \xCC\x81 \xE2\x81\xA0 k",
	/* ASCII with little else, which need not be folded to be looked through */
	"a b c a b C d e a b c d . _ _ _ , s . o ' # - a b c d … ’ “ 👍 ❤\xEF\xB8\x8F \xE2\x80\x8B 🇺 é \xC2\xA0 ．",
	/* words of three bytes a letter, and two: long beginnings alike */
	"ア ア イ ウ ー カ ガ ド _ 亜 가 나 다 가 나 日 ア イ",
	"ก ข ค ก ข เ แ ่ ำ _ _ أ ب ت ا ب ж з и ж з a",
	/* spaced and stretched words, of several scripts */
	"a a b e . _ . _ - · б б я 我 你 a\xCC\x81 1 2 @ $ \xF0\x9F\x98\x80 🅰 क ก",
};

#define NALPHABETS (sizeof(alphabets) / sizeof(alphabets[0]))

const uint32_t fx_nalphabets = NALPHABETS + 1;

/* Member number i of an alphabet, i taken modulo their number. */
static RefBytes
member(const char *alphabet, uint32_t i)
{
	const char *p = alphabet;
	uint32_t	n = 1;
	size_t		len;

	for (const char *q = alphabet; (q = strchr(q, ' ')) != NULL; q++)
		n++;
	for (i %= n; i > 0; i--)
		p = strchr(p, ' ') + 1;
	len = strcspn(p, " ");
	if (len == 1 && *p == '_')
		return (RefBytes) {(const uint8_t *) " ", 1};
	return (RefBytes) {(const uint8_t *) p, len};
}

static RefBytes
random_member(FxRandom *random, uint32_t alphabet)
{
	if (alphabet >= NALPHABETS)
		alphabet = fx_random(random, NALPHABETS);
	return member(alphabets[alphabet], fx_random(random, 1000));
}

size_t
fx_random_text(FxRandom *random, uint32_t alphabet, uint8_t *out, size_t len)
{
	size_t		used = 0;

	while (used + 16 <= len)
	{
		RefBytes	next = random_member(random, alphabet);
		uint32_t	times = fx_random(random, 12) == 0 ? 1 + fx_random(random, 4) : 1;

		for (; times > 0 && used + next.len <= len; times--)
		{
			memcpy(out + used, next.bytes, next.len);
			used += next.len;
		}
	}
	return used;
}

/* A piece of the text, from one character to another, at out; returns its length. */
static size_t
cut(FxRandom *random, const uint8_t *body, size_t len, uint8_t *out)
{
	size_t		from = fx_random(random, (uint32_t) len);
	size_t		to = from + 1 + fx_random(random, 24);

	if (to > len)
		to = len;
	while (from > 0 && fo_utf8_continues(body[from]))
		from--;
	while (to < len && fo_utf8_continues(body[to]))
		to++;
	memcpy(out, body + from, to - from);
	return to - from;
}

/* A keyword: cut from the text or made afresh, maybe open, maybe with changed letters. */
static RefBytes
random_entry(FxRandom *random, uint32_t alphabet, const uint8_t *body, size_t len)
{
	uint8_t		bytes[256];
	size_t		used = 0;

	if (fx_random(random, 6) == 0)
		bytes[used++] = '*';
	if (len > 0 && fx_random(random, 4) != 0)
		used += cut(random, body, len, bytes + used);
	else
		used += fx_random_text(random, alphabet, bytes + used, 16 + fx_random(random, 16));
	for (size_t i = 0; i < used; i++)
	{
		if (bytes[i] < 0x80 && (bytes[i] | 32) >= 'a' && (bytes[i] | 32) <= 'z' &&
			fx_random(random, 8) == 0)
			bytes[i] ^= 32;
	}
	if (fx_random(random, 6) == 0)
		bytes[used++] = '*';
	return (RefBytes) {fx_exact(bytes, used), used};
}

FxCase
fx_random_case(FxRandom *random, uint32_t alphabet, size_t len, uint32_t nentries)
{
	FxCase		fx = {.body = malloc(len + 16)};
	size_t		n = 1 + fx_random(random, nentries);
	size_t		nallow = fx_random(random, 2) == 0 ? 0 : fx_random(random, nentries);

	fx.len = fx_random_text(random, alphabet, fx.body, len + 16);
	fx.entries = malloc((n + nallow) * sizeof(RefBytes));
	for (size_t i = 0; i < n + nallow; i++)
		fx.entries[i] = random_entry(random, alphabet, fx.body, fx.len);
	fx.spec = (RefSpec) {(FoFoldLevel) fx_random(random, FO_FOLD_LEVELS),
						 fx_random(random, 3) != 0, false, fx.entries, n, fx.entries + n, nallow};
	return fx;
}

void
fx_free_case(FxCase *fx)
{
	for (size_t i = 0; i < fx->spec.nkeywords + fx->spec.nallow; i++)
		free((void *) fx->entries[i].bytes);
	free(fx->entries);
	free(fx->body);
}

static bool
fails(const FxCase *fx)
{
	return fx_differs(&fx->spec, fx->body, fx->len) != NULL;
}

/* Leave entry number i out if the case fails without it. */
static bool
drop_entry(FxCase *fx, size_t i)
{
	RefSpec		before = fx->spec;
	size_t		n = before.nkeywords + before.nallow;
	RefBytes	entry = fx->entries[i];

	memmove(fx->entries + i, fx->entries + i + 1, (n - 1 - i) * sizeof(RefBytes));
	if (i < before.nkeywords)
	{
		fx->spec.nkeywords--;
		fx->spec.allow--;
	}
	else
		fx->spec.nallow--;
	if (fails(fx))
	{
		free((void *) entry.bytes);
		return true;
	}
	memmove(fx->entries + i + 1, fx->entries + i, (n - 1 - i) * sizeof(RefBytes));
	fx->entries[i] = entry;
	fx->spec = before;
	return false;
}

/* Cut whole characters, about n bytes from at on, if the case fails without them. */
static bool
cut_bytes(FxCase *fx, uint8_t *bytes, size_t *len, size_t at, size_t n)
{
	size_t		before = *len;
	uint8_t    *copy;

	while (at + n < before && fo_utf8_continues(bytes[at + n]))
		n++;
	if (at + n > before || fo_utf8_continues(bytes[at]))
		return false;
	copy = fx_exact(bytes, before);
	memmove(bytes + at, bytes + at + n, before - at - n);
	*len = before - n;
	if (!fails(fx))
	{
		memcpy(bytes, copy, before);
		*len = before;
	}
	free(copy);
	return *len < before;
}

static void
shrink_bytes(FxCase *fx, uint8_t *bytes, size_t *len)
{
	for (size_t n = *len / 2; n > 0; n /= 2)
	{
		for (size_t at = 0; at + n <= *len;)
			at += cut_bytes(fx, bytes, len, at, n) ? 0 : n;
	}
}

void
fx_shrink_case(FxCase *fx)
{
	for (size_t i = fx->spec.nkeywords + fx->spec.nallow; i-- > 0;)
		drop_entry(fx, i);
	shrink_bytes(fx, fx->body, &fx->len);
	for (size_t i = 0; i < fx->spec.nkeywords + fx->spec.nallow; i++)
		shrink_bytes(fx, (uint8_t *) fx->entries[i].bytes, &fx->entries[i].len);
}
