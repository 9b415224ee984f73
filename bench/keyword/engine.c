/*
 * engine.c
 *		filteropt's core as engines of the microbenchmark: folding levels, and
 *		kernels of lesser processors.
 *
 * Memory comes from an arena that is emptied before each build, as a memory
 * context is in a backend, so that malloc is no part of the figures.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "core/keyword_build.h"
#include "core/keyword_match.h"

#define ARENA_BYTES ((size_t) 1 << 30)	/* reserved; touched as needed */
#define HEADER 16				/* before each block: its size */

/* Memory of one build. */
typedef struct Arena
{
	char	   *base;
	size_t		used;
} Arena;

static Arena arena;
static FoMatcher matcher;		/* with the fastest kernel */
static FoMatcher avx2_matcher;	/* as on a processor without AVX-512 */
static FoMatcher avx512_matcher;	/* as on one without AVX-512 VBMI */
static FoMatcher portable_matcher;	/* as on any processor */

/* FoAlloc.resize of the arena; the last block grows in place. */
static void *
arena_resize(void *arg, void *block, size_t size)
{
	Arena	   *a = arg;
	size_t		old = block ? *(size_t *) ((char *) block - HEADER) : 0;
	char	   *made;

	size = (size + HEADER - 1) & ~(size_t) (HEADER - 1);
	if (size <= old)
		return block;
	if (block && (char *) block + old == a->base + a->used)
	{
		made = block;
		a->used += size - old;
	}
	else
	{
		made = a->base + a->used + HEADER;
		a->used += HEADER + size;
		if (old > 0)
			memcpy(made, block, old);
	}
	if (a->used > ARENA_BYTES)
		abort();
	*(size_t *) (made - HEADER) = size;
	return made;
}

/* FoAlloc.release of the arena, which is emptied as a whole. */
static void
arena_release(void *arg, void *block)
{
	(void) arg;
	(void) block;
}

/* FoAlloc for what stays: the matcher's working memory. */
static void *
heap_resize(void *arg, void *block, size_t size)
{
	void	   *made = realloc(block, size);

	(void) arg;
	if (!made)
		abort();
	return made;
}

static void
heap_release(void *arg, void *block)
{
	(void) arg;
	free(block);
}

static const FoAlloc in_arena = {arena_resize, arena_release, &arena};
static const FoAlloc in_heap = {heap_resize, heap_release, NULL};

/* FoUnicodeAlloc: pages of characters stay for the life of the process. */
static void *
unicode_alloc(size_t size)
{
	return heap_resize(NULL, NULL, size);
}

/* Called between windows; there is nothing to be interrupted by. */
static void
poll_nothing(void)
{
}

/* Once: the arena, the Unicode tables, and the matcher. */
static void
start(void)
{
	if (arena.base)
		return;
	arena.base = malloc(ARENA_BYTES);
	if (!arena.base)
		abort();
	fo_unicode_init(unicode_alloc);
	fo_matcher_begin(&matcher, in_heap, poll_nothing);
	fo_matcher_begin(&avx2_matcher, in_heap, poll_nothing);
	if (fo_kernel_named("avx2"))
		avx2_matcher.kernel = fo_kernel_named("avx2");
	fo_matcher_begin(&avx512_matcher, in_heap, poll_nothing);
	if (fo_kernel_named("avx512"))
		avx512_matcher.kernel = fo_kernel_named("avx512");
	fo_matcher_begin(&portable_matcher, in_heap, poll_nothing);
	portable_matcher.kernel = fo_kernel_named("portable");
}

/* Compile a list at a folding level, in the arena. */
static FoKeywordSet *
compile(const Lines *keywords, Task task, FoFoldLevel fold)
{
	FoBuilder	builder;
	FoKeywordSet *set;

	start();
	arena.used = 0;
	fo_builder_begin(&builder, fold, task.whole_word, false,
					 in_arena, poll_nothing);
	for (size_t i = 0; i < keywords->n; i++)
		fo_builder_add(&builder, (const uint8_t *) keywords->line[i], keywords->length[i], false);
	return fo_builder_finish(&builder, &set) == FO_BUILD_OK ? set : NULL;
}

/*
 * Engine.build.  A set is copied out of the arena when it is used, since the
 * sets of other levels are alive at the same time; a caller that only times
 * builds pays a memcpy of the compiled bytes too much.
 */
static void *
build_at(const Lines *keywords, Task task, FoFoldLevel fold)
{
	FoKeywordSet *set = compile(keywords, task, fold);
	void	   *copy;

	if (!set)
		return NULL;
	copy = heap_resize(NULL, NULL, set->size);
	return memcpy(copy, set, set->size);
}

static void *
build_none(const Lines *keywords, Task task)
{
	return build_at(keywords, task, FO_FOLD_NONE);
}

static void *
build_case(const Lines *keywords, Task task)
{
	return build_at(keywords, task, FO_FOLD_CASE);
}

static void *
build_accent(const Lines *keywords, Task task)
{
	return build_at(keywords, task, FO_FOLD_ACCENT);
}

static void *
build_evasion(const Lines *keywords, Task task)
{
	return build_at(keywords, task, FO_FOLD_EVASION);
}

static size_t
set_bytes(const void *set)
{
	return ((const FoKeywordSet *) set)->size;
}

/* FoFound that counts. */
static bool
count_keyword(void *arg, uint32_t keyword)
{
	(void) keyword;
	++*(size_t *) arg;
	return false;
}

/* Stop at the first keyword, or count all occurrences. */
static size_t
scan_with(FoMatcher *with, const void *set, Task task, const char *text, size_t length)
{
	FoScan		scan;
	size_t		count = 0;

	if (!task.all)
		return fo_keyword_occurs(with, set, (const uint8_t *) text, length);
	fo_scan_begin(&scan, with, set, (const uint8_t *) text, length, false);
	while (fo_scan_next(&scan))
		fo_scan_keywords(&scan, count_keyword, &count);
	return count;
}

/* Engine.scan with each kernel. */
static size_t
scan_keywords(const void *set, Task task, const char *text, size_t length)
{
	return scan_with(&matcher, set, task, text, length);
}

static size_t
scan_avx2(const void *set, Task task, const char *text, size_t length)
{
	return scan_with(&avx2_matcher, set, task, text, length);
}

static size_t
scan_avx512(const void *set, Task task, const char *text, size_t length)
{
	return scan_with(&avx512_matcher, set, task, text, length);
}

static size_t
scan_portable(const void *set, Task task, const char *text, size_t length)
{
	return scan_with(&portable_matcher, set, task, text, length);
}

/* Engine.scan: all occurrences with their places, as keyword_find() has them. */
static size_t
scan_places(const void *set, Task task, const char *text, size_t length)
{
	static FoMatches matches;
	FoScan		scan;
	size_t		count = 0;

	(void) task;
	fo_scan_begin(&scan, &matcher, set, (const uint8_t *) text, length, true);
	while (fo_scan_next(&scan))
	{
		fo_scan_matches(&scan, &matches);
		count += matches.used;
	}
	return count;
}

/* Engine.build of the engine that finds places, which is for all matches. */
static void *
build_places(const Lines *keywords, Task task)
{
	return task.all ? build_accent(keywords, task) : NULL;
}

static const Engine none = {"none", build_none, free, set_bytes, scan_keywords};
static const Engine fold_case = {"case", build_case, free, set_bytes, scan_keywords};
static const Engine accent = {"filteropt", build_accent, free, set_bytes, scan_keywords};
static const Engine avx2 = {"avx2", build_accent, free, set_bytes, scan_avx2};
static const Engine avx512 = {"avx512", build_accent, free, set_bytes, scan_avx512};
static const Engine portable = {"portable", build_accent, free, set_bytes, scan_portable};
static const Engine evasion = {"evasion", build_evasion, free, set_bytes, scan_keywords};
static const Engine places = {"places", build_places, free, set_bytes, scan_places};

const Engine *const filteropt_engines[] = {
	&accent, &avx512, &avx2, &portable, &fold_case, &none, &evasion, &places, NULL
};
