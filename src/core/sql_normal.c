/*
 * sql_normal.c
 *		SQL text with its constants replaced by parameters, for people and planners.
 *
 * Example.  Of
 *		SELECT *  FROM post -- newest
 *		WHERE day > date '2024-01-01' AND state = 'open' ORDER BY 1 LIMIT 10
 * comes
 *		SELECT * FROM post WHERE day > $1::date AND state = $2 ORDER BY 1 LIMIT $3
 * Comments go, white space becomes one blank, and whatever could be a constant becomes a
 * parameter, also what is left of one when the text is cut off: secrets do not stay.
 * What must be a literal for the text to mean the same stays: positions in ORDER BY and
 * GROUP BY, and the numbers of types such as numeric(10,2).  The server's parser is not
 * used, as it raises errors; here any bytes give some text.
 */
#include "core/sql_normal.h"
#include "core/sql_token.h"

#include <stdio.h>
#include <string.h>

#define BEFORE 6				/* tokens that are looked back at */

typedef struct Normalizer
{
	const FoSqlSource *source;
	FoSqlNormal *result;
	char	   *out;
	size_t		size;
	FoSqlToken	before[BEFORE]; /* before[0] is the last one */
	int			nvariable;		/* next of the source's variables */
	int			variable_number[FO_SQL_VARIABLES];	/* $n of each, 0: none yet */
	bool		key_is_dollar;	/* the key is written $n */
	int			depth;			/* of parentheses */
	int			list_depth;		/* of an ORDER BY or GROUP BY, or -1 */
	bool		at_item;		/* at the start of an item of it */
	int			type_depth;		/* of the numbers of a type, or -1 */
	bool		key_pending;	/* the token before was the key */
} Normalizer;

/* Is a token a certain word, given in lower case? */
static bool
is_word(const Normalizer *n, const FoSqlToken *token, const char *word)
{
	if (token->kind != FO_SQL_WORD || token->len != strlen(word))
		return false;
	for (size_t i = 0; i < token->len; i++)
		if (fo_sql_lower(n->source->text[token->at + i]) != word[i])
			return false;
	return true;
}

static bool
is_any_word(const Normalizer *n, const FoSqlToken *token, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is_word(n, token, *words))
			return true;
	return false;
}

static bool
is_symbol(const Normalizer *n, const FoSqlToken *token, const char *symbol)
{
	return token->kind == FO_SQL_SYMBOL && token->len == strlen(symbol) &&
		memcmp(n->source->text + token->at, symbol, token->len) == 0;
}

/* Types that may stand before a string: date '2024-01-01'. */
static const char *const literal_types[] = {
	"date", "time", "timetz", "timestamp", "timestamptz", "interval", "uuid", "json", "jsonb",
	"jsonpath", "inet", "cidr", "macaddr", "bytea", "text", "name", "numeric", "int", "int2",
	"int4", "int8", "integer", "bigint", "smallint", "real", "float4", "float8", "bool", "boolean",
	"oid", "regclass", "regtype", "point", "box", "tsvector", "tsquery", "xml", "money", "int4range",
	"int8range", "numrange", "daterange", "tsrange", "tstzrange", "bpchar", "varchar", "citext", NULL
};

/* Types with numbers: numeric(10,2). */
static const char *const numbered_types[] = {
	"varchar", "char", "character", "varying", "bpchar", "bit", "varbit", "numeric", "decimal",
	"dec", "float", "time", "timetz", "timestamp", "timestamptz", "interval", "second", NULL
};

/* How many tokens before are a type that a string belongs to: 1, 4 for "time with time zone". */
static int
literal_type(const Normalizer *n)
{
	static const char *const with[] = {"with", "without", NULL};
	static const char *const times[] = {"time", "timestamp", NULL};

	if (is_any_word(n, &n->before[0], literal_types))
		return 1;
	if (is_word(n, &n->before[0], "zone") && is_word(n, &n->before[1], "time") &&
		is_any_word(n, &n->before[2], with) && is_any_word(n, &n->before[3], times))
		return 4;
	return 0;
}

/* Write bytes as far as they fit. */
static void
write(Normalizer *n, const char *bytes, size_t len)
{
	size_t		room = n->size - n->result->len;

	if (len > room)
	{
		len = room;
		n->result->truncated = true;
	}
	memcpy(n->out + n->result->len, bytes, len);
	n->result->len += len;
}

/* Write bytes before what was written at an offset. */
static void
write_before(Normalizer *n, size_t offset, const char *bytes, size_t len)
{
	size_t		end = n->result->len;

	write(n, bytes, len);
	if (n->result->truncated)
	{
		/* it goes with the type that it would have been written before */
		n->result->len = offset;
		return;
	}
	memmove(n->out + offset + len, n->out + offset, end - offset);
	memcpy(n->out + offset, bytes, len);
}

/* Make the text of a parameter, or of what the caller wants instead. */
static size_t
parameter_text(Normalizer *n, bool is_key, int number, char *text, size_t size)
{
	size_t		len = 0;

	if (!is_key)
		return (size_t) snprintf(text, size, "$%d", number);
	n->result->key = number;
	n->result->key_times++;
	n->key_pending = true;
	n->result->key_bare = is_symbol(n, &n->before[0], "=");
	for (const char *p = n->source->key_text; *p != '\0' && len + 16 < size; p++)
	{
		if (*p == '$')
			len += (size_t) snprintf(text + len, size - len, "$%d", number);
		else
			text[len++] = *p;
	}
	return len;
}

/* Is a constant the key?  A sign before it may be what its offset says. */
static bool
is_constant_key(const Normalizer *n, const FoSqlToken *token)
{
	const FoSqlSource *source = n->source;

	return source->key >= 0 && source->key_id == 0 && source->key_text != NULL &&
		((size_t) source->key == token->at ||
		 (is_symbol(n, &n->before[0], "-") && (size_t) source->key == n->before[0].at));
}

/* Write a parameter for a token. */
static void
write_parameter(Normalizer *n, const FoSqlToken *token, int number, bool is_key)
{
	char		text[256];
	size_t		len = parameter_text(n, is_key, number, text, sizeof(text));
	int			type = token->kind == FO_SQL_STRING ? literal_type(n) : 0;

	if (is_key && n->source->key_id == 0 && is_symbol(n, &n->before[0], "-") &&
		n->before[0].at == (size_t) n->source->key)
	{
		/* the sign of a number belongs to it */
		n->result->len = n->before[0].out;
		n->result->key_bare = is_symbol(n, &n->before[1], "=");
	}
	if (type == 0)
	{
		write(n, text, len);
		return;
	}
	/* the blank between type and string goes */
	n->result->len = n->before[0].out + n->before[0].len;
	memcpy(text + len, "::", 2);
	write_before(n, n->before[type - 1].out, text, len + 2);
}

/* The number of a new parameter; a key that is dropped takes none. */
static int
next_number(Normalizer *n, bool is_key)
{
	return is_key && n->source->drop_key ? n->result->highest : ++n->result->highest;
}

/* Write what the text has as $n. */
static void
write_dollar(Normalizer *n, const FoSqlToken *token)
{
	const FoSqlSource *source = n->source;
	int			number = fo_sql_dollar_number(source, token);
	bool		is_key = n->key_is_dollar && number == source->key_id;

	if (n->key_is_dollar && source->drop_key && number > source->key_id)
		number--;
	write_parameter(n, token, number + source->first, is_key);
}

/* Write the next of the caller's variables. */
static void
write_variable(Normalizer *n, FoSqlToken *token)
{
	const FoSqlSource *source = n->source;
	int			this = n->nvariable;
	bool		is_key = source->key >= 0 && source->key_text != NULL && !n->key_is_dollar &&
		source->key_id != 0 && source->variable_id[this] == source->key_id;
	int		   *number = &n->variable_number[this];

	for (int i = 0; i < this && *number == 0; i++)
		if (source->variable_id[i] == source->variable_id[this])
			*number = n->variable_number[i];
	if (*number == 0)
		*number = next_number(n, is_key);
	token->len = fo_sql_name(source->text + token->at, source->len - token->at);
	write_parameter(n, token, *number, is_key);
}

/* Follow the lists of ORDER BY and GROUP BY, whose numbers are positions. */
static void
follow_list(Normalizer *n, const FoSqlToken *token)
{
	static const char *const lists[] = {"order", "group", NULL};

	if (is_word(n, token, "by") && is_any_word(n, &n->before[0], lists))
	{
		n->list_depth = n->depth;
		n->at_item = true;
	}
	else if (n->depth < n->list_depth)
		n->list_depth = -1;
	else
		n->at_item = n->depth == n->list_depth && is_symbol(n, token, ",");
}

/* Follow parentheses, and those with the numbers of a type. */
static void
follow_parentheses(Normalizer *n, const FoSqlToken *token)
{
	if (is_symbol(n, token, "("))
	{
		n->depth++;
		if (is_any_word(n, &n->before[0], numbered_types))
			n->type_depth = n->depth;
	}
	else if (is_symbol(n, token, ")"))
	{
		if (n->depth == n->type_depth)
			n->type_depth = -1;
		n->depth--;
	}
}

/* Is a token a parameter by the caller's word? */
static bool
is_variable(Normalizer *n, const FoSqlToken *token)
{
	const FoSqlSource *source = n->source;

	while (n->nvariable < source->nvariables &&
		   (size_t) source->variable[n->nvariable] < token->at)
		n->nvariable++;
	return n->nvariable < source->nvariables &&
		(size_t) source->variable[n->nvariable] == token->at &&
		(token->kind == FO_SQL_WORD || token->kind == FO_SQL_QUOTED);
}

/* Write one token; it grows when more of the text belongs to it. */
static void
write_token(Normalizer *n, FoSqlToken *token)
{
	bool		kept = n->at_item || n->type_depth >= 0;

	if (token->kind == FO_SQL_PARAMETER)
		write_dollar(n, token);
	else if (is_variable(n, token))
		write_variable(n, token);
	else if (token->kind == FO_SQL_STRING || (token->kind == FO_SQL_NUMBER && !kept))
	{
		bool		is_key = is_constant_key(n, token);

		write_parameter(n, token, next_number(n, is_key), is_key);
	}
	else
		write(n, n->source->text + token->at, token->len);
}

/* Does a string that follows belong to the string before: a continuation, or UESCAPE? */
static bool
continues_string(const Normalizer *n, const FoSqlToken *token)
{
	return n->before[0].kind == FO_SQL_STRING &&
		(token->kind == FO_SQL_STRING || is_word(n, token, "uescape"));
}

/* The largest number of a parameter in the text. */
static int
highest_parameter(const FoSqlSource *source)
{
	int			highest = 0;

	for (FoSqlToken t = fo_sql_take(source, 0); t.kind != FO_SQL_END;
		 t = fo_sql_take(source, t.at + t.len))
		if (t.kind == FO_SQL_PARAMETER && fo_sql_dollar_number(source, &t) > highest)
			highest = fo_sql_dollar_number(source, &t);
	return highest;
}

/* After the key only a word, a closing parenthesis or the end leave it alone. */
static void
check_after_key(Normalizer *n, const FoSqlToken *token)
{
	if (!n->key_pending)
		return;
	n->key_pending = false;
	if (token->kind != FO_SQL_WORD && token->kind != FO_SQL_END && !is_symbol(n, token, ")") &&
		!is_symbol(n, token, ";"))
		n->result->key_bare = false;
}

/* Write the normal form of a statement to `out`, at most `size` bytes, without a final NUL. */
void
fo_sql_normalize(const FoSqlSource *source, char *out, size_t size, FoSqlNormal *result)
{
	Normalizer	n = {.source = source, .result = result, .out = out, .size = size,
		.list_depth = -1, .type_depth = -1};
	size_t		end = 0;
	bool		first = true;

	n.key_is_dollar = source->key >= 0 && source->key_text != NULL && source->key_id > 0 &&
		(size_t) source->key < source->len && source->text[source->key] == '$';
	*result = (FoSqlNormal) {.highest = highest_parameter(source) + source->first};
	if (n.key_is_dollar && source->drop_key)
		result->highest--;
	for (FoSqlToken t = fo_sql_take(source, 0);; t = fo_sql_take(source, end))
	{
		check_after_key(&n, &t);
		if (t.kind == FO_SQL_END || result->truncated)
			break;
		if (continues_string(&n, &t))
		{
			end = t.at + t.len;
			n.before[0].kind = FO_SQL_STRING;
			continue;
		}
		follow_parentheses(&n, &t);
		if (t.at > end && result->len > 0)
			write(&n, " ", 1);
		t.out = result->len;
		write_token(&n, &t);
		follow_list(&n, &t);
		if (first)
			result->is_select = is_word(&n, &t, "select");
		if (first && result->is_select && source->insert != NULL)
			write(&n, source->insert, strlen(source->insert));
		first = false;
		end = t.at + t.len;
		memmove(n.before + 1, n.before, sizeof(n.before[0]) * (BEFORE - 1));
		n.before[0] = t;
	}
	/* a final semicolon says nothing */
	while (result->len > 0 && !result->truncated &&
		   (out[result->len - 1] == ';' || out[result->len - 1] == ' '))
		result->len--;
}

/* The token after t, or t if that is the end. */
static FoSqlToken
next_token(const Normalizer *n, FoSqlToken t)
{
	return t.kind == FO_SQL_END ? t : fo_sql_take(n->source, t.at + t.len);
}

/* From an opening parenthesis to the one that closes it, or the end. */
static FoSqlToken
closing(const Normalizer *n, FoSqlToken t)
{
	int			depth = 0;

	for (; t.kind != FO_SQL_END; t = next_token(n, t))
	{
		depth += is_symbol(n, &t, "(") - is_symbol(n, &t, ")");
		if (depth == 0)
			break;
	}
	return t;
}

/* From a token to the first of a word outside of parentheses, or the end. */
static FoSqlToken
find_word(const Normalizer *n, FoSqlToken t, const char *word)
{
	while (t.kind != FO_SQL_END && !is_word(n, &t, word))
		t = next_token(n, is_symbol(n, &t, "(") ? closing(n, t) : t);
	return t;
}

/* The last token of EXPLAIN and its options. */
static FoSqlToken
skip_options(const Normalizer *n, FoSqlToken t)
{
	static const char *const options[] = {"analyze", "analyse", "verbose", NULL};
	static const char *const queries[] = {"select", "with", "values", "table", NULL};
	FoSqlToken	next = next_token(n, t);
	FoSqlToken	inner = next_token(n, next);

	if (is_symbol(n, &next, "(") && !is_symbol(n, &inner, "(") && !is_any_word(n, &inner, queries))
		return closing(n, next);
	for (; is_any_word(n, &next, options); next = next_token(n, next))
		t = next;
	return t;
}

/*
 * Where the query begins in a statement of another kind whose text the server gives as
 * the query's, and in *len how long it is:
 *
 *		PREPARE name AS query		EXPLAIN (options) query		COPY (query) TO ...
 *		DECLARE name CURSOR FOR query		CREATE TABLE name AS query
 */
size_t
fo_sql_body(const char *text, size_t *len)
{
	FoSqlSource source = {.text = text, .len = *len};
	Normalizer	n = {.source = &source};
	FoSqlToken	first = fo_sql_take(&source, 0);
	FoSqlToken	t = first;
	size_t		end = *len;
	size_t		at;
	size_t		rest;

	if (is_word(&n, &first, "prepare") || is_word(&n, &first, "create"))
		t = find_word(&n, first, "as");
	else if (is_word(&n, &first, "declare"))
		t = find_word(&n, first, "for");
	else if (is_word(&n, &first, "explain"))
		t = skip_options(&n, first);
	else if (is_word(&n, &first, "copy"))
	{
		t = next_token(&n, first);
		if (!is_symbol(&n, &t, "("))
			return 0;
		end = closing(&n, t).at;
	}
	else
		return 0;
	if (t.kind == FO_SQL_END)
		return 0;
	at = t.at + t.len;
	rest = end - at;
	t = next_token(&n, t);
	if (is_word(&n, &first, "explain") && !is_word(&n, &t, "explain"))
		at += fo_sql_body(text + at, &rest);	/* once: EXPLAIN is not
												 * explained */
	*len = rest;
	return at;
}
