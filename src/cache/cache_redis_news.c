/*
 * cache_redis_news.c
 *		What other servers have changed: looking at names in Redis.
 *
 * What this server wrote itself is no news.  For anything else that Redis has under a
 * name, value, fence or tombstone, the key is dropped from shared memory and from the
 * table here.
 *
 * Asking Redis takes a round trip.  A key that this server has not changed lately is
 * marked before that, so shared memory gives its old value out no longer; if the news
 * turns out to be none, a value that has expired in Redis, say, it does so again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "catalog/pg_type.h"
#include "core/cache_record.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define LATELY_US	USECS_PER_SEC

/* A changed name, taken apart. */
typedef struct Changed
{
	FoCacheResource *resource;
	Oid			role;
	const char *key;
	int			len;
} Changed;

/* Drop the values in shared memory that other servers may have changed unheard. */
static void
drop_level_1(void)
{
	SPI_execute("SELECT name FROM filteropt.cache_resource WHERE 'L2' = ANY (levels)", true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		FoCacheResource *resource = fo_resource_find(name, strlen(name));

		if (resource != NULL)
			fo_fence_mark(&fo_resource_slot(resource)->data);
	}
}

/* Drop all values here that other servers may have changed unheard; or only level 1. */
void
fo_redis_drop_unheard(bool table_too)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	drop_level_1();
	if (table_too)
		SPI_execute("DELETE FROM filteropt.cache_entry e USING filteropt.cache_resource r"
					" WHERE r.id = e.resource AND 'L2' = ANY (r.levels)", false, 0);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* The bytes up to the next colon of a name; NULL if there is none. */
static char *
next_part(const char **at, const char *end)
{
	const char *colon = memchr(*at, ':', end - *at);
	char	   *part;

	if (colon == NULL)
		return NULL;
	part = pnstrdup(*at, colon - *at);
	*at = colon + 1;
	return part;
}

/* Take a name apart: resource:version:role:key after the prefix. */
static bool
parse_name(const char *prefix, const char *name, size_t len, Changed *changed)
{
	const char *end = name + len;
	size_t		skip = strlen(prefix);
	char	   *resource;
	char	   *version;
	char	   *role;

	if (len < skip || memcmp(name, prefix, skip) != 0)
		return false;
	name += skip;
	resource = next_part(&name, end);
	version = resource ? next_part(&name, end) : NULL;
	role = version ? next_part(&name, end) : NULL;
	if (role == NULL)
		return false;
	changed->resource = fo_resource_find(resource, strlen(resource));
	if (changed->resource == NULL || changed->resource->version != strtol(version, NULL, 10))
		return false;
	changed->role = role[0] == '\0' ? InvalidOid : get_role_oid(role, true);
	changed->key = name;
	changed->len = end - name;
	return true;
}

/* Did this server write the record? */
static bool
is_ours(redisReply *reply)
{
	FoRecord	record;

	if (reply->type != REDIS_REPLY_STRING)
		return true;			/* expired or evicted: no change of the value */
	return fo_record_read(&record, reply->str, reply->len) &&
		record.server == GetSystemIdentifier() && record.timeline == fo_timeline();
}

/* Drop a key here, but not in Redis, where the news comes from. */
static void
drop_key(Changed *changed)
{
	FoCacheResource here = *changed->resource;
	FoCacheKey	key;

	here.uses[FO_LEVEL_2] = false;
	fo_key_make_marked(&key, changed->resource, changed->key, changed->len, &changed->role);
	key.resource = &here;
	fo_change_delete(&key);
}

/* The clock of a second or two ago: what it says is lately is later. */
static uint64
clock_before_lately(void)
{
	static uint64 before = 0;
	static uint64 since = 0;
	static TimestampTz at = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now < at || now - at >= LATELY_US)
	{
		before = since;
		since = pg_atomic_read_u64(&fo_cache_shared()->clock);
		at = now;
	}
	return before;
}

/* Hide a key from readers of shared memory, unless the news may be our own. */
static void
hide_key(Changed *changed, uint64 before_lately)
{
	FoCacheKey	key;
	uint64		state;

	fo_key_make_for(&key, changed->resource, changed->key, changed->len, changed->role);
	state = pg_atomic_read_u64(&key.cell->state);
	if (fo_cell_dirty(state) == 0 && fo_cell_clock(state) <= before_lately)
		fo_fence_mark(key.cell);
}

/* Ask for the records of names; NULL if Redis fails. */
static redisReply *
ask_for(redisContext *asker, const char **names, const size_t *lens, int n)
{
	const char *argv[FO_REDIS_NAMES + 1] = {"MGET"};
	size_t		len[FO_REDIS_NAMES + 1] = {4};
	redisReply *reply;

	memcpy(argv + 1, names, sizeof(char *) * n);
	memcpy(len + 1, lens, sizeof(size_t) * n);
	reply = fo_redis_ask(asker, n + 1, argv, len);
	if (reply != NULL && (reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t) n))
	{
		freeReplyObject(reply);
		reply = NULL;
	}
	return reply;
}

/* Look at names together, and drop those that others have changed. */
static bool
look_at(redisContext *asker, const char *prefix, const char **names, const size_t *lens, int n)
{
	uint64		before_lately = clock_before_lately();
	redisReply *reply;
	Changed		changed;

	if (n == 0)
		return true;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < n; i++)
		if (parse_name(prefix, names[i], lens[i], &changed))
			hide_key(&changed, before_lately);
	reply = ask_for(asker, names, lens, n);
	for (int i = 0; reply != NULL && i < n; i++)
		if (!is_ours(reply->element[i]) && parse_name(prefix, names[i], lens[i], &changed))
			drop_key(&changed);
	PopActiveSnapshot();
	CommitTransactionCommand();
	if (reply == NULL)
		return false;
	freeReplyObject(reply);
	return true;
}

/* The same for names in a message, FO_REDIS_NAMES at most. */
bool
fo_redis_look_at_names(redisContext *asker, const char *prefix, redisReply **names, size_t n)
{
	const char *bytes[FO_REDIS_NAMES];
	size_t		len[FO_REDIS_NAMES];

	for (size_t i = 0; i < n; i++)
	{
		if (names[i]->type != REDIS_REPLY_STRING)
			return false;
		bytes[i] = names[i]->str;
		len[i] = names[i]->len;
	}
	return look_at(asker, prefix, bytes, len, n);
}

/*
 * Read the names of some rows of the table, in the order of their digests, from the one
 * after *digest on, which is moved.  The names are allocated in `context`.
 */
static int
next_names(MemoryContext context, const char *prefix, bytea **digest, const char **names,
		   size_t *lens)
{
	Oid			types[] = {BYTEAOID, INT4OID};
	Datum		values[] = {PointerGetDatum(*digest), Int32GetDatum(FO_REDIS_MAX_KEY)};
	int			n;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute_with_args("SELECT e.digest, concat_ws(':', r.name, r.version,"
						  " coalesce(a.rolname, ''), e.key)"
						  " FROM filteropt.cache_entry e"
						  " JOIN filteropt.cache_resource r"
						  "  ON r.id = e.resource AND r.version = e.version"
						  " LEFT JOIN pg_catalog.pg_authid a ON a.oid = e.role"
						  " WHERE e.digest > $1 AND 'L2' = ANY (r.levels)"
						  " AND octet_length(e.key) <= $2"
						  " ORDER BY e.digest LIMIT " CppAsString2(FO_REDIS_NAMES),
						  2, types, values, NULL, true, 0);
	n = SPI_processed;
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		char	   *rest = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;

		names[i] = psprintf("%s%s", prefix, rest);
		lens[i] = strlen(names[i]);
		if (i == n - 1)
			*digest = DatumGetByteaPCopy(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return n;
}

/* Drop from the table what other servers have changed while we did not listen. */
bool
fo_redis_compare_table(redisContext *asker, const char *prefix)
{
	MemoryContext work[2];
	bytea	   *digest;
	int			turn = 0;
	int			n = FO_REDIS_NAMES;
	bool		good = true;

	/* the digest that a batch ends with is needed for the next one */
	for (int i = 0; i < 2; i++)
		work[i] = AllocSetContextCreate(TopMemoryContext, "filteropt compared names",
										ALLOCSET_DEFAULT_SIZES);
	digest = MemoryContextAllocZero(work[1], VARHDRSZ);
	SET_VARSIZE(digest, VARHDRSZ);
	while (good && n == FO_REDIS_NAMES)
	{
		const char *names[FO_REDIS_NAMES];
		size_t		lens[FO_REDIS_NAMES];

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(work[turn]);
		n = next_names(work[turn], prefix, &digest, names, lens);
		good = look_at(asker, prefix, names, lens, n);
		turn = 1 - turn;
	}
	MemoryContextDelete(work[0]);
	MemoryContextDelete(work[1]);
	return good;
}
