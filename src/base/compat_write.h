/*
 * compat_write.h
 *		Differences between PostgreSQL 14 and 18 in updating rows and indexes.
 */
#ifndef FO_COMPAT_WRITE_H
#define FO_COMPAT_WRITE_H

#include "base/compat.h"

#include "nodes/execnodes.h"
#include "storage/block.h"
#include "storage/buf.h"

extern bool fo_heap_update(Relation relation, ItemPointer tid, HeapTuple row,
						   CommandId cid, bool *index_it, bool *summaries);
extern bool fo_index_summarizes(const IndexInfo *info);
extern void fo_index_insert_cleanup(Relation index, IndexInfo *info);
extern bool fo_has_block(Relation relation, BlockNumber block);
extern Buffer fo_read_block(Relation relation, BlockNumber block, Buffer recent);

#endif							/* FO_COMPAT_WRITE_H */
