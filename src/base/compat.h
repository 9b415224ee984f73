/*
 * compat.h
 *		Differences between PostgreSQL 14 and 18, kept out of the features.
 */
#ifndef FO_COMPAT_H
#define FO_COMPAT_H

#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "storage/dsm.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"

#if PG_VERSION_NUM < 140000
#error "filteropt needs PostgreSQL 14 or later"
#endif

#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* A random number, at least 0 and below 1. */
#if PG_VERSION_NUM >= 150000
#define FO_RANDOM_DOUBLE()		pg_prng_double(&pg_global_prng_state)
#else
#define FO_RANDOM_DOUBLE()		((double) random() / ((double) MAX_RANDOM_VALUE + 1))
#endif

#if PG_VERSION_NUM >= 150000
#define FO_DSM_HANDLE_INVALID	DSM_HANDLE_INVALID
#else
#define FO_DSM_HANDLE_INVALID	0
#endif

/* Number of this backend among all, from 0; for striping counters. */
#if PG_VERSION_NUM >= 170000
#define FO_BACKEND_NUMBER()		(MyProcNumber)
#else
#define FO_BACKEND_NUMBER()		(MyBackendId - 1)
#endif

/* Does this session hold a lock of just this mode? */
#if PG_VERSION_NUM >= 170000
#define FO_LOCK_IS_HELD(lock, mode) LockHeldByMe(lock, mode, false)
#else
#define FO_LOCK_IS_HELD(lock, mode) LockHeldByMe(lock, mode)
#endif

/* Is there a snapshot to read toasted values with?  14 tells only of active ones. */
#if PG_VERSION_NUM >= 150000
#define fo_has_snapshot() HaveRegisteredOrActiveSnapshot()
#else
#define fo_has_snapshot() ActiveSnapshotSet()
#endif

extern void fo_begin_rows(FunctionCallInfo fcinfo);
extern void fo_begin_values(FunctionCallInfo fcinfo, Oid type);
extern uint32 fo_timeline(void);
extern bool fo_owns_relation(Oid relation);
extern Oid	fo_relation_owner(Oid relation);
extern TransactionId fo_slot_inserter(TupleTableSlot *slot);
extern bool fo_heap_fetch(Relation relation, Snapshot snapshot, HeapTuple tuple, Buffer *buffer);
extern IndexScanDesc fo_index_beginscan(Relation heap, Relation index, Snapshot snapshot,
										int nkeys);
extern bool fo_attribute_not_null(TupleDesc desc, AttrNumber attnum);
extern void fo_send_counted(StringInfo buf, text *value);
extern Datum fo_call_cast(FmgrInfo *cast, Datum value, int32 typmod);

#endif							/* FO_COMPAT_H */
