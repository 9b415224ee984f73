/*
 * compress.c
 *		gzip by libdeflate, for bodies of responses.
 *
 * libdeflate works on whole buffers and cannot be interrupted, so what goes in and
 * what may come out is limited: that keeps one call within a few seconds at worst.
 */
#include "postgres.h"

#include <libdeflate.h>

#include "catalog/pg_type.h"
#include "access/htup_details.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "core/gunzip.h"
#include "core/http_header.h"

PG_FUNCTION_INFO_V1(fo_api_gzip_bytea);
PG_FUNCTION_INFO_V1(fo_api_gzip_text);
PG_FUNCTION_INFO_V1(fo_api_gunzip);
PG_FUNCTION_INFO_V1(fo_api_gzip_body_bytea);
PG_FUNCTION_INFO_V1(fo_api_gzip_body_text);

#define MAX_BODY (64 * 1024 * 1024)
#define MAX_OUTPUT (256 * 1024 * 1024)

/* Working memory of libdeflate, from malloc: at most one of each, kept for the next call. */
static struct libdeflate_compressor *compressor = NULL;
static int	compressor_level = 0;
static struct libdeflate_decompressor *decompressor = NULL;

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory")));
}

/* The level argument, checked. */
static int
level_arg(FunctionCallInfo fcinfo, int arg)
{
	int			level = PG_GETARG_INT32(arg);

	if (level < 1 || level > 9)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("compression level %d is not between 1 and 9", level),
				 errhint("1 is fastest, 9 smallest; 6 is the usual one.")));
	return level;
}

/* Compress bytes. */
static bytea *
compress_bytes(const char *bytes, size_t len, int level)
{
	size_t		bound;
	size_t		made;
	bytea	   *result;

	if (len > MAX_BODY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%zu bytes are too many to compress", len),
				 errdetail("The limit is %d.", MAX_BODY)));
	if (compressor == NULL || compressor_level != level)
	{
		libdeflate_free_compressor(compressor);
		compressor = libdeflate_alloc_compressor(level);
		compressor_level = level;
		if (compressor == NULL)
			out_of_memory();
	}
	bound = libdeflate_gzip_compress_bound(compressor, len);
	result = palloc(VARHDRSZ + bound);
	made = libdeflate_gzip_compress(compressor, bytes, len, VARDATA(result), bound);
	if (made == 0)
		elog(ERROR, "libdeflate did not compress");
	SET_VARSIZE(result, VARHDRSZ + made);
	CHECK_FOR_INTERRUPTS();
	return result;
}

/* The bytes of a text as HTTP wants them: UTF-8. */
static const char *
text_bytes(text *value, size_t *len)
{
	char	   *bytes = VARDATA_ANY(value);
	char	   *converted = pg_server_to_any(bytes, VARSIZE_ANY_EXHDR(value), PG_UTF8);

	*len = converted == bytes ? VARSIZE_ANY_EXHDR(value) : strlen(converted);
	return converted;
}

/* gzip(bytea, level) */
Datum
fo_api_gzip_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_BYTEA_P(compress_bytes(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
									 level_arg(fcinfo, 1)));
}

/* gzip(text, level) */
Datum
fo_api_gzip_text(PG_FUNCTION_ARGS)
{
	size_t		len;
	const char *bytes = text_bytes(PG_GETARG_TEXT_PP(0), &len);

	PG_RETURN_BYTEA_P(compress_bytes(bytes, len, level_arg(fcinfo, 1)));
}

/* FoGunzipOutput.resize */
static void *
resize(void *block, size_t size)
{
	return block == NULL ? palloc(size) : repalloc(block, size);
}

/* FoGunzipOutput.poll */
static void
poll_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* gunzip(bytea, max_bytes) */
Datum
fo_api_gunzip(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	int			limit = PG_GETARG_INT32(1);
	FoGunzipOutput out = {.head = VARHDRSZ, .resize = resize, .poll = poll_interrupts};
	FoGunzipStatus status;

	if (limit < 0 || limit > MAX_OUTPUT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_bytes %d is not between 0 and %d", limit, MAX_OUTPUT)));
	if (decompressor == NULL)
		decompressor = libdeflate_alloc_decompressor();
	if (decompressor == NULL)
		out_of_memory();
	out.limit = limit;
	status = fo_gunzip(decompressor, (const uint8 *) VARDATA_ANY(value),
					   VARSIZE_ANY_EXHDR(value), &out);
	if (status == FO_GUNZIP_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the data unpacks to more than %d bytes", limit),
				 errhint("Pass a larger max_bytes if you trust where the data comes from.")));
	if (status != FO_GUNZIP_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("the data is not gzip, damaged, or cut off")));
	SET_VARSIZE(out.block, VARHDRSZ + out.len);
	PG_RETURN_BYTEA_P(out.block);
}

/*
 * A body and its Content-Encoding: compressed if the client accepts that, if it has
 * at least so many bytes, and if it gets smaller by that.
 */
static Datum
choose_body(FunctionCallInfo fcinfo, const char *bytes, size_t len)
{
	bool		accepted = !PG_ARGISNULL(1) &&
		fo_http_accepts(text_to_cstring(PG_GETARG_TEXT_PP(1)), "gzip");
	int			level;
	Datum		values[2];
	bool		nulls[2] = {false, true};
	TupleDesc	desc;
	bytea	   *body = NULL;

	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("min_bytes and level must not be null")));
	level = level_arg(fcinfo, 3);
	if (accepted && len <= MAX_BODY && (int64) len >= PG_GETARG_INT32(2))
		body = compress_bytes(bytes, len, level);
	if (body != NULL && VARSIZE(body) - VARHDRSZ < len)
	{
		nulls[1] = false;
		values[1] = CStringGetTextDatum("gzip");
	}
	else
		body = (bytea *) cstring_to_text_with_len(bytes, (int) len);
	values[0] = PointerGetDatum(body);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* gzip_body(bytea, accept_encoding, min_bytes, level) */
Datum
fo_api_gzip_body_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *value;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_BYTEA_PP(0);
	PG_RETURN_DATUM(choose_body(fcinfo, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

/* gzip_body(text, accept_encoding, min_bytes, level) */
Datum
fo_api_gzip_body_text(PG_FUNCTION_ARGS)
{
	const char *bytes;
	size_t		len;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	bytes = text_bytes(PG_GETARG_TEXT_PP(0), &len);
	PG_RETURN_DATUM(choose_body(fcinfo, bytes, len));
}
