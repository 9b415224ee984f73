-- Keys in random order, the same values in the cache and in a table beside it.
SET search_path = public, filteropt;
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
VACUUM ANALYZE;
