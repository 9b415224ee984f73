/*
 * advise.h
 *		What the parts of index_advise share: a workload, what its queries look
 *		for, and the indexes that could help them.
 */
#ifndef FO_ADVISE_H
#define FO_ADVISE_H

#include "postgres.h"

#include <signal.h>

#include "access/htup.h"
#include "core/index_pick.h"
#include "core/index_size.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "utils/timestamp.h"

#define FO_ADVISE_KEYS	8		/* key columns of a suggested index */

/* A key of an index: a column, or an expression over the table as relation 1. */
typedef struct FoAdviseKey
{
	AttrNumber	attnum;			/* 0 for an expression */
	Node	   *expr;
	Oid			type;
	Oid			opclass;
	Oid			opfamily;
	Oid			opcintype;
	Oid			collation;
	bool		descending;
	bool		nulls_first;
	int			buckets;		/* option of gram_ops, 0 for others */
} FoAdviseKey;

/* An index that does not exist. */
typedef struct FoAdviseIndex
{
	int			number;			/* among the candidates */
	Oid			relid;			/* a table, perhaps a partitioned one */
	Oid			am;
	int			nkeys;
	FoAdviseKey keys[FO_ADVISE_KEYS];
	Bitmapset  *include;		/* further columns */
	List	   *predicate;		/* over the table as relation 1 */
	double		share;			/* of the rows that it selects */
	Oid			oid;			/* as the planner sees it, or of the built one */
	bool		tried;			/* to build it */
	bool		built;			/* it exists for the time of the verification */
	double		pages;
	double		tuples;
	double		bytes;
	double		price;			/* cost units for what the workload writes */
	double		readers;		/* weight of the queries that read its table */
	double		benefit;		/* what the set would cost more without it */
	int			height;
	double		items;			/* GIN: keys of a row */
} FoAdviseIndex;

/* How a condition can use an index. */
typedef enum FoAdviseUse
{
	FO_ADVISE_EQUAL,			/* one value */
	FO_ADVISE_LIST,				/* some values, or a branch of an OR */
	FO_ADVISE_RANGE,
	FO_ADVISE_JOIN,				/* the value of another table */
	FO_ADVISE_OTHER				/* what GIN and GiST are for */
} FoAdviseUse;

/* A condition of a query on a table that an index can check. */
typedef struct FoAdviseTerm
{
	FoAdviseKey key;
	Oid			am;
	FoAdviseUse use;
	double		selectivity;
} FoAdviseTerm;

/* A constant condition of a query, fit for a partial index. */
typedef struct FoAdvisePredicate
{
	Node	   *clause;
	double		selectivity;
} FoAdvisePredicate;

/* What a query wants of one table. */
typedef struct FoAdviseNeed
{
	Oid			relid;
	List	   *terms;			/* of FoAdviseTerm */
	List	   *orders;			/* of Lists of FoAdviseKey */
	List	   *predicates;		/* of FoAdvisePredicate */
	Bitmapset  *columns;		/* whatever is read of it */
	bool		coverable;		/* those are ordinary columns, and few */
} FoAdviseNeed;

/* A plan that was seen with a set of indexes, and those that it uses. */
typedef struct FoAdvisePlan
{
	FoPickSet	given;
	FoPickSet	used;
	double		cost;
	double		ms;				/* as measured, below 0 if not */
	uint64		fingerprint;
} FoAdvisePlan;

/* A query of the workload. */
typedef struct FoAdviseQuery
{
	int64		id;
	const char *text;
	double		weight;
	Query	   *query;			/* what is planned, NULL if skipped */
	const char *skipped;		/* why */
	bool		runnable;		/* it can be run for a measurement */
	bool		guessed;		/* parameters were given values */
	List	   *needs;			/* of FoAdviseNeed */
	FoPickSet	relevant;		/* candidates that may change its plan */
	List	   *plans;			/* of FoAdvisePlan */
	double		cost_before;
	double		ms_before;		/* below 0 if not measured */
} FoAdviseQuery;

/* What the workload writes to a table. */
typedef struct FoAdviseWrites
{
	Oid			relid;
	double		inserted;		/* rows */
	double		updated;
	double		deleted;
	Bitmapset  *columns;		/* that updates set */
} FoAdviseWrites;

/* A run of index_advise. */
typedef struct FoAdvise
{
	MemoryContext context;		/* of everything here */
	MemoryContext scratch;		/* of one plan */
	List	   *queries;		/* of FoAdviseQuery */
	List	   *writes;			/* of FoAdviseWrites */
	FoAdviseIndex *indexes[FO_PICK_MAX];
	int			nindexes;
	bool		thrifty;		/* a budget was given */
	double		budget;			/* bytes */
	TimestampTz deadline;
	bool		late;			/* the deadline came first */
	TimestampTz next_notice;	/* when to say how far it is */
	int64		plannings;

	/* Of a verification: */
	bool		measured;		/* costs are milliseconds that were measured */
	double		statement_ms;	/* limit of a query */
	double		verify_limit;	/* bytes of a table whose indexes are built */
	TimestampTz build_until;
	double		ms_per_cost;
	const volatile sig_atomic_t *run_ended; /* by the timer, if one is set */
} FoAdvise;

/* What gives out the advice. */
typedef void (*FoAdviseReport) (FoAdvise *advise, const FoPickSet *chosen, void *context);

/* advise.c */
extern bool fo_advise_is_late(FoAdvise *advise, const char *doing);

/* advise_index.c */
extern bool fo_advise_key_for(Oid am, Oid family, Oid type, FoAdviseKey *key);
extern bool fo_advise_same_key(const FoAdviseKey *a, const FoAdviseKey *b);
extern FoAdviseIndex *fo_advise_add_index(FoAdvise *advise, const FoAdviseIndex *index);
extern char *fo_advise_ddl(const FoAdviseIndex *index, const char *name);
extern char *fo_advise_table(Oid relid);
extern bool fo_advise_finds_one(Oid relid, const Bitmapset *columns);
extern char *fo_advise_key_text(const FoAdviseIndex *index, int key);

/* advise_gin.c */
extern FoIndexSize fo_advise_size_gin(FoAdviseIndex *index, double heap_pages, double width);

/* advise_estimate.c */
extern HeapTuple fo_advise_statistics(Oid relid, AttrNumber attnum);
extern void fo_advise_estimate(FoAdvise *advise, FoAdviseIndex *index);
extern double fo_advise_distinct(Oid relid, AttrNumber attnum, double tuples);
extern double fo_advise_correlation(Oid relid, AttrNumber attnum);
extern void fo_advise_table_size(Oid relid, double *pages, double *tuples);

/* advise_workload.c */
extern void fo_advise_add_query(FoAdvise *advise, int64 id, const char *text, double weight);

/* advise_foreign.c */
extern List *fo_advise_foreign_searches(Oid relid, bool deletes, const Bitmapset *columns);

/* advise_param.c */
extern Query *fo_advise_bind(Query *query, bool *guessed);
extern bool fo_advise_has_parameter(Node *node);

/* advise_need.c */
extern void fo_advise_needs_start(FoAdvise *advise, FoAdviseQuery *query);
extern void fo_advise_needs_stop(void);
extern void fo_advise_look(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);

/* advise_candidate.c */
extern Bitmapset *fo_advise_fixed_columns(List *predicate);
extern bool fo_advise_is_unbounded(Oid relid, AttrNumber attnum);
extern void fo_advise_generate(FoAdvise *advise, FoAdviseQuery *query);
extern void fo_advise_relate(FoAdvise *advise, FoAdviseQuery *query, int from);

/* advise_whatif.c */
extern void fo_advise_init(void);
extern PlannedStmt *fo_advise_plan_query(FoAdvise *advise, const FoAdviseQuery *query,
										 const FoPickSet *given);
extern FoAdvisePlan *fo_advise_plan(FoAdvise *advise, FoAdviseQuery *query,
									const FoPickSet *given);
extern bool fo_advise_guarded(FoAdvise *advise, void (*run) (void *), void *arg,
							  const char **problem);

/* advise_select.c */
extern void fo_advise_find(FoAdvise *advise);
extern FoPickSet fo_advise_select(FoAdvise *advise);
extern double fo_advise_total(FoAdvise *advise, const FoPickSet *set);

/* advise_price.c */
extern void fo_advise_set_price(FoAdvise *advise, FoAdviseIndex *index);

/* advise_reason.c */
extern char *fo_advise_reason(FoAdvise *advise, const FoAdviseIndex *index,
							  const FoPickSet *chosen);

/* advise_id.c */
extern int64 fo_advise_remember(const char *ddl);

/* advise_verify.c */
extern double fo_advise_time(FoAdvise *advise, const FoPickSet *set);
extern void fo_advise_verify(FoAdvise *advise, const FoPickSet *chosen,
							 FoAdviseReport report, void *context);

#endif							/* FO_ADVISE_H */
