-- index_apply: which statements it takes, how it writes them, what it records.
\set VERBOSITY default
CREATE SCHEMA "odd schema";
CREATE SCHEMA work;
SET search_path = work, "odd schema", public;
CREATE FUNCTION "odd schema".half(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE TABLE posts (id int, title text, at timestamptz, doc jsonb, tags int[], "odd ""column" int);
INSERT INTO posts SELECT i, i % 3, now(), '{}', '{}', i FROM generate_series(1, 100) i;

-- Shown, not done.
CREATE TABLE shown (nth int GENERATED ALWAYS AS IDENTITY, ddl text, undo text);
CREATE PROCEDURE show(ddl text) LANGUAGE plpgsql AS $$
DECLARE
	statement text; undo text; id bigint;
BEGIN
	CALL filteropt.index_apply(ddl, true, '1s', statement, undo, id);
	INSERT INTO shown (ddl, undo) VALUES (statement, undo);
END $$;
CALL show('create index on posts (id)');
CALL show('CREATE INDEX posts_named ON work.posts (lower(title) DESC NULLS LAST, id) INCLUDE (at) WHERE half(id) > 3;');
CALL show('create unique index concurrently u on posts using btree (title collate "C" text_pattern_ops) with (fillfactor = 70)');
CALL show('create index on posts using gin (doc jsonb_path_ops, tags)');
CALL show('create index on posts using gist (to_tsvector(''simple'', title) tsvector_ops (siglen = 100))');
CALL show('create index "odd index" on posts ("odd ""column") tablespace pg_default');
CALL show('create index on posts using brin (at) with (pages_per_range = 8) -- comment');
CREATE INDEX existing ON posts (half(id)) WHERE title <> '';
CREATE UNIQUE INDEX existing_unique ON posts (id);
CALL show('drop index existing');
CALL show('drop index concurrently if exists work.existing_unique');
CALL show('drop index if exists no_such_index');
CALL show('create index if not exists existing on posts (at)');
CALL show('reindex index existing');
CALL show('reindex (verbose) table posts');
SELECT ddl, undo FROM shown ORDER BY nth;

-- What the caller's search_path finds is found.
CREATE COLLATION "odd schema".plain (locale = 'C');
SET search_path = work, "odd schema", filteropt, public;
CALL index_apply('create index on posts using gin (title collate plain gram_ops (buckets = 64))', true);
SET search_path = work, "odd schema", public;

-- What is written anew can be read again, and means the same; nothing was done so far.
SELECT indexname FROM pg_indexes WHERE schemaname = 'work' ORDER BY 1;
SELECT count(*) AS recorded FROM filteropt.index_applied;

-- Nothing but one such statement.
CALL show('create index on posts (id); drop table posts');
CALL show('drop table posts');
CALL show('drop index existing, existing_unique');
CALL show('drop index existing cascade');
CALL show('reindex schema work');
CALL show('select 1');
CALL show('');
CALL show('create index on');
CALL show(NULL);
CALL show('create index on no_such_table (id)');
CALL show('drop index no_such_index');
CALL show('drop index posts');
CALL show('create index on pg_indexes (tablename)');
CREATE TEMP TABLE mine (a int);
CALL show('create index on mine (a)');
CREATE TABLE parts (a int) PARTITION BY LIST (a);
CREATE INDEX parts_whole ON parts (a);
CALL show('create index on only parts (a)');
CALL show('drop index parts_whole');
CALL show('reindex table parts');
CREATE FOREIGN DATA WRAPPER apply_nowhere;
CREATE SERVER apply_nowhere FOREIGN DATA WRAPPER apply_nowhere;
CREATE FOREIGN TABLE parts_far PARTITION OF parts FOR VALUES IN (9) SERVER apply_nowhere;
CALL show('create index on parts (a)');
DROP FOREIGN DATA WRAPPER apply_nowhere CASCADE;

-- Done.
CALL filteropt.index_apply('create index on posts (lower(title), id) where half(id) > 3', id => NULL) \gset first_
\echo :first_statement
CALL filteropt.index_apply('create index if not exists posts_lower_id_idx on posts (at)');
CALL filteropt.index_apply('drop index existing') \gset second_
CALL filteropt.index_apply('reindex table posts') \gset third_
SELECT pg_get_indexdef('work.posts_lower_id_idx'::regclass);
SELECT id = :first_id AS same, role = current_user AS mine, relation, ddl, undo, error, finished_at >= started_at AS finished
FROM filteropt.index_applied WHERE id IN (:first_id, :second_id, :third_id) ORDER BY id;

-- The undo takes it back, and can be applied itself.
CALL filteropt.index_apply(:'second_undo') \gset fourth_
SELECT pg_get_indexdef('work.existing'::regclass);
CALL filteropt.index_apply(:'first_undo') \gset fifth_
SELECT to_regclass('work.posts_lower_id_idx') AS gone;

-- A unique violation leaves nothing behind, a taken name is the server's error.
CALL filteropt.index_apply('create unique index not_unique on posts (title)');
CALL filteropt.index_apply('create index existing on posts (at)');
SELECT relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE NOT i.indisvalid;
SELECT ddl, error FROM filteropt.index_applied WHERE error IS NOT NULL ORDER BY id;

-- An invalid leftover of that name is dropped first.
\set VERBOSITY terse
CREATE UNIQUE INDEX CONCURRENTLY leftover ON posts (title);
\set VERBOSITY default
CALL filteropt.index_apply('create index leftover on posts (title)') \gset sixth_
SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'leftover'::regclass;

-- After an index on an expression the table is analysed: that is when its statistics come to be.
ANALYZE posts;
CALL filteropt.index_apply('create index estimated on posts ((id % 10))') \gset seventh_
\echo :seventh_statement
SELECT n_distinct FROM pg_stats WHERE schemaname = 'work' AND tablename = 'estimated';

-- A partitioned table: step by step, each recorded. A partition that has the index already keeps its own,
-- and names need quotes.
CREATE TABLE tree (a int, b int, "C" text) PARTITION BY LIST (a);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE "tree 2" ("C" text, dropped int, b int, a int);
ALTER TABLE "tree 2" DROP COLUMN dropped;
ALTER TABLE tree ATTACH PARTITION "tree 2" FOR VALUES IN (2);
CREATE TABLE tree_3 PARTITION OF tree FOR VALUES IN (3, 4) PARTITION BY LIST (b);
CREATE TABLE tree_3_1 PARTITION OF tree_3 FOR VALUES IN (1);
CREATE TABLE "odd schema".tree_3_2 PARTITION OF tree_3 DEFAULT;
INSERT INTO tree SELECT i % 4 + 1, i % 7, i FROM generate_series(1, 400) i;
CREATE INDEX own ON "tree 2" (lower("C"), b);
CALL filteropt.index_apply('create index on tree (lower("C"), b)', dry_run => true) \gset dry_
\echo :dry_statement
CALL filteropt.index_apply('create index on tree (lower("C"), b)') \gset tree_
\echo :tree_undo
SELECT t.level, t.relid, i.indisvalid FROM pg_partition_tree('work.tree_lower_b_idx') t
JOIN pg_index i ON i.indexrelid = t.relid ORDER BY 1, 2::text COLLATE "C";
SELECT relation, index, ddl, undo, error, finished_at IS NOT NULL AS finished FROM filteropt.index_applied
WHERE id >= :tree_id ORDER BY id;
SELECT tablename, n_distinct IS NOT NULL AS analysed FROM pg_stats
WHERE schemaname = 'work' AND tablename LIKE 'tree%idx' AND attname = 'lower' ORDER BY 1;

-- A step that fails: what is done stays, what is half done goes, and the same call goes on from there.
INSERT INTO tree VALUES (3, 1, 'twice'), (3, 1, 'twice');
CALL filteropt.index_apply('create unique index on tree ("C", a, b)');
SELECT t.relid, i.indisvalid FROM pg_partition_tree('"work"."tree_C_a_b_idx"') t
JOIN pg_index i ON i.indexrelid = t.relid ORDER BY 1::text COLLATE "C";
SELECT relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE NOT i.indisvalid AND c.relkind = 'i';
SELECT h.index, h.kind, h.fix IS NOT NULL AS has_fix FROM filteropt.index_health('{work}') h WHERE h.kind = 'invalid'
ORDER BY 1::text COLLATE "C";
DELETE FROM tree WHERE "C" = 'twice';
CALL filteropt.index_apply('create unique index on tree ("C", a, b)', dry_run => true) \gset left_
\echo :left_statement
-- Another statement is not that one's continuation.
CALL filteropt.index_apply('create index on tree ("C", a, b)', dry_run => true) \gset other_
SELECT split_part(:'other_statement', ';', 1) AS begins;
CALL filteropt.index_apply('create unique index on tree ("C", a, b)') \gset rest_
SELECT count(*) FILTER (WHERE i.indisvalid) AS valid, count(*) AS all FROM pg_partition_tree('"work"."tree_C_a_b_idx"') t
JOIN pg_index i ON i.indexrelid = t.relid;
SELECT a.ddl, a.error FROM filteropt.index_applied a WHERE id >= :rest_id ORDER BY id;
DROP TABLE tree;

-- Not where it would wait for itself, nor where it may not write.
BEGIN;
CALL filteropt.index_apply('create index on posts (id)');
ROLLBACK;
BEGIN READ ONLY;
CALL filteropt.index_apply('create index on posts (id)');
ROLLBACK;
CALL filteropt.index_apply('create index on posts (id)', lock_timeout => '-1s');
CALL filteropt.index_apply('create index on posts (id)', lock_timeout => '1 month');

-- With the rights of the caller, whatever role that is.
CREATE ROLE apply_owner;
CREATE ROLE apply_other;
GRANT USAGE ON SCHEMA work, "odd schema" TO apply_owner, apply_other;
GRANT CREATE ON SCHEMA work TO apply_owner;
SET ROLE apply_owner;
CALL filteropt.index_apply('create index on posts (id)');
RESET ROLE;
GRANT EXECUTE ON PROCEDURE filteropt.index_apply TO apply_owner, apply_other;
ALTER TABLE posts OWNER TO apply_owner;
SET ROLE apply_other;
CALL filteropt.index_apply('create index on posts (id)');
CALL filteropt.index_apply('drop index existing');
CALL filteropt.index_apply('reindex table posts');
SET ROLE apply_owner;
CALL filteropt.index_apply('create index by_owner on work.posts (id)') \gset seventh_
SELECT role FROM filteropt.index_applied WHERE id = :seventh_id;
DELETE FROM filteropt.index_applied;
-- An expression of the index is evaluated as the owner, who is no superuser.
CREATE FUNCTION work.who(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'apply_owner' OR current_setting('is_superuser')::boolean THEN
		RAISE EXCEPTION 'run as %', current_user;
	END IF;
	RETURN $1;
END $$;
CALL filteropt.index_apply('create index by_who on posts (who(id))') \gset eighth_
RESET ROLE;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'work.by_owner'::regclass OR indexrelid = to_regclass('work.by_who');

-- What it changed: without pg_stat_statements the counters of the table.
SELECT measure, subject, undo FROM filteropt.index_impact(:sixth_id);
SELECT count(*) > 0 AS all_of_them FROM filteropt.index_impact();

-- Which tables a statement names, and what it sets.
SELECT * FROM filteropt.index_query_tables('update work.posts p set title = $1, at = now() from users where exists (select from "B" where b = p.id)');
SELECT * FROM filteropt.index_query_tables('insert into t values ($1) on conflict (a) do update set (b, c) = ($2, $3)');
SELECT * FROM filteropt.index_query_tables('with x as (delete from d returning *) select * from x join (select 1 from e) y on true');
SELECT * FROM filteropt.index_query_tables('<insufficient privilege>');
SELECT * FROM filteropt.index_query_tables('vacuum t');
SELECT * FROM filteropt.index_query_tables('');

DROP SCHEMA work, "odd schema" CASCADE;
REVOKE EXECUTE ON PROCEDURE filteropt.index_apply FROM apply_owner, apply_other;
DROP ROLE apply_owner, apply_other;
