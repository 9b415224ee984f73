-- 20 parents with 10 children each, as one array.  The loop is in the server: a client's pays a
-- round trip for each of its 21 queries besides.
TRUNCATE way, sample;
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL, body text);
INSERT INTO parent SELECT i, 'Parent ' || i FROM generate_series(1, 10000) AS i;
INSERT INTO child SELECT i, i % 10000 + 1, 'Child ' || i FROM generate_series(1, 100000) AS i;
CREATE INDEX ON child (parent, id);
VACUUM ANALYZE parent, child;
CREATE FUNCTION by_loop() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	p parent;
	answer jsonb := '[]';
BEGIN
	FOR p IN SELECT * FROM parent WHERE id BETWEEN 501 AND 520 ORDER BY id LOOP
		answer := answer || (to_jsonb(p) || jsonb_build_object('children',
			(SELECT jsonb_agg(jsonb_build_object('id', id, 'body', body) ORDER BY id) FROM child WHERE parent = p.id)));
	END LOOP;
	RETURN answer;
END $$;

INSERT INTO way (task, way, sql)
SELECT '20 parents, 10 children each', way, sql
FROM (VALUES
	('subquery for each, by hand', $$SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('children',
		(SELECT jsonb_agg(jsonb_build_object('id', id, 'body', body) ORDER BY id) FROM child WHERE parent = p.id)) ORDER BY p.id)
		FROM parent p WHERE p.id BETWEEN 501 AND 520$$),
	('embed()', $$SELECT filteropt.embed(jsonb_agg(p ORDER BY id), 'children', 'child', 'parent', fields => '{id,body}')
		FROM parent p WHERE p.id BETWEEN 501 AND 520$$),
	('LEFT JOIN, jsonb_agg', $$SELECT jsonb_agg(doc ORDER BY id) FROM (SELECT p.id, to_jsonb(p) || jsonb_build_object('children',
		jsonb_agg(jsonb_build_object('id', c.id, 'body', c.body) ORDER BY c.id)) AS doc
		FROM parent p LEFT JOIN child c ON c.parent = p.id WHERE p.id BETWEEN 501 AND 520 GROUP BY p.id) AS t$$),
	('N+1 queries in PL/pgSQL', 'SELECT by_loop()')) AS v (way, sql);
CALL measure(:rounds);
TABLE report;

DROP FUNCTION by_loop();
DROP TABLE parent, child;
