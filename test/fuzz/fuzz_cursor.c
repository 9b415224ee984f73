/*
 * fuzz_cursor.c
 *		What clients send for paging: texts as cursors, bytes as their values,
 *		entries of orderings.
 *
 * Input: a byte, the number of values that are expected, and the text.  What is
 * accepted must be what encoding makes of the result.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cursor_codec.h"
#include "core/order_term.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decode bytes; they must be the one encoding of their values. */
static void
check_values(const uint8_t *bytes, size_t len, int count)
{
	FoCursorValue values[32];
	bool		inclusive;
	uint8_t    *again = malloc(len + 1);

	if (fo_cursor_decode(bytes, len, values, count, &inclusive) &&
		(fo_cursor_size(values, count) != len ||
		 fo_cursor_encode(values, count, inclusive, again) != len ||
		 memcmp(again, bytes, len) != 0))
		abort();
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;
	char	   *name;
	uint8_t    *bytes;
	size_t		len;
	FoOrderTerm term;

	if (size < 1)
		return 0;
	text = malloc(size);
	name = malloc(size);
	bytes = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (fo_base64url_decode(text, size - 1, bytes, &len))
	{
		char	   *again = malloc(FO_BASE64URL_SIZE(len) + 1);

		if (fo_base64url_encode(bytes, len, again) != size - 1 ||
			memcmp(again, text, size - 1) != 0)
			abort();
		free(again);
		bytes = realloc(bytes, len > 0 ? len : 1);
		check_values(bytes, len, data[0] % 32);
	}
	memcpy(name, data + 1, size - 1);
	check_values((uint8_t *) name, size - 1, data[0] % 32);
	if (fo_order_parse(text, name, &term) == FO_ORDER_OK && strlen(term.name) >= size)
		abort();
	free(text);
	free(name);
	free(bytes);
	return 0;
}
