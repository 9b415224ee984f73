/*
 * http_header.c
 *		What is needed of the grammar of HTTP headers: RFC 9110, sections 5.6.2
 *		(tokens), 8.8.3 (entity tags), 13.1.2 (If-None-Match) and 12.5.3
 *		(Accept-Encoding).  Strings are zero-terminated; what cannot be understood in
 *		a list is passed over up to the next comma.
 */
#include "core/http_header.h"

#include <string.h>

static bool
is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* Where the opaque part of a tag, quotes and all, begins; NULL if there is no tag. */
static const char *
opaque_part(const char *p, size_t *len)
{
	const char *start;

	if (p[0] == 'W' && p[1] == '/')
		p += 2;
	if (*p != '"')
		return NULL;
	start = p++;
	while ((unsigned char) *p > ' ' && *p != '"' && *p != 127)
		p++;
	if (*p != '"')
		return NULL;
	*len = (size_t) (p + 1 - start);
	return start;
}

/* Is all of the text an entity tag: "abc" or W/"abc"? */
bool
fo_http_is_etag(const char *text)
{
	size_t		len;
	const char *opaque = opaque_part(text, &len);

	return opaque != NULL && opaque[len] == '\0';
}

/*
 * Does a tag occur in the list of If-None-Match?  By weak comparison: strong and
 * weak tags are alike.  "*" is any tag.
 */
bool
fo_http_etag_listed(const char *list, const char *etag)
{
	size_t		wanted_len;
	const char *wanted = opaque_part(etag, &wanted_len);

	list = skip_blanks(list);
	if (*list == '*')
		return *skip_blanks(list + 1) == '\0';
	while (*list != '\0')
	{
		size_t		len;
		const char *opaque = opaque_part(list, &len);

		if (opaque != NULL)
		{
			list = skip_blanks(opaque + len);
			if (wanted != NULL && len == wanted_len && memcmp(opaque, wanted, len) == 0 &&
				(*list == ',' || *list == '\0'))
				return true;
		}
		while (*list != ',' && *list != '\0')
			list++;
		while (*list == ',' || *list == ' ' || *list == '\t')
			list++;
	}
	return false;
}

/* Is a weight, at the parameters of an entry, zero? */
static bool
weight_is_zero(const char *p)
{
	p = skip_blanks(p);
	if (*p != ';')
		return false;
	p = skip_blanks(p + 1);
	if ((*p != 'q' && *p != 'Q') || p[1] != '=' || p[2] != '0')
		return false;
	p += 3;
	if (*p == '.')
		for (p++; *p == '0';)
			p++;
	return *p < '0' || *p > '9';
}

/* Are the names equal but for ASCII case? */
static bool
same_name(const char *name, size_t len, const char *wanted)
{
	if (strlen(wanted) != len)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char		c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (c != wanted[i])
			return false;
	}
	return true;
}

/*
 * May a response be sent in a coding, whose name is in lower case?  It must be named, or
 * "*" be, with a weight other than 0.
 */
bool
fo_http_accepts(const char *accept_encoding, const char *coding)
{
	const char *p = skip_blanks(accept_encoding);
	bool		any = false;

	while (*p != '\0')
	{
		const char *name = p;
		size_t		len;

		while (is_token_char(*p))
			p++;
		len = (size_t) (p - name);
		if (same_name(name, len, coding))
			return !weight_is_zero(p);
		if (same_name(name, len, "*"))
			any = !weight_is_zero(p);
		while (*p != ',' && *p != '\0')
			p++;
		while (*p == ',' || *p == ' ' || *p == '\t')
			p++;
	}
	return any;
}
