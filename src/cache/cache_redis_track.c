/*
 * cache_redis_track.c
 *		Hearing of other servers' changes: client tracking, in the background worker.
 *
 * Two connections: one subscribes to __redis__:invalidate, the other asks Redis to send
 * there the names of all keys with our prefix that anyone changes (broadcast mode, which
 * RESP2 and hiredis 0.14 can do).  For each name the worker looks at the record: what
 * this server wrote itself is no news; for anything else the key is dropped from shared
 * memory and from the table here.
 *
 * Once a second the worker changes a key itself and expects to be told: a connection that
 * died silently, or was killed, is noticed so.  When it listens again, it drops level 1 and
 * compares the table with Redis, where the traces of changes (values, tombstones) stay for
 * longer than its own key does.  If that key is gone, it was deaf for too long, or Redis
 * was restarted: then the table's values of resources that use Redis are dropped as well.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/cache_record.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define MAX_BATCH		256		/* names that are looked at together */
#define RETRY_MS		1000
#define PROBE_EVERY_MS	1000
#define PROBE_KEEP_MS	300000	/* must be less than FO_REDIS_TRACE_MS */

static redisContext *listener = NULL;	/* subscribed */
static redisContext *asker = NULL;
static char run_id[9];
static char *name_prefix = NULL;
static char *probe_name = NULL;
static TimestampTz next_try = 0;
static TimestampTz last_probe = 0;
static bool unheard = false;	/* of our own change */

/* A changed name, taken apart. */
typedef struct Changed
{
	FoCacheResource *resource;
	Oid			role;
	const char *key;
	int			len;
} Changed;

static void
stop_tracking(void)
{
	if (listener != NULL)
	{
		redisFree(listener);
		ReleaseExternalFD();
		pg_atomic_write_u32(&fo_cache_shared()->breaker.tracking, 0);
	}
	if (asker != NULL)
	{
		redisFree(asker);
		ReleaseExternalFD();
	}
	listener = asker = NULL;
	next_try = GetCurrentTimestamp() + RETRY_MS * 1000;
}

static redisContext *
connect_tracked(void)
{
	redisContext *redis;

	if (!AcquireExternalFD())
		return NULL;
	redis = fo_redis_connect(run_id, fo_cache_redis_connect_ms);
	if (redis == NULL)
		ReleaseExternalFD();
	return redis;
}

/* Send a command on a connection of ours and return its reply, NULL on failure. */
static redisReply *
ask(redisContext *redis, int argc, const char **argv, const size_t *len)
{
	redisAppendCommandArgv(redis, argc, argv, len);
	return fo_redis_await(redis, fo_cache_redis_command_ms);
}

/* Ask Redis to tell the listener of all changes below our prefix. */
static bool
redirect_to(long long client)
{
	char		id[32];
	const char *argv[] = {"CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX",
		name_prefix};
	size_t		len[lengthof(argv)];
	redisReply *reply;
	bool		good;

	snprintf(id, sizeof(id), "%lld", client);
	for (size_t i = 0; i < lengthof(argv); i++)
		len[i] = strlen(argv[i]);
	reply = ask(asker, lengthof(argv), argv, len);
	good = reply != NULL && reply->type == REDIS_REPLY_STATUS;
	if (reply != NULL)
		freeReplyObject(reply);
	return good;
}

/* Id of the listening client. */
static long long
client_id(redisContext *redis)
{
	const char *argv[] = {"CLIENT", "ID"};
	size_t		len[] = {6, 2};
	redisReply *reply = ask(redis, 2, argv, len);
	long long	id = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;

	if (reply != NULL)
		freeReplyObject(reply);
	return id;
}

static bool
subscribe(redisContext *redis)
{
	const char *argv[] = {"SUBSCRIBE", "__redis__:invalidate"};
	size_t		len[] = {9, 20};
	redisReply *reply = ask(redis, 2, argv, len);
	bool		good = reply != NULL && reply->type == REDIS_REPLY_ARRAY;

	if (reply != NULL)
		freeReplyObject(reply);
	return good;
}

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
static void
drop_unheard(bool table_too)
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
parse_name(const char *name, size_t len, Changed *changed)
{
	const char *end = name + len;
	size_t		skip = strlen(name_prefix);
	char	   *resource;
	char	   *version;
	char	   *role;

	if (len < skip || memcmp(name, name_prefix, skip) != 0)
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

/* Look at names together, and drop those that others have changed. */
static bool
look_at_names(const char **names, const size_t *lens, int n)
{
	const char *argv[MAX_BATCH + 1] = {"MGET"};
	size_t		len[MAX_BATCH + 1] = {4};
	redisReply *reply;

	if (n == 0)
		return true;
	memcpy(argv + 1, names, sizeof(char *) * n);
	memcpy(len + 1, lens, sizeof(size_t) * n);
	reply = ask(asker, n + 1, argv, len);
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t) n)
	{
		if (reply != NULL)
			freeReplyObject(reply);
		return false;
	}
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < n; i++)
	{
		Changed		changed;

		if (!is_ours(reply->element[i]) && parse_name(names[i], lens[i], &changed))
			drop_key(&changed);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	freeReplyObject(reply);
	return true;
}

/* The same for names in a message. */
static bool
handle_names(redisReply **names, size_t n)
{
	const char *bytes[MAX_BATCH];
	size_t		len[MAX_BATCH];

	for (size_t i = 0; i < n; i++)
	{
		if (names[i]->type != REDIS_REPLY_STRING)
			return false;
		bytes[i] = names[i]->str;
		len[i] = names[i]->len;
	}
	return look_at_names(bytes, len, n);
}

/*
 * Read the names of some rows of the table, in the order of their digests, from the one
 * after *digest on, which is moved.  The names are allocated in `context`.
 */
static int
next_names(MemoryContext context, bytea **digest, const char **names, size_t *lens)
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
						  " ORDER BY e.digest LIMIT " CppAsString2(MAX_BATCH),
						  2, types, values, NULL, true, 0);
	n = SPI_processed;
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		char	   *rest = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;

		names[i] = psprintf("%s%s", name_prefix, rest);
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
static bool
compare_table(void)
{
	MemoryContext work[2];
	bytea	   *digest;
	int			turn = 0;
	int			n = MAX_BATCH;
	bool		good = true;

	/* the digest that a batch ends with is needed for the next one */
	for (int i = 0; i < 2; i++)
		work[i] = AllocSetContextCreate(TopMemoryContext, "filteropt compared names",
										ALLOCSET_DEFAULT_SIZES);
	digest = MemoryContextAllocZero(work[1], VARHDRSZ);
	SET_VARSIZE(digest, VARHDRSZ);
	while (good && n == MAX_BATCH)
	{
		const char *names[MAX_BATCH];
		size_t		lens[MAX_BATCH];

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(work[turn]);
		n = next_names(work[turn], &digest, names, lens);
		good = look_at_names(names, lens, n);
		turn = 1 - turn;
	}
	MemoryContextDelete(work[0]);
	MemoryContextDelete(work[1]);
	return good;
}

/* Did we, or a former worker of this server, listen to this Redis a short while ago? */
static bool
was_listening(void)
{
	const char *argv[] = {"EXISTS", probe_name};
	size_t		len[] = {6, strlen(probe_name)};
	redisReply *reply = ask(asker, 2, argv, len);
	bool		there = reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;

	if (reply != NULL)
		freeReplyObject(reply);
	return there;
}

/* Change a key ourselves; false if the last such change was not heard of. */
static bool
probe(void)
{
	TimestampTz now = GetCurrentTimestamp();
	const char *argv[5] = {"SET", probe_name, "", "PX", CppAsString2(PROBE_KEEP_MS)};
	size_t		len[5] = {3, strlen(probe_name), 0, 2, strlen(CppAsString2(PROBE_KEEP_MS))};
	redisReply *reply;
	bool		good;

	if (now >= last_probe && now - last_probe < PROBE_EVERY_MS * INT64CONST(1000))
		return true;
	if (unheard)
		return false;
	unheard = true;
	last_probe = now;
	reply = ask(asker, 5, argv, len);
	good = reply != NULL;
	/* a full Redis takes no changes, so there is nothing to be told of */
	if (good && reply->type == REDIS_REPLY_ERROR)
		unheard = false;
	if (good)
		freeReplyObject(reply);
	return good;
}

/* Begin to listen; true if it worked. */
static bool
start_tracking(void)
{
	long long	client;
	char	   *database;
	bool		recent;

	listener = connect_tracked();
	asker = listener != NULL ? connect_tracked() : NULL;
	if (asker == NULL)
	{
		stop_tracking();
		return false;
	}
	StartTransactionCommand();
	database = get_database_name(MyDatabaseId);
	if (name_prefix != NULL)
		pfree(name_prefix);
	name_prefix = MemoryContextStrdup(TopMemoryContext,
									  psprintf("%s%s:%s:", fo_cache_redis_prefix, run_id,
											   database));
	if (probe_name != NULL)
		pfree(probe_name);
	probe_name = MemoryContextStrdup(TopMemoryContext,
									 psprintf("%s@probe" UINT64_FORMAT "/%u", name_prefix,
											  GetSystemIdentifier(), fo_timeline()));
	CommitTransactionCommand();
	client = client_id(listener);
	if (client < 0 || !subscribe(listener) || !redirect_to(client))
	{
		stop_tracking();
		return false;
	}
	/* from now on nothing is missed */
	recent = was_listening();
	drop_unheard(!recent);
	unheard = false;
	last_probe = 0;
	if ((recent && !compare_table()) || !probe())
	{
		stop_tracking();
		return false;
	}
	pg_atomic_write_u32(&fo_cache_shared()->breaker.tracking, 1);
	return true;
}

/* Handle a message: "message", channel, names or nil. */
static bool
handle_message(redisReply *message)
{
	redisReply *names;

	if (message->type != REDIS_REPLY_ARRAY || message->elements != 3)
		return false;
	names = message->element[2];
	if (names->type != REDIS_REPLY_ARRAY)
		return true;			/* flushed: values are gone, none has changed */
	for (size_t i = 0; i < names->elements; i += MAX_BATCH)
		if (!handle_names(names->element + i, Min(names->elements - i, MAX_BATCH)))
			return false;
	return true;
}

/* Read and handle what has arrived; false if the connection is lost. */
static bool
receive(void)
{
	void	   *message = NULL;

	if (redisBufferRead(listener) != REDIS_OK)
		return false;
	while (redisReaderGetReply(listener->reader, &message) == REDIS_OK)
	{
		bool		good;

		if (message == NULL)
			return true;
		unheard = false;
		good = handle_message(message);
		freeReplyObject(message);
		if (!good)
			return false;
	}
	return false;
}

/* Wait up to so long, listening to other servers if that is wanted and possible. */
void
fo_redis_track(int timeout_ms)
{
	bool		wanted = fo_cache_redis_shared && fo_redis_configured() &&
		fo_cache_shared() != NULL;
	int			events;

	if (listener != NULL && !wanted)
		stop_tracking();
	if (listener == NULL && wanted && GetCurrentTimestamp() >= next_try)
		(void) start_tracking();
	events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
							   (listener ? WL_SOCKET_READABLE : 0),
							   listener ? listener->fd : PGINVALID_SOCKET, timeout_ms,
							   PG_WAIT_EXTENSION);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	if (listener != NULL && (events & WL_SOCKET_READABLE) && !receive())
		stop_tracking();
	/* after what has arrived was read */
	if (listener != NULL && !probe())
		stop_tracking();
}
