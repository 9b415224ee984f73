/*
 * nplus_watch.c
 *		Loops in the stream of a session's queries: the state of the backend, and when a
 *		suspect is reported.
 *
 * core/loop_watch.c decides what looks like a loop; here its memory is found, its clock
 * is kept, and what the database knows of the columns is asked.  Times are those of the
 * statements of the client, so everything that a function does happens at one time.
 */
#include "postgres.h"

#include "access/xact.h"
#include "advisor/watch.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "utils/memutils.h"

static FoLoopWatch watch;
static FoNplusResult *result[FO_LOOP_PARENTS];
static uint64 xact = 1;

/* Where the loop that a child's run is part of has been reported. */
static int	reported_slot[FO_LOOP_CHILDREN];
static uint64 reported_generation[FO_LOOP_CHILDREN];

/* A transaction has ended. */
void
fo_nplus_xact_end(void)
{
	xact++;
}

/* Where a column of a result comes from, and whether its name is its own. */
static void
describe_column(FoNplusResult *r, int number, QueryDesc *desc, int attribute)
{
	const char *name = NameStr(TupleDescAttr(desc->tupDesc, attribute)->attname);
	int			at = 0;
	int			same = 0;
	ListCell   *lc;

	for (int i = 0; i < desc->tupDesc->natts; i++)
		same += strcmp(NameStr(TupleDescAttr(desc->tupDesc, i)->attname), name) == 0;
	r->unique[number] = same == 1;
	strlcpy(r->name[number], name, NAMEDATALEN);
	r->relation[number] = InvalidOid;
	foreach(lc, desc->plannedstmt->planTree->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk || at++ != attribute)
			continue;
		r->relation[number] = entry->resorigtbl;
		r->attribute[number] = entry->resorigcol;
		break;
	}
}

/* Describe the result of a query, unless the slot has its description. */
static void
describe(int slot, const FoWatchQuery *query, QueryDesc *desc, int columns, const int *attribute)
{
	FoNplusResult *r = result[slot];
	FoWatchSource source;
	FoSqlNormal normal;

	if (r->query == query->id)
		return;
	for (int i = 0; i < columns; i++)
		describe_column(r, i, desc, attribute[i]);
	fo_watch_source(&source, query, desc);
	fo_sql_normalize(&source.sql, r->query_text, fo_watch_text_bytes, &normal);
	r->len = (int) normal.len;
	r->cut = normal.truncated || source.cut;
	r->nparameters = normal.highest;
	r->query = query->id;
}

/* Begin to keep the rows of an execution; returns where. */
int
fo_nplus_begin_result(FoWatchQuery *query, QueryDesc *desc, int columns,
					  const int *attribute)
{
	int			slot = fo_loop_parent_slot(&watch, query->id);

	if (watch.parent[slot] == NULL)
	{
		Size		size = offsetof(FoNplusResult, query_text) + fo_watch_text_bytes;

		result[slot] = MemoryContextAllocZero(TopMemoryContext, size);
		watch.parent[slot] = MemoryContextAllocZero(TopMemoryContext, sizeof(FoLoopParent));
	}
	else if (watch.parent[slot]->query == query->id && watch.parent[slot]->found)
		query->idle = 0;
	describe(slot, query, desc, columns, attribute);
	fo_loop_begin(&watch, slot, query->id, columns, xact, GetCurrentStatementStartTimestamp());
	return slot;
}

static int64
window_us(void)
{
	return fo_advisor_loop_window_ms * INT64CONST(1000);
}

/* Is there any result that an execution that begins now could be in a loop over? */
bool
fo_nplus_may_loop(void)
{
	return watch.xact == xact ||
		GetCurrentStatementStartTimestamp() - watch.used_at <= window_us();
}

/* The execution whose rows a slot keeps. */
uint64
fo_nplus_generation(int slot)
{
	return watch.parent[slot]->generation;
}

/* Keep one more row, if the slot still keeps those of this execution. */
void
fo_nplus_row(int slot, uint64 generation, const int64 *key)
{
	if (watch.parent[slot]->generation == generation)
		fo_loop_row(watch.parent[slot], key);
}

/* Weigh the evidence against a suspect; if it suffices, report. */
static void
judge(const FoWatchQuery *query, QueryDesc *desc, FoLoopChild *child)
{
	const FoWatchKey *key = &query->key[child->varying];
	int			number = (int) (child - watch.child);
	bool		guilty = false;

	for (int i = 0; i < child->ncandidates && !guilty; i++)
	{
		FoLoopCandidate *candidate = &child->candidate[i];
		FoNplusResult *parent = result[candidate->parent];

		if (candidate->hits < fo_advisor_loop_min ||
			!fo_loop_convincing(&watch, child, candidate,
								fo_nplus_related(key->relation, key->attribute, parent,
												 candidate->column)))
			continue;
		guilty = true;
		fo_watch_query(parent->query)->idle = 0;
		reported_slot[number] = fo_nplus_report(query, desc, child, parent, candidate->column,
												&reported_generation[number]);
	}
	fo_loop_judge(child, guilty);
}

/* Account for an execution of a query with keys. */
void
fo_nplus_run(const FoWatchQuery *query, QueryDesc *desc, const int64 *key, double us)
{
	FoLoopRun	run = {query->id, xact, GetCurrentStatementStartTimestamp(), us, query->nkeys, key};
	FoLoopLimits limits = {Max(fo_advisor_loop_min, 2), window_us()};
	FoLoopChild *child;

	if (fo_advisor_loop_min == 0)
		return;
	switch (fo_loop_run(&watch, &run, &limits, &child))
	{
		case FO_LOOP_NOTHING:
			break;
		case FO_LOOP_SUSPECT:
			if (IsTransactionState())
				judge(query, desc, child);
			break;
		case FO_LOOP_GOES_ON:
			fo_nplus_count(reported_slot[child - watch.child],
						   reported_generation[child - watch.child], child, us);
			break;
	}
}
