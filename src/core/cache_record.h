/*
 * cache_record.h
 *		What is stored in Redis under a key: its layout, and the check of what comes
 *		back.
 */
#ifndef FO_CACHE_RECORD_H
#define FO_CACHE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fifth byte of a record; the Lua scripts look at it. */
#define FO_RECORD_VALUE		'V'
#define FO_RECORD_TOMBSTONE 'T' /* deleted */
#define FO_RECORD_FENCE		'F' /* a transaction is about to change it */
#define FO_RECORD_LEASE		'L' /* a reader is about to fill it */

#define FO_RECORD_NEGATIVE	1	/* flags: known not to exist */
#define FO_RECORD_PACKED	2	/* flags: the value is compressed */

#define FO_RECORD_BOUND		4	/* flags: xid is the newest that it may depend
								 * on */

#define FO_RECORD_HEADER	72

typedef struct FoRecord
{
	char		kind;
	uint8_t		flags;
	uint64_t	server;			/* who wrote it */
	uint32_t	timeline;		/* of the writer */
	uint32_t	xid;			/* of the writer's transaction, 0: none */
	uint64_t	nonce;			/* makes fences unique */
	int64_t		created;		/* microseconds since 2000, like TimestampTz */
	int64_t		expires;
	int64_t		stale_until;
	uint32_t	raw_len;		/* of the value before compression */
	uint32_t	key_len;
	uint32_t	value_len;
	const char *key;
	const char *value;
} FoRecord;

extern size_t fo_record_bytes(const FoRecord *record);
extern void fo_record_write(const FoRecord *record, char *to);
extern bool fo_record_read(FoRecord *record, const char *from, size_t len);

#endif							/* FO_CACHE_RECORD_H */
