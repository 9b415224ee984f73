-- Chosen fields of rows and of documents.
CREATE TABLE page_of_book (
	id int PRIMARY KEY,
	"Title" text,
	price numeric,
	at timestamptz DEFAULT '2024-05-01 10:00:00.000001+00',
	doc jsonb DEFAULT '{"a": [1, {"b": null}]}',
	gone int,
	body text,
	tags text[] DEFAULT '{x,y}');
ALTER TABLE page_of_book DROP gone, ALTER body SET STORAGE EXTERNAL;
INSERT INTO page_of_book (id, "Title", price, body)
SELECT i, 'Page ' || i, i + 0.50, repeat(md5(i::text), 1000) FROM generate_series(1, 50) AS i;
INSERT INTO page_of_book (id) VALUES (51);
SET timezone = 'UTC';

SELECT filteropt.fields(p, '{id,Title,price,at,doc,tags}') FROM page_of_book p WHERE id IN (1, 51) ORDER BY id;
-- The planner makes it a call that reads these columns and no others.
EXPLAIN (VERBOSE, COSTS OFF) SELECT filteropt.fields(p, '{id,Title}') FROM page_of_book p;
EXPLAIN (VERBOSE, COSTS OFF) SELECT filteropt.fields(s, '{t}') FROM (SELECT id, "Title" AS t, body FROM page_of_book) AS s;
EXPLAIN (VERBOSE, COSTS OFF) SELECT filteropt.fields(s, '{t}') FROM (SELECT id, "Title" AS t, body FROM page_of_book ORDER BY id LIMIT 3) AS s;
-- A row that an outer join leaves out is null, not an object of nulls.
SELECT n, filteropt.fields(p, '{id}') FROM generate_series(51, 52) AS n LEFT JOIN page_of_book p ON p.id = n ORDER BY n;

SELECT filteropt.fields(p, '{id}') FROM page_of_book p WHERE id < 3 GROUP BY p ORDER BY p.*;
SELECT filteropt.fields(p, '{id}') FROM page_of_book p WHERE id < 4 GROUP BY GROUPING SETS ((p), ()) ORDER BY 1;
UPDATE page_of_book p SET price = 1.25 WHERE id = 2 RETURNING filteropt.fields(p, '{id,price}');

-- All ways that a call can take agree with to_jsonb(), for each set of columns.
CREATE FUNCTION chosen(wanted text[], p page_of_book) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(to_jsonb(p)) WHERE key = ANY (wanted) $$;
CREATE TABLE subset AS
SELECT i, ARRAY(SELECT attname::text FROM pg_attribute
	WHERE attrelid = 'page_of_book'::regclass AND attnum > 0 AND NOT attisdropped AND i >> (attnum - 1) & 1 = 1 ORDER BY attname) AS wanted
FROM generate_series(0, 255) AS i;
SELECT count(*), count(*) FILTER (WHERE filteropt.fields(p, wanted) = chosen(wanted, p)) AS right_by_row
FROM page_of_book p, subset WHERE id IN (1, 51);
CREATE FUNCTION by_plan(OUT calls int, OUT wrong int) LANGUAGE plpgsql AS $$
DECLARE
	w text[];
	bad boolean;
BEGIN
	calls := 0;
	wrong := 0;
	FOR w IN SELECT wanted FROM subset WHERE i % 8 = 3 LOOP
		EXECUTE format('SELECT bool_or(filteropt.fields(p, %L) <> chosen(%1$L, p)
			OR filteropt.fields(s, %1$L) <> chosen(%1$L, p)) FROM page_of_book p JOIN page_of_book s USING (id)', w) INTO bad;
		calls := calls + 1;
		wrong := wrong + bad::int;
	END LOOP;
END $$;
SELECT * FROM by_plan();
SELECT filteropt.fields(p, NULL) = to_jsonb(p) AS all_columns, filteropt.fields(p, '{}') AS none FROM page_of_book p WHERE id = 51;
SELECT filteropt.fields(NULL::page_of_book, '{id}') IS NULL AS null_row;

-- Unwanted wide columns are not detoasted: it takes as many buffers as reading the wanted ones.
CREATE FUNCTION buffers(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	FOR i IN 1..2 LOOP
		EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
	END LOOP;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::int + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::int;
END $$;
SELECT buffers($$SELECT filteropt.fields(p, '{id,Title}') FROM page_of_book p$$)
		= buffers('SELECT id, "Title" FROM page_of_book p') AS as_few,
	buffers($$SELECT filteropt.fields(p, '{id,body}') FROM page_of_book p$$)
		>= buffers('SELECT id FROM page_of_book p') + 50 AS body_costs,
	buffers($$SELECT filteropt.page('page_of_book', '{id}', 50, fields => '{id,Title}')$$) + 50
		< buffers($$SELECT filteropt.page('page_of_book', '{id}', 50, fields => '{id,body}')$$) AS pages_too;

-- Documents: dotted paths, through arrays.
SELECT filteropt.fields('{"id": 1, "author": {"name": "x", "mail": "y", "p": null}, "comments": [{"by": {"n": 1, "m": 2}, "t": "a"}, 7, {"t": "b"}, [{"t": "c"}]], "a.b": {"c\\": 3}}'::jsonb, wanted)
FROM (VALUES ('{id}'::text[]), ('{author.name,author.p,id}'), ('{comments.t,comments.by.n}'), ('{author,author.name}'),
	('{"a\\.b"}'), ('{"a\\.b.c\\\\"}'), ('{id.x,nothing,author.mail.z}'), ('{}'), (NULL)) AS v (wanted);
SELECT filteropt.fields('[{"a": 1, "b": 2}, {"b": 3}]'::jsonb, '{b}') AS of_each,
	filteropt.fields('"scalar"'::jsonb, '{b}') AS scalar, filteropt.fields(NULL::jsonb, '{b}') IS NULL AS "null";

SELECT filteropt.fields(p, '{id,nothing}') FROM page_of_book p;
SELECT filteropt.fields(p, ARRAY['id', '1; DROP TABLE page_of_book']) FROM page_of_book p;
SELECT filteropt.fields(p, ARRAY['gone']) FROM page_of_book p;
SELECT filteropt.fields(p, ARRAY[NULL, 'id']) FROM page_of_book p;
SELECT filteropt.fields(7, '{id}');
SELECT filteropt.fields('{}'::jsonb, '{a..b}');
SELECT filteropt.fields('{}'::jsonb, '{""}');
SELECT filteropt.fields('{}'::jsonb, '{NULL}');
SELECT filteropt.fields_of('{a,b}', 1);
SELECT filteropt.fields_of('{a}', VARIADIC ARRAY[1]);
SELECT filteropt.fields_of('{a,b}', 1, NULL::text);
-- Privileges are those of the whole row.
CREATE ROLE regress_api_fields;
GRANT SELECT (id, "Title") ON page_of_book TO regress_api_fields;
SET ROLE regress_api_fields;
SELECT filteropt.fields(p, '{id}') FROM page_of_book p WHERE id = 1;
SELECT filteropt.fields(s, '{id}') FROM (SELECT id, "Title" FROM page_of_book) AS s WHERE id = 1;
RESET ROLE;
DROP FUNCTION chosen, by_plan, buffers;
DROP TABLE page_of_book, subset;
DROP ROLE regress_api_fields;
