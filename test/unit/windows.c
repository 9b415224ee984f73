/*
 * windows.c
 *		Texts longer than a window, with keywords across the windows' edges.
 *
 * Each text is filler with copies of a needle, placed so that over the texts
 * each byte of the needle comes to lie on an edge; all kernels must find what
 * the reference finds.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/tap.h"

/* Size of a window's own part is near this; the last one is the window of evasion. */
static const size_t edges[] = {16384, 2 * 16384, 65536, 2 * 65536};

typedef struct Needle
{
	const char *name;
	FoFoldLevel fold;
	bool		whole_word;
	const char *keyword;
	const char *allow;			/* or NULL */
	const char *text;			/* what is hidden in the filler */
	const char *filler;
} Needle;

static const Needle needles[] = {
	{"word", FO_FOLD_CASE, true, "needle", NULL, " needle ", "hay "},
	{"word of other script", FO_FOLD_ACCENT, true, "иголка", NULL, " Иголка ", "сено "},
	{"substring", FO_FOLD_CASE, false, "needle", NULL, "needle", "hay"},
	{"three bytes", FO_FOLD_NONE, false, "xyz", NULL, "xyz", "xy "},
	{"two bytes", FO_FOLD_NONE, false, "xz", NULL, "xz", "xy "},
	{"one byte", FO_FOLD_NONE, false, "z", NULL, "z", "xy "},
	{"phrase", FO_FOLD_CASE, true, "a needle in it", NULL, " a needle  in \n it ", "a  needle "},
	{"prefix", FO_FOLD_ACCENT, true, "need*", NULL, " nèèdles ", "knee d "},
	{"flag", FO_FOLD_ACCENT, true, "🇺🇸", NULL, "x🇺🇸🇺🇸x", "🇦🇺"},
	{"flag among flags", FO_FOLD_ACCENT, true, "🇺🇸", NULL, "🇺🇸", "🇦🇺"},
	{"apostrophe", FO_FOLD_ACCENT, true, "ai", NULL, " j’ai ai don't ", "on "},
	{"long forms", FO_FOLD_ACCENT, false, "وسلم", NULL, "x", "ﷺ"},
	{"allowed phrase", FO_FOLD_CASE, false, "ass", "*passage of time*", "the passage of time, an ass ", "hay "},
	{"spaced", FO_FOLD_EVASION, true, "needle", NULL, " n.e.e.d.l.e ", "hay "},
	{"widely spaced", FO_FOLD_EVASION, true, "needle", NULL, " n 😀e😀e😀d😀l😀e ", "hay "},
	{"long and widely spaced", FO_FOLD_EVASION, true, "a needle in a stack of needles", NULL,
	" a n😀e😀e😀d😀l😀e in a s😀t😀a😀c😀k of n😀е😀e😀d😀l😀e😀s ", "hay "},
	{"stretched", FO_FOLD_EVASION, true, "needle", NULL,
		" needlllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
	"llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllle ", "hay "},
	{"disguised", FO_FOLD_EVASION, false, "needle", "needless", " n33dle n33dle$s ", "ha1 y4 "},
};

/* Compare texts with the needle at distances around an edge. */
static void
test_needle(const Needle *needle, size_t edge)
{
	RefBytes	entries[2] = {{(const uint8_t *) needle->keyword, strlen(needle->keyword)}};
	RefSpec		spec = {needle->fold, needle->whole_word, false, entries, 1, entries + 1, 0};
	size_t		hidden = strlen(needle->text);
	size_t		filler = strlen(needle->filler);
	size_t		max = edge + 1000;
	uint8_t    *body = malloc(max);
	const char *difference = NULL;

	if (needle->allow != NULL)
	{
		entries[1] = (RefBytes) {(const uint8_t *) needle->allow, strlen(needle->allow)};
		spec.nallow = 1;
	}

	/*
	 * One needle every 61 bytes or so meets the edge in all ways over some
	 * texts.
	 */
	for (size_t shift = 0; shift < 64 && difference == NULL; shift += 13)
	{
		size_t		len = shift;

		memset(body, ' ', shift);
		while (len + filler + hidden < max)
		{
			bool		near = len + 500 > edge && len % 61 < 20;

			memcpy(body + len, near ? needle->text : needle->filler, near ? hidden : filler);
			len += near ? hidden : filler;
		}
		difference = fx_differs(&spec, body, len);
		if (difference != NULL)
			tap_diag("shift %zu: %s", shift, difference);
	}
	ok(difference == NULL, "%s at %zu bytes", needle->name, edge);
	free(body);
}

/* Folding bit by bit gives the text that folding at once gives. */
int
main(void)
{
	fx_init();
	for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++)
	{
		bool		evasion = needles[i].fold == FO_FOLD_EVASION;

		test_needle(&needles[i], edges[evasion ? 2 : 0]);
		test_needle(&needles[i], edges[evasion ? 3 : 1]);
	}
	return tap_done();
}
