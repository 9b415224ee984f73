-- A page costs the same at any depth: ranges of an index and nothing else, also
-- for mixed directions and NULLs.
CREATE TABLE deep (
	id int PRIMARY KEY,
	kind text,
	rank int,
	at timestamptz NOT NULL,
	body text NOT NULL);
INSERT INTO deep SELECT i, CASE WHEN i % 10 > 0 THEN 'k' || i % 7 END, CASE WHEN i % 3 > 0 THEN i % 1000 END,
	timestamptz '2024-01-01' + i / 4 * interval '1 second', repeat('x', 100)
FROM generate_series(1, 30000) AS i;
CREATE INDEX ON deep (at, id);
CREATE INDEX ON deep (kind, rank DESC NULLS LAST, id);
CREATE INDEX ON deep (rank, at, id) WHERE kind = 'k1';
VACUUM ANALYZE deep;
SET jit = off;

-- What page_explain() says of the page behind the row at a depth: the kinds of
-- plan nodes, the rows that were filtered away, and the buffers.
CREATE FUNCTION cost_at(ordering text[], filter jsonb, condition text, sql text, depth int, back boolean,
	OUT nodes text[], OUT filtered int, OUT buffers int) LANGUAGE plpgsql AS $$
DECLARE
	mark text;
	plan text[];
BEGIN
	EXECUTE format('SELECT filteropt.page_cursor(''deep'', $1, d, $2) FROM deep d WHERE %s ORDER BY %s LIMIT 1 OFFSET %s',
		condition, sql, depth) INTO mark USING ordering, filter;
	plan := ARRAY(SELECT line FROM filteropt.page_explain('deep', ordering, 20, mark, filter, '{id}', back, true));
	nodes := ARRAY(SELECT DISTINCT (regexp_match(line, '^ *(?:->  )?([A-Z][a-z]+(?: [A-Z][a-z]+)*)(?: using| on| \(actual)'))[1] AS node
		FROM unnest(plan) AS line WHERE line ~ 'actual rows' ORDER BY node);
	filtered := (SELECT coalesce(sum((regexp_match(line, 'Rows Removed by [A-Z]\w+: (\d+)'))[1]::int), 0) FROM unnest(plan) AS line);
	buffers := (SELECT sum((SELECT sum(n[1]::int) FROM regexp_matches(line, '(?:hit|read)=(\d+)', 'g') AS n))
		FROM unnest(plan) AS line WHERE line ~ '^    Buffers');
END $$;

SELECT ordering, back, nodes, filtered, min(buffers) > 0 AS counted, max(buffers) < 100 AS cheap,
	max(buffers) - min(buffers) < 40 AS same_at_any_depth
FROM (VALUES
		('{at,id}'::text[], NULL::jsonb, 'true', 'at, id'),
		('{at DESC}', NULL, 'true', 'at DESC, id DESC'),
		('{kind,rank DESC NULLS LAST,id}', NULL, 'true', 'kind, rank DESC NULLS LAST, id'),
		('{kind DESC,rank NULLS FIRST,id DESC}', NULL, 'true', 'kind DESC, rank NULLS FIRST, id DESC'),
		('{rank,at,id}', '{"kind": "k1"}', 'kind = ''k1''', 'rank, at, id')
	) AS o (ordering, filter, condition, sql),
	unnest('{0,500,3000}'::int[]) AS depth, unnest('{f,t}'::boolean[]) AS back,
	cost_at(ordering, filter, condition, sql, depth, back)
WHERE NOT (back AND depth = 0)
GROUP BY ordering, back, nodes, filtered ORDER BY ordering, back;

-- The condition in one's own SQL: one direction and no NULLs make one range; else
-- the scan at least begins at the cursor.
SELECT filteropt.page_cursor('deep', '{at DESC}', d) AS mark, filteropt.page_cursor('deep', '{at,id DESC}', d) AS mixed
FROM deep d WHERE id = 4000 \gset
SELECT filteropt.page_condition('deep', '{at DESC}', :'mark', alias => 'd') AS condition,
	filteropt.page_condition('deep', '{at,id DESC}', :'mixed', alias => 'd') AS mixed_condition \gset
EXPLAIN (COSTS OFF) SELECT id FROM deep AS d WHERE :condition ORDER BY at DESC, id DESC LIMIT 3;
SELECT id FROM deep AS d WHERE :condition ORDER BY at DESC, id DESC LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM deep AS d WHERE :mixed_condition ORDER BY at LIMIT 3;
DROP FUNCTION cost_at;
DROP TABLE deep;
