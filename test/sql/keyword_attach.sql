-- keyword_attach: compiled sets that follow the application's table.
SET search_path = public, filteropt;
SET jit = off;

CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN state || ': ' || message || coalesce(nullif(E'\n  ' || detail, E'\n  '), '')
		|| coalesce(nullif(E'\n  ' || hint, E'\n  '), '');
END $$;

-- The texts that every check looks at: together they have every keyword used below.
CREATE TABLE posts (id int PRIMARY KEY, body text);
INSERT INTO posts VALUES (1, 'Crypto is free  money'), (2, 'a cat and a CAFÉ'), (3, 'smartwatch, assist, ass'),
	(4, 'word7 word70 word700'), (5, '日本 #ai AI j''ai'), (6, ''), (7, 'new moved copied');

-- The oracle: one set per row of the table, compiled on the spot; a bad keyword is none.
CREATE FUNCTION pg_temp.hits(keyword text, body text, allow text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN body @@ keyword_set(ARRAY[keyword], allow => allow);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN false;
END $$;
CREATE FUNCTION pg_temp.is_good(keyword text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN keyword_set(ARRAY[keyword]) IS NOT NULL;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN false;
END $$;
CREATE FUNCTION pg_temp.differing(source regclass, allow_flag text DEFAULT 'false') RETURNS TABLE (
	answers bigint, hits bigint, wrong bigint, feed_wrong bigint, stray_sets bigint) LANGUAGE plpgsql AS $$
DECLARE
	store regclass := (SELECT s.store FROM keyword_sources s WHERE s.source = differing.source);
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH owners AS (SELECT DISTINCT user_id AS owner FROM %1$s UNION SELECT generate_series(1, 12)),
		expected AS MATERIALIZED (SELECT owner, p.id, ARRAY(
				SELECT DISTINCT k.keyword COLLATE "C" FROM %1$s k WHERE k.user_id = o.owner AND NOT coalesce(%2$s, false)
					AND pg_temp.hits(k.keyword, p.body,
						(SELECT array_agg(a.keyword) FROM %1$s a WHERE a.user_id = o.owner AND a.%3$s
							AND pg_temp.is_good(a.keyword)))
				ORDER BY 1) AS keywords
			FROM owners o, posts p WHERE owner IS NOT NULL),
		got AS MATERIALIZED (SELECT owner, p.id, keyword_match(%4$L::regclass, owner, p.body) AS keywords FROM owners, posts p),
		feed AS MATERIALIZED (SELECT owner, f.post AS id, f.keywords
			FROM owners, keyword_match(%4$L::regclass, owner, (SELECT array_agg(body ORDER BY id) FROM posts)) AS f)
		SELECT count(*), count(*) FILTER (WHERE e.keywords <> '{}'), count(*) FILTER (WHERE e.keywords IS DISTINCT FROM g.keywords),
			count(*) FILTER (WHERE e.keywords IS DISTINCT FROM f.keywords),
			(SELECT count(*) FROM %5$s s WHERE NOT EXISTS (SELECT FROM %1$s k WHERE k.user_id = s.owner))
		FROM expected e LEFT JOIN got g USING (owner, id) LEFT JOIN feed f USING (owner, id)$q$,
		source, 'k.' || allow_flag, allow_flag, source, store);
END $$;

-- 1. From a plain table to matching.
CREATE TABLE kw (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int, keyword text, allowed boolean DEFAULT false);
INSERT INTO kw (user_id, keyword, allowed) VALUES (1, 'crypto', false), (1, 'free money', false), (2, '*ass*', false), (2, '*assist*', true),
	(3, 'cafe', NULL), (3, '日本', false), (3, 'cafe', false), (4, '*', false), (4, '', true), (4, NULL, false), (4, 'cat', false), (NULL, 'cat', false);
SELECT keyword_attach('kw', 'user_id', 'keyword', allow_flag => 'allowed');
SELECT source, owner, keyword, allow_flag, whole_word, fold, on_bad, store FROM keyword_sources;
SELECT * FROM keyword_rejected ORDER BY keyword;
SELECT keyword_match('kw', 1, 'Crypto is free  money');
SELECT keyword_match('kw', 2, 'assistant'), keyword_match('kw', 2, 'ass'), keyword_match('kw', 99, 'ass');
SELECT * FROM keyword_match('kw', 3, ARRAY['CAFÉ', NULL, 'x', '日本人', '']);
SELECT count(*) FROM keyword_match('kw', 3, '{}'::text[]);
SELECT keyword_match('kw', NULL::int, 'x') IS NULL AND keyword_match('kw', 1, NULL::text) IS NULL
	AND keyword_match(NULL, 1, 'x') IS NULL AS null_for_null;
SELECT * FROM pg_temp.differing('kw', 'allowed');

-- 2. Whatever the statement: in the transaction, and after it.
BEGIN;
CREATE INDEX kw_user ON kw (user_id);
INSERT INTO kw (user_id, keyword) VALUES (5, 'cat'), (1, 'cat');
SELECT * FROM pg_temp.differing('kw', 'allowed');
UPDATE kw SET keyword = 'free' WHERE keyword = 'free money';
DELETE FROM kw WHERE user_id = 3 AND keyword = '日本';
SELECT * FROM pg_temp.differing('kw', 'allowed');
COMMIT;
SELECT * FROM pg_temp.differing('kw', 'allowed');
UPDATE kw SET user_id = 6 WHERE user_id = 5;
UPDATE kw SET allowed = NOT coalesce(allowed, false) WHERE keyword = '*assist*';
UPDATE kw SET user_id = NULL WHERE user_id = 6;
SELECT * FROM pg_temp.differing('kw', 'allowed');
COPY kw (user_id, keyword) FROM stdin;
7	copied
7	word70
8	*word7*
\.
INSERT INTO kw (user_id, keyword) SELECT n % 60, 'word' || n FROM generate_series(1, 720) AS n;
SELECT * FROM pg_temp.differing('kw', 'allowed');
SELECT count(*) AS owners, sum((keyword_set_info(compiled)).keywords) AS keywords FROM filteropt.keywords_kw;
WITH gone AS (DELETE FROM kw WHERE user_id = 7 RETURNING keyword)
INSERT INTO kw (user_id, keyword) SELECT 9, keyword FROM gone;
INSERT INTO kw (id, user_id, keyword) OVERRIDING SYSTEM VALUE VALUES (1, 10, 'x') ON CONFLICT (id) DO UPDATE SET keyword = 'new';
SELECT * FROM pg_temp.differing('kw', 'allowed');
DELETE FROM kw WHERE user_id >= 20;
SELECT * FROM pg_temp.differing('kw', 'allowed');

-- Rollback, savepoints.
BEGIN;
DELETE FROM kw WHERE user_id = 1;
SAVEPOINT a;
INSERT INTO kw (user_id, keyword) VALUES (1, 'moved');
SELECT keyword_match('kw', 1, 'moved cat') AS inside;
ROLLBACK TO a;
SELECT keyword_match('kw', 1, 'moved cat') AS after_savepoint;
SELECT * FROM pg_temp.differing('kw', 'allowed');
ROLLBACK;
SELECT keyword_match('kw', 1, 'moved cat') AS after_rollback;
SELECT * FROM pg_temp.differing('kw', 'allowed');
BEGIN;
INSERT INTO kw (user_id, keyword) VALUES (11, 'cat');
DO $$ BEGIN
	INSERT INTO kw (user_id, keyword) VALUES (12, 'cat');
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
COMMIT;
SELECT * FROM pg_temp.differing('kw', 'allowed');
-- A cursor keeps the snapshot that it was opened with.
BEGIN;
DECLARE c CURSOR FOR SELECT keyword_match('kw', 11, 'cat new');
INSERT INTO kw (user_id, keyword) VALUES (11, 'new');
FETCH c;
SELECT keyword_match('kw', 11, 'cat new');
COMMIT;
BEGIN READ ONLY;
SELECT keyword_match('kw', 11, 'cat new');
COMMIT;

-- Truncate, renamed columns and table, another schema, dropped columns.
BEGIN;
TRUNCATE kw;
SELECT keyword_match('kw', 1, 'Crypto cat');
INSERT INTO kw (user_id, keyword) VALUES (1, 'moved');
SELECT * FROM pg_temp.differing('kw', 'allowed');
ROLLBACK;
SELECT * FROM pg_temp.differing('kw', 'allowed');
ALTER TABLE kw RENAME TO "Odd ""Name";
ALTER TABLE "Odd ""Name" RENAME user_id TO "Who Is It";
ALTER TABLE "Odd ""Name" RENAME keyword TO "select";
INSERT INTO "Odd ""Name" ("Who Is It", "select") VALUES (12, 'moved');
UPDATE "Odd ""Name" SET "select" = 'new' WHERE "select" = 'cat';
SELECT keyword_match('"Odd ""Name"', 12, 'moved'), keyword_match('"Odd ""Name"', 11, 'new cat');
SELECT source, owner, keyword FROM keyword_sources;
ALTER TABLE "Odd ""Name" RENAME "Who Is It" TO user_id;
ALTER TABLE "Odd ""Name" RENAME "select" TO keyword;
CREATE SCHEMA elsewhere;
ALTER TABLE "Odd ""Name" SET SCHEMA elsewhere;
ALTER TABLE elsewhere."Odd ""Name" RENAME TO kw;
ALTER TABLE elsewhere.kw ADD COLUMN note text DEFAULT 'x', DROP COLUMN id;
INSERT INTO elsewhere.kw (user_id, keyword) VALUES (10, 'copied');
SELECT * FROM pg_temp.differing('elsewhere.kw', 'allowed');
VACUUM FULL filteropt.keywords_kw;
VACUUM FULL elsewhere.kw;
SELECT * FROM pg_temp.differing('elsewhere.kw', 'allowed');
SELECT pg_temp.error_of('ALTER TABLE elsewhere.kw ALTER user_id TYPE bigint');
SELECT pg_temp.error_of('ALTER TABLE elsewhere.kw DROP keyword');
TRUNCATE elsewhere.kw;
SELECT * FROM pg_temp.differing('elsewhere.kw', 'allowed');
SELECT count(*) AS left_over FROM filteropt.keywords_kw;

-- Detached, the table is as it was; dropped, nothing is left.
SELECT keyword_detach('elsewhere.kw');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'elsewhere.kw'::regclass;
SELECT to_regclass('filteropt.keywords_kw') IS NULL AS store_gone;
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('elsewhere.kw', 1, 'x')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_detach('elsewhere.kw')$$);
SELECT keyword_attach('elsewhere.kw', 'user_id', 'keyword', fold => 'none', whole_word => false);
INSERT INTO elsewhere.kw (user_id, keyword) VALUES (1, 'Cat');
SELECT keyword_match('elsewhere.kw', 1, 'conCatenate'), keyword_match('elsewhere.kw', 1, 'concatenate');
DROP SCHEMA elsewhere CASCADE;
SELECT count(*) AS sources, to_regclass('filteropt.keywords_kw') AS store FROM keyword_sources;

-- 3. Owners of several types, and how they may be given.
CREATE TABLE by_uuid (u uuid, keyword text);
CREATE TABLE by_text (u text, keyword varchar(50));
CREATE TABLE by_big (u bigint, keyword text);
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE by_enum (u mood, keyword text);
CREATE INDEX ON by_uuid (u); CREATE INDEX ON by_text (u); CREATE INDEX ON by_big (u); CREATE INDEX ON by_enum (u);
INSERT INTO by_uuid VALUES ('11111111-1111-1111-1111-111111111111', 'cat');
INSERT INTO by_text VALUES ('Ann''s', 'cat'), ('ann''s', 'dog');
INSERT INTO by_big VALUES (9007199254740993, 'cat'), (-1, 'dog');
INSERT INTO by_enum VALUES ('low', 'cat');
SELECT keyword_attach('by_uuid', 'u', 'keyword'), keyword_attach('by_text', 'u', 'keyword'),
	keyword_attach('by_big', 'u', 'keyword'), keyword_attach('by_enum', 'u', 'keyword');
SELECT keyword_match('by_uuid', '11111111-1111-1111-1111-111111111111', 'cat') AS literal,
	keyword_match('by_uuid', '11111111-1111-1111-1111-111111111111'::uuid, 'cat') AS typed,
	keyword_match('by_uuid', '11111111-1111-1111-1111-111111111111'::text, 'cat') AS spelt;
SELECT keyword_match('by_text', 'Ann''s', 'cat dog'), keyword_match('by_text', 'ann''s'::varchar, 'cat dog');
SELECT keyword_match('by_big', 9007199254740993, 'cat dog') AS big, keyword_match('by_big', -1::smallint, 'cat dog') AS small,
	keyword_match('by_big', '-1', 'cat dog') AS literal, keyword_match('by_enum', 'low'::mood, 'cat') AS enum, keyword_match('by_enum', 'low', 'cat') AS enum_literal;
-- Drivers that leave the types of parameters to the server.
PREPARE untyped AS SELECT keyword_match('by_big', $1, $2);
EXECUTE untyped('-1', 'cat dog');
PREPARE feed AS SELECT * FROM keyword_match('by_big', $1, $2::text[]);
EXECUTE feed('-1', '{cat,dog}');
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('by_uuid', 1, 'x')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('by_big', 'one', 'x')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('by_enum', 'none', 'x')$$);
DROP TABLE by_uuid, by_text, by_big, by_enum;
DROP TYPE mood;

-- 4. on_bad => 'error': the statement fails and changes nothing.
CREATE TABLE strict (user_id int, keyword text);
CREATE INDEX ON strict (user_id);
INSERT INTO strict VALUES (1, 'cat'), (1, '*');
SELECT pg_temp.error_of($$SELECT filteropt.keyword_attach('strict', 'user_id', 'keyword', on_bad => 'error')$$);
SELECT count(*) FROM keyword_sources;
DELETE FROM strict WHERE keyword = '*';
SELECT keyword_attach('strict', 'user_id', 'keyword', on_bad => 'error');
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
	$$INSERT INTO strict VALUES (1, 'dog'), (1, '*')$$,
	$$INSERT INTO strict VALUES (1, NULL)$$,
	$$UPDATE strict SET keyword = repeat('x', 1001)$$]) AS statement;
SELECT *, keyword_match('strict', 1, 'cat dog') FROM strict;
DROP TABLE strict;

-- 5. What cannot be attached.
CREATE TABLE t (user_id int, keyword text, n int, flag boolean);
CREATE VIEW v AS SELECT * FROM t;
CREATE TEMP TABLE tmp (LIKE t);
CREATE TABLE parent (LIKE t);
CREATE TABLE child () INHERITS (parent);
CREATE TYPE mark AS ENUM ('a');
CREATE TABLE odd (id int, p point, x xml, m mark, words text[], k text);
CREATE MATERIALIZED VIEW mv AS SELECT * FROM odd;
SELECT arguments, pg_temp.error_of(format('SELECT filteropt.keyword_attach(%s)', arguments)) AS error FROM unnest(ARRAY[
	$$'v', 'user_id', 'keyword'$$, $$'tmp', 'user_id', 'keyword'$$, $$'parent', 'user_id', 'keyword'$$, $$'child', 'user_id', 'keyword'$$,
	$$'t', 'nobody', 'keyword'$$, $$'t', 'user_id', 'n'$$, $$'t', 'user_id', 'keyword', allow_flag => 'n'$$,
	$$'t', 'user_id', NULL$$, $$NULL, 'user_id', 'keyword'$$, $$'t', 'user_id', 'keyword', fold => 'x'$$,
	$$'t', 'user_id', 'keyword', whole_word => NULL$$, $$'t', 'user_id', 'keyword', on_bad => 'ignore'$$, $$'nothing', 'a', 'b'$$,
	$$'t', 'ctid', 'keyword'$$, $$'odd', 'p', 'k'$$, $$'odd', 'x', 'k'$$, $$'odd', 'id', 'm'$$, $$'odd', 'id', 'words'$$, $$'mv', 'id', 'k'$$,
	$$'pg_class', 'oid', 'relname'$$, $$0, 'id', 'k'$$]) AS arguments;
-- Odd types of owners and keywords that do work.
CREATE TABLE domains (u numeric(10, 2), g int GENERATED ALWAYS AS (u::int * 2) STORED, k name, c char(8));
INSERT INTO domains VALUES (1.5, DEFAULT, 'Cat', 'dog');
SELECT keyword_attach('domains', 'u', 'k');
SELECT keyword_match('domains', 1.50, 'cat dog') AS number, keyword_match('domains', '1.5', 'cat dog') AS literal;
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('domains', 1.5::float8, 'cat dog')$$);
SELECT keyword_detach('domains');
SELECT keyword_attach('domains', 'g', 'c');
UPDATE domains SET u = 3;
SELECT keyword_match('domains', 4, 'cat dog') AS before, keyword_match('domains', 6, 'cat dog') AS after;
DROP TABLE domains;
SELECT count(*) AS sources, (SELECT count(*) FROM pg_class WHERE relname LIKE 'keywords\_%') AS stores FROM keyword_sources;
SELECT keyword_attach('t', 'user_id', 'keyword');
SELECT pg_temp.error_of($$SELECT filteropt.keyword_attach('t', 'user_id', 'keyword')$$);
SELECT pg_temp.error_of($$CREATE TRIGGER x AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION filteropt.keyword_guard(); INSERT INTO parent VALUES (1)$$);
SELECT pg_temp.error_of($$CREATE TRIGGER x BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION filteropt.keyword_sync(); INSERT INTO parent VALUES (1)$$);
DROP VIEW v; DROP MATERIALIZED VIEW mv; DROP TABLE t, child, parent, odd; DROP TYPE mark;

-- 6. Privileges and row-level security.
CREATE ROLE regress_filteropt_app;
CREATE ROLE regress_filteropt_reader;
CREATE ROLE regress_filteropt_other;
GRANT CREATE ON SCHEMA public TO regress_filteropt_app;
SET ROLE regress_filteropt_app;
CREATE TABLE mine (user_id int, keyword text, secret text);
CREATE INDEX ON mine (user_id);
INSERT INTO mine VALUES (1, 'cat'), (2, 'dog'), (2, '*');
SELECT keyword_attach('mine', 'user_id', 'keyword');
GRANT SELECT (user_id, keyword), INSERT, DELETE ON mine TO regress_filteropt_reader;
SET ROLE regress_filteropt_other;
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('mine', 1, 'cat')$$);
SELECT pg_temp.error_of($$SELECT * FROM filteropt.keywords_mine$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_attach('mine', 'user_id', 'keyword')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_detach('mine')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_rebuild('mine')$$);
SELECT count(*) AS rejected FROM keyword_rejected;
-- A table that claims another's sets by a trigger of its own gets nothing of them.
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_filteropt_other;
SET ROLE regress_filteropt_other;
CREATE TABLE forged (user_id int, keyword text);
CREATE TRIGGER filteropt_keyword_columns AFTER UPDATE OF user_id, keyword ON forged FOR EACH STATEMENT WHEN (false)
	EXECUTE FUNCTION filteropt.keyword_sync('keywords_mine', 'true', 'accent', 'skip');
SELECT pg_temp.error_of($$SELECT filteropt.keyword_match('forged', 1, 'cat')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_rebuild('forged')$$);
SELECT pg_temp.error_of($$SELECT filteropt.keyword_detach('forged')$$);
ALTER TABLE forged ADD COLUMN x int;
SELECT relowner::regrole AS store_owner FROM pg_class WHERE relname = 'keywords_mine';
DROP TABLE forged;
-- A role that may write the table, but not the sets.
SET ROLE regress_filteropt_reader;
INSERT INTO mine VALUES (1, 'new');
SELECT keyword_match('mine', 1, 'cat new'), keyword_match('mine', 2, 'dog');
SELECT pg_temp.error_of($$INSERT INTO filteropt.keywords_mine VALUES (1, '{"keywords": []}')$$);
DELETE FROM mine WHERE user_id = 1 AND keyword = 'new';
SELECT keyword_match('mine', 1, 'cat new');
-- Row-level security: what the caller may not see does not match.
SET ROLE regress_filteropt_app;
ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON mine FOR SELECT USING (user_id = current_setting('regress.me')::int);
SET ROLE regress_filteropt_reader;
SET regress.me = 1;
SELECT keyword_match('mine', 1, 'cat dog'), keyword_match('mine', 2, 'cat dog');
SET regress.me = 2;
SELECT keyword_match('mine', 1, 'cat dog'), keyword_match('mine', 2, 'cat dog');
SELECT * FROM keyword_match('mine', 1, ARRAY['cat dog']) UNION ALL SELECT * FROM keyword_match('mine', 2, ARRAY['cat dog']);
SET ROLE regress_filteropt_app;
SELECT keyword_match('mine', 1, 'cat dog'), keyword_match('mine', 2, 'cat dog');
ALTER TABLE mine FORCE ROW LEVEL SECURITY;
SELECT keyword_match('mine', 1, 'cat dog'), keyword_match('mine', 2, 'cat dog');
-- Sets hold every keyword all the same: they are compiled past the policy.
ALTER TABLE mine DISABLE ROW LEVEL SECURITY;
INSERT INTO mine VALUES (1, 'bird');
SELECT keyword_match('mine', 1, 'cat bird dog');
SELECT * FROM keyword_rejected;
-- Another owner: the sets go along, and so does the right to write and detach them.
RESET ROLE;
ALTER TABLE mine OWNER TO regress_filteropt_other;
SET ROLE regress_filteropt_other;
INSERT INTO mine VALUES (2, 'new');
SELECT keyword_match('mine', 2, 'dog new');
SELECT c.relowner::regrole AS store_owner FROM keyword_sources JOIN pg_class c ON c.oid = store;
SELECT keyword_detach('mine');
RESET ROLE;
DROP TABLE mine;
REVOKE CREATE ON SCHEMA public FROM regress_filteropt_other;
REVOKE CREATE ON SCHEMA public FROM regress_filteropt_app;
DROP ROLE regress_filteropt_app, regress_filteropt_reader, regress_filteropt_other;

-- 7. The cache of loaded sets is bounded, and smaller than what is asked for.
CREATE TABLE many (user_id int, keyword text);
INSERT INTO many SELECT n % 300, 'w' || n FROM generate_series(1, 9000) AS n;
CREATE INDEX ON many (user_id);
SET client_min_messages = warning; -- a slow server says how far it is
SELECT keyword_attach('many', 'user_id', 'keyword');
SET filteropt.keyword_cache_size = '256kB';
SELECT count(*) AS looks, count(*) FILTER (WHERE keyword_match('many', n % 300, 'w' || n || ' w' || n + 1) <> ARRAY['w' || n]) AS wrong
FROM generate_series(1, 3000) AS n;
SELECT sum(total_bytes) < 1000000 AS bounded, count(*) BETWEEN 1 AND 200 AS kept FROM pg_backend_memory_contexts WHERE name = 'filteropt loaded keyword set';
SET filteropt.keyword_cache_size = '64kB';
SELECT count(*) AS looks, count(*) FILTER (WHERE keyword_match('many', n % 300, 'w' || n) <> ARRAY['w' || n]) AS wrong
FROM generate_series(1, 300) AS n;
RESET filteropt.keyword_cache_size;
RESET client_min_messages;
DROP TABLE many;

-- 8. keyword_test: what a keyword would catch.
SELECT * FROM keyword_test('ass', ARRAY['what an ass', 'assistance', 'nothing', 'class and ass'], whole_word => false);
SELECT * FROM keyword_test('ass', ARRAY['what an ass', 'assistance'], allow => ARRAY['an ass']);
SELECT * FROM keyword_test('free', ARRAY['fr€€', 'freedom'], fold => 'evasion');
SELECT pg_temp.error_of($$SELECT * FROM filteropt.keyword_test('*', ARRAY['x'])$$);
DROP TABLE posts;
