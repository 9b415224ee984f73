-- One of several backends that look up at the same time: CPU time a call.
SET search_path = public, filteropt;
CREATE FUNCTION pg_temp.cpu_ns() RETURNS float8 LANGUAGE sql AS $$
	SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 $$;
SELECT count(cache_get('l1', k)) AS n FROM key \gset
-- start together
SELECT pg_sleep(extract(epoch FROM date_trunc('second', clock_timestamp()) + '1 s' - clock_timestamp())) \g /dev/null
SELECT pg_temp.cpu_ns() AS start \gset
\o /dev/null
SELECT 'SELECT count(cache_get(''l1'', k)) FROM key' FROM generate_series(1, :turns) \gexec
\o
INSERT INTO measured SELECT :'what', (pg_temp.cpu_ns() - :start) / (:n * :turns);
