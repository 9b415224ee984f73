/*
 * layout.h
 *		What a rollup stores: the columns of its partial rows, derived from its
 *		query.
 *
 * A rollup's data table holds *partial rows*: (group values, n, partial
 * columns).  Any number of partial rows may exist for one group; their
 * column-wise combination is the state of the group.  A writer appends partial
 * rows (which may be negative), a merge replaces several by one.
 *
 * The layout is a pure function of the query tree, so the writer's trigger, the
 * merge and the reading view always agree without any stored description.
 */
#ifndef FO_ROLLUP_LAYOUT_H
#define FO_ROLLUP_LAYOUT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

/* How a partial column is fed by a base row, and combined with another. */
typedef enum FoColumnKind
{
	FO_COL_COUNT,				/* int8: rows whose input is not null */
	FO_COL_TRUE,				/* int8: rows whose boolean input is true */
	FO_COL_FALSE,				/* int8: rows whose boolean input is false */
	FO_COL_SUM_INT,				/* int8: sum of int2 or int4 */
	FO_COL_SUM_NUMERIC,			/* numeric: sum of int8 or numeric */
	FO_COL_SUM_FLOAT,			/* float8: sum of float4 or float8 */
	FO_COL_SUM_INTERVAL,		/* interval: sum of interval */
	FO_COL_SCALES,				/* numeric: how many inputs have which scale */
	FO_COL_LOST,				/* int8: removals that a sum cannot undo */
	FO_COL_BEST,				/* extreme of the values added, or null */
	FO_COL_GONE					/* extreme of the values removed, or null */
} FoColumnKind;

/* A value computed from a base row: argument and FILTER of some aggregate. */
typedef struct FoInput
{
	Expr	   *arg;			/* null for count(*) */
	Expr	   *filter;			/* null when there is none */
	Oid			type;			/* of arg; InvalidOid when arg is null */
} FoInput;

typedef struct FoColumn
{
	FoColumnKind kind;
	int			input;			/* index in inputs, -1: every row */
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			better;			/* BEST, GONE: operator "is more extreme" */
	const char *aggname;		/* BEST, GONE: min or max */
} FoColumn;

/* How an aggregate of the query is computed from the partial columns. */
typedef enum FoAggKind
{
	FO_AGG_COUNT,
	FO_AGG_SUM,
	FO_AGG_AVG,
	FO_AGG_EXTREME,
	FO_AGG_BOOL_AND,
	FO_AGG_BOOL_OR
} FoAggKind;

typedef struct FoAgg
{
	Aggref	   *ref;
	FoAggKind	kind;
	int			main;			/* column: count, sum, best or true */
	int			count;			/* column: inputs not null, or false */
	int			scales;			/* column, -1 if the scale is fixed */
	int			doubt;			/* column: lost or gone, -1 if none */
} FoAgg;

/*
 * The base relation has range table index 1 in every expression here.  Data
 * column j of the table (from 0) is group j for j < ngroups, then column
 * j - ngroups; column 0 always counts the rows of the group.
 */
typedef struct FoLayout
{
	Oid			base;
	Node	   *where;
	int			ngroups;
	Node	  **groups;
	int			ninputs;
	FoInput    *inputs;
	int			ncolumns;
	FoColumn   *columns;
	int			naggs;
	FoAgg	   *aggs;
} FoLayout;

/*
 * A sum of numerics shows as many decimals as the longest input has.  To know
 * that after removals, FO_COL_SCALES adds up 10^(FO_SCALE_DIGITS * scale): a
 * histogram of scales in one additive number, whose length tells the longest.
 */
#define FO_SCALE_DIGITS	20

#define FO_MAX_COLUMNS	512		/* of partial columns in one rollup */

extern FoLayout *fo_rollup_layout(const Query *query);
extern int	fo_rollup_base_index(const Query *query);
extern const char *fo_rollup_aggregate_name(const Aggref *ref);
extern const char *fo_rollup_column_name(const FoLayout *layout, int j);

#endif							/* FO_ROLLUP_LAYOUT_H */
