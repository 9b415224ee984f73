/*
 * cursor_codec.c
 *		The values of a page cursor as bytes, and bytes as text for URLs.
 *
 * Bytes: one of flags (1: the row itself belongs to the page), then each value
 * as its length plus one in base 128, lowest digits first, and its bytes; 0 is
 * a null.  Ordering by ("new", NULL) gives 00 04 'n' 'e' 'w' 00.
 *
 * Text: base64url of RFC 4648 without padding.  Each value has one encoding
 * only, so decoding refuses what encoding would not have made.
 */
#include "core/cursor_codec.h"

#define FLAG_INCLUSIVE 1

static const char digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Bytes of a number in base 128. */
static size_t
number_size(uint64_t number)
{
	size_t		size = 1;

	while (number >= 128)
	{
		number >>= 7;
		size++;
	}
	return size;
}

static uint8_t *
put_number(uint8_t *out, uint64_t number)
{
	for (; number >= 128; number >>= 7)
		*out++ = (uint8_t) (number | 128);
	*out++ = (uint8_t) number;
	return out;
}

/* Read a number of at most 35 bits; NULL if it is cut off, too long or padded. */
static const uint8_t *
get_number(const uint8_t *p, const uint8_t *end, uint64_t *number)
{
	*number = 0;
	for (int shift = 0; shift < 35 && p < end; shift += 7)
	{
		uint8_t		byte = *p++;

		*number |= (uint64_t) (byte & 127) << shift;
		if (byte < 128)
			return byte == 0 && shift > 0 ? NULL : p;
	}
	return NULL;
}

/* Bytes that fo_cursor_encode() writes. */
size_t
fo_cursor_size(const FoCursorValue *values, int count)
{
	size_t		size = 1;

	for (int i = 0; i < count; i++)
		size += values[i].bytes == NULL ? 1 : number_size(values[i].len + 1) + values[i].len;
	return size;
}

/* Write the values to "out"; returns how many bytes that took. */
size_t
fo_cursor_encode(const FoCursorValue *values, int count, bool inclusive, uint8_t *out)
{
	uint8_t    *p = out;

	*p++ = inclusive ? FLAG_INCLUSIVE : 0;
	for (int i = 0; i < count; i++)
	{
		if (values[i].bytes == NULL)
		{
			*p++ = 0;
			continue;
		}
		p = put_number(p, values[i].len + 1);
		for (size_t j = 0; j < values[i].len; j++)
			*p++ = values[i].bytes[j];
	}
	return (size_t) (p - out);
}

/* Find "count" values in the bytes, pointing into them; false if they are not that. */
bool
fo_cursor_decode(const uint8_t *bytes, size_t len, FoCursorValue *values, int count,
				 bool *inclusive)
{
	const uint8_t *p = bytes;
	const uint8_t *end = bytes + len;

	if (len == 0 || *p > FLAG_INCLUSIVE)
		return false;
	*inclusive = *p++ == FLAG_INCLUSIVE;
	for (int i = 0; i < count; i++)
	{
		uint64_t	size;

		p = get_number(p, end, &size);
		if (p == NULL || (size > 0 && size - 1 > (uint64_t) (end - p)))
			return false;
		values[i].bytes = size == 0 ? NULL : p;
		values[i].len = size == 0 ? 0 : (size_t) size - 1;
		p += values[i].len;
	}
	return p == end;
}

/* Write FO_BASE64URL_SIZE(len) characters, without a zero; returns their number. */
size_t
fo_base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
	uint32_t	bits = 0;
	int			held = 0;
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
	{
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			out[n++] = digits[bits >> (held - 6) & 63];
	}
	if (held > 0)
		out[n++] = digits[bits << (6 - held) & 63];
	return n;
}

/* The value of a digit, or -1. */
static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Write at most len * 3 / 4 bytes; false if the text is not what encoding makes. */
bool
fo_base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
	uint32_t	bits = 0;
	int			held = 0;
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
	{
		int			value = digit_value(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		held += 6;
		if (held >= 8)
		{
			held -= 8;
			out[n++] = (uint8_t) (bits >> held);
		}
	}
	*out_len = n;
	return held < 6 && (bits & ((1U << held) - 1)) == 0;
}
