/*
 * reader.h
 *		Queries that read rollups while this transaction changes their bases.
 */
#ifndef FO_ROLLUP_READER_H
#define FO_ROLLUP_READER_H

#include "postgres.h"

extern int	fo_rollup_live_queries;

extern void fo_rollup_count_capture(bool deleted);
extern void fo_rollup_forget_queries(SubTransactionId from);
extern void fo_rollup_reader_init(void);

#endif							/* FO_ROLLUP_READER_H */
