/*
 * order_term.h
 *		One entry of an ordering: a column, its direction, and where NULLs go.
 */
#ifndef FO_CORE_ORDER_TERM_H
#define FO_CORE_ORDER_TERM_H

#include <stdbool.h>
#include <stddef.h>

typedef enum FoOrderStatus
{
	FO_ORDER_OK,
	FO_ORDER_EMPTY,				/* no column is named */
	FO_ORDER_OPEN_QUOTE,		/* a double quote is not closed */
	FO_ORDER_BAD_WORD,			/* something that is no part of an entry
								 * follows */
} FoOrderStatus;

typedef struct FoOrderTerm
{
	char	   *name;			/* without quotes, zero-terminated */
	bool		quoted;
	bool		descending;
	bool		nulls_first;
	bool		unique;			/* the caller vouches that no rows tie */
	const char *bad;			/* with FO_ORDER_BAD_WORD: where it begins */
} FoOrderTerm;

extern FoOrderStatus fo_order_parse(const char *text, char *name, FoOrderTerm *term);

#endif							/* FO_CORE_ORDER_TERM_H */
