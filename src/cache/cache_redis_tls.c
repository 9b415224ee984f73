/*
 * cache_redis_tls.c
 *		TLS to Redis, where hiredis has it (1.0 and later, built so).
 *
 * hiredis moves the bytes.  What is verified is decided here: its versions before 1.5
 * accept any name that a trusted authority has signed.  The hand shake is done here too,
 * so that it ends with the deadline of the connection, however slowly bytes trickle in.
 *
 * A context, which has read the files that the settings name, serves until a connection
 * fails or a setting changes: renewed files are found when the old ones do not do any more.
 */
#include "postgres.h"

#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"

char	   *fo_cache_redis_tls_ca = NULL;
char	   *fo_cache_redis_tls_cert = NULL;
char	   *fo_cache_redis_tls_key = NULL;
char	   *fo_cache_redis_tls_server_name = NULL;
int			fo_cache_redis_tls_verify = FO_TLS_VERIFY_FULL;

/* Does the configured address ask for TLS? */
bool
fo_redis_tls_wanted(void)
{
	return strncmp(fo_cache_redis, FO_REDIS_TLS_SCHEME, strlen(FO_REDIS_TLS_SCHEME)) == 0;
}

/* The Makefile links hiredis_ssl under the same condition. */
#if __has_include(<hiredis/hiredis_ssl.h>) && __has_include(<openssl/ssl.h>)

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include "miscadmin.h"
#include "utils/memutils.h"

static SSL_CTX *context = NULL;
static char *context_settings = NULL;	/* that it was made with */

bool
fo_redis_tls_built(void)
{
	return true;
}

static char *
present_settings(void)
{
	return psprintf("%d\n%s\n%s\n%s\n%s", fo_cache_redis_tls_verify, fo_cache_redis_tls_ca,
					fo_cache_redis_tls_cert, fo_cache_redis_tls_key,
					fo_cache_redis_tls_server_name);
}

/* Have settings changed since the last connection was made? */
bool
fo_redis_tls_changed(void)
{
	char	   *settings = present_settings();
	bool		changed = context_settings == NULL || strcmp(settings, context_settings) != 0;

	pfree(settings);
	return changed;
}

/* Forget what was read from files. */
void
fo_redis_tls_forget(void)
{
	if (context != NULL)
		SSL_CTX_free(context);
	context = NULL;
}

/* A key that needs a passphrase is an error; by default OpenSSL asks the terminal. */
static int
no_passphrase(char *to, int size, int writing, void *arg)
{
	return 0;
}

/* Let a context trust and show what the settings say; what is wrong, or NULL. */
static const char *
read_files(SSL_CTX *to)
{
	const char *ca = fo_cache_redis_tls_ca;
	const char *cert = fo_cache_redis_tls_cert;
	const char *key = fo_cache_redis_tls_key[0] ? fo_cache_redis_tls_key : cert;

	if ((ca[0] ? SSL_CTX_load_verify_locations(to, ca, NULL)
		 : SSL_CTX_set_default_verify_paths(to)) != 1)
		return "could not read the file of cache_redis_tls_ca";
	if (cert[0] && SSL_CTX_use_certificate_chain_file(to, cert) != 1)
		return "could not read the file of cache_redis_tls_cert";
	if (key[0] && SSL_CTX_use_PrivateKey_file(to, key, SSL_FILETYPE_PEM) != 1)
		return "could not use the file of cache_redis_tls_key";
	return NULL;
}

/* Make sure that there is a context for the present settings; what is wrong, or NULL. */
const char *
fo_redis_tls_prepare(void)
{
	const char *wrong;

	if (fo_redis_tls_changed())
	{
		char	   *settings = present_settings();

		fo_redis_tls_forget();
		if (context_settings != NULL)
			pfree(context_settings);
		context_settings = MemoryContextStrdup(TopMemoryContext, settings);
		pfree(settings);
	}
	if (context != NULL)
		return NULL;
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		return "could not begin with TLS";
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_verify(context, fo_cache_redis_tls_verify == FO_TLS_VERIFY_NONE
					   ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	wrong = read_files(context);
	if (wrong != NULL)
		fo_redis_tls_forget();
	return wrong;
}

/* Say whom we want to talk to, and let nobody else answer. */
static bool
expect_name(SSL *ssl, const char *host)
{
	const char *name = fo_cache_redis_tls_server_name[0] ? fo_cache_redis_tls_server_name : host;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	bool		check = fo_cache_redis_tls_verify == FO_TLS_VERIFY_FULL;
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

	if (address != NULL)
	{
		ASN1_OCTET_STRING_free(address);
		return !check || X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	}
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && (!check || SSL_set1_host(ssl, name) == 1);
}

/* What OpenSSL says went wrong. */
static const char *
reason(SSL *ssl)
{
	long		verdict = SSL_get_verify_result(ssl);
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	if (verdict != X509_V_OK && fo_cache_redis_tls_verify != FO_TLS_VERIFY_NONE)
		return X509_verify_cert_error_string(verdict);
	return text ? text : "the connection ended while TLS was negotiated";
}

/* Finish the hand shake within the deadline; what went wrong, or NULL. */
static const char *
shake_hands(redisContext *redis, SSL *ssl)
{
	for (;;)
	{
		int			result;
		int			error;

		CHECK_FOR_INTERRUPTS();
		ERR_clear_error();
		result = SSL_do_handshake(ssl);
		if (result == 1)
			return NULL;
		error = SSL_get_error(ssl, result);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return reason(ssl);
		if (!fo_redis_wait(redis, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
			return "time ran out while TLS was negotiated";
	}
}

/*
 * Go over to TLS on a connection that does not block, before anything was sent.  Wants
 * fo_redis_tls_prepare, whose files the deadline shall not wait for.  Returns what went
 * wrong, or NULL.
 */
const char *
fo_redis_start_tls(redisContext *redis, const char *host)
{
	SSL		   *ssl = SSL_new(context);

	if (ssl == NULL)
		return "out of memory";
	if (!expect_name(ssl, host) || redisInitiateSSL(redis, ssl) != REDIS_OK)
	{
		const char *wrong = reason(ssl);

		SSL_free(ssl);
		return wrong;
	}
	/* now it belongs to the connection, errors or not */
	return shake_hands(redis, ssl);
}

#else

bool
fo_redis_tls_built(void)
{
	return false;
}

bool
fo_redis_tls_changed(void)
{
	return false;
}

const char *
fo_redis_tls_prepare(void)
{
	return "this build has no TLS";
}

void
fo_redis_tls_forget(void)
{
}

const char *
fo_redis_start_tls(redisContext *redis, const char *host)
{
	return "this build has no TLS";
}

#endif
