-- Committing writers fold their deltas into rows that are there: a group that one
-- session writes at a time has one row.
CREATE TABLE ev (id serial, u int, k text, v int);
SET client_min_messages = warning;
SELECT filteropt.rollup_create('st', 'SELECT u, k, count(*) AS n, sum(v) AS s, max(v) AS m FROM ev GROUP BY u, k');
SELECT filteropt.rollup_create('st_all', 'SELECT count(*) AS n, sum(v) AS s FROM ev');
CREATE VIEW differs AS
	(TABLE st EXCEPT ALL SELECT u, k, count(*), sum(v), max(v) FROM ev GROUP BY u, k) UNION ALL
	(SELECT u, k, count(*), sum(v), max(v) FROM ev GROUP BY u, k EXCEPT ALL TABLE st) UNION ALL
	(SELECT NULL::int, NULL::text, n, s, NULL::int FROM st_all
		EXCEPT ALL SELECT NULL, NULL, count(*), sum(v), NULL FROM ev);
CREATE VIEW longest AS
	SELECT (SELECT max(c) FROM (SELECT count(*) AS c FROM st_data GROUP BY g1, g2) g) AS st,
		(SELECT count(*) FROM st_all_data) AS st_all;
DO $$ BEGIN
	FOR i IN 1..300 LOOP
		INSERT INTO ev (u, k, v) VALUES (i % 3, CASE WHEN i % 7 > 0 THEN 'a' || i % 2 END, i);
		COMMIT;
	END LOOP;
END $$;
TABLE longest;
TABLE differs;

-- So do updates and deletes, and transactions over many groups; a group that
-- loses its last row loses its partial row, at the latest when it is merged.
UPDATE ev SET u = u + 1, v = v + 1 WHERE id % 5 = 0;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 2000) i;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 2000) i;
DELETE FROM ev WHERE u = 2;
TABLE longest;
SELECT filteropt.rollup_merge('st') >= 0 AS merged;
SELECT count(*) FROM st_data WHERE g1 = 2;
TABLE differs;

-- What is remembered of where rows are goes stale: other sessions, rewriting,
-- truncation, vacuum.
VACUUM FULL st_data;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 600) i;
TABLE longest;
TABLE differs;
TRUNCATE ev;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 600) i;
TABLE longest;
TABLE differs;
DELETE FROM ev WHERE u <> 7;
SELECT filteropt.rollup_merge('st') >= 0 AS merged;
VACUUM st_data;
INSERT INTO ev (u, k, v) SELECT i % 500, 'c', i FROM generate_series(1, 600) i;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 600) i;
TABLE longest;
TABLE differs;

-- Updates that cannot be heap-only, because a user has indexed an aggregate.
CREATE INDEX own ON st_data (n);
CREATE INDEX own_brin ON st_data USING brin (c1);
CREATE INDEX own_part ON st_data ((n + 1)) WHERE n > 1;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 600) i;
INSERT INTO ev (u, k, v) SELECT i % 500, 'b', i FROM generate_series(1, 600) i;
TABLE longest;
TABLE differs;
SET enable_seqscan = off;
SELECT sum(n) = (SELECT count(*) FROM ev) AS same FROM st_data WHERE n > 0;
RESET enable_seqscan;
DROP INDEX own, own_brin, own_part;

-- A transaction that reads its own changes leaves rows behind; its own commit,
-- or the next one, folds them.
BEGIN;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 1);
SAVEPOINT a;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 2);
SELECT n FROM st WHERE u = 1 AND k = 'b';
INSERT INTO ev (u, k, v) VALUES (1, 'b', 3);
SELECT n FROM st WHERE u = 1 AND k = 'b';
ROLLBACK TO a;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 4);
COMMIT;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 5);
TABLE longest;
TABLE differs;

-- REPEATABLE READ folds, also into rows that its snapshot does not see.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 6);
COMMIT;
TABLE longest;

-- SERIALIZABLE appends; so does everybody if told so.  The next writer folds what
-- it finds, at most 4 rows at a time.
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO ev (u, k, v) VALUES (1, 'b', 7);
COMMIT;
TABLE longest;
SET filteropt.rollup_fold = off;
DO $$ BEGIN FOR i IN 1..9 LOOP INSERT INTO ev (u, k, v) VALUES (1, 'b', i); COMMIT; END LOOP; END $$;
RESET filteropt.rollup_fold;
TABLE longest;
TABLE differs;
SELECT filteropt.rollup_merge('st') AS saved;
SELECT filteropt.rollup_merge('st_all') AS saved;
SET filteropt.rollup_fold = off;
INSERT INTO ev (u, k, v) VALUES (9, 'd', 1);
INSERT INTO ev (u, k, v) VALUES (9, 'd', 1);
INSERT INTO ev (u, k, v) VALUES (9, 'd', 1);
RESET filteropt.rollup_fold;
\c -
SET client_min_messages = warning;
TABLE longest;
INSERT INTO ev (u, k, v) VALUES (9, 'd', 1);
TABLE longest;
TABLE differs;

-- Only superusers may turn folding off.
CREATE ROLE rollup_writer;
SET ROLE rollup_writer;
SET filteropt.rollup_fold = off;
RESET ROLE;
DROP ROLE rollup_writer;
DROP VIEW differs, longest;
SELECT filteropt.rollup_drop('st');
SELECT filteropt.rollup_drop('st_all');
DROP TABLE ev;
