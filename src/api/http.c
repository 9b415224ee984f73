/*
 * http.c
 *		Headers of HTTP caching: RFC 9111, stale-while-revalidate of RFC 5861, and
 *		the keys by which CDNs purge.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/json_value.h"
#include "base/compat.h"
#include "core/cursor_codec.h"
#include "core/http_header.h"

PG_FUNCTION_INFO_V1(fo_api_http_etag);
PG_FUNCTION_INFO_V1(fo_api_http_etag_jsonb);
PG_FUNCTION_INFO_V1(fo_api_http_not_modified);
PG_FUNCTION_INFO_V1(fo_api_http_cache);

/* Bytes of a SHA-256 that make an entity tag. */
#define ETAG_BYTES 16

typedef enum Scope
{
	SCOPE_PUBLIC,
	SCOPE_USER,
	SCOPE_NONE
} Scope;

/* How long a response is fresh, and how long after that it may be given out. */
typedef struct Lifetime
{
	int64		fresh;			/* seconds, -1 if not known yet */
	int64		stale;
} Lifetime;

/* The response's headers, as an object and as PostgREST's list. */
typedef struct Headers
{
	JsonbParseState *object;
	JsonbParseState *list;
} Headers;

/* The entity tag of bytes. */
static text *
make_etag(const char *bytes, size_t len, bool weak)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		encoded[FO_BASE64URL_SIZE(ETAG_BYTES)];
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) bytes, len) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(hash);
	fo_base64url_encode(digest, ETAG_BYTES, encoded);
	return cstring_to_text(psprintf("%s\"%.*s\"", weak ? "W/" : "", (int) sizeof(encoded),
									encoded));
}

/* http_etag(text or bytea, weak) */
Datum
fo_api_http_etag(PG_FUNCTION_ARGS)
{
	text	   *content = PG_GETARG_TEXT_PP(0);

	PG_RETURN_TEXT_P(make_etag(VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
							   PG_GETARG_BOOL(1)));
}

/* http_etag(jsonb, weak) */
Datum
fo_api_http_etag_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb	   *content = PG_GETARG_JSONB_P(0);
	char	   *printed = JsonbToCString(NULL, &content->root, VARSIZE(content));

	PG_RETURN_TEXT_P(make_etag(printed, strlen(printed), PG_GETARG_BOOL(1)));
}

/* An entity tag, checked. */
static char *
etag_of(text *value)
{
	char	   *etag = text_to_cstring(value);

	if (!fo_http_is_etag(etag))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no entity tag", quote_literal_cstr(etag)),
				 errhint("Make one with http_etag(), or write a quoted string, like \"v7\" or "
						 "W/\"v7\".")));
	return etag;
}

/* http_not_modified(etag, if_none_match) */
Datum
fo_api_http_not_modified(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(fo_http_etag_listed(text_to_cstring(PG_GETARG_TEXT_PP(1)),
									   etag_of(PG_GETARG_TEXT_PP(0))));
}

/* An interval in seconds; a month has 30 days. */
static int64
seconds_of(Interval *span, const char *name)
{
	int64		seconds = span->time / USECS_PER_SEC +
		((int64) span->month * DAYS_PER_MONTH + span->day) * SECS_PER_DAY;

	if (seconds < 0 || seconds > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not between 0 and 68 years", name)));
	return seconds;
}

/* The scope argument. */
static Scope
scope_of(FunctionCallInfo fcinfo, int arg)
{
	char	   *scope = PG_ARGISNULL(arg) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(arg));

	if (strcmp(scope, "public") == 0)
		return SCOPE_PUBLIC;
	if (strcmp(scope, "user") == 0)
		return SCOPE_USER;
	if (strcmp(scope, "none") == 0)
		return SCOPE_NONE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("scope \"%s\" is unknown", scope),
			 errhint("Use \"public\" for what is the same for everybody, \"user\" for what depends "
					 "on who asks, or \"none\" for what nobody may keep.")));
}

/* Find a resource's row by its name, by a plan that is kept for the session. */
static void
find_resource(char *resource)
{
	static SPIPlanPtr plan = NULL;
	Datum		value = CStringGetTextDatum(resource);

	if (plan == NULL)
	{
		Oid			type = TEXTOID;
		SPIPlanPtr	made = SPI_prepare("SELECT ttl, stale_for, scope OPERATOR(pg_catalog.=) 'role' "
									   "FROM filteropt.cache_resource "
									   "WHERE name OPERATOR(pg_catalog.=) $1", 1, &type);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not plan to read filteropt.cache_resource");
		plan = made;
	}
	if (SPI_execute_plan(plan, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read filteropt.cache_resource");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("cache resource \"%s\" does not exist", resource),
				 errhint("Add it with filteropt.cache_resource_add(), or pass ttl.")));
}

/* A column of the row found. */
static Datum
resource_column(int column)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
}

/* Take what the cache knows of a resource: an error if it does not know it. */
static void
look_up(char *resource, Scope scope, Lifetime *lifetime)
{
	Oid			namespace = get_namespace_oid("filteropt", false);

	if (!OidIsValid(get_relname_relid("cache_resource", namespace)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are no cache resources to look \"%s\" up in", resource),
				 errhint("Pass ttl instead.")));
	SPI_connect();
	find_resource(resource);
	if (scope == SCOPE_PUBLIC && DatumGetBool(resource_column(3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("resource \"%s\" has a value for each role, and so is never public",
						resource),
				 errhint("Use the scope \"user\".")));
	if (lifetime->fresh < 0)
		lifetime->fresh = seconds_of(DatumGetIntervalP(resource_column(1)), "ttl");
	if (lifetime->stale < 0)
		lifetime->stale = seconds_of(DatumGetIntervalP(resource_column(2)), "stale_for");
	SPI_finish();
}

/* The lifetime: what is given, and the rest from the resource. */
static Lifetime
lifetime_of(FunctionCallInfo fcinfo, Scope scope)
{
	Lifetime	lifetime = {-1, -1};

	if (!PG_ARGISNULL(2))
		lifetime.fresh = seconds_of(PG_GETARG_INTERVAL_P(2), "ttl");
	if (!PG_ARGISNULL(3))
		lifetime.stale = seconds_of(PG_GETARG_INTERVAL_P(3), "stale_for");
	if (!PG_ARGISNULL(0))
		look_up(text_to_cstring(PG_GETARG_TEXT_PP(0)), scope, &lifetime);
	if (lifetime.fresh < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("neither a resource nor a ttl is given")));
	lifetime.stale = Max(lifetime.stale, 0);
	return lifetime;
}

/* Add a header. */
static void
add_header(Headers *headers, const char *name, const char *value)
{
	text	   *copy = cstring_to_text(value);

	fo_json_push_text(&headers->object, name, copy);
	(void) pushJsonbValue(&headers->list, WJB_BEGIN_OBJECT, NULL);
	fo_json_push_text(&headers->list, name, copy);
	(void) pushJsonbValue(&headers->list, WJB_END_OBJECT, NULL);
}

/* Append entries of a text[] argument, each of which must be a token. */
static void
append_tokens(StringInfo buf, FunctionCallInfo fcinfo, int arg, const char *what,
			  const char *separator)
{
	Datum	   *entries;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(arg))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT, &entries,
					  &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *entry = nulls[i] ? "" : TextDatumGetCString(entries[i]);
		const char *p;

		/* Keys may have colons and slashes, too, as in "user:7". */
		for (p = entry; *p > ' ' && *p < 127 && *p != ',' && *p != '"' && *p != '\\'; p++)
			;
		if (*p != '\0' || p == entry)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s is no valid entry of %s", quote_literal_cstr(entry), what),
					 errhint("Use visible ASCII characters without blanks, commas, quotes and "
							 "backslashes.")));
		appendStringInfo(buf, "%s%s", buf->len > 0 ? separator : "", entry);
	}
}

/* Cache-Control */
static char *
cache_control(Scope scope, const Lifetime *lifetime)
{
	StringInfoData buf;

	if (scope == SCOPE_NONE)
		return "no-store";
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s, max-age=%lld", scope == SCOPE_PUBLIC ? "public" : "private",
					 (long long) lifetime->fresh);
	if (lifetime->stale > 0)
		appendStringInfo(&buf, ", stale-while-revalidate=%lld", (long long) lifetime->stale);
	return buf.data;
}

/* Add all headers. */
static void
add_headers(Headers *headers, FunctionCallInfo fcinfo, Scope scope, const char *etag)
{
	Lifetime	lifetime = {0, 0};
	StringInfoData vary;
	StringInfoData keys;
	StringInfoData tags;

	if (scope != SCOPE_NONE)
		lifetime = lifetime_of(fcinfo, scope);
	add_header(headers, "Cache-Control", cache_control(scope, &lifetime));
	if (etag != NULL && scope != SCOPE_NONE)
		add_header(headers, "ETag", etag);
	initStringInfo(&vary);
	append_tokens(&vary, fcinfo, 7, "vary", ", ");
	if (scope == SCOPE_USER)
		appendStringInfo(&vary, "%sAuthorization, Cookie", vary.len > 0 ? ", " : "");
	if (vary.len > 0)
		add_header(headers, "Vary", vary.data);
	initStringInfo(&keys);
	initStringInfo(&tags);
	append_tokens(&keys, fcinfo, 6, "tags", " ");
	append_tokens(&tags, fcinfo, 6, "tags", ",");
	if (keys.len > 0 && scope == SCOPE_PUBLIC)
	{
		add_header(headers, "Surrogate-Key", keys.data);
		add_header(headers, "Cache-Tag", tags.data);
	}
}

/* Set a parameter for the rest of the transaction. */
static void
set_for_transaction(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							 false);
}

/* Tell PostgREST, adding to the headers that the application has set. */
static void
apply(Jsonb *list, bool not_modified)
{
	const char *before = GetConfigOption("response.headers", true, false);

	if (before != NULL && before[0] != '\0')
	{
		Datum		others = DirectFunctionCall1(jsonb_in, CStringGetDatum(before));

		list = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, others, JsonbPGetDatum(list)));
	}
	set_for_transaction("response.headers", JsonbToCString(NULL, &list->root, VARSIZE(list)));
	if (not_modified)
		set_for_transaction("response.status", "304");
}

/* http_cache(resource, scope, ttl, stale_for, etag, if_none_match, tags, vary, apply) */
Datum
fo_api_http_cache(PG_FUNCTION_ARGS)
{
	Scope		scope = scope_of(fcinfo, 1);
	char	   *etag = PG_ARGISNULL(4) ? NULL : etag_of(PG_GETARG_TEXT_PP(4));
	bool		not_modified = etag != NULL && scope != SCOPE_NONE && !PG_ARGISNULL(5) &&
		fo_http_etag_listed(text_to_cstring(PG_GETARG_TEXT_PP(5)), etag);
	Headers		headers = {NULL, NULL};
	Jsonb	   *list;
	JsonbValue *result;

	(void) pushJsonbValue(&headers.object, WJB_BEGIN_OBJECT, NULL);
	fo_json_push_int(&headers.object, "status", not_modified ? 304 : 200);
	fo_json_push_key(&headers.object, "headers");
	(void) pushJsonbValue(&headers.object, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&headers.list, WJB_BEGIN_ARRAY, NULL);
	add_headers(&headers, fcinfo, scope, etag);
	(void) pushJsonbValue(&headers.object, WJB_END_OBJECT, NULL);
	result = pushJsonbValue(&headers.object, WJB_END_OBJECT, NULL);
	list = JsonbValueToJsonb(pushJsonbValue(&headers.list, WJB_END_ARRAY, NULL));
	if (!PG_ARGISNULL(8) && PG_GETARG_BOOL(8))
		apply(list, not_modified);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}
