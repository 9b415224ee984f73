/*
 * cache_query.c
 *		cached_query: results of queries, kept until a table they read changes.
 *
 * A result is an array of rows in level 1, keyed by SHA-256 of the query, the arguments,
 * the roles and the settings that change results.  It may be kept because every table
 * of the query is watched for the resource (cache_watch.c), and be given to a reader
 * whose snapshot sees all changes that were published up to its making.
 *
 * A backend gives a result out only after it has itself begun to execute the query as the
 * present user, which checks all privileges, and as long as it has not heard of a change of
 * tables, functions, schemas or roles since.
 *
 * What may not be kept is run and not kept: queries that row-level security applies to,
 * that read temporary tables or custom settings.  Queries that write, lock or call
 * volatile functions are refused.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_args.h"
#include "cache/cache_internal.h"
#include "cache/cache_watch.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* Settings that change how the same query answers. */
static const char *const result_settings[] = {
	"search_path", "TimeZone", "DateStyle", "IntervalStyle", "bytea_output",
	"extra_float_digits", "lc_monetary", "lc_numeric", "lc_time", "xmloption", "xmlbinary",
	"default_text_search_config", "row_security", "array_nulls", "transform_null_equals",
	"quote_all_identifiers"
};

/* What the tree of a query shows. */
typedef struct Inspection
{
	const char *resource;
	bool		keep;			/* the result may be kept */
} Inspection;

static bool
is_setting_function(Oid function, void *context)
{
	return function == F_CURRENT_SETTING_TEXT || function == F_CURRENT_SETTING_TEXT_BOOL;
}

/* Check a table of a query. */
static void
inspect_relation(RangeTblEntry *rte, Inspection *inspection)
{
	Relation	rel;

	if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_VIEW)
		return;
	rel = table_open(rte->relid, AccessShareLock);
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		inspection->keep = false;
	else if (!IsCatalogRelation(rel) && !fo_cache_is_watched(rel, inspection->resource))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not watched for cache resource \"%s\"",
						RelationGetRelationName(rel), inspection->resource),
				 errdetail("A kept result would not notice its changes."),
				 errhint("SELECT filteropt.cache_watch(%s, %s);",
						 quote_literal_cstr(RelationGetRelationName(rel)),
						 quote_literal_cstr(inspection->resource))));
	else if (IsCatalogRelation(rel))
		inspection->keep = false;
	table_close(rel, AccessShareLock);
}

/* Walk a query with all its parts. */
static bool
inspect_node(Node *node, Inspection *inspection)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_setting_function, NULL))
		inspection->keep = false;
	if (IsA(node, RangeTblEntry))
	{
		inspect_relation((RangeTblEntry *) node, inspection);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, inspect_node, inspection,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, inspect_node, inspection);
}

static void
refuse(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cached_query cannot run a query that %s", why)));
}

/* Refuse what cannot be cached sensibly; say whether the result may be kept. */
static bool
inspect_plan(SPIPlanPtr plan, const char *resource)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source = linitial(sources);
	Inspection	inspection = {resource, true};
	Query	   *query;

	if (list_length(sources) != 1 || list_length(source->query_list) != 1)
		refuse("is not a single SELECT");
	query = linitial_node(Query, source->query_list);
	if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->utilityStmt != NULL)
		refuse("is not a single SELECT");
	if (query->rowMarks != NIL)
		refuse("locks rows");
	if (contain_volatile_functions((Node *) query))
		refuse("calls volatile functions");
	(void) inspect_node((Node *) query, &inspection);
	return inspection.keep && !source->dependsOnRLS && !query->hasRowSecurity;
}

/* Keys of queries that this backend may execute, as far as it knows. */
static HTAB *permitted = NULL;

#define MAX_PERMITTED	10000

typedef struct Permitted
{
	uint64		key[2];			/* of the SHA-256 */
} Permitted;

static void
forget_permitted(void)
{
	if (permitted != NULL)
		hash_destroy(permitted);
	permitted = NULL;
}

static void
relation_changed(Datum arg, Oid relid)
{
	forget_permitted();
}

static void
catalog_changed(Datum arg, int cacheid, uint32 hash)
{
	forget_permitted();
}

/* Have privileges been checked for a key, nothing having changed since? */
static bool
is_permitted(const uint8 *digest)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
		registered = true;
	}
	AcceptInvalidationMessages();
	return permitted != NULL && hash_search(permitted, digest, HASH_FIND, NULL) != NULL;
}

static void
remember_permitted(const uint8 *digest)
{
	HASHCTL		ctl = {.keysize = sizeof(Permitted), .entrysize = sizeof(Permitted),
		.hcxt = TopMemoryContext};

	if (permitted != NULL && hash_get_num_entries(permitted) >= MAX_PERMITTED)
		forget_permitted();
	if (permitted == NULL)
		permitted = hash_create("filteropt permitted queries", 64, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	(void) hash_search(permitted, digest, HASH_ENTER, NULL);
}

static void
append_part(StringInfo to, const char *bytes, int len)
{
	appendBinaryStringInfo(to, (char *) &len, sizeof(len));
	appendBinaryStringInfo(to, bytes, len);
}

/* Write the key of a query with its surroundings: "q:" and 64 hexadecimal digits. */
static void
make_key(char *to, uint8 *digest, text *query, FoQueryArgs *args)
{
	StringInfoData all;
	const void *part[1];
	size_t		len[1];
	Oid			roles[2] = {GetUserId(), GetSessionUserId()};

	initStringInfo(&all);
	append_part(&all, VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query));
	append_part(&all, (char *) roles, sizeof(roles));
	for (size_t i = 0; i < lengthof(result_settings); i++)
	{
		const char *value = GetConfigOption(result_settings[i], true, false);

		append_part(&all, value ? value : "", value ? strlen(value) : 0);
	}
	for (int i = 0; i < args->n; i++)
	{
		Oid			output;
		bool		varlena;
		char	   *value;

		append_part(&all, (char *) &args->types[i], sizeof(Oid));
		appendStringInfoChar(&all, args->nulls[i]);
		if (args->nulls[i] == 'n')
			continue;
		getTypeOutputInfo(args->types[i], &output, &varlena);
		value = OidOutputFunctionCall(output, args->values[i]);
		append_part(&all, value, strlen(value));
	}
	part[0] = all.data;
	len[0] = all.len;
	fo_sha256(digest, 1, part, len);
	memcpy(to, "q:", 2);
	hex_encode((char *) digest, 32, to + 2);
}

/* Run the plan under the caller's snapshot: an array of its rows. */
static Jsonb *
run_plan(SPIPlanPtr plan, FoQueryArgs *args, MemoryContext context)
{
	JsonbParseState *state = NULL;
	JsonbValue *array;
	MemoryContext old;
	Jsonb	   *result;

	if (SPI_execute_plan(plan, args->values, args->nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run a cached query");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Jsonb	   *row;
		JsonbValue	value;

		CHECK_FOR_INTERRUPTS();
		row = fo_row_as_jsonb(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		value.type = jbvBinary;
		value.val.binary.data = &row->root;
		value.val.binary.len = VARSIZE(row) - VARHDRSZ;
		pushJsonbValue(&state, WJB_ELEM, &value);
	}
	array = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	old = MemoryContextSwitchTo(context);
	result = JsonbValueToJsonb(array);
	MemoryContextSwitchTo(old);
	return result;
}

/* Begin to execute the plan, which checks the privileges for all that it uses. */
static void
check_privileges(SPIPlanPtr plan, FoQueryArgs *args)
{
	SPI_cursor_close(SPI_cursor_open(NULL, plan, args->values, args->nulls, true));
}

/* Return the elements of an array as rows. */
static void
return_rows(ReturnSetInfo *rsinfo, Jsonb *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(&array->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		Datum		values[1];
		bool		nulls[1] = {false};

		if (token != WJB_ELEM)
			continue;
		values[0] = JsonbPGetDatum(JsonbValueToJsonb(&value));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(fo_cached_query);

/* cached_query(resource, query, args) returns setof jsonb */
Datum
fo_cached_query(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FoCacheResource *resource = fo_resource_get(PG_GETARG_TEXT_PP(0));
	text	   *query = PG_GETARG_TEXT_PP(1);
	MemoryContext context = CurrentMemoryContext;
	FoQueryArgs args;
	char		bytes[2 + 64];
	uint8		digest[32];
	FoCacheKey	key;
	FoCacheItem item;
	FoToken		token;
	SPIPlanPtr	plan;
	bool		found;
	bool		keep;

	if (!resource->uses[FO_LEVEL_1])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache resource \"%s\" does not use level L1", resource->name),
				 errhint("Results of queries are kept in L1: filteropt.cache_resource_set.")));
	fo_begin_values(fcinfo, JSONBOID);
	fo_query_args(fcinfo, 2, &args);
	make_key(bytes, digest, query, &args);
	fo_key_make(&key, resource, bytes, sizeof(bytes));
	found = fo_cache_result_get(&key, GetActiveSnapshot(), &item, &token);
	if (found && is_permitted(digest))
	{
		return_rows(rsinfo, item.value);
		return (Datum) 0;
	}

	SPI_connect();
	plan = SPI_prepare(text_to_cstring(query), args.n, args.types);
	if (plan == NULL)
		refuse("is not a single SELECT");
	keep = inspect_plan(plan, resource->name);
	if (found && keep)
		check_privileges(plan, &args);
	else
		item.value = run_plan(plan, &args, context);
	SPI_finish();
	if (keep)
		remember_permitted(digest);
	if (keep && !found)
		fo_cache_result_put(&key, GetActiveSnapshot(), &item, &token);
	return_rows(rsinfo, item.value);
	return (Datum) 0;
}
