/*
 * advise_estimate.c
 *		How large an index would be, from the statistics of its table.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "advisor/advise.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "core/index_size.h"
#include "fmgr.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define NUMERIC_WIDTH	8		/* of a number that an expression makes */

/* The statistics of a column, those with inheritance if there are some. */
HeapTuple
fo_advise_statistics(Oid relid, AttrNumber attnum)
{
	for (int inherit = 1; inherit >= 0; inherit--)
	{
		HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
											Int16GetDatum(attnum), BoolGetDatum(inherit == 1));

		if (HeapTupleIsValid(tuple))
			return tuple;
	}
	return NULL;
}

/* Pages and rows of a table with its partitions. */
void
fo_advise_table_size(Oid relid, double *pages, double *tuples)
{
	List	   *list = list_make1_oid(relid);
	ListCell   *lc;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		list = find_all_inheritors(relid, AccessShareLock, NULL);
	*pages = *tuples = 0;
	foreach(lc, list)
	{
		Relation	rel = relation_open(lfirst_oid(lc), AccessShareLock);
		BlockNumber p = 0;
		double		t = 0;
		double		visible;

		if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
			estimate_rel_size(rel, NULL, &p, &t, &visible);
		*pages += p;
		*tuples += t;
		relation_close(rel, AccessShareLock);
	}
}

/* How many different values a column has. */
double
fo_advise_distinct(Oid relid, AttrNumber attnum, double tuples)
{
	HeapTuple	tuple = fo_advise_statistics(relid, attnum);
	double		distinct = 0;

	if (tuple)
	{
		distinct = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;
		ReleaseSysCache(tuple);
	}
	if (distinct < 0)
		distinct *= -tuples;
	if (distinct == 0)
		distinct = get_atttype(relid, attnum) == BOOLOID ? 2 : Min(200, tuples);
	return Max(1, distinct);
}

/* How far the rows lie in the order of the column: -1 to 1, 0 if unknown. */
double
fo_advise_correlation(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = fo_advise_statistics(relid, attnum);
	AttStatsSlot slot;
	double		correlation = 0;

	if (!tuple)
		return 0;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		if (slot.nnumbers > 0)
			correlation = slot.numbers[0];
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return correlation;
}

/* Bytes of a column's values. */
static double
column_width(Oid relid, AttrNumber attnum)
{
	int32		width = get_attavgwidth(relid, attnum);

	return width > 0 ? width : get_typavgwidth(get_atttype(relid, attnum), -1);
}

/* Add a value to the bytes of a tuple. */
static double
add_value(double bytes, Oid type, double width)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	if (len > 0)
		bytes = att_align_nominal((int64) bytes, align);
	return bytes + width;
}

/*
 * Are equal keys the same bytes, so that a B-tree stores them once?  Those of
 * char(n) are not, whatever their operator class says.
 */
static bool
merges(const FoAdviseIndex *index)
{
	if (index->am != BTREE_AM_OID || index->include)
		return false;
	for (int i = 0; i < index->nkeys; i++)
	{
		const FoAdviseKey *key = &index->keys[i];
		Oid			proc = get_opfamily_proc(key->opfamily, key->opcintype, key->opcintype,
											 BTEQUALIMAGE_PROC);

		if (!OidIsValid(proc) || key->opcintype == BPCHAROID ||
			!DatumGetBool(OidFunctionCall1Coll(proc, key->collation,
											   ObjectIdGetDatum(key->opcintype))))
			return false;
	}
	return true;
}

/*
 * How many values of a column the rows of the index have.  A value with r rows
 * in the table is missing from a share s of them with probability (1 - s)^r;
 * a condition on the column leaves hardly any.
 */
static double
distinct_among(const FoAdviseIndex *index, AttrNumber attnum)
{
	double		rows = index->tuples / index->share;
	double		distinct = fo_advise_distinct(index->relid, attnum, rows);

	if (bms_is_member(attnum, fo_advise_fixed_columns(index->predicate)))
		return 1;
	return distinct * (1 - pow(1 - index->share, Max(1, rows / distinct)));
}

/* The only column of an expression; 0 if there are several, or none. */
static AttrNumber
column_of(const FoAdviseKey *key)
{
	Bitmapset  *attrs = NULL;

	if (key->attnum)
		return key->attnum;
	pull_varattnos(key->expr, 1, &attrs);
	if (bms_membership(attrs) != BMS_SINGLETON)
		return 0;
	return (AttrNumber) (bms_singleton_member(attrs) + FirstLowInvalidHeapAttributeNumber);
}

/* Bytes of a key: a text that is made of a column's is as long as that. */
static double
key_width(const FoAdviseIndex *index, const FoAdviseKey *key)
{
	AttrNumber	attnum = column_of(key);

	if (key->attnum || (attnum > 0 && get_typlen(key->type) == -1 &&
						get_typlen(get_atttype(index->relid, attnum)) == -1))
		return column_width(index->relid, attnum);
	return key->type == NUMERICOID ? NUMERIC_WIDTH : get_typavgwidth(key->type, -1);
}

/* What the index would hold. */
static FoIndexContent
content_of(const FoAdviseIndex *index)
{
	FoIndexContent content = {index->tuples, 1, 0, merges(index)};
	int			attnum = -1;

	for (int i = 0; i < index->nkeys; i++)
	{
		const FoAdviseKey *key = &index->keys[i];
		AttrNumber	column = column_of(key);

		content.width = add_value(content.width, key->type, key_width(index, key));
		content.distinct *= column > 0 ? distinct_among(index, column) : index->tuples;
	}
	while ((attnum = bms_next_member(index->include, attnum)) >= 0)
		content.width = add_value(content.width, get_atttype(index->relid, (AttrNumber) attnum),
								  column_width(index->relid, (AttrNumber) attnum));

	/* Not all combinations of several columns' values occur. */
	if (index->nkeys > 1)
		content.distinct *= 1 - exp(-index->tuples / content.distinct);
	content.distinct = Max(1, Min(content.distinct, index->tuples));
	return content;
}

/* Estimate size and height of an index that is complete otherwise. */
void
fo_advise_estimate(FoAdvise *advise, FoAdviseIndex *index)
{
	double		heap_pages;
	FoIndexContent content;
	FoIndexSize size;

	fo_advise_table_size(index->relid, &heap_pages, &index->tuples);
	index->tuples = Max(1, rint(index->tuples * index->share));
	content = content_of(index);
	if (index->am == BTREE_AM_OID)
		size = fo_index_size_btree(&content);
	else if (index->am == BRIN_AM_OID)
		size = fo_index_size_brin(heap_pages, content.width);
	else if (index->am == GIN_AM_OID)
		size = fo_advise_size_gin(index, heap_pages, content.width);
	else
		size = fo_index_size_gist(&content);
	index->pages = size.pages;
	index->height = size.height;
	index->bytes = size.pages * BLCKSZ;
}
