-- What the owner of an attached table, or a stranger, does to mislead: nothing
-- of it may crash, show what a role may not see, or disturb others.
SET search_path = public, filteropt;
SET client_min_messages = error;
CREATE ROLE keyword_alice;
CREATE ROLE keyword_bob;
GRANT CREATE, USAGE ON SCHEMA public TO keyword_alice, keyword_bob;
\set VERBOSITY terse

-- forced row-level security: a look-up as the owner, then a change, then another look-up
SET ROLE keyword_bob;
CREATE TABLE forced (u int, k text);
CREATE INDEX ON forced (u);
SELECT keyword_attach('forced', 'u', 'k');
ALTER TABLE forced ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON forced USING (k <> 'secret') WITH CHECK (true);
INSERT INTO forced VALUES (1, 'secret'), (1, 'open');
SELECT keyword_match('forced', 1, 'secret open');
\c -
SET search_path = public, filteropt;
SET client_min_messages = error;
\set VERBOSITY terse
SET ROLE keyword_bob;
SELECT keyword_match('forced', 1, 'secret open');
INSERT INTO forced VALUES (1, 'third');
SELECT keyword_match('forced', 1, 'secret open third');
RESET ROLE;
SELECT keyword_match('forced', 1, 'secret open third');

-- a store altered by its owner is not used, and does not disturb the views
SET ROLE keyword_alice;
CREATE TABLE altered (u int, k text);
INSERT INTO altered VALUES (1, 'a'), (1, '*');
SELECT keyword_attach('altered', 'u', 'k');
ALTER TABLE filteropt.keywords_altered ALTER COLUMN compiled TYPE bytea USING 'x';
SELECT keyword_match('altered', 1, 'a');
ALTER TABLE filteropt.keywords_altered DROP COLUMN rejected;
SELECT keyword_match('altered', 1, 'a');
RESET ROLE;
SELECT count(*) FROM keyword_rejected;
SET ROLE keyword_alice;
SELECT keyword_detach('altered');
SELECT keyword_attach('altered', 'u', 'k');
CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil as %', current_user; END $$;
CREATE TRIGGER evil BEFORE UPDATE ON filteropt.keywords_altered FOR EACH ROW EXECUTE FUNCTION evil();
SELECT keyword_match('altered', 1, 'a');
INSERT INTO altered VALUES (1, 'b');
DROP TRIGGER evil ON filteropt.keywords_altered;
INSERT INTO altered VALUES (1, 'b');
SELECT keyword_match('altered', 1, 'a b');

-- a marker made by hand: of columns that do not fit the store, or with other words
DROP TRIGGER filteropt_keyword_columns ON altered;
CREATE TRIGGER filteropt_keyword_columns AFTER UPDATE OF k, u ON altered
	FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION filteropt.keyword_sync('keywords_altered', 'maybe', 'accent', 'skip');
SELECT keyword_match('altered', 'a', 'a');
RESET ROLE;
SELECT count(*) FROM keyword_rejected;
SELECT source, whole_word FROM keyword_sources ORDER BY 1;
SET ROLE keyword_bob;
CREATE TABLE claims (u int, k text);
CREATE TRIGGER filteropt_keyword_columns AFTER UPDATE OF u, k ON claims
	FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION filteropt.keyword_sync('keywords_altered', 'true', 'accent', 'skip');
SELECT keyword_match('claims', 1, 'a');
DROP TABLE claims;
RESET ROLE;

-- dropping the keyword column takes the triggers along; detaching clears up
CREATE TABLE halved (u int, k text);
SELECT keyword_attach('halved', 'u', 'k');
ALTER TABLE halved DROP COLUMN k CASCADE;
SELECT keyword_detach('halved');
SELECT count(*) FROM pg_class WHERE relname = 'keywords_halved';
DROP TABLE halved;

-- a child table added later is no part of the source
CREATE TABLE parent (u int, k text);
INSERT INTO parent VALUES (1, 'own');
SELECT keyword_attach('parent', 'u', 'k');
CREATE TABLE child () INHERITS (parent);
INSERT INTO child VALUES (1, 'other');
INSERT INTO parent VALUES (1, 'new');
SELECT keyword_match('parent', 1, 'own other new');
DROP TABLE parent CASCADE;

-- what cannot be kept right is refused
CREATE UNLOGGED TABLE lost (u int, k text);
SELECT keyword_attach('lost', 'u', 'k');
DROP TABLE lost;

-- a name that is not for sets: whoever may make triggers gets no table of it
SET ROLE keyword_bob;
CREATE TABLE squatter (u int, k text);
CREATE TRIGGER filteropt_keyword_columns AFTER UPDATE OF u, k ON squatter
	FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION filteropt.keyword_sync('sets', 'true', 'accent', 'skip');
SELECT keyword_rebuild('squatter');
DROP TABLE squatter;
RESET ROLE;

-- what runs as the owner of a table when others write it can do no more than compute
SET ROLE keyword_alice;
CREATE FUNCTION plant_it() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_user = 'keyword_alice' THEN
		CREATE TEMP TABLE IF NOT EXISTS planted (x int);
	END IF;
EXCEPTION WHEN insufficient_privilege THEN
	NULL;
END $$;
CREATE FUNCTION plant(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.plant_it(); RETURN true; END $$;
CREATE TABLE bait (u int, k text);
SELECT keyword_attach('bait', 'u', 'k');
CREATE INDEX ON bait (u) WHERE public.plant(1);
RESET ROLE;
INSERT INTO bait VALUES (1, 'cat');
SELECT keyword_match('bait', 1, 'cat'), to_regclass('pg_temp.planted') AS planted;
-- ... as it could, had it not been so
SET ROLE keyword_alice;
SELECT plant(1), to_regclass('pg_temp.planted') AS planted;
DROP TABLE planted, bait;
DROP FUNCTION plant(int), plant_it();
RESET ROLE;

-- a policy that makes what is known of the table outdated while its keywords are read
SET ROLE keyword_alice;
CREATE TABLE moving (u int, k text);
INSERT INTO moving VALUES (1, 'cat'), (1, 'dog'), (2, 'cat');
SELECT keyword_attach('moving', 'u', 'k');
CREATE FUNCTION shift(owner int, keyword text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF keyword = 'dog' THEN
		GRANT SELECT ON moving TO keyword_bob;
		REVOKE INSERT ON moving FROM keyword_bob;
		RETURN filteropt.keyword_match('moving', 2, 'cat') = '{cat}';
	END IF;
	RETURN true;
END $$;
CREATE POLICY p ON moving USING (shift(u, k));
ALTER TABLE moving ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON moving TO keyword_bob;
SET ROLE keyword_bob;
SELECT keyword_match('moving', 1, 'cat dog') FROM generate_series(1, 3);
SELECT * FROM keyword_match('moving', 1, ARRAY['cat', 'dog']);
SET ROLE keyword_alice;
DROP TABLE moving;
DROP FUNCTION shift(int, text);
RESET ROLE;

-- what is only called from within is for nobody else
SELECT p.oid::regprocedure AS internal FROM pg_proc p
WHERE pronamespace = 'filteropt'::regnamespace AND proname LIKE 'keyword\_%' AND NOT has_function_privilege('keyword_bob', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text;
SET ROLE keyword_bob;
SELECT filteropt.keyword_renew('forced');
CREATE TABLE guarded (u int);
CREATE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION filteropt.keyword_guard();
DROP TABLE guarded;
-- ... and the aggregate, the view and all of a table's life work without
SELECT keyword_set_agg(k) FROM (VALUES ('a'), ('b')) AS t (k);
SELECT count(*) FROM keyword_rejected;
CREATE TABLE lived (u int, k text) PARTITION BY LIST (u);
CREATE TABLE lived1 PARTITION OF lived FOR VALUES IN (1);
INSERT INTO lived VALUES (1, 'a');
SELECT keyword_attach('lived', 'u', 'k');
CREATE TABLE lived2 PARTITION OF lived FOR VALUES IN (2);
INSERT INTO lived VALUES (2, 'b');
ALTER TABLE lived DETACH PARTITION lived1;
SELECT keyword_match('lived', 1, 'a'), keyword_match('lived', 2, 'b'), keyword_rebuild('lived');
SELECT keyword_detach('lived');
DROP TABLE lived, lived1;
RESET ROLE;

-- a number that would be rounded is no owner
SELECT keyword_match('forced', 1.4, 'open');
SELECT keyword_match('forced', 1::bigint, 'open');

-- a trigger of that name on another's table stays out of it
SET ROLE keyword_bob;
CREATE TABLE decoy (x int);
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER filteropt_keyword_truncate AFTER TRUNCATE ON decoy FOR EACH STATEMENT EXECUTE FUNCTION noop();
SET ROLE keyword_alice;
CREATE TABLE parts (u int, k text) PARTITION BY LIST (u);
SELECT keyword_attach('parts', 'u', 'k');
CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts VALUES (1, 'x');
SELECT keyword_match('parts', 1, 'x');
RESET ROLE;
CREATE TABLE unrelated (x int);
DROP TABLE unrelated;
DROP TABLE decoy, parts, altered, forced;
DROP FUNCTION evil(), noop();
REVOKE ALL ON SCHEMA public FROM keyword_alice, keyword_bob;
DROP ROLE keyword_alice;
DROP ROLE keyword_bob;
