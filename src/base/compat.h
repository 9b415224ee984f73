/*
 * compat.h
 *		What differs between the versions of PostgreSQL, 14 to 18.
 */
#ifndef FO_BASE_COMPAT_H
#define FO_BASE_COMPAT_H

#include "fmgr.h"
#include "storage/dsm.h"

#if PG_VERSION_NUM >= 150000
#define FO_DSM_HANDLE_INVALID	DSM_HANDLE_INVALID
#else
#define FO_DSM_HANDLE_INVALID	0
#endif

/* A random number, at least 0 and below 1. */
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#define FO_RANDOM_DOUBLE()		pg_prng_double(&pg_global_prng_state)
#else
#define FO_RANDOM_DOUBLE()		((double) random() / ((double) MAX_RANDOM_VALUE + 1))
#endif

/* Begin a scan of a heap by an index, without ordering operators. */
#if PG_VERSION_NUM >= 180000
#define FO_INDEX_BEGINSCAN(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define FO_INDEX_BEGINSCAN(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* Let a function return its rows as a tuplestore. */
#if PG_VERSION_NUM >= 150000
#define FO_INIT_MATERIALIZED_SRF(fcinfo)	InitMaterializedSRF(fcinfo, 0)
#else
extern void fo_init_materialized_srf(FunctionCallInfo fcinfo);
#define FO_INIT_MATERIALIZED_SRF(fcinfo)	fo_init_materialized_srf(fcinfo)
#endif

/* Number of this backend among all, from 0; for striping counters. */
#if PG_VERSION_NUM >= 170000
#define FO_BACKEND_NUMBER()		(MyProcNumber)
#else
#define FO_BACKEND_NUMBER()		(MyBackendId - 1)
#endif

extern uint32 fo_timeline(void);

#endif							/* FO_BASE_COMPAT_H */
