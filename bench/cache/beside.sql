-- Two look-ups of the first :keys keys in turn, :rounds times: CPU time a call, into
-- measured.  psql variables a and b name them, a_resource and b_resource are looked into.
SET search_path = public, filteropt;
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS measured (what text, cpu float8, wall float8);
CREATE FUNCTION pg_temp.cpu_ns() RETURNS float8 LANGUAGE sql AS $$
	SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 $$;
CREATE PROCEDURE pg_temp.turn(what text, resource text, keys int, counted boolean) LANGUAGE plpgsql AS $$
DECLARE
	cpu float8 := pg_temp.cpu_ns();
	found bigint;
BEGIN
	-- the clock of CPU time ticks in milliseconds
	FOR i IN 1 .. 10 LOOP
		SELECT count(cache_get(resource, k)) INTO found FROM (SELECT k FROM public.key LIMIT keys) key;
		COMMIT;
	END LOOP;
	IF found <> keys THEN
		RAISE EXCEPTION '% keys of % found', found, resource;
	END IF;
	IF counted THEN
		INSERT INTO public.measured VALUES (what, (pg_temp.cpu_ns() - cpu) / keys / 10);
	END IF;
END $$;
\o /dev/null
SELECT cache_put_many(:'a_resource', array_agg(k), array_agg(to_jsonb(repeat('x', 290)))) FROM (SELECT k FROM key LIMIT :keys) k;
SELECT cache_put_many(:'b_resource', array_agg(k), array_agg(to_jsonb(repeat('x', 290)))) FROM (SELECT k FROM key LIMIT :keys) k;
\o
VACUUM filteropt.cache_entry;
SELECT format('CALL pg_temp.turn(%L, %L, %s, %L)', what, resource, :keys, round > 0)
	FROM generate_series(0, :rounds) round, (VALUES (:'a', :'a_resource'), (:'b', :'b_resource')) v (what, resource) \gexec
