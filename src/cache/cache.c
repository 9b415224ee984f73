/*
 * cache.c
 *		Start-up of the cache feature: settings, hooks, the background worker.
 */
#include "postgres.h"

#include <limits.h>

#include "cache/cache.h"
#include "cache/cache_internal.h"
#include "cache/cache_redis.h"
#include "cache/cache_worker.h"
#include "miscadmin.h"
#include "utils/guc.h"

int			fo_cache_l1_kb = 64 * 1024;
int			fo_cache_compress_bytes = 2048;
char	   *fo_cache_redis = NULL;
char	   *fo_cache_redis_user = NULL;
char	   *fo_cache_redis_password = NULL;
char	   *fo_cache_redis_prefix = NULL;
bool		fo_cache_redis_shared = false;
int			fo_cache_expire_ms = 1000;
int			fo_cache_redis_database = 0;
int			fo_cache_redis_connect_ms = 50;
int			fo_cache_redis_command_ms = 50;
int			fo_cache_redis_breaker_ms = 1000;

static const struct config_enum_entry tls_verify_options[] = {
	{"none", FO_TLS_VERIFY_NONE, false},
	{"ca", FO_TLS_VERIFY_CA, false},
	{"full", FO_TLS_VERIFY_FULL, false},
	{NULL, 0, false}
};

/* Check the address of Redis.  What asks for TLS must not be served in clear. */
static bool
check_redis(char **value, void **extra, GucSource source)
{
	const char *address = *value;
	const char *colon = strrchr(address, ':');
	char	   *end = NULL;

	if (strncmp(address, FO_REDIS_TLS_SCHEME, strlen(FO_REDIS_TLS_SCHEME)) == 0)
	{
		address += strlen(FO_REDIS_TLS_SCHEME);
		if (!fo_redis_tls_built())
		{
			GUC_check_errdetail("This build of filteropt has no TLS to Redis.");
			GUC_check_errhint("Build it with hiredis 1.0 or later and its hiredis_ssl, "
							  "or use a unix socket or a local TLS tunnel.");
			return false;
		}
	}
	else if (*address == '\0' || *address == '/')
		return true;
	if (colon != NULL && colon > address && strstr(address, "//") == NULL)
	{
		long		port = strtol(colon + 1, &end, 10);

		if (end > colon + 1 && *end == '\0' && port > 0 && port < 65536)
			return true;
	}
	GUC_check_errhint("Write host:port, rediss://host:port for TLS, "
					  "or the path of a unix socket.");
	return false;
}

/* The settings of level 1. */
static void
define_l1_settings(void)
{
	DefineCustomIntVariable("filteropt.cache_l1_size",
							"Memory of the cache that all backends share.",
							"Preloaded, it is reserved at server start; otherwise the first "
							"backend that uses the cache makes a segment of this size.",
							&fo_cache_l1_kb, 64 * 1024, 1024, INT_MAX / 2,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER
							: PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
}

/* Where Redis is, and who we are to it. */
static void
define_redis_settings(void)
{
	DefineCustomStringVariable("filteropt.cache_redis",
							   "Address of Redis: host:port, rediss://host:port for TLS, or the "
							   "path of a unix socket.",
							   "Empty: level L2 is not used.",
							   &fo_cache_redis, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_redis,
							   NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_user",
							   "User name for Redis; empty means its default user.",
							   NULL, &fo_cache_redis_user, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_password",
							   "Password for Redis; empty means none.",
							   NULL, &fo_cache_redis_password, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_prefix",
							   "What the names of all our keys in Redis begin with.",
							   "Servers with the same prefix and database name share values.",
							   &fo_cache_redis_prefix, "filteropt:", PGC_SIGHUP, 0, NULL, NULL,
							   NULL);
	DefineCustomBoolVariable("filteropt.cache_redis_shared",
							 "Other servers change values in this Redis too.",
							 "The background worker, which needs preloading, listens to them.",
							 &fo_cache_redis_shared, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.cache_redis_database",
							"Number of the database in Redis.",
							NULL, &fo_cache_redis_database, 0, 0, INT_MAX, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

/* Whom we trust, and who we are, where the address asks for TLS. */
static void
define_redis_tls_settings(void)
{
	DefineCustomEnumVariable("filteropt.cache_redis_tls_verify",
							 "What of the certificate of Redis is verified.",
							 "full: who has signed it and whose it is; ca: the former.",
							 &fo_cache_redis_tls_verify, FO_TLS_VERIFY_FULL, tls_verify_options,
							 PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_tls_ca",
							   "File of the certificates of authorities that may sign that of Redis.",
							   "Empty: those that OpenSSL trusts on this machine.",
							   &fo_cache_redis_tls_ca, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_tls_cert",
							   "File of our own certificate for Redis; empty means none.",
							   NULL, &fo_cache_redis_tls_cert, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_tls_key",
							   "File of the private key of our own certificate for Redis.",
							   "Empty: it is in the file of the certificate.",
							   &fo_cache_redis_tls_key, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("filteropt.cache_redis_tls_server_name",
							   "Name that the certificate of Redis must bear.",
							   "Empty: the host of filteropt.cache_redis.",
							   &fo_cache_redis_tls_server_name, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

/* How long we put up with Redis, and what we send it. */
static void
define_redis_limits(void)
{
	DefineCustomIntVariable("filteropt.cache_redis_connect_timeout",
							"Longest wait for a connection to Redis.",
							NULL, &fo_cache_redis_connect_ms, 50, 1, 60000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.cache_redis_timeout",
							"Longest wait for a reply of Redis.",
							NULL, &fo_cache_redis_command_ms, 50, 1, 60000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.cache_redis_breaker_window",
							"After a failure of Redis nobody asks it for so long.",
							NULL, &fo_cache_redis_breaker_ms, 1000, 10, 3600000, PGC_SIGHUP,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.cache_compress_threshold",
							"Values at least so large are compressed for Redis.",
							NULL, &fo_cache_compress_bytes, 2048, 64, INT_MAX, PGC_SUSET,
							GUC_UNIT_BYTE, NULL, NULL, NULL);
}

/* What the background worker does by itself. */
static void
define_worker_settings(void)
{
	DefineCustomIntVariable("filteropt.cache_expire_interval",
							"Pause between the worker's searches for expired rows.",
							"Each looks through a few pages of the table; 0: never.",
							&fo_cache_expire_ms, 1000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

/* Called from _PG_init. */
void
fo_cache_init(void)
{
	define_l1_settings();
	define_redis_settings();
	define_redis_tls_settings();
	define_redis_limits();
	define_worker_settings();
	fo_cache_shared_init();
	fo_change_init();
	fo_cache_worker_init();
}
