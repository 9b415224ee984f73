/*
 * page_source.h
 *		The relation that is paged through, and the columns that order it.
 */
#ifndef FO_PAGE_SOURCE_H
#define FO_PAGE_SOURCE_H

#include "postgres.h"

#include "access/stratnum.h"
#include "utils/array.h"
#include "utils/rel.h"

/* A column of the ordering. */
typedef struct FoPageKey
{
	AttrNumber	attnum;
	Oid			type;			/* of a domain, the type below it */
	Oid			collation;
	bool		descending;
	bool		nulls_first;
	bool		not_null;		/* no row can have a null here */
} FoPageKey;

typedef struct FoPageSource
{
	Relation	relation;
	TupleDesc	desc;
	const char *name;			/* with its schema, quoted */
	const char *alias;			/* what statements call it, quoted */
	FoPageKey  *keys;
	int			nkeys;
} FoPageSource;

extern void fo_page_source_open(FoPageSource *source, Oid relid);
extern void fo_page_source_order(FoPageSource *source, ArrayType *order_by, bool total);
extern void fo_page_source_close(FoPageSource *source);
extern AttrNumber fo_page_find_column(const FoPageSource *source, const char *name);
extern AttrNumber fo_page_column(const FoPageSource *source, const char *name);
extern Oid	fo_page_column_type(const FoPageSource *source, AttrNumber attnum);
extern const char *fo_page_column_sql(const FoPageSource *source, AttrNumber attnum);
extern const char *fo_page_null_sql(Oid type, bool is_null);
extern const char *fo_page_operator_sql(Oid type, StrategyNumber strategy);

#endif							/* FO_PAGE_SOURCE_H */
