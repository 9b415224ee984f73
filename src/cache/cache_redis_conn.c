/*
 * cache_redis_conn.c
 *		The connection of a backend to Redis, and the circuit breaker of all of them.
 *
 * hiredis parses; waiting is done here, on sockets that do not block, so that a whole
 * operation has one deadline whatever trickles in, by TLS too, and the same code serves
 * hiredis 0.14 (which forgets its timeout when it reconnects) and 1.x.  A connection that
 * failed or was left in the middle of an operation is closed, never reused.
 *
 * The breaker is in shared memory: after a failure no backend asks Redis for
 * filteropt.cache_redis_breaker_window; then one of them may try (half open), and its
 * success closes the breaker for all.
 *
 * Names of keys contain the run id of the Redis process: after a restart, which may
 * have brought old values back, nothing from before is found.
 */
#include "postgres.h"

#include <poll.h>
#include <unistd.h>

#include "base/compat.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#define RUN_ID_LEN		8		/* of 40 digits */
#define MAX_REPLY_BYTES (512u * 1024 * 1024)
#define ERROR_EVERY		(10 * USECS_PER_SEC)	/* messages in the log */

static const char *const script_text[FO_SCRIPTS] = {
	/* fence, record, ms; tombstone, ms.  86 is FO_RECORD_VALUE. */
	[FO_SCRIPT_PUBLISH] =
	"local v = redis.call('GET', KEYS[1])"
	" if v == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end"
	" if v and string.byte(v, 5) == 86 then"
	" redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5]) end"
	" return 0",

	/*
	 * tombstone, ms, nobody's tombstone, "1" to leave values and fences. 84
	 * is FO_RECORD_TOMBSTONE; bytes 9 to 20 are server and timeline.  What
	 * another server left may be news to us, and ours to it: neither may take
	 * the tombstone for its own.
	 */
	[FO_SCRIPT_ERASE] =
	"local v = redis.pcall('GET', KEYS[1]) local t = ARGV[1]"
	" if type(v) == 'string' then"
	" if ARGV[4] == '1' and string.byte(v, 5) ~= 84 then return 0 end"
	" if string.sub(v, 9, 20) ~= string.sub(t, 9, 20) then t = ARGV[3] end"
	" end"
	" redis.call('SET', KEYS[1], t, 'PX', ARGV[2])"
	" return 1",
	/* lease, record, ms */
	[FO_SCRIPT_FILL] =
	"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end"
	" redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])"
	" return 1"
};

static redisContext *connection = NULL;
static uint64 connected_to;		/* fo_redis_way of the connection */
static char run_id[RUN_ID_LEN + 1];
static char script_sha[FO_SCRIPTS][41];
static bool in_operation = false;
static bool probing = false;
static char connect_error[128]; /* why the last connection could not be made */
static instr_time deadline_start;
static int	deadline_ms;

/* Is there a Redis to ask? */
bool
fo_redis_configured(void)
{
	return fo_cache_redis != NULL && fo_cache_redis[0] != '\0';
}

/* First digits of the run id of the Redis process that we talk to. */
const char *
fo_redis_run(void)
{
	return run_id;
}

/* End what fo_redis_connect has made. */
void
fo_redis_disconnect(redisContext *redis)
{
	redisFree(redis);
	ReleaseExternalFD();
}

/* Drop the connection. */
void
fo_redis_close(void)
{
	if (connection != NULL)
		fo_redis_disconnect(connection);
	connection = NULL;
	in_operation = false;
}

/* For people: "off", "closed", "open" or "recovering". */
const char *
fo_redis_state(void)
{
	FoCacheShared *shared = fo_cache_shared();

	if (!fo_redis_configured())
		return "off";
	if (shared == NULL)
		return "no shared memory";
	if (pg_atomic_read_u64(&shared->breaker.open_until) != 0)
		return "open";
	return fo_redis_outbox_empty() ? "closed" : "recovering";
}

static int
elapsed_ms(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, deadline_start);
	return (int) INSTR_TIME_GET_MILLISEC(now);
}

static void
start_deadline(int ms)
{
	INSTR_TIME_SET_CURRENT(deadline_start);
	deadline_ms = ms;
}

/* Wait for a socket; false if the deadline has passed. */
bool
fo_redis_wait(redisContext *redis, short events)
{
	struct pollfd socket = {.fd = redis->fd, .events = events};
	int			left = deadline_ms - elapsed_ms();

	if (left <= 0)
		return false;
	return poll(&socket, 1, left) >= 0 || errno == EINTR;
}

/* Read what has arrived, or wait for it; false on failure, or if the deadline has passed. */
static bool
read_more(redisContext *redis)
{
	size_t		before = redis->reader->len;

	if (before > MAX_REPLY_BYTES || redisBufferRead(redis) != REDIS_OK)
		return false;
	if (redis->reader->len > before)
		return elapsed_ms() < deadline_ms;
	return fo_redis_wait(redis, POLLIN);
}

/* Send what is queued and read one reply, within the deadline.  NULL on failure. */
static redisReply *
await(redisContext *redis)
{
	void	   *reply = NULL;
	bool		asking = redis->obuf != NULL && redis->obuf[0] != '\0';
	int			done = 0;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (redisBufferWrite(redis, &done) != REDIS_OK)
			return NULL;
		if (done)
			break;
		if (!fo_redis_wait(redis, POLLOUT))
			return NULL;
	}
	/* an answer cannot be there yet, unless to something before */
	if (asking && redis->reader->len == redis->reader->pos && !fo_redis_wait(redis, POLLIN))
		return NULL;
	for (;;)
	{
		if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK)
			return NULL;
		if (reply != NULL)
			return reply;
		CHECK_FOR_INTERRUPTS();
		if (!read_more(redis))
			return NULL;
	}
}

/* One reply on any connection, within so many milliseconds; NULL on failure. */
redisReply *
fo_redis_await(redisContext *redis, int timeout_ms)
{
	start_deadline(timeout_ms);
	return await(redis);
}

/* Send a command on a connection of the worker; its reply, or NULL on failure. */
redisReply *
fo_redis_ask(redisContext *redis, int argc, const char **argv, const size_t *len)
{
	redisAppendCommandArgv(redis, argc, argv, len);
	return fo_redis_await(redis, fo_cache_redis_command_ms);
}

/* Open a socket to the configured address, of which host gets the first part. */
static redisContext *
open_socket(int timeout_ms, char *host, size_t host_size)
{
	struct timeval tv = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
	const char *address = fo_cache_redis;
	const char *colon = strrchr(address, ':');

	if (address[0] == '/')
		return redisConnectUnixWithTimeout(address, tv);
	if (fo_redis_tls_wanted())
		address += strlen(FO_REDIS_TLS_SCHEME);
	if (colon == NULL || (size_t) (colon - address) >= host_size)
		return NULL;
	memcpy(host, address, colon - address);
	host[colon - address] = '\0';
	return redisConnectWithTimeout(host, (int) strtol(colon + 1, NULL, 10), tv);
}

/* Does the next reply of a new connection say OK? */
static bool
expect_ok(redisContext *redis)
{
	redisReply *reply = await(redis);
	bool		good = reply != NULL && reply->type == REDIS_REPLY_STATUS;

	if (reply != NULL)
		freeReplyObject(reply);
	return good;
}

/* Read the run id out of the reply to INFO. */
static bool
expect_run_id(redisContext *redis, char *to)
{
	redisReply *reply = await(redis);
	const char *found = NULL;

	if (reply != NULL && reply->type == REDIS_REPLY_STRING)
		found = strstr(reply->str, "run_id:");
	if (found != NULL && strspn(found + 7, "0123456789abcdef") >= RUN_ID_LEN)
		strlcpy(to, found + 7, RUN_ID_LEN + 1);
	else
		found = NULL;
	if (reply != NULL)
		freeReplyObject(reply);
	return found != NULL;
}

/* Log in, choose the database and learn who we talk to, in one round trip. */
static bool
greet(redisContext *redis, char *to)
{
	bool		with_user = fo_cache_redis_user[0] != '\0';
	bool		with_password = fo_cache_redis_password[0] != '\0';
	bool		good = true;

	if (with_user)
		redisAppendCommand(redis, "AUTH %s %s", fo_cache_redis_user, fo_cache_redis_password);
	else if (with_password)
		redisAppendCommand(redis, "AUTH %s", fo_cache_redis_password);
	if (fo_cache_redis_database != 0)
		redisAppendCommand(redis, "SELECT %d", fo_cache_redis_database);
	redisAppendCommand(redis, "INFO server");
	if (with_user || with_password)
		good = expect_ok(redis);
	if (good && fo_cache_redis_database != 0)
		good = expect_ok(redis);
	return good && expect_run_id(redis, to);
}

/* Make a socket a connection, logged in; what went wrong, or NULL. */
static const char *
set_up(redisContext *redis, const char *host, char *to)
{
	const char *wrong = NULL;

	if (redis == NULL)
		return "could not make a socket";
	if (redis->err)
		return redis->errstr;
	if (!pg_set_noblock(redis->fd))
		return "could not set the socket to nonblocking mode";
	redis->flags &= ~REDIS_BLOCK;
	if (fo_redis_tls_wanted())
		wrong = fo_redis_start_tls(redis, host);
	if (wrong == NULL && !greet(redis, to))
		wrong = redis->err ? redis->errstr : "could not log in";
	return wrong;
}

/* A new connection; NULL on failure, of which connect_error then tells. */
static redisContext *
try_to_connect(char *to, int timeout_ms)
{
	const char *wrong = fo_redis_tls_wanted() ? fo_redis_tls_prepare() : NULL;
	redisContext *volatile redis = NULL;
	char		host[256];

	PG_TRY();
	{
		start_deadline(timeout_ms);
		if (wrong == NULL)
		{
			redis = open_socket(timeout_ms, host, sizeof(host));
			wrong = set_up(redis, host, to);
		}
	}
	PG_CATCH();
	{
		redisFree(redis);
		ReleaseExternalFD();
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (wrong == NULL)
		return redis;
	strlcpy(connect_error, wrong, sizeof(connect_error));
	redisFree(redis);
	fo_redis_tls_forget();
	return NULL;
}

/* A new connection, logged in, for fo_redis_disconnect to end; NULL on failure. */
redisContext *
fo_redis_connect(char *to, int timeout_ms)
{
	redisContext *redis;

	strlcpy(connect_error, "too many open files", sizeof(connect_error));
	if (!AcquireExternalFD())
		return NULL;
	redis = try_to_connect(to, timeout_ms);
	if (redis == NULL)
		ReleaseExternalFD();
	return redis;
}

/* Let a connection know our scripts, and learn their hashes. */
static bool
load_scripts(redisContext *redis)
{
	for (int i = 0; i < FO_SCRIPTS; i++)
		redisAppendCommand(redis, "SCRIPT LOAD %s", script_text[i]);
	for (int i = 0; i < FO_SCRIPTS; i++)
	{
		redisReply *reply = await(redis);
		bool		good = reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len == 40;

		if (good)
			strlcpy(script_sha[i], reply->str, 41);
		if (reply != NULL)
			freeReplyObject(reply);
		if (!good)
			return false;
	}
	return true;
}

static void
close_at_exit(int code, Datum arg)
{
	fo_redis_close();
}

static uint64
hash_settings(uint64 hash, int n, const char *const *settings)
{
	for (int i = 0; i < n; i++)
		hash = fo_cache_hash(&(FoCacheSeed) {1, 2}, hash, settings[i], strlen(settings[i]));
	return hash;
}

/* Which names in which Redis the settings mean. */
uint64
fo_redis_place(void)
{
	const char *settings[] = {fo_cache_redis, fo_cache_redis_prefix};

	return hash_settings((uint64) fo_cache_redis_database, lengthof(settings), settings);
}

/* That, and as whom we go there and how. */
uint64
fo_redis_way(void)
{
	const char *settings[] = {fo_cache_redis_user, fo_cache_redis_password, fo_cache_redis_tls_ca,
		fo_cache_redis_tls_cert, fo_cache_redis_tls_key, fo_cache_redis_tls_server_name};

	return hash_settings(fo_redis_place() + (uint64) fo_cache_redis_tls_verify,
						 lengthof(settings), settings);
}

/* Make sure that there is a connection to where the settings say. */
static bool
ensure_connection(void)
{
	static bool exit_hook_set = false;
	uint64		way = fo_redis_way();

	if (connection != NULL && (in_operation || way != connected_to ||
							   (fo_redis_tls_wanted() && fo_redis_tls_changed())))
		fo_redis_close();
	if (connection != NULL)
		return true;
	connection = fo_redis_connect(run_id, fo_cache_redis_connect_ms);
	if (connection == NULL)
		return false;
	connected_to = way;
	if (!exit_hook_set)
		before_shmem_exit(close_at_exit, (Datum) 0);
	exit_hook_set = true;
	return load_scripts(connection);
}

/* Say in the log that Redis fails, now and then. */
static void
complain(const char *what)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now - last < ERROR_EVERY)
		return;
	last = now;
	ereport(LOG,
			(errmsg("filteropt: Redis failed: %s", what),
			 errdetail("It is not asked for %d ms; the cache works without it.",
					   fo_cache_redis_breaker_ms)));
}

/* The operation failed: close the connection, open the breaker. */
void
fo_redis_fail(const char *what)
{
	FoCacheBreaker *breaker = &fo_cache_shared()->breaker;
	uint64		until = GetCurrentTimestamp() + fo_cache_redis_breaker_ms * INT64CONST(1000);

	probing = false;
	pg_atomic_fetch_add_u64(&breaker->errors, 1);
	pg_atomic_fetch_add_u32(&breaker->failures, 1);
	if (pg_atomic_exchange_u64(&breaker->open_until, until) == 0)
		pg_atomic_fetch_add_u64(&breaker->opened, 1);
	complain(what);
	fo_redis_close();			/* which may own the message */
}

/* Does the breaker let us ask?  After its window it lets one backend try. */
static bool
breaker_allows(FoCacheBreaker *breaker)
{
	uint64		until = pg_atomic_read_u64(&breaker->open_until);
	uint64		now;

	if (likely(until == 0))
		return true;
	now = GetCurrentTimestamp();
	/* a time far ahead was set before the clock was set back */
	if (now < until && until - now <= (uint64) fo_cache_redis_breaker_ms * 1000)
		return false;
	probing = pg_atomic_compare_exchange_u64(&breaker->open_until, &until,
											 now + fo_cache_redis_breaker_ms * INT64CONST(1000));
	return probing;
}

/*
 * Begin an operation: true if Redis may be asked, which fo_redis_end or fo_redis_fail
 * must follow.  Readers must not see Redis before it was told all changes.
 */
bool
fo_redis_begin(bool reading)
{
	FoCacheShared *shared = fo_cache_shared();

	if (!fo_redis_configured() || shared == NULL || !breaker_allows(&shared->breaker))
		return false;
	if (reading && !fo_redis_outbox_empty())
		return false;
	if (!ensure_connection())
	{
		fo_redis_fail(connection == NULL ? connect_error
					  : "could not load scripts");
		return false;
	}
	in_operation = true;
	start_deadline(fo_cache_redis_command_ms);
	return true;
}

/* Queue a command. */
void
fo_redis_command(int argc, const char **argv, const size_t *len)
{
	redisAppendCommandArgv(connection, argc, argv, len);
}

/* Queue a call of a script: argv[0] is the key, the rest its arguments. */
void
fo_redis_script(FoRedisScript script, int argc, const char **argv, const size_t *len)
{
	const char *all[9] = {"EVALSHA", script_sha[script], "1"};
	size_t		all_len[9] = {7, 40, 1};

	Assert(argc <= 6);
	for (int i = 0; i < argc; i++)
	{
		all[3 + i] = argv[i];
		all_len[3 + i] = len[i];
	}
	redisAppendCommandArgv(connection, 3 + argc, all, all_len);
}

/* The next reply, to be freed; NULL if Redis failed, when the operation is over. */
redisReply *
fo_redis_reply(void)
{
	redisReply *reply = connection == NULL ? NULL : await(connection);

	if (reply == NULL)
	{
		fo_redis_fail(connection == NULL ? "no connection"
					  : connection->errstr[0] ? connection->errstr : "time ran out");
		return NULL;
	}
	/* flushed scripts are loaded with the next connection */
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0)
	{
		freeReplyObject(reply);
		fo_redis_close();
		return NULL;
	}
	return reply;
}

/* The operation went well. */
bool
fo_redis_end(void)
{
	FoCacheBreaker *breaker = &fo_cache_shared()->breaker;

	in_operation = false;
	if (unlikely(probing))
	{
		pg_atomic_write_u64(&breaker->open_until, 0);
		pg_atomic_write_u32(&breaker->failures, 0);
		probing = false;
	}
	return true;
}
