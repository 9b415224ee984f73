/*
 * stat.h
 *		What maintaining a rollup has cost since the server started.
 */
#ifndef FO_ROLLUP_STAT_H
#define FO_ROLLUP_STAT_H

#include "postgres.h"

#include "port/atomics.h"

/* Counters of one rollup, in shared memory; added to without any lock. */
typedef struct FoRollupCounters
{
	pg_atomic_uint64 writes;	/* transactions, or parts of one, written */
	pg_atomic_uint64 folded;	/* groups added to a row that was there */
	pg_atomic_uint64 appended;	/* groups appended as a row */
	pg_atomic_uint64 nanoseconds;	/* spent by writers on the two */
	pg_atomic_uint64 merges;	/* passes that saved rows */
	pg_atomic_uint64 saved;		/* rows saved by them */
} FoRollupCounters;

extern FoRollupCounters *fo_rollup_counters(Oid data);
extern void fo_rollup_forget_counters(Oid data);
extern void fo_rollup_count_write(FoRollupCounters *counters, int ndeltas, int appended,
								  uint64 nanoseconds);
extern void fo_rollup_count_merge(FoRollupCounters *counters, int64 saved);
extern void fo_rollup_stat_init(void);

#endif							/* FO_ROLLUP_STAT_H */
