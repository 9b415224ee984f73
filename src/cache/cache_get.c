/*
 * cache_get.c
 *		SQL functions that read the cache: one key, many keys, and why.
 */
#include "postgres.h"

#include "base/compat.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

const char *const fo_cache_level_name[] = {
	[FO_LEVEL_NONE] = "none",
	[FO_LEVEL_1] = "L1",
	[FO_LEVEL_2] = "L2",
	[FO_LEVEL_3] = "L3",
	[FO_LEVEL_OWN] = "own"
};

/* An interval of so many microseconds, at least 0. */
Datum
fo_interval_datum(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = Max(us, 0);
	return IntervalPGetDatum(interval);
}

PG_FUNCTION_INFO_V1(fo_cache_get);

/* cache_get(resource, key) returns jsonb: the fresh value, or NULL */
Datum
fo_cache_get(PG_FUNCTION_ARGS)
{
	text	   *bytes = PG_GETARG_TEXT_PP(1);
	FoCacheKey	key;
	FoCacheItem item;

	fo_key_make(&key, fo_resource_get(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(bytes),
				VARSIZE_ANY_EXHDR(bytes));
	if (!fo_cache_look(&key, GetActiveSnapshot(), 0, &item) || item.value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(item.value);
}

/* One row of cache_get(resource, keys). */
static void
put_row(ReturnSetInfo *rsinfo, FoCacheKey *key, FoCacheItem *item)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = PointerGetDatum(cstring_to_text_with_len(key->l1.bytes, key->l1.len));
	values[1] = PointerGetDatum(item->value);
	nulls[1] = item->value == NULL;
	values[2] = CStringGetTextDatum(fo_cache_level_name[item->level]);
	values[3] = fo_interval_datum(GetCurrentTimestamp() - item->created);
	values[4] = BoolGetDatum(item->stale);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(fo_cache_get_many);

/*
 * cache_get(resource, keys) returns setof (key, value, level, age, stale): a row for
 * each distinct key that is there, fresh or stale.
 */
Datum
fo_cache_get_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FoCacheResource *resource = fo_resource_get(PG_GETARG_TEXT_PP(0));
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	FoCacheKey *keys;
	FoCacheItem *items;

	fo_begin_rows(fcinfo);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	keys = palloc(sizeof(FoCacheKey) * Max(n, 1));
	items = palloc(sizeof(FoCacheItem) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		text	   *bytes;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("keys must not be null")));
		bytes = DatumGetTextPP(elems[i]);
		fo_key_make(&keys[i], resource, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
	n = fo_keys_unique(keys, n);
	fo_cache_look_many(keys, n, GetActiveSnapshot(), FO_LOOK_STALE, items);
	for (int i = 0; i < n; i++)
		if (items[i].level != FO_LEVEL_NONE)
			put_row(rsinfo, &keys[i], &items[i]);
	return (Datum) 0;
}

/* A row of cache_explain. */
static void
explain_row(ReturnSetInfo *rsinfo, const char *level, const char *state, FoCacheItem *item)
{
	Datum		values[10];
	bool		nulls[10];

	memset(nulls, true, sizeof(nulls));
	nulls[0] = nulls[1] = false;
	values[0] = CStringGetTextDatum(level);
	values[1] = CStringGetTextDatum(state);
	if (item != NULL)
	{
		memset(nulls, false, sizeof(nulls));
		values[2] = fo_interval_datum(GetCurrentTimestamp() - item->created);
		values[3] = TimestampTzGetDatum(item->expires);
		values[4] = TimestampTzGetDatum(item->stale_until);
		values[5] = CStringGetTextDatum(GetUserNameFromId(item->writer, true) ?
										GetUserNameFromId(item->writer, true) : "(dropped role)");
		values[6] = Int32GetDatum(item->value == NULL ? 0 : VARSIZE(item->value));
		values[7] = PointerGetDatum(item->tags);
		nulls[7] = item->tags == NULL;
		values[8] = Int32GetDatum(item->hits);
		nulls[8] = item->level != FO_LEVEL_1;
		values[9] = BoolGetDatum(item->value == NULL);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* What can be said of a key in one level. */
static const char *
explain_state(FoCacheKey *key, FoCacheLevel level, FoCacheItem *item, bool *found)
{
	FoCacheResource alone = *key->resource;
	FoCacheKey	probe = *key;

	*found = false;
	if (!key->resource->uses[level])
		return "not used by the resource";
	if (level == FO_LEVEL_1 && key->cell != NULL && fo_cache_l1(fo_cache_shared()) == NULL)
		return "no shared memory";
	if (level == FO_LEVEL_2 && strcmp(fo_redis_state(), "closed") != 0)
		return fo_redis_state();
	alone.nlevels = 1;
	alone.level[0] = level;
	probe.resource = &alone;
	*found = fo_cache_look(&probe, GetActiveSnapshot(), FO_LOOK_STALE | FO_LOOK_QUIET, item) &&
		item->level == level;
	if (*found)
		return item->stale ? "stale" : "fresh";
	if (level != FO_LEVEL_3 && key->cell != NULL &&
		fo_cell_dirty(pg_atomic_read_u64(&key->cell->state)) > 0)
		return "fenced by a transaction in progress";
	return "missing";
}

PG_FUNCTION_INFO_V1(fo_cache_explain);

/* cache_explain(resource, key): a row for each level, in the resource's order */
Datum
fo_cache_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *bytes = PG_GETARG_TEXT_PP(1);
	FoCacheKey	key;
	FoCacheItem item;

	fo_begin_rows(fcinfo);
	fo_key_make(&key, fo_resource_get(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(bytes),
				VARSIZE_ANY_EXHDR(bytes));
	if (fo_change_own(&key, &item))
		explain_row(rsinfo, "own", item.level == FO_LEVEL_NONE ? "deleted" : "uncommitted",
					item.level == FO_LEVEL_NONE ? NULL : &item);
	for (int i = 0; i < key.resource->nlevels; i++)
	{
		FoCacheLevel level = key.resource->level[i];
		bool		found;
		const char *state = explain_state(&key, level, &item, &found);

		explain_row(rsinfo, fo_cache_level_name[level], state, found ? &item : NULL);
	}
	return (Datum) 0;
}
