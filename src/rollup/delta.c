/*
 * delta.c
 *		The deltas of the current transaction in memory, and when they are
 *		written.
 *
 * A delta must be visible exactly when the base rows behind it are: it belongs
 * to their subtransaction and their command.  Deltas are gathered in buckets of
 * one subtransaction and one range of command ids, and written as rows with the
 * command id of the bucket:
 *
 *	- before commit or prepare (the usual case: once per transaction);
 *	- before a query of this transaction reads the rollup (an executor hook
 *	  looks for the data table in its range table);
 *	- when a bucket outgrows filteropt.rollup_memory.
 *
 * A bucket may be written while a younger subtransaction runs, whose rollback
 * takes the rows away again; then the bucket counts as unwritten once more.
 * That is why it is kept until its writer has committed into its owner.
 *
 * Example: BEGIN; INSERT (bucket A); SAVEPOINT s; SELECT FROM the rollup (A is
 * written in s); ROLLBACK TO s (A's rows die, A is pending again); COMMIT (A is
 * written by the top transaction).
 *
 * All state is of this backend and this transaction; no lock is involved.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "portability/instr_time.h"
#include "rollup/delta.h"
#include "rollup/reader.h"
#include "rollup/settings.h"
#include "rollup/stat.h"
#include "utils/datum.h"
#include "utils/memutils.h"

static bool deltas_equal(FoRollup *rollup, const FoDelta *a, const FoDelta *b);

typedef struct DeltaSlot
{
	FoDelta    *delta;
	uint32		hash;
	char		status;
} DeltaSlot;

#define SH_PREFIX deltas
#define SH_ELEMENT_TYPE DeltaSlot
#define SH_KEY_TYPE FoDelta *
#define SH_KEY delta
#define SH_HASH_KEY(tb, key) (key)->hash
#define SH_EQUAL(tb, a, b) deltas_equal((tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, slot) (slot)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* At most so many unwritten buckets; each is small unless it grows. */
#define MAX_BUCKETS 32

static dlist_head buckets = DLIST_STATIC_INIT(buckets);
static int	nbuckets = 0;
static bool written = false;	/* anything, in this transaction */

/* Same group, bit by bit? Equal values of other bits make rows of their own. */
static bool
deltas_equal(FoRollup *rollup, const FoDelta *a, const FoDelta *b)
{
	for (int i = 0; i < rollup->layout->ngroups; i++)
	{
		if (a->nulls[i] != b->nulls[i])
			return false;
		if (!a->nulls[i] &&
			!datum_image_eq(a->values[i], b->values[i],
							rollup->typbyval[i], rollup->typlen[i]))
			return false;
	}
	return true;
}

/* Hash the group's values bit by bit. */
static uint32
hash_group(FoRollup *rollup, const Datum *values, const bool *nulls)
{
	uint32		hash = 0;

	for (int i = 0; i < rollup->layout->ngroups; i++)
	{
		uint32		h = 0;

		if (nulls[i])
			h = 0x9e3779b9;
		else if (rollup->typbyval[i])
			h = murmurhash32((uint32) values[i] ^ (uint32) (values[i] >> 32));
		else
			h = datum_image_hash(values[i], false, rollup->typlen[i]);
		hash = hash_combine(hash, h);
	}
	return hash;
}

/* Free a bucket and its references to rollups. */
static void
drop_bucket(FoBucket *bucket)
{
	ListCell   *lc;

	dlist_delete(&bucket->node);
	nbuckets--;
	foreach(lc, bucket->sets)
		fo_rollup_release(((FoDeltaSet *) lfirst(lc))->rollup);
	MemoryContextDelete(bucket->cxt);
}

/* Start a bucket for the current subtransaction. */
static FoBucket *
new_bucket(CommandId cid)
{
	MemoryContext cxt;
	FoBucket   *bucket;

	if (nbuckets >= MAX_BUCKETS)
		fo_rollup_flush(NULL, false);
	cxt = AllocSetContextCreate(TopTransactionContext,
								"filteropt rollup deltas",
								ALLOCSET_SMALL_SIZES);
	bucket = MemoryContextAllocZero(cxt, sizeof(FoBucket));
	bucket->cxt = cxt;
	bucket->owner = GetCurrentSubTransactionId();
	bucket->first_cid = cid;
	bucket->cid = cid;
	dlist_push_tail(&buckets, &bucket->node);
	nbuckets++;
	return bucket;
}

/*
 * May deltas of an older command be stamped with a newer one?  Yes if no running
 * query or open cursor has a snapshot between the two: later ones see both.
 */
static bool
may_coalesce(void)
{
	return fo_rollup_live_queries <= 1;
}

/* The bucket that takes deltas of the command. */
static FoBucket *
current_bucket(CommandId cid)
{
	FoBucket   *bucket;

	if (dlist_is_empty(&buckets))
		return new_bucket(cid);
	bucket = dlist_tail_element(FoBucket, node, &buckets);
	if (bucket->flushed_in != InvalidSubTransactionId ||
		bucket->owner != GetCurrentSubTransactionId())
		return new_bucket(cid);
	if (bucket->cid != cid)
	{
		if (!may_coalesce())
			return new_bucket(cid);
		bucket->cid = cid;
	}
	if (MemoryContextMemAllocated(bucket->cxt, false) >
		(Size) fo_rollup_memory * 1024)
	{
		fo_rollup_flush(NULL, false);
		return new_bucket(cid);
	}
	return bucket;
}

/* The deltas of a rollup that belong to the command, for adding to them. */
FoDeltaSet *
fo_rollup_set(FoRollup *rollup, CommandId cid)
{
	FoBucket   *bucket = current_bucket(cid);
	MemoryContext old;
	FoDeltaSet *set;
	ListCell   *lc;

	foreach(lc, bucket->sets)
	{
		set = lfirst(lc);
		if (set->rollup == rollup)
			return set;
	}
	old = MemoryContextSwitchTo(bucket->cxt);
	set = palloc0(sizeof(FoDeltaSet));
	set->cxt = bucket->cxt;
	set->rollup = rollup;
	bucket->sets = lappend(bucket->sets, set);
	rollup->refcount++;
	MemoryContextSwitchTo(old);
	return set;
}

/* Make an empty delta for the group in the set's memory. */
static FoDelta *
new_delta(FoDeltaSet *set, const FoDelta *probe)
{
	FoRollup   *rollup = set->rollup;
	MemoryContext old = MemoryContextSwitchTo(set->cxt);
	FoDelta    *delta = palloc(sizeof(FoDelta) +
							   (sizeof(Datum) + sizeof(bool)) * rollup->natts);

	delta->hash = probe->hash;
	delta->values = (Datum *) (delta + 1);
	delta->nulls = (bool *) (delta->values + rollup->natts);
	for (int i = 0; i < rollup->layout->ngroups; i++)
	{
		delta->nulls[i] = probe->nulls[i];
		if (probe->nulls[i])
			delta->values[i] = (Datum) 0;
		else if (rollup->typlen[i] == -1)
			delta->values[i] =
				PointerGetDatum(PG_DETOAST_DATUM_COPY(probe->values[i]));
		else
			delta->values[i] = datumCopy(probe->values[i], rollup->typbyval[i],
										 rollup->typlen[i]);
	}
	fo_rollup_init_partials(rollup, delta->values, delta->nulls);
	MemoryContextSwitchTo(old);
	return delta;
}

/* Find or add the delta of a group. */
FoDelta *
fo_rollup_delta(FoDeltaSet *set, const Datum *groups, const bool *nulls)
{
	FoDelta		probe;
	DeltaSlot  *slot;
	bool		found;

	probe.hash = hash_group(set->rollup, groups, nulls);
	probe.values = unconstify(Datum *, groups);
	probe.nulls = unconstify(bool *, nulls);
	if (set->last && set->last->hash == probe.hash &&
		deltas_equal(set->rollup, set->last, &probe))
		return set->last;
	if (set->last == NULL)
	{
		set->ndeltas = 1;
		return set->last = new_delta(set, &probe);
	}
	if (set->hash == NULL)
	{
		set->hash = deltas_create(set->cxt, 64, set->rollup);
		deltas_insert(set->hash, set->last, &found);
	}
	slot = deltas_lookup(set->hash, &probe);
	if (slot == NULL)
	{
		FoDelta    *delta = new_delta(set, &probe);

		slot = deltas_insert(set->hash, delta, &found);
		set->ndeltas++;
	}
	return set->last = slot->delta;
}

/* Is the delta a sum of changes that cancel each other out? */
static bool
is_nothing(FoRollup *rollup, const FoDelta *delta)
{
	if (!rollup->only_integers)
		return false;
	for (int i = rollup->layout->ngroups; i < rollup->natts; i++)
	{
		if (DatumGetInt64(delta->values[i]) != 0)
			return false;
	}
	return true;
}

/* The deltas of a set that change anything, as an array in no order. */
FoDelta **
fo_rollup_set_deltas(FoDeltaSet *set, int *ndeltas)
{
	FoDelta   **result = palloc(sizeof(FoDelta *) * (set->ndeltas + 1));
	deltas_iterator it;
	DeltaSlot  *slot;
	int			n = 0;

	if (set->hash == NULL)
	{
		result[0] = set->last;
		*ndeltas = set->last && !is_nothing(set->rollup, set->last) ? 1 : 0;
		return result;
	}
	deltas_start_iterate(set->hash, &it);
	while ((slot = deltas_iterate(set->hash, &it)) != NULL)
	{
		if (!is_nothing(set->rollup, slot->delta))
			result[n++] = slot->delta;
	}
	*ndeltas = n;
	return result;
}

/* Is anything unwritten? */
bool
fo_rollup_pending(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &buckets)
	{
		FoBucket   *bucket = dlist_container(FoBucket, node, iter.cur);

		if (bucket->flushed_in == InvalidSubTransactionId)
			return true;
	}
	return false;
}

/* Does the range table hold the data table of a rollup with pending deltas? */
bool
fo_rollup_pending_in(List *rtable)
{
	dlist_iter	iter;

	dlist_foreach(iter, &buckets)
	{
		FoBucket   *bucket = dlist_container(FoBucket, node, iter.cur);
		ListCell   *lc,
				   *lc2;

		if (bucket->flushed_in != InvalidSubTransactionId)
			continue;
		foreach(lc, bucket->sets)
		{
			Oid			data = ((FoDeltaSet *) lfirst(lc))->rollup->ids.data;

			foreach(lc2, rtable)
			{
				if (lfirst_node(RangeTblEntry, lc2)->relid == data)
					return true;
			}
		}
	}
	return false;
}

/* Write the deltas of one rollup, and count what that has cost. */
static void
flush_set(FoDeltaSet *set, CommandId cid, bool fold)
{
	instr_time	start;
	instr_time	time;
	int			ndeltas;
	int			appended;
	FoDelta   **deltas = fo_rollup_set_deltas(set, &ndeltas);

	if (ndeltas == 0)
		return;
	INSTR_TIME_SET_CURRENT(start);
	appended = fo_rollup_write(set->rollup, deltas, ndeltas, cid, fold);
	INSTR_TIME_SET_CURRENT(time);
	INSTR_TIME_SUBTRACT(time, start);
	fo_rollup_count_write(set->rollup->counters, ndeltas, appended,
						  (uint64) (INSTR_TIME_GET_DOUBLE(time) * 1e9));
}

/* Write one bucket under the current subtransaction. */
static void
flush_bucket(FoBucket *bucket, bool fold)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "filteropt rollup flush",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ListCell   *lc;

	foreach(lc, bucket->sets)
		flush_set(lfirst(lc), bucket->cid, fold);
	written = true;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (bucket->owner == GetCurrentSubTransactionId())
		drop_bucket(bucket);
	else
		bucket->flushed_in = GetCurrentSubTransactionId();
}

/*
 * Write all pending deltas.  With "before", a reader's snapshot shows the
 * commands before *before: it must not need half of a coalesced bucket.  With
 * "fold", at the very end of a transaction, they are added to rows that are there
 * (fold.c).
 */
void
fo_rollup_flush(const CommandId *before, bool fold)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &buckets)
	{
		FoBucket   *bucket = dlist_container(FoBucket, node, iter.cur);

		if (bucket->flushed_in != InvalidSubTransactionId)
			continue;
		/* Rows of earlier buckets are there to fold, too. */
		if (fold && written)
			CommandCounterIncrement();
		if (before && bucket->first_cid < *before && bucket->cid >= *before)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rollup cannot be read with the snapshot of the statement "
							"that changes its base table"),
					 errhint("Declare the function that reads it VOLATILE.")));
		flush_bucket(bucket, fold);
	}
}

/* Before commit or prepare write everything; afterwards start clean. */
static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			fo_rollup_flush(NULL, !IsolationIsSerializable());
			break;
		case XACT_EVENT_PRE_PREPARE:
			fo_rollup_flush(NULL, false);
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			while (!dlist_is_empty(&buckets))
				drop_bucket(dlist_tail_element(FoBucket, node, &buckets));
			fo_rollup_forget_queries(InvalidSubTransactionId);
			written = false;
			break;
		default:
			break;
	}
}

/* A subtransaction ended: its buckets and its writes share its fate. */
static void
on_subtransaction(SubXactEvent event, SubTransactionId mine,
				  SubTransactionId parent, void *arg)
{
	dlist_mutable_iter iter;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		fo_rollup_forget_queries(mine);
	dlist_foreach_modify(iter, &buckets)
	{
		FoBucket   *bucket = dlist_container(FoBucket, node, iter.cur);
		SubTransactionId heir = event == SUBXACT_EVENT_COMMIT_SUB ? parent :
			InvalidSubTransactionId;

		if (bucket->flushed_in == mine)
			bucket->flushed_in = heir;
		if (bucket->owner == mine)
			bucket->owner = heir;
		if (bucket->owner == InvalidSubTransactionId ||
			bucket->owner == bucket->flushed_in)
			drop_bucket(bucket);
	}
}

/* Register the callbacks. */
void
fo_rollup_delta_init(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
}
