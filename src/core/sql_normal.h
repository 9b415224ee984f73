/*
 * sql_normal.h
 *		SQL text with its constants replaced by parameters.  See sql_normal.c.
 */
#ifndef FO_SQL_NORMAL_H
#define FO_SQL_NORMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is to become of a statement. */
typedef struct FoSqlSource
{
	const char *text;
	size_t		len;
	bool		backslash;		/* in plain strings a backslash escapes */
	const int32_t *variable;	/* offsets of names that stand for parameters,
								 * ascending */
	int			nvariables;
	int			first;			/* added to all numbers of parameters */
	int32_t		key;			/* offset of a parameter or constant, or -1 */
	const char *key_text;		/* what is written for it; $ is its own $n */
	const char *insert;			/* written after the first word, or NULL */
} FoSqlSource;

typedef struct FoSqlNormal
{
	size_t		len;
	bool		truncated;		/* there was more than would fit */
	int			highest;		/* number of the last parameter */
	int			key;			/* number of the key's, 0: not found */
	bool		key_bare;		/* nothing but "= key" and what cannot belong
								 * to it */
} FoSqlNormal;

extern void fo_sql_normalize(const FoSqlSource *source, char *out, size_t size,
							 FoSqlNormal *result);
extern size_t fo_sql_name(const char *text, size_t len);

#endif							/* FO_SQL_NORMAL_H */
