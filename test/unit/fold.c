/*
 * fold.c
 *		Folding of texts: offsets into the source, white space, steps, flags.
 */
#include <stdlib.h>
#include <string.h>

#include "support/random_text.h"
#include "support/tap.h"

/* Where in the source the n-th byte of a folded text begins and ends. */
static void
test_offset(FoFoldLevel level, bool collapse, const char *source, uint32_t at,
			uint32_t start, uint32_t end)
{
	FoText		text = fx_fold(fo_kernel(), level, collapse, true, (const uint8_t *) source,
							   strlen(source), 0);

	ok(at < text.len && text.start[at] == start && text.end[at] == end,
	   "level %d: byte %u of %s comes from %u to %u", level, at, source, start, end);
	if (at < text.len && (text.start[at] != start || text.end[at] != end))
		tap_diag("got %u to %u", text.start[at], text.end[at]);
	fx_free_text(&text);
}

static void
test_offsets(void)
{
	/* the example of fold.c: two blanks, the accent as a combining character */
	test_offset(FO_FOLD_ACCENT, true, "Le  CAFE\xCC\x81", 0, 0, 1);
	test_offset(FO_FOLD_ACCENT, true, "Le  CAFE\xCC\x81", 2, 2, 4);
	test_offset(FO_FOLD_ACCENT, true, "Le  CAFE\xCC\x81", 3, 4, 5);
	test_offset(FO_FOLD_ACCENT, true, "Le  CAFE\xCC\x81", 6, 7, 10);
	test_offset(FO_FOLD_ACCENT, false, "Le  CAFE\xCC\x81", 3, 3, 4);
	/* both bytes of ss come from the one character */
	test_offset(FO_FOLD_CASE, true, "Maß!", 2, 2, 4);
	test_offset(FO_FOLD_CASE, true, "Maß!", 3, 2, 4);
	test_offset(FO_FOLD_CASE, true, "Maß!", 4, 4, 5);
	/* what is dropped belongs to the character before it, if there is one */
	test_offset(FO_FOLD_ACCENT, true, "\xE2\x80\x8B" "a\xE2\x80\x8B" "b", 0, 3, 7);
	test_offset(FO_FOLD_ACCENT, true, "\xE2\x80\x8B" "a\xE2\x80\x8B" "b", 1, 7, 8);
	/* composed of two characters */
	test_offset(FO_FOLD_ACCENT, true, "xか\xE3\x82\x99y", 1, 1, 7);
	test_offset(FO_FOLD_ACCENT, true, "xか\xE3\x82\x99y", 3, 1, 7);
	test_offset(FO_FOLD_ACCENT, true, "xか\xE3\x82\x99y", 4, 7, 8);
	/* as written */
	test_offset(FO_FOLD_NONE, true, "É\xC2\xA0x", 0, 0, 2);
	test_offset(FO_FOLD_NONE, true, "É\xC2\xA0x", 2, 2, 4);
	test_offset(FO_FOLD_NONE, true, "É\xC2\xA0x", 3, 4, 5);
}

static void
test_white_space(void)
{
	ok(fx_folds_to(FO_FOLD_NONE, "a \t\r\n\v\fb", "a b"), "ASCII white space becomes one blank");
	ok(fx_folds_to(FO_FOLD_NONE, " a ", " a "), "white space at the ends becomes a blank");
	ok(fx_folds_to(FO_FOLD_NONE, "a\xC2\xA0 \xE2\x80\xA9\xE3\x80\x80" "b", "a b"),
	   "white space of Unicode becomes one blank");
	ok(fx_folds_to(FO_FOLD_NONE, "é \né", "é é"), "white space between other letters");
	ok(fx_folds_to(FO_FOLD_ACCENT, "\xE2\x80\x8B é \xE2\x80\x8B é", " e e"),
	   "blanks that only dropped characters part become one");
	ok(fx_folds_to(FO_FOLD_ACCENT, "é 日 本", "e 日 本"), "single blanks stay");
	ok(fx_folds_to(FO_FOLD_CASE, "A_\x01\x1F B", "a_\x01\x1F b"), "controls are no white space");
}

/* Are two folded texts the same, their flags and, when both have them, offsets too? */
static bool
same_text(const FoText *a, const FoText *b)
{
	if (a->len != b->len || memcmp(a->buf, b->buf, a->len) != 0 ||
		a->has_nonword != b->has_nonword ||
		memcmp(a->nonword, b->nonword, (a->len / 64 + 1) * 8) != 0)
		return false;
	for (uint32_t i = 0; i < a->len && a->start != NULL && b->start != NULL; i++)
	{
		/* The end counts at the last byte of a character. */
		if (a->start[i] != b->start[i])
			return false;
		if ((i + 1 == a->len || !fo_utf8_continues(a->buf[i + 1])) && a->end[i] != b->end[i])
			return false;
	}
	return true;
}

/* A text folded by every kernel, in steps and at once, with offsets and without. */
static bool
all_ways_agree(const uint8_t *body, size_t len, FoFoldLevel level, bool collapse, uint32_t step)
{
	uint8_t    *exact = fx_exact(body, len);
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);
	FoText		wanted = fx_fold(kernels[0], level, collapse, true, exact, len, 0);
	bool		same = true;

	for (size_t i = 0; i < n; i++)
	{
		for (int way = 0; way < 4; way++)
		{
			FoText		text = fx_fold(kernels[i], level, collapse, way & 1, exact, len,
									   way & 2 ? step : 0);

			same &= same_text(&text, &wanted);
			fx_free_text(&text);
		}
	}
	fx_free_text(&wanted);
	free(exact);
	return same;
}

static void
test_ways(uint32_t alphabet)
{
	FxRandom	random = {alphabet + 1};
	long		wrong = 0;

	for (int round = 0; round < 200; round++)
	{
		uint8_t		body[600];
		size_t		len = fx_random_text(&random, alphabet, body, fx_random(&random, 600));

		wrong += !all_ways_agree(body, len, (FoFoldLevel) fx_random(&random, FO_FOLD_LEVELS),
								 fx_random(&random, 2), 1 + fx_random(&random, 100));
	}
	is(wrong, 0, "alphabet %u: all kernels, in steps or at once, with offsets or without",
	   alphabet);
}

/* Does every kernel fold a text as the portable one does, without offsets? */
static bool
kernels_agree(const uint8_t *body, size_t len, FoFoldLevel level)
{
	uint8_t    *exact = fx_exact(body, len);
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);
	FoText		wanted = fx_fold(fo_kernel_named("portable"), level, true, false, exact, len, 0);
	bool		same = true;

	for (size_t i = 0; i < n; i++)
	{
		FoText		text = fx_fold(kernels[i], level, true, false, exact, len, 0);

		same &= same_text(&text, &wanted);
		fx_free_text(&text);
	}
	fx_free_text(&wanted);
	free(exact);
	return same;
}

/* Every character, in its row and among letters, at changing places of a block. */
static void
test_rows(FoFoldLevel level)
{
	FxRandom	random = {level + 9};
	uint32_t	cp = 0x80;
	long		wrong = 0;

	while (cp < 0x110000)
	{
		uint8_t		body[512];
		size_t		len = fx_random(&random, 64);

		memset(body, 'x', len);
		for (int i = 0; i < 64 && cp < 0x110000; i++, cp++)
		{
			len += (size_t) fo_utf8_encode(cp, body + len);
			if (fx_random(&random, 4) == 0)
				body[len++] = " \tAz"[fx_random(&random, 4)];
		}
		wrong += !kernels_agree(body, len, level);

		/*
		 * Planes 3 to 13, 15 and 16 hold nothing yet: a row now and then will
		 * do.
		 */
		if (cp >= 0x30000 && (cp < 0xE0000 || cp >= 0xE1000))
			cp += 64 * fx_random(&random, 200);
	}
	is(wrong, 0, "level %d: every row of characters, by all kernels", level);
}

/* Texts with bytes that are wrong, missing or one too many, anywhere. */
static void
test_damage(void)
{
	FxRandom	random = {11};
	long		wrong = 0;

	for (int round = 0; round < 3000; round++)
	{
		uint8_t		body[300];
		size_t		len = fx_random_text(&random, fx_random(&random, fx_nalphabets), body,
										 16 + fx_random(&random, 280));

		for (uint32_t n = fx_random(&random, 4); n > 0 && len > 0; n--)
		{
			size_t		at = fx_random(&random, (uint32_t) len);

			if (fx_random(&random, 3) == 0)
				memmove(body + at, body + at + 1, --len - at);
			else
				body[at] = (uint8_t) fx_random(&random, 256);
		}
		wrong += !kernels_agree(body, len, (FoFoldLevel) fx_random(&random, FO_FOLD_LEVELS));
	}
	is(wrong, 0, "damaged texts, by all kernels");
}

/* Dropping the beginning of a text keeps the rest as it was. */
static void
test_drop(void)
{
	FxRandom	random = {3};
	uint8_t		body[3000];
	size_t		len = fx_random_text(&random, fx_nalphabets - 1, body, sizeof(body));
	FoText		text = fx_fold(fo_kernel(), FO_FOLD_ACCENT, true, true, body, len, 0);
	FoText		whole = fx_fold(fo_kernel(), FO_FOLD_ACCENT, true, true, body, len, 0);
	bool		same = true;

	fo_fold_drop(&text, 128);
	fo_fold_drop(&text, 64);
	is(text.len, whole.len - 192, "the length is less by what was dropped");
	for (uint32_t i = 0; i < text.len; i++)
		same &= text.buf[i] == whole.buf[i + 192] && text.start[i] == whole.start[i + 192] &&
			text.end[i] == whole.end[i + 192] &&
			(text.nonword[i / 64] >> i % 64 & 1) ==
			(whole.nonword[(i + 192) / 64] >> (i + 192) % 64 & 1);
	ok(same, "the rest is where the dropped part was");
	same = true;
	for (uint32_t i = text.len; i < whole.len; i++)
		same &= (text.nonword[i / 64] >> i % 64 & 1) == 0;
	ok(same, "bits behind the text are zero");
	fx_free_text(&text);
	fx_free_text(&whole);
}

/* Bytes that are no UTF-8, and texts that are not meant to be. */
static void
test_bytes(void)
{
	static const uint8_t bad[] = "A\xFF\xE3\x82 B\x99\xC3";
	FoText		text = fx_fold(fo_kernel(), FO_FOLD_ACCENT, true, true, bad, sizeof(bad) - 1, 0);

	ok(text.len == 8 && memcmp(text.buf, "a\xFF\xE3\x82 b\x99\xC3", 8) == 0,
	   "invalid bytes stay as they are");
	ok(text.nonword[0] == (2 | 4 | 8 | 64 | 128), "and belong to no word");
	fx_free_text(&text);

	text = (FoText) {.buf = malloc(8 + FO_FOLD_SLACK), .nonword = calloc(8, 8), .opaque = true};
	fo_fold_fill(&(FoFold) {fo_kernel(), bad, sizeof(bad) - 1, 0, FO_FOLD_CASE, true}, &text, 8);
	ok(text.len == 8 && memcmp(text.buf, "a\xFF\xE3\x82 b\x99\xC3", 8) == 0 && !text.has_nonword,
	   "without an encoding every byte over 127 is a letter");
	fx_free_text(&text);
}

int
main(void)
{
	fx_init();
	test_offsets();
	test_white_space();
	for (uint32_t alphabet = 0; alphabet < fx_nalphabets; alphabet++)
		test_ways(alphabet);
	for (int level = 0; level < FO_FOLD_LEVELS; level++)
		test_rows((FoFoldLevel) level);
	test_damage();
	test_drop();
	test_bytes();
	return tap_done();
}
