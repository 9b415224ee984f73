-- Pages: what they hold, what their cursors mean, and what is refused.
CREATE TABLE posts (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	author int NOT NULL,
	title text,
	score numeric(6,2),
	created_at timestamptz NOT NULL);
INSERT INTO posts (author, title, score, created_at)
SELECT i % 3, 'post ' || i, CASE WHEN i % 4 > 0 THEN i % 5 END,
	timestamptz '2024-05-01 12:00:00.000007+00' + i / 3 * interval '1 microsecond'
FROM generate_series(1, 10) AS i;
CREATE INDEX ON posts (created_at, id);
SET timezone = 'UTC';

-- Up to three posts share a microsecond.
SELECT jsonb_pretty(filteropt.page('posts', '{created_at DESC}', 3) - '{next,previous}'::text[]);
SELECT filteropt.page('posts', '{created_at DESC}', 3) ->> 'next' AS next \gset
SELECT page -> 'items' AS items, page -> 'has_next' AS has_next, page -> 'has_previous' AS has_previous,
	page ->> 'previous' AS previous, page ->> 'next' AS next
FROM filteropt.page('posts', '{created_at DESC}', 3, :'next', fields => '{id}') AS page \gset
\echo :items :has_next :has_previous
SELECT page -> 'items' AS items, page -> 'has_next' AS has_next, page -> 'has_previous' AS has_previous
FROM filteropt.page('posts', '{created_at DESC}', 3, :'previous', fields => '{id}', backward => true) AS page;
-- The page's size, the fields and NULL for a default may change on the way.
SELECT page -> 'items' AS items, page -> 'has_next' AS has_next, page ->> 'next' AS next
FROM filteropt.page('posts', '{created_at DESC}', 50, :'next', NULL, '{title,id,id}', NULL) AS page \gset
\echo :items :has_next
-- The end: no items, but places to go on from when rows are added, and to turn round.
SELECT page -> 'items' AS items, page -> 'has_next' AS has_next, page -> 'has_previous' AS has_previous,
	page ->> 'next' = :'next' AS same_place, page ->> 'previous' AS previous
FROM filteropt.page('posts', '{created_at DESC}', 3, :'next', fields => '{id}') AS page \gset
\echo :items :has_next :has_previous :same_place
SELECT filteropt.page('posts', '{created_at DESC}', 3, :'previous', fields => '{id}', backward => true) -> 'items' AS items;
INSERT INTO posts (author, title, created_at) VALUES (7, 'older', '2024-01-01');
SELECT filteropt.page('posts', '{created_at DESC}', 3, :'next', fields => '{title}') -> 'items' AS items;
DELETE FROM posts WHERE author = 7;
-- The last page, and an empty table.
SELECT page -> 'items' AS items, page -> 'has_next' AS has_next, page -> 'has_previous' AS has_previous
FROM filteropt.page('posts', '{created_at DESC}', 3, fields => '{id}', backward => true) AS page;
SELECT filteropt.page('posts', '{id}', 3, filter => '{"author": 99}');

-- A cursor is a function of its row: the same text each time, and no value shows.
SELECT filteropt.page_cursor('posts', '{created_at DESC}', p) = filteropt.page_cursor('posts', '{created_at desc}', p) AS same,
	filteropt.page_cursor('posts', '{created_at DESC}', p) ~ '^[A-Za-z0-9_-]{40,80}$' AS url_safe,
	count(*) OVER (PARTITION BY filteropt.page_cursor('posts', '{created_at DESC}', p)) AS alike
FROM posts p WHERE id = 1;

-- What breaks ties: the primary key, in the direction of the last column.
SELECT line FROM filteropt.page_explain('posts', '{author, created_at DESC}', 3) WHERE line LIKE 'SELECT%';
SELECT line FROM filteropt.page_explain('posts', ARRAY['author', 'created_at DESC'], 3) WHERE line LIKE 'SELECT%';
SELECT line FROM filteropt.page_explain('posts', '{id DESC,author}', 3, fields => '{}') WHERE line LIKE 'SELECT%';
SELECT line FROM filteropt.page_explain('posts', NULL, 3, fields => '{}') WHERE line LIKE 'SELECT%';

-- Names are taken as they are spelt, or in lower case.
CREATE TABLE "Odd ""one" ("userId" int PRIMARY KEY, "a b" int, "select" int, userid2 int);
INSERT INTO "Odd ""one" VALUES (1, 2, 3, 4), (2, 1, 3, 4);
SELECT filteropt.page('"Odd ""one"', '{userId DESC}', 5, fields => '{userId,a b}') -> 'items' AS items;
SELECT filteropt.page('"Odd ""one"', '{"\"a b\" ASC"}', 5, filter => '{"a b": {"gt": 1}}') -> 'items' AS items;
SELECT filteropt.page('"Odd ""one"', '{SELECT, UserID2 desc}', 1, fields => '{}') -> 'items' AS items;
SELECT filteropt.page('"Odd ""one"', ARRAY['SELECT', ' UserID2	desc  nulls LAST '], 1, fields => '{}') -> 'items' AS items;
SELECT filteropt.page('"Odd ""one"', '{"\"userid\""}', 5);
DROP TABLE "Odd ""one";

-- A unique index will do; views and others say that their ordering is unique.
CREATE TABLE nokey (a int NOT NULL, b int NOT NULL, c int);
CREATE UNIQUE INDEX ON nokey (c);
CREATE UNIQUE INDEX ON nokey (a) WHERE b > 7;
CREATE UNIQUE INDEX ON nokey ((a + b));
ALTER TABLE nokey ADD UNIQUE (a, b) DEFERRABLE;
INSERT INTO nokey VALUES (1, 1, 1), (1, 2, NULL);
SELECT filteropt.page('nokey', '{a}', 1);
CREATE UNIQUE INDEX ON nokey (a, b) INCLUDE (c);
SELECT line FROM filteropt.page_explain('nokey', '{a DESC}', 1) WHERE line LIKE 'SELECT%';
CREATE TABLE nokey_child () INHERITS (nokey);
SELECT filteropt.page('nokey', '{a}', 1);
CREATE VIEW seen AS SELECT author, count(*) AS posts FROM posts GROUP BY author;
SELECT filteropt.page('seen', '{posts DESC}', 1);
SELECT filteropt.page('seen', ARRAY['posts DESC', 'author UNIQUE'], 2) ->> 'next' AS next \gset
SELECT filteropt.page('seen', ARRAY['posts DESC', 'author UNIQUE'], 2, :'next') -> 'items' AS items;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
SELECT filteropt.page('kept', '{author unique}', 1) -> 'items' AS items;
DROP TABLE nokey, nokey_child;
DROP MATERIALIZED VIEW kept;
DROP VIEW seen;

-- Partitions share the ordering.
CREATE TABLE parted (day date, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2024-01-02');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2024-01-02') TO ('2024-01-03');
INSERT INTO parted SELECT date '2024-01-01' + i % 2, i FROM generate_series(1, 6) AS i;
SELECT filteropt.page('parted', '{id DESC}', 2) ->> 'next' AS next \gset
SELECT filteropt.page('parted', '{id DESC}', 3, :'next') -> 'items' AS items;
DROP TABLE parted;

-- Changed columns: plans and cursors follow, or refuse.
CREATE TABLE changing (id int PRIMARY KEY, v int, w text);
INSERT INTO changing VALUES (1, 10, 'a'), (2, 9, 'b');
SELECT filteropt.page('changing', '{v}', 1) ->> 'next' AS next \gset
SELECT filteropt.page('changing', '{v}', 1, :'next') -> 'items' AS items;
ALTER TABLE changing ADD x boolean DEFAULT true, DROP w;
SELECT filteropt.page('changing', '{v}', 1, :'next') -> 'items' AS items;
ALTER TABLE changing ALTER v TYPE text;
SELECT filteropt.page('changing', '{v}', 1, :'next');
SELECT filteropt.page('changing', '{v}', 1) -> 'items' AS items;
DROP TABLE changing;

-- What is refused, with its SQLSTATE and hint, and nothing is executed.
CREATE FUNCTION complaint(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
	result text;
BEGIN
	EXECUTE 'SELECT filteropt.' || call INTO result;
	RETURN 'no error: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ': ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE TABLE unordered (id int PRIMARY KEY, place point, doc json);
\pset format unaligned
\pset tuples_only on
SELECT complaint($$page('posts', '{id}', 0)$$);
SELECT complaint($$page('posts', '{id}', -5)$$);
SELECT complaint($$page('posts', '{id}', 1001)$$);
SELECT complaint($$page('posts', '{id}', NULL)$$);
SELECT complaint($$page(NULL, '{id}', 5)$$);
SELECT complaint($$page('nowhere', '{id}', 5)$$);
SELECT complaint($$page(4294967295::oid, '{id}', 5)$$);
SELECT complaint($$page('posts_created_at_id_idx', '{id}', 5)$$);
SELECT complaint($$page('posts', '{nothing}', 5)$$);
SELECT complaint($$page('posts', '{id,id}', 5)$$);
SELECT complaint($$page('posts', '{id,NULL}', 5)$$);
SELECT complaint($$page('posts', '{""}', 5)$$);
SELECT complaint($$page('posts', '{"\"id"}', 5)$$);
SELECT complaint($$page('posts', '{id down}', 5)$$);
SELECT complaint($$page('posts', '{id NULLS}', 5)$$);
SELECT complaint($$page('posts', '{id UNIQUE,title}', 5)$$);
SELECT complaint($$page('posts', '{id; DROP TABLE posts}', 5)$$);
SELECT complaint($$page('posts', '{"id) FROM posts; --"}', 5)$$);
SELECT complaint($$page('posts', '{xmin}', 5)$$);
SELECT complaint($$page('posts', '{id}', 5, fields => '{id,"* FROM pg_authid"}')$$);
SELECT complaint($$page('posts', '{id}', 5, fields => '{NULL}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '[1]')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"nothing": 1}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"1 = 1 OR id": 1}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": "1 OR true"}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": 1.5}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": {"~": 1}}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": {"in": 1}}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": {"null": 1}}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": [null]}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": {"gt": null}}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => '{"author": [[1]]}')$$);
SELECT complaint($$page('posts', '{id}', 5, filter => jsonb_build_object('author', (SELECT jsonb_agg(i) FROM generate_series(1, 1001) i)))$$);
SELECT complaint($$page('unordered', '{place}', 5)$$);
SELECT complaint($$page('unordered', '{id}', 5, filter => '{"doc": 1}')$$);
SELECT complaint($$page('unordered', '{id}', 5, filter => '{"place": ["(1,2)"]}')$$);
SELECT complaint($$page_offset('posts', '{id}', 0, 5)$$);
SELECT complaint($$page_offset('posts', '{id}', NULL, 5)$$);
SELECT complaint($$page_offset('posts', '{id}', 2147483647, 1000)$$);
SELECT complaint($$page_offset('posts', '{id}', 1002, 10)$$);
SELECT complaint($$page_cursor('posts', '{title}', 7)$$);
SELECT complaint($$page_cursor('posts', '{title}', s) FROM (SELECT 'a' AS title) AS s$$);
SELECT complaint($$page_cursor('posts', '{title}', s) FROM (SELECT 'a' AS title, 1 AS id) AS s$$);
SELECT complaint($$page_cursor('posts', '{title}', p) FROM (SELECT repeat('x', 20000) AS title, 1::bigint AS id) AS p$$);
\pset format aligned
\pset tuples_only off
-- A value is a value.
SELECT filteropt.page('posts', '{id}', 5, filter => '{"title": "'' OR true --"}') -> 'items' AS items;

SELECT page - '{next,previous}'::text[] AS page FROM filteropt.page_offset('posts', '{id}', 2, 4, fields => '{id}') AS page;
SELECT filteropt.page('posts', '{id}', 2, page ->> 'next', fields => '{id}') -> 'items' AS follow
FROM filteropt.page_offset('posts', '{id}', 1, 8, fields => '{id}') AS page;
SELECT page - '{next,previous}'::text[] AS page FROM filteropt.page_offset('posts', '{id}', 9, 4, fields => '{id}') AS page;

-- It reads the snapshot of the query, own changes included, and writes nothing.
BEGIN;
INSERT INTO posts (author, title, created_at) VALUES (8, 'mine', '2030-01-01');
SELECT filteropt.page('posts', '{created_at DESC}', 1, fields => '{title}') -> 'items' AS items;
ROLLBACK;
BEGIN READ ONLY;
SELECT filteropt.page('posts', '{created_at DESC}', 1, fields => '{title}') -> 'items' AS items;
SELECT count(*) > 0 AS explained FROM filteropt.page_explain('posts', '{id}', 1);
COMMIT;
-- A page of what itself asks for more pages than a backend keeps plans of.
CREATE FUNCTION many(n int) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT sum(jsonb_array_length(filteropt.page('posts', '{id}', i) -> 'items')) FROM generate_series(1, n) AS i $$;
CREATE VIEW recursive_pages AS SELECT id, many(80) AS rows FROM posts WHERE id <= 3;
SELECT filteropt.page('recursive_pages', '{id UNIQUE}', 3) -> 'items' AS items;
CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM many(3); RAISE 'it fails'; END $$;
CREATE VIEW failing_pages AS SELECT id, fails() AS f FROM posts WHERE id <= 3;
SELECT filteropt.page('failing_pages', '{id UNIQUE}', 3);
SELECT filteropt.page('failing_pages', '{id UNIQUE}', 3);
SELECT many(80);
DROP VIEW recursive_pages, failing_pages;
DROP FUNCTION many, fails;
DROP TABLE posts, unordered;
DROP FUNCTION complaint;
