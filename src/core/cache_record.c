/*
 * cache_record.c
 *		Records in Redis: "FOC1", then fixed little-endian fields, the key, the value.
 *
 * Whatever Redis returns is untrusted: every length is checked against what came, and
 * the kind, flags and sizes against each other.  The whole key is in the record, so a
 * reader can tell that it got what it asked for.
 *
 * Example: a fence is the 72 bytes of the header with kind 'F' and a nonce, and
 * nothing after it.
 */
#include "core/cache_record.h"

#include <string.h>

#define MAX_VALUE	(256u * 1024 * 1024)

static char *
put_number(char *to, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*to++ = (char) (value >> (8 * i));
	return to;
}

static uint64_t
get_number(const char **from, int bytes)
{
	uint64_t	value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64_t) (unsigned char) (*from)[i] << (8 * i);
	*from += bytes;
	return value;
}

size_t
fo_record_bytes(const FoRecord *record)
{
	return FO_RECORD_HEADER + (size_t) record->key_len + record->value_len;
}

/* Write fo_record_bytes() bytes. */
void
fo_record_write(const FoRecord *record, char *to)
{
	char	   *start = to;

	memcpy(to, "FOC1", 4);
	to += 4;
	*to++ = record->kind;
	*to++ = (char) record->flags;
	to = put_number(to, 0, 2);
	to = put_number(to, record->server, 8);
	to = put_number(to, record->timeline, 4);
	to = put_number(to, record->xid, 4);
	to = put_number(to, record->nonce, 8);
	to = put_number(to, (uint64_t) record->created, 8);
	to = put_number(to, (uint64_t) record->expires, 8);
	to = put_number(to, (uint64_t) record->stale_until, 8);
	to = put_number(to, record->raw_len, 4);
	to = put_number(to, record->key_len, 4);
	to = put_number(to, record->value_len, 4);
	memset(to, 0, (size_t) (start + FO_RECORD_HEADER - to));
	to = start + FO_RECORD_HEADER;
	if (record->key_len > 0)
		memcpy(to, record->key, record->key_len);
	if (record->value_len > 0)
		memcpy(to + record->key_len, record->value, record->value_len);
}

/* Do the fields of a record of `len` bytes make sense together? */
static bool
is_sound(const FoRecord *record, size_t len)
{
	if (record->key_len > len - FO_RECORD_HEADER ||
		record->value_len != len - FO_RECORD_HEADER - record->key_len ||
		record->raw_len > MAX_VALUE)
		return false;
	switch (record->kind)
	{
		case FO_RECORD_VALUE:
			break;
		case FO_RECORD_TOMBSTONE:
		case FO_RECORD_FENCE:
		case FO_RECORD_LEASE:
			return record->value_len == 0;
		default:
			return false;
	}
	if (record->flags & ~(FO_RECORD_NEGATIVE | FO_RECORD_PACKED | FO_RECORD_BOUND))
		return false;
	if (record->flags & FO_RECORD_NEGATIVE)
		return record->value_len == 0 && record->raw_len == 0;
	if (record->flags & FO_RECORD_PACKED)
		return record->value_len > 0 && record->raw_len > 0;
	return record->value_len == record->raw_len;
}

/* Take bytes apart; key and value point into them.  False: not a sound record. */
bool
fo_record_read(FoRecord *record, const char *from, size_t len)
{
	const char *start = from;

	if (len < FO_RECORD_HEADER || memcmp(from, "FOC1", 4) != 0)
		return false;
	from += 4;
	record->kind = *from++;
	record->flags = (uint8_t) *from++;
	from += 2;
	record->server = get_number(&from, 8);
	record->timeline = (uint32_t) get_number(&from, 4);
	record->xid = (uint32_t) get_number(&from, 4);
	record->nonce = get_number(&from, 8);
	record->created = (int64_t) get_number(&from, 8);
	record->expires = (int64_t) get_number(&from, 8);
	record->stale_until = (int64_t) get_number(&from, 8);
	record->raw_len = (uint32_t) get_number(&from, 4);
	record->key_len = (uint32_t) get_number(&from, 4);
	record->value_len = (uint32_t) get_number(&from, 4);
	if (!is_sound(record, len))
		return false;
	record->key = start + FO_RECORD_HEADER;
	record->value = record->key + record->key_len;
	return true;
}
