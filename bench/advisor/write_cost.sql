-- Cost units of the planner that an entry of each kind of index takes: the time that it adds
-- to an INSERT, beside the time of a sequential scan of known cost.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE source AS SELECT i AS id, (i * 7919::bigint % 200000)::int AS n, ARRAY[i % 500, i % 700, i % 900, i % 1100] AS tags
	FROM generate_series(1, 200000) i;
VACUUM ANALYZE source;

CREATE FUNCTION took(statement text, OUT ms float8) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
BEGIN
	ms := 'Infinity';
	FOR run IN 1 .. 3 LOOP
		started := clock_timestamp();
		EXECUTE statement;
		ms := least(ms, 1000 * extract(epoch FROM clock_timestamp() - started));
	END LOOP;
END $$;

CREATE FUNCTION entry_cost(definition text, entries float8, OUT cost float8) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	unit float8;
	plain float8;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) SELECT count(*) FROM source WHERE n < 0' INTO plan;
	unit := (SELECT ms FROM took('SELECT count(*) FROM source WHERE n < 0')) / (plan->0->'Plan'->>'Total Cost')::float8;
	CREATE TEMP TABLE target (LIKE source);
	plain := (SELECT ms FROM took('TRUNCATE target; INSERT INTO target SELECT * FROM source'));
	EXECUTE 'CREATE INDEX ON target ' || definition;
	cost := ((SELECT ms FROM took('TRUNCATE target; INSERT INTO target SELECT * FROM source')) - plain) / unit / 200000 / entries;
	DROP TABLE target;
END $$;

SELECT format('%-20s %s', name, round(cost::numeric, 3)) FROM (VALUES
	(1, 'B-tree, in order', '(id)', 1), (2, 'B-tree, at random', '(n)', 1), (3, 'GiST', 'USING gist (n)', 1),
	(4, 'GIN, a key', 'USING gin (tags)', 4), (5, 'BRIN', 'USING brin (id)', 1)) AS x (i, name, definition, entries),
	entry_cost(definition, entries) ORDER BY i;
