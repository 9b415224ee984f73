/*
 * watch.h
 *		The watch over executed queries, as its parts see each other.
 *
 * watch.c has the hooks and accounts for executions; watch_query.c what a backend knows
 * of each query; watch_value.c values as keys; watch_shared.c what all backends have found
 * out, and watch_view.c how that is shown; nplus_*.c loops; slow_*.c slow queries.
 */
#ifndef FO_ADVISOR_WATCH_H
#define FO_ADVISOR_WATCH_H

#include "core/latency.h"
#include "core/loop_watch.h"
#include "core/sql_normal.h"
#include "executor/execdesc.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#define FO_WATCH_VARIABLES	FO_SQL_VARIABLES	/* of PL/pgSQL in a text, more
												 * are left as they are */
#define FO_WATCH_LOOPS		128 /* different loops in shared memory */
#define FO_WATCH_APPS		4	/* application names of each */
#define FO_WATCH_LOCKS		16
#define FO_WATCH_WAYS		8	/* entries in a set of the table of queries */
#define FO_PLAN_SLOTS		16	/* plans that are kept or waited for */
#define FO_PLAN_BYTES		16384	/* of each, longer ones are cut off */

/* A comparison column = parameter or constant in a query. */
typedef struct FoWatchKey
{
	int			param;			/* 0: a constant */
	int32		location;		/* of the parameter or constant in the source
								 * text */
	int32		column_location;
	Oid			type;
	Oid			relation;
	AttrNumber	attribute;
	bool		any;			/* may become column = ANY (array) */
	bool		in_output;		/* the column is in the result */
	bool		alone;			/* the only condition on the only table */
} FoWatchKey;

/* What executions cost. */
typedef struct FoWatchCost
{
	uint64		calls;
	uint64		slow_calls;
	double		total;			/* microseconds */
	uint64		rows;
	uint64		hit;			/* shared buffers */
	uint64		read;
	uint64		dirtied;
	uint64		temp_read;		/* temporary blocks */
	uint64		temp_written;
} FoWatchCost;

/* What a backend knows of a query. */
typedef struct FoWatchQuery
{
	uint64		id;				/* 0: unused */
	uint64		used;			/* a clock's tick */

	/* of its last results, how many in turn no loop went over */
	uint8		idle;
	uint8		skipped;

	/* what shared memory has not been told yet, for one role */
	Oid			role;
	int			slot;			/* there, or -1 */
	uint32		executions;		/* in this backend, as far as matters */
	FoWatchCost pending;
	uint16		histogram[FO_LATENCY_BUCKETS];

	/* from its last parse analysis, of a text of this length */
	Size		text_len;
	int			nkeys;
	FoWatchKey	key[FO_LOOP_KEYS];
	int64		constant[FO_LOOP_KEYS];
	int			nvariables;
	int32		variable[FO_WATCH_VARIABLES];
	int32		variable_id[FO_WATCH_VARIABLES];
} FoWatchQuery;

/* A query in shared memory; guarded by the lock of its set. */
typedef struct FoWatchEntry
{
	uint64		id;				/* 0: unused */
	Oid			database;
	Oid			role;
	double		usage;			/* decides what is evicted */
	FoWatchCost cost;
	uint64		histogram[FO_LATENCY_BUCKETS];
	TimestampTz first_seen;
	TimestampTz last_seen;
	bool		truncated;
	int			len;
	char		query_text[FLEXIBLE_ARRAY_MEMBER];	/* fo_watch_text_bytes */
} FoWatchEntry;

/* The texts of a loop, each of at most a length of its own. */
typedef enum FoLoopText
{
	FO_TEXT_PARENT,
	FO_TEXT_CHILD,
	FO_TEXT_BATCH,
	FO_TEXT_JOIN,
	FO_TEXT_EMBED,
	FO_LOOP_TEXTS
} FoLoopText;

/* What makes a loop the same one. */
typedef struct FoLoopId
{
	Oid			database;
	Oid			role;
	uint64		parent;
	uint64		child;
	int			key;
	int			column;
} FoLoopId;

/* A loop in shared memory; guarded by FoWatchShared.loop_lock. */
typedef struct FoLoopEntry
{
	FoLoopId	id;				/* database 0: unused */
	uint64		generation;
	uint64		loops;
	uint64		calls;
	uint64		most_calls;		/* in one loop */
	double		total;			/* microseconds */
	TimestampTz first_seen;
	TimestampTz last_seen;
	int			napps;
	char		app[FO_WATCH_APPS][NAMEDATALEN];
	char		parameter[NAMEDATALEN]; /* column that the child compares it
										 * with */
	char		column[NAMEDATALEN];	/* of the parent's result */
	int			len[FO_LOOP_TEXTS];
	char		texts[FLEXIBLE_ARRAY_MEMBER];	/* FO_LOOP_TEXTS times
												 * fo_loop_text_bytes */
} FoLoopEntry;

/* A plan that somebody asked for; guarded by FoWatchShared.plan_lock. */
typedef struct FoPlanEntry
{
	uint64		id;				/* 0: unused */
	Oid			database;
	Oid			role;
	TimestampTz asked_at;
	TimestampTz wanted_until;
	bool		wanted;			/* the next slow execution is to leave its
								 * plan */
	int			len;			/* 0: none yet */
	char		plan_text[FO_PLAN_BYTES];
} FoPlanEntry;

/* The whole; entries follow. */
typedef struct FoWatchShared
{
	LWLockPadded lock[FO_WATCH_LOCKS];	/* of sets: set number modulo this */
	LWLock		loop_lock;
	LWLock		plan_lock;
	pg_atomic_uint32 plans_wanted;	/* how many entries of plan are */
	TimestampTz queries_since;	/* loop_lock */
	TimestampTz loops_since;	/* loop_lock */
	pg_atomic_uint64 evicted;
	uint64		generations;	/* loop_lock */
	int			nsets;
	Size		entry_bytes;
	Size		entries_at;
	Size		loop_bytes;
	Size		loops_at;
	FoPlanEntry plan[FO_PLAN_SLOTS];
} FoWatchShared;

extern bool fo_advisor_watch;
extern int	fo_advisor_loop_min;
extern int	fo_advisor_loop_window_ms;
extern int	fo_advisor_slow_ms;
extern int	fo_advisor_plan_wait_ms;
extern double fo_advisor_sample_rate;
extern int	fo_advisor_queries;
extern int	fo_watch_text_bytes;

/* The shared state, or NULL when not preloaded. */
extern FoWatchShared *fo_watch_shared;

/* watch.c */
extern void fo_watch_init(void);

/* watch_query.c */
extern FoWatchQuery *fo_watch_query(uint64 id);
extern void fo_watch_parsed(ParseState *pstate, Query *query);
extern void fo_watch_account(FoWatchQuery *query, QueryDesc *desc, Oid role,
							 const FoWatchCost *cost);
extern void fo_watch_flush(void);

/* watch_value.c */
extern int64 fo_watch_value(Oid type, Datum value);
extern bool fo_watch_is_key_type(Oid type);

/* watch_shared.c */
extern void fo_watch_shared_init(void);
extern void fo_watch_require(void);
extern int	fo_watch_add(uint64 id, Oid role, const char *query, int len, bool truncated);
extern bool fo_watch_tell(int slot, const FoWatchQuery *query);
extern FoWatchEntry *fo_watch_entry(int slot, LWLockMode mode, LWLock **lock);
extern FoLoopEntry *fo_loop_entry(int slot);
extern Size fo_loop_text_bytes(void);
extern char *fo_loop_text(FoLoopEntry *entry, FoLoopText which);
extern bool fo_watch_may_read(Oid role);
extern void fo_watch_forget(bool queries, bool loops);

/* How the entries of shared memory are listed. */
typedef struct FoWatchListing
{
	int			entries;
	int			columns;
	Size		bytes;			/* of a copy */
	bool		(*copy) (int number, void *copy);	/* false: leave it out */
	void		(*fill) (void *copy, Datum *values, bool *nulls);
} FoWatchListing;

/* watch_view.c */
extern void fo_watch_list(FunctionCallInfo fcinfo, const FoWatchListing *listing);

/* slow_capture.c */
extern void fo_capture_prepare(QueryDesc *desc, uint64 id);
extern void fo_capture_slow(QueryDesc *desc, uint64 id, Oid role, double us);
extern bool fo_capture_knows(uint64 id, Oid role);
extern char *fo_capture_ask(uint64 id, Oid role);
extern void fo_capture_forget(void);

/* Text of a query to be normalised, and what is known of its variables. */
typedef struct FoWatchSource
{
	FoSqlSource sql;
	int32		variable[FO_WATCH_VARIABLES];
	int32		variable_id[FO_WATCH_VARIABLES];
	int32		from;			/* where sql.text begins in the source text */
	bool		cut;
	bool		analysed;		/* offsets in FoWatchQuery are of this text */
} FoWatchSource;

extern void fo_watch_source(FoWatchSource *source, const FoWatchQuery *query, QueryDesc *desc);

/* The result that keys may come from, beside what FoLoopParent has of it. */
typedef struct FoNplusResult
{
	uint64		query;
	Oid			relation[FO_LOOP_COLUMNS];	/* where columns are from, or 0 */
	AttrNumber	attribute[FO_LOOP_COLUMNS];
	char		name[FO_LOOP_COLUMNS][NAMEDATALEN];
	bool		unique[FO_LOOP_COLUMNS];	/* no other column has the name */
	int			len;
	bool		cut;
	int			nparameters;
	char		query_text[FLEXIBLE_ARRAY_MEMBER];	/* fo_watch_text_bytes,
													 * normal */
} FoNplusResult;

/* nplus_watch.c */
extern void fo_nplus_xact_end(void);
extern int	fo_nplus_begin_result(FoWatchQuery *query, QueryDesc *desc, int columns,
								  const int *attribute);
extern bool fo_nplus_may_loop(void);
extern uint64 fo_nplus_generation(int slot);
extern void fo_nplus_row(int slot, uint64 generation, const int64 *key);
extern void fo_nplus_run(const FoWatchQuery *query, QueryDesc *desc, const int64 *key, double us);

/* nplus_relate.c */
extern bool fo_nplus_related(Oid relation, AttrNumber attribute, const FoNplusResult *result,
							 int column);

/* nplus_report.c */
extern int	fo_nplus_report(const FoWatchQuery *query, QueryDesc *desc, const FoLoopChild *child,
							const FoNplusResult *result, int column, uint64 *generation);
extern void fo_nplus_count(int slot, uint64 generation, const FoLoopChild *child, double us);

#endif							/* FO_ADVISOR_WATCH_H */
