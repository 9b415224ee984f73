/*
 * advise_verify.c
 *		Build candidates and run queries, because a planner's costs mislead.
 *
 * Everything happens in one subtransaction that is rolled back: the most
 * promising candidates are really built, and the choice is made once more
 * among them, by what the plans take when they are run.  As the planner shows
 * only the indexes of the set in question (advise_whatif.c), each is built
 * once, and a plan is run once however many sets lead to it.
 *
 * What counts is CPU time: on a busy machine it says what the clock cannot.  A
 * plan is run in this backend alone, also where it would start workers.
 * Nothing is run that may write: volatile functions, row locks and changes are
 * not.  A run is ended when it is clear that it is slower than before.
 */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "access/xact.h"
#include "advisor/advise.h"
#include "base/compat_query.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#define BUILT_PER_QUERY	6		/* candidates of a query that are built */
#define ENOUGH_MS		20.0	/* of runs of one plan; then the least counts */
#define MOST_RUNS		5
#define SLOWER			1.1		/* times as slow as before is not advised */
#define NOISE_MS		0.05	/* nor is this worth a difference */
#define PLANNING_MS		0.003	/* what an index adds to planning a query */
#define LOCK_WAIT		"2s"

/* The timer that ends runs, and whether it did. */
static TimeoutId timer = MAX_TIMEOUTS;
static volatile sig_atomic_t timer_went_off;

/* Cancel the query that runs, as statement_timeout does. */
static void
end_run(void)
{
	timer_went_off = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* No run is to be ended any more, nor anything else by what the timer has cancelled. */
static void
stop_timer(void)
{
	disable_timeout(timer, false);
	if (timer_went_off)
		QueryCancelPending = false;
	timer_went_off = false;
}

/* CPU time of this process in milliseconds. */
static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec * 1000 + (double) now.tv_nsec / 1000000;
}

/* A run of a query with the plan for a set. */
typedef struct Run
{
	FoAdvise   *advise;
	const FoAdviseQuery *query;
	const FoPickSet *given;
	double		ms;
} Run;

/* Plan and run, throwing the rows away. */
static void
run_it(void *arg)
{
	Run		   *run = arg;
	PlannedStmt *plan;
	QueryDesc  *desc;
	double		start;

	PushActiveSnapshot(GetTransactionSnapshot());
	plan = fo_advise_plan_query(run->advise, run->query, run->given);
	desc = CreateQueryDesc(plan, run->query->text, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, NULL, 0);
	start = cpu_ms();
	ExecutorStart(desc, 0);
	/* A limit of rows, however large, keeps workers from being started. */
	fo_executor_run(desc, PG_INT64_MAX);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	run->ms = cpu_ms() - start;
	FreeQueryDesc(desc);
	PopActiveSnapshot();
}

/*
 * Run a query once.  It takes limit_ms if it is ended after that, and is not
 * run again if it fails.
 */
static double
run_once(FoAdvise *advise, FoAdviseQuery *query, const FoPickSet *given, double limit_ms)
{
	Run			run = {advise, query, given, limit_ms};
	MemoryContext old = MemoryContextSwitchTo(advise->scratch);
	const char *problem = NULL;

	(void) fo_advise_is_late(advise, "running queries");
	timer_went_off = false;
	advise->run_ended = &timer_went_off;
	enable_timeout_after(timer, (int) Min(INT_MAX / 2, limit_ms + 1));
	if (!fo_advise_guarded(advise, run_it, &run, &problem) && !timer_went_off)
	{
		query->runnable = false;
		elog(DEBUG1, "query " INT64_FORMAT " cannot be run: %s", query->id, problem);
	}
	stop_timer();
	advise->run_ended = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(advise->scratch);
	return run.ms;
}

/* What a query takes with a set: the least of some runs if they are short. */
static double
measure(FoAdvise *advise, FoAdviseQuery *query, const FoPickSet *given, double limit_ms)
{
	double		least = HUGE_VAL;
	double		sum = 0;

	for (int i = 0; i < MOST_RUNS && sum < ENOUGH_MS && query->runnable; i++)
	{
		double		ms = run_once(advise, query, given, limit_ms);

		sum += ms;
		least = Min(least, ms);
	}
	return least;
}

/* Measure a plan unless that was done: at most until it is clearly too slow. */
static void
measure_plan(FoAdvise *advise, FoAdviseQuery *query, FoAdvisePlan *plan)
{
	ListCell   *lc;

	foreach(lc, query->plans)
	{
		FoAdvisePlan *other = lfirst(lc);

		if (other->ms >= 0 && other->fingerprint == plan->fingerprint)
		{
			plan->ms = other->ms;
			return;
		}
	}
	plan->ms = measure(advise, query, &plan->given,
					   Min(advise->statement_ms, 3 * query->ms_before + ENOUGH_MS));
}

/* Milliseconds that stand for a cost unit where nothing can be run. */
static double
ms_per_cost(const FoAdvise *advise)
{
	double		ms = 0;
	double		cost = 0;
	ListCell   *lc;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);

		if (query->ms_before >= 0)
		{
			ms += query->ms_before;
			cost += query->cost_before;
		}
	}
	return cost > 0 && ms > 0 ? ms / cost : 0.005;
}

/* Does a plan use candidates that could not be built? */
static bool
uses_unbuilt(const FoAdvise *advise, const FoAdvisePlan *plan)
{
	for (int i = 0; i < advise->nindexes; i++)
	{
		if (fo_pick_has(&plan->used, i) && !advise->indexes[i]->built)
			return true;
	}
	return false;
}

/* What a query takes with a set, and more if that is slower than before. */
static double
time_of_query(FoAdvise *advise, FoAdviseQuery *query, const FoPickSet *set)
{
	FoAdvisePlan *plan = fo_advise_plan(advise, query, set);
	double		allowed = query->ms_before * SLOWER + NOISE_MS;

	if (!plan)
		return 0;
	if (query->ms_before < 0)
		return plan->cost * advise->ms_per_cost;
	if (uses_unbuilt(advise, plan))
		return query->ms_before * plan->cost / query->cost_before;
	if (plan->ms < 0)
		measure_plan(advise, query, plan);
	if (!query->runnable)
		return query->ms_before;
	return plan->ms <= allowed ? plan->ms : plan->ms + 100 * (plan->ms - allowed);
}

/* The weighted time of the workload with a set of indexes. */
double
fo_advise_time(FoAdvise *advise, const FoPickSet *set)
{
	double		total = 0;
	ListCell   *lc;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);

		if (query->query)
			total += query->weight * time_of_query(advise, query, set);
	}
	for (int i = 0; i < advise->nindexes; i++)
	{
		if (fo_pick_has(set, i))
			total += advise->indexes[i]->price * advise->ms_per_cost +
				advise->indexes[i]->readers * PLANNING_MS;
	}
	return total;
}

/* The size of a built index with its parts. */
static double
real_bytes(Oid oid)
{
	ListCell   *lc;
	double		bytes = 0;

	foreach(lc, find_all_inheritors(oid, AccessShareLock, NULL))
	{
		char		kind = get_rel_relkind(lfirst_oid(lc));

		if (kind == RELKIND_INDEX)
			bytes += (double) DatumGetInt64(
											DirectFunctionCall2(pg_relation_size,
																ObjectIdGetDatum(lfirst_oid(lc)),
																CStringGetTextDatum("main")));
	}
	return bytes;
}

/* Really make a candidate. */
static void
build_it(void *arg)
{
	FoAdviseIndex *index = arg;
	char	   *name = psprintf("filteropt_advise_%d_%d", MyProcPid, index->number);

	SPI_connect();
	if (SPI_execute(fo_advise_ddl(index, name), false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not build an index");
	SPI_finish();
	index->oid = get_relname_relid(name, get_rel_namespace(index->relid));
}

/* Statistics of expressions are gathered by ANALYZE only. */
static void
analyze_it(void *arg)
{
	FoAdviseIndex *index = arg;

	SPI_connect();
	SPI_execute(psprintf("ANALYZE %s", fo_advise_table(index->relid)), false, 0);
	SPI_finish();
}

static bool
has_expression(const FoAdviseIndex *index)
{
	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i].expr)
			return true;
	}
	return false;
}

/* Build a candidate if that is allowed. */
static void
build(FoAdvise *advise, FoAdviseIndex *index)
{
	double		pages;
	double		tuples;
	const char *problem = NULL;

	if (index->tried || fo_advise_is_late(advise, "building indexes") ||
		GetCurrentTimestamp() >= advise->build_until)
		return;
	index->tried = true;
	fo_advise_table_size(index->relid, &pages, &tuples);
	if (pages * BLCKSZ > advise->verify_limit)
		return;
	if (!fo_advise_guarded(advise, build_it, index, &problem))
	{
		ereport(DEBUG1, (errmsg_internal("an index cannot be verified: %s", problem)));
		return;
	}
	index->built = true;
	index->bytes = real_bytes(index->oid);
	if (has_expression(index))
		(void) fo_advise_guarded(advise, analyze_it, index, &problem);
}

/* The unbuilt candidate that alone makes a query cheapest, or -1. */
static int
best_alone(FoAdvise *advise, FoAdviseQuery *query)
{
	double		least = query->cost_before * 0.99;
	int			best = -1;

	for (int i = 0; i < advise->nindexes; i++)
	{
		FoPickSet	alone = {{0}};
		FoAdvisePlan *plan;

		if (!fo_pick_has(&query->relevant, i) || advise->indexes[i]->tried)
			continue;
		fo_pick_add(&alone, i);
		plan = fo_advise_plan(advise, query, &alone);
		if (plan && plan->cost < least)
		{
			least = plan->cost;
			best = i;
		}
	}
	return best;
}

/* Build the chosen candidates, and for each query in turn what helps it most. */
static void
build_promising(FoAdvise *advise, const FoPickSet *chosen)
{
	ListCell   *lc;

	for (int i = 0; i < advise->nindexes; i++)
	{
		if (fo_pick_has(chosen, i))
			build(advise, advise->indexes[i]);
	}
	for (int round = 0; round < BUILT_PER_QUERY; round++)
	{
		foreach(lc, advise->queries)
		{
			FoAdviseQuery *query = lfirst(lc);
			int			best = query->query ? best_alone(advise, query) : -1;

			if (best >= 0)
				build(advise, advise->indexes[best]);
		}
	}
}

/* Forget plans, as those with candidates that were built are other ones. */
static void
forget_plans(FoAdvise *advise)
{
	ListCell   *lc;

	foreach(lc, advise->queries)
		((FoAdviseQuery *) lfirst(lc))->plans = NIL;
}

/* Measure each query as it is. */
static void
measure_before(FoAdvise *advise)
{
	ListCell   *lc;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);
		FoPickSet	none = {{0}};
		double		ms;

		if (!query->query || !query->runnable)
			continue;
		ms = measure(advise, query, &none, advise->statement_ms);
		if (query->runnable)
			query->ms_before = ms;
	}
	advise->ms_per_cost = ms_per_cost(advise);
}

/* Refuse where nothing can be built. */
static void
check_writable(void)
{
	if (XactReadOnly || RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("advice cannot be verified in a read-only transaction"),
				 errdetail("A verification builds indexes and rolls that back."),
				 errhint("Verify on the primary, or leave verify => true out.")));
}

/* Measure, build, choose by what was measured, and report that. */
static void
measure_and_choose(FoAdvise *advise, const FoPickSet *chosen, FoAdviseReport report, void *context)
{
	FoPickSet	better;

	(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	measure_before(advise);
	advise->build_until = GetCurrentTimestamp() + (advise->deadline - GetCurrentTimestamp()) / 2;
	build_promising(advise, chosen);
	CommandCounterIncrement();
	forget_plans(advise);
	advise->measured = true;
	better = fo_advise_select(advise);
	report(advise, &better, context);
}

/*
 * Choose by measurements and report the choice; whatever was built for them is gone after
 * that, also after an error.  The tables are locked against writes from the first index
 * built to the end.
 */
void
fo_advise_verify(FoAdvise *advise, const FoPickSet *chosen, FoAdviseReport report, void *context)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	check_writable();
	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, end_run);
	BeginInternalSubTransaction("filteropt index advice");
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		measure_and_choose(advise, chosen, report, context);
	}
	PG_FINALLY();
	{
		stop_timer();
		/* whoever catches an error knows of no subtransaction but his own */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
}
