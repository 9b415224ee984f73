/*
 * cache_key.c
 *		Keys: who owns them, their hash in shared memory, their digest elsewhere.
 */
#include "postgres.h"

#include "cache/cache_internal.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"

/* SHA-256 of some pieces of memory, one after the other. */
void
fo_sha256(uint8 *digest, int nparts, const void *const *part, const size_t *len)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	bool		good = ctx != NULL && pg_cryptohash_init(ctx) >= 0;

	for (int i = 0; good && i < nparts; i++)
		good = pg_cryptohash_update(ctx, part[i], len[i]) >= 0;
	good = good && pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) >= 0;
	if (ctx != NULL)
		pg_cryptohash_free(ctx);
	if (!good)
		elog(ERROR, "could not compute SHA-256");
}

/* Describe a key of a resource for the current user; `bytes` is not copied. */
void
fo_key_make(FoCacheKey *key, FoCacheResource *resource, const char *bytes, uint32 len)
{
	fo_key_make_for(key, resource, bytes, len, resource->per_role ? GetUserId() : InvalidOid);
}

/* Keys of a resource by that name, whatever its id and version, hash alike. */
static uint64
key_salt(const FoL1Owner *owner, uint32 name_hash)
{
	return ((uint64) owner->database << 32 | name_hash) ^ fo_rotl64(owner->role, 17);
}

/* Describe a key of a resource for a role, InvalidOid for all roles. */
void
fo_key_make_for(FoCacheKey *key, FoCacheResource *resource, const char *bytes, uint32 len, Oid role)
{
	FoCacheShared *shared = fo_cache_shared();

	key->resource = resource;
	key->l1.owner.database = MyDatabaseId;
	key->l1.owner.resource = resource->id;
	key->l1.owner.version = resource->version;
	key->l1.owner.role = role;
	key->l1.bytes = bytes;
	key->l1.len = len;
	key->digested = false;
	key->cell = NULL;
	key->l1.hash = 0;
	if (likely(shared != NULL))
	{
		key->l1.hash = fo_cache_hash(&shared->seed, key_salt(&key->l1.owner, resource->name_hash),
									 bytes, len);
		key->cell = fo_cache_cell(shared, key->l1.hash);
		__builtin_prefetch(key->cell);
		if (likely(shared->l1_at != 0))
			fo_l1_prefetch(fo_cache_l1(shared), key->l1.hash);
	}
}

/*
 * The same for a change: the key's fence is marked, and the version is that of after the
 * mark.  With an older one a fill of the new version could slip in unnoticed; the fence
 * is that of all versions, so none can do so from now on.
 */
void
fo_key_make_marked(FoCacheKey *key, FoCacheResource *resource, const char *bytes, uint32 len,
				   const Oid *role)
{
	char		name[NAMEDATALEN];

	strlcpy(name, resource->name, sizeof(name));
	for (;;)
	{
		int32		version = resource->version;
		int32		id = resource->id;

		if (role != NULL)
			fo_key_make_for(key, resource, bytes, len, *role);
		else
			fo_key_make(key, resource, bytes, len);
		if (key->cell == NULL)
		{
			fo_cache_require_company();
			return;
		}
		fo_fence_mark(key->cell);
		resource = fo_resource_find(name, strlen(name));
		if (resource == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("cache resource \"%s\" was dropped concurrently", name)));
		if (resource->version == version && resource->id == id)
			return;
	}
}

/* SHA-256 of owner and key: the key of the table's row. */
const uint8 *
fo_key_digest(FoCacheKey *key)
{
	if (!key->digested)
	{
		const void *part[] = {&key->l1.owner.resource, &key->l1.owner.version,
			&key->l1.owner.role, key->l1.bytes};
		const size_t len[] = {sizeof(uint32), sizeof(uint32), sizeof(uint32), key->l1.len};

		fo_sha256(key->digest, 4, part, len);
		key->digested = true;
	}
	return key->digest;
}

static int
compare_keys(const void *a, const void *b)
{
	const FoCacheKey *x = a;
	const FoCacheKey *y = b;
	int			cmp = memcmp(x->l1.bytes, y->l1.bytes, Min(x->l1.len, y->l1.len));

	return cmp != 0 ? cmp : (x->l1.len > y->l1.len) - (x->l1.len < y->l1.len);
}

/* Sort keys of one owner and drop repeated ones; returns how many are left. */
int
fo_keys_unique(FoCacheKey *keys, int n)
{
	int			kept = 0;

	qsort(keys, n, sizeof(FoCacheKey), compare_keys);
	for (int i = 0; i < n; i++)
		if (kept == 0 || compare_keys(&keys[kept - 1], &keys[i]) != 0)
			keys[kept++] = keys[i];
	return kept;
}
