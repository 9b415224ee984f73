-- Classification, cached queries and watched tables.
SET search_path = public, filteropt;
SET timezone = 'UTC';

-- The normal form of a text.
SELECT classification_text(t) FROM unnest(ARRAY[
	'RT @ann: Größe!!  Read https://x.y/z?q=1  👍', 'grosse read 👍', 'ＦＵＬＬ width', 'a@b.c', '@only',
	'http://only.a/link', 'don''t   stop…', E'tabs\tand\nlines', 'naïve café', 'Straße', '日本語、です。', '']) t;
SELECT count(DISTINCT classification_key(t, 'm')) FROM unnest(ARRAY['Hello, World!', 'hello world', '@you HELLO world http://a']) t;
SELECT count(DISTINCT k) FROM unnest(ARRAY[classification_key('a', 'm'), classification_key('b', 'm'),
	classification_key('a', 'n'), classification_key('a', 'm', 'p'), classification_key('a', 'm', '', '{"t": 0}'),
	classification_key('a', 'mp'), classification_key('http://a', 'm'), classification_key('http://b', 'm')]) k;
SELECT classification_key('Hello, World!', 'model');

SELECT classification_get('Good post', 'm');
SELECT classification_put('Good post', 'm', '{"toxic": 0.1}', cost => 0.002, elapsed => '800 ms', version => '3', author => '7');
SELECT classification_get('good   POST!!', 'm'), classification_get('good post', 'other');
SELECT value - 'at' FROM cache_get('classification', ARRAY[classification_key('good post', 'm')]);
SELECT cache_stat_reset();
SELECT classification_get('good post', 'm'), classification_get('never seen', 'm');
SELECT calls_avoided, calls_made, hit_ratio, money_saved, time_saved FROM classification_savings();
SELECT state, verdict FROM classification_claim('good post', 'm');
SELECT token AS token FROM classification_claim('new post', 'm') \gset
SELECT classification_put('new post', 'm', NULL, version => '4', token => :token);
SELECT classification_get('new post', 'm');
SELECT state, verdict FROM classification_claim('new post', 'm');

-- Similar texts: only if asked for, only those put so, with the distance and their key.
SELECT classification_put('The quick brown fox jumps over the lazy dog and runs into the dark forest', 'm', '"fox"', near => true);
SELECT classification_put('A recipe for apple cake with cinnamon and cream, baked for an hour', 'm', '"cake"', near => true);
SELECT classification_put('A recipe for pears, which nobody shall find by another', 'm', '"pears"');
SELECT classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'm') IS NULL AS exact_only;
SELECT s.verdict, s.distance BETWEEN 1 AND 7 AS near,
		s.key = classification_key('the quick brown fox jumps over the lazy dog and runs into the dark forest', 'm') AS its_key
	FROM classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'm', similar => 7) s;
SELECT s.verdict, s.distance FROM classification_get('a recipe for APPLE cake with cinnamon and cream: baked for an hour', 'm', similar => 3) s;
SELECT s.verdict, s.distance FROM classification_get('A recipe for apple cake with cinnamon and cream, baked for an hour!', 'm', similar => 0) s;
SELECT coalesce(s.verdict, '"none"') AS none FROM classification_get('A recipe for pear, which nobody shall find by another', 'm', similar => 7) s;
SELECT coalesce(s.verdict, '"none"') AS none FROM classification_get('Something else altogether', 'm', similar => 7) s;
SELECT coalesce(s.verdict, '"none"') AS other_model FROM classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'n', similar => 7) s;
SELECT coalesce(s.verdict, '"none"') AS other_prompt
	FROM classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'm', 7, 'p') s;
SELECT classification_get('a', 'm', similar => 8);
SELECT classification_get('a', 'm', similar => -1);
BEGIN READ ONLY;
SELECT (classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'm', similar => 7)).verdict;
ROLLBACK;
-- by the index, however many there are; and against looking at all of them
SELECT count(classification_put(md5(i::text) || ' ' || md5((i + 1)::text), 'm', '1', near => true)) FROM generate_series(1, 300) i;
BEGIN;
SELECT count(classification_note(md5(i::text) || ' ' || overlay(md5((i + 1)::text) PLACING 'z' FROM 32), 'm')) FROM generate_series(1, 100) i;
SELECT count(*) FILTER (WHERE f.distance IS DISTINCT FROM best.distance) AS wrong, count(f.distance) > 50 AS many
	FROM (SELECT md5(i::text) || ' ' || overlay(md5((i + 1)::text) PLACING 'z' FROM 32) AS body FROM generate_series(1, 100) i) t,
		LATERAL classification_get(t.body, 'm', similar => 7) f,
		LATERAL (SELECT min(d) AS distance FROM (SELECT bit_count((n.simhash # own.simhash)::bit(64)) AS d
			FROM classification_near n, classification_near own
			WHERE own.key = classification_key(t.body, 'm') AND n.scope = own.scope
				AND EXISTS (SELECT FROM cache_entry e WHERE e.digest = n.digest)) x WHERE d <= 7) best;
COMMIT;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT key FROM classification_near WHERE bands && '{1,2}'::bigint[];
RESET enable_seqscan;
SELECT cache_delete('classification', classification_key('the quick brown fox jumps over the lazy dog and runs into the dark forest', 'm'));
SELECT coalesce(s.verdict, '"none"') AS deleted
	FROM classification_get('The quick brown fox jumps over the lazy dog and runs into the dark forests', 'm', similar => 7) s;
SELECT cache_expire() >= 0 AS expired;
SELECT count(*) AS left_over FROM classification_near n WHERE NOT EXISTS (SELECT FROM cache_entry e WHERE e.digest = n.digest);
SELECT classification_purge('m') > 300 AS purged;

SELECT classification_put('Good post', 'm', '{"toxic": 0.1}', cost => 0.002, elapsed => '800 ms', version => '3', author => '7');
SELECT classification_put('new post', 'm', NULL, version => '4');
SELECT classification_purge('m', '4'), classification_purge('m', '5'), classification_purge_author('7'), classification_purge('m');
SELECT classification_get('good post', 'm');

-- Cached queries.
CREATE TABLE post (id int PRIMARY KEY, user_id int, body text);
INSERT INTO post VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
SELECT cache_resource_add('feed', levels => '{L1}');
SELECT cached_query('feed', 'SELECT id FROM post WHERE user_id = $1 ORDER BY id', 1);
SELECT cache_watch('post', 'feed');
CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS $$ SELECT l1_hits FROM filteropt.cache_stat WHERE resource = 'feed' $$;
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
SELECT hits();
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 2);
UPDATE post SET body = 'B' WHERE id = 2;
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
BEGIN;
DELETE FROM post WHERE id = 1;
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
ROLLBACK;
SELECT cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
TRUNCATE post;
SELECT count(*) FROM cached_query('feed', 'SELECT id, body FROM post WHERE user_id = $1 ORDER BY id', 1);
INSERT INTO post VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');

-- Settings, roles and row-level security.
SELECT cached_query('feed', 'SELECT timestamptz ''2020-01-01 00:00+00''::text FROM post LIMIT 1');
SET timezone = 'Asia/Tokyo';
SELECT cached_query('feed', 'SELECT timestamptz ''2020-01-01 00:00+00''::text FROM post LIMIT 1');
CREATE ROLE regress_cache_reader;
GRANT EXECUTE ON FUNCTION cached_query(text, text) TO regress_cache_reader;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
SET ROLE regress_cache_reader;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
RESET ROLE;
GRANT SELECT ON post TO regress_cache_reader;
SET ROLE regress_cache_reader;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
SELECT cached_query('feed', 'SELECT count(*) FROM post');
RESET ROLE;
REVOKE SELECT ON post FROM regress_cache_reader;
SET ROLE regress_cache_reader;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
RESET ROLE;
GRANT SELECT ON post TO regress_cache_reader;
ALTER TABLE post ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON post USING (user_id = current_setting('app.user')::int);
SET ROLE regress_cache_reader;
SET "app.user" = 1;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
SET "app.user" = 2;
SELECT cached_query('feed', 'SELECT count(*) FROM post');
RESET ROLE;

-- What is refused.
SELECT cached_query('feed', 'SELECT random()');
SELECT cached_query('feed', 'DELETE FROM post RETURNING 1');
SELECT cached_query('feed', 'WITH d AS (DELETE FROM post RETURNING 1) SELECT 1');
SELECT cached_query('feed', 'SELECT 1 FROM post FOR UPDATE');
SELECT cached_query('feed', 'SELECT 1; SELECT 2');
SELECT cached_query('feed', 'VACUUM');
SELECT cache_watch('post', 'keywords');
SELECT cache_watch('post', 'nosuch', 'user_id');
SELECT cache_watch('post', 'keywords', 'nosuch');

-- The design's invalidation: a change of keywords drops keywords:{user_id} and user:{user_id}.
CREATE TABLE keyword_row (id int PRIMARY KEY, user_id int, word text);
INSERT INTO keyword_row VALUES (1, 1, 'spam'), (2, 2, 'ham');
SELECT cache_watch('keyword_row', 'keywords', 'user_id');
SELECT cache_watch('keyword_row', 'user_profile', 'user:{user_id}');
CREATE FUNCTION put_all() RETURNS void LANGUAGE sql AS $$
	SELECT filteropt.cache_put('keywords', 'keywords:' || i, '1'), filteropt.cache_put('user_profile', 'user:' || i, '1')
	FROM generate_series(1, 3) i $$;
CREATE FUNCTION left_over() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(key, ' ' ORDER BY key) FROM (
		SELECT key FROM filteropt.cache_get('keywords', ARRAY['keywords:1', 'keywords:2', 'keywords:3'])
		UNION ALL SELECT key FROM filteropt.cache_get('user_profile', ARRAY['user:1', 'user:2', 'user:3'])) k $$;
SELECT put_all();
UPDATE keyword_row SET word = 'eggs' WHERE id = 1;
SELECT left_over();
SELECT put_all();
UPDATE keyword_row SET user_id = 3 WHERE id = 1;
SELECT left_over();
SELECT put_all();
DELETE FROM keyword_row WHERE id = 2;
SELECT left_over();
SELECT put_all();
BEGIN; UPDATE keyword_row SET word = 'x'; ROLLBACK;
SELECT left_over();
TRUNCATE keyword_row;
SELECT left_over();
SELECT cache_unwatch('keyword_row', 'keywords');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'keyword_row'::regclass ORDER BY 1;

-- Partitions: changes and TRUNCATE of one partition count too.
CREATE TABLE part (id int, user_id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
SELECT cache_watch('part', 'feed');
SELECT cached_query('feed', 'SELECT count(*) FROM part');
INSERT INTO part_1 VALUES (1, 1);
SELECT cached_query('feed', 'SELECT count(*) FROM part');
TRUNCATE part_1;
SELECT cached_query('feed', 'SELECT count(*) FROM part');

-- Author and version may be long, not endless.
SELECT classification_put('by a long name', 'm', '1', author => string_agg(md5(i::text), ''), version => '1'),
	classification_purge_author(string_agg(md5(i::text), '')) FROM generate_series(1, 62) i;
\set SHOW_CONTEXT never
SELECT classification_put('by a name without end', 'm', '1', author => string_agg(md5(i::text), '')) FROM generate_series(1, 300) i;
SELECT classification_put('by a name without end', 'm', '1', version => repeat('x', 100000));
\echo :LAST_ERROR_SQLSTATE

DROP TABLE post, keyword_row, part;
DROP FUNCTION hits, put_all, left_over;
DROP OWNED BY regress_cache_reader;
DROP ROLE regress_cache_reader;
SELECT cache_resource_drop('feed');
