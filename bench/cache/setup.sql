-- Keys in random order, the same values in the cache and in what it is compared with;
-- psql variables: keys, module (of peer.c), memcached.
SET search_path = public, filteropt;
CREATE TABLE measured (what text, cpu float8, wall float8);
CREATE TABLE key AS
	SELECT 'user:' || left(md5(i::text), 31) AS k, i FROM generate_series(1, :keys) i ORDER BY random();
CREATE TABLE peer (k text PRIMARY KEY, v jsonb NOT NULL, expires timestamptz NOT NULL);
SELECT cache_resource_add('l1', levels => '{L1,L3}', ttl => '1 day');
SELECT cache_resource_add('l3', levels => '{L3}', ttl => '1 day');
SELECT cache_resource_add('l2', levels => '{L2}', ttl => '1 day');
SELECT cache_put_many(r, array_agg(k), array_agg(to_jsonb(repeat('x', 290))))
	FROM key, unnest(ARRAY['l1', 'l3', 'l2']) r GROUP BY r;
INSERT INTO peer SELECT k, to_jsonb(repeat('x', 290)), now() + interval '1 day' FROM key;
-- the same shape as filteropt.cache_entry
CREATE TABLE shape (LIKE filteropt.cache_entry INCLUDING ALL);
CREATE FUNCTION peer_get(wanted text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE found jsonb;
BEGIN
	SELECT v INTO found FROM public.peer WHERE k = wanted AND expires > now();
	RETURN found;
END $$;
CREATE FUNCTION wrapped_get(wanted text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN filteropt.cache_get('l1', wanted);
END $$;
CREATE FUNCTION peer_select(text) RETURNS jsonb LANGUAGE c STABLE AS :'module';
CREATE FUNCTION peer_nothing(text, text) RETURNS jsonb LANGUAGE c STABLE AS :'module';
-- like pg_semantic_cache: look-ups count in the entry and in one row for all
CREATE TABLE semantic (digest bytea PRIMARY KEY, value jsonb, expires timestamptz, hits bigint DEFAULT 0);
CREATE TABLE semantic_total (hits bigint);
INSERT INTO semantic SELECT sha256(k::bytea), to_jsonb(repeat('x', 290)), now() + interval '1 day' FROM key;
INSERT INTO semantic_total VALUES (0);
CREATE FUNCTION semantic_get(wanted text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE found jsonb;
BEGIN
	UPDATE public.semantic SET hits = hits + 1
		WHERE digest = sha256(wanted::bytea) AND expires > now() RETURNING value INTO found;
	UPDATE public.semantic_total SET hits = hits + 1;
	RETURN found;
END $$;
CREATE EXTENSION pgmemcache;
SELECT memcache_server_add(:'memcached');
SELECT memcache_set(k, repeat('x', 290)) FROM key LIMIT 10000;
VACUUM ANALYZE;
