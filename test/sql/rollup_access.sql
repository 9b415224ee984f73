-- Privileges, row security, search_path, settings of the session, reads inside triggers.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE rollup_owner;
CREATE ROLE rollup_writer;
CREATE ROLE rollup_reader;
CREATE SCHEMA app AUTHORIZATION rollup_owner;
GRANT USAGE ON SCHEMA app TO rollup_writer, rollup_reader;
SET ROLE rollup_owner;
CREATE TABLE app.e (u int, who name DEFAULT current_user, at timestamptz);
SELECT filteropt.rollup_create('app.stats', 'SELECT u, count(*) AS n, max(at) AS last FROM app.e GROUP BY u');
GRANT INSERT, DELETE, SELECT ON app.e TO rollup_writer;
GRANT SELECT ON app.stats TO rollup_reader;

-- A writer needs no right on the rollup; a reader none on the base; neither touches the parts.
SET ROLE rollup_writer;
INSERT INTO app.e (u, at) VALUES (1, '2024-01-01'), (1, '2024-01-02'), (2, '2024-01-03');
DELETE FROM app.e WHERE at = '2024-01-02';
SELECT * FROM app.stats;
INSERT INTO app.stats_data VALUES (1, 1);
SELECT filteropt.rollup_merge('app.stats');
SELECT filteropt.rollup_rebuild('app.stats');
SELECT filteropt.rollup_drop('app.stats');
SELECT filteropt.rollup_create('x', 'SELECT count(*) FROM app.e');
SELECT filteropt.rollup_create('app.x', 'SELECT count(*) FROM app.e');
SELECT * FROM filteropt.rollup_pending('app.stats');
UPDATE filteropt.rollup SET data = 'pg_class';
DELETE FROM filteropt.rollup;
SET ROLE rollup_reader;
SELECT * FROM app.stats ORDER BY u;
SELECT * FROM app.e;
SELECT * FROM app.stats_data;
SELECT * FROM app.stats_query;
SELECT * FROM filteropt.rollup_check('app.stats');
SELECT groups FROM filteropt.rollup_pending('app.stats');
SET ROLE rollup_owner;
SELECT * FROM filteropt.rollup_check('app.stats');
SELECT filteropt.rollup_merge('app.stats') >= 0 AS merged;
DELETE FROM app.stats_data;

-- Row security of the base does not apply to the rollup: it counts every row,
-- so who may read it is a question of GRANT.
ALTER TABLE app.e ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.e USING (who = current_user) WITH CHECK (who = current_user);
SET ROLE rollup_writer;
INSERT INTO app.e (u, at) VALUES (3, '2024-01-01');
INSERT INTO app.e (u, who) VALUES (3, 'somebody');
SET ROLE rollup_owner;
INSERT INTO app.e (u, at) VALUES (3, '2024-01-01');
SELECT * FROM app.stats ORDER BY u;
SELECT * FROM filteropt.rollup_check('app.stats');
-- Who is subject to the policies cannot create one that would count hidden rows.
ALTER TABLE app.e FORCE ROW LEVEL SECURITY;
SELECT filteropt.rollup_create('app.x', 'SELECT count(*) FROM app.e');
ALTER TABLE app.e NO FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- A hostile search_path of the writer or of the creator changes nothing.
CREATE SCHEMA evil;
CREATE FUNCTION evil.rollup_add(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT -1::bigint';
CREATE TABLE evil.stats_data (g1 int, n bigint);
SET search_path = evil, pg_catalog, app;
INSERT INTO app.e (u, at) VALUES (4, '2024-01-01');
SELECT filteropt.rollup_create('app.n', 'SELECT u, count(*) AS n FROM e GROUP BY u');
INSERT INTO app.e (u, at) VALUES (4, '2024-01-01');
SELECT * FROM filteropt.rollup_check('app.stats');
SELECT * FROM filteropt.rollup_check('app.n');
SELECT filteropt.rollup_merge('app.n') >= 0 AS merged;
SELECT filteropt.rollup_drop('app.n');
RESET search_path;
DROP SCHEMA evil CASCADE;

-- Days in a pinned zone, whatever the session says; 23 and 25 hours long ones too.
CREATE TABLE app.d (at timestamptz, v int);
SET client_min_messages = notice;
\set VERBOSITY default
SELECT filteropt.rollup_create('app.days', 'SELECT date(at) AS day, date_trunc(''month'', at) AS month,
	extract(hour FROM at) AS hour, at::date AS again, count(*) AS n FROM app.d GROUP BY 1, 2, 3, 4', day_tz => 'Europe/Berlin');
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT day_tz FROM filteropt.rollup WHERE view = 'app.days'::regclass;
SET timezone = 'America/New_York';
INSERT INTO app.d SELECT '2024-03-29 00:00+00'::timestamptz + i * interval '29 minutes' FROM generate_series(0, 300) i;
SET timezone = 'Asia/Tokyo';
INSERT INTO app.d SELECT '2024-10-25 00:00+00'::timestamptz + i * interval '29 minutes' FROM generate_series(0, 300) i;
CREATE VIEW app.days_oracle AS
	SELECT (at AT TIME ZONE 'Europe/Berlin')::date AS day, count(*) AS n FROM app.d GROUP BY 1;
SELECT count(*) FROM (
	(SELECT day, sum(n) FROM app.days GROUP BY day EXCEPT ALL SELECT * FROM app.days_oracle) UNION ALL
	(SELECT * FROM app.days_oracle EXCEPT ALL SELECT day, sum(n) FROM app.days GROUP BY day)) x;
SET timezone = 'UTC';
SELECT * FROM filteropt.rollup_check('app.days');
SELECT day, sum(n) AS n FROM app.days WHERE day IN ('2024-03-31', '2024-10-27', '2024-03-30') GROUP BY day ORDER BY day;
SET timezone = 'Pacific/Kiritimati';
SELECT * FROM filteropt.rollup_check('app.days');
SELECT filteropt.rollup_rebuild('app.days') > 0 AS rebuilt;
SET timezone = 'UTC';
SELECT * FROM filteropt.rollup_check('app.days');
-- The fast conversion equals timezone(), at the edges above all.
SELECT count(*) AS differing FROM
	(VALUES ('Europe/Berlin'), ('America/New_York'), ('UTC'), ('Australia/Lord_Howe'), ('Asia/Kathmandu'), ('EST')) z(z),
	LATERAL (SELECT timestamptz '1970-01-01 00:00+00' + i * interval '61 hours 7 seconds' AS t FROM generate_series(-2000, 9000) i
		UNION ALL SELECT timestamptz '2024-03-31 00:59:59.999999+00' + i * interval '1 microsecond' FROM generate_series(-3, 3) i
		UNION ALL VALUES ('infinity'::timestamptz), ('-infinity')) t
	WHERE filteropt.rollup_local_time(z, t) IS DISTINCT FROM timezone(z, t);

-- Trigger functions are of no use outside their triggers.
CREATE TABLE app.x (a int);
CREATE TRIGGER t BEFORE INSERT ON app.x FOR EACH ROW EXECUTE FUNCTION filteropt.rollup_capture();
INSERT INTO app.x VALUES (1);
DROP TRIGGER t ON app.x;
CREATE TRIGGER t AFTER INSERT ON app.x FOR EACH STATEMENT EXECUTE FUNCTION filteropt.rollup_truncate();
INSERT INTO app.x VALUES (1);
DROP TRIGGER t ON app.x;
CREATE TRIGGER t AFTER INSERT ON app.x FOR EACH ROW EXECUTE FUNCTION filteropt.rollup_capture();
INSERT INTO app.x VALUES (1);

-- Statement triggers, deferred triggers and later statements see the whole statement.
CREATE TABLE app.w (u int);
SELECT filteropt.rollup_create('app.ws', 'SELECT u, count(*) AS n FROM app.w GROUP BY u');
CREATE TABLE app.log (seen bigint);
CREATE FUNCTION app.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.log SELECT sum(n) FROM app.ws;
	RETURN NULL;
END $$;
CREATE TRIGGER a_look AFTER INSERT ON app.w FOR EACH STATEMENT EXECUTE FUNCTION app.look();
INSERT INTO app.w SELECT 1 FROM generate_series(1, 5);
INSERT INTO app.w SELECT 1 FROM generate_series(1, 5);
SELECT seen, (SELECT count(*) FROM app.w) AS rows FROM app.log ORDER BY 1;
DROP TRIGGER a_look ON app.w;
TRUNCATE app.log;
CREATE CONSTRAINT TRIGGER a_look AFTER INSERT ON app.w DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.look();
BEGIN;
INSERT INTO app.w VALUES (1), (1);
INSERT INTO app.w VALUES (2);
COMMIT;
SELECT DISTINCT seen FROM app.log;
SELECT * FROM filteropt.rollup_check('app.ws');
DROP TRIGGER a_look ON app.w;
-- A row trigger would see half a statement: refused instead.
CREATE TRIGGER z_look AFTER INSERT ON app.w FOR EACH ROW EXECUTE FUNCTION app.look();
INSERT INTO app.w VALUES (1), (1);
INSERT INTO app.w VALUES (1);
DROP TRIGGER z_look ON app.w;
CREATE FUNCTION app.sum_now() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN (SELECT sum(n) FROM app.ws);
END $$;
INSERT INTO app.w SELECT app.sum_now() FROM generate_series(1, 3);
SELECT * FROM filteropt.rollup_check('app.ws');

DROP SCHEMA app CASCADE;
DROP ROLE rollup_owner, rollup_writer, rollup_reader;
