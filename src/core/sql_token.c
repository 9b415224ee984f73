/*
 * sql_token.c
 *		SQL text taken apart into tokens, by the rules of PostgreSQL's scanner.
 *
 * Example: of "a.b>=$1 -- c" come a . b > = $1.  Operators are one character each, which
 * is all that sql_normal.c needs.  White space and comments are skipped; a string,
 * identifier or comment that is not closed goes on to the end, so any bytes have tokens.
 */
#include "core/sql_token.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static bool
is_name(char c)
{
	return is_letter(c) || is_digit(c) || c == '$';
}

/* Where a comment that begins at `at` ends, or `at` if none does. */
static size_t
skip_comment(const char *text, size_t len, size_t at)
{
	int			depth = 0;

	if (at + 1 >= len)
		return at;
	if (text[at] == '-' && text[at + 1] == '-')
	{
		while (at < len && text[at] != '\n' && text[at] != '\r')
			at++;
		return at;
	}
	if (text[at] != '/' || text[at + 1] != '*')
		return at;
	do
	{
		if (at + 1 < len && text[at] == '/' && text[at + 1] == '*')
		{
			depth++;
			at += 2;
		}
		else if (at + 1 < len && text[at] == '*' && text[at + 1] == '/')
		{
			depth--;
			at += 2;
		}
		else
			at++;
	} while (depth > 0 && at < len);
	return at;
}

/* Where white space and comments that begin at `at` end. */
static size_t
skip_blank(const char *text, size_t len, size_t at)
{
	for (;;)
	{
		size_t		next = at;

		while (next < len && is_blank(text[next]))
			next++;
		next = skip_comment(text, len, next);
		if (next == at)
			return at;
		at = next;
	}
}

/* Where a quoted thing ends whose opening quote is at `at`. */
static size_t
skip_quoted(const char *text, size_t len, size_t at, bool backslash)
{
	char		quote = text[at++];

	for (; at < len; at++)
	{
		if (backslash && text[at] == '\\')
			at++;
		else if (text[at] == quote)
		{
			if (at + 1 >= len || text[at + 1] != quote)
				return at + 1;
			at++;
		}
	}
	return len;
}

/* Where a string in dollar quotes ends that may begin at `at`; `at` if it does not. */
static size_t
skip_dollar(const char *text, size_t len, size_t at)
{
	size_t		tag = at + 1;
	size_t		width;

	if (tag < len && is_digit(text[tag]))
		return at;
	while (tag < len && is_name(text[tag]) && text[tag] != '$')
		tag++;
	if (tag >= len || text[tag] != '$')
		return at;
	width = tag + 1 - at;
	for (size_t i = tag + 1; i + width <= len; i++)
		if (memcmp(text + i, text + at, width) == 0)
			return i + width;
	return len;
}

/* Is there the sign of an exponent, as in 1e-5? */
static bool
is_exponent_sign(const char *text, size_t len, size_t at)
{
	return (text[at] == '+' || text[at] == '-') && fo_sql_lower(text[at - 1]) == 'e' &&
		at + 1 < len && is_digit(text[at + 1]);
}

/* Where a number ends whose second character is at `at`: digits, a point, an exponent, 0x, _. */
static size_t
skip_number(const char *text, size_t len, size_t at)
{
	while (at < len &&
		   (is_name(text[at]) || text[at] == '.' || is_exponent_sign(text, len, at)))
	{
		/* the range 1..2 of a loop is two numbers */
		if (text[at] == '.' && at + 1 < len && text[at + 1] == '.')
			break;
		at++;
	}
	return at;
}

/* A string's prefix: E'', B'', X'', N'', U&''; its length, or 0. */
static size_t
string_prefix(const char *text, size_t len, size_t at)
{
	char		c = fo_sql_lower(text[at]);

	if ((c == 'e' || c == 'b' || c == 'x' || c == 'n') && at + 1 < len &&
		text[at + 1] == '\'')
		return 1;
	if (c == 'u' && at + 2 < len && text[at + 1] == '&' &&
		(text[at + 2] == '\'' || text[at + 2] == '"'))
		return 2;
	return 0;
}

/* A word, or a string or identifier with a prefix. */
static FoSqlToken
take_word(const FoSqlSource *source, size_t at)
{
	const char *text = source->text;
	size_t		prefix = string_prefix(text, source->len, at);
	FoSqlToken	token = {.kind = FO_SQL_WORD, .at = at};
	size_t		end = at;

	if (prefix > 0)
	{
		token.kind = text[at + prefix] == '"' ? FO_SQL_QUOTED : FO_SQL_STRING;
		end = skip_quoted(text, source->len, at + prefix,
						  fo_sql_lower(text[at]) == 'e' ||
						  (source->backslash && fo_sql_lower(text[at]) == 'n'));
	}
	else
		while (end < source->len && is_name(text[end]))
			end++;
	token.len = end - at;
	return token;
}

/* The next token from `at` on. */
FoSqlToken
fo_sql_take(const FoSqlSource *source, size_t at)
{
	const char *text = source->text;
	size_t		len = source->len;
	FoSqlToken	token = {.kind = FO_SQL_SYMBOL};
	size_t		end;

	at = skip_blank(text, len, at);
	token.at = at;
	end = at + 1;
	if (at >= len || text[at] == '\0')
	{
		token.kind = FO_SQL_END;
		return token;
	}
	if (is_letter(text[at]))
		return take_word(source, at);
	if (is_digit(text[at]) || (text[at] == '.' && at + 1 < len && is_digit(text[at + 1])))
	{
		token.kind = FO_SQL_NUMBER;
		end = skip_number(text, len, at + 1);
	}
	else if (text[at] == '\'' || text[at] == '"')
	{
		token.kind = text[at] == '"' ? FO_SQL_QUOTED : FO_SQL_STRING;
		end = skip_quoted(text, len, at, source->backslash && text[at] == '\'');
	}
	else if (text[at] == '$' && at + 1 < len && is_digit(text[at + 1]))
	{
		token.kind = FO_SQL_PARAMETER;
		while (end < len && is_digit(text[end]))
			end++;
	}
	else if (text[at] == '$' && skip_dollar(text, len, at) > at)
	{
		token.kind = FO_SQL_STRING;
		end = skip_dollar(text, len, at);
	}
	else if (text[at] == ':' && at + 1 < len && text[at + 1] == ':')
		end = at + 2;
	token.len = end - at;
	return token;
}

/* Length of the name, such as a.b or "a".b, at the start of a text. */
size_t
fo_sql_name(const char *text, size_t len)
{
	size_t		at = 0;

	for (;;)
	{
		if (at < len && text[at] == '"')
			at = skip_quoted(text, len, at, false);
		else
			while (at < len && is_name(text[at]))
				at++;
		if (at + 1 < len && text[at] == '.' && (is_letter(text[at + 1]) || text[at + 1] == '"'))
			at++;
		else
			return at;
	}
}

/* The number of a parameter that is written as such. */
int
fo_sql_dollar_number(const FoSqlSource *source, const FoSqlToken *token)
{
	int			number = 0;

	for (size_t i = 1; i < token->len && number < 100000; i++)
		number = number * 10 + (source->text[token->at + i] - '0');
	return number;
}
