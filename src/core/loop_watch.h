/*
 * loop_watch.h
 *		Finding, in the stream of queries of one session, a query that is run once for
 *		each row of another one's result.  See loop_watch.c.
 */
#ifndef FO_LOOP_WATCH_H
#define FO_LOOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define FO_LOOP_COLUMNS		8	/* columns of a result that are remembered */
#define FO_LOOP_ROWS		128 /* its rows */
#define FO_LOOP_PARENTS		8	/* results at a time */
#define FO_LOOP_CHILDREN	16	/* queries that may be running once a row */
#define FO_LOOP_KEYS		4	/* keys that a query compares with columns */
#define FO_LOOP_CANDIDATES	4	/* columns that its keys may come from */
#define FO_LOOP_MIN_MAX		64	/* largest number of keys to wait for */
#define FO_LOOP_BLOOM_BITS	8192

/* A value that cannot be a key, such as null. */
#define FO_LOOP_NONE		INT64_MIN

/* The rows of one execution. */
typedef struct FoLoopParent
{
	uint64_t	query;			/* 0: unused */
	uint64_t	generation;		/* of this execution, unique in the session */
	uint64_t	xact;
	int64_t		used_at;		/* last time that it was made, or a key found */
	bool		found;			/* a key has been found in it */
	int			columns;
	int			rows;
	uint64_t	bloom[FO_LOOP_BLOOM_BITS / 64];
	int64_t		key[FO_LOOP_COLUMNS][FO_LOOP_ROWS];
} FoLoopParent;

/* A column that the keys of a query have been found in. */
typedef struct FoLoopCandidate
{
	int			parent;			/* index into FoLoopWatch.parent */
	int			column;
	uint64_t	generation;
	int			row;			/* where the last key was */
	int			hits;			/* different keys found */
	int			misses;
	int			in_order;		/* found a few rows after the one before */
	int			irregular;		/* of those, not a constant step from it */
} FoLoopCandidate;

/* A run of executions of one query in which one key changes. */
typedef struct FoLoopChild
{
	uint64_t	xact;
	int64_t		used_at;
	int			nkeys;
	int			varying;		/* number of the key that changes, or -1 */
	int64_t		last[FO_LOOP_KEYS];
	uint64_t	step;			/* from the key before to the last one */
	uint32_t	runs;
	double		total;			/* their time */
	int			ndifferent;
	int64_t		different[FO_LOOP_MIN_MAX];
	int			ncandidates;
	FoLoopCandidate candidate[FO_LOOP_CANDIDATES];
	int			judge_at;		/* hits at which the caller is asked again */
	bool		reported;
} FoLoopChild;

typedef struct FoLoopWatch
{
	uint64_t	generations;
	uint64_t	xact;			/* of the last result or key found in one */
	int64_t		used_at;
	uint64_t	query[FO_LOOP_CHILDREN];	/* of child[] */
	FoLoopParent *parent[FO_LOOP_PARENTS];	/* the caller's memory, or NULL */
	FoLoopChild child[FO_LOOP_CHILDREN];
} FoLoopWatch;

/* When and how often. */
typedef struct FoLoopLimits
{
	int			min;			/* different keys that make a loop */
	int64_t		window;			/* longest pause outside of a transaction */
} FoLoopLimits;

/* One execution of a query that compares columns with keys. */
typedef struct FoLoopRun
{
	uint64_t	query;
	uint64_t	xact;
	int64_t		now;
	double		time;			/* that it took */
	int			nkeys;
	const int64_t *key;
} FoLoopRun;

/* What an execution means. */
typedef enum FoLoopVerdict
{
	FO_LOOP_NOTHING,
	FO_LOOP_SUSPECT,			/* fo_loop_convincing decides, then
								 * fo_loop_judge */
	FO_LOOP_GOES_ON				/* one more of a loop that was reported */
} FoLoopVerdict;

extern int	fo_loop_parent_slot(const FoLoopWatch *watch, uint64_t query);
extern void fo_loop_begin(FoLoopWatch *watch, int slot, uint64_t query, int columns,
						  uint64_t xact, int64_t now);
extern void fo_loop_row(FoLoopParent *parent, const int64_t *key);
extern FoLoopVerdict fo_loop_run(FoLoopWatch *watch, const FoLoopRun *run,
								 const FoLoopLimits *limits, FoLoopChild **child);
extern FoLoopCandidate *fo_loop_best(FoLoopChild *child);
extern bool fo_loop_convincing(const FoLoopWatch *watch, const FoLoopChild *child,
							   const FoLoopCandidate *candidate, bool related);
extern void fo_loop_judge(FoLoopChild *child, bool guilty);

#endif							/* FO_LOOP_WATCH_H */
