-- Each statement in turn, :rounds times; CPU time of this backend by statement.
SET search_path = public, filteropt;
CREATE TEMP TABLE measured (what text, n bigint, ns float8);
CREATE FUNCTION pg_temp.cpu_ns() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE stat text[];
BEGIN
	-- user and system time of this process, in hundredths of a second
	stat := regexp_split_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ');
	RETURN (stat[12]::bigint + stat[13]::bigint) * 1e7;
END $$;
-- Repeats a statement until it has used a second of CPU time or so.
CREATE FUNCTION pg_temp.measure(what text, per_run bigint, statement text, runs int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE start float8 := pg_temp.cpu_ns();
BEGIN
	FOR i IN 1 .. runs LOOP EXECUTE statement; END LOOP;
	INSERT INTO pg_temp.measured VALUES (what, runs * per_run, pg_temp.cpu_ns() - start);
END $$;
SELECT count(*) AS n FROM key \gset
CREATE TEMP TABLE batch AS SELECT array_agg(k) AS keys FROM (SELECT k FROM key LIMIT 100) k;
SELECT count(cache_get('l1', k)), count(peer_get(k)) FROM key \g /dev/null
SELECT format($f$
	SELECT pg_temp.measure('scan alone', %1$s, 'SELECT count(k) FROM key', 10);
	SELECT pg_temp.measure('scan, a C function', %1$s, 'SELECT count(octet_length(k)) FROM key', 10);
	SELECT pg_temp.measure('cache_get, L1', %1$s, 'SELECT count(cache_get(''l1'', k)) FROM key', 5);
	SELECT pg_temp.measure('cache_get, L3', %1$s / 5, 'SELECT count(cache_get(''l3'', k)) FROM (SELECT k FROM key LIMIT %1$s / 5) k', 2);
	SELECT pg_temp.measure('cache_get, L2 (Redis, unix socket)', %1$s / 20, 'SELECT count(cache_get(''l2'', k)) FROM (SELECT k FROM key LIMIT %1$s / 20) k', 2);
	SELECT pg_temp.measure('SELECT by key in PL/pgSQL', %1$s / 5, 'SELECT count(peer_get(k)) FROM (SELECT k FROM key LIMIT %1$s / 5) k', 2);
	SELECT pg_temp.measure('batch of 100 from L1, a key', 200000, 'DO $d$ DECLARE a text[]; BEGIN SELECT keys INTO a FROM batch; FOR i IN 1 .. 2000 LOOP PERFORM count(*) FROM cache_get(''l1'', a); END LOOP; END $d$', 1);
	SELECT pg_temp.measure('batch of 100 from L2, a key', 20000, 'DO $d$ DECLARE a text[]; BEGIN SELECT keys INTO a FROM batch; FOR i IN 1 .. 200 LOOP PERFORM count(*) FROM cache_get(''l2'', a); END LOOP; END $d$', 1);
	SELECT pg_temp.measure('cache_put (L1, L3)', %1$s / 20, 'SELECT count(cache_put(''l1'', k, ''"%2$s"'')) FROM (SELECT k FROM key LIMIT %1$s / 20) k', 1);
	SELECT pg_temp.measure('INSERT ... ON CONFLICT, same shape', %1$s / 20, 'DO $d$ DECLARE r record; BEGIN FOR r IN SELECT k FROM key LIMIT %1$s / 20 LOOP INSERT INTO shape VALUES (sha256(r.k::bytea), 1, 1, 0, r.k, ''"%2$s"'', now(), now(), now(), 10, NULL) ON CONFLICT (digest) DO UPDATE SET value = EXCLUDED.value, created = EXCLUDED.created, expires = EXCLUDED.expires, stale_until = EXCLUDED.stale_until, writer = EXCLUDED.writer, tags = EXCLUDED.tags; END LOOP; END $d$', 1);
$f$, :n, repeat('x', 290)) FROM generate_series(1, :rounds)
\o /dev/null
\gexec
\o
\pset footer off
WITH m AS (SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY ns / greatest(n, 1)) AS ns FROM measured GROUP BY what),
	l AS (SELECT ns FROM m WHERE what = 'cache_get, L1')
SELECT m.what, round((m.ns / 1000)::numeric, 2) AS "us a call", round((m.ns / nullif(l.ns, 0))::numeric, 2) AS "of cache_get, L1"
FROM m, l ORDER BY m.ns;
