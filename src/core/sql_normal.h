/*
 * sql_normal.h
 *		SQL text with its constants replaced by parameters.  See sql_normal.c.
 */
#ifndef FO_SQL_NORMAL_H
#define FO_SQL_NORMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FO_SQL_VARIABLES 16		/* at most of a source */

/* What is to become of a statement. */
typedef struct FoSqlSource
{
	const char *text;
	size_t		len;
	bool		backslash;		/* in plain strings a backslash escapes */
	const int32_t *variable;	/* offsets of names that stand for parameters,
								 * ascending */
	const int32_t *variable_id; /* equal ones are one parameter */
	int			nvariables;
	int			first;			/* added to all numbers of parameters */
	int32_t		key;			/* offset of a parameter or constant, or -1 */
	int32_t		key_id;			/* 0: a constant; else number or id of a
								 * parameter, all of whose uses are the key */
	const char *key_text;		/* what is written for the key; $ is its own
								 * $n */
	bool		drop_key;		/* the key is no parameter any more */
	const char *insert;			/* written after the first SELECT, or NULL */
} FoSqlSource;

typedef struct FoSqlNormal
{
	size_t		len;
	bool		truncated;		/* there was more than would fit */
	bool		is_select;		/* the first word is SELECT */
	int			highest;		/* number of the last parameter */
	int			key;			/* number of the key's */
	int			key_times;		/* how often it was met */
	bool		key_bare;		/* nothing but "= key" and what cannot belong
								 * to it */
} FoSqlNormal;

extern void fo_sql_normalize(const FoSqlSource *source, char *out, size_t size,
							 FoSqlNormal *result);
extern size_t fo_sql_name(const char *text, size_t len);
extern size_t fo_sql_body(const char *text, size_t *len);

#endif							/* FO_SQL_NORMAL_H */
