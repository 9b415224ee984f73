/*
 * recompute.c
 *		Partial rows computed from the base table: one group of a merge, or all of
 *		them for a new or rebuilt rollup.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "rollup/fill.h"
#include "rollup/merge.h"
#include "rollup/recompute.h"
#include "rollup/sql.h"
#include "rollup/sqltext.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Rows fetched from the base at once, and milliseconds between notices. */
#define FETCH_ROWS		1000
#define NOTICE_EVERY	5000

/* Convert a result row into a delta, in the current memory context. */
static FoDelta *
delta_of_row(FoRollup *rollup, HeapTuple row, TupleDesc desc)
{
	FoDelta    *delta = palloc0(sizeof(FoDelta));

	delta->values = palloc(sizeof(Datum) * rollup->natts);
	delta->nulls = palloc(sizeof(bool) * rollup->natts);
	heap_deform_tuple(row, desc, delta->values, delta->nulls);
	return delta;
}

/* The group's partial row, computed from the base as the snapshot sees it. */
FoDelta *
fo_rollup_recompute(FoRollup *rollup, const FoDelta *group, Snapshot snapshot)
{
	MemoryContext result_cxt = CurrentMemoryContext;
	MemoryContext old;
	FoLayout   *layout = rollup->layout;
	char	   *sql;
	char	   *nulls = palloc0(layout->ngroups + 1);
	FoSqlState	state;
	FoDelta    *delta;
	SPIPlanPtr	plan;

	fo_rollup_enter(&state, InvalidOid);
	sql = fo_rollup_partials_sql(layout, group->nulls);
	for (int i = 0; i < layout->ngroups; i++)
		nulls[i] = group->nulls[i] ? 'n' : ' ';
	plan = SPI_prepare(sql, layout->ngroups, rollup->types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, group->values, nulls, snapshot,
							 InvalidSnapshot, true, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "recomputing a group of a rollup failed");
	if (SPI_processed != 1)
		elog(ERROR, "group of rollup %u has partial rows but no base rows",
			 rollup->ids.view);
	old = MemoryContextSwitchTo(result_cxt);
	delta = delta_of_row(rollup, heap_copytuple(SPI_tuptable->vals[0]),
						 SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(old);
	fo_rollup_leave(&state);
	return delta;
}

/* Delete all partial rows that the snapshot sees. */
static void
delete_all(Relation data, Snapshot snapshot)
{
	TableScanDesc scan = table_beginscan(data, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(data, NULL);
	CommandId	cid = GetCurrentCommandId(true);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		TM_FailureData failure;

		CHECK_FOR_INTERRUPTS();
		if (table_tuple_delete(data, &slot->tts_tid, cid, snapshot,
							   InvalidSnapshot, true, &failure, false) != TM_Ok)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("rollup table \"%s\" changed while it was rebuilt",
							RelationGetRelationName(data)),
					 errhint("Call filteropt.rollup_rebuild again.")));
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* Tell the client about progress now and then: so much of "what". */
void
fo_rollup_progress(FoRollup *rollup, int64 done, const char *what, TimestampTz *last)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(*last, now, NOTICE_EVERY))
		return;
	*last = now;
	ereport(NOTICE,
			(errmsg("rollup \"%s\": " INT64_FORMAT " %s",
					get_rel_name(rollup->ids.view), done, what)));
}

/* Compute and append all partial rows; returns the number of groups. */
static int64
append_all(FoRollup *rollup)
{
	Portal		portal;
	SPIPlanPtr	plan;
	int64		total = 0;
	TimestampTz last = GetCurrentTimestamp();

	plan = SPI_prepare(fo_rollup_partials_sql(rollup->layout, NULL), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed");
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		FoDelta   **deltas;
		MemoryContext cxt;
		MemoryContext old;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		cxt = AllocSetContextCreate(CurrentMemoryContext, "filteropt rollup fill",
									ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(cxt);
		deltas = palloc(sizeof(FoDelta *) * SPI_processed);
		for (uint64 i = 0; i < SPI_processed; i++)
			deltas[i] = delta_of_row(rollup, SPI_tuptable->vals[i],
									 SPI_tuptable->tupdesc);
		fo_rollup_write(rollup, deltas, SPI_processed,
						GetCurrentCommandId(true), false);
		total += SPI_processed;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(cxt);
		SPI_freetuptable(SPI_tuptable);
		fo_rollup_progress(rollup, total, "groups written", &last);
	}
	SPI_cursor_close(portal);
	return total;
}

/*
 * Replace all partial rows by what the base table says, while others write.
 *
 * One snapshot sees both the base and the partial rows that describe it, because
 * they commit together.  So this deletes the rows that the snapshot sees and
 * inserts the truth of the same snapshot; rows committed later describe later
 * changes and stay.  Only merges must be kept away (fo_rollup_lock).  The caller
 * is the owner.  Returns the number of groups.
 */
int64
fo_rollup_fill(FoRollup *rollup)
{
	FoSqlState	state;
	Relation	data;
	int64		total;

	fo_rollup_lock(rollup->ids.query, ExclusiveLock, true);
	fo_rollup_flush(NULL, false);
	CommandCounterIncrement();
	data = table_open(rollup->ids.data, RowExclusiveLock);
	PushActiveSnapshot(fo_rollup_snapshot());
	fo_rollup_enter(&state, InvalidOid);
	delete_all(data, GetActiveSnapshot());
	total = append_all(rollup);
	fo_rollup_leave(&state);
	PopActiveSnapshot();
	table_close(data, NoLock);
	CommandCounterIncrement();
	return total;
}
