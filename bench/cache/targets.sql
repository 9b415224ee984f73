-- What was measured, and the targets.
\pset footer off
SET search_path = public, filteropt;
CREATE TEMP VIEW median AS
	SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu) / 1000 AS cpu,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY wall) / 1000 AS wall
	FROM measured GROUP BY what;
CREATE FUNCTION pg_temp.cpu(wanted text) RETURNS float8 LANGUAGE sql AS $$ SELECT nullif(cpu, 0) FROM median WHERE what = wanted $$;
CREATE FUNCTION pg_temp.wall(wanted text) RETURNS float8 LANGUAGE sql AS $$ SELECT nullif(wall, 0) FROM median WHERE what = wanted $$;
SELECT what, round(cpu::numeric, 2) AS "us CPU", round(wall::numeric, 2) AS "us wall"
	FROM median WHERE what NOT LIKE 'pgbench%' AND what NOT LIKE '(%' ORDER BY coalesce(cpu, wall);
SELECT what, round((1e6 / wall)::numeric) AS "tps" FROM median WHERE what LIKE 'pgbench%' ORDER BY wall;
CREATE TEMP TABLE target (n serial, target text, measured float8, bound float8, unit text DEFAULT 'times', at_least boolean DEFAULT false);
INSERT INTO target (target, measured, bound, unit, at_least)
SELECT t, m, b, u, l FROM (VALUES
	('L1 hit in a scan, CPU', pg_temp.cpu('cache_get, L1'), 0.9, 'us', false),
	('L1 hit in C, hot', pg_temp.cpu('in C, 1 000 hot keys'), 0.080, 'us', false),
	('L1 hit in C, uniform', pg_temp.cpu('in C, uniform'), 0.480, 'us', false),
	('pgbench -M prepared, tps of computing the key alone', pg_temp.wall('pgbench, the key alone') / pg_temp.wall('pgbench, cache_get, L1'), 0.9, 'times', true),
	('SELECT by primary key in PL/pgSQL / cache_get', pg_temp.cpu('SELECT by key in PL/pgSQL') / pg_temp.cpu('cache_get, L1'), 6, 'times', true),
	('the same, cache_get in PL/pgSQL too', pg_temp.cpu('SELECT by key in PL/pgSQL') / pg_temp.cpu('cache_get, L1, in PL/pgSQL'), 6, 'times', true),
	('Redis GET, unix socket / cache_get', pg_temp.wall('Redis GET by hiredis, unix socket') / pg_temp.wall('cache_get, L1'), 15, 'times', true),
	('Redis GET, TCP / cache_get', pg_temp.wall('Redis GET by hiredis, TCP') / pg_temp.wall('cache_get, L1'), 15, 'times', true),
	('pg_local_cache, mget of 1 / cache_get', pg_temp.cpu('pg_local_cache mget of 1') / pg_temp.cpu('cache_get, L1'), 3, 'times', true),
	('two backends at once / one, CPU a call', pg_temp.cpu('cache_get, L1, two at once') / pg_temp.cpu('cache_get, L1, alone'), 1.15, 'times', false),
	('batch of 100 from L1, CPU a key', pg_temp.cpu('batch of 100 from L1, a key'), 0.6, 'us', false),
	('batch of 100 from L2 / MGET by hiredis', pg_temp.wall('batch of 100 from L2, median call, a key') / pg_temp.wall('Redis MGET of 100 by hiredis, unix socket, a key'), 1.5, 'times', false),
	('cache_put / INSERT ... ON CONFLICT, CPU', pg_temp.cpu('cache_put (L1, L3)') / pg_temp.cpu('INSERT ... ON CONFLICT, same shape'), 1.3, 'times', false),
	('invalidation after Redis has it, p50', pg_temp.wall('invalidation, p50'), 75, 'us', false),
	('invalidation after Redis has it, p99', pg_temp.wall('invalidation, p99'), 500, 'us', false),
	('the same, p50 / that of a bare client', pg_temp.wall('invalidation, p50') / pg_temp.wall('a bare client hears, p50'), 1.5, 'times', false),
	('the same, p99 / that of a bare client', pg_temp.wall('invalidation, p99') / pg_temp.wall('a bare client hears, p99'), 1.5, 'times', false),
	('breaker open: CPU beyond a look into L3', pg_temp.cpu('cache_get, L2 with breaker open, then L3') - pg_temp.cpu('cache_get, L3, beside it'), 1, 'us', false),
	('L3 / private L1, without shared memory, CPU', pg_temp.cpu('cache_get, L3, no shared memory') / pg_temp.cpu('cache_get, private L1'), 2, 'times', true),
	('100 callers of a missing key: computations', pg_temp.cpu('computations') * 1000, 1, '', false),
	('100 callers, last one served after its end', pg_temp.wall('last served') / 1000, 50, 'ms', false)
) v (t, m, b, u, l);
\echo
SELECT target, round(measured::numeric, 3) AS measured, CASE WHEN at_least THEN '>= ' ELSE '<= ' END || bound || ' ' || unit AS bound,
	CASE WHEN measured IS NULL THEN 'not measured' WHEN (measured >= bound) = at_least OR measured = bound THEN 'met' ELSE 'MISSED' END AS result
	FROM target ORDER BY n;
