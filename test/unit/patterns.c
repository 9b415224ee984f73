/*
 * patterns.c
 *		The language of one keyword: stars, escapes, white space, limits.
 */
#include <stdlib.h>
#include <string.h>

#include "core/keyword_pattern.h"
#include "support/fixture.h"
#include "support/tap.h"

static const struct
{
	const char *source;
	FoBuildStatus status;
	bool		open_start;
	bool		open_end;
	const char *bytes;
}			cases[] = {
	{"word", FO_BUILD_OK, false, false, "word"},
	{"two words", FO_BUILD_OK, false, false, "two words"},
	{"crypto*", FO_BUILD_OK, false, true, "crypto"},
	{"*coin", FO_BUILD_OK, true, false, "coin"},
	{"*bit*", FO_BUILD_OK, true, true, "bit"},
	{"**bit***", FO_BUILD_OK, true, true, "bit"},
	{"a*b", FO_BUILD_OK, false, false, "a*b"},
	{"a*b*", FO_BUILD_OK, false, true, "a*b"},
	/* escapes */
	{"\\*", FO_BUILD_OK, false, false, "*"},
	{"\\*a\\*", FO_BUILD_OK, false, false, "*a*"},
	{"*\\**", FO_BUILD_OK, true, true, "*"},
	{"a\\\\", FO_BUILD_OK, false, false, "a\\"},
	{"a\\\\*", FO_BUILD_OK, false, true, "a\\"},
	{"a\\\\\\*", FO_BUILD_OK, false, false, "a\\*"},
	{"a\\", FO_BUILD_OK, false, false, "a\\"},
	{"\\", FO_BUILD_OK, false, false, "\\"},
	{"a\\b", FO_BUILD_OK, false, false, "a\\b"},
	{"\\ a", FO_BUILD_OK, false, false, "\\ a"},
	/* white space */
	{"  word\t\n", FO_BUILD_OK, false, false, "word"},
	{" * word * ", FO_BUILD_OK, true, true, "word"},
	{"word *", FO_BUILD_OK, false, true, "word"},
	{"word * *", FO_BUILD_OK, false, true, "word"},
	{"word * x", FO_BUILD_OK, false, false, "word * x"},
	{"\xC2\xA0word\xE3\x80\x80", FO_BUILD_OK, false, false, "word"},
	{"\xE3\x80\x80*\xC2\xA0" "a\xE2\x80\xA8*", FO_BUILD_OK, true, true, "a"},
	{"a  \xC2\xA0 b", FO_BUILD_OK, false, false, "a  \xC2\xA0 b"},
	/* nothing */
	{"", FO_BUILD_EMPTY, false, false, ""},
	{"   ", FO_BUILD_EMPTY, false, false, ""},
	{"*", FO_BUILD_EMPTY, false, false, ""},
	{"** * **", FO_BUILD_EMPTY, false, false, ""},
	{"\xE3\x80\x80", FO_BUILD_EMPTY, false, false, ""},
	/* bytes that are no UTF-8 are taken as they are */
	{"\xFF \xBA", FO_BUILD_OK, false, false, "\xFF \xBA"},
};

static void
test_cases(bool opaque)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		FoParsed	parsed;
		size_t		len = strlen(cases[i].source);
		uint8_t    *exact = fx_exact(cases[i].source, len);
		FoBuildStatus status;

		/* White space beyond ASCII needs an encoding. */
		if (opaque && (strstr(cases[i].source, "\xC2\xA0") ||
					   strstr(cases[i].source, "\xE3\x80\x80")))
		{
			free(exact);
			continue;
		}
		status = fo_pattern_parse(exact, len, opaque, &parsed);
		ok(status == cases[i].status &&
		   (status != FO_BUILD_OK ||
			(parsed.open_start == cases[i].open_start && parsed.open_end == cases[i].open_end &&
			 parsed.len == strlen(cases[i].bytes) &&
			 memcmp(parsed.bytes, cases[i].bytes, parsed.len) == 0)),
		   "%s is parsed%s", cases[i].source, opaque ? " without an encoding" : "");
		free(exact);
	}
}

/* A keyword of n times this character. */
static FoBuildStatus
parse_repeated(const char *character, size_t n, bool opaque)
{
	size_t		len = strlen(character);
	uint8_t    *source = malloc(n * len);
	FoParsed	parsed;
	FoBuildStatus status;

	for (size_t i = 0; i < n; i++)
		memcpy(source + i * len, character, len);
	status = fo_pattern_parse(source, n * len, opaque, &parsed);
	if (status == FO_BUILD_OK &&
		(parsed.len != n * len || memcmp(parsed.bytes, source, n * len) != 0))
		status = FO_BUILD_TOO_BIG;
	free(source);
	return status;
}

static void
test_limits(void)
{
	is(parse_repeated("a", 1000, false), FO_BUILD_OK, "1 000 letters");
	is(parse_repeated("a", 1001, false), FO_BUILD_TOO_LONG, "1 001 letters");
	is(parse_repeated("😀", 1000, false), FO_BUILD_OK, "1 000 characters of four bytes");
	is(parse_repeated("😀", 1001, false), FO_BUILD_TOO_LONG, "1 001 characters of four bytes");
	is(parse_repeated("\xFF", 1001, true), FO_BUILD_TOO_LONG, "1 001 bytes without an encoding");
	is(parse_repeated("\xBF", 4001, false), FO_BUILD_TOO_LONG, "4 001 bytes amid characters");
}

/* What is left of a keyword when it is folded. */
static FoBuildStatus
add(FoFoldLevel fold, const char *source)
{
	FoBuildStatus status;
	FoKeywordSet *set;
	RefBytes	entry = {(const uint8_t *) source, strlen(source)};
	RefSpec		spec = {fold, true, false, &entry, 1, NULL, 0};

	set = fx_build(&spec);
	status = set->nkeywords == 1 ? FO_BUILD_OK : ref_status(&spec, entry);
	free(set);
	return status;
}

static void
test_vanishing(void)
{
	is(add(FO_FOLD_NONE, "\xE2\x80\x8B"), FO_BUILD_OK, "a zero-width space as written");
	is(add(FO_FOLD_ACCENT, "\xE2\x80\x8B"), FO_BUILD_VANISHES, "a zero-width space, folded");
	is(add(FO_FOLD_ACCENT, "\xCC\x81 \xE2\x80\x8B"), FO_BUILD_VANISHES, "an accent and a blank");
	is(add(FO_FOLD_ACCENT, "\xCC\x81 a"), FO_BUILD_OK, "a letter behind what vanishes");
	is(add(FO_FOLD_EVASION, "\xC2\xAD"), FO_BUILD_VANISHES, "a soft hyphen at evasion");
}

/* The longest forms there are, as long as a keyword can be. */
static void
test_longest(void)
{
	uint8_t    *source = malloc(3000);
	RefBytes	entry = {source, 3000};
	RefSpec		spec = {FO_FOLD_EVASION, false, false, &entry, 1, NULL, 0};
	FoKeywordSet *set;
	const char *difference;

	for (int i = 0; i < 1000; i++)
		memcpy(source + 3 * i, "\xEF\xB7\xBA", 3);	/* U+FDFA */
	set = fx_build(&spec);
	is(set->nkeywords, 1, "1 000 of the longest form are a keyword");
	ok(set->longest > 30000 && set->longest < 65536, "of %u bytes when folded", set->longest);
	difference = fx_differs(&spec, source, 3000);
	ok(difference == NULL, "that matches itself: %s", difference == NULL ? "yes" : difference);
	free(set);
	free(source);
}

int
main(void)
{
	fx_init();
	test_cases(false);
	test_cases(true);
	test_limits();
	test_vanishing();
	test_longest();
	return tap_done();
}
