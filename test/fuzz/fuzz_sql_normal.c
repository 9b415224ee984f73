/*
 * fuzz_sql_normal.c
 *		Any bytes as the text of a statement, to be normalised.
 *
 * Input: two bytes (offset of the key, flags and size of the output) and the text.
 * What is written must fit; sanitizers watch the rest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/sql_normal.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int32_t variable[] = {3, 9, 20};
	static const int32_t id[] = {5, 2, 5};
	FoSqlSource source = {.key = -1};
	FoSqlNormal result;
	char	   *text;
	char	   *out;
	size_t		room;
	size_t		body;
	size_t		body_len;

	if (size < 2)
		return 0;
	room = (data[1] & 0x80) ? 1 + (data[1] & 0x3f) : 8 * size + 64;
	text = malloc(size - 1);
	memcpy(text, data + 2, size - 2);
	out = malloc(room);
	source.text = text;
	source.len = size - 2;
	source.backslash = (data[1] & 1) != 0;
	if (data[1] & 2)
	{
		source.variable = variable;
		source.variable_id = id;
		source.nvariables = 3;
	}
	if (data[1] & 4)
	{
		source.key = data[0];
		source.key_id = (data[1] & 8) ? 2 : 0;
		source.key_text = "ANY ($)";
		source.drop_key = (data[1] & 16) != 0;
		source.insert = " k,";
		source.first = 3;
	}
	fo_sql_normalize(&source, out, room, &result);
	body_len = size - 2;
	body = fo_sql_body(text, &body_len);
	if (result.len > room || body > size - 2 || body_len > size - 2 - body ||
		fo_sql_name(text, size - 2) > size - 2)
		abort();
	free(out);
	free(text);
	return 0;
}
