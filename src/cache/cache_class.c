/*
 * cache_class.c
 *		Classification: what a model said about a post, found again by its text.
 *
 * A verdict is a value of the resource "classification": an object with the verdict
 * and its provenance, keyed by SHA-256 of model, prompt, parameters and the normalised
 * text (core/cache_text.c).  Everything else is the cache's.
 */
#include "postgres.h"

#include "cache/cache_class.h"
#include "core/cache_simhash.h"
#include "core/cache_text.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"

#define KEY_VERSION		"filteropt classification 1"

/* Parts of a key, each preceded by its length when hashed. */
typedef struct Parts
{
	const void *part[12];
	size_t		len[12];
	uint64		size[6];
	int			n;
} Parts;

static void
add_part(Parts *parts, const void *part, size_t len)
{
	parts->size[parts->n / 2] = len;
	parts->part[parts->n] = &parts->size[parts->n / 2];
	parts->len[parts->n++] = sizeof(uint64);
	parts->part[parts->n] = part;
	parts->len[parts->n++] = len;
}

/* The normal form of a text, in memory of the caller. */
static uint8_t *
normal_text(text *body, size_t *len)
{
	char	   *utf8 = pg_server_to_any(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), PG_UTF8);
	size_t		utf8_len = utf8 == VARDATA_ANY(body) ? VARSIZE_ANY_EXHDR(body) : strlen(utf8);
	uint8_t    *normal = MemoryContextAllocHuge(CurrentMemoryContext, fo_cache_text_room(utf8_len));

	*len = fo_cache_text_normal((uint8_t *) utf8, utf8_len, normal);
	return normal;
}

/*
 * Make the key of a text for a model, "c1:" and 64 hexadecimal digits, and if wanted what
 * near texts are found by.  Prompt and params may be NULL.
 */
void
fo_class_make_key(FoClassKey *to, text *body, text *model, text *prompt, Jsonb *params,
				  bool near)
{
	Parts		parts = {.n = 0};
	uint8		digest[32];
	size_t		len;
	uint8_t    *normal = normal_text(body, &len);

	add_part(&parts, KEY_VERSION, strlen(KEY_VERSION));
	add_part(&parts, VARDATA_ANY(model), VARSIZE_ANY_EXHDR(model));
	if (prompt == NULL)
		add_part(&parts, "", 0);
	else
		add_part(&parts, VARDATA_ANY(prompt), VARSIZE_ANY_EXHDR(prompt));
	if (params == NULL)
		add_part(&parts, "", 0);
	else
	{
		char	   *canonical = JsonbToCString(NULL, &params->root, VARSIZE(params));

		add_part(&parts, canonical, strlen(canonical));
	}
	if (near)
	{
		fo_sha256(to->scope, parts.n, parts.part, parts.len);
		to->simhash = fo_simhash(normal, len);
	}
	add_part(&parts, normal, len);
	fo_sha256(digest, parts.n, parts.part, parts.len);
	memcpy(to->bytes, "c1:", 3);
	hex_encode((char *) digest, sizeof(digest), to->bytes + 3);
	pfree(normal);
}

/*
 * The same from the arguments of a function: body, model, then prompt and params from
 * prompt_arg on.
 */
void
fo_class_key(FoClassKey *to, FunctionCallInfo fcinfo, int prompt_arg, bool near)
{
	fo_class_make_key(to, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1),
					  PG_ARGISNULL(prompt_arg) ? NULL : PG_GETARG_TEXT_PP(prompt_arg),
					  PG_ARGISNULL(prompt_arg + 1) ? NULL : PG_GETARG_JSONB_P(prompt_arg + 1),
					  near);
}

PG_FUNCTION_INFO_V1(fo_classification_key);

/* classification_key(body, model, prompt, params) returns text */
Datum
fo_classification_key(PG_FUNCTION_ARGS)
{
	FoClassKey	key;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	fo_class_key(&key, fcinfo, 2, false);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(key.bytes, FO_CLASS_KEY_BYTES));
}

PG_FUNCTION_INFO_V1(fo_classification_normal);

/* classification_text(body) returns text: what the key is made of */
Datum
fo_classification_normal(PG_FUNCTION_ARGS)
{
	size_t		len;
	uint8_t    *normal = normal_text(PG_GETARG_TEXT_PP(0), &len);
	char	   *result = pg_any_to_server((char *) normal, len, PG_UTF8);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(result, result == (char *) normal ? len
											  : strlen(result)));
}

/* A number in an object, 0 if there is none. */
static double
number_field(Jsonb *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, name, strlen(name), &buffer);

	if (value == NULL || value->type != jbvNumeric)
		return 0;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(value->val.numeric)));
}

/* Count what a hit has saved: millionths of the cost's unit, and milliseconds. */
void
fo_class_count_savings(FoCacheResource *resource, Jsonb *object)
{
	double		cost = number_field(object, "cost") * 1e6;
	double		ms = number_field(object, "ms");

	if (cost > 0 && cost < 1e15)
		fo_cache_count_slow(resource->slot, FO_COUNT_SAVED_COST, (uint64) cost);
	if (ms > 0 && ms < 1e12)
		fo_cache_count_slow(resource->slot, FO_COUNT_SAVED_MS, (uint64) ms);
}

/* The resource of verdicts, or an error. */
FoCacheResource *
fo_class_resource(void)
{
	static const char name[] = "classification";
	FoCacheResource *resource = fo_resource_find(name, strlen(name));

	return resource != NULL ? resource : fo_resource_get(cstring_to_text(name));
}

/* The verdict that is kept under a key, NULL if there is none; counts what it saves. */
Jsonb *
fo_class_verdict(const char *bytes)
{
	FoCacheResource *resource = fo_class_resource();
	FoCacheKey	key;
	FoCacheItem item;
	JsonbValue	buffer;
	JsonbValue *verdict;

	fo_key_make(&key, resource, bytes, FO_CLASS_KEY_BYTES);
	if (!fo_cache_look(&key, GetActiveSnapshot(), 0, &item) || item.value == NULL ||
		!JB_ROOT_IS_OBJECT(item.value))
		return NULL;
	fo_class_count_savings(resource, item.value);
	verdict = getKeyJsonValueFromContainer(&item.value->root, "verdict", 7, &buffer);
	return verdict == NULL || verdict->type == jbvNull ? NULL : JsonbValueToJsonb(verdict);
}

PG_FUNCTION_INFO_V1(fo_classification_get);

/* classification_get(body, model, prompt, params) returns jsonb: the verdict */
Datum
fo_classification_get(PG_FUNCTION_ARGS)
{
	FoClassKey	key;
	Jsonb	   *verdict;

	(void) fo_class_resource();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	fo_class_key(&key, fcinfo, 2, false);
	verdict = fo_class_verdict(key.bytes);
	if (verdict == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(verdict);
}
