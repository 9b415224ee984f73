/*
 * capture.c
 *		The row trigger: what an inserted, updated or deleted base row means to
 *		each rollup of its table.
 *
 * Example, daily_stats, UPDATE moving an event of user 7 from May 1 to May 2:
 * (7, May 1) gets n = -1, (7, May 2) gets n = +1, both in memory (delta.c).
 * An UPDATE that changes nothing a rollup looks at costs no delta.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rollup/capture.h"
#include "rollup/delta.h"
#include "rollup/reader.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(fo_rollup_capture);

/* What a rollup sees of a base row. */
typedef struct Seen
{
	bool		counts;			/* passes WHERE */
	Datum	   *groups;
	bool	   *gnulls;
	Datum	   *inputs;
	bool	   *inulls;			/* also set where FILTER says no */
} Seen;

/* Does a boolean expression hold? A missing one does. */
static bool
holds(ExprState *state, ExprContext *econtext)
{
	bool		isnull;
	Datum		value;

	if (state == NULL)
		return true;
	value = ExecEvalExpr(state, econtext, &isnull);
	return !isnull && DatumGetBool(value);
}

/*
 * Evaluate the rollup's expressions on a row, all in one go.  What they allocate is in
 * the per-tuple memory, the arrays of results are the projection's: "which" tells
 * apart the old row and the new one.
 */
static void
look_at(FoRollup *rollup, int which, TupleTableSlot *row, Seen *seen)
{
	int			ngroups = rollup->layout->ngroups;
	TupleTableSlot *values;

	rollup->econtext->ecxt_scantuple = row;
	seen->counts = holds(rollup->where, rollup->econtext);
	if (!seen->counts)
		return;
	values = ExecProject(rollup->look[which]);
	seen->groups = values->tts_values;
	seen->gnulls = values->tts_isnull;
	seen->inputs = values->tts_values + ngroups;
	seen->inulls = values->tts_isnull + ngroups;
}

/* Are the values the same, bit by bit? */
static bool
same_values(int n, const Datum *a, const bool *anull, const Datum *b,
			const bool *bnull, const bool *byval, const int16 *len)
{
	for (int i = 0; i < n; i++)
	{
		if (anull[i] != bnull[i] ||
			(!anull[i] && !datum_image_eq(a[i], b[i], byval[i], len[i])))
			return false;
	}
	return true;
}

/* Does the rollup see two rows as the same? */
static bool
same(FoRollup *rollup, const Seen *a, const Seen *b)
{
	if (!a->counts || !b->counts)
		return a->counts == b->counts;
	return same_values(rollup->layout->ngroups, a->groups, a->gnulls,
					   b->groups, b->gnulls, rollup->typbyval, rollup->typlen) &&
		same_values(rollup->layout->ninputs, a->inputs, a->inulls,
					b->inputs, b->inulls, rollup->inbyval, rollup->inlen);
}

/* Add a row to the deltas (sign 1), or take it out (-1). */
static void
apply(FoDeltaSet *set, const Seen *seen, int sign)
{
	FoRollup   *rollup = set->rollup;
	FoLayout   *layout = rollup->layout;
	FoDelta    *delta = fo_rollup_delta(set, seen->groups, seen->gnulls);
	Datum	   *values = delta->values + layout->ngroups;
	bool	   *nulls = delta->nulls + layout->ngroups;
	MemoryContext old = MemoryContextSwitchTo(set->cxt);

	for (int i = 0; i < layout->ncolumns; i++)
	{
		int			input = layout->columns[i].input;

		if (input < 0)
			fo_rollup_add_input(rollup, i, &values[i], &nulls[i], (Datum) 0, sign);
		else if (!seen->inulls[input])
			fo_rollup_add_input(rollup, i, &values[i], &nulls[i],
								seen->inputs[input], sign);
	}
	MemoryContextSwitchTo(old);
}

/* Record one changed row; either may be null. */
static void
capture(FoRollup *rollup, TupleTableSlot *before, TupleTableSlot *after,
		CommandId cid)
{
	MemoryContext old;
	Seen		was = {false, NULL, NULL, NULL, NULL};
	Seen		is = {false, NULL, NULL, NULL, NULL};

	old = MemoryContextSwitchTo(rollup->econtext->ecxt_per_tuple_memory);
	if (before)
		look_at(rollup, 0, before, &was);
	if (after)
		look_at(rollup, 1, after, &is);
	if (!same(rollup, &was, &is))
	{
		FoDeltaSet *set = fo_rollup_set(rollup, cid);

		if (was.counts)
			apply(set, &was, -1);
		if (is.counts)
			apply(set, &is, 1);
	}
	MemoryContextSwitchTo(old);
	ResetExprContext(rollup->econtext);
}

/* The row in the shape of the base table. */
static TupleTableSlot *
in_base_shape(FoBase *base, int i, int which, TupleTableSlot *slot)
{
	if (slot == NULL || base->maps[i] == NULL)
		return slot;
	return execute_attr_map_slot(base->maps[i], slot, base->slots[which][i]);
}

/* Record a changed row of a table in all rollups that it feeds. */
static void
capture_row(FoBase *base, TupleTableSlot *before, TupleTableSlot *after)
{
	CommandId	cid = GetCurrentCommandId(true);

	for (int i = 0; i < base->nrollups; i++)
		capture(base->rollups[i], in_base_shape(base, i, 0, before),
				in_base_shape(base, i, 1, after), cid);
}

/*
 * filteropt.rollup_capture(): AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW.
 */
Datum
fo_rollup_capture(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	FoBase	   *base;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"rollup_capture\" must be called as an AFTER ROW trigger"),
				 errhint("Create rollups with filteropt.rollup_create.")));
	base = fo_rollup_base(trigdata->tg_relation);
	fo_rollup_count_capture(TRIGGER_FIRED_BY_DELETE(trigdata->tg_event));
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		capture_row(base, NULL, trigdata->tg_trigslot);
	else if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		capture_row(base, trigdata->tg_trigslot, trigdata->tg_newslot);
	else
		capture_row(base, trigdata->tg_trigslot, NULL);
	PG_RETURN_POINTER(NULL);
}

/*
 * Record all rows of a table as inserted (sign 1) or deleted (-1) in the rollups
 * of the tables in the lineage: a partition that is attached, detached, dropped
 * or truncated.  The caller holds a lock that keeps writers out.
 */
void
fo_rollup_capture_table(Relation rel, List *lineage, int sign)
{
	FoBase	   *base = fo_rollup_load_base(rel, lineage);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	while (base->nrollups > 0 &&
		   table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (sign > 0)
			capture_row(base, NULL, slot);
		else
			capture_row(base, slot, NULL);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	fo_rollup_free_base(base);
}
