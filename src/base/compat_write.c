/*
 * compat_write.c
 *		Differences between PostgreSQL 14 and 18 in updating rows and indexes.
 */
#include "base/compat_write.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/rel.h"

/*
 * Put a row in the place of the one at tid unless another transaction is changing that
 * or has: then false, without waiting.  *index_it tells whether indexes need entries for
 * the new row, which is false after a heap-only update; *summaries that only those do
 * that summarise blocks (heap-only as well, from 16 on).
 *
 * The heap handles an update that may not wait, but asserts that nobody asks for
 * one; so a server with assertions locks the row first.
 */
bool
fo_heap_update(Relation relation, ItemPointer tid, HeapTuple row, CommandId cid,
			   bool *index_it, bool *summaries)
{
	bool		wait = false;
	LockTupleMode mode;
	TM_FailureData failure;
	TM_Result	result;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes indexes;
#endif

#ifdef USE_ASSERT_CHECKING
	TupleTableSlot *old = table_slot_create(relation, NULL);

	result = table_tuple_lock(relation, tid, SnapshotSelf, old, cid, LockTupleNoKeyExclusive,
							  LockWaitSkip, 0, &failure);
	ExecDropSingleTupleTableSlot(old);
	if (result != TM_Ok)
		return false;
	wait = true;
#endif
	row->t_tableOid = RelationGetRelid(relation);
#if PG_VERSION_NUM >= 160000
	result = heap_update(relation, tid, row, cid, InvalidSnapshot, wait, &failure, &mode,
						 &indexes);
	*index_it = indexes != TU_None;
	*summaries = indexes == TU_Summarizing;
#else
	result = heap_update(relation, tid, row, cid, InvalidSnapshot, wait, &failure, &mode);
	*index_it = !HeapTupleIsHeapOnly(row);
	*summaries = false;
#endif
	return result == TM_Ok;
}

/* Does the index summarise blocks instead of listing rows? */
bool
fo_index_summarizes(const IndexInfo *info)
{
#if PG_VERSION_NUM >= 160000
	return info->ii_Summarizing;
#else
	return false;
#endif
}

/* Release what inserting into the index has kept. */
void
fo_index_insert_cleanup(Relation index, IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#endif
}

/*
 * Is the block within the relation, which the caller has locked?  The size known
 * from earlier holds as a lower bound: truncation takes a lock and discards it.
 */
bool
fo_has_block(Relation relation, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(relation)->smgr_cached_nblocks[MAIN_FORKNUM];

	if (known != InvalidBlockNumber && block < known)
		return true;
	return block < RelationGetNumberOfBlocks(relation);
}

/*
 * Pin a block of a relation that the caller has locked; InvalidBuffer if it is not there.
 * "recent" may be the buffer that has last held it, which saves the look-up.
 */
Buffer
fo_read_block(Relation relation, BlockNumber block, Buffer recent)
{
#if PG_VERSION_NUM >= 160000
	RelFileLocator file = relation->rd_locator;
#else
	RelFileNode file = relation->rd_node;
#endif

	if (BufferIsValid(recent) && ReadRecentBuffer(file, MAIN_FORKNUM, block, recent))
		return recent;
	return fo_has_block(relation, block) ? ReadBuffer(relation, block) : InvalidBuffer;
}
