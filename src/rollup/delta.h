/*
 * delta.h
 *		Deltas that the current transaction has gathered and not yet written.
 */
#ifndef FO_ROLLUP_DELTA_H
#define FO_ROLLUP_DELTA_H

#include "postgres.h"

#include "lib/ilist.h"
#include "rollup/spec.h"

/* One partial row in memory: values in the order of the data table. */
typedef struct FoDelta
{
	uint32		hash;			/* of the group's values, bit by bit */
	Datum	   *values;
	bool	   *nulls;
} FoDelta;

/* The deltas of one rollup in one bucket. */
typedef struct FoDeltaSet
{
	FoRollup   *rollup;			/* one reference is held */
	MemoryContext cxt;
	struct deltas_hash *hash;
	FoDelta    *last;			/* most recently used: rows come in runs */
	int			ndeltas;
} FoDeltaSet;

/*
 * Deltas with one fate and one visibility: gathered in one subtransaction, and
 * made visible to later commands by one command id.
 */
typedef struct FoBucket
{
	dlist_node	node;
	SubTransactionId owner;
	SubTransactionId flushed_in;	/* written by that one; 0: not yet */
	CommandId	first_cid;		/* of the oldest delta */
	CommandId	cid;			/* of the newest, stamped on the rows */
	MemoryContext cxt;
	List	   *sets;
} FoBucket;

extern FoDeltaSet *fo_rollup_set(FoRollup *rollup, CommandId cid);
extern FoDelta *fo_rollup_delta(FoDeltaSet *set, const Datum *groups,
								const bool *nulls);
extern bool fo_rollup_pending(void);
extern bool fo_rollup_pending_in(List *rtable);
extern void fo_rollup_flush(const CommandId *before, bool fold);
extern void fo_rollup_delta_init(void);

/* The arithmetic of partial columns (combine.c). */
extern void fo_rollup_out_of_range(void);
extern void fo_rollup_add_input(FoRollup *rollup, int column, Datum *acc,
								bool *accnull, Datum value, int sign);
extern void fo_rollup_init_partials(FoRollup *rollup, Datum *values,
									bool *nulls);
extern void fo_rollup_combine(FoRollup *rollup, Datum *values, bool *nulls,
							  const Datum *more, const bool *morenulls);

/* Writing (flush.c). */
extern int	fo_rollup_write(FoRollup *rollup, FoDelta **deltas, int ndeltas,
							CommandId cid, bool fold);

/* The deltas of a set that change anything, unordered, in the current context. */
extern FoDelta **fo_rollup_set_deltas(FoDeltaSet *set, int *ndeltas);

#endif							/* FO_ROLLUP_DELTA_H */
