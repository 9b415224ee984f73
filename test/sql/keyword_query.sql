-- Keyword sets in queries: columns, joins, plans, functions, indexes, workers.
SET search_path = public, filteropt;
SET jit = off;
-- What parallel plans look like here does not depend on the size of the machine.
SET max_parallel_workers_per_gather = 0;

CREATE TABLE posts (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO posts
SELECT n, 'post ' || n || CASE WHEN n % 10 = 0 THEN ' about Crypto' ELSE '' END
	|| CASE WHEN n % 100 = 0 THEN ' and free  money' ELSE '' END || repeat(' padding', n % 5)
FROM generate_series(1, 5000) AS n;
ANALYZE posts;

-- 1. Sets in columns, several in one query, one per row from a join.
CREATE TABLE users (id int PRIMARY KEY, hidden keyword_set);
INSERT INTO users SELECT n, keyword_set(CASE n % 4
	WHEN 0 THEN ARRAY['crypto'] WHEN 1 THEN ARRAY['free money', 'post 7'] WHEN 2 THEN ARRAY(SELECT n || 'x' || k FROM generate_series(1, 500) AS k) || 'crypto'::text
	ELSE '{}'::text[] END) FROM generate_series(1, 40) AS n;
INSERT INTO users VALUES (41, NULL);
SELECT u.id % 4 AS kind, count(DISTINCT u.id) AS users, count(*) FILTER (WHERE body @@ hidden) AS hidden_posts,
	count(*) FILTER (WHERE body @@ hidden IS NULL) AS unknown
FROM users u, posts p WHERE p.id <= 500 GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows, count(*) FILTER (WHERE m <> CASE u.id % 4
	WHEN 0 THEN p.id % 10 = 0 WHEN 1 THEN p.id % 100 = 0 OR p.id = 7 WHEN 2 THEN p.id % 10 = 0 ELSE false END) AS wrong
FROM (SELECT * FROM users WHERE hidden IS NOT NULL) AS u, posts p, LATERAL (SELECT body @@ hidden AS m OFFSET 0) AS x
WHERE p.id <= 500;
-- The set of every row another one, toasted and not by turns.
SELECT count(*) AS rows, count(*) FILTER (WHERE (p.body @@ u.hidden) <> (p.id % 10 = 0)) AS wrong
FROM posts p JOIN users u ON u.id = 2 * (1 + p.id % 20) WHERE u.id % 4 IN (0, 2);
-- Several sets at one call site, and in one row.
SELECT id, body @@ keyword_set(ARRAY['crypto']) AS a, body @@ keyword_set(ARRAY['padding']) AS b,
	keyword_match(body, CASE WHEN id % 2 = 0 THEN keyword_set(ARRAY['post 10']) ELSE keyword_set(ARRAY['post 11']) END) AS c,
	keyword_list(body, keyword_set(ARRAY['post', 'padding', 'crypto'])) AS d
FROM posts WHERE id BETWEEN 10 AND 12 ORDER BY id;

-- Updates of the set are seen at once, also by a cursor's snapshot.
BEGIN;
DECLARE before CURSOR FOR SELECT p.id FROM posts p, users u WHERE u.id = 2 AND p.body @@ u.hidden ORDER BY p.id LIMIT 3;
UPDATE users SET hidden = keyword_set(ARRAY['post 3'] || ARRAY(SELECT 'y' || k FROM generate_series(1, 500) AS k)) WHERE id = 2;
FETCH ALL FROM before;
SELECT p.id FROM posts p, users u WHERE u.id = 2 AND p.body @@ u.hidden ORDER BY p.id;
ROLLBACK;
SELECT count(*) FROM posts p, users u WHERE u.id = 2 AND p.body @@ u.hidden;

-- 2. A toasted set of 100 000 keywords.
CREATE TABLE lists (id int, big keyword_set);
INSERT INTO lists SELECT 1, keyword_set(array_agg('term' || n)) FROM generate_series(1, 100000) AS n;
SELECT i.keywords, i.current, pg_column_size(big) + 4 = i.bytes AS stored_uncompressed FROM lists, keyword_set_info(big) AS i;
SELECT count(*) FROM posts, lists WHERE body @@ big;
SELECT keyword_list('term1 term99999 Term100000 term100001 xterm2', big) FROM lists;
SELECT count(*) AS found, count(*) FILTER (WHERE matched <> 'term' || n) AS wrong
FROM lists, generate_series(1, 100000, 37) AS n, keyword_find('a term' || n || ' b', big);
-- The same as an array of 100 000 would say.
SELECT count(*) AS texts, count(*) FILTER (WHERE l IS DISTINCT FROM ARRAY['term' || n]) AS wrong
FROM lists, generate_series(1, 100000, 101) AS n, LATERAL (SELECT keyword_list('x term' || n, big) AS l) AS x;

-- 3. Prepared statements, custom and generic plans.
PREPARE hidden(keyword_set) AS SELECT count(*) FROM posts WHERE body @@ $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE hidden(keyword_set(ARRAY['crypto']));
EXECUTE hidden(keyword_set(ARRAY['free money']));
EXECUTE hidden(NULL);
EXECUTE hidden('{"keywords": ["padding"]}');
SET plan_cache_mode = force_custom_plan;
EXECUTE hidden(keyword_set(ARRAY['crypto']));
EXECUTE hidden(keyword_set(ARRAY['free money']));
RESET plan_cache_mode;
PREPARE made(text[], text) AS SELECT count(*) FROM posts WHERE body @@ keyword_set($1, fold => $2);
EXECUTE made(ARRAY['crypto'], 'none');
EXECUTE made(ARRAY['crypto'], 'case');
DEALLOCATE ALL;

-- 4. PL/pgSQL: a set in a variable, sets that change from turn to turn.
CREATE FUNCTION pg_temp.loop(turns int) RETURNS TABLE (same int, changing int, empty int) LANGUAGE plpgsql AS $$
DECLARE
	fixed filteropt.keyword_set := filteropt.keyword_set(ARRAY['crypto', 'money']);
	mine filteropt.keyword_set;
BEGIN
	same := 0; changing := 0; empty := 0;
	FOR i IN 1..turns LOOP
		same := same + (('text ' || i || CASE WHEN i % 3 = 0 THEN ' MONEY' ELSE '' END) OPERATOR(filteropt.@@) fixed)::int;
		mine := filteropt.keyword_set(ARRAY['w' || i, 'v' || i % 7], fold => (ARRAY['none', 'case', 'accent', 'evasion'])[1 + i % 4]);
		changing := changing + cardinality(filteropt.keyword_list('w' || i || ' w' || i + 1 || ' v3', mine));
		mine := filteropt.keyword_set('{}'::text[]);
		empty := empty + ('v3' OPERATOR(filteropt.@@) mine)::int;
	END LOOP;
	RETURN NEXT;
END $$;
SELECT * FROM pg_temp.loop(2100);
-- A cache that trusted addresses alone would be fooled here: same place, same size.
DO $$
DECLARE
	s filteropt.keyword_set;
	wrong int := 0;
BEGIN
	FOR i IN 1..1000 LOOP
		s := filteropt.keyword_set(ARRAY[lpad(i::text, 6, '0')]);
		wrong := wrong + (NOT filteropt.keyword_match('x ' || lpad(i::text, 6, '0'), s))::int
			+ filteropt.keyword_match('x ' || lpad((i + 1)::text, 6, '0'), s)::int;
	END LOOP;
	RAISE NOTICE '% wrong', wrong;
END $$;

-- 5. Estimates come from the column's statistics.
CREATE FUNCTION pg_temp.estimate(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
ALTER TABLE posts ALTER body SET STATISTICS 1000;
ANALYZE posts;
SELECT keywords, actual, estimated BETWEEN actual / 2 AND actual * 2 + 50 AS sane
FROM unnest(ARRAY['crypto', 'free money', 'padding', 'absent', 'post']) AS keywords,
	LATERAL (SELECT count(*) AS actual FROM posts WHERE body @@ keyword_set(ARRAY[keywords])) AS a,
	LATERAL (SELECT pg_temp.estimate(format('SELECT * FROM posts WHERE body OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY[%L])', keywords)) AS estimated) AS e;
CREATE TABLE unknown (body text);
INSERT INTO unknown SELECT 'x' FROM generate_series(1, 1000);
SELECT pg_temp.estimate('SELECT * FROM unknown WHERE body OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY[''x''])') > 1 AS without_statistics,
	pg_temp.estimate('SELECT * FROM posts p, users u WHERE p.body OPERATOR(filteropt.@@) u.hidden') BETWEEN 1000 AND 200000 AS of_a_join;
-- The cheap condition is tested before the dear one.
EXPLAIN (COSTS off) SELECT FROM posts WHERE body @@ keyword_set(ARRAY['crypto']) AND body <> 'x';

-- 6. Immutable: constants are folded, expressions can be indexed and generated.
EXPLAIN (COSTS off) SELECT id FROM posts WHERE body @@ keyword_set(ARRAY['crypto']);
CREATE INDEX posts_spam ON posts (id) WHERE body @@ '{"keywords": ["free money"]}'::keyword_set;
CREATE INDEX posts_flag ON posts ((body @@ '{"keywords": ["free money"]}'::keyword_set));
ANALYZE posts;
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM posts WHERE body @@ '{"keywords": ["free money"]}'::keyword_set;
SELECT count(*) FROM posts WHERE body @@ '{"keywords": ["free money"]}'::keyword_set;
DROP INDEX posts_spam;
EXPLAIN (COSTS off) SELECT id FROM posts WHERE (body @@ '{"keywords": ["free money"]}'::keyword_set) = true;
SELECT count(*) FROM posts WHERE (body @@ '{"keywords": ["free money"]}'::keyword_set) = true;
RESET enable_seqscan;
CREATE TABLE generated (body text, why text[] GENERATED ALWAYS AS
	(filteropt.keyword_list(body, '{"keywords": ["crypto", "free money"]}'::filteropt.keyword_set)) STORED,
	CHECK (NOT body OPERATOR(filteropt.@@) '{"keywords": ["forbidden"]}'::filteropt.keyword_set));
INSERT INTO generated VALUES ('Crypto gives free money'), ('nothing');
UPDATE generated SET body = 'crypto' WHERE why = '{}';
SELECT * FROM generated;
INSERT INTO generated VALUES ('this is Forbidden!');

-- 7. Workers.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT count(*) FROM posts WHERE body @@ keyword_set(ARRAY['crypto']);
SELECT count(*) FROM posts WHERE body @@ keyword_set(ARRAY['crypto']);
SELECT count(*) FROM posts, lists WHERE body || ' term5' @@ big;
-- What versions word differently is left out.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line !~ 'InitPlan|Params Evaluated' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
SELECT * FROM pg_temp.plan_of('SELECT sum(cardinality(keyword_list(body, (SELECT hidden FROM users WHERE id = 1)))) FROM posts');
SELECT sum(cardinality(keyword_list(body, (SELECT hidden FROM users WHERE id = 1)))) FROM posts;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- 8. What every function says of itself.
SELECT p.oid::regprocedure, provolatile AS v, proparallel AS p, proisstrict AS strict, procost AS cost, prorows AS rows
FROM pg_proc p
WHERE pronamespace = 'filteropt'::regnamespace AND proname ~ '^keyword_(set|match|list|find|highlight|redact|sel)'
	AND prokind = 'f' AND NOT pg_get_function_arguments(oid) ~ 'regclass'
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- An ordinary role may use all of it.
CREATE ROLE regress_filteropt_reader;
SET ROLE regress_filteropt_reader;
SELECT keyword_highlight('free money', keyword_set(ARRAY['free'])), (keyword_set_info('{"keywords": ["a"]}')).keywords;
RESET ROLE;
DROP ROLE regress_filteropt_reader;
DROP TABLE posts, users, lists, unknown, generated;
