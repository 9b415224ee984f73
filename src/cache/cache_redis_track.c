/*
 * cache_redis_track.c
 *		Hearing of other servers' changes: client tracking, in the background worker.
 *
 * Two connections: one subscribes to __redis__:invalidate, the other asks Redis to send
 * there the names of all keys with our prefix that anyone changes (broadcast mode, which
 * RESP2 and hiredis 0.14 can do).  cache_redis_news.c looks at these names.
 *
 * Once a second the worker changes a key itself and expects to be told: a connection that
 * died silently, or was killed, is noticed so.  What others told Redis before that key was
 * sent is known here once its news has come.  When the worker listens again, it drops level
 * 1 and compares the table with Redis, where the traces of changes (values, tombstones)
 * stay for longer than FO_REDIS_DEAF_MS.  If it was deaf for longer than that, or has never
 * listened, the table's values of resources that use Redis are dropped as well.
 *
 * A Redis that was restarted or emptied has lost the traces: every worker then tells it
 * the names of its server's recent changes again (cache_redis_told.c).  That it happened
 * is seen by the run id, by the loss of the worker's key, or by a message.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/transam.h"
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
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define RETRY_MS		1000
#define PROBE_EVERY_MS	1000
#define PROBE_KEEP_MS	3600000
#define SAVE_EVERY_MS	10000

static redisContext *listener = NULL;	/* subscribed */
static redisContext *asker = NULL;
static uint64 way;				/* fo_redis_way of both */
static char run_id[9];
static char *name_prefix = NULL;
static char *probe_name = NULL;
static TimestampTz next_try = 0;
static TimestampTz last_probe = 0;
static bool unheard = false;	/* of anything since our own change */
static TimestampTz own_sent = 0;	/* our change of which we wait to hear */
static TimestampTz heard = 0;	/* all told before is known here */
static TimestampTz saved = 0;	/* heard, as the table has it */

/* Names are being told again: */
static bool telling = false;
static TransactionId told_from; /* of transactions from that on */
static TransactionId told_to;	/* until all before that have ended */
static TimestampTz next_telling = 0;
static TimestampTz noted_at = 0;	/* all transactions before noted_xmin had */
static TransactionId noted_xmin;	/* ended then */

static void
stop_tracking(void)
{
	if (listener != NULL)
	{
		fo_redis_disconnect(listener);
		pg_atomic_write_u32(&fo_cache_shared()->breaker.tracking, 0);
	}
	if (asker != NULL)
		fo_redis_disconnect(asker);
	listener = asker = NULL;
	next_try = GetCurrentTimestamp() + RETRY_MS * 1000;
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
	reply = fo_redis_ask(asker, lengthof(argv), argv, len);
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
	redisReply *reply = fo_redis_ask(redis, 2, argv, len);
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
	redisReply *reply = fo_redis_ask(redis, 2, argv, len);
	bool		good = reply != NULL && reply->type == REDIS_REPLY_ARRAY;

	if (reply != NULL)
		freeReplyObject(reply);
	return good;
}

/* Does Redis still have what it was told, as our key shows?  False: it did not say. */
static bool
remembers(bool *there)
{
	const char *argv[] = {"EXISTS", probe_name};
	size_t		len[] = {6, strlen(probe_name)};
	redisReply *reply = fo_redis_ask(asker, 2, argv, len);
	bool		good = reply != NULL && reply->type == REDIS_REPLY_INTEGER;

	*there = good && reply->integer == 1;
	if (reply != NULL)
		freeReplyObject(reply);
	return good;
}

/* Begin to tell all names again, within a transaction. */
static void
begin_telling(void)
{
	telling = true;
	told_from = InvalidTransactionId;
	told_to = XidFromFullTransactionId(ReadNextFullTransactionId());
	next_telling = 0;
	/* should this worker die, the next one must begin anew */
	fo_redis_save_heard("", heard);
}

/* Tell names again, and once more while transactions of before are in progress. */
static void
go_on_telling(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TransactionId xmin;

	if (!telling || (now < next_telling && next_telling - now <= RETRY_MS * INT64CONST(1000)))
		return;
	next_telling = now + RETRY_MS * INT64CONST(1000);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	xmin = GetActiveSnapshot()->xmin;
	if (fo_redis_tell_again(told_from))
	{
		told_from = xmin;
		telling = TransactionIdPrecedes(xmin, told_to);
		if (!telling)
			fo_redis_save_heard(run_id, heard);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Remember how far we have heard, and let names go that nobody needs any more. */
static void
note_heard(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (heard >= saved && heard - saved < SAVE_EVERY_MS * INT64CONST(1000))
		return;
	saved = heard;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	fo_redis_save_heard(telling ? "" : run_id, heard);
	if (noted_at > now || heard - noted_at > FO_REDIS_DEAF_MS * INT64CONST(1000))
	{
		if (noted_at != 0 && noted_at <= now)
			fo_redis_forget_told(noted_xmin);
		noted_at = now;
		noted_xmin = GetActiveSnapshot()->xmin;
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
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
	if (own_sent == 0)
		own_sent = now;
	reply = fo_redis_ask(asker, 5, argv, len);
	good = reply != NULL;
	/* a full Redis takes no changes, so there is nothing to be told of */
	if (good && reply->type == REDIS_REPLY_ERROR)
	{
		unheard = false;
		own_sent = 0;
	}
	if (good)
		freeReplyObject(reply);
	return good;
}

/* Names of this database's keys, and of ours, in the Redis that we are connected to. */
static void
make_names(void)
{
	char	   *database;

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
}

/*
 * From now on nothing is missed: what is in doubt?  Says in *recent whether what Redis
 * and other servers tell is enough to know.  It is not where we have never listened.
 */
static bool
look_back(TimestampTz since, bool *recent)
{
	char		told_run[sizeof(run_id)];
	TimestampTz at;
	uint64		place;
	bool		there;

	if (!remembers(&there))
		return false;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	fo_redis_load_heard(told_run, sizeof(told_run), &at, &place);
	heard = place == fo_redis_place() ? Max(heard, at) : 0;
	*recent = heard != 0 && heard <= since &&
		since - heard <= FO_REDIS_DEAF_MS * INT64CONST(1000);
	if (!there || strcmp(told_run, run_id) != 0)
		begin_telling();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return true;
}

/* Connect two clients, of which one is told what anyone changes. */
static bool
open_ears(void)
{
	long long	client;

	way = fo_redis_way();
	listener = fo_redis_connect(run_id, fo_cache_redis_connect_ms);
	asker = listener != NULL ? fo_redis_connect(run_id, fo_cache_redis_connect_ms) : NULL;
	if (asker == NULL)
		return false;
	make_names();
	client = client_id(listener);
	return client >= 0 && subscribe(listener) && redirect_to(client);
}

/* Begin to listen; true if it worked. */
static bool
start_tracking(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		recent;

	if (!open_ears() || !look_back(now, &recent))
	{
		stop_tracking();
		return false;
	}
	fo_redis_drop_unheard(!recent);
	unheard = false;
	last_probe = 0;
	own_sent = 0;
	if ((recent && !fo_redis_compare_table(asker, name_prefix)) || !probe())
	{
		stop_tracking();
		return false;
	}
	heard = now;
	saved = 0;
	pg_atomic_write_u32(&fo_cache_shared()->breaker.tracking, 1);
	return true;
}

/* Is there news of our own change?  Then all of before has been heard. */
static void
look_for_own(redisReply **names, size_t n)
{
	for (size_t i = 0; i < n && own_sent != 0; i++)
		if (names[i]->len == strlen(probe_name) &&
			memcmp(names[i]->str, probe_name, names[i]->len) == 0)
		{
			heard = own_sent;
			own_sent = 0;
		}
}

/* Redis was emptied: no value has changed, but traces are gone. */
static void
handle_flush(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	begin_telling();
	PopActiveSnapshot();
	CommitTransactionCommand();
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
	{
		handle_flush();
		return true;
	}
	for (size_t i = 0; i < names->elements; i += FO_REDIS_NAMES)
		if (!fo_redis_look_at_names(asker, name_prefix, names->element + i,
									Min(names->elements - i, FO_REDIS_NAMES)))
			return false;
	look_for_own(names->element, names->elements);
	return true;
}

/*
 * Read and handle what has arrived; false if the connection is lost.  hiredis reads 16 kB
 * at once, which is the most that a message of TLS holds: nothing stays behind unseen.
 */
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

	if (listener != NULL && (!wanted || way != fo_redis_way()))
	{
		stop_tracking();
		next_try = 0;
	}
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
	if (listener == NULL)
		return;
	go_on_telling();
	note_heard();
	/* after what has arrived was read */
	if (!probe())
		stop_tracking();
}
