/*
 * gunzip.c
 *		Decompression of gzip with a bound on what comes out.
 *
 * A gzip file is one or more members, each of which says at its end how many bytes
 * it unpacks to, modulo 2^32, which may be a lie.  So the last member's word is taken
 * for a first guess, within what deflate can do at all (1 032 to 1) and within the
 * limit; where it is too small the room is doubled and the member done again, up to
 * the limit.  No more than that is ever allocated, whatever the input says, and no
 * byte is unpacked more than about twice.
 */
#include "core/gunzip.h"

/* Deflate's best: 258 bytes of output in two bits. */
#define MAX_RATIO 1032

/* The smallest member: header, an empty block, trailer. */
#define MIN_MEMBER 20

/* How much room to begin with. */
static size_t
first_guess(const uint8_t *bytes, size_t len, size_t limit)
{
	size_t		guess = 0;

	if (len >= MIN_MEMBER)
		guess = (size_t) bytes[len - 4] | (size_t) bytes[len - 3] << 8 |
			(size_t) bytes[len - 2] << 16 | (size_t) bytes[len - 1] << 24;
	if (guess / MAX_RATIO > len)
		guess = len;
	if (guess < 64)
		guess = 64;
	return guess < limit ? guess : limit;
}

/* Make room for more output: twice as much, up to the limit. */
static FoGunzipStatus
grow(FoGunzipOutput *out, size_t *room)
{
	void	   *block;

	if (*room == out->limit)
		return FO_GUNZIP_TOO_LARGE;
	*room = *room < out->limit / 2 ? *room * 2 : out->limit;
	block = out->resize(out->block, out->head + *room + 1);
	if (block == NULL)
		return FO_GUNZIP_NO_MEMORY;
	out->block = block;
	return FO_GUNZIP_OK;
}

/*
 * Unpack all members.  out->block may be NULL or a block that out->resize knows, and is
 * the caller's to release whatever the result.
 */
FoGunzipStatus
fo_gunzip(struct libdeflate_decompressor *decompressor, const uint8_t *bytes, size_t len,
		  FoGunzipOutput *out)
{
	size_t		room = first_guess(bytes, len, out->limit);
	size_t		at = 0;
	void	   *block = out->resize(out->block, out->head + room + 1);

	if (block == NULL)
		return FO_GUNZIP_NO_MEMORY;
	out->block = block;
	out->len = 0;
	do
	{
		size_t		used = 0;
		size_t		made = 0;
		enum libdeflate_result result;

		result = libdeflate_gzip_decompress_ex(decompressor, bytes + at, len - at,
											   out->block + out->head + out->len,
											   room - out->len, &used, &made);
		if (result == LIBDEFLATE_SUCCESS)
		{
			at += used;
			out->len += made;
		}
		else if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
		{
			FoGunzipStatus status = grow(out, &room);

			if (status != FO_GUNZIP_OK)
				return status;
		}
		else
			return FO_GUNZIP_BAD;
		if (out->poll != NULL)
			out->poll();
	} while (at < len);
	return FO_GUNZIP_OK;
}
