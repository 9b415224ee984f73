/*
 * advise_price.c
 *		What writing rows costs with an index, more than without.
 *
 * An INSERT makes an entry in each index.  An UPDATE makes one where it sets a
 * column of the index, and then, as it is no longer heap-only, one in each
 * other index: so it counts twice.  The units are those of the planner.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "advisor/advise.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/*
 * Cost units of adding a row to an index, as assumed.  bench/advisor.sh
 * measures them in its section "write".
 */
#define PRICE_BTREE		0.6
#define PRICE_GIST		2.0
#define PRICE_GIN_ITEM	0.25
#define PRICE_BRIN		0.05

#define ENOUGH_SCANS	100		/* of a table, for its counters to say
								 * something */

/* The price of adding a row to an index. */
static double
row_price(const FoAdviseIndex *index)
{
	switch (index->am)
	{
		case BTREE_AM_OID:
			return PRICE_BTREE;
		case BRIN_AM_OID:
			return PRICE_BRIN;
		case GIN_AM_OID:
			return PRICE_GIN_ITEM * Max(1, index->items);
		default:
			return PRICE_GIST;
	}
}

/* The columns that an index depends on. */
static Bitmapset *
columns_of(const FoAdviseIndex *index)
{
	Bitmapset  *columns = bms_copy(index->include);
	Bitmapset  *attrs = NULL;
	int			attr = -1;

	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i].attnum)
			columns = bms_add_member(columns, index->keys[i].attnum);
		pull_varattnos(index->keys[i].expr, 1, &attrs);
	}
	pull_varattnos((Node *) index->predicate, 1, &attrs);
	while ((attr = bms_next_member(attrs, attr)) >= 0)
		columns = bms_add_member(columns, attr + FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* Does the query read the table? */
static bool
reads(const FoAdviseQuery *query, Oid relid)
{
	ListCell   *lc;

	foreach(lc, query->needs)
	{
		if (((FoAdviseNeed *) lfirst(lc))->relid == relid)
			return true;
	}
	return false;
}

/* A counter of the server's statistics. */
static double
counter(Oid function, Oid relid)
{
	return (double) DatumGetInt64(OidFunctionCall1(function, ObjectIdGetDatum(relid)));
}

/* Scans of a table and of its indexes, as the server has counted them. */
static double
scans_of(Oid relid)
{
	Relation	table = relation_open(relid, AccessShareLock);
	List	   *list = RelationGetIndexList(table);
	double		scans = counter(F_PG_STAT_GET_NUMSCANS, relid);
	ListCell   *lc;

	foreach(lc, list)
		scans += counter(F_PG_STAT_GET_NUMSCANS, lfirst_oid(lc));
	relation_close(table, AccessShareLock);
	return scans;
}

/*
 * How many rows the server has written per scan of the table that a new index
 * would have an entry of.  Rows that are there still may have been loaded at
 * once, which says nothing of the daily load, so they do not count.
 */
static double
rows_written_per_read(Oid relid)
{
	double		rows = 0;
	double		scans = 0;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid			part = lfirst_oid(lc);

		rows += Max(0, counter(F_PG_STAT_GET_TUPLES_INSERTED, part) -
					counter(F_PG_STAT_GET_LIVE_TUPLES, part));
		rows += Max(0, counter(F_PG_STAT_GET_TUPLES_UPDATED, part) -
					counter(F_PG_STAT_GET_TUPLES_HOT_UPDATED, part));
		scans += scans_of(part);
	}
	return scans >= ENOUGH_SCANS ? rows / scans : 0;
}

/*
 * What writes cost with an index, more than without: those of the workload, or
 * if it has none those that the server has counted.
 */
void
fo_advise_set_price(FoAdvise *advise, FoAdviseIndex *index)
{
	ListCell   *lc;

	index->price = index->readers = 0;
	foreach(lc, advise->queries)
	{
		const FoAdviseQuery *query = lfirst(lc);

		if (reads(query, index->relid))
			index->readers += query->weight;
	}
	if (advise->writes == NIL)
		index->price = index->readers * rows_written_per_read(index->relid) * index->share *
			row_price(index);
	foreach(lc, advise->writes)
	{
		FoAdviseWrites *writes = lfirst(lc);
		double		rows = writes->inserted;

		if (writes->relid != index->relid)
			continue;

		/*
		 * An update of its column makes a new entry, and one in other
		 * indexes.
		 */
		if (bms_overlap(writes->columns, columns_of(index)))
			rows += 2 * writes->updated;
		index->price += rows * index->share * row_price(index);
	}
}
