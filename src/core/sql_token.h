/*
 * sql_token.h
 *		SQL text taken apart into tokens.  See sql_token.c.
 */
#ifndef FO_SQL_TOKEN_H
#define FO_SQL_TOKEN_H

#include "core/sql_normal.h"

typedef enum FoSqlTokenKind
{
	FO_SQL_END,
	FO_SQL_WORD,				/* identifier or key word */
	FO_SQL_QUOTED,				/* identifier in double quotes */
	FO_SQL_NUMBER,
	FO_SQL_STRING,
	FO_SQL_PARAMETER,			/* $1 */
	FO_SQL_SYMBOL				/* one character, or :: */
} FoSqlTokenKind;

typedef struct FoSqlToken
{
	FoSqlTokenKind kind;
	size_t		at;
	size_t		len;
	size_t		out;			/* where it went */
} FoSqlToken;

/* ASCII letters in lower case. */
static inline char
fo_sql_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

extern FoSqlToken fo_sql_take(const FoSqlSource *source, size_t at);
extern int	fo_sql_dollar_number(const FoSqlSource *source, const FoSqlToken *token);

#endif							/* FO_SQL_TOKEN_H */
