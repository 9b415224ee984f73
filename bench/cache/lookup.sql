-- Each statement in turn, :rounds times; CPU time of this backend and wall time.
SET search_path = public, filteropt;
SELECT memcache_server_add(:'memcached') \g /dev/null
CREATE FUNCTION pg_temp.cpu_ns() RETURNS float8 LANGUAGE sql AS $$
	SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 $$;
-- Runs and commits a statement of so many calls some times, as the clock of CPU time ticks
-- in milliseconds; the first round of all is not counted.
CREATE PROCEDURE measure(what text, calls float8, statement text, times int, counted boolean) LANGUAGE plpgsql AS $$
DECLARE
	cpu float8 := pg_temp.cpu_ns();
	wall timestamptz := clock_timestamp();
BEGIN
	FOR i IN 1 .. times LOOP
		EXECUTE statement;
		COMMIT;
	END LOOP;
	IF counted THEN
		INSERT INTO measured VALUES (what, (pg_temp.cpu_ns() - cpu) / calls / times,
			extract(epoch FROM clock_timestamp() - wall) * 1e9 / calls / times);
	END IF;
END $$;
SELECT count(*) AS n FROM key \gset
CREATE TEMP TABLE batch AS SELECT array_agg(k) AS keys FROM (SELECT k FROM key LIMIT 100) k;
CREATE TEMP TABLE statement (what text, calls bigint, per text, query text);
INSERT INTO statement VALUES
	('scan, C function that does nothing', :n, 'key', 'peer_nothing(''l1'', k)'),
	('cache_get, L1', :n, 'key', 'cache_get(''l1'', k)'),
	('cache_get, L1, in PL/pgSQL', :n, 'key', 'wrapped_get(k)'),
	('cache_get, L3', :n / 5, 'key', 'cache_get(''l3'', k)'),
	('cache_get, L2 (Redis, unix socket)', :n / 20, 'key', 'cache_get(''l2'', k)'),
	('SELECT by key in PL/pgSQL', :n / 5, 'key', 'peer_get(k)'),
	('SELECT by key in C', :n / 5, 'key', 'peer_select(k)'),
	('pgmemcache get', :n / 20, 'key', 'memcache_get(k)'),
	('counting table (pg_semantic_cache)', :n / 50, 'key', 'semantic_get(k)'),
	('batch of 100 from L1, a key', :n / 100, 'batch', 'cache_get(''l1'', keys)'),
	('batch of 100 from L2, a key', :n / 500, 'batch', 'cache_get(''l2'', keys)'),
	('pgmemcache, batch of 100, a key', :n / 500, 'batch', 'memcache_get_multi(keys)'),
	('cache_put (L1, L3)', :n / 20, 'key', 'cache_put(''l1'', k, ''"' || repeat('x', 290) || '"'')');
\if :local_cache
INSERT INTO statement VALUES
	('pg_local_cache mget of 1', :n / 5, 'key', 'local_cache.mget(''local_peer''::regclass, ARRAY[k])'),
	('pg_local_cache mget of 100, a key', :n / 500, 'batch', 'local_cache.mget(''local_peer''::regclass, keys)');
\endif
CREATE TEMP TABLE run AS
SELECT what, calls, format('SELECT count(%s) FROM (SELECT k FROM key LIMIT %s) key', query, calls) AS query
	FROM statement WHERE per = 'key'
UNION ALL SELECT what, calls * 100,
	format('DO $d$ DECLARE keys text[] := (SELECT b.keys FROM batch b); BEGIN FOR i IN 1 .. %s LOOP PERFORM count(*) FROM %s; END LOOP; END $d$',
		calls, query)
	FROM statement WHERE per = 'batch'
UNION ALL VALUES ('INSERT ... ON CONFLICT, same shape', :n / 20, format(
	'DO $d$ DECLARE r record; BEGIN FOR r IN SELECT k FROM key LIMIT %s LOOP
	INSERT INTO shape VALUES (sha256(r.k::bytea), 1, 1, 0, r.k, ''"%s"'', now(), now(), now(), 10, NULL)
	ON CONFLICT (digest) DO UPDATE SET value = EXCLUDED.value, created = EXCLUDED.created, expires = EXCLUDED.expires,
	stale_until = EXCLUDED.stale_until, writer = EXCLUDED.writer, tags = EXCLUDED.tags; END LOOP; END $d$',
	:n / 20, repeat('x', 290)));
-- by the median of calls, as bench/cache/redis.c counts them
INSERT INTO run VALUES ('(batch of 100 from L2)', :n / 5, format(
	'DO $d$ DECLARE keys text[] := (SELECT b.keys FROM batch b); took float8[]; start timestamptz; BEGIN
	FOR i IN 1 .. %s LOOP start := clock_timestamp(); PERFORM count(*) FROM cache_get(''l2'', keys);
		took := took || extract(epoch FROM clock_timestamp() - start)::float8; END LOOP;
	INSERT INTO measured SELECT ''batch of 100 from L2, median call, a key'', NULL, 1e7 * percentile_cont(0.5) WITHIN GROUP (ORDER BY t)
		FROM unnest(took) t; END $d$', :n / 500));
\o /dev/null
SELECT format('CALL measure(%L, %s, %L, %s, %L)', what, calls, query,
		CASE WHEN what ~ 'cache_get, L1$|nothing' THEN 8 WHEN what ~ 'from L|batch' THEN 3 ELSE 1 END, round > 0)
	FROM generate_series(0, :rounds) round, run \gexec
\o
