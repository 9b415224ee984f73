/*
 * cache_redis.c
 *		Level 2: values in Redis.
 *
 * What may be believed: a value in Redis is the newest committed one.  A transaction
 * puts a fence over it before it commits.  Afterwards it replaces its fence by the
 * value, or by a tombstone if any other transaction here has been changing the key at
 * the same time (Redis cannot tell which of them committed last).  A fence of someone
 * else is left alone: its owner, who came later, will replace it.  A value of someone
 * else, who finished in between, gives way to a tombstone.
 *
 * If Redis cannot be told before the commit, the name goes into the table
 * cache_redis_missed with the same transaction, and nobody here reads Redis until
 * those names were erased.  A transaction that dies in between leaves its fence,
 * which hides the old value for FENCE_MS.  docs/cache.md has all states and moves.
 *
 * Names:	prefix, run id of Redis, database, resource, version, role, key.  Keys longer
 * than FO_REDIS_MAX_KEY are not kept here.  The record repeats the key, and every field
 * of it is checked.
 *
 * Values travel as JSON text: binary jsonb from outside could not be trusted.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/pg_lzcompress.h"
#include "core/cache_record.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define FENCE_MS		3600000

/* Name of this database, which names in Redis contain. */
static const char *
database_name(void)
{
	static char *name = NULL;

	if (name == NULL)
		name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	return name;
}

/* What precedes the key in its name: who owns it, without prefix and run id. */
static void
append_owner(StringInfo to, FoCacheKey *key)
{
	char	   *role = OidIsValid(key->l1.owner.role)
		? GetUserNameFromId(key->l1.owner.role, true) : NULL;

	appendStringInfo(to, "%s:%s:%d:%s:", database_name(), key->resource->name,
					 (int) key->l1.owner.version, role ? role : "");
}

/* The whole name, for the Redis process of the present connection. */
void
fo_redis_full_name(FoRedisChange *change)
{
	StringInfoData name;

	initStringInfo(&name);
	appendStringInfo(&name, "%s%s:", fo_cache_redis_prefix, fo_redis_run());
	appendBinaryStringInfo(&name, change->name, change->name_len);
	change->full_name = name.data;
	change->full_len = name.len;
}

/* A record about a key of ours, without value. */
FoRecord
fo_redis_new_record(char kind)
{
	FoRecord	record = {.kind = kind, .server = GetSystemIdentifier(), .timeline = fo_timeline(),
		.nonce = 0};

	return record;
}

static void
write_record(const FoRecord *record, char **to, int *len)
{
	*len = fo_record_bytes(record);
	*to = palloc(*len);
	fo_record_write(record, *to);
}

/* A number that no other fence or lease has. */
uint64
fo_redis_nonce(void)
{
	FoCacheShared *shared = fo_cache_shared();

	return shared->server_id + pg_atomic_fetch_add_u64(&shared->clock,
													   1) * UINT64CONST(0x9e3779b97f4a7c15);
}

/* Put the JSON text of a value into a record, compressed if that is worth it. */
static void
pack_value(FoRecord *record, Jsonb *value)
{
	char	   *text = JsonbToCString(NULL, &value->root, VARSIZE(value));
	char	   *packed;
	int			packed_len;
	int			len;

	text = pg_server_to_any(text, strlen(text), PG_UTF8);

	len = strlen(text);
	record->raw_len = record->value_len = len;
	record->value = text;

	if (len < fo_cache_compress_bytes)
		return;
	packed = palloc(PGLZ_MAX_OUTPUT(len));
	packed_len = pglz_compress(text, len, packed, PGLZ_strategy_default);
	if (packed_len <= 0)
		return;
	record->flags |= FO_RECORD_PACKED;
	record->value = packed;
	record->value_len = packed_len;
}

/* Name of a changed key; the prefix is added when it is sent. */
void
fo_redis_name(FoCacheKey *key, FoRedisChange *change)
{
	StringInfoData name;

	initStringInfo(&name);
	append_owner(&name, key);
	appendBinaryStringInfo(&name, key->l1.bytes, key->l1.len);
	change->name = name.data;
	change->name_len = name.len;
}

/* What is to be stored for a changed key. */
void
fo_redis_record(const FoCacheKey *key, const FoCacheItem *item, FoRedisChange *change)
{
	FoRecord	record = fo_redis_new_record(FO_RECORD_VALUE);
	int64		keep = item->stale_until - GetCurrentTimestamp();

	record.xid = item->xid;
	record.flags = item->xid_is_bound ? FO_RECORD_BOUND : 0;
	record.created = item->created;
	record.expires = item->expires;
	record.stale_until = item->stale_until;
	record.key = key->l1.bytes;
	record.key_len = key->l1.len;
	if (item->value == NULL)
		record.flags |= FO_RECORD_NEGATIVE;
	else
		pack_value(&record, item->value);
	change->keep_ms = Max(keep / 1000, fo_cache_redis_shared ? FO_REDIS_TRACE_MS : 1);
	write_record(&record, &change->record, &change->record_len);
}

/* The JSON text of a record as jsonb; NULL if it is not JSON. */
static Jsonb *
unpack_value(const FoRecord *record)
{
	char	   *json = palloc(record->raw_len + 1);
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *value = NULL;

	if (!(record->flags & FO_RECORD_PACKED))
		memcpy(json, record->value, record->raw_len);
	else if (pglz_decompress(record->value, record->value_len, json, record->raw_len, true) !=
			 (int32) record->raw_len)
		return NULL;
	json[record->raw_len] = '\0';

	/*
	 * parsing takes memory only, so an error leaves nothing behind but its
	 * message
	 */
	PG_TRY();
	{
		json = pg_any_to_server(json, record->raw_len, PG_UTF8);
		value = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		FreeErrorData(error);
		value = NULL;
	}
	PG_END_TRY();
	return value;
}

/*
 * Take over what Redis returned for a key, if it is a value and the snapshot sees its
 * writer.  A record of our own server from another timeline is of a history that a
 * failover has cut off.
 */
static bool
accept_answer(FoCacheKey *key, Snapshot snapshot, const char *bytes, size_t len, FoCacheItem *item)
{
	FoRecord	record;

	if (!fo_record_read(&record, bytes, len))
	{
		fo_cache_count(key->resource, FO_COUNT_L2_ERRORS);
		return false;
	}
	if (record.kind != FO_RECORD_VALUE || record.key_len != key->l1.len ||
		memcmp(record.key, key->l1.bytes, record.key_len) != 0)
		return false;
	if (record.server != GetSystemIdentifier() && !fo_cache_redis_shared)
		return false;			/* whose changes we would not hear of */
	item->xid = InvalidTransactionId;
	item->xid_is_bound = (record.flags & FO_RECORD_BOUND) != 0;
	if (record.server == GetSystemIdentifier())
	{
		if (record.timeline != fo_timeline() || !fo_cache_visible(record.xid,
																  item->xid_is_bound, snapshot))
			return false;
		item->xid = record.xid;
	}
	item->level = FO_LEVEL_2;
	item->created = record.created;
	item->expires = record.expires;
	item->stale_until = record.stale_until;
	item->writer = InvalidOid;
	item->tags = NULL;
	item->hits = 0;
	item->value = NULL;
	if (record.flags & FO_RECORD_NEGATIVE)
		return true;
	item->value = unpack_value(&record);
	if (item->value == NULL)
		fo_cache_count(key->resource, FO_COUNT_L2_ERRORS);
	return item->value != NULL;
}

/* Ask Redis for one key. */
bool
fo_redis_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item)
{
	return fo_redis_get_many(&key, 1, snapshot, item) == 1;
}

/* Send one MGET for all keys, which have one owner. */
static void
send_mget(FoCacheKey **keys, int n)
{
	const char **argv = palloc(sizeof(char *) * (n + 1));
	size_t	   *len = palloc(sizeof(size_t) * (n + 1));
	StringInfoData owner;

	initStringInfo(&owner);
	appendStringInfo(&owner, "%s%s:", fo_cache_redis_prefix, fo_redis_run());
	append_owner(&owner, keys[0]);
	argv[0] = "MGET";
	len[0] = 4;
	for (int i = 0; i < n; i++)
	{
		char	   *name = palloc(owner.len + keys[i]->l1.len);

		memcpy(name, owner.data, owner.len);
		memcpy(name + owner.len, keys[i]->l1.bytes, keys[i]->l1.len);
		argv[i + 1] = name;
		len[i + 1] = owner.len + keys[i]->l1.len;
	}
	fo_redis_command(n + 1, argv, len);
}

/* Take the replies to MGET over. */
static void
take_replies(FoCacheKey **keys, int n, Snapshot snapshot, redisReply *reply, FoCacheItem *items)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t) n)
	{
		fo_cache_count(keys[0]->resource, FO_COUNT_L2_ERRORS);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		redisReply *one = reply->element[i];

		if (one->type == REDIS_REPLY_STRING && accept_answer(keys[i], snapshot, one->str, one->len,
															 &items[i]))
			continue;
		items[i].level = FO_LEVEL_NONE;
		fo_cache_count(keys[i]->resource, FO_COUNT_L2_MISSES);
	}
}

/* Ask Redis for keys, in one round trip; returns how many were found. */
int
fo_redis_get_many(FoCacheKey **keys, int n, Snapshot snapshot, FoCacheItem *items)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext work;
	redisReply *reply;
	int			found = 0;

	for (int i = 0; i < n; i++)
		items[i].level = FO_LEVEL_NONE;
	if (n == 0 || (n == 1 && keys[0]->l1.len > FO_REDIS_MAX_KEY) || !fo_redis_begin(true))
		return 0;
	work = AllocSetContextCreate(old, "filteropt redis names", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	send_mget(keys, n);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	reply = fo_redis_reply();
	if (reply == NULL)
	{
		fo_cache_count(keys[0]->resource, FO_COUNT_L2_ERRORS);
		return 0;
	}
	fo_redis_end();
	PG_TRY();
	{
		take_replies(keys, n, snapshot, reply, items);
	}
	PG_FINALLY();
	{
		freeReplyObject(reply);
	}
	PG_END_TRY();
	for (int i = 0; i < n; i++)
		found += items[i].level != FO_LEVEL_NONE;
	return found;
}

/* Read n replies; false, the operation being over, if one is missing or an error. */
static bool
collect(int n)
{
	bool		good = true;

	for (int i = 0; i < n; i++)
	{
		redisReply *reply = fo_redis_reply();

		if (reply == NULL)
			return false;
		good = good && reply->type != REDIS_REPLY_ERROR;
		freeReplyObject(reply);
	}
	fo_redis_end();
	return good;
}

static void
send_fence(const char *name, int name_len, const char *record, int record_len)
{
	const char *argv[] = {"SET", name, record, "PX", CppAsString2(FENCE_MS)};
	size_t		len[] = {3, name_len, record_len, 2, strlen(CppAsString2(FENCE_MS))};

	fo_redis_command(5, argv, len);
}

static char *fence_record = NULL;
static int	fence_len;
static char *tombstone_record = NULL;
static int	tombstone_len;

/*
 * Before a commit: cover the names of all changed keys with fences.  If Redis cannot
 * be told, the names are kept with the transaction.  May raise errors.
 */
bool
fo_redis_fence(FoRedisChange *changes, int n)
{
	FoRecord	fence = fo_redis_new_record(FO_RECORD_FENCE);
	FoRecord	tombstone = fo_redis_new_record(FO_RECORD_TOMBSTONE);
	bool		told = false;

	fence.nonce = fo_redis_nonce();
	write_record(&fence, &fence_record, &fence_len);
	write_record(&tombstone, &tombstone_record, &tombstone_len);
	if (fo_redis_begin(false))
	{
		for (int i = 0; i < n; i++)
		{
			fo_redis_full_name(&changes[i]);
			send_fence(changes[i].full_name, changes[i].full_len, fence_record, fence_len);
		}
		told = collect(n);
	}
	if (!told)
		fo_redis_miss(changes, n);
	else if (fo_redis_keeps_told())
		fo_redis_tell(changes, n);
	return told;
}

/* Replace our fence by a record, whatever that is. */
static void
send_publish(const FoRedisChange *change)
{
	char		keep[24];
	bool		value = change->record != NULL;
	const char *argv[] = {change->full_name, fence_record,
		value ? change->record : tombstone_record, keep, tombstone_record,
		CppAsString2(FO_REDIS_TRACE_MS)};
	size_t		len[] = {change->full_len, fence_len, value ? change->record_len
		: tombstone_len, 0, tombstone_len, strlen(CppAsString2(FO_REDIS_TRACE_MS))};

	len[3] = snprintf(keep, sizeof(keep), INT64_FORMAT,
					  value ? change->keep_ms : (int64) FO_REDIS_TRACE_MS);
	fo_redis_script(FO_SCRIPT_PUBLISH, 6, argv, len);
}

/*
 * After the commit: replace our fences by values or tombstones.  Whatever goes wrong
 * leaves fences, which are only a loss of hits.  Raises no errors.
 */
bool
fo_redis_publish(FoRedisChange *changes, int n)
{
	if (changes[0].full_name == NULL)
	{
		fo_redis_missed_again();
		return false;
	}
	if (!fo_redis_begin(false))
		return false;
	for (int i = 0; i < n; i++)
		send_publish(&changes[i]);
	return collect(n);
}

/*
 * Erase names from Redis, whatever is there: a fence may be that of a transaction
 * which is about to replace it by an older value.  With told_before, only tell names of
 * which it has neither value nor fence.  True if it was told them all.
 */
bool
fo_redis_kill(FoRedisChange *changes, int n, bool told_before)
{
	FoRecord	tombstone = fo_redis_new_record(FO_RECORD_TOMBSTONE);
	FoRecord	nobodys = {.kind = FO_RECORD_TOMBSTONE};
	char	   *record;
	char	   *nobodys_record;
	int			record_len;
	int			nobodys_len;

	if (!fo_redis_begin(false))
		return false;
	write_record(&tombstone, &record, &record_len);
	write_record(&nobodys, &nobodys_record, &nobodys_len);
	for (int i = 0; i < n; i++)
	{
		const char *argv[] = {NULL, record, CppAsString2(FO_REDIS_TRACE_MS), nobodys_record,
			told_before ? "1" : "0"};
		size_t		len[] = {0, record_len, strlen(CppAsString2(FO_REDIS_TRACE_MS)), nobodys_len,
			1};

		fo_redis_full_name(&changes[i]);
		argv[0] = changes[i].full_name;
		len[0] = changes[i].full_len;
		fo_redis_script(FO_SCRIPT_ERASE, 5, argv, len);
	}
	return collect(n);
}
