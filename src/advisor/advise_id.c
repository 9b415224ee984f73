/*
 * advise_id.c
 *		Numbers by which advice can be named later in the session that got it.
 *
 * A number follows from the statement alone, so that it names the same one in
 * every session: where a pool gives a client another session, that one either
 * knows the number by the same statement or does not know it.  But if a session
 * has two statements that would have the same one, the later gets the next.
 */
#include "postgres.h"

#include "advisor/advise.h"
#include "advisor/apply.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define REMEMBERED	256			/* statements; the oldest is forgotten first */

PG_FUNCTION_INFO_V1(fo_index_advice);

/* The statements of this session and their numbers, in a ring. */
static char *statements[REMEMBERED];
static int64 numbers[REMEMBERED];
static int	next_statement;

/* The number that a statement should have: 31 bits, not 0. */
static int64
id_of(const char *ddl)
{
	return Max(1, hash_bytes((const unsigned char *) ddl, (int) strlen(ddl)) & PG_INT32_MAX);
}

/* The statement of a number, or NULL. */
static char *
find(int64 id)
{
	for (int i = 0; i < REMEMBERED; i++)
	{
		if (statements[i] && numbers[i] == id)
			return statements[i];
	}
	return NULL;
}

/* Remember a statement; returns its number. */
int64
fo_advise_remember(const char *ddl)
{
	int64		id = id_of(ddl);
	char	   *other;
	char	   *copy;

	while ((other = find(id)) != NULL)
	{
		if (strcmp(other, ddl) == 0)
			return id;
		id = id % PG_INT32_MAX + 1;
	}
	copy = MemoryContextStrdup(TopMemoryContext, ddl);
	if (statements[next_statement])
		pfree(statements[next_statement]);
	statements[next_statement] = copy;
	numbers[next_statement] = id;
	next_statement = (next_statement + 1) % REMEMBERED;
	return id;
}

/* The statement of a number; an error if this session does not know it. */
static char *
statement_of(int64 id)
{
	char	   *ddl = find(id);

	if (ddl == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no advice " INT64_FORMAT " was given in this session", id),
				 errhint("Call index_advise() in this session first, or pass the statement "
						 "itself.")));
	return ddl;
}

/* What a text stands for: the statement of an advice if it is a number, or itself. */
char *
fo_advise_statement(const char *text)
{
	size_t		digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 10 || text[digits] != '\0')
		return pstrdup(text);
	return statement_of(strtoll(text, NULL, 10));
}

/* index_advice(advice_id): the statement. */
Datum
fo_index_advice(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(statement_of(PG_GETARG_INT64(0))));
}
