/*
 * order_term.c
 *		Parsing one entry of an ordering:
 *			column [ASC | DESC] [NULLS FIRST | NULLS LAST] [UNIQUE]
 *
 * The column is an SQL identifier.  In double quotes it may hold anything, a
 * quote being written twice; without them it ends at white space.  What comes of
 * it is a name to be looked up, never SQL.
 */
#include "core/order_term.h"

#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* If a word of ASCII capitals stands at *p, in either case, step over it. */
static bool
take_word(const char **p, const char *word)
{
	const char *q = *p;

	for (; *word != '\0'; word++, q++)
	{
		char		c = *q;

		if (c >= 'a' && c <= 'z')
			c = (char) (c - 'a' + 'A');
		if (c != *word)
			return false;
	}
	if (*q != '\0' && !is_space(*q))
		return false;
	*p = skip_space(q);
	return true;
}

/* Copy the column's name to "name" and return where it ends, or NULL if a quote is open. */
static const char *
take_name(const char *p, char *name, bool *quoted)
{
	*quoted = *p == '"';
	if (!*quoted)
	{
		while (*p != '\0' && !is_space(*p))
			*name++ = *p++;
		*name = '\0';
		return p;
	}
	for (p++;; p++)
	{
		if (*p == '\0')
			return NULL;
		if (*p == '"' && *++p != '"')
			break;
		*name++ = *p;
	}
	*name = '\0';
	return p;
}

/*
 * Parse a zero-terminated entry.  The name is put into a buffer of the caller's,
 * which is as large as the text with its zero.  NULLs go where SQL puts them
 * unless the entry says otherwise: last when ascending, first when descending.
 */
FoOrderStatus
fo_order_parse(const char *text, char *name, FoOrderTerm *term)
{
	const char *p = skip_space(text);

	memset(term, 0, sizeof(*term));
	term->name = name;
	p = take_name(p, name, &term->quoted);
	if (p == NULL)
		return FO_ORDER_OPEN_QUOTE;
	if (*name == '\0')
		return FO_ORDER_EMPTY;
	term->bad = p;
	if (*p != '\0' && !is_space(*p))
		return FO_ORDER_BAD_WORD;
	p = skip_space(p);
	if (!take_word(&p, "ASC"))
		term->descending = take_word(&p, "DESC");
	term->nulls_first = term->descending;
	term->bad = p;
	if (take_word(&p, "NULLS"))
	{
		term->nulls_first = take_word(&p, "FIRST");
		if (!term->nulls_first && !take_word(&p, "LAST"))
			return FO_ORDER_BAD_WORD;
	}
	term->unique = take_word(&p, "UNIQUE");
	if (*p == '\0')
		return FO_ORDER_OK;
	term->bad = p;
	return FO_ORDER_BAD_WORD;
}
