/*
 * fuzz_cache_text.c
 *		Any bytes as a post: its normal form fits the room, and is empty for an empty post only.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cache_text.h"
#include "core/unicode.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *
allocate(size_t size)
{
	return malloc(size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *once;
	size_t		len;

	if (size > 4096)
		return 0;
	fo_unicode_init(allocate);
	once = malloc(fo_cache_text_room(size));
	len = fo_cache_text_normal(data, size, once);
	if (len > fo_cache_text_room(size) || (len == 0 && size > 0))
		abort();
	free(once);
	return 0;
}
