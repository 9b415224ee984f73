/*
 * boundary.c
 *		What a person expects of a keyword in a text, case by case.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/tap.h"

typedef struct Expectation
{
	FoFoldLevel fold;
	const char *keyword;
	const char *allow;			/* or NULL */
	const char *text;
	int			hits;
} Expectation;

#define NONE FO_FOLD_NONE
#define CASE FO_FOLD_CASE
#define ACCENT FO_FOLD_ACCENT
#define EVASION FO_FOLD_EVASION

static const Expectation whole_words[] = {
	/* innocent words */
	{ACCENT, "cunt", NULL, "Scunthorpe United", 0},
	{ACCENT, "ass", NULL, "assistance, classic, pass; ass.", 1},
	{ACCENT, "*ass*", "*assist*", "assistance for an ass", 1},
	{ACCENT, "*ass*", "assistance", "assistance, assistants", 1},
	{ACCENT, "watch", NULL, "smartwatch watches watch", 1},
	{CASE, "cat", NULL, "cat Cat CAT concat cat's cat-like", 5},

	/* open ends */
	{ACCENT, "crypto*", NULL, "crypto cryptocurrency Crypto-coin mycrypto", 3},
	{ACCENT, "*coin", NULL, "bitcoin coin coins", 2},
	{ACCENT, "*bit*", NULL, "rabbit bits habits", 3},
	{ACCENT, "\\*star\\*", NULL, "a *star* star", 1},

	/* apostrophes */
	{ACCENT, "ai", NULL, "j'ai dit", 0},
	{ACCENT, "ai", NULL, "j’ai dit", 0},
	{NONE, "ai", NULL, "j’ai dit", 0},
	{ACCENT, "ai", NULL, "AI's rise, 'ai', ‘AI’, ai'", 4},
	{ACCENT, "ankara", NULL, "Ankara'da", 1},
	{ACCENT, "don't", NULL, "I don't, I don’t, DON'T", 3},
	{ACCENT, "don", NULL, "I don't; the Don's; don'tcha", 2},
	{ACCENT, "can", NULL, "can't can", 1},
	{ACCENT, "t", NULL, "don't", 0},

	/* hashtags, handles and words with signs */
	{ACCENT, "ai", NULL, "#ai @ai #aim", 2},
	{ACCENT, "#ai", NULL, "#ai ai #aim x#ai ##ai", 2},
	{ACCENT, "@bob", NULL, "@bob a@bob bob @bobby", 1},
	{ACCENT, "$gme", NULL, "$GME US$GME", 1},
	{ACCENT, "c++", NULL, "C++ c++17 objc++", 2},
	{ACCENT, "c#", NULL, "C# and c#, not abc#", 2},
	{ACCENT, ".net", NULL, ".NET and asp.net, .network", 2},
	{ACCENT, "c", NULL, "C++ c", 2},
	{ACCENT, "e-mail", NULL, "e-mail e‐mail e‑mails email", 2},

	/* emoji and flags */
	{ACCENT, "👍", NULL, "ok👍 👍🏽 x", 2},
	{ACCENT, "❤", NULL, "I ❤️ you ❤", 2},
	{ACCENT, "🇺🇸", NULL, "🇺🇸🇦🇺🇸🇪🇺🇸", 2},
	{ACCENT, "🇸🇦", NULL, "🇺🇸🇦🇺", 0},

	/* scripts without spaces, alone and beside others */
	{ACCENT, "東京", NULL, "私は東京に住む。東京都", 2},
	{ACCENT, "カタカナ", NULL, "ｶﾀｶﾅとカタカナ", 2},
	{ACCENT, "ガ", NULL, "ｶﾞ カ\xE3\x82\x99 ㌐", 3},
	{ACCENT, "か", NULL, "が か\xE3\x82\x99", 0},
	{ACCENT, "ไทย", NULL, "ประเทศไทยและ", 1},
	{ACCENT, "ກິນ", NULL, "ກິນເຂົ້າ", 1},
	{ACCENT, "ai", NULL, "日本ai語 AI技術", 2},
	{ACCENT, "한국", NULL, "한국 한국어 대한국", 1},
	{ACCENT, "한국*", NULL, "한국어", 1},
	{ACCENT, "한", NULL, "한", 1},

	/* other scripts */
	{CASE, "привет", NULL, "ПРИВЕТ, приветик", 1},
	{CASE, "ὀδυσσεύς", NULL, "ὈΔΥΣΣΕΎΣ", 1},
	{ACCENT, "οδυσσευς", NULL, "Ὀδυσσεύς", 1},
	{ACCENT, "שלום", NULL, "שָׁלוֹם", 1},
	{ACCENT, "كتاب", NULL, "كِتَاب كتابي", 1},
	{ACCENT, "हिन्दी", NULL, "हिन्दी में हिन्दीभाषी", 1},
	{ACCENT, "हिन्द", NULL, "हिन्दी", 0},
	{CASE, "strasse", NULL, "Straße STRASSE", 2},
	{CASE, "straße", NULL, "STRASSE", 1},
	{CASE, "istanbul", NULL, "Istanbul ISTANBUL İstanbul ıstanbul", 2},
	{ACCENT, "istanbul", NULL, "Istanbul ISTANBUL İstanbul ıstanbul", 4},

	/* levels */
	{NONE, "Cat", NULL, "cat Cat", 1},
	{CASE, "cafe", NULL, "café cafe\xCC\x81 cafe", 1},
	{ACCENT, "cafe", NULL, "café cafe\xCC\x81 cafe", 3},
	{ACCENT, "café", NULL, "cafe", 1},
	{ACCENT, "free", NULL, "ｆｒｅｅ ⓕⓡⓔⓔ 𝓯𝓻𝓮𝓮", 3},
	{ACCENT, "free", NULL, "fr\xE2\x80\x8B" "ee fr\xC2\xAD" "ee f\xE2\x81\xA0ree", 3},
	{ACCENT, "office", NULL, "oﬃce", 1},
	{ACCENT, "tm", NULL, "Brand™ tm", 1},
	{ACCENT, "brand", NULL, "Brand™", 1},

	/* white space */
	{ACCENT, "hot dog", NULL, "hot   dog, hot\n\tdog, hot\xC2\xA0" "dog, hotdog, hot-dog", 3},
	{ACCENT, "  hot   dog ", NULL, "hot dog", 1},

	/* evasion */
	{EVASION, "free", NULL, "f.r.e.e", 1},
	{EVASION, "free", NULL, "F R E E", 1},
	{EVASION, "free", NULL, "f-r-e-e f_r_e_e", 2},
	{EVASION, "free", NULL, "fr€€", 1},
	{EVASION, "free", NULL, "freeee FREEEEE!!!", 2},
	{EVASION, "free", NULL, "frе\xD0\xB5 ｆｒее", 2},
	{EVASION, "free", NULL, "fre freedom f.r.e.edom", 0},
	{EVASION, "viagra", NULL, "v1agr@! V!AGRA vi4gra", 3},
	{EVASION, "hello", NULL, "helo hello helllo he11o", 3},
	{EVASION, "100", NULL, "100 1oo", 1},
	{EVASION, "法轮功", NULL, "法.轮.功 法轮功", 2},
	{EVASION, "法功", NULL, "法轮功", 0},
	{EVASION, "cat", NULL, "a cat, the c@t, k4t", 2},
	{EVASION, "free", "free beer", "free beer f.r.e.e beer fr33", 1},
};

static const Expectation substrings[] = {
	{ACCENT, "ai", NULL, "j'ai said AI", 3},
	{CASE, "ass", NULL, "assassin", 2},
	{CASE, "aa", NULL, "aaaa", 3},
	{ACCENT, "é", NULL, "e é E", 3},
	{CASE, "e", NULL, "e\xCC\x81 e", 1},
};

static void
test_expectation(const Expectation *expected, bool whole_word)
{
	RefBytes	entries[2] = {{(const uint8_t *) expected->keyword, strlen(expected->keyword)}};
	RefSpec		spec = {expected->fold, whole_word, false, entries, 1, entries + 1, 0};
	const uint8_t *body = (const uint8_t *) expected->text;
	size_t		len = strlen(expected->text);
	FoKeywordSet *set;
	FoMatcher	matcher;
	FoMatches	found;
	const char *difference;

	if (expected->allow != NULL)
	{
		entries[1] = (RefBytes) {(const uint8_t *) expected->allow, strlen(expected->allow)};
		spec.nallow = 1;
	}
	set = fx_build(&spec);
	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	found = fx_find(&matcher, set, body, len);
	is(found.used, expected->hits, "level %d: %s in %s",
	   expected->fold, expected->keyword, expected->text);
	difference = fx_differs(&spec, body, len);
	if (difference != NULL)
		ok(false, "%s in %s: %s", expected->keyword, expected->text, difference);
	fx_matcher_end(&matcher);
	free(found.items);
	free(set);
}

int
main(void)
{
	fx_init();
	for (size_t i = 0; i < sizeof(whole_words) / sizeof(whole_words[0]); i++)
		test_expectation(&whole_words[i], true);
	for (size_t i = 0; i < sizeof(substrings) / sizeof(substrings[0]); i++)
		test_expectation(&substrings[i], false);
	return tap_done();
}
