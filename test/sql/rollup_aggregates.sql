-- Every aggregate and type, fed by random changes and compared with the query.
\set VERBOSITY terse
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE e (
	id int PRIMARY KEY, g int, h text COLLATE "C", gone int,
	i2 int2, i4 int4, i8 int8, num numeric, f4 float4, f8 float8, iv interval,
	t text, d date, ts timestamptz, b bool, m mood,
	twice int GENERATED ALWAYS AS (i4 * 2) STORED);
ALTER TABLE e DROP COLUMN gone;

SELECT filteropt.rollup_create('r_count',
	'SELECT g, h, count(*), count(i4) AS i4, count(*) FILTER (WHERE b) AS b, count(t) FILTER (WHERE i4 > 50) AS t FROM e GROUP BY g, h');
SELECT filteropt.rollup_create('r_sum',
	'SELECT g, sum(i2) AS i2, sum(i4) AS i4, sum(i8) AS i8, sum(num) AS num, sum(iv) AS iv,
		sum(i4) FILTER (WHERE b) AS f, sum(twice) AS twice, sum(i4 + i2) AS both FROM e GROUP BY g');
SELECT filteropt.rollup_create('r_avg',
	'SELECT h, avg(i2) AS i2, avg(i4) AS i4, avg(i8) AS i8, avg(num) AS num, avg(iv) AS iv FROM e WHERE b GROUP BY h');
SELECT filteropt.rollup_create('r_extreme',
	'SELECT g, min(i4) AS i4, max(i8) AS i8, min(num) AS num, max(t) AS t, min(t COLLATE "C") AS c, min(h || t) AS ht, max(d) AS d,
		min(ts) AS ts, max(m) AS m, min(iv) AS iv, max(f8) AS f8, min(i4) FILTER (WHERE b) AS f FROM e GROUP BY g');
SELECT filteropt.rollup_create('r_bool',
	'SELECT g, bool_and(b) AS a, bool_or(b) AS o, every(i4 > 3) AS e, bool_or(b) FILTER (WHERE i2 > 1) AS f FROM e GROUP BY g');
SELECT filteropt.rollup_create('r_all',
	'SELECT count(*), sum(i4), avg(num), min(t), max(ts), bool_or(b), count(i4) * 2 + sum(i2) AS x FROM e');
SELECT filteropt.rollup_create('r_where',
	'SELECT sum(i8) AS s, count(*) AS n FROM e WHERE b AND i4 BETWEEN 20 AND 80');
SELECT filteropt.rollup_create('r_expr',
	'SELECT upper(h) || ''!'' AS k, g % 2 AS odd, round(avg(i4), 2) AS a, sum(i4) / nullif(count(*), 0) AS q,
		coalesce(max(i4), 0) - coalesce(min(i4), 0) AS spread FROM e GROUP BY upper(h), g % 2');
SELECT filteropt.rollup_create('r_hidden', 'SELECT count(*) AS n, g + 1 AS g1 FROM e GROUP BY g, h, d');
SELECT filteropt.rollup_create('r_groups', 'SELECT g FROM e GROUP BY g');
SELECT filteropt.rollup_create('r_twice', 'SELECT g, g AS again, g * 10 AS ten, count(*) FROM e GROUP BY g, num, b, m, iv');

CREATE FUNCTION differences() RETURNS TABLE (rollup text, n bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR rollup IN SELECT view::text FROM filteropt.rollup ORDER BY view::text LOOP
		SELECT count(*) INTO n FROM filteropt.rollup_check(rollup::regclass);
		RETURN NEXT;
	END LOOP;
END $$;
CREATE VIEW wrong AS SELECT * FROM differences() WHERE n <> 0;

-- Without rows: no group, or the one row of an aggregate over nothing.
TABLE wrong;
TABLE r_all;
TABLE r_where;

CREATE FUNCTION fill(a int, b int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO e (id, g, h, i2, i4, i8, num, f4, f8, iv, t, d, ts, b, m)
	SELECT i, nullif(i % 5, 4), (ARRAY['x', 'y', NULL])[1 + i % 3], nullif(i % 7, 3), nullif(i * 37 % 101, 50),
		nullif(i::int8 * 9000000000000000, 27000000000000000), nullif((i % 11) * 1.25, 2.5),
		i / 4.0, i / 8.0, make_interval(months => i % 3, days => i % 5, secs => i),
		nullif(chr(97 + i * 7 % 26), 'c'), date '2024-01-01' + i % 40,
		timestamptz '2024-01-01 00:00+00' + i * interval '7 hours', nullif(i % 4, 3) = 1,
		(ARRAY['sad', 'ok', 'happy', NULL])[1 + i % 4]::mood
	FROM generate_series(a, b) i $$;
SELECT fill(1, 100);
TABLE wrong;
TABLE r_all;

-- Changes of every kind, also of values that are extremes, inside a transaction.
BEGIN;
SELECT fill(101, 200);
UPDATE e SET i4 = -i4, num = num / 3, t = 'zz', ts = ts - interval '1 year' WHERE id % 10 = 1;
TABLE wrong;
DELETE FROM e WHERE i4 = (SELECT max(i4) FROM e) OR i4 = (SELECT min(i4) FROM e) OR t = 'zz';
TABLE wrong;
UPDATE e SET b = NOT b, g = g + 1, h = NULL WHERE id % 3 = 0;
UPDATE e SET i2 = NULL, i4 = NULL, i8 = NULL, num = NULL, iv = NULL, t = NULL, m = NULL WHERE id % 4 = 0;
TABLE wrong;
COMMIT;
TABLE wrong;

-- Merging recomputes extremes in doubt, and keeps everything else.
CREATE FUNCTION merge_all() RETURNS void LANGUAGE sql AS
	'SELECT filteropt.rollup_merge(view) FROM filteropt.rollup';
SELECT merge_all();
TABLE wrong;
SELECT count(*) AS in_doubt FROM r_extreme_data WHERE c2 IS NOT NULL;
DELETE FROM e WHERE id % 3 = 1;
TABLE wrong;
SELECT merge_all();
TABLE wrong;
DELETE FROM e WHERE g = 1;
TABLE wrong;
SELECT merge_all();
TABLE wrong;
SELECT count(*) FROM r_groups_data WHERE g1 = 1;

-- NaN and infinity go in, and out again.
INSERT INTO e (id, g, num) VALUES (1000, 2, 'NaN'), (1001, 2, 1), (1002, 3, 'Infinity'), (1003, 3, '-Infinity');
TABLE wrong;
SELECT g, num FROM r_sum WHERE g IN (2, 3) ORDER BY g;
UPDATE e SET num = 5 WHERE id = 1000;
DELETE FROM e WHERE id = 1003;
TABLE wrong;
DELETE FROM e WHERE id >= 1000;
TABLE wrong;
SELECT merge_all();
TABLE wrong;

-- Floating point: equal within rounding while rows come; recomputed when they go.
SELECT filteropt.rollup_create('r_float', 'SELECT g, sum(f8) AS s8, avg(f8) AS a8, sum(f4) AS s4, avg(f4) AS a4 FROM e GROUP BY g');
INSERT INTO e (id, g, f8, f4) VALUES (2000, 50, 1e20, 1), (2001, 50, 1, 2), (2002, 51, 0.5, 0.5), (2003, 51, 0.25, 0.25);
SELECT * FROM r_float WHERE g >= 50 ORDER BY g;
DELETE FROM e WHERE id = 2000;
SELECT * FROM r_float WHERE g >= 50 ORDER BY g;
SELECT count(*) AS in_doubt FROM r_float_data WHERE c3 > 0;
SELECT filteropt.rollup_merge('r_float') AS saved;
SELECT count(*) AS in_doubt FROM r_float_data WHERE c3 > 0;
SELECT * FROM r_float WHERE g >= 50 ORDER BY g;
TABLE wrong;
UPDATE e SET f8 = 'NaN' WHERE id = 2002;
SELECT * FROM r_float WHERE g = 51;
UPDATE e SET f8 = 1 WHERE id = 2002;
SELECT * FROM r_float WHERE g = 51;

-- Groups equal in value but not in bits are one group.
CREATE TABLE n (k numeric, f float8, v int);
SELECT filteropt.rollup_create('r_equal', 'SELECT k, f, count(*) AS n FROM n GROUP BY k, f');
INSERT INTO n VALUES (1.0, 0.0, 1), (1.00, -0.0, 1);
SET filteropt.rollup_fold = off;
INSERT INTO n VALUES (1, 0, 1);
RESET filteropt.rollup_fold;
SELECT k = 1 AS one, n FROM r_equal;
SELECT filteropt.rollup_merge('r_equal') AS saved;
SELECT k = 1 AS one, n FROM r_equal;

-- A sum beyond bigint is refused with the row, not found out later.
CREATE TABLE big (x int8);
SELECT filteropt.rollup_create('r_big', 'SELECT sum(x) AS s, avg(x) AS a FROM big');
INSERT INTO big SELECT 9223372036854775807 FROM generate_series(1, 10);
TABLE r_big;
SELECT * FROM filteropt.rollup_check('r_big');

-- An UPDATE that no rollup sees costs no partial row.
SELECT count(*) AS before FROM r_equal_data \gset
UPDATE n SET v = 2;
SELECT count(*) = :before AS same FROM r_equal_data;

DROP VIEW wrong;
DROP FUNCTION differences, merge_all;
SELECT filteropt.rollup_drop(view) FROM filteropt.rollup;
DROP TABLE e, n, big;
DROP TYPE mood;
DROP FUNCTION fill;
