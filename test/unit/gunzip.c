/*
 * gunzip.c
 *		Bounded decompression: what comes out, and what is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "core/gunzip.h"
#include "support/tap.h"

static size_t largest;

/* realloc() that remembers the largest request. */
static void *
resize(void *block, size_t size)
{
	if (size > largest)
		largest = size;
	return realloc(block, size);
}

/* Compress bytes to an exact block. */
static uint8_t *
pack(const uint8_t *bytes, size_t len, size_t *packed_len)
{
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(9);
	size_t		bound = libdeflate_gzip_compress_bound(compressor, len);
	uint8_t    *packed = malloc(bound);

	*packed_len = libdeflate_gzip_compress(compressor, bytes, len, packed, bound);
	libdeflate_free_compressor(compressor);
	return realloc(packed, *packed_len);
}

static FoGunzipStatus
unpack(const uint8_t *packed, size_t len, size_t limit, FoGunzipOutput *out)
{
	struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
	FoGunzipStatus status;

	*out = (FoGunzipOutput) {.head = 4, .limit = limit, .resize = resize};
	largest = 0;
	status = fo_gunzip(decompressor, packed, len, out);
	libdeflate_free_decompressor(decompressor);
	return status;
}

/* Lengths and limits around each other, with the trailer telling the truth or not. */
static void
test_limits(void)
{
	static const size_t lengths[] = {0, 1, 63, 64, 65, 1000, 100000, 3000000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		size_t		len = lengths[i];
		uint8_t    *bytes = calloc(len + 1, 1);
		uint8_t    *packed;
		size_t		packed_len;
		FoGunzipOutput out;

		for (size_t j = 0; j < len / 2; j++)
			bytes[j] = (uint8_t) (j * j >> 3);
		packed = pack(bytes, len, &packed_len);
		is(unpack(packed, packed_len, len, &out), FO_GUNZIP_OK, "%zu bytes within the limit", len);
		ok(out.len == len && memcmp(out.block + 4, bytes, len) == 0, "%zu bytes are back", len);
		ok(largest <= len + 5, "no more than the limit is allocated");
		free(out.block);
		if (len > 0)
		{
			is(unpack(packed, packed_len, len - 1, &out), FO_GUNZIP_TOO_LARGE,
			   "%zu bytes beyond the limit", len);
			ok(largest <= len + 4, "and not allocated");
			free(out.block);
			/* What is missing may also read as a longer stream. */
			ok(unpack(packed, packed_len - 1, len, &out) != FO_GUNZIP_OK, "cut off");
			free(out.block);
			packed[packed_len - 5] ^= 1;
			is(unpack(packed, packed_len, len, &out), FO_GUNZIP_BAD, "wrong checksum");
			free(out.block);
		}
		free(bytes);
		free(packed);
	}
}

/* A trailer that lies about the size makes nothing large. */
static void
test_lies(void)
{
	uint8_t		bytes[100] = {0};
	size_t		len;
	uint8_t    *packed = pack(bytes, sizeof(bytes), &len);
	FoGunzipOutput out;

	memset(packed + len - 4, 0xff, 4);
	is(unpack(packed, len, 1 << 30, &out), FO_GUNZIP_BAD, "4 GB are promised");
	ok(largest < 100000, "and not believed");
	free(out.block);
	is(unpack((const uint8_t *) "", 0, 100, &out), FO_GUNZIP_BAD, "nothing");
	free(out.block);
	is(unpack((const uint8_t *) "not gzip at all, is it?", 23, 100, &out), FO_GUNZIP_BAD,
	   "no gzip");
	free(out.block);
	free(packed);
}

/* Members one after the other, the last of them small. */
static void
test_members(void)
{
	size_t		big_len;
	size_t		small_len;
	uint8_t    *bytes = calloc(50000, 1);
	uint8_t    *big = pack(bytes, 50000, &big_len);
	uint8_t    *small = pack((const uint8_t *) "end", 3, &small_len);
	uint8_t    *both = malloc(big_len + small_len);
	FoGunzipOutput out;

	memcpy(both, big, big_len);
	memcpy(both + big_len, small, small_len);
	is(unpack(both, big_len + small_len, 50003, &out), FO_GUNZIP_OK, "two members");
	ok(out.len == 50003 && memcmp(out.block + 4 + 50000, "end", 3) == 0, "in order");
	free(out.block);
	is(unpack(both, big_len + small_len, 50002, &out), FO_GUNZIP_TOO_LARGE, "one byte too many");
	free(out.block);
	is(unpack(both, big_len + small_len - 3, 50003, &out), FO_GUNZIP_BAD, "the second cut off");
	free(out.block);
	free(bytes);
	free(big);
	free(small);
	free(both);
}

int
main(void)
{
	test_limits();
	test_lies();
	test_members();
	return tap_done();
}
