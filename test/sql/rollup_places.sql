-- Where a backend has found rows is remembered in little memory: few places for each of many
-- partitions, more for a rollup that has many groups.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION kept() RETURNS numeric LANGUAGE sql AS
	$$SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name = 'filteropt rollup'$$;
CREATE TABLE placed (part int, g int, v int) PARTITION BY LIST (part);
DO $$ BEGIN
	FOR i IN 1 .. 100 LOOP EXECUTE format('CREATE TABLE placed_%s PARTITION OF placed FOR VALUES IN (%s)', i, i); END LOOP;
END $$;
SELECT filteropt.rollup_create('placed_sum', 'SELECT part, g, count(*), sum(v) FROM placed GROUP BY part, g');
INSERT INTO placed SELECT i, 1, i FROM generate_series(1, 100) i;
UPDATE placed SET v = v + 1;
SELECT count(*) = 100 AS loaded, sum(used_bytes) < 100 * 40 * 1024 AS small FROM pg_backend_memory_contexts
WHERE name = 'filteropt rollup';
SELECT kept() AS before \gset

-- one of them gets 20 000 groups, written three times
INSERT INTO placed SELECT 7, i, 1 FROM generate_series(1, 20000) i;
UPDATE placed SET v = v + 1 WHERE part = 7;
UPDATE placed SET v = v + 1 WHERE part = 7 AND g % 3 = 0;
SELECT kept() - :before BETWEEN 100 * 1024 AND 400 * 1024 AS grown;
SELECT count(*) FROM filteropt.rollup_check('placed_sum');
SELECT count(*), sum(count), sum(sum) FROM placed_sum;
DROP TABLE placed CASCADE;
DROP FUNCTION kept();
