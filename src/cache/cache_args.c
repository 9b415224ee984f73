/*
 * cache_args.c
 *		Arguments and results of queries that the cache runs.
 */
#include "postgres.h"

#include "cache/cache_args.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

/* Take the variadic arguments over; a NULL array means none. */
void
fo_query_args(FunctionCallInfo fcinfo, int first, FoQueryArgs *args)
{
	bool	   *nulls = NULL;

	args->n = PG_NARGS() <= first ? 0
		: extract_variadic_args(fcinfo, first, true, &args->values, &args->types, &nulls);
	if (args->n < 0)
		args->n = 0;
	args->nulls = palloc(args->n + 1);
	for (int i = 0; i < args->n; i++)
		args->nulls[i] = nulls[i] ? 'n' : ' ';
	args->nulls[args->n] = '\0';
}

/* to_jsonb of a value of any type. */
static Jsonb *
to_jsonb_any(Datum value, Oid type)
{
	FmgrInfo	function;
	FuncExpr   *call;
	Node	   *arg = (Node *) makeConst(type, -1, InvalidOid, -1, (Datum) 0, true, true);

	if (type == JSONBOID)
		return DatumGetJsonbPCopy(value);
	/* to_jsonb finds the type of its argument in the call's expression */
	fmgr_info(F_TO_JSONB, &function);
	call = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(arg), InvalidOid, InvalidOid,
						COERCE_EXPLICIT_CALL);
	fmgr_info_set_expr((Node *) call, &function);
	return DatumGetJsonbPCopy(FunctionCall1(&function, value));
}

/* A column of a row as jsonb, in a context of the caller; NULL for a null. */
Jsonb *
fo_value_as_jsonb(HeapTuple tuple, TupleDesc desc, int column, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);
	Jsonb	   *result = isnull ? NULL : to_jsonb_any(value, TupleDescAttr(desc,
																		   column - 1)->atttypid);

	MemoryContextSwitchTo(old);
	return result;
}

/* A whole row as a jsonb object. */
Jsonb *
fo_row_as_jsonb(HeapTuple tuple, TupleDesc desc)
{
	TupleDesc	blessed = BlessTupleDesc(desc);

	return to_jsonb_any(heap_copy_tuple_as_datum(tuple, blessed), RECORDOID);
}
