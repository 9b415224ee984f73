/*
 * order_term.c
 *		Entries of an ordering.
 */
#include <stdlib.h>
#include <string.h>

#include "core/order_term.h"
#include "support/tap.h"

static const struct
{
	const char *text;
	FoOrderStatus status;
	const char *name;
	const char *flags;			/* quoted, descending, nulls first, unique */
}			cases[] = {
	{"id", FO_ORDER_OK, "id", ""},
	{" id\t", FO_ORDER_OK, "id", ""},
	{"createdAt asc", FO_ORDER_OK, "createdAt", ""},
	{"a DESC", FO_ORDER_OK, "a", "dn"},
	{"a desc  Nulls\nLast", FO_ORDER_OK, "a", "d"},
	{"a NULLS FIRST", FO_ORDER_OK, "a", "n"},
	{"a ASC NULLS LAST UNIQUE", FO_ORDER_OK, "a", "u"},
	{"a unique", FO_ORDER_OK, "a", "u"},
	{"desc", FO_ORDER_OK, "desc", ""},
	{"desc desc", FO_ORDER_OK, "desc", "dn"},
	{"\"A \"\"b\" DESC", FO_ORDER_OK, "A \"b", "qdn"},
	{"\"\"\"\"", FO_ORDER_OK, "\"", "q"},
	{"größe DESC", FO_ORDER_OK, "größe", "dn"},
	{"a;b", FO_ORDER_OK, "a;b", ""},
	{"", FO_ORDER_EMPTY, "", ""},
	{"  ", FO_ORDER_EMPTY, "", ""},
	{"\"\"", FO_ORDER_EMPTY, "", ""},
	{"\"a", FO_ORDER_OPEN_QUOTE, NULL, ""},
	{"\"a\"\"", FO_ORDER_OPEN_QUOTE, NULL, ""},
	{"\"", FO_ORDER_OPEN_QUOTE, NULL, ""},
	{"\"a\"b", FO_ORDER_BAD_WORD, "b", ""},
	{"a b", FO_ORDER_BAD_WORD, "b", ""},
	{"a descending", FO_ORDER_BAD_WORD, "descending", ""},
	{"a ASC DESC", FO_ORDER_BAD_WORD, "DESC", ""},
	{"a NULLS", FO_ORDER_BAD_WORD, "NULLS", ""},
	{"a NULLS FIRST, b", FO_ORDER_BAD_WORD, "NULLS FIRST, b", ""},
	{"a UNIQUE DESC", FO_ORDER_BAD_WORD, "DESC", ""},
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		size = strlen(cases[i].text) + 1;
		char	   *text = malloc(size);
		char	   *name = malloc(size);
		FoOrderTerm term;
		FoOrderStatus status;
		const char *flags = cases[i].flags;

		memcpy(text, cases[i].text, size);
		status = fo_order_parse(text, name, &term);
		is(status, cases[i].status, "<%s>: status", cases[i].text);
		if (status == FO_ORDER_OK)
		{
			ok(strcmp(term.name, cases[i].name) == 0, "<%s>: name", cases[i].text);
			ok(term.quoted == (strchr(flags, 'q') != NULL) &&
			   term.descending == (strchr(flags, 'd') != NULL) &&
			   term.nulls_first == (strchr(flags, 'n') != NULL) &&
			   term.unique == (strchr(flags, 'u') != NULL), "<%s>: the rest", cases[i].text);
		}
		else if (status == FO_ORDER_BAD_WORD)
			ok(strcmp(term.bad, cases[i].name) == 0, "<%s>: where it is bad", cases[i].text);
		free(text);
		free(name);
	}
	return tap_done();
}
