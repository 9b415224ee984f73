/*
 * flush.c
 *		Write deltas as rows of the data table.
 *
 * Rows are appended below the executor: no plan, no snapshot, no trigger, no
 * privilege of the writing user, and above all no lock that another writer could
 * wait for: the table has no unique index.  What is inserted is an ordinary
 * MVCC row with its own WAL, so rollback, crash, replication and two-phase
 * commit need no code here.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat_write.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rollup/delta.h"
#include "rollup/fold.h"
#include "rollup/place.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Rows formed and inserted together. */
#define BATCH_ROWS	200

/* Open the data table for writing; false if it is gone. */
static bool
open_target(FoTarget *target, Oid data)
{
	target->rel = try_table_open(data, RowExclusiveLock);
	target->cxt = CurrentMemoryContext;
	target->nindexes = -1;
	target->estate = NULL;
	return target->rel != NULL;
}

/* Open its indexes, which a heap-only update does without. */
void
fo_rollup_open_indexes(FoTarget *target)
{
	List	   *oids;
	ListCell   *lc;

	MemoryContext old;

	if (target->nindexes >= 0)
		return;
	old = MemoryContextSwitchTo(target->cxt);
	oids = RelationGetIndexList(target->rel);
	target->nindexes = 0;
	target->indexes = palloc(sizeof(Relation) * (list_length(oids) + 1));
	target->infos = palloc(sizeof(IndexInfo *) * (list_length(oids) + 1));
	foreach(lc, oids)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);

		if (info->ii_Expressions || info->ii_Predicate)
		{
			if (target->estate == NULL)
				target->estate = CreateExecutorState();
		}
		target->indexes[target->nindexes] = index;
		target->infos[target->nindexes++] = info;
	}
	MemoryContextSwitchTo(old);
}

/* Close them; the locks stay until the end of the transaction. */
static void
close_target(FoTarget *target)
{
	for (int i = 0; i < target->nindexes; i++)
	{
		fo_index_insert_cleanup(target->indexes[i], target->infos[i]);
		index_close(target->indexes[i], NoLock);
	}
	table_close(target->rel, NoLock);
	if (target->estate)
		FreeExecutorState(target->estate);
}

/* Does a partial index take the row? */
static bool
index_takes(FoTarget *target, IndexInfo *info, TupleTableSlot *slot)
{
	ExprContext *econtext;

	if (info->ii_Predicate == NIL || target->estate == NULL)
		return true;
	econtext = GetPerTupleExprContext(target->estate);
	econtext->ecxt_scantuple = slot;
	if (info->ii_PredicateState == NULL)
		info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate,
												  target->estate);
	return ExecQual(info->ii_PredicateState, econtext);
}

/*
 * Insert the index entries of a row just inserted; with "summaries" only those of
 * indexes that summarise blocks (BRIN), which a heap-only update may need.
 */
void
fo_rollup_index_row(FoTarget *target, TupleTableSlot *slot, bool summaries)
{
	fo_rollup_open_indexes(target);
	for (int i = 0; i < target->nindexes; i++)
	{
		IndexInfo  *info = target->infos[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		if (!info->ii_ReadyForInserts || (summaries && !fo_index_summarizes(info)))
			continue;
		if (target->estate)
		{
			ResetPerTupleExprContext(target->estate);
			GetPerTupleExprContext(target->estate)->ecxt_scantuple = slot;
		}
		if (!index_takes(target, info, slot))
			continue;
		FormIndexDatum(info, slot, target->estate, values, nulls);
		index_insert(target->indexes[i], values, nulls, &slot->tts_tid,
					 target->rel, UNIQUE_CHECK_NO, false, info);
	}
}

/* Put a delta into a slot of the data table. */
static void
fill_slot(FoRollup *rollup, TupleTableSlot *slot, const FoDelta *delta)
{
	ExecClearTuple(slot);
	memcpy(slot->tts_values, delta->values, sizeof(Datum) * rollup->natts);
	memcpy(slot->tts_isnull, delta->nulls, sizeof(bool) * rollup->natts);
	ExecStoreVirtualTuple(slot);
}

/* Insert many rows in batches. */
static void
write_batches(FoRollup *rollup, FoTarget *target, FoDelta **deltas, int ndeltas,
			  CommandId cid)
{
	TupleTableSlot *slots[BATCH_ROWS];
	int			nslots = Min(ndeltas, BATCH_ROWS);

	for (int i = 0; i < nslots; i++)
		slots[i] = table_slot_create(target->rel, NULL);
	for (int start = 0; start < ndeltas; start += BATCH_ROWS)
	{
		int			n = Min(BATCH_ROWS, ndeltas - start);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
			fill_slot(rollup, slots[i], deltas[start + i]);
		table_multi_insert(target->rel, slots, n, cid, 0, NULL);
		for (int i = 0; i < n; i++)
		{
			fo_rollup_index_row(target, slots[i], false);
			fo_rollup_remember(rollup, deltas[start + i], &slots[i]->tts_tid,
							   &slots[i]->tts_tid, InvalidBuffer);
		}
	}
	for (int i = 0; i < nslots; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
}

/* Append deltas as rows of their own. */
static void
append(FoRollup *rollup, FoTarget *target, FoDelta **deltas, int ndeltas,
	   CommandId cid)
{
	TupleTableSlot *slot;

	if (ndeltas > 1)
		write_batches(rollup, target, deltas, ndeltas, cid);
	else if (ndeltas == 1)
	{
		slot = table_slot_create(target->rel, NULL);
		fill_slot(rollup, slot, deltas[0]);
		table_tuple_insert(target->rel, slot, cid, 0, NULL);
		fo_rollup_index_row(target, slot, false);
		fo_rollup_remember(rollup, deltas[0], &slot->tts_tid,
						   &slot->tts_tid, InvalidBuffer);
		ExecDropSingleTupleTableSlot(slot);
	}
}

/*
 * Write deltas to the data table of a rollup, visible from the command after
 * cid.  With "fold", at the end of a transaction, into rows that are there;
 * otherwise and for the rest by appending rows.  Returns how many were appended.
 * Leaks into the current memory context.  Cost: one heap and one index insertion per
 * delta appended.
 */
int
fo_rollup_write(FoRollup *rollup, FoDelta **deltas, int ndeltas, CommandId cid,
				bool fold)
{
	FoTarget	target;
	bool		pushed;

	/* Dropped by this very transaction: nothing left to maintain. */
	if (!open_target(&target, rollup->ids.data))
		return 0;
	/* Toasting wants a snapshot, which is gone before commit. */
	pushed = OidIsValid(target.rel->rd_rel->reltoastrelid) &&
		!fo_has_snapshot();
	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (fold)
		ndeltas = fo_rollup_fold(rollup, &target, deltas, ndeltas);
	else
		fo_rollup_sort(rollup, deltas, ndeltas);
	append(rollup, &target, deltas, ndeltas, cid);
	if (pushed)
		PopActiveSnapshot();
	close_target(&target);
	return ndeltas;
}
