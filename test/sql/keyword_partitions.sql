-- keyword_partitions: attached tables that are partitioned, however partitions come and go.
SET search_path = public, filteropt;
SET client_min_messages = error;
\set VERBOSITY terse

-- Owners and keywords of the stored sets beside those of the table: what only one of them has.
CREATE FUNCTION pg_temp.differing(source regclass, OUT owners bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	store regclass := (SELECT s.store FROM keyword_sources s WHERE s.source = differing.source);
BEGIN
	EXECUTE format($q$
		WITH wanted AS (SELECT user_id AS owner, array_agg(DISTINCT keyword COLLATE "C" ORDER BY keyword COLLATE "C") AS keywords
				FROM %1$s GROUP BY 1),
			stored AS (SELECT owner, ARRAY(SELECT jsonb_array_elements_text(compiled::text::jsonb->'keywords')) FROM %2$s)
		SELECT (SELECT count(*) FROM wanted), count(*) FROM (
			(TABLE wanted EXCEPT ALL TABLE stored) UNION ALL (TABLE stored EXCEPT ALL TABLE wanted)) AS d
		$q$, source, store) INTO owners, wrong;
END $$;

-- 1. Written through the parent and directly, added, attached, detached, dropped.
CREATE TABLE kwp (user_id int, keyword text, region int) PARTITION BY LIST (region);
CREATE TABLE kwp_1 PARTITION OF kwp FOR VALUES IN (1);
CREATE TABLE kwp_2 PARTITION OF kwp FOR VALUES IN (2) PARTITION BY HASH (user_id);
CREATE TABLE kwp_2_0 PARTITION OF kwp_2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE INDEX ON kwp (user_id);
INSERT INTO kwp VALUES (1, 'crypto', 1), (1, 'cat', 2), (2, 'cafe', 2);
SELECT keyword_attach('kwp', 'user_id', 'keyword');
CREATE TABLE kwp_3 PARTITION OF kwp FOR VALUES IN (3);
INSERT INTO kwp_3 VALUES (3, '日本', 3);
INSERT INTO kwp_2_0 VALUES (4, '#ai', 2);
UPDATE kwp SET region = 3 WHERE user_id = 2;
ALTER TABLE kwp ADD COLUMN note text;
SELECT keyword_match('kwp', 1, 'crypto cat'), keyword_match('kwp', 2, 'cafe'), keyword_match('kwp', 4, '#ai');
SELECT * FROM pg_temp.differing('kwp');
CREATE TABLE loose (keyword text, user_id int, region int, note text);
INSERT INTO loose VALUES ('new', 5, 4), ('moved', 1, 4);
ALTER TABLE kwp ATTACH PARTITION loose FOR VALUES IN (4);
SELECT keyword_match('kwp', 5, 'new'), pg_temp.differing('kwp');
ALTER TABLE kwp DETACH PARTITION kwp_1;
SELECT keyword_match('kwp', 1, 'crypto cat moved'), pg_temp.differing('kwp');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'kwp_1'::regclass;
INSERT INTO kwp_1 VALUES (1, 'assist', 1);
SELECT * FROM pg_temp.differing('kwp');
TRUNCATE kwp_2;
SELECT keyword_match('kwp', 1, 'cat moved'), pg_temp.differing('kwp');
TRUNCATE loose;
SELECT * FROM pg_temp.differing('kwp');
INSERT INTO kwp VALUES (1, 'cat', 2), (1, 'ass', 3);
SELECT * FROM pg_temp.differing('kwp');
DROP TABLE kwp_3;
SELECT keyword_match('kwp', 1, 'cat ass'), pg_temp.differing('kwp');
-- an inner one
ALTER TABLE kwp_2 DETACH PARTITION kwp_2_0;
SELECT * FROM pg_temp.differing('kwp');
ALTER TABLE kwp_2 ATTACH PARTITION kwp_2_0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT keyword_match('kwp', 1, 'cat ass'), pg_temp.differing('kwp');
ALTER TABLE kwp DETACH PARTITION loose CONCURRENTLY;
SELECT * FROM pg_temp.differing('kwp');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'loose'::regclass;

-- 2. Made in other ways.
CREATE SCHEMA inner_schema CREATE TABLE made PARTITION OF public.kwp FOR VALUES IN (10);
INSERT INTO kwp VALUES (10, 'made', 10);
TRUNCATE inner_schema.made;
SELECT keyword_match('kwp', 10, 'made'), pg_temp.differing('kwp');
SET session_replication_role = replica;
CREATE TABLE replicated PARTITION OF kwp FOR VALUES IN (11);
INSERT INTO kwp VALUES (11, 'replicated', 11);
RESET session_replication_role;
SELECT keyword_match('kwp', 11, 'replicated'), pg_temp.differing('kwp');
SET session_replication_role = replica;
TRUNCATE replicated;
INSERT INTO replicated VALUES (12, 'after', 11);
RESET session_replication_role;
SELECT keyword_match('kwp', 11, 'replicated'), keyword_match('kwp', 12, 'after'), pg_temp.differing('kwp');
SET session_replication_role = replica;
DROP TABLE replicated;
RESET session_replication_role;
SELECT * FROM pg_temp.differing('kwp');
INSERT INTO inner_schema.made VALUES (10, 'made', 10);
DROP SCHEMA inner_schema CASCADE;
SELECT keyword_match('kwp', 10, 'made'), pg_temp.differing('kwp');

-- 3. A partition that goes takes nothing else along: sets of other tables are not compiled anew.
CREATE TABLE beside (user_id int, keyword text) PARTITION BY LIST (user_id);
CREATE TABLE beside_1 PARTITION OF beside FOR VALUES IN (1);
CREATE TABLE beside_2 PARTITION OF beside FOR VALUES IN (2);
INSERT INTO beside VALUES (1, 'a'), (2, 'b');
SELECT keyword_attach('beside', 'user_id', 'keyword');
CREATE TABLE unrelated (x int);
CREATE TEMP TABLE before AS SELECT 'kwp' AS source, owner, xmin::text AS version, ctid AS place FROM filteropt.keywords_kwp
	UNION ALL SELECT 'beside', owner, xmin::text AS version, ctid AS place FROM filteropt.keywords_beside;
DROP TABLE unrelated, beside_1;
SELECT source, count(*) AS kept FROM before JOIN (
	SELECT 'kwp' AS source, owner, xmin::text AS version, ctid AS place FROM filteropt.keywords_kwp
	UNION ALL SELECT 'beside', owner, xmin::text AS version, ctid AS place FROM filteropt.keywords_beside) AS now USING (source, owner, version, place)
GROUP BY source ORDER BY source;
SELECT keyword_match('beside', 1, 'a'), keyword_match('beside', 2, 'b'), pg_temp.differing('beside');

-- 4. Partitions and tables whose keywords cannot be kept are refused, and nothing has changed then.
\set VERBOSITY default
\set SHOW_CONTEXT never
ALTER TABLE beside_2 SET UNLOGGED;
CREATE UNLOGGED TABLE beside_3 PARTITION OF beside FOR VALUES IN (3);
CREATE UNLOGGED TABLE beside_3 (user_id int, keyword text);
ALTER TABLE beside ATTACH PARTITION beside_3 FOR VALUES IN (3);
CREATE FOREIGN DATA WRAPPER keyword_nothing;
CREATE SERVER keyword_nowhere FOREIGN DATA WRAPPER keyword_nothing;
CREATE FOREIGN TABLE beside_4 PARTITION OF beside FOR VALUES IN (4) SERVER keyword_nowhere;
CREATE FOREIGN TABLE far (user_id int, keyword text) SERVER keyword_nowhere;
SELECT keyword_attach('far', 'user_id', 'keyword');
CREATE TABLE alone (user_id int, keyword text);
SELECT keyword_attach('alone', 'user_id', 'keyword');
ALTER TABLE alone SET UNLOGGED;
ALTER TABLE beside ATTACH PARTITION alone FOR VALUES IN (5);
SELECT keyword_detach('alone');
ALTER TABLE beside ATTACH PARTITION alone FOR VALUES IN (5);
INSERT INTO beside VALUES (2, 'c'), (5, 'd');
SELECT relname, relpersistence FROM pg_class WHERE relname ~ '^(beside|alone|keywords_beside)' AND relkind IN ('r', 'p') ORDER BY 1;
SELECT keyword_match('beside', 2, 'b c'), keyword_match('beside', 5, 'd'), pg_temp.differing('beside');
-- likewise when a table is attached that has such partitions
CREATE TABLE mixed (user_id int, keyword text) PARTITION BY LIST (user_id);
CREATE UNLOGGED TABLE mixed_1 PARTITION OF mixed FOR VALUES IN (1);
SELECT keyword_attach('mixed', 'user_id', 'keyword');
ALTER TABLE mixed_1 SET LOGGED;
CREATE FOREIGN TABLE mixed_2 PARTITION OF mixed FOR VALUES IN (2) SERVER keyword_nowhere;
SELECT keyword_attach('mixed', 'user_id', 'keyword');
DROP FOREIGN TABLE mixed_2;
SELECT keyword_attach('mixed_1', 'user_id', 'keyword');
CREATE TABLE mixed_3 (user_id int, keyword text);
SELECT keyword_attach('mixed_3', 'user_id', 'keyword');
ALTER TABLE mixed ATTACH PARTITION mixed_3 FOR VALUES IN (3);
SELECT keyword_attach('mixed', 'user_id', 'keyword');
SELECT keyword_detach('public.mixed_3');
SELECT keyword_attach('mixed', 'user_id', 'keyword');
\set VERBOSITY terse
DROP TABLE beside_3, mixed, loose, kwp_1;
DROP FOREIGN DATA WRAPPER keyword_nothing CASCADE;

-- 5. Detached, nothing is left on any of them.
SELECT keyword_detach('kwp'), keyword_detach('beside');
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'filteropt.keyword_sync'::regproc;
DROP TABLE kwp, beside;
