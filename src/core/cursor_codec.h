/*
 * cursor_codec.h
 *		The values of a page cursor as bytes, and bytes as text for URLs.
 */
#ifndef FO_CORE_CURSOR_CODEC_H
#define FO_CORE_CURSOR_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FoCursorValue
{
	const uint8_t *bytes;		/* NULL for a null */
	size_t		len;
} FoCursorValue;

extern size_t fo_cursor_size(const FoCursorValue *values, int count);
extern size_t fo_cursor_encode(const FoCursorValue *values, int count, bool inclusive,
							   uint8_t *out);
extern bool fo_cursor_decode(const uint8_t *bytes, size_t len, FoCursorValue *values, int count,
							 bool *inclusive);

/* Characters that so many bytes become. */
#define FO_BASE64URL_SIZE(len) (((len) * 4 + 2) / 3)

extern size_t fo_base64url_encode(const uint8_t *bytes, size_t len, char *out);
extern bool fo_base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

#endif							/* FO_CORE_CURSOR_CODEC_H */
