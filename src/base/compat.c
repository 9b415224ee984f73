/*
 * compat.c
 *		What newer versions of PostgreSQL offer and older ones do not.
 */
#include "base/compat.h"

#include "access/xlog.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#include "catalog/pg_class.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

/*
 * Make the result of a set-returning function a tuplestore of its declared row
 * type, in rsinfo->setResult and setDesc; large results spill to disk.
 */
void
fo_begin_rows(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 150000
	InitMaterializedSRF(fcinfo, 0);
#else
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	TupleDesc	desc;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	rsinfo->setDesc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
#endif
}

/* Is the current role the owner of the relation, or acts as one? */
bool
fo_owns_relation(Oid relation)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, GetUserId());
#else
	return pg_class_ownercheck(relation, GetUserId());
#endif
}

/* The role that owns a relation. */
Oid
fo_relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The transaction that inserted the heap tuple of a slot, also when it is frozen. */
TransactionId
fo_slot_inserter(TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
	TransactionId inserter = HeapTupleHeaderGetRawXmin(tuple->t_data);

	if (should_free)
		heap_freetuple(tuple);
	return inserter;
}

/*
 * Fetch the tuple at tuple->t_self if the snapshot sees it; when it does, the
 * buffer is the caller's to release.
 */
bool
fo_heap_fetch(Relation relation, Snapshot snapshot, HeapTuple tuple, Buffer *buffer)
{
#if PG_VERSION_NUM >= 150000
	return heap_fetch(relation, snapshot, tuple, buffer, false);
#else
	return heap_fetch(relation, snapshot, tuple, buffer);
#endif
}

/* Begin a scan of an index on a heap. */
IndexScanDesc
fo_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(heap, index, snapshot, nkeys, 0);
#endif
}

/*
 * Can no row have a null in this column?  From 18 on a constraint may not have
 * been validated for the rows that were there before it.
 */
bool
fo_attribute_not_null(TupleDesc desc, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return TupleDescCompactAttr(desc, attnum - 1)->attnullability == ATTNULLABLE_VALID;
#else
	return TupleDescAttr(desc, attnum - 1)->attnotnull;
#endif
}

/* Append a detoasted text, in the client's encoding, behind its length in bytes. */
void
fo_send_counted(StringInfo buf, text *value)
{
#if PG_VERSION_NUM >= 170000
	pq_sendcountedtext(buf, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
#else
	pq_sendcountedtext(buf, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), false);
#endif
}

/* Call a cast function, which takes one to three arguments. */
Datum
fo_call_cast(FmgrInfo *cast, Datum value, int32 typmod)
{
	if (cast->fn_nargs == 1)
		return FunctionCall1(cast, value);
	if (cast->fn_nargs == 2)
		return FunctionCall2(cast, value, Int32GetDatum(typmod));
	return FunctionCall3(cast, value, Int32GetDatum(typmod), BoolGetDatum(false));
}

/* The same for a function that returns values of one type that is no row type. */
void
fo_begin_values(FunctionCallInfo fcinfo, Oid type)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	rsinfo->setDesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(rsinfo->setDesc, 1, "value", type, -1, 0);
	MemoryContextSwitchTo(old);
}

/* The timeline that this server writes, or replays as a standby. */
uint32
fo_timeline(void)
{
	TimeLineID	timeline;

	if (RecoveryInProgress())
	{
		(void) GetXLogReplayRecPtr(&timeline);
		return timeline;
	}
#if PG_VERSION_NUM >= 150000
	return GetWALInsertionTimeLine();
#else
	return ThisTimeLineID;
#endif
}
