/*
 * page_cursor.c
 *		Cursors: places in an ordering as texts that go to clients and back.
 *
 * A cursor holds the row's values of the ordering's columns, as their types
 * print them, which is exact for every type under the settings that pg_dump and
 * postgres_fdw use for the same purpose: microseconds, all digits of floating
 * point and numbers, any collation.  It is sealed (seal.c), and bound to the
 * relation, the ordering and the filter: with others, or altered, or made by
 * somebody else, it is an error, not another page.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "api/page_cursor.h"
#include "api/seal.h"
#include "core/cursor_codec.h"

/* Of the sealed bytes.  An index entry has 2 700 bytes at most. */
#define MAX_CURSOR_BYTES 16384

/* The first byte of what is sealed for; another format takes another number. */
#define CURSOR_FORMAT 1

/* Set a parameter until the nest level ends. */
static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* Let types print and read values exactly; AtEOXact_GUC(true, result) undoes it. */
static int
pin_formats(const FoPageSource *source)
{
	int			level = NewGUCNestLevel();

	for (int i = 0; i < source->nkeys; i++)
	{
		switch (source->keys[i].type)
		{
			case INT2OID:
			case INT4OID:
			case INT8OID:
			case TEXTOID:
			case VARCHAROID:
			case UUIDOID:
			case NUMERICOID:
			case BOOLOID:
				continue;		/* print alike whatever the settings */
			case TIMESTAMPTZOID:
			case TIMESTAMPOID:
			case DATEOID:
				set_local("datestyle", "ISO, YMD");
				continue;
			default:
				break;
		}
		set_local("datestyle", "ISO, YMD");
		set_local("intervalstyle", "iso_8601");
		set_local("extra_float_digits", "3");
		set_local("search_path", "pg_catalog");
		set_local("lc_monetary", "C");
	}
	return level;
}

/* What cursors of this source, ordering and filter are bound to. */
static StringInfo
binding(const FoPageSource *source, Jsonb *filter)
{
	StringInfo	buf = makeStringInfo();

	appendStringInfo(buf, "%d %u", CURSOR_FORMAT, RelationGetRelid(source->relation));
	for (int i = 0; i < source->nkeys; i++)
	{
		const FoPageKey *key = &source->keys[i];

		appendStringInfo(buf, ",%d %u %u %d%d", key->attnum, key->type, key->collation,
						 key->descending, key->nulls_first);
	}
	appendStringInfoChar(buf, ';');
	if (filter != NULL)
		(void) JsonbToCString(buf, &filter->root, VARSIZE(filter));
	return buf;
}

/* The values of a place as their types print them, NULL for a null. */
char **
fo_page_place_texts(const FoPageSource *source, const FoPagePlace *place)
{
	char	  **texts = palloc0(sizeof(char *) * source->nkeys);
	int			level = pin_formats(source);

	for (int i = 0; i < source->nkeys; i++)
	{
		Oid			output;
		bool		varlena;

		if (place->nulls[i])
			continue;
		getTypeOutputInfo(source->keys[i].type, &output, &varlena);
		texts[i] = OidOutputFunctionCall(output, place->values[i]);
	}
	AtEOXact_GUC(true, level);
	return texts;
}

/* The cursor of a place. */
text *
fo_page_cursor_write(const FoPageSource *source, Jsonb *filter, const FoPagePlace *place)
{
	char	  **texts = fo_page_place_texts(source, place);
	FoCursorValue *values = palloc0(sizeof(FoCursorValue) * source->nkeys);
	StringInfo	bound = binding(source, filter);
	size_t		len;
	uint8	   *plain;
	uint8	   *sealed;
	text	   *result;

	for (int i = 0; i < source->nkeys; i++)
	{
		values[i].bytes = (const uint8 *) texts[i];
		values[i].len = texts[i] == NULL ? 0 : strlen(texts[i]);
	}
	len = fo_cursor_size(values, source->nkeys);
	if (len + FO_SEAL_OVERHEAD > MAX_CURSOR_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the values of the ordering are too long for a cursor"),
				 errdetail("They have %zu bytes; the limit is %d.", len,
						   MAX_CURSOR_BYTES - FO_SEAL_OVERHEAD),
				 errhint("Order by shorter columns.")));
	plain = palloc(len);
	sealed = palloc(len + FO_SEAL_OVERHEAD);
	fo_cursor_encode(values, source->nkeys, place->inclusive, plain);
	fo_seal(plain, len, bound->data, bound->len, sealed);
	len += FO_SEAL_OVERHEAD;
	result = palloc(VARHDRSZ + FO_BASE64URL_SIZE(len));
	SET_VARSIZE(result, VARHDRSZ + fo_base64url_encode(sealed, len, VARDATA(result)));
	return result;
}

/* The place that values, as their types print them, name. */
static void
read_values(const FoPageSource *source, const FoCursorValue *values, FoPagePlace *place)
{
	int			level = pin_formats(source);

	place->values = palloc0(sizeof(Datum) * source->nkeys);
	place->nulls = palloc0(sizeof(bool) * source->nkeys);
	for (int i = 0; i < source->nkeys; i++)
	{
		Oid			input;
		Oid			param;

		place->nulls[i] = values[i].bytes == NULL;
		if (place->nulls[i])
			continue;
		getTypeInputInfo(source->keys[i].type, &input, &param);
		place->values[i] = OidInputFunctionCall(input,
												pnstrdup((const char *) values[i].bytes,
														 values[i].len),
												param, -1);
	}
	AtEOXact_GUC(true, level);
}

/* The place that a cursor names; an error if it is none of this source, ordering and filter. */
void
fo_page_cursor_read(const FoPageSource *source, Jsonb *filter, text *cursor, FoPagePlace *place)
{
	size_t		len = VARSIZE_ANY_EXHDR(cursor);
	StringInfo	bound = binding(source, filter);
	FoCursorValue *values = palloc0(sizeof(FoCursorValue) * source->nkeys);
	uint8	   *sealed;
	uint8	   *plain;

	if (len > FO_BASE64URL_SIZE(MAX_CURSOR_BYTES) || len < FO_BASE64URL_SIZE(FO_SEAL_OVERHEAD))
		len = 0;
	sealed = palloc(len + 1);
	if (len == 0 || !fo_base64url_decode(VARDATA_ANY(cursor), len, sealed, &len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is no cursor"),
				 errhint("Pass \"next\" or \"previous\" of a page as it is, or NULL for the "
						 "first page.")));
	plain = palloc(len);
	if (!fo_unseal(sealed, len, bound->data, bound->len, plain) ||
		!fo_cursor_decode(plain, len - FO_SEAL_OVERHEAD, values, source->nkeys, &place->inclusive))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the cursor does not belong to this source, ordering and filter"),
				 errdetail("Or it was altered, or made before the secret was renewed."),
				 errhint("Pass the arguments that the cursor was made with, or start at the first "
						 "page with NULL.")));
	read_values(source, values, place);
}
