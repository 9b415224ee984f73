-- The labelled cases of index_health: each index below is listed with the kind
-- that must be reported for it, or with none.  What is found and what is
-- expected are compared both ways.
SET client_min_messages = warning;
CREATE SCHEMA shapes;
CREATE SCHEMA empty;
SET search_path = shapes, public;
CREATE TABLE label (name text, kind text, PRIMARY KEY (name));
CREATE VIEW label_found AS
SELECT coalesce(i.relname, t.relname)::text AS name, h.kind
FROM filteropt.index_health('{shapes}', min_rows => 1000, bloat_bytes => 1000000) h
JOIN pg_class t ON t.oid = h.relation
LEFT JOIN pg_class i ON i.oid = h.index;

-- duplicate
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, name text, region text COLLATE "C", age int, tags int[], doc jsonb, at timestamptz);
CREATE INDEX idx_users_email ON users (email);
CREATE INDEX same_first ON users (name, age);
CREATE INDEX same_second ON users (name, age);
CREATE INDEX same_third ON users (name, age);
CREATE INDEX backwards ON users (name DESC, age DESC);
CREATE UNIQUE INDEX unique_of_key ON users (id);
ALTER TABLE users ADD CONSTRAINT unique_twice UNIQUE (email);
CREATE INDEX same_expression_first ON users (lower(email));
CREATE INDEX same_expression ON users (lower(email));
CREATE INDEX same_predicate_first ON users (age, at) WHERE name IS NULL;
CREATE INDEX same_predicate ON users (age, at) WHERE (name IS NULL);
CREATE INDEX same_gin_first ON users USING gin (tags, doc);
CREATE INDEX same_gin ON users USING gin (doc, tags);
CREATE INDEX same_hash_first ON users USING hash (email);
CREATE INDEX same_hash ON users USING hash (email);
CREATE INDEX same_family ON users (at, region text_ops);
CREATE INDEX same_family_first ON users (at, region);
INSERT INTO label VALUES ('idx_users_email', 'duplicate'), ('same_second', 'duplicate'), ('same_third', 'duplicate'),
	('backwards', 'duplicate'), ('unique_of_key', 'duplicate'), ('unique_twice', 'duplicate'),
	('same_expression', 'duplicate'), ('same_predicate', 'duplicate'), ('same_gin', 'duplicate'),
	('same_hash', 'duplicate'), ('same_family_first', 'duplicate'),
	('users_pkey', NULL), ('users_email_key', NULL), ('same_first', NULL), ('same_expression_first', NULL),
	('same_predicate_first', NULL), ('same_gin_first', NULL), ('same_hash_first', NULL), ('same_family', NULL);

-- not quite duplicates: another collation, operator class, order, predicate, method, options, expression
CREATE TABLE near (a int, b int, c text, d text, e int[], r int4range, at timestamptz);
CREATE INDEX near_plain ON near (c, a);
CREATE INDEX near_collation ON near (c COLLATE "C", a);
CREATE INDEX near_pattern ON near (c text_pattern_ops, a);
CREATE INDEX near_order ON near (c, a DESC);
CREATE INDEX near_nulls ON near (c NULLS FIRST, a);
CREATE INDEX near_columns ON near (a, c);
CREATE INDEX near_predicate ON near (c, a) WHERE b > 0;
CREATE INDEX near_predicate_2 ON near (c, a) WHERE b > 1;
CREATE INDEX near_include ON near (c, a) INCLUDE (d) WHERE b = 9;
CREATE INDEX near_include_2 ON near (c, a) INCLUDE (e) WHERE b = 9;
CREATE INDEX near_expression ON near (upper(c));
CREATE INDEX near_expression_2 ON near (lower(c));
CREATE INDEX near_hash ON near USING hash (d);
CREATE INDEX near_btree ON near (d);
CREATE INDEX near_brin ON near USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX near_brin_2 ON near USING brin (at) WITH (pages_per_range = 64);
CREATE INDEX near_gin ON near USING gin (e) WITH (fastupdate = on);
CREATE INDEX near_gin_2 ON near USING gin (e) WITH (fastupdate = off);
CREATE INDEX near_siglen ON near USING gist (to_tsvector('simple', c) tsvector_ops (siglen = 100));
CREATE INDEX near_siglen_2 ON near USING gist (to_tsvector('simple', c) tsvector_ops (siglen = 200));
CREATE INDEX near_gist ON near USING gist (r);
CREATE INDEX near_spgist ON near USING spgist (r);
INSERT INTO label SELECT indexname, NULL FROM pg_indexes WHERE schemaname = 'shapes' AND tablename = 'near';

-- redundant, and indexes that only look so
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, status text, at timestamptz, total int, note text);
CREATE INDEX prefix ON orders (customer);
CREATE INDEX prefix_down ON orders (customer DESC NULLS FIRST, status DESC);
CREATE INDEX prefix_whole ON orders (customer, status, at);
CREATE INDEX prefix_including ON orders (status) INCLUDE (total);
CREATE INDEX prefix_including_whole ON orders (status, at) INCLUDE (note, total);
CREATE INDEX prefix_of_key ON orders (id);
CREATE INDEX not_prefix ON orders (status, customer);
CREATE INDEX not_including ON orders (at) INCLUDE (note);
CREATE INDEX not_including_whole ON orders (at, total);
CREATE INDEX mixed_order ON orders (total, customer DESC);
CREATE INDEX mixed_order_whole ON orders (total, customer, at);
CREATE UNIQUE INDEX unique_prefix ON orders (note);
CREATE INDEX unique_prefix_whole ON orders (note, at);
CREATE INDEX partial_of_whole ON orders (customer) WHERE status = 'open';
CREATE UNIQUE INDEX longer_unique ON orders (id, at);
INSERT INTO label VALUES ('prefix', 'redundant'), ('prefix_down', 'redundant'), ('prefix_including', 'redundant'),
	('prefix_of_key', 'duplicate'), ('orders_pkey', NULL), ('prefix_whole', NULL), ('prefix_including_whole', NULL),
	('not_prefix', NULL), ('not_including', NULL), ('not_including_whole', NULL), ('mixed_order', NULL),
	('mixed_order_whole', NULL), ('unique_prefix', NULL), ('unique_prefix_whole', NULL), ('partial_of_whole', NULL),
	('longer_unique', NULL);

-- what else needs an index: constraints, foreign keys, replica identity, clustering
CREATE TABLE needed (a int NOT NULL, b int NOT NULL, c int, d int, x int, v int);
ALTER TABLE needed ADD CONSTRAINT deferred UNIQUE (c) DEFERRABLE;
CREATE UNIQUE INDEX immediate ON needed (c);
CREATE UNIQUE INDEX target ON needed (a);
ALTER TABLE needed ADD CONSTRAINT target_also UNIQUE (a);
CREATE TABLE refers (a int REFERENCES needed (a));
CREATE UNIQUE INDEX identity ON needed (b);
ALTER TABLE needed ADD CONSTRAINT identity_also UNIQUE (b);
ALTER TABLE needed REPLICA IDENTITY USING INDEX identity;
CREATE INDEX clustered_first ON needed (d);
CREATE INDEX clustered ON needed (d);
ALTER TABLE needed CLUSTER ON clustered;
ALTER TABLE needed ADD CONSTRAINT excluded EXCLUDE USING btree (x WITH =);
CREATE INDEX excluded_also ON needed (x);
CREATE INDEX only_one ON needed (v);
INSERT INTO label VALUES ('deferred', 'duplicate'), ('immediate', NULL), ('target', NULL), ('target_also', 'duplicate'),
	('identity', NULL), ('identity_also', 'duplicate'), ('clustered', NULL), ('clustered_first', 'duplicate'),
	('excluded', NULL), ('excluded_also', 'duplicate'), ('only_one', NULL);

-- invalid
CREATE TABLE broken (a int, b int);
INSERT INTO broken SELECT i % 2, i FROM generate_series(1, 10) i;
\set VERBOSITY terse
CREATE UNIQUE INDEX CONCURRENTLY leftover ON broken (a);
CREATE UNIQUE INDEX CONCURRENTLY leftover_ccnew ON broken (a);
\set VERBOSITY default
CREATE UNIQUE INDEX CONCURRENTLY built ON broken (b);
CREATE INDEX beside_leftover ON broken (a);
CREATE TABLE parts (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE INDEX parts_lacking ON ONLY parts (b);
CREATE INDEX part_1_has ON part_1 (b);
ALTER INDEX parts_lacking ATTACH PARTITION part_1_has;
CREATE INDEX parts_whole ON parts (a);
CREATE INDEX part_1_covered ON part_1 (a);
CREATE INDEX parts_twice ON parts (a, b);
INSERT INTO label VALUES ('leftover', 'invalid'), ('leftover_ccnew', 'invalid'), ('built', NULL),
	('beside_leftover', NULL), ('parts_lacking', 'invalid'), ('part_1_has', NULL), ('parts_whole', 'redundant'),
	('part_1_covered', 'duplicate'), ('parts_twice', NULL);

-- missing on foreign keys
CREATE TABLE parent (a int, b int, PRIMARY KEY (a, b), c text UNIQUE, d int UNIQUE);
INSERT INTO parent SELECT i, i, i, i FROM generate_series(1, 500) i;
CREATE TABLE short_list (id int PRIMARY KEY);
INSERT INTO short_list SELECT generate_series(1, 5);
CREATE FUNCTION make_child(name text, key text, index text, rows int DEFAULT 2000) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I (a int, b int, c text, d bigint, s int, %s)', name, key);
	IF index <> '' THEN EXECUTE format('CREATE INDEX %I ON %I %s', name || '_index', name, index); END IF;
	EXECUTE format('INSERT INTO %I SELECT i %% 500 + 1, i %% 500 + 1, i %% 500 + 1, i %% 500 + 1, i %% 5 + 1 FROM generate_series(1, %s) i', name, rows);
	EXECUTE format('ANALYZE %I', name);
END $$;
SELECT count(make_child(name, key, index)) FROM (VALUES
	('child_bare', 'FOREIGN KEY (d) REFERENCES parent (d)', ''),
	('child_pair', 'FOREIGN KEY (a, b) REFERENCES parent', '(b)'),
	('child_third', 'FOREIGN KEY (a, b) REFERENCES parent', '(a, c, b)'),
	('child_partial', 'FOREIGN KEY (d) REFERENCES parent (d)', '(d) WHERE s = 1'),
	('child_partial_2', 'FOREIGN KEY (d) REFERENCES parent (d)', '(d) WHERE d IS NOT NULL AND s = 1'),
	('child_collation', 'FOREIGN KEY (c) REFERENCES parent (c)', '(c COLLATE "C")'),
	('child_expression', 'FOREIGN KEY (d) REFERENCES parent (d)', '((d + 0))'),
	('child_brin', 'FOREIGN KEY (d) REFERENCES parent (d)', 'USING brin (d)'),
	('child_included', 'FOREIGN KEY (d) REFERENCES parent (d)', '(s) INCLUDE (d)'),
	('child_twice', 'FOREIGN KEY (d) REFERENCES parent (d), FOREIGN KEY (d) REFERENCES parent (d)', '')) v(name, key, index);
INSERT INTO label SELECT name, 'missing on foreign key' FROM unnest(ARRAY['child_bare', 'child_pair', 'child_third',
	'child_partial', 'child_partial_2', 'child_collation', 'child_expression', 'child_brin', 'child_included', 'child_twice']) name;
SELECT count(make_child(name, key, index)) FROM (VALUES
	('child_indexed', 'FOREIGN KEY (d) REFERENCES parent (d)', '(d)'),
	('child_swapped', 'FOREIGN KEY (a, b) REFERENCES parent', '(b, a)'),
	('child_longer', 'FOREIGN KEY (a, b) REFERENCES parent', '(b DESC, a, c)'),
	('child_hash', 'FOREIGN KEY (d) REFERENCES parent (d)', 'USING hash (d)'),
	('child_not_null', 'FOREIGN KEY (d) REFERENCES parent (d)', '(d) WHERE d IS NOT NULL'),
	('child_both_not_null', 'FOREIGN KEY (a, b) REFERENCES parent', '(a, b) WHERE b IS NOT NULL AND a IS NOT NULL'),
	('child_pattern', 'FOREIGN KEY (c) REFERENCES parent (c)', '(c text_pattern_ops)'),
	('child_keyed', 'FOREIGN KEY (d) REFERENCES parent (d), UNIQUE (d, a, b, c, s) DEFERRABLE INITIALLY DEFERRED', ''),
	('child_of_list', 'FOREIGN KEY (s) REFERENCES short_list', '')) v(name, key, index)
	WHERE name <> 'child_keyed';
SELECT make_child('child_small', 'FOREIGN KEY (d) REFERENCES parent (d)', '', 500);
CREATE TABLE "odd ""table" ("a b" int REFERENCES parent (d), "C" int REFERENCES parent (d));
INSERT INTO "odd ""table" SELECT i % 500 + 1, i % 500 + 1 FROM generate_series(1, 2000) i;
CREATE INDEX odd_index ON "odd ""table" ("C") WHERE "C" IS NOT NULL;
ANALYZE "odd ""table";
CREATE TABLE child_parts (d int REFERENCES parent (d), k int) PARTITION BY LIST (k);
CREATE TABLE child_part_1 PARTITION OF child_parts FOR VALUES IN (0) PARTITION BY LIST (k);
CREATE TABLE child_part_1_1 PARTITION OF child_part_1 FOR VALUES IN (0);
CREATE TABLE child_part_2 PARTITION OF child_parts FOR VALUES IN (1);
INSERT INTO child_parts SELECT i % 500 + 1, i % 2 FROM generate_series(1, 4000) i;
ANALYZE child_parts;
INSERT INTO label VALUES ('odd "table', 'missing on foreign key'), ('odd_index', NULL),
	('child_parts', 'missing on foreign key'), ('child_small', NULL), ('child_of_list', NULL), ('child_indexed_index', NULL),
	('child_swapped_index', NULL), ('child_longer_index', NULL), ('child_hash_index', NULL),
	('child_not_null_index', NULL), ('child_both_not_null_index', NULL), ('child_pattern_index', NULL);

-- not to be found: what inherited tables have each for themselves, foreign keys that a key of several columns
-- serves, or that refer to their own table; to be found: one that is not valid, as it is enforced all the same
CREATE TABLE heir () INHERITS (near);
CREATE INDEX heir_plain ON heir (c, a);
CREATE TABLE child_key (d int REFERENCES parent (d), n int, PRIMARY KEY (d, n));
INSERT INTO child_key SELECT i % 500 + 1, i FROM generate_series(1, 2000) i;
CREATE TABLE child_self (id int PRIMARY KEY, up int REFERENCES child_self);
CREATE INDEX child_self_up ON child_self (up);
INSERT INTO child_self SELECT i, 1 FROM generate_series(1, 2000) i;
CREATE TABLE child_unproven (d int);
INSERT INTO child_unproven SELECT i % 500 + 1 FROM generate_series(1, 2000) i;
ALTER TABLE child_unproven ADD FOREIGN KEY (d) REFERENCES parent (d) NOT VALID;
CREATE TABLE booked (room int, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE INDEX booked_during ON booked USING gist (during, int4range(room, room, '[]'));
ANALYZE child_key, child_self, child_unproven;
INSERT INTO label VALUES ('heir_plain', NULL), ('child_key_pkey', NULL), ('child_self_up', NULL), ('child_self_pkey', NULL),
	('child_unproven', 'missing on foreign key'), ('booked_during_excl', NULL), ('booked_during', NULL);

-- bloated; fresh; with air that fits its fillfactor; bloated and small
CREATE TABLE grown (id int PRIMARY KEY WITH (fillfactor = 100), a int, b text) WITH (autovacuum_enabled = off);
INSERT INTO grown SELECT i, i, md5(i::text) FROM generate_series(1, 120000) i;
CREATE INDEX grown_loose ON grown (a) WITH (fillfactor = 40);
CREATE INDEX grown_text ON grown (b);
CREATE INDEX grown_gin ON grown USING gin ((ARRAY[a]));
DELETE FROM grown WHERE id % 10 <> 0;
VACUUM grown;
CREATE INDEX grown_fresh ON grown ((b || 'x'));
CREATE TABLE fresh (id int PRIMARY KEY, a int) WITH (autovacuum_enabled = off);
INSERT INTO fresh SELECT i, i % 100 FROM generate_series(1, 120000) i;
CREATE INDEX fresh_equal ON fresh (a);
CREATE INDEX fresh_loose ON fresh (id, a) WITH (fillfactor = 30);
CREATE TABLE small (id int PRIMARY KEY) WITH (autovacuum_enabled = off);
INSERT INTO small SELECT generate_series(1, 10000);
DELETE FROM small WHERE id % 10 <> 0;
VACUUM small;
INSERT INTO label VALUES ('grown_pkey', 'bloated'), ('grown_loose', 'bloated'), ('grown_text', 'bloated'),
	('grown_gin', NULL), ('grown_fresh', NULL), ('fresh_pkey', NULL), ('fresh_equal', NULL), ('fresh_loose', NULL),
	('small_pkey', NULL);

SELECT count(*) >= 40 AS enough_cases, count(*) FILTER (WHERE kind IS NULL) >= 40 AS enough_near_misses FROM label;
SELECT 'not found' AS what, * FROM (SELECT name, kind FROM label WHERE kind IS NOT NULL EXCEPT ALL SELECT * FROM label_found) x
UNION ALL
SELECT 'must not be found', * FROM (SELECT * FROM label_found EXCEPT ALL SELECT name, kind FROM label WHERE kind IS NOT NULL) x
ORDER BY 1, 2, 3;
-- Each label names something that is there.
SELECT name FROM label EXCEPT SELECT relname FROM pg_class WHERE relnamespace = 'shapes'::regnamespace;

-- What is said of some of them.
SELECT h.index, h.severity, h.reason, h.fix FROM filteropt.index_health('{shapes}', bloat_bytes => 1000000) h
WHERE h.index::text IN ('idx_users_email', 'unique_twice', 'prefix', 'leftover', 'leftover_ccnew', 'parts_lacking', 'parts_whole')
ORDER BY 1;
SELECT h.relation, h.severity, h.reason, h.fix, h.evidence ->> 'constraints' AS constraints
FROM filteropt.index_health('{shapes}', bloat_bytes => 1000000) h
WHERE h.relation::text IN ('child_pair', 'child_twice', 'child_parts', '"odd ""table"') ORDER BY 1;

-- What the bloat is estimated to be and what REINDEX makes of it differ by less than a tenth.
CREATE TABLE estimate AS
SELECT c.oid, c.relname, s.* FROM pg_class c, filteropt.index_space(c.oid, 400) s
WHERE c.relname IN ('grown_pkey', 'grown_loose', 'grown_text', 'fresh_pkey', 'fresh_equal', 'fresh_loose', 'grown_fresh');
REINDEX TABLE grown;
REINDEX TABLE fresh;
SELECT relname, bytes > 1000000 AS measured FROM estimate
WHERE abs(needed - pg_relation_size(oid)) > 0.1 * pg_relation_size(oid) OR needed IS NULL;

-- Every fix can be executed; after that nothing is left but what they cannot mend:
-- a unique index over rows that are not unique.
CREATE TABLE fix AS SELECT h.kind, f.statement
FROM filteropt.index_health('{shapes}', bloat_bytes => 1000000) h, regexp_split_to_table(h.fix, E';\n') WITH ORDINALITY f(statement, nth)
WHERE h.index::text IS DISTINCT FROM 'leftover' ORDER BY h.kind, h.relation, h.index, f.nth;
\set QUIET off
\o /dev/null
SELECT statement FROM fix \gexec
\o
\set QUIET on
SELECT name, kind FROM label_found ORDER BY 1;

-- A filter by schema; names of schemas that are not there are an error.
SELECT count(*) FROM filteropt.index_health('{empty}');
SELECT count(*) FROM filteropt.index_health('{no_such_schema}');

-- Whoever may connect may look; what the pages say is for owners and pg_stat_scan_tables.
CREATE ROLE health_visitor;
CREATE ROLE health_monitor IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA shapes TO health_visitor, health_monitor;
SET ROLE health_visitor;
SELECT needed FROM filteropt.index_space('shapes.fresh_pkey'::regclass, 10);
SELECT count(*) FROM filteropt.index_health('{empty}');
SET ROLE health_monitor;
BEGIN READ ONLY;
SELECT needed > 1000000 AS known FROM filteropt.index_space('shapes.fresh_pkey'::regclass, 10);
SELECT h.index, h.kind FROM filteropt.index_health('{shapes}') h;
COMMIT;
RESET ROLE;


-- Things that are no B-tree, or not there.
SELECT * FROM filteropt.index_space('pg_class'::regclass, 10);
SELECT * FROM filteropt.index_space(0, 10);
SELECT bytes > 0 AS sized, needed FROM filteropt.index_space('shapes.near_gist'::regclass, 10);
-- Nothing of the system or of filteropt.
SELECT relation, kind FROM filteropt.index_health(unused_after => '0') h
WHERE h.relation IN (SELECT oid FROM pg_class WHERE relnamespace::regnamespace::text IN ('pg_catalog', 'pg_toast', 'filteropt', 'information_schema'));

DROP SCHEMA shapes, empty CASCADE;
DROP ROLE health_visitor, health_monitor;
