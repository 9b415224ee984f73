/*
 * spec.h
 *		A rollup as the backend's memory knows it: layout, compiled expressions.
 */
#ifndef FO_ROLLUP_SPEC_H
#define FO_ROLLUP_SPEC_H

#include "postgres.h"

#include "access/attmap.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "rollup/layout.h"

/* A row of filteropt.rollup. */
typedef struct FoRollupIds
{
	Oid			view;			/* what users read */
	Oid			query;			/* view holding the defining query */
	Oid			data;			/* table of partial rows */
	Oid			base;
} FoRollupIds;

/*
 * A loaded rollup, kept in a memory context of its own.  It may be outdated by
 * a relcache invalidation while deltas of the transaction still refer to it, so
 * it is freed when the last reference goes.
 */
typedef struct FoRollup
{
	int			refcount;
	MemoryContext cxt;
	FoRollupIds ids;
	FoLayout   *layout;
	int			natts;			/* columns of the data table */
	Oid		   *types;
	int16	   *typlen;
	bool	   *typbyval;
	int16	   *inlen;			/* per input */
	bool	   *inbyval;
	bool		only_integers;	/* all partial columns add up as bigint */
	FmgrInfo   *better;			/* per partial column, for BEST and GONE */
	ExprContext *econtext;
	ExprState  *where;
	ProjectionInfo *look[2];	/* groups and inputs of the old and the new
								 * row */
	struct FoRollupCounters *counters;	/* NULL: not counted (stat.c) */
	struct FoPlaces *places;	/* where rows of groups are (place.c) */
} FoRollup;

/* The rollups fed by one table (a plain table or a leaf partition). */
typedef struct FoBase
{
	Oid			relid;			/* hash key */
	bool		valid;
	MemoryContext cxt;
	List	   *lineage;		/* relid and its partition ancestors */
	int			nrollups;
	FoRollup  **rollups;
	AttrMap   **maps;			/* null: the base has the same columns */
	TupleTableSlot **slots[2];	/* old and new row in the base's shape */
} FoBase;

extern FoBase *fo_rollup_base(Relation rel);
extern FoBase *fo_rollup_load_base(Relation rel, List *lineage);
extern void fo_rollup_free_base(FoBase *base);
extern List *fo_rollup_lineage(Oid relid);
extern List *fo_rollup_ids_by(int attnum, Oid value);
extern bool fo_rollup_ids_of_view(Oid view, FoRollupIds *ids);
extern Oid	fo_rollup_config_relid(void);
extern FoRollup *fo_rollup_load(const FoRollupIds *ids);
extern void fo_rollup_release(FoRollup *rollup);
extern Query *fo_rollup_query(Oid queryview);
extern bool fo_rollup_fed_by(Oid relid, List *rtable, Oid *data);
extern void fo_rollup_spec_init(void);

/* Columns of filteropt.rollup. */
#define FO_CONFIG_VIEW	1
#define FO_CONFIG_QUERY	2
#define FO_CONFIG_DATA	3
#define FO_CONFIG_BASE	4
#define FO_CONFIG_NATTS	6

#endif							/* FO_ROLLUP_SPEC_H */
