-- Who may see what: pages are read as the caller, and cursors cannot be made.
CREATE ROLE regress_api_reader;
CREATE ROLE regress_api_tenant;
CREATE TABLE notes (id int PRIMARY KEY, tenant text NOT NULL DEFAULT 'a', body text, secret_score int NOT NULL DEFAULT 0);
INSERT INTO notes SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 'note ' || i, 7700 + i FROM generate_series(1, 8) AS i;
CREATE TABLE other AS TABLE notes;
ALTER TABLE other ADD PRIMARY KEY (id);

-- The secret is nobody's to read, and not part of a dump.
SELECT has_table_privilege('regress_api_reader', 'filteropt.page_secret', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS table,
	has_function_privilege('regress_api_reader', 'filteropt.page_secret_renew()', 'EXECUTE') AS renew;
SELECT count(*), min(octet_length(secret)) AS bytes FROM filteropt.page_secret;
SELECT 'filteropt.page_secret'::regclass = ANY (coalesce(extconfig, '{}')) AS dumped FROM pg_extension WHERE extname = 'filteropt';

-- Privileges are those of the caller, by column.
SET ROLE regress_api_reader;
SELECT filteropt.page('notes', '{id}', 2);
RESET ROLE;
GRANT SELECT (id, body) ON notes TO regress_api_reader;
SET ROLE regress_api_reader;
SELECT filteropt.page('notes', '{id}', 2);
SELECT filteropt.page('notes', '{secret_score}', 2, fields => '{id}');
SELECT filteropt.page('notes', '{id}', 2, filter => '{"secret_score": 7701}', fields => '{id}');
SELECT filteropt.page_explain('notes', '{secret_score}', 2, fields => '{id}');
SELECT filteropt.page('notes', '{id}', 2, fields => '{id,body}') -> 'items' AS items;
SELECT filteropt.page('filteropt.page_secret', '{secret UNIQUE}', 2);
SELECT filteropt.page_secret_renew();
RESET ROLE;

-- Row-level security, with the same statement, and so the same kept plan, for roles that see other rows.
GRANT SELECT ON notes TO regress_api_tenant;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes USING (tenant = current_setting('api.tenant', true));
SELECT jsonb_array_length(filteropt.page('notes', '{id}', 100) -> 'items') AS superuser_sees;
SET ROLE regress_api_tenant;
SELECT jsonb_array_length(filteropt.page('notes', '{id}', 100) -> 'items') AS nobody_sees;
SET api.tenant = 'a';
SELECT filteropt.page('notes', '{id}', 2, fields => '{id}') -> 'items' AS a_sees;
SELECT filteropt.page('notes', '{id}', 2, fields => '{id}') ->> 'next' AS next \gset
SET api.tenant = 'b';
SELECT filteropt.page('notes', '{id}', 2, fields => '{id}') -> 'items' AS b_sees;
-- Another tenant's cursor is a place among one's own rows.
SELECT page -> 'items' AS items, page -> 'has_previous' AS has_previous
FROM filteropt.page('notes', '{id}', 2, :'next', fields => '{id}') AS page;
RESET ROLE;
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;

-- A cursor is good for its source, ordering and filter only.
SELECT filteropt.page('notes', '{secret_score DESC}', 3, filter => '{"tenant": "a"}') ->> 'next' AS next \gset
SELECT filteropt.page('notes', '{secret_score DESC}', 3, :'next', '{"tenant": "a"}', '{id}') -> 'items' AS items;
SELECT filteropt.page('notes', '{secret_score DESC}', 3, :'next', '{"tenant": "b"}');
SELECT filteropt.page('notes', '{secret_score DESC}', 3, :'next');
SELECT filteropt.page('notes', '{secret_score}', 3, :'next', '{"tenant": "a"}');
SELECT filteropt.page('notes', '{secret_score DESC,id}', 3, :'next', '{"tenant": "a"}');
SELECT filteropt.page('other', '{secret_score DESC}', 3, :'next', '{"tenant": "a"}');
SELECT filteropt.page_condition('notes', '{id}', :'next');
SELECT filteropt.page('notes', '{secret_score DESC}', 3, 'second page', '{"tenant": "a"}');
SELECT filteropt.page('notes', '{secret_score DESC}', 3, '', '{"tenant": "a"}');
SELECT filteropt.page('notes', '{secret_score DESC}', 3, repeat('A', 100000), '{"tenant": "a"}');

-- No other text is a cursor: each character replaced, one appended, parts cut off.
CREATE FUNCTION accepted(mark text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM filteropt.page('notes', '{secret_score DESC}', 3, mark, '{"tenant": "a"}');
	RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN false;
END $$;
SELECT accepted(:'next') AS itself,
	(SELECT count(*) FROM generate_series(1, length(:'next')) AS i,
		regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ', '') AS c
	 WHERE substr(:'next', i, 1) <> c AND accepted(overlay(:'next' PLACING c FROM i FOR 1))) AS altered,
	(SELECT count(*) FROM generate_series(0, length(:'next') - 1) AS i WHERE accepted(left(:'next', i))) AS cut_off,
	accepted(:'next' || 'A') AS appended, accepted(:'next' || :'next') AS twice;
-- Its values cannot be read from it.
SELECT position('\x373730'::bytea IN decode(translate(:'next', '-_', '+/') || repeat('=', -length(:'next') & 3), 'base64')) AS shows;

-- A new secret ends all cursors; one that is rolled back does not.
BEGIN;
SELECT filteropt.page_secret_renew();
SELECT accepted(:'next') AS accepted;
SELECT filteropt.page('notes', '{secret_score DESC}', 3, filter => '{"tenant": "a"}') ->> 'next' <> :'next' AS other_text;
ROLLBACK;
SELECT accepted(:'next') AS accepted;
SELECT filteropt.page_secret_renew();
SELECT accepted(:'next') AS accepted, count(*) FROM filteropt.page_secret GROUP BY 1;
BEGIN;
DELETE FROM filteropt.page_secret;
SELECT filteropt.page_secret_renew();
TRUNCATE filteropt.page_secret;
SELECT filteropt.page('notes', '{id}', 3);
ROLLBACK;

-- Operators and functions in the caller's search_path mean nothing.
CREATE SCHEMA trap;
CREATE FUNCTION trap.lies(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR trap.> (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.lies);
CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.lies);
CREATE TABLE trap.notes (id int PRIMARY KEY);
CREATE TABLE trap.page_secret (secret bytea);
SET search_path = trap, pg_catalog, public;
SELECT filteropt.page('public.notes', '{id}', 3, fields => '{id}') ->> 'next' AS next \gset
SELECT filteropt.page('public.notes', '{id}', 2, :'next', '{}'::jsonb, '{id}');
SELECT filteropt.page('public.notes', '{id}', 2, :'next', NULL, '{id}') -> 'items' AS items;
SELECT filteropt.page('public.notes', '{id}', 2, filter => '{"id": 3}', fields => '{id}') -> 'items' AS items;
RESET search_path;

-- Every user may page over what he may read, also in a view with its owner's rights.
CREATE VIEW mine AS SELECT id, body FROM notes WHERE tenant = 'a';
GRANT SELECT ON mine TO regress_api_reader;
SET ROLE regress_api_reader;
SELECT filteropt.page('mine', '{id UNIQUE}', 2) -> 'items' AS items;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA trap CASCADE;
DROP VIEW mine;
DROP TABLE notes, other;
DROP FUNCTION accepted;
DROP ROLE regress_api_reader, regress_api_tenant;
