/*
 * fixture.c
 *		Memory, random numbers and sets for tests: see fixture.h.
 */
#include "support/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tap.h"

/* Keeps the block behind it aligned to 16. */
#define HEADER 16

/* More would make tests slow. */
#define MAX_RUBBISH 4096

long		fx_blocks;
long		fx_polls;

static void *
resize(void *arg, void *block, size_t size)
{
	char	   *old = block == NULL ? NULL : (char *) block - HEADER;
	size_t		used = 0;
	char	   *base;

	if (old != NULL)
		memcpy(&used, old, sizeof(used));
	else
		fx_blocks++;
	base = realloc(old, size + HEADER);
	if (base == NULL)
		abort();
	if (size > used)
		memset(base + HEADER + used, 0xA5, size - used < MAX_RUBBISH ? size - used : MAX_RUBBISH);
	memcpy(base, &size, sizeof(size));
	return base + HEADER;
}

static void
release(void *arg, void *block)
{
	fx_blocks--;
	free((char *) block - HEADER);
}

const FoAlloc fx_alloc = {resize, release, NULL};

void
fx_poll(void)
{
	fx_polls++;
}

void
fx_init(void)
{
	fo_unicode_init(malloc);
}

const FoKernel *const *
fx_kernels(size_t *n)
{
	static const char *const names[] = {"portable", "neon", "avx2", "avx512", "avx512vbmi"};
	static const FoKernel *kernels[5];

	*n = 0;
	for (int i = 0; i < 5; i++)
	{
		const FoKernel *kernel = fo_kernel_named(names[i]);

		if (kernel != NULL)
			kernels[(*n)++] = kernel;
	}
	return kernels;
}

/* Source: xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
uint32_t
fx_random(FxRandom *random, uint32_t n)
{
	random->state += random->state == 0;
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (uint32_t) ((random->state * UINT64_C(2685821657736338717)) >> 33) % n;
}

uint8_t *
fx_exact(const void *bytes, size_t len)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);

	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

FoText
fx_fold(const FoKernel *kernel, FoFoldLevel level, bool collapse, bool offsets,
		const uint8_t *src, size_t len, uint32_t limit)
{
	/* No character grows more than twelvefold. */
	size_t		room = len * 12 + FO_FOLD_SLACK;
	FoText		text = {.buf = malloc(room), .nonword = calloc(room / 64 + 1, 8)};
	FoFold		fold = {kernel, src, len, 0, level, collapse};

	if (offsets)
	{
		text.start = malloc(room * sizeof(uint32_t));
		text.end = malloc(room * sizeof(uint32_t));
	}
	while (fold.pos < len)
		fo_fold_fill(&fold, &text, limit == 0 ? (uint32_t) len * 12 : text.len + limit);
	return text;
}

void
fx_free_text(FoText *text)
{
	free(text->buf);
	free(text->nonword);
	free(text->start);
	free(text->end);
}

bool
fx_folds_to(FoFoldLevel level, const char *source, const char *wanted)
{
	FoText		text = fx_fold(fo_kernel(), level, true, false,
							   (const uint8_t *) source, strlen(source), 0);
	bool		same = text.len == strlen(wanted) && memcmp(text.buf, wanted, text.len) == 0;

	if (!same)
		tap_diag("%s is folded to %.*s", source, (int) text.len, text.buf);
	fx_free_text(&text);
	return same;
}

void
fx_release_builder(FoBuilder *builder)
{
	void	   *blocks[] = {
		builder->sources.items, builder->ends.items, builder->folded.items, builder->seen.items,
		builder->text.buf, builder->text.nonword, builder->undisguised.buf,
		builder->undisguised.nonword, builder->attributes,
		builder->drafts[0].patterns.items, builder->drafts[1].patterns.items,
		builder->drafts[2].patterns.items, builder->drafts[3].patterns.items
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
	{
		if (blocks[i] != NULL)
			release(NULL, blocks[i]);
	}
}

FoKeywordSet *
fx_build(const RefSpec *spec)
{
	FoBuilder	builder;
	FoKeywordSet *set;
	FoKeywordSet *copy;

	fo_builder_begin(&builder, spec->fold, spec->whole_word, spec->opaque, fx_alloc, fx_poll);
	for (size_t i = 0; i < spec->nkeywords; i++)
		fo_builder_add(&builder, spec->keywords[i].bytes, spec->keywords[i].len, false);
	for (size_t i = 0; i < spec->nallow; i++)
		fo_builder_add(&builder, spec->allow[i].bytes, spec->allow[i].len, true);
	if (fo_builder_finish(&builder, &set) != FO_BUILD_OK)
		abort();
	copy = (FoKeywordSet *) fx_exact(set, set->size);
	release(NULL, set);
	fx_release_builder(&builder);
	return copy;
}

FoMatches
fx_find(FoMatcher *matcher, const FoKeywordSet *set, const uint8_t *body, size_t len)
{
	FoScan		scan;
	FoMatches	window = {NULL, 0, 0};
	FoMatches	all = {NULL, 0, 0};

	fo_scan_begin(&scan, matcher, set, body, len, true);
	while (fo_scan_next(&scan))
	{
		fo_scan_matches(&scan, &window);
		all.items = realloc(all.items, (all.used + window.used + 1) * sizeof(FoMatch));
		if (window.used > 0)
			memcpy(all.items + all.used, window.items, window.used * sizeof(FoMatch));
		all.used += window.used;
	}
	if (window.items != NULL)
		release(NULL, window.items);
	return all;
}

static bool
mark_seen(void *arg, uint32_t keyword)
{
	((uint8_t *) arg)[keyword] = 1;
	return false;
}

void
fx_keywords(FoMatcher *matcher, const FoKeywordSet *set, const uint8_t *body, size_t len,
			uint8_t *seen)
{
	FoScan		scan;

	fo_scan_begin(&scan, matcher, set, body, len, false);
	while (fo_scan_next(&scan))
		fo_scan_keywords(&scan, mark_seen, seen);
}

void
fx_matcher_end(FoMatcher *matcher)
{
	void	   *blocks[] = {
		matcher->text.buf, matcher->text.nonword, matcher->plain.buf, matcher->plain.nonword,
		matcher->attributes, matcher->words, matcher->candidates, matcher->edges,
		matcher->offsets, matcher->allowed.items, matcher->found.items
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
	{
		if (blocks[i] != NULL)
			release(NULL, blocks[i]);
	}
}

/* --- comparing with the reference --- */

typedef struct Expected
{
	FoMatch    *matches;		/* outside allowed phrases */
	size_t		n;
	uint8_t    *seen;			/* of all keywords, allowed or not */
	size_t		nkeywords;
} Expected;

static Expected
expect(const RefSpec *spec, const uint8_t *body, size_t len)
{
	RefSet	   *set = ref_compile(spec);
	Expected	expected = {.nkeywords = ref_count(set, false)};
	FoMatch    *all;
	size_t		n = ref_find(set, body, len, false, &all);

	expected.seen = calloc(expected.nkeywords + 1, 1);
	for (size_t i = 0; i < n; i++)
		expected.seen[all[i].keyword] = 1;
	free(all);
	expected.n = ref_find(set, body, len, true, &expected.matches);
	ref_free(set);
	return expected;
}

static const char *
describe(const FoKernel *kernel, const char *what, const FoMatch *match)
{
	static char text[200];

	snprintf(text, sizeof(text), "kernel %s: %s", kernel->name, what);
	if (match != NULL)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 " keyword %" PRIu32 " at %" PRIu32 " to %" PRIu32,
				 match->keyword, match->start, match->end);
	return text;
}

/* Order by start, then by keyword, then by end. */
static int
compare_matches(const FoMatch *a, const FoMatch *b)
{
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->keyword != b->keyword)
		return a->keyword < b->keyword ? -1 : 1;
	return (a->end > b->end) - (a->end < b->end);
}

static const char *
matches_differ(const FoKernel *kernel, const Expected *expected, const FoMatches *found)
{
	for (size_t i = 0; i < found->used || i < expected->n; i++)
	{
		if (i >= expected->n)
			return describe(kernel, "reported too much:", &found->items[i]);
		if (i >= found->used)
			return describe(kernel, "missed", &expected->matches[i]);
		if (memcmp(&found->items[i], &expected->matches[i], sizeof(FoMatch)) != 0)
			return compare_matches(&found->items[i], &expected->matches[i]) < 0
				? describe(kernel, "reported too much:", &found->items[i])
				: describe(kernel, "missed", &expected->matches[i]);
	}
	return NULL;
}

/* What of the answers of a matcher differs from what is expected? */
static const char *
answers_differ(FoMatcher *matcher, const FoKeywordSet *set, const Expected *expected,
			   const uint8_t *body, size_t len)
{
	FoMatches	found = fx_find(matcher, set, body, len);
	uint8_t    *seen = calloc(expected->nkeywords + 1, 1);
	const char *difference = matches_differ(matcher->kernel, expected, &found);

	fx_keywords(matcher, set, body, len, seen);
	if (difference == NULL && memcmp(seen, expected->seen, expected->nkeywords) != 0)
		difference = describe(matcher->kernel, "fo_scan_keywords differs", NULL);
	if (difference == NULL &&
		fo_keyword_occurs(matcher, set, body, len) != (expected->n > 0))
		difference = describe(matcher->kernel, "fo_keyword_occurs differs", NULL);
	free(found.items);
	free(seen);
	return difference;
}

/* The same with a new matcher for each kernel. */
static const char *
kernels_differ(const FoKeywordSet *set, const Expected *expected, const uint8_t *body, size_t len)
{
	const char *difference = NULL;
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);

	for (size_t i = 0; difference == NULL && i < n; i++)
	{
		FoMatcher	matcher;

		fo_matcher_begin(&matcher, fx_alloc, fx_poll);
		matcher.kernel = kernels[i];
		difference = answers_differ(&matcher, set, expected, body, len);
		fx_matcher_end(&matcher);
	}
	return difference;
}

const char *
fx_matcher_differs(FoMatcher *matcher, const RefSpec *spec, const uint8_t *body, size_t len)
{
	FoKeywordSet *set = fx_build(spec);
	Expected	expected = expect(spec, body, len);
	uint8_t    *exact = fx_exact(body, len);
	const char *difference;

	if (fo_keyword_set_state(set, set->size) != FO_SET_CURRENT)
		difference = "the set is not valid";
	else if (set->nkeywords != expected.nkeywords)
		difference = "the number of keywords differs";
	else if (matcher != NULL)
		difference = answers_differ(matcher, set, &expected, exact, len);
	else
		difference = kernels_differ(set, &expected, exact, len);
	free(exact);
	free(expected.matches);
	free(expected.seen);
	free(set);
	return difference;
}

const char *
fx_differs(const RefSpec *spec, const uint8_t *body, size_t len)
{
	return fx_matcher_differs(NULL, spec, body, len);
}

static void
explain_bytes(const char *what, const uint8_t *bytes, size_t len)
{
	char		text[1024];
	size_t		used = 0;

	for (size_t i = 0; i < len && used < sizeof(text) - 8; i++)
	{
		if (bytes[i] >= 0x20 && bytes[i] != 0x7F)
			text[used++] = (char) bytes[i];
		else
			used += (size_t) snprintf(text + used, 8, "\\x%02x", bytes[i]);
	}
	text[used] = '\0';
	tap_diag("%s (%zu bytes): %s", what, len, text);
}

void
fx_explain(const RefSpec *spec, const uint8_t *body, size_t len)
{
	tap_diag("fold %d, whole word %d, opaque %d", spec->fold, spec->whole_word, spec->opaque);
	for (size_t i = 0; i < spec->nkeywords && i < 50; i++)
		explain_bytes("keyword", spec->keywords[i].bytes, spec->keywords[i].len);
	for (size_t i = 0; i < spec->nallow && i < 50; i++)
		explain_bytes("allow", spec->allow[i].bytes, spec->allow[i].len);
	explain_bytes("text", body, len);
}
