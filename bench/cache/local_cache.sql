-- The rows of "peer" in pg_local_cache.
CREATE EXTENSION pg_local_cache;
CREATE ROLE local_cache_worker LOGIN NOINHERIT;
CREATE TABLE local_peer (k text PRIMARY KEY, v jsonb NOT NULL);
INSERT INTO local_peer SELECT k, v FROM peer;
GRANT CONNECT ON DATABASE postgres TO local_cache_worker;
GRANT USAGE ON SCHEMA local_cache TO local_cache_worker;
GRANT SELECT ON local_cache.mapping TO local_cache_worker;
GRANT SELECT ON local_peer TO local_cache_worker;
SELECT local_cache.attach_table('public.local_peer'::regclass);
SELECT count(local_cache.mget('local_peer'::regclass, ARRAY[k])) FROM key;
