-- Options of rollup_create, and what rollup_stat tells about the work of writers.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA reports;
CREATE TABLE ev (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, u int, "Kind" text, at timestamptz, v int);
INSERT INTO ev (u, "Kind", at, v) SELECT i % 7, 'k' || i % 3, '2024-05-01 00:00+00'::timestamptz + i * interval '5 hours', i FROM generate_series(1, 100) i;
SELECT filteropt.rollup_create('reports.stats',
	'SELECT u, date(at) AS day, "Kind", count(*) AS n FROM ev GROUP BY u, date(at), "Kind"',
	day_tz => 'Asia/Tokyo', fillfactor => 80, indexes => ARRAY['day, u', '"Kind"']);
SELECT c.reloptions[1] FROM pg_class c WHERE c.oid = 'reports.stats_data'::regclass;
SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') AS index FROM pg_index
	WHERE indrelid = 'reports.stats_data'::regclass ORDER BY 1;
SELECT count(*) FROM filteropt.rollup_check('reports.stats');
SELECT day_tz FROM filteropt.rollup_stat;
-- The extra indexes serve reads and are kept up.
INSERT INTO ev (u, "Kind", at, v) VALUES (8, 'new', '2024-06-01 00:00+00', 1);
SET enable_seqscan = off;
SELECT * FROM reports.stats WHERE day = '2024-06-01';
SELECT * FROM reports.stats WHERE "Kind" = 'new';
RESET enable_seqscan;
SELECT filteropt.rollup_drop('reports.stats');

-- Defaults, also for nulls.
SELECT filteropt.rollup_create('plain', 'SELECT u, count(*) AS n, sum(v) AS s FROM ev GROUP BY u', fillfactor => NULL, indexes => NULL);
SELECT c.reloptions[1] FROM pg_class c WHERE c.oid = 'plain_data'::regclass;

-- Refused.
SELECT filteropt.rollup_create('bad', 'SELECT u, count(*) AS n FROM ev GROUP BY u', fillfactor => 5);
SELECT filteropt.rollup_create('bad', 'SELECT u, count(*) AS n FROM ev GROUP BY u', indexes => '{n}');
SELECT filteropt.rollup_create('bad', 'SELECT u, count(*) AS n FROM ev GROUP BY u', indexes => '{x}');
SELECT filteropt.rollup_create('bad', 'SELECT u, count(*) AS n FROM ev GROUP BY u', indexes => ARRAY['u; DROP TABLE ev']);
SELECT filteropt.rollup_create('bad', 'SELECT u, count(*) AS n FROM ev GROUP BY u', indexes => ARRAY['']);
SELECT to_regclass('bad') IS NULL AS nothing_left;

-- Writers: one transaction of seven groups, all there; one of a new group; one
-- that cancels itself out.
SELECT writes, groups_folded, groups_appended, merges, rows_saved FROM filteropt.rollup_stat;
INSERT INTO ev (u, v) SELECT i % 7, i FROM generate_series(1, 50) i;
INSERT INTO ev (u, v) VALUES (100, 1);
BEGIN;
INSERT INTO ev (u, v) VALUES (1, 1);
DELETE FROM ev WHERE id = currval('ev_id_seq');
COMMIT;
SELECT writes, groups_folded, groups_appended, merges, rows_saved, us_per_write > 0 AS timed, us_per_group > 0 AS timed_too
	FROM filteropt.rollup_stat;
SET filteropt.rollup_fold = off;
INSERT INTO ev (u, v) VALUES (1, 1);
INSERT INTO ev (u, v) VALUES (1, 1);
RESET filteropt.rollup_fold;
SELECT filteropt.rollup_merge('plain') AS saved;
SELECT filteropt.rollup_merge('plain') AS saved;
SELECT writes, groups_folded, groups_appended, merges, rows_saved, pending FROM filteropt.rollup_stat;
-- Nothing of it is told to who may not read the rollup.
CREATE ROLE rollup_stranger;
SET ROLE rollup_stranger;
SELECT rollup, groups, writes, us_per_write, merges FROM filteropt.rollup_stat;
RESET ROLE;
DROP ROLE rollup_stranger;
-- A new rollup starts at zero, and a dropped one makes room.
SELECT filteropt.rollup_drop('plain');
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		PERFORM filteropt.rollup_create('r', 'SELECT count(*) AS n FROM ev');
		IF i % 10 = 0 THEN
			PERFORM filteropt.rollup_drop('r');
		ELSE
			DROP VIEW r;
		END IF;
		COMMIT;
	END LOOP;
END $$;
SELECT filteropt.rollup_create('r', 'SELECT count(*) AS n FROM ev');
INSERT INTO ev (u) VALUES (1);
SELECT writes, groups_folded, groups_appended FROM filteropt.rollup_stat;
TABLE r;
DROP TABLE ev CASCADE;
DROP SCHEMA reports;
