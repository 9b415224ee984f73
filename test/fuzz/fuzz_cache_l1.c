/*
 * fuzz_cache_l1.c
 *		Any sequence of puts, gets and removals on a small cache: hits are the last value
 *		put, and the structures stay sound.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cache_l1.h"

#define KEYS	256
#define BYTES	(512 * 1024)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte of the value of a put is its number. */
static uint32_t
value_len(uint8_t key, uint8_t version)
{
	return ((uint32_t) key * 9 + (uint32_t) version * 3) % 1700;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char value[8192];
	static char got[8192];
	static void *memory;
	uint8_t		last[KEYS] = {0};
	FoL1	   *l1;

	if (memory == NULL)
		memory = aligned_alloc(64, BYTES);
	l1 = fo_l1_init(memory, BYTES);
	for (size_t i = 0; i + 2 < size; i += 3)
	{
		uint8_t		n = data[i + 1];
		uint8_t		version = data[i + 2] | 1;
		char		name[2] = {'k', (char) n};

		/* few hashes: buckets overflow */
		FoL1Key		key = {fo_cache_remix(n % 64) << 20 | (n % 4), {1, 2, 3, 4}, name, 2};
		FoL1Meta	meta = {.stale_until = data[i] & 0x80 ? 1 : INT64_MAX, .account = n};
		FoL1View	view;

		switch (data[i] % 4)
		{
			case 0:
			case 1:
				memset(value, version, sizeof(value));
				if (!fo_l1_insert(l1, &key, &meta, value, value_len(n, version), 2, NULL, NULL))
					abort();
				last[n] = version;
				break;
			case 2:
				fo_l1_remove(l1, &key);
				last[n] = 0;
				break;
			default:
				if (!fo_l1_find(l1, &key, &view))
					break;
				if (last[n] == 0 || view.len != value_len(n, last[n]) || !fo_l1_copy(&view, got))
					abort();
				memset(value, last[n], sizeof(value));
				if (memcmp(value, got, view.len) != 0)
					abort();
				(void) fo_l1_touch(l1, &key, &view);
		}
	}
	if (!fo_l1_check(l1))
		abort();
	return 0;
}
