/*
 * seal.c
 *		Authenticated encryption of cursors, and the secret for it.
 *
 * A sealed string is a tag and the bytes in cipher.  The tag is HMAC-SHA-256, cut
 * to 128 bits, over what the bytes are bound to and the bytes themselves.  The
 * bytes are added (xor) to a stream, HMAC-SHA-256 of the tag and a counter under
 * a second key.  Deriving all from a tag over the plain text makes it
 * deterministic, so the cursor of a row is always the same text, and needs no
 * random numbers, so a standby can do it; this is the construction of RFC 5297
 * (SIV) with HMAC for both of its functions.
 *
 * The secret, 64 random bytes, is a row of filteropt.page_secret, which only the
 * extension's owner may read.  It is read here without asking for privileges
 * and kept until the table says that it has changed; no function gives it out.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/seal.h"

PG_FUNCTION_INFO_V1(fo_api_secret_renew);

#define KEY_BYTES 32
#define SECRET_BYTES (2 * KEY_BYTES)

static uint8 secret[SECRET_BYTES];
static Oid	secret_table = InvalidOid;	/* whose secret it is; invalid: none */
static bool watching = false;

/* Relcache callback: the secret may have changed. */
static void
table_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == secret_table)
		secret_table = InvalidOid;
}

/* The table of the secret. */
static Oid
find_table(void)
{
	Oid			relid = get_relname_relid("page_secret", get_namespace_oid("filteropt", false));

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table filteropt.page_secret is missing"),
				 errhint("Drop and create the extension filteropt.")));
	return relid;
}

/* Load the secret unless it is there. */
static void
load_secret(void)
{
	Oid			relid;
	Relation	table;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull = true;
	Datum		datum = 0;

	if (OidIsValid(secret_table))
		return;
	if (!watching)
		CacheRegisterRelcacheCallback(table_changed, (Datum) 0);
	watching = true;
	relid = find_table();
	table = table_open(relid, AccessShareLock);
	scan = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		datum = heap_getattr(tuple, 1, RelationGetDescr(table), &isnull);
	if (!isnull)
	{
		bytea	   *bytes = DatumGetByteaPP(datum);

		isnull = VARSIZE_ANY_EXHDR(bytes) != SECRET_BYTES;
		if (!isnull)
			memcpy(secret, VARDATA_ANY(bytes), SECRET_BYTES);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no secret for cursors"),
				 errhint("Call filteropt.page_secret_renew() as the owner of the extension.")));
	secret_table = relid;
}

/* One part of what an HMAC is over. */
typedef struct Part
{
	const void *bytes;
	size_t		len;
} Part;

/* Add bytes to a hash, or fail. */
static void
hash_add(pg_cryptohash_ctx *hash, const void *bytes, size_t len)
{
	if (pg_cryptohash_update(hash, bytes, len) < 0)
		elog(ERROR, "could not compute SHA-256");
}

/* One of the two hashes of HMAC: of the key, padded with a byte, and the parts. */
static void
keyed_hash(pg_cryptohash_ctx *hash, const uint8 *key, uint8 pad, const Part *parts, int nparts,
		   uint8 *out)
{
	uint8		block[PG_SHA256_BLOCK_LENGTH];

	memset(block, pad, sizeof(block));
	for (int i = 0; i < KEY_BYTES; i++)
		block[i] ^= key[i];
	if (pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not compute SHA-256");
	hash_add(hash, block, sizeof(block));
	for (int i = 0; i < nparts; i++)
		hash_add(hash, parts[i].bytes, parts[i].len);
	if (pg_cryptohash_final(hash, out, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256");
}

/* HMAC-SHA-256 of RFC 2104; PostgreSQL 14 has none of its own. */
static void
hmac(pg_cryptohash_ctx *hash, const uint8 *key, const Part *parts, int nparts, uint8 *out)
{
	Part		inner = {out, PG_SHA256_DIGEST_LENGTH};

	keyed_hash(hash, key, 0x36, parts, nparts, out);
	keyed_hash(hash, key, 0x5c, &inner, 1, out);
}

/* Start a hash. */
static pg_cryptohash_ctx *
begin_hash(void)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return hash;
}

/* The tag: what the bytes are bound to goes with its length, so that no two pairs are alike. */
static void
make_tag(pg_cryptohash_ctx *hash, const uint8 *bytes, size_t len, const void *bound,
		 size_t bound_len, uint8 *digest)
{
	uint64		length = bound_len;
	Part		parts[3] = {{&length, sizeof(length)}, {bound, bound_len}, {bytes, len}};

	hmac(hash, secret, parts, 3, digest);
}

/* Add the stream of a tag to bytes. */
static void
apply_stream(pg_cryptohash_ctx *hash, const uint8 *tag, const uint8 *in, size_t len, uint8 *out)
{
	uint8		stream[PG_SHA256_DIGEST_LENGTH];

	for (size_t i = 0; i < len; i++)
	{
		if (i % PG_SHA256_DIGEST_LENGTH == 0)
		{
			uint64		counter = i / PG_SHA256_DIGEST_LENGTH;
			Part		parts[2] = {{tag, FO_SEAL_OVERHEAD}, {&counter, sizeof(counter)}};

			hmac(hash, secret + KEY_BYTES, parts, 2, stream);
		}
		out[i] = in[i] ^ stream[i % PG_SHA256_DIGEST_LENGTH];
	}
}

/* Seal bytes; out takes len + FO_SEAL_OVERHEAD bytes. */
void
fo_seal(const uint8 *bytes, size_t len, const void *bound, size_t bound_len, uint8 *out)
{
	pg_cryptohash_ctx *hash;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	load_secret();
	hash = begin_hash();
	make_tag(hash, bytes, len, bound, bound_len, digest);
	memcpy(out, digest, FO_SEAL_OVERHEAD);
	apply_stream(hash, out, bytes, len, out + FO_SEAL_OVERHEAD);
	pg_cryptohash_free(hash);
}

/*
 * Open what fo_seal() made with the same secret and binding: false if it did not.
 * out takes len - FO_SEAL_OVERHEAD bytes.  The comparison takes the same time
 * wherever the tags differ.
 */
bool
fo_unseal(const uint8 *sealed, size_t len, const void *bound, size_t bound_len, uint8 *out)
{
	pg_cryptohash_ctx *hash;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint8		difference = 0;

	if (len < FO_SEAL_OVERHEAD)
		return false;
	load_secret();
	hash = begin_hash();
	len -= FO_SEAL_OVERHEAD;
	apply_stream(hash, sealed, sealed + FO_SEAL_OVERHEAD, len, out);
	make_tag(hash, out, len, bound, bound_len, digest);
	pg_cryptohash_free(hash);
	for (int i = 0; i < FO_SEAL_OVERHEAD; i++)
		difference |= digest[i] ^ sealed[i];
	return difference == 0;
}

/*
 * Replace the secret by a new one: all cursors given out before are refused from
 * then on.  Privileges on the table decide who may.
 */
Datum
fo_api_secret_renew(PG_FUNCTION_ARGS)
{
	bytea	   *fresh = palloc(VARHDRSZ + SECRET_BYTES);
	Oid			type = BYTEAOID;
	Datum		value = PointerGetDatum(fresh);

	SET_VARSIZE(fresh, VARHDRSZ + SECRET_BYTES);
	if (!pg_strong_random(VARDATA(fresh), SECRET_BYTES))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	SPI_connect();
	if (SPI_execute("DELETE FROM filteropt.page_secret", false, 0) != SPI_OK_DELETE ||
		SPI_execute_with_args("INSERT INTO filteropt.page_secret (secret) VALUES ($1)", 1, &type,
							  &value, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store the secret");
	SPI_finish();
	CacheInvalidateRelcacheByRelid(find_table());
	PG_RETURN_VOID();
}
