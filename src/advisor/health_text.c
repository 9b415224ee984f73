/*
 * health_text.c
 *		Expressions and predicates of indexes as texts, without waiting.
 *
 * pg_get_indexdef() and pg_get_expr() open the table for the names of its columns: they
 * wait for whoever alters it, and fail if it is dropped meanwhile.  A report on all tables
 * is better off without the one that is being changed.
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_index.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(fo_index_text);

/* What a function returns; false if that is null. */
static bool
call(PGFunction function, int nargs, const Datum *args, Datum *result)
{
	LOCAL_FCINFO(info, 3);

	InitFunctionCallInfoData(*info, NULL, nargs, InvalidOid, NULL, NULL);
	for (int i = 0; i < nargs; i++)
	{
		info->args[i].value = args[i];
		info->args[i].isnull = false;
	}
	*result = function(info);
	return !info->isnull;
}

/* The predicate of an index of a table that is locked; false if there is none. */
static bool
predicate_text(Oid index, Oid table, Datum *result)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Datum		args[2] = {0, ObjectIdGetDatum(table)};
	bool		isnull;
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	args[0] = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	found = !isnull && call(pg_get_expr, 2, args, result);
	ReleaseSysCache(tuple);
	return found;
}

/*
 * index_text(index oid, part integer): the predicate (0) or a key; null if there is none,
 * or while somebody holds an exclusive lock on the table.
 */
Datum
fo_index_text(PG_FUNCTION_ARGS)
{
	Oid			index = PG_GETARG_OID(0);
	int32		part = PG_GETARG_INT32(1);
	Oid			table = IndexGetRelation(index, true);
	Datum		args[3] = {ObjectIdGetDatum(index), Int32GetDatum(part), BoolGetDatum(false)};
	Datum		result;
	bool		found;

	if (!OidIsValid(table) || !ConditionalLockRelationOid(table, AccessShareLock))
		PG_RETURN_NULL();
	found = part == 0 ? predicate_text(index, table, &result) :
		call(pg_get_indexdef_ext, 3, args, &result);
	UnlockRelationOid(table, AccessShareLock);
	if (!found)
		PG_RETURN_NULL();
	return result;
}
