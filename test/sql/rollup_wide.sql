-- Transactions that touch hundreds of groups, again and again in one session: rows are
-- folded page by page where they are remembered, with counters and with other states.
SET client_min_messages = warning;
CREATE TABLE ev (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, u int, k text, v int, x numeric);
CREATE TABLE moved (LIKE ev);
SELECT filteropt.rollup_create('counts', 'SELECT u, k, count(*) AS n, count(x) AS nx, sum(v) AS s FROM ev GROUP BY u, k');
SELECT filteropt.rollup_create('states', 'SELECT u, count(*) AS n, sum(x) AS s, min(v) AS lo, max(k) AS hi FROM ev GROUP BY u');
CREATE VIEW differs AS
	(TABLE counts EXCEPT ALL SELECT u, k, count(*), count(x), sum(v) FROM ev GROUP BY u, k) UNION ALL
	(SELECT u, k, count(*), count(x), sum(v) FROM ev GROUP BY u, k EXCEPT ALL TABLE counts);
CREATE VIEW differs_too AS
	(TABLE states EXCEPT ALL SELECT u, count(*), sum(x), min(v), max(k) FROM ev GROUP BY u) UNION ALL
	(SELECT u, count(*), sum(x), min(v), max(k) FROM ev GROUP BY u EXCEPT ALL TABLE states);

-- Null groups, texts of any length, and values that make every sum move.
CREATE FUNCTION put(n int, step int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO ev (u, k, v, x)
	SELECT nullif(i * step % 700, 13), nullif(repeat(chr(97 + i % 5), i % 90), ''), i % 31, (i % 17) / 4.0
	FROM generate_series(1, n) i $$;
DO $$
BEGIN
	FOR i IN 1..6 LOOP
		PERFORM put(1500, i);
		COMMIT;
	END LOOP;
END $$;
SELECT count(*) AS groups, sum(n) AS rows FROM counts;
TABLE differs;
TABLE differs_too;

-- Half of a transaction is undone, and what it had read before stays read.
BEGIN;
SELECT put(800, 3);
SAVEPOINT a;
SELECT put(900, 7);
TABLE differs;
ROLLBACK TO a;
SELECT put(300, 11);
COMMIT;
TABLE differs;
TABLE differs_too;

-- Rows leave their groups, move to others, and come back.
UPDATE ev SET u = u + 1 WHERE id % 3 = 0;
UPDATE ev SET v = v * 2, x = NULL WHERE id % 5 = 0;
TABLE differs;
DELETE FROM ev WHERE id % 4 = 0;
TABLE differs;
TABLE differs_too;
WITH gone AS (DELETE FROM ev WHERE u < 300 RETURNING *) INSERT INTO moved SELECT * FROM gone;
INSERT INTO ev (u, k, v, x) SELECT u, k, v, x FROM moved;
TABLE differs;
TABLE differs_too;

-- What cancels itself out is not written: no row of the rollup is touched.
CREATE TEMP TABLE before AS SELECT ctid AS place, * FROM counts_data;
BEGIN;
UPDATE ev SET v = v + 1 WHERE u BETWEEN 100 AND 200;
UPDATE ev SET v = v - 1 WHERE u BETWEEN 100 AND 200;
COMMIT;
SELECT count(*) AS touched FROM (SELECT ctid, * FROM counts_data EXCEPT TABLE before) t;
TABLE differs;

-- The table of partial rows is written anew: no remembered place holds any more.
VACUUM FULL counts_data;
SELECT put(1500, 1);
CLUSTER counts_data USING counts_data_g1_g2_idx;
SELECT put(1500, 2);
TRUNCATE ev;
SELECT put(700, 1);
TABLE differs;
TABLE differs_too;
SELECT max(c) AS rows_of_a_group FROM (SELECT count(*) AS c FROM counts_data GROUP BY g1, g2) g;
DROP VIEW differs, differs_too;
DROP TABLE ev, moved CASCADE;
DROP FUNCTION put;
