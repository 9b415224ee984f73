/*
 * health_space.c
 *		How much of an index is air: a sample of its pages is read.
 *
 * What a B-tree would be after REINDEX cannot be computed from the statistics
 * of its columns: equal keys share a tuple, and who may not read a column sees
 * no statistics of it.  The pages themselves know.  Of an index of 10 000 pages
 * we read 200, evenly spaced, and add up the tuples that are not marked dead.
 * If they fill 30 % of those pages and the fillfactor is 90 %, then REINDEX
 * will make the 10 000 pages about 10 000 * 30 / 90 = 3333.
 *
 * Nothing waits: an index whose lock is not to be had at once is not looked at.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "base/compat.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(fo_index_space);

/* Bytes on a page that tuples can take. */
#define USABLE_BYTES	(BLCKSZ - SizeOfPageHeaderData - MAXALIGN(sizeof(BTPageOpaqueData)))

/* May the caller learn how full the pages are?  As pgstattuple has it, or the owner. */
static bool
may_look_inside(Oid index)
{
	return fo_owns_relation(index) ||
		has_privs_of_role(GetUserId(), ROLE_PG_STAT_SCAN_TABLES);
}

/*
 * Bytes of a leaf page's tuples that are not marked dead, with their pointers.
 * Its upper bound, the first item of all but the last page, does not count:
 * of many pages that are nearly empty few such bounds will remain.
 */
static Size
live_bytes(Page page)
{
	BTPageOpaque opaque = (BTPageOpaque) PageGetSpecialPointer(page);
	Size		bytes = 0;
	int			last;

	if (PageIsNew(page) || P_IGNORE(opaque) || !P_ISLEAF(opaque))
		return 0;
	last = (int) PageGetMaxOffsetNumber(page);
	for (int n = P_FIRSTDATAKEY(opaque); n <= last; n++)
	{
		ItemId		item = PageGetItemId(page, n);

		if (ItemIdIsUsed(item) && !ItemIdIsDead(item))
			bytes += sizeof(ItemIdData) + MAXALIGN(ItemIdGetLength(item));
	}
	return bytes;
}

/* The mean of that over a sample of a B-tree's pages, all but its first. */
static double
mean_live_bytes(Relation index, BlockNumber pages, int sample)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	double		step = Max(1.0, (double) (pages - 1) / sample);
	double		sum = 0;
	int			read = 0;

	for (int i = 0; i < sample; i++)
	{
		BlockNumber block = (BlockNumber) (1 + i * step);
		Buffer		buffer;

		if (block >= pages)
			break;
		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BT_READ);
		sum += live_bytes(BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		read++;
	}
	FreeAccessStrategy(strategy);
	return read > 0 ? sum / read : 0;
}

/* Bytes that a B-tree would have after REINDEX. */
static double
bytes_needed(Relation index, BlockNumber pages, int sample)
{
	int			fill = (int) (USABLE_BYTES - BTGetTargetPageFreeSpace(index));
	double		full = mean_live_bytes(index, pages, sample) / fill;

	return Min(1 + ceil((pages - 1) * full), pages) * BLCKSZ;
}

/*
 * index_space(index oid, sample integer): its bytes, and the bytes that it
 * would have after REINDEX; null is what cannot be known now or by this role.
 */
Datum
fo_index_space(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	int			sample = PG_GETARG_INT32(1);
	Datum		values[2] = {0, 0};
	bool		nulls[2] = {true, true};
	TupleDesc	desc;
	Relation	index = NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (get_rel_relkind(oid) == RELKIND_INDEX && ConditionalLockRelationOid(oid, AccessShareLock))
	{
		index = try_relation_open(oid, NoLock);
		if (index == NULL)
			UnlockRelationOid(oid, AccessShareLock);
	}
	if (index != NULL)
	{
		if (!RELATION_IS_OTHER_TEMP(index))
		{
			BlockNumber pages = RelationGetNumberOfBlocks(index);

			values[0] = Int64GetDatum((int64) pages * BLCKSZ);
			nulls[0] = false;
			if (sample > 0 && pages > 1 && index->rd_rel->relam == BTREE_AM_OID &&
				may_look_inside(oid))
			{
				values[1] = Int64GetDatum((int64) bytes_needed(index, pages, sample));
				nulls[1] = false;
			}
		}
		relation_close(index, AccessShareLock);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
