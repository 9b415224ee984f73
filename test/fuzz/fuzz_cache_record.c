/*
 * fuzz_cache_record.c
 *		Any bytes as a record from Redis: what is accepted must be sound, and writing it
 *		again must give the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cache_record.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoRecord	record;
	FoRecord	again;
	char	   *copy;

	if (!fo_record_read(&record, (const char *) data, size))
		return 0;
	if (fo_record_bytes(&record) != size)
		abort();
	copy = malloc(size);
	fo_record_write(&record, copy);
	if (!fo_record_read(&again, copy, size) || again.raw_len != record.raw_len ||
		memcmp(again.key, record.key, record.key_len) != 0 ||
		memcmp(again.value, record.value, record.value_len) != 0)
		abort();
	free(copy);
	return 0;
}
