/*
 * hostile.c
 *		Keywords and texts chosen to make building or matching slow.
 *
 * Nothing is timed: the calls of poll and of the callbacks are counted, which
 * come once for so many steps or so many bytes.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/tap.h"

#define MEGABYTE 1000000
#define MANY 100000

/* Steps between two calls of poll while building. */
#define POLL_EVERY 4096

/* Bytes of a window's own part, at least. */
#define WINDOW 16000

/* A list of keywords in one piece of memory. */
typedef struct List
{
	char	   *bytes;
	RefBytes   *entries;
	size_t		n;
} List;

static List
new_list(size_t n, size_t longest)
{
	return (List) {malloc(n * longest), malloc(n * sizeof(RefBytes)), 0};
}

/* Add what is printed to a list. */
static void
__attribute__((format(printf, 2, 3)))
add(List *list, const char *format,...)
{
	char	   *at = list->bytes;
	va_list		args;

	if (list->n > 0)
		at = (char *) list->entries[list->n - 1].bytes + list->entries[list->n - 1].len;
	va_start(args, format);
	list->entries[list->n++] = (RefBytes) {(uint8_t *) at, (size_t) vsprintf(at, format, args)};
	va_end(args);
}

static void
free_list(List *list)
{
	free(list->bytes);
	free(list->entries);
}

/* Build a set of a list; the steps must grow with the list no faster than linearly. */
static FoKeywordSet *
build(const List *list, FoFoldLevel fold, bool whole_word, const char *what)
{
	RefSpec		spec = {fold, whole_word, false, list->entries, list->n, NULL, 0};
	long		before = fx_polls;
	FoKeywordSet *set = fx_build(&spec);
	long		steps = fx_polls - before;
	int			engines = fold == FO_FOLD_EVASION ? 2 : 1;

	/* Some passes over the patterns, and at most one more try of the table. */
	ok(steps <= 4 + 8 * engines * (long) (list->n / POLL_EVERY),
	   "%s: built in %ld bouts of steps for %zu keywords", what, steps, list->n);
	ok(fo_keyword_set_state(set, set->size) == FO_SET_CURRENT, "%s: the set is good", what);
	return set;
}

typedef struct Count
{
	uint64_t	calls;
	uint64_t	stop_at;		/* 0: never */
} Count;

static bool
count(void *arg, uint32_t keyword)
{
	Count	   *counter = arg;

	return ++counter->calls == counter->stop_at;
}

/* How often keywords are reported of a text; the windows must not be more than its length asks. */
static uint64_t
count_found(const FoKeywordSet *set, const char *body, size_t len, const char *what)
{
	FoMatcher	matcher;
	FoScan		scan;
	Count		counter = {0, 0};
	size_t		windows = 0;

	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	fo_scan_begin(&scan, &matcher, set, (const uint8_t *) body, len, false);
	for (; fo_scan_next(&scan); windows++)
		fo_scan_keywords(&scan, count, &counter);
	fx_matcher_end(&matcher);
	ok(windows <= len / WINDOW + 1, "%s: %zu windows for %zu bytes", what, windows, len);
	return counter.calls;
}

/* Does a keyword occur?  Asked with polls counted. */
static bool
occurs(const FoKeywordSet *set, const char *body, size_t len, const char *what)
{
	FoMatcher	matcher;
	long		before = fx_polls;
	bool		found;

	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	found = fo_keyword_occurs(&matcher, set, (const uint8_t *) body, len);
	fx_matcher_end(&matcher);
	ok(fx_polls - before <= (long) (len / WINDOW) + 1, "%s: polled %ld times",
	   what, fx_polls - before);
	return found;
}

/* Collect and sort all occurrences, which are very many, with polls and steps counted. */
static void
collect_polled(const FoKeywordSet *set, const char *body, size_t len)
{
	FoMatcher	matcher;
	FoScan		scan;
	FoMatches	matches = {NULL, 0, 0};
	long		before = fx_polls;
	long		seen = fx_polls;
	size_t		unsorted = 0;

	fo_matcher_begin(&matcher, fx_alloc, fx_poll);
	fo_scan_begin(&scan, &matcher, set, (const uint8_t *) body, len, true);
	ok(fo_scan_next(&scan) && scan.to == len, "all in one window");
	fo_scan_keywords(&scan, count, &(Count) {0, 0});
	ok(fx_polls - seen >= (long) (len * (len / 4) / POLL_EVERY), "finding them: %ld polls",
	   fx_polls - seen);
	seen = fx_polls;
	fo_scan_matches(&scan, &matches);
	ok(fx_polls - seen >= (long) (2 * matches.used / POLL_EVERY), "and sorting %zu: %ld polls",
	   matches.used, fx_polls - seen);
	for (size_t i = 1; i < matches.used; i++)
		unsorted += matches.items[i - 1].start > matches.items[i].start ||
			(matches.items[i - 1].start == matches.items[i].start &&
			 matches.items[i - 1].keyword >= matches.items[i].keyword);
	is(unsorted, 0, "in their order");
	ok(fx_polls - before < (long) matches.used, "but not at every one");
	fx_alloc.release(fx_alloc.arg, matches.items);
	fx_matcher_end(&matcher);
}

/* Repeat a string to len bytes. */
static char *
repeat(const char *what, size_t len)
{
	char	   *text = malloc(len);
	size_t		n = strlen(what);

	for (size_t i = 0; i < len; i++)
		text[i] = what[i % n];
	return text;
}

/* Phrases that share their first word, and so one bucket. */
static void
test_shared_word(void)
{
	List		list = new_list(MANY, 20);
	char	   *text = repeat("the 1 the 77 the x ", MEGABYTE / 19 * 19);
	FoKeywordSet *set;

	for (int i = 0; i < MANY; i++)
		add(&list, "the %d", i);
	set = build(&list, FO_FOLD_CASE, true, "a shared word");
	is(count_found(set, text, MEGABYTE / 19 * 19, "a shared word"), 2 * (MEGABYTE / 19),
	   "two of the phrases are found in each line, each once");
	free(set);
	free(text);
	free_list(&list);
}

/* Words of which each begins the next one. */
static void
test_chain(void)
{
	enum
	{
		LENGTH = 1000, TEXT = 3000
	};
	List		list = new_list(LENGTH, LENGTH + 1);
	char	   *text = repeat("a", MEGABYTE);
	char	   *letters = repeat("a", LENGTH);
	FoKeywordSet *set;

	for (int i = 1; i <= LENGTH; i++)
		add(&list, "%.*s", i, letters);
	set = build(&list, FO_FOLD_CASE, false, "a chain of parts");
	is(count_found(set, text, TEXT, "a chain of parts"),
	   LENGTH * (TEXT + 1) - LENGTH * (LENGTH + 1) / 2, "every part is found everywhere");
	collect_polled(set, text, TEXT);
	ok(occurs(set, text, MEGABYTE, "a chain of parts"), "and the first one at once");
	free(set);
	set = build(&list, FO_FOLD_CASE, true, "a chain of words");
	is(count_found(set, text, MEGABYTE, "a chain of words"), 0, "no word is as long as the text");
	is(count_found(set, text, LENGTH, "a chain of words"), 1, "one is as long as a shorter one");
	ok(!occurs(set, text, MEGABYTE, "a chain of words"), "none occurs");
	free(set);
	free(letters);
	free(text);
	free_list(&list);
}

/* Spellings of one keyword that all fold to the same. */
static void
test_same_fold(void)
{
	List		list = new_list(1 << 14, 16);
	char	   *text = repeat("abcdefghijklmn, xabcdefghijklmn ", 3200);
	FoKeywordSet *set;
	long		polls;

	for (int i = 0; i < 1 << 14; i++)
	{
		char		word[] = "abcdefghijklmn";

		for (int k = 0; k < 14; k++)
			word[k] = (char) (word[k] - (i >> k & 1) * 32);
		add(&list, "%s", word);
	}
	set = build(&list, FO_FOLD_CASE, true, "spellings");
	polls = fx_polls;
	is(count_found(set, text, 3200, "spellings"), 100 * (1 << 14),
	   "each is reported where the word is");
	ok(fx_polls - polls >= 100 * (1 << 14) / POLL_EVERY, "with %ld polls", fx_polls - polls);
	free(set);
	free(text);
	free_list(&list);
}

/* The hash that the digest is made of, as keyword_build.c has it, of 16 bytes. */
static uint64_t
digest_state(const char *word)
{
	uint64_t	h = 1 ^ 16 * UINT64_C(0x9E3779B97F4A7C15);

	h = (h ^ fo_load64((const uint8_t *) word)) * UINT64_C(0xD6E8FEB86659FD93);
	return h ^ h >> 32;
}

/* Keywords of one and the same hash, found by choosing the second half to suit the first. */
static void
test_collisions(void)
{
	enum
	{
		COLLISIONS = 8000
	};
	List		list = new_list(COLLISIONS, 17);
	FxRandom	random = {17};
	FoKeywordSet *set;

	while (list.n < COLLISIONS)
	{
		char		word[17] = {0};
		uint64_t	rest;
		bool		readable = true;

		for (int k = 0; k < 8; k++)
			word[k] = (char) ('a' + fx_random(&random, 26));
		rest = digest_state(word) ^ UINT64_C(0x123456789ABCDEF0);
		for (int k = 0; k < 8; k++)
		{
			uint8_t		c = (uint8_t) (rest >> 8 * k);

			readable &= c > ' ' && c < 0x7F && c != '*' && c != '\\';
			word[8 + k] = (char) c;
		}
		if (readable)
			add(&list, "%s", word);
	}
	set = build(&list, FO_FOLD_NONE, true, "colliding keywords");
	ok(set->nkeywords > COLLISIONS * 9 / 10, "%" PRIu32 " of them differ", set->nkeywords);
	free(set);
	free_list(&list);
}

/* Random words, of which the tables must come out well at the first try or two. */
static void
test_tables(void)
{
	static const int sizes[] = {1000, 6000, 13000, 52000, 100000};
	FxRandom	random = {23};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		List		list = new_list((size_t) sizes[i], 13);

		for (int k = 0; k < sizes[i]; k++)
			add(&list, "%08x%c", fx_random(&random, 1u << 31), 'a' + k % 26);
		free(build(&list, FO_FOLD_CASE, i % 2 == 0, "random words"));
		free_list(&list);
	}
}

/* A megabyte of the same, of every kind that some rule looks back or ahead on. */
static void
test_monotony(void)
{
	static const char *const kinds[] = {"a", "a ", "a.", "1.", "@", "a1", "'", "n't", "\xCC\x81",
		"é", "日", "🇦", "#", "\xE2\x80\x8B", " ", "か\xE3\x82\x99", "ﷺ"};
	List		list = new_list(9, 20);

	add(&list, "aaaaaaab");
	add(&list, "*b");
	add(&list, "b*");
	add(&list, "🇦🇧*");
	add(&list, "don");
	add(&list, "#b");
	add(&list, "b b");
	add(&list, "b'b");
	add(&list, "日b");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		char	   *text = repeat(kinds[i], MEGABYTE / 12 * 12);

		for (int fold = 0; fold < FO_FOLD_LEVELS; fold++)
		{
			RefSpec		spec = {(FoFoldLevel) fold, true, false, list.entries, list.n, NULL, 0};
			FoKeywordSet *set = fx_build(&spec);
			FoMatcher	matcher;
			FoMatches	found;

			fo_matcher_begin(&matcher, fx_alloc, fx_poll);
			found = fx_find(&matcher, set, (uint8_t *) text, MEGABYTE / 12 * 12);
			is(found.used, 0, "level %d: nothing is found in a megabyte of %s", fold, kinds[i]);
			ok(matcher.room < 100000, "level %d: in windows", fold);
			fx_matcher_end(&matcher);
			free(found.items);
			free(set);
		}
		free(text);
	}
	free_list(&list);
}

int
main(void)
{
	fx_init();
	test_shared_word();
	test_chain();
	test_same_fold();
	test_collisions();
	test_tables();
	test_monotony();
	is(fx_blocks, 0, "all memory was released");
	return tap_done();
}
