/*
 * cache_args.h
 *		Queries with arguments of any type, for cache_fill and cached_query.
 */
#ifndef FO_CACHE_ARGS_H
#define FO_CACHE_ARGS_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* VARIADIC "any", as SPI takes it. */
typedef struct FoQueryArgs
{
	int			n;
	Oid		   *types;
	Datum	   *values;
	char	   *nulls;
} FoQueryArgs;

extern void fo_query_args(FunctionCallInfo fcinfo, int first, FoQueryArgs *args);
extern Jsonb *fo_value_as_jsonb(HeapTuple tuple, TupleDesc desc, int column, MemoryContext context);
extern Jsonb *fo_row_as_jsonb(HeapTuple tuple, TupleDesc desc);

#endif							/* FO_CACHE_ARGS_H */
