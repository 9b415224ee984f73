/*
 * cache_put.c
 *		SQL functions that change the cache: put, delete, by tag, clear, expire.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "cache/cache_alone.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Tags are locked by 1 of so many locks, so that no transaction takes more. */
#define TAG_LOCKS			1024
#define TAG_LOCK_CLASS		61	/* field 4 of an advisory lock; users have 1
								 * and 2 */
#define TAG_SALT			UINT64CONST(0x7461670000000000)
#define MAX_TAGS			1000
#define MAX_TAG_BYTES		2000	/* an index of 8 kB pages takes 2700 */
#define EXPIRE_PAGES		64	/* table pages looked through at a time */

/* Refuse tags that the index would not take. */
static void
check_tag_lengths(ArrayType *tags)
{
	Datum	   *elems;
	int			n;

	deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		int			bytes = (int) toast_raw_datum_size(elems[i]) - VARHDRSZ;

		if (bytes > MAX_TAG_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("tag of %d bytes is too long", bytes),
					 errdetail("Tags, of which classification_put makes some from model, version "
							   "and author, have at most %d bytes.", MAX_TAG_BYTES),
					 errhint("Use a shorter name or a hash of it.")));
	}
}

/* Check tags: at most MAX_TAGS, none null or long.  NULL for an empty array. */
static ArrayType *
check_tags(FoCacheResource *resource, ArrayType *tags)
{
	int			n = tags == NULL ? 0 : ArrayGetNItems(ARR_NDIM(tags), ARR_DIMS(tags));

	if (n == 0)
		return NULL;
	if (array_contains_nulls(tags))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("tags must not be null")));
	if (n > MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many tags: %d", n),
				 errhint("A value may have at most %d tags.", MAX_TAGS)));
	if (!resource->uses[FO_LEVEL_3])
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cache resource \"%s\" cannot have tags", resource->name),
				 errdetail("Tags are kept in the table, level L3, which the resource does not "
						   "use."),
				 errhint("Add L3 to its levels: filteropt.cache_resource_set.")));
	check_tag_lengths(tags);
	return tags;
}

/* Fence cell of a tag of a resource. */
static FoCacheCell *
tag_cell(FoCacheResource *resource, const char *tag, uint32 len)
{
	FoCacheShared *shared = fo_cache_shared();

	if (shared == NULL)
		return NULL;
	return fo_cache_cell(shared, fo_cache_hash(&shared->seed, TAG_SALT ^ resource->name_hash,
											   tag, len));
}

/*
 * Lock a tag to the end of the transaction: putting with it shares the lock, deleting
 * by it excludes, since a delete cannot see rows that others are putting.
 */
static void
lock_tag(FoCacheResource *resource, const char *tag, uint32 len, LOCKMODE mode)
{
	static const FoCacheSeed fixed = {1, 2};
	LOCKTAG		lock;

	SET_LOCKTAG_ADVISORY(lock, MyDatabaseId, resource->id,
						 fo_cache_hash(&fixed, 0, tag, len) % TAG_LOCKS, TAG_LOCK_CLASS);
	(void) LockAcquire(&lock, mode, false, false);
}

/* Lock and fence the tags of a put.  False: a fill that raced with a delete by tag. */
static bool
enter_tags(FoCacheResource *resource, ArrayType *tags, uint64 token)
{
	Datum	   *elems;
	int			n;
	bool		good = true;

	deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *tag = DatumGetTextPP(elems[i]);
		FoCacheCell *cell;

		lock_tag(resource, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag), ShareLock);
		cell = tag_cell(resource, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag));
		if (token != 0 && cell != NULL && fo_token_raced_on(cell, token))
			good = false;
	}
	return good;
}

/* Is the value larger than its resource takes?  Raises the error, or says so. */
static bool
is_oversize(FoCacheResource *resource, Jsonb *value)
{
	if (value == NULL || (int64) VARSIZE(value) <= resource->max_bytes)
		return false;
	if (!resource->skip_oversize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value of %d bytes is too large for cache resource \"%s\"",
						(int) VARSIZE(value), resource->name),
				 errdetail("The resource takes values of at most %d bytes.", resource->max_bytes),
				 errhint("Raise max_bytes, or set oversize to 'skip', by "
						 "filteropt.cache_resource_set.")));
	return true;
}

/*
 * Put a value for the current user; NULL means that there is none to be had.  With a
 * token it is a fill: false if it raced with a change.
 */
bool
fo_cache_put(FoCacheResource *resource, const char *bytes, uint32 len, Jsonb *value,
			 Interval *ttl, ArrayType *tags, uint64 token)
{
	FoCacheKey	key;
	FoCacheItem item = {.value = value, .writer = GetUserId(), .created = GetCurrentTimestamp()};
	bool		done;

	fo_key_make_marked(&key, fo_change_reserve(resource), bytes, len, NULL);
	resource = key.resource;
	item.expires = fo_resource_expiry(resource, item.created, ttl, value == NULL);
	item.stale_until = item.expires + (value == NULL ? 0 : resource->stale_for);
	item.tags = check_tags(resource, tags);
	if (is_oversize(resource, value))
	{
		/* what is not stored must not leave an older value behind */
		fo_change_delete(&key);
		return false;
	}
	done = (item.tags == NULL || enter_tags(resource, item.tags, token)) &&
		fo_change_put(&key, &item, token);
	fo_cache_count(resource, done ? FO_COUNT_PUTS : FO_COUNT_FILLS_REFUSED);
	if (!done)
		fo_claim_done(&key);
	return done;
}

/* Delete a key of the current user. */
void
fo_cache_delete(FoCacheResource *resource, const char *bytes, uint32 len)
{
	FoCacheKey	key;

	fo_key_make_marked(&key, fo_change_reserve(resource), bytes, len, NULL);
	fo_change_delete(&key);
	fo_cache_count(key.resource, FO_COUNT_DELETES);
}

PG_FUNCTION_INFO_V1(fo_cache_put_sql);

/* cache_put(resource, key, value, ttl, tags, token) returns boolean */
Datum
fo_cache_put_sql(PG_FUNCTION_ARGS)
{
	text	   *key;

	fo_change_require_writable("filteropt.cache_put()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	key = PG_GETARG_TEXT_PP(1);
	PG_RETURN_BOOL(fo_cache_put(fo_resource_get(PG_GETARG_TEXT_PP(0)),
								VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
								PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2),
								PG_ARGISNULL(3) ? NULL : PG_GETARG_INTERVAL_P(3),
								PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4),
								PG_ARGISNULL(5) ? 0 : (uint64) PG_GETARG_INT64(5)));
}

/* A pair of cache_put_many. */
typedef struct Pair
{
	text	   *key;
	Jsonb	   *value;
	int			place;
} Pair;

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;
	int			lx = VARSIZE_ANY_EXHDR(x->key);
	int			ly = VARSIZE_ANY_EXHDR(y->key);
	int			cmp = memcmp(VARDATA_ANY(x->key), VARDATA_ANY(y->key), Min(lx, ly));

	if (cmp == 0)
		cmp = (lx > ly) - (lx < ly);
	return cmp != 0 ? cmp : x->place - y->place;
}

PG_FUNCTION_INFO_V1(fo_cache_put_many);

/*
 * cache_put_many(resource, keys, values, ttl, tags) returns bigint: in the order of
 * the keys, so that two of them cannot deadlock; of equal keys the last one counts.
 */
Datum
fo_cache_put_many(PG_FUNCTION_ARGS)
{
	FoCacheResource *resource;
	text	   *name;
	Datum	   *keys,
			   *values;
	bool	   *key_nulls,
			   *value_nulls;
	int			nkeys,
				nvalues;
	Pair	   *pairs;
	int64		done = 0;

	fo_change_require_writable("filteropt.cache_put_many()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(0);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &keys, &key_nulls, &nkeys);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), JSONBOID, -1, false, TYPALIGN_INT,
					  &values, &value_nulls, &nvalues);
	if (nkeys != nvalues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d keys do not match %d values", nkeys, nvalues)));

	pairs = palloc(sizeof(Pair) * Max(nkeys, 1));
	for (int i = 0; i < nkeys; i++)
	{
		if (key_nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("keys must not be null")));
		pairs[i] = (Pair) {DatumGetTextPP(keys[i]),
						   value_nulls[i] ? NULL : DatumGetJsonbP(values[i]), i};
	}
	qsort(pairs, nkeys, sizeof(Pair), compare_pairs);
	for (int i = 0; i < nkeys; i++)
	{
		CHECK_FOR_INTERRUPTS();
		resource = fo_resource_get(name);
		done += fo_cache_put(resource, VARDATA_ANY(pairs[i].key), VARSIZE_ANY_EXHDR(pairs[i].key),
							 pairs[i].value, PG_ARGISNULL(3) ? NULL : PG_GETARG_INTERVAL_P(3),
							 PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4), 0);
	}
	PG_RETURN_INT64(done);
}

PG_FUNCTION_INFO_V1(fo_cache_delete_sql);

/* cache_delete(resource, key) */
Datum
fo_cache_delete_sql(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(1);

	fo_change_require_writable("filteropt.cache_delete()");
	fo_cache_delete(fo_resource_get(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(key),
					VARSIZE_ANY_EXHDR(key));
	PG_RETURN_VOID();
}

/* Delete the keys of a result, each for its role. */
static int64
forget_rows(FoCacheResource *resource)
{
	SPITupleTable *rows = SPI_tuptable;
	uint64		n = SPI_processed;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		text	   *bytes = DatumGetTextPP(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		Oid			role = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 2,
														  &isnull));
		FoCacheKey	key;

		CHECK_FOR_INTERRUPTS();
		resource = fo_change_reserve(resource);
		fo_key_make_marked(&key, resource, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &role);
		fo_change_delete(&key);
	}
	return (int64) n;
}

/*
 * Lock and fence a tag for a delete.  Returns the resource as it is then: while we waited
 * it may have got another version, and that version values with the tag.
 */
static FoCacheResource *
enter_tag(text *name, text *tag)
{
	FoCacheResource *resource = fo_resource_get(name);
	FoCacheCell *cell;
	int32		id;

	do
	{
		id = resource->id;
		lock_tag(resource, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag), ExclusiveLock);
		cell = tag_cell(resource, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag));
		if (cell != NULL)
		{
			fo_fence_mark(cell);
			fo_fence_mark(&fo_resource_slot(resource)->tags);
		}
		resource = fo_resource_get(name);
	} while (resource->id != id);
	return resource;
}

PG_FUNCTION_INFO_V1(fo_cache_delete_tag);

/* cache_delete_tag(resource, tag) returns bigint: how many values went */
Datum
fo_cache_delete_tag(PG_FUNCTION_ARGS)
{
	FoCacheResource *resource;
	text	   *tag = PG_GETARG_TEXT_PP(1);
	Oid			types[] = {INT4OID, INT4OID, TEXTOID};
	Datum		values[3];
	SPIPlanPtr	plan;
	Oid			user;
	int			context;
	int64		n;

	fo_change_require_writable("filteropt.cache_delete_tag()");
	resource = enter_tag(PG_GETARG_TEXT_PP(0), tag);
	if (fo_cache_shared() == NULL)
		fo_alone_delete_tag(resource, tag);
	values[0] = Int32GetDatum(resource->id);
	values[1] = Int32GetDatum(resource->version);
	values[2] = PointerGetDatum(tag);
	SPI_connect();
	fo_store_as_owner(&user, &context);
	/* what a frozen snapshot does not show must go too, or fail */
	plan = SPI_prepare("SELECT key, role FROM filteropt.cache_entry"
					   " WHERE resource OPERATOR(pg_catalog.=) $1"
					   " AND version OPERATOR(pg_catalog.=) $2"
					   " AND tags OPERATOR(pg_catalog.@>) ARRAY[$3]"
					   " ORDER BY digest", 3, types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot,
							 true, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the values of a tag");
	SetUserIdAndSecContext(user, context);
	n = forget_rows(resource);
	SPI_finish();
	fo_cache_count_slow(resource->slot, FO_COUNT_DELETES, n);
	PG_RETURN_INT64(n);
}

PG_FUNCTION_INFO_V1(fo_cache_clear);

/* cache_clear(resource): at once, by a new version */
Datum
fo_cache_clear(PG_FUNCTION_ARGS)
{
	fo_change_require_writable("filteropt.cache_clear()");
	fo_change_clear(fo_resource_get(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* A table that dead rows are swept from, and how far this session has come. */
typedef struct Sweep
{
	const char *table;
	const char *dead;			/* which rows of it, as e, are dead */
	int64		next_page;
} Sweep;

/* Sweep so many pages of a table, 0 for all; as the owner, within SPI. */
static int64
sweep_table(Sweep *sweep, int64 pages)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[2];
	int64		size;
	int64		gone = 0;
	bool		isnull;

	SPI_execute(psprintf("SELECT pg_catalog.pg_relation_size('%s') OPERATOR(pg_catalog./)"
						 " pg_catalog.current_setting('block_size')::bigint",
						 sweep->table), false, 1);
	size = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (pages <= 0 || pages > size)
		pages = size;
	for (int64 seen = 0; seen < pages; seen += EXPIRE_PAGES)
	{
		CHECK_FOR_INTERRUPTS();
		if (sweep->next_page >= size)
			sweep->next_page = 0;
		values[0] = Int64GetDatum(sweep->next_page);
		values[1] = Int64GetDatum(sweep->next_page + EXPIRE_PAGES);
		sweep->next_page += EXPIRE_PAGES;
		/* rows that someone is writing are passed over */
		SPI_execute_with_args(psprintf("DELETE FROM %s"
									   " WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
									   " SELECT e.ctid FROM %s e"
									   " WHERE e.ctid OPERATOR(pg_catalog.>=)"
									   " pg_catalog.format('(%%s,0)', $1)::pg_catalog.tid"
									   " AND e.ctid OPERATOR(pg_catalog.<)"
									   " pg_catalog.format('(%%s,0)', $2)::pg_catalog.tid"
									   " AND (%s) FOR UPDATE OF e SKIP LOCKED))",
									   sweep->table, sweep->table, sweep->dead),
							  2, types, values, NULL, false, 0);
		gone += SPI_processed;
	}
	return gone;
}

PG_FUNCTION_INFO_V1(fo_cache_expire);

/*
 * cache_expire(pages) returns bigint: delete dead rows from a stretch of the table,
 * which moves on with each call of a session and starts over at the end.
 */
Datum
fo_cache_expire(PG_FUNCTION_ARGS)
{
	static Sweep entries = {"filteropt.cache_entry",
		"e.stale_until OPERATOR(pg_catalog.<) pg_catalog.now() OR NOT EXISTS ("
		" SELECT FROM filteropt.cache_resource r WHERE r.id OPERATOR(pg_catalog.=) e.resource"
		" AND r.version OPERATOR(pg_catalog.=) e.version)",
		0};
	static Sweep texts = {"filteropt.classification_near", "NOT EXISTS ("
		" SELECT FROM filteropt.cache_entry c"
		" WHERE c.digest OPERATOR(pg_catalog.=) e.digest)", 0};
	int32		pages = PG_GETARG_INT32(0);
	Oid			user;
	int			context;
	int64		gone;

	fo_change_require_writable("filteropt.cache_expire()");
	if (fo_cache_shared() == NULL && !fo_alone_may_sweep())
		PG_RETURN_INT64(0);
	SPI_connect();
	fo_store_as_owner(&user, &context);
	gone = sweep_table(&entries, pages);
	(void) sweep_table(&texts, pages);
	fo_redis_thin_missed();
	fo_redis_thin_told();
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	PG_RETURN_INT64(gone);
}
