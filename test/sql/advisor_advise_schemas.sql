-- index_advise over all kinds of tables, and over queries that cannot be analysed.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE SCHEMA advise_schemas;
SET search_path = advise_schemas, public;
CREATE FUNCTION advised(VARIADIC workload text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT coalesce(regexp_replace(ddl, ' INCLUDE \(.*?\)', ''), reason) FROM filteropt.index_advise(workload) ORDER BY 1
$$;

-- Whatever is advised can be made, and is then not advised again.
CREATE FUNCTION made(VARIADIC workload text[]) RETURNS TABLE (ddl text, again bigint) LANGUAGE plpgsql AS $$
DECLARE
	all_ddl text[];
BEGIN
	SELECT array_agg(a.ddl) INTO all_ddl FROM filteropt.index_advise(workload) a;
	FOREACH ddl IN ARRAY all_ddl LOOP
		EXECUTE ddl;
	END LOOP;
	SELECT count(*) INTO again FROM filteropt.index_advise(workload) a WHERE a.ddl = ANY (all_ddl);
	FOREACH ddl IN ARRAY all_ddl LOOP
		ddl := regexp_replace(ddl, ' INCLUDE \(.*?\)', '');
		RETURN NEXT;
	END LOOP;
END $$;

-- partitions, with columns in another order, and below one another
CREATE TABLE parted (id int, tenant int, at date, note text) PARTITION BY RANGE (id);
CREATE TABLE part1 (note text, dropped int, at date, tenant int, id int);
ALTER TABLE part1 DROP dropped;
ALTER TABLE parted ATTACH PARTITION part1 FOR VALUES FROM (0) TO (20000);
CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (20000) TO (60000) PARTITION BY HASH (id);
CREATE TABLE part2a PARTITION OF part2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part2b PARTITION OF part2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT i, i % 3000, '2024-01-01'::date + i % 365, repeat('n', 50) FROM generate_series(0, 59999) i;
VACUUM ANALYZE parted;
SELECT * FROM made('SELECT * FROM parted WHERE tenant = 7');
SELECT bool_and(verified) FROM filteropt.index_advise(ARRAY['SELECT * FROM parted WHERE at = ''2024-05-05'' AND length(note) = 3'], verify => true);

-- generated columns, collations, domains, names that need quotes
CREATE DOMAIN positive AS int CHECK (VALUE >= 0);
CREATE TABLE "Odd ""Names" ("Key" positive, "select" text COLLATE "C", plain text, twice int GENERATED ALWAYS AS ("Key" * 2) STORED,
	ci citext, v varchar(40), c char(8), n numeric, u uuid, b boolean);
INSERT INTO "Odd ""Names" ("Key", "select", plain, ci, v, c, n, u, b) SELECT i, 's' || i, 'p' || i, 'C' || i, 'v' || i, 'c' || i, i, md5(i::text)::uuid, i % 100 = 0 FROM generate_series(1, 30000) i;
VACUUM ANALYZE "Odd ""Names";
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE "Key" = 5');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE twice = 6');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE "select" = ''s7''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE plain LIKE ''p77%''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE plain COLLATE "C" < ''p1001''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE ci = ''c8''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE v = ''v9'' AND c = ''c9''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE lower(v) = ''v9''');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE n + "Key" = 20');
SELECT * FROM made('SELECT * FROM "Odd ""Names" WHERE u = ''c4ca4238-a0b9-2382-0dcc-509a6f75849b''');
SELECT * FROM made('SELECT "Key" FROM "Odd ""Names" WHERE b');
SELECT * FROM made('SELECT "Key" FROM "Odd ""Names" WHERE plain ILIKE ''%p299%''');

-- views, subqueries and WITH reach the tables behind them
CREATE VIEW behind AS SELECT tenant AS t, at FROM part1;
SELECT count(*) > 0 FROM filteropt.index_advise(ARRAY['WITH x AS (SELECT * FROM behind) SELECT * FROM x WHERE at = ''2024-03-03''']) WHERE ddl LIKE '%part1%';

-- changes are looked at as the search for their rows
SELECT DISTINCT substring(ddl FROM '^.*?\(n\)') FROM filteropt.index_advise(ARRAY['UPDATE "Odd ""Names" SET b = true WHERE n = 7', 'DELETE FROM "Odd ""Names" WHERE n = 8']);

-- parameters
SELECT * FROM made('SELECT * FROM parted WHERE at = $1 AND length(note) = 3 ORDER BY id LIMIT $2');

-- what is skipped, and why
CREATE TABLE gone (a int);
DROP TABLE gone;
SELECT queries, ddl, reason FROM filteropt.index_advise(ARRAY['SELEC 1', 'VACUUM', '', 'SELECT * FROM gone', 'SELECT 1', NULL,
	'SELECT 1 / 0 FROM parted', 'SELECT $1', 'CREATE TABLE x ()', 'SELECT * FROM pg_class WHERE relname = ''x''', 'BEGIN; COMMIT', ';;']);

-- Rights are those of the caller; row security narrows what is looked for.
CREATE ROLE advise_reader;
GRANT USAGE ON SCHEMA advise_schemas TO advise_reader;
CREATE TABLE secured (id int, owner text, body text);
INSERT INTO secured SELECT i, 'o' || i % 3000, repeat('b', 100) FROM generate_series(1, 30000) i;
VACUUM ANALYZE secured;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secured USING (owner = current_user);
SET ROLE advise_reader;
SELECT reason FROM filteropt.index_advise(ARRAY['SELECT * FROM secured']);
RESET ROLE;
GRANT SELECT ON secured TO advise_reader;
SET ROLE advise_reader;
SELECT ddl FROM filteropt.index_advise(ARRAY['SELECT * FROM secured']);
-- who does not own the table cannot verify: the advice stays an estimate
SELECT ddl, verified, confidence FROM filteropt.index_advise(ARRAY['SELECT * FROM secured'], verify => true);
RESET ROLE;
DROP SCHEMA advise_schemas CASCADE;
DROP ROLE advise_reader;
