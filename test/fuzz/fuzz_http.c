/*
 * fuzz_http.c
 *		What clients send over HTTP: gzip, and headers as strings.
 *
 * Input: two bytes, the limit of decompression, and the data.
 */
#include <stdlib.h>
#include <string.h>

#include "core/gunzip.h"
#include "core/http_header.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t allowed;

/* realloc() that insists on the limit. */
static void *
resize(void *block, size_t size)
{
	if (size > allowed)
		abort();
	return realloc(block, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct libdeflate_decompressor *decompressor = NULL;
	FoGunzipOutput out = {.resize = resize};
	uint8_t    *bytes;
	char	   *text;

	if (size < 2)
		return 0;
	if (decompressor == NULL)
		decompressor = libdeflate_alloc_decompressor();
	out.limit = (size_t) data[0] << 8 | data[1];
	allowed = out.limit + 1;
	bytes = malloc(size - 2 + 1);
	memcpy(bytes, data + 2, size - 2);
	bytes = realloc(bytes, size > 2 ? size - 2 : 1);
	if (fo_gunzip(decompressor, bytes, size - 2, &out) == FO_GUNZIP_OK && out.len > out.limit)
		abort();
	free(out.block);
	text = malloc(size - 1);
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	fo_http_accepts(text, "gzip");
	fo_http_is_etag(text);
	fo_http_etag_listed(text, "W/\"a\"");
	/* A tag that is one is in the list of itself. */
	if (fo_http_is_etag(text) && !fo_http_etag_listed(text, text))
		abort();
	free(text);
	free(bytes);
	return 0;
}
