/*
 * gram.c
 *		What a pattern asks for, every text that it matches has.
 *
 * Texts over a small alphabet are compared with patterns by a plain matcher;
 * a text that matches has to have all buckets of the pattern.
 */
#include <string.h>

#include "core/gram.h"
#include "support/tap.h"

#define BUCKETS		64
#define TEXTS		20000

static uint64_t state = 88172645463325252u;

/* A number from 0 to n - 1. */
static int
up_to(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int) (state % (uint64_t) n);
}

/* Make a text of some of the letters. */
static void
make(char *text, const char *letters, int most)
{
	int			n = up_to(most + 1);
	int			count = (int) strlen(letters);

	for (int i = 0; i < n; i++)
		text[i] = letters[up_to(count)];
	text[n] = '\0';
}

/* Does the text match the pattern? */
static bool
matches(const char *text, const char *pattern)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '%')
		return matches(text, pattern + 1) || (*text != '\0' && matches(text + 1, pattern));
	if (*pattern == '_')
		return *text != '\0' && matches(text + 1, pattern + 1);
	if (*pattern == '\\' && pattern[1] != '\0')
		pattern++;
	return *text == *pattern && matches(text + 1, pattern + 1);
}

/* Are all of the pattern's buckets among the text's? */
static bool
has_all(const uint8_t *text, const uint8_t *pattern)
{
	for (size_t i = 0; i < FO_GRAM_SET_BYTES(BUCKETS); i++)
	{
		if (pattern[i] & ~text[i])
			return false;
	}
	return true;
}

/* How many buckets a pattern asks for. */
static uint32_t
asked(const char *pattern, bool ascii)
{
	uint8_t		set[FO_GRAM_SET_BYTES(FO_GRAM_MOST)] = {0};

	fo_gram_pattern(pattern, strlen(pattern), ascii, FO_GRAM_MOST, set);
	return fo_gram_list(set, FO_GRAM_MOST, NULL);
}

int
main(void)
{
	int			matched = 0;
	int			left_out = 0;
	int			wrong = 0;
	uint32_t	list[3];
	uint8_t		few[FO_GRAM_SET_BYTES(BUCKETS)] = {0};

	for (int i = 0; i < TEXTS; i++)
	{
		char		text[16];
		char		pattern[10];
		uint8_t		of_text[FO_GRAM_SET_BYTES(BUCKETS)] = {0};
		uint8_t		of_pattern[FO_GRAM_SET_BYTES(BUCKETS)] = {0};
		bool		found;

		make(text, "ab%_\\\303", 15);
		make(pattern, "ab%%_\\\303", 9);
		fo_gram_text(text, strlen(text), BUCKETS, of_text);
		fo_gram_pattern(pattern, strlen(pattern), up_to(2) == 0, BUCKETS, of_pattern);
		found = has_all(of_text, of_pattern);
		if (matches(text, pattern))
		{
			matched++;
			wrong += !found;
		}
		else
			left_out += !found;
	}
	ok(wrong == 0, "each of %d texts that match is found", matched);
	ok(matched > 500 && left_out > 3000, "%d of %d texts are left out", left_out, TEXTS);

	ok(asked("%green%", false) == 3, "three grams of a word");
	ok(asked("%gr_en%", false) == 0 && asked("gr%en", false) == 0, "none over wildcards");
	ok(asked("100\\%", false) == 2 && asked("a\\\\b", false) == 1, "escapes");
	ok(asked("abc\\", false) == 2, "an escape at the end stands for itself");
	ok(asked("ab\303\244cde", false) == 5 && asked("ab\303\244cde", true) == 1,
	   "only ASCII if so wanted");
	ok(asked("", false) == 0 && asked("ab", true) == 0, "nothing of what is too short");
	fo_gram_text("abcd", 4, BUCKETS, few);
	ok(fo_gram_list(few, BUCKETS, list) == 2 && list[0] < list[1] && list[1] < BUCKETS,
	   "the list ascends");
	return tap_done();
}
