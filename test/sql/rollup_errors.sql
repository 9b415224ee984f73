-- Every error that a rollup raises, with its SQLSTATE and its hint, as far as one session
-- can raise it: rollup_refuse has most forms of queries.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE e (id int PRIMARY KEY, a int, m money, b text, at timestamptz);
CREATE SEQUENCE s;
CREATE FOREIGN DATA WRAPPER rollup_fdw;
CREATE SERVER rollup_server FOREIGN DATA WRAPPER rollup_fdw;
CREATE FOREIGN TABLE f (a int) SERVER rollup_server;
CREATE ROLE rollup_stranger;
GRANT USAGE ON SCHEMA filteropt TO rollup_stranger;
GRANT ALL ON SCHEMA public TO rollup_stranger;

-- What an error says; nothing that the statement has done stays.
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	msg text;
	state text;
	det text;
	hint text;
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS msg = MESSAGE_TEXT, state = RETURNED_SQLSTATE, hint = PG_EXCEPTION_HINT, det = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(E'\n', state || ': ' || msg, nullif(det, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION refused(query text) RETURNS text LANGUAGE sql AS $$
	SELECT error_of(format('SELECT filteropt.rollup_create(%L, %L)', 'r', query)) $$;

\pset format unaligned
\pset tuples_only on
-- Queries.
SELECT refused('SELECT count(*) FROM s');
SELECT refused('SELECT count(*) FROM f');
SELECT refused('SELECT sum(m) FROM e');
SELECT refused('SELECT a, GROUPING(a), count(*) FROM e GROUP BY a');
SELECT refused('SELECT a, nextval(''s''), count(*) FROM e GROUP BY 1, 2');
SELECT refused('SELECT (SELECT max(e.a)) FROM e');
SELECT refused('SELECT ' || string_agg(format('min(a + %s)', i), ', ') || ' FROM e') FROM generate_series(1, 129) i;
SELECT refused('SELECT ' || string_agg(format('a + %s', i), ', ') || ', count(*) FROM e GROUP BY '
	|| string_agg(i::text, ', ')) FROM generate_series(1, 33) i;
SELECT refused('SELECT a, count(*) FROM e GROUP BY a, b');

-- Who, when and what else.
CREATE TABLE guarded (a int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
ALTER TABLE guarded OWNER TO rollup_stranger;
GRANT SELECT ON e TO rollup_stranger;
SET ROLE rollup_stranger;
SELECT refused('SELECT count(*) FROM e');
SELECT refused('SELECT count(*) FROM guarded');
RESET ROLE;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT refused('SELECT count(*) FROM e');
COMMIT;
SELECT error_of($$SELECT filteropt.rollup_create('r', NULL)$$);
SELECT error_of($$SELECT filteropt.rollup_create('r', 'SELECT count(*) FROM e', day_tz => 'Mars')$$);
SELECT error_of($$SELECT filteropt.rollup_create('r', 'SELECT a, count(*) FROM e GROUP BY a', indexes => ARRAY['b'])$$);
SELECT error_of($$SELECT filteropt.rollup_create('r', 'SELECT a, count(*) FROM e GROUP BY a', indexes => ARRAY['a,'])$$);
SELECT error_of($$SELECT filteropt.rollup_drop('e')$$);

-- A rollup whose parts are not what they were.
SELECT filteropt.rollup_create('r', 'SELECT a, count(*) AS n, sum(id) AS s FROM e GROUP BY a') AS made;
SET ROLE rollup_stranger;
SELECT error_of($$SELECT filteropt.rollup_merge('r')$$);
RESET ROLE;
SELECT error_of('DELETE FROM r_data');
SELECT error_of('CREATE TABLE heir () INHERITS (e)');
BEGIN;
DROP INDEX r_data_g1_idx;
SELECT error_of($$SELECT filteropt.rollup_merge('r')$$);
ROLLBACK;
BEGIN;
DELETE FROM pg_depend WHERE refobjid = 'r_query'::regclass AND deptype = 'a'; -- as after a restore
DROP VIEW r_query;
SELECT error_of($$SELECT filteropt.rollup_merge('r')$$);
SELECT error_of($$SELECT filteropt.rollup_rebuild('r')$$);
ROLLBACK;

-- Sums that leave bigint, found while the transaction commits, by a reader and by a merge.
-- Nothing of it stays.
INSERT INTO e VALUES (1, 1), (2, 2);
SET session_replication_role = replica;
UPDATE r_data SET c1 = 9223372036854775807;
RESET session_replication_role;
INSERT INTO e VALUES (3, 1);
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
BEGIN;
INSERT INTO e VALUES (3, 2);
SELECT error_of('SELECT * FROM r');
SELECT error_of($$SELECT filteropt.rollup_merge('r')$$);
ROLLBACK;
SELECT filteropt.rollup_rebuild('r') AS groups;
INSERT INTO e VALUES (4, 1);
SELECT * FROM r ORDER BY a;
SELECT count(*) AS differences FROM filteropt.rollup_check('r');

-- Reading where only half of a statement is known.
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM * FROM r;
	RETURN NULL;
END $$;
CREATE TRIGGER zz_look AFTER INSERT ON e FOR EACH ROW EXECUTE FUNCTION look();
SELECT error_of('INSERT INTO e VALUES (5, 1), (6, 1)');
-- With the snapshot of the statement itself it sees nothing of it, as in the table.
ALTER FUNCTION look() STABLE;
SELECT error_of('INSERT INTO e VALUES (5, 1)');
DROP TRIGGER zz_look ON e;
CREATE TRIGGER zz_look AFTER INSERT ON e FOR EACH ROW WHEN (NEW.id = 6) EXECUTE FUNCTION look();
BEGIN;
INSERT INTO e VALUES (5, 1);
INSERT INTO e VALUES (6, 1);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DROP TRIGGER zz_look ON e;

-- Partitions.
CREATE SCHEMA rollup_parts;
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE rollup_parts.p1 PARTITION OF p FOR VALUES IN (1);
SELECT filteropt.rollup_create('pr', 'SELECT count(*) FROM p') AS made;
SELECT error_of('DROP SCHEMA rollup_parts CASCADE');
ALTER TABLE p DETACH PARTITION rollup_parts.p1 CONCURRENTLY;
\echo :LAST_ERROR_SQLSTATE

-- Functions that are nobody's to call.
SELECT error_of('SELECT filteropt.rollup_capture()');
SELECT error_of('SELECT filteropt.rollup_guard()');
SELECT error_of('SELECT filteropt.rollup_truncate()');
SELECT error_of('SELECT filteropt.rollup_skip_known()');
SELECT error_of('SELECT filteropt.rollup_ddl()');
CREATE TABLE misused (a int);
CREATE TRIGGER misuse AFTER INSERT ON misused FOR EACH STATEMENT EXECUTE FUNCTION filteropt.rollup_capture();
SELECT error_of('INSERT INTO misused VALUES (1)');
CREATE TRIGGER misuse_truncate AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION filteropt.rollup_truncate();
SELECT error_of('INSERT INTO misused VALUES (1)');

\pset tuples_only off
\pset format aligned
SELECT filteropt.rollup_drop('r'), filteropt.rollup_drop('pr');
DROP FUNCTION refused, error_of, look CASCADE;
DROP TABLE e, p, misused, guarded CASCADE;
DROP SCHEMA rollup_parts CASCADE;
DROP FOREIGN DATA WRAPPER rollup_fdw CASCADE;
DROP SEQUENCE s;
REVOKE ALL ON SCHEMA public, filteropt FROM rollup_stranger;
DROP ROLE rollup_stranger;
SELECT count(*) AS left_over FROM filteropt.rollup;
