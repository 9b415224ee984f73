-- index_advise: kinds of advice, what exists already, budgets, repetition.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA advise_basic;
SET search_path = advise_basic;
CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL UNIQUE, plan text NOT NULL, deleted_at timestamptz);
INSERT INTO users SELECT i, 'User' || i || '@example.com', CASE WHEN i % 50 = 0 THEN 'pro' ELSE 'free' END,
	CASE WHEN i % 100 = 0 THEN '2024-01-01'::timestamptz END FROM generate_series(1, 20000) i;
CREATE TABLE posts (id int PRIMARY KEY, user_id int NOT NULL, status text NOT NULL, tags text[] NOT NULL, meta jsonb NOT NULL,
	filler text, created_at timestamptz NOT NULL);
INSERT INTO posts SELECT i, i * 7919 % 1000, CASE WHEN i % 200 = 0 THEN 'queued' ELSE 'done' END,
	ARRAY['t' || i % 500], jsonb_build_object('k', i % 700), repeat('x', 200), '2024-01-01'::timestamptz + i * interval '1 minute'
	FROM generate_series(1, 40000) i;
VACUUM ANALYZE users, posts;

-- The columns that an advice begins with, its method and what else it has.
CREATE FUNCTION advised(VARIADIC workload text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT coalesce(regexp_replace(ddl, ' INCLUDE \(.*?\)', ''), reason) FROM filteropt.index_advise(workload) ORDER BY 1
$$;

-- equality, then order
SELECT advised('SELECT * FROM posts WHERE user_id = 7 ORDER BY created_at DESC LIMIT 10');
-- an order with the places of NULLs
SELECT advised('SELECT id FROM users ORDER BY deleted_at DESC NULLS LAST, id LIMIT 5');
-- what is rare has a partial index
SELECT advised('SELECT * FROM posts WHERE status = ''queued'' ORDER BY created_at LIMIT 10');
SELECT advised('SELECT * FROM users WHERE deleted_at IS NOT NULL');
-- expressions
SELECT advised('SELECT * FROM users WHERE lower(email) = ''user7@example.com''');
SELECT advised('SELECT * FROM posts WHERE meta ->> ''k'' = ''7''');
-- what B-trees cannot do
SELECT advised('SELECT * FROM posts WHERE tags @> ARRAY[''t7'']', 'SELECT * FROM posts WHERE meta @> ''{"k": 7}''');
-- a join
SELECT advised('SELECT p.* FROM users u JOIN posts p ON p.user_id = u.id WHERE u.email = ''User7@example.com''');
-- a table that lies in the order of its time, when little is to be spent
SELECT DISTINCT substring(ddl FROM 'USING \w+ \(.*\)') FROM filteropt.index_advise(
	ARRAY['SELECT count(*) FROM posts WHERE created_at >= ''2024-01-20'' AND created_at < ''2024-01-21'''], '100kB');

-- What exists is not advised: UNIQUE (email) is an index on email (the design's idx_users_email
-- repeats it), and so is a primary key; an index that begins with the columns will do.
SELECT advised('SELECT * FROM users WHERE email = ''User7@example.com''', 'SELECT * FROM users WHERE id = 7',
	'SELECT * FROM users WHERE email = ''User7@example.com'' AND plan = ''pro''', 'SELECT * FROM users WHERE email > ''User9'' ORDER BY email LIMIT 3');
CREATE INDEX posts_user ON posts (user_id, created_at);
SELECT advised('SELECT * FROM posts WHERE user_id = 7', 'SELECT * FROM posts WHERE user_id = 7 ORDER BY created_at DESC LIMIT 10');
DROP INDEX posts_user;

-- The same call gives the same rows.
CREATE VIEW workload AS SELECT ARRAY['SELECT * FROM posts WHERE user_id = 7 ORDER BY created_at DESC LIMIT 10',
	'SELECT id FROM posts WHERE status = ''queued''', 'SELECT count(*) FROM posts WHERE created_at < ''2024-01-02''',
	'SELECT * FROM users WHERE lower(email) = ''user7@example.com''', 'SELECT * FROM posts WHERE tags @> ARRAY[''t7'']'] AS w;
CREATE TABLE first AS SELECT a.* FROM workload, filteropt.index_advise(w) a;
SELECT count(*) FROM (SELECT * FROM first EXCEPT ALL SELECT a.* FROM workload, filteropt.index_advise(w) a) d;
SELECT count(*) > 3 AS several, bool_and(cost_after < cost_before / 2) AS cheaper, bool_and(NOT verified) AS unverified,
	bool_and(queries <@ ARRAY[1, 2, 3, 4, 5]::bigint[]) AS queries FROM first;
-- Budgets hold, for a size and for a share of the tables.
SELECT b, sum(size_estimate) <= CASE b WHEN '10%' THEN pg_table_size('posts') + pg_table_size('users') ELSE 10 * pg_size_bytes(b) END / 10 AS holds
	FROM unnest(ARRAY['0', '40kB', '500kB', '10%']) b, workload, filteropt.index_advise(w, b) GROUP BY b ORDER BY b;
-- An estimate is near the real size.
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM first WHERE ddl NOT LIKE '%gin%' LOOP
		EXECUTE replace(r.ddl, 'INDEX ON', 'INDEX made ON');
		IF r.size_estimate NOT BETWEEN pg_relation_size('made') * 0.8 - 16384 AND pg_relation_size('made') * 1.25 + 16384 THEN
			RAISE WARNING '%: % instead of %', r.ddl, r.size_estimate, pg_relation_size('made');
		END IF;
		DROP INDEX made;
	END LOOP;
END $$;
-- What is written more often than read is not indexed.
SELECT advised('SELECT * FROM users WHERE plan = ''pro'' AND id < 100');
SELECT ddl FROM filteropt.index_advise(ARRAY['SELECT * FROM posts WHERE user_id = 7',
	'INSERT INTO posts SELECT 0, 0, '''', ''{}'', ''{}'', '''', now()'], weights => ARRAY[1, 1000000]);
-- Nothing is left behind.
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'advise_basic'::regnamespace;

-- Errors.
SELECT * FROM filteropt.index_advise(ARRAY['SELECT 1'], weights => ARRAY[1, 2]);
SELECT * FROM filteropt.index_advise(ARRAY['SELECT 1'], weights => ARRAY['NaN'::float8]);
SELECT * FROM filteropt.index_advise(ARRAY['SELECT 1'], budget => '-1 MB');
SELECT * FROM filteropt.index_advise(ARRAY['SELECT 1'], budget => 'much');
SELECT * FROM filteropt.index_advise();
SELECT * FROM filteropt.index_advise('{}');

-- Verified advice: measured, and rolled back.
SELECT bool_and(verified) AS verified, bool_and(ms_after < ms_before) AS faster, bool_and(confidence = 'high') AS sure, count(*) > 0 AS some
	FROM workload, filteropt.index_advise(w, verify => true);
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'advise_basic'::regnamespace;
-- Functions that may write are not run, nor is a table above the limit given indexes.
CREATE SEQUENCE s;
SELECT verified FROM filteropt.index_advise(ARRAY['SELECT id, nextval(''s'') FROM posts WHERE user_id = 7'], verify => true);
SELECT last_value, is_called FROM s;
SELECT verified FROM filteropt.index_advise(ARRAY['SELECT id FROM posts WHERE user_id = 7'], verify => true, verify_limit => '8kB');
-- A query that takes longer than it may, or fails, does not stop the others.
SELECT count(*) FILTER (WHERE verified) FROM filteropt.index_advise(ARRAY['SELECT pg_sleep(9) FROM posts WHERE user_id = 7', 'SELECT 1 / (user_id - 7) FROM posts WHERE user_id = 7',
	'SELECT * FROM posts WHERE user_id = 8'], verify => true, statement_limit => '100 ms');
BEGIN READ ONLY;
SELECT count(*) FROM workload, filteropt.index_advise(w);
SAVEPOINT a;
SELECT * FROM workload, filteropt.index_advise(w, verify => true);
ROLLBACK;
DROP SCHEMA advise_basic CASCADE;
