/*
 * cache_text.c
 *		Tests of the form of a post by which verdicts are found again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_text.h"
#include "core/unicode.h"

static int	tests;
static int	failures;

static void *
allocate(size_t size)
{
	return malloc(size);
}

/* The normal form, in memory of just the room that it may take. */
static char *
normal(const char *text)
{
	size_t		len = strlen(text);
	uint8_t    *room = malloc(fo_cache_text_room(len) + 1);
	size_t		n = fo_cache_text_normal((const uint8_t *) text, len, room);

	room[n] = '\0';
	return (char *) room;
}

/* Do two posts have the same form, or different ones? */
static void
compare(const char *a, const char *b, int same)
{
	char	   *x = normal(a);
	char	   *y = normal(b);
	int			good = (strcmp(x, y) == 0) == same;

	tests++;
	failures += !good;
	printf("%sok %d - \"%s\" %s \"%s\"\n", good ? "" : "not ", tests, a,
		   same ? "is like" : "is not like", b);
	if (!good)
		printf("# forms \"%s\" and \"%s\"\n", x, y);
	free(x);
	free(y);
}

int
main(void)
{
	fo_unicode_init(allocate);
	compare("Buy NOW!!", "buy now", 1);
	compare("buy   now\n", "buy now", 1);
	compare("buy now https://shop.example/x?y=1", "buy now", 1);
	compare("http://a.example buy now", "buy now", 1);
	compare("@someone buy now", "buy now", 1);
	compare("RT @someone: buy now", "buy now", 1);
	compare("Cr\xc3\xa8me br\xc3\xbbl\xc3\xa9" "e", "creme brulee", 1);
	compare("\xef\xbc\xa2\xef\xbd\x95\xef\xbd\x99", "buy", 1);
	compare("buy now", "buynow", 0);
	compare("buy now", "buy not", 0);
	compare("buy 10", "buy 100", 0);
	compare("buy \xe4\xbb\x8a", "buy \xe4\xbb\x96", 0);
	/* nothing is left: the post stands for itself */
	compare("https://a.example", "https://b.example", 0);
	compare("!!!", "???", 0);
	compare("\xf0\x9f\x98\x80", "\xf0\x9f\x98\xa1", 0);
	compare("", "!", 0);
	compare("\xff\xfe", "\xfe\xff", 0);
	printf("1..%d\n", tests);
	return failures > 0;
}
