-- Every form of query that is refused says why and what to do, and leaves nothing.
SET timezone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, a int, b text, at timestamptz, j json, p point);
CREATE TABLE u (id int PRIMARY KEY);
CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
CREATE TEMP TABLE tmp (a int);
CREATE TABLE parent (a int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE parted (a int) PARTITION BY LIST (a);
CREATE FUNCTION vol(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1';
CREATE FUNCTION stab(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE AGGREGATE mysum (int) (SFUNC = int4pl, STYPE = int);

CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	msg text;
	state text;
	det text;
	hint text;
BEGIN
	PERFORM filteropt.rollup_create('r', query);
	PERFORM filteropt.rollup_drop('r');
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS msg = MESSAGE_TEXT, state = RETURNED_SQLSTATE, hint = PG_EXCEPTION_HINT, det = PG_EXCEPTION_DETAIL;
	RETURN state || ': ' || msg || coalesce(E'\n' || nullif(det, ''), '') || coalesce(E'\n' || nullif(hint, ''), '');
END $$;

\pset format unaligned
\pset tuples_only on
-- Not one SELECT.
SELECT refused('');
SELECT refused('SELECT 1; SELECT 2');
SELECT refused('DELETE FROM t');
SELECT refused('SELECT a, count(*) INTO x FROM t GROUP BY a');
SELECT refused('CREATE VIEW x AS SELECT count(*) FROM t');
SELECT refused('SELECT a, count( FROM t');
-- Clauses.
SELECT refused('SELECT count(*) FROM t UNION ALL SELECT count(*) FROM u');
SELECT refused('WITH x AS (SELECT a FROM t) SELECT a, count(*) FROM x GROUP BY a');
SELECT refused('WITH x AS (DELETE FROM t RETURNING a) SELECT a, count(*) FROM x GROUP BY a');
SELECT refused('SELECT a, count(*) OVER () FROM t');
SELECT refused('SELECT a, rank() OVER (ORDER BY count(*)) FROM t GROUP BY a');
SELECT refused('SELECT a, generate_series(1, count(*)) FROM t GROUP BY a');
SELECT refused('SELECT DISTINCT a FROM t');
SELECT refused('SELECT DISTINCT ON (a) a, count(*) FROM t GROUP BY a, b');
SELECT refused('SELECT a, count(*) FROM t GROUP BY ROLLUP (a)');
SELECT refused('SELECT a, count(*) FROM t GROUP BY GROUPING SETS ((a), ())');
SELECT refused('SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 1');
SELECT refused('SELECT a, count(*) FROM t GROUP BY a ORDER BY a');
SELECT refused('SELECT a, count(*) FROM t GROUP BY a LIMIT 5');
SELECT refused('SELECT a, count(*) FROM t GROUP BY a OFFSET 5');
SELECT refused('SELECT a FROM t FOR UPDATE');
SELECT refused('SELECT a, count(*) FROM t WHERE a IN (SELECT id FROM u) GROUP BY a');
SELECT refused('SELECT a, (SELECT max(id) FROM u) FROM t GROUP BY a');
SELECT refused('SELECT a FROM t');
SELECT refused('SELECT a, count(*) FROM t');
SELECT refused('SELECT id, b, count(*) FROM t GROUP BY id');
-- FROM.
SELECT refused('SELECT count(*)');
SELECT refused('SELECT count(*) FROM t, u');
SELECT refused('SELECT count(*) FROM t JOIN u USING (id)');
SELECT refused('SELECT count(*) FROM t LEFT JOIN u ON true');
SELECT refused('SELECT a, count(*) FROM (SELECT a FROM t) s GROUP BY a');
SELECT refused('SELECT g, count(*) FROM generate_series(1, 3) g GROUP BY g');
SELECT refused('SELECT count(*) FROM (VALUES (1)) x');
SELECT refused('SELECT count(*) FROM t TABLESAMPLE SYSTEM (1)');
SELECT refused('SELECT count(*) FROM v');
SELECT refused('SELECT count(*) FROM mv');
SELECT refused('SELECT count(*) FROM tmp');
SELECT refused('SELECT count(*) FROM parent');
SELECT refused('SELECT count(*) FROM ONLY parted');
SELECT refused('SELECT relkind, count(*) FROM pg_class GROUP BY relkind');
SELECT refused('SELECT count(*) FROM missing');
-- Aggregates.
SELECT refused('SELECT count(DISTINCT a) FROM t');
SELECT refused('SELECT a, sum(DISTINCT id) FROM t GROUP BY a');
SELECT refused('SELECT string_agg(b, '','' ORDER BY b) FROM t');
SELECT refused('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t');
SELECT refused('SELECT array_agg(a) FROM t');
SELECT refused('SELECT stddev(a) FROM t');
SELECT refused('SELECT mysum(a) FROM t');
SELECT refused('SELECT sum(b::money) FROM t');
-- Expressions.
SELECT refused('SELECT vol(a), count(*) FROM t GROUP BY 1');
SELECT refused('SELECT count(*) FROM t WHERE random() < 0.5');
SELECT refused('SELECT sum(vol(a)) FROM t');
SELECT refused('SELECT stab(a), count(*) FROM t GROUP BY 1');
SELECT refused('SELECT count(*) FROM t WHERE at > now() - interval ''1 day''');
SELECT refused('SELECT count(*) FILTER (WHERE at > ''2024-01-01''::date) FROM t');
SELECT refused('SELECT current_date, count(*) FROM t GROUP BY 1');
SELECT refused('SELECT count(*) FROM t WHERE b = current_user');
SELECT refused('SELECT to_char(at, ''YYYY''), count(*) FROM t GROUP BY 1');
SELECT refused('SELECT at::text, count(*) FROM t GROUP BY 1');
SELECT refused('SELECT count(*) FROM t WHERE a = $1');
SELECT refused('SELECT xmin, count(*) FROM t GROUP BY xmin');
SELECT refused('SELECT tableoid, count(*) FROM t GROUP BY 1');
SELECT refused('SELECT count(t) FROM t');
SELECT refused('SELECT j::text::jsonb, count(*), count(t.*) FROM t GROUP BY 1');
SELECT refused('SELECT p, count(*) FROM t GROUP BY p::text, p');
SELECT refused('SELECT a, count(*), count(*) FROM t GROUP BY a');
-- Names and options.
SELECT filteropt.rollup_create('r', 'SELECT count(*) FROM t', day_tz => 'Mars/Olympus');
SELECT filteropt.rollup_create(NULL, 'SELECT count(*) FROM t');
SELECT filteropt.rollup_create('u', 'SELECT count(*) FROM t');
SELECT filteropt.rollup_create('nowhere.r', 'SELECT count(*) FROM t');
SELECT filteropt.rollup_create('a..b', 'SELECT count(*) FROM t');
SELECT filteropt.rollup_drop('t');
SELECT filteropt.rollup_rebuild('v');
SELECT filteropt.rollup_merge('t');
SELECT * FROM filteropt.rollup_check('t');
SELECT filteropt.rollup_drop(NULL) IS NULL;

-- Nothing was left behind.
SELECT count(*) FROM filteropt.rollup r JOIN pg_class c ON c.oid = r.view;
SELECT count(*) FROM pg_trigger WHERE tgfoid::regproc::text LIKE 'filteropt.%' AND tgrelid IN ('t'::regclass, 'parent'::regclass);
SELECT relname FROM pg_class WHERE relname LIKE 'r\_%' AND relnamespace = 'public'::regnamespace;

-- What looks suspicious but is fine.
SELECT refused('SELECT date_trunc(''day'', at), count(*) FROM t GROUP BY 1');
SELECT refused('SELECT at::date, count(*) FROM t GROUP BY 1');
SELECT refused('SELECT at AT TIME ZONE ''Asia/Tokyo'', count(*) FROM t GROUP BY 1');
SELECT refused('SELECT extract(hour FROM at), date_part(''dow'', at), at::time AS t, at::timestamp AS ts, count(*) FROM t GROUP BY 1, 2, 3, 4');
SELECT refused('SELECT count(*) FROM t WHERE at > ''2024-01-01''');
SELECT refused('SELECT count(*) FROM child');
SELECT refused('SELECT count(*) FROM parted');
\pset tuples_only off
\pset format aligned
DROP FUNCTION refused, vol, stab;
DROP AGGREGATE mysum (int);
DROP TABLE t, u, tmp, parent, child, parted CASCADE;
