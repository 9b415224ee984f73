-- Unused indexes: labelled cases, compared both ways.
SET client_min_messages = warning;
CREATE SCHEMA idle;
SET search_path = idle, public;
CREATE TABLE label (name text, kind text);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text UNIQUE, d int REFERENCES parent (id), e int NOT NULL,
	r int4range, EXCLUDE USING gist (r WITH &&));
INSERT INTO t SELECT i, i, i, i, NULL, i, int4range(i, i + 1) FROM generate_series(1, 1000) i;
CREATE INDEX never ON t (b);
CREATE INDEX never_gin ON t USING gin ((ARRAY[a]));
CREATE INDEX never_partial ON t (b) WHERE a > 5;
CREATE INDEX never_expression ON t ((a + b));
CREATE INDEX scanned ON t (a);
CREATE UNIQUE INDEX keeps_unique ON t (id, b);
CREATE INDEX of_foreign_key ON t (d);
CREATE UNIQUE INDEX of_identity ON t (e);
ALTER TABLE t REPLICA IDENTITY USING INDEX of_identity;
CREATE INDEX of_cluster ON t (e, b);
ALTER TABLE t CLUSTER ON of_cluster;
CREATE TABLE parts (a int, b int, c int) PARTITION BY LIST (a);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts SELECT i % 2 + 1, i, i FROM generate_series(1, 1000) i;
CREATE INDEX parts_never ON parts (b);
CREATE INDEX parts_scanned ON parts (c);
CREATE INDEX part_1_never ON part_1 (b, c);
ANALYZE t;
ANALYZE parts;
INSERT INTO label VALUES ('never', 'unused'), ('never_gin', 'unused'), ('never_partial', 'unused'),
	('never_expression', 'unused'), ('scanned', NULL), ('keeps_unique', NULL), ('of_foreign_key', NULL),
	('of_identity', NULL), ('of_cluster', NULL), ('t_pkey', NULL), ('t_c_key', NULL), ('t_r_excl', NULL),
	('parts_never', 'unused'), ('parts_scanned', NULL), ('part_1_never', 'unused');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT b FROM t WHERE a = 7;
SELECT b FROM part_1 WHERE c = 8;
-- Counters arrive when their session ends.
\c -
SET client_min_messages = warning;
SET search_path = idle, public;
DO $$
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN pg_stat_get_numscans('scanned'::regclass) > 0 AND (SELECT sum(pg_stat_get_numscans(relid)) > 0
			FROM pg_partition_tree('parts_scanned') WHERE isleaf);
		COMMIT;
	END LOOP;
END $$;
CREATE VIEW label_found AS
SELECT i.relname::text AS name, h.kind FROM filteropt.index_health('{idle}', unused_after => '0') h
JOIN pg_class i ON i.oid = h.index;
SELECT 'not found' AS what, * FROM (SELECT * FROM label WHERE kind IS NOT NULL EXCEPT ALL SELECT * FROM label_found) x
UNION ALL
SELECT 'must not be found', * FROM (SELECT * FROM label_found EXCEPT ALL SELECT * FROM label WHERE kind IS NOT NULL) x
ORDER BY 1, 2, 3;
-- Young statistics call nothing unused.
SELECT count(*) FROM filteropt.index_health('{idle}', unused_after => '1 day') WHERE kind = 'unused';
SELECT h.index, h.severity, h.fix, h.evidence ->> 'scans' AS scans, h.reason ~ 'CREATE STATISTICS' AS of_expression
FROM filteropt.index_health('{idle}', unused_after => '0') h ORDER BY 1;
SELECT filteropt.index_stats_since() BETWEEN now() - interval '1 day' AND now() AS counted;
DROP SCHEMA idle CASCADE;
