-- 200 users with 50 keywords each, 2 000 posts of about 300 bytes, a verdict on each.
SET client_min_messages = warning;
SELECT setseed(0.25);
SELECT count(*) FROM filteropt.feed_create('bench', options => '{"model": "m", "mode": "ai"}');
CREATE TABLE word AS SELECT i AS n, translate(to_hex(i * 7919), '0123456789', 'ghijklmnop') AS word FROM generate_series(1, 5000) i;
CREATE UNIQUE INDEX ON word (n);
INSERT INTO users (id) SELECT generate_series(1, 200);
INSERT INTO keywords (user_id, keyword)
	SELECT u, word FROM (SELECT u, 1 + (u * 131 + k * 97) % 5000 AS n FROM generate_series(1, 200) u, generate_series(1, 50) k) x JOIN word USING (n);
CREATE TABLE post AS
	SELECT i AS id, (SELECT string_agg(word, ' ') FROM generate_series(1, 50) j JOIN word ON n = 1 + (i * 53 + j * j * 17 + j) % 5000) AS body
	FROM generate_series(1, 2000) i;
SELECT count(filteropt.classification_put(body, 'm', jsonb_build_object('relevance', round(random()::numeric, 2)))) FROM post;
-- a request each: as the client sends it, and as arrays
CREATE TABLE page AS
	SELECT n, 1 + n % 200 AS reader, jsonb_agg(jsonb_build_object('id', id, 'body', body) ORDER BY id) AS posts,
		array_agg(id ORDER BY id) AS ids, array_agg(body ORDER BY id) AS bodies,
		array_agg(filteropt.classification_key(body, 'm') ORDER BY id) AS keys
	FROM generate_series(0, 399) n JOIN post ON id BETWEEN 1 + n * 20 % 2000 AND 20 + n * 20 % 2000 GROUP BY n;
CREATE UNIQUE INDEX ON page (n);

-- What an expert keeps: a regular expression for each user, verdicts by hash, the day's numbers.
CREATE TABLE plain_filter AS
	SELECT user_id, '\m(' || string_agg(keyword, '|') || ')\M' AS words FROM keywords GROUP BY user_id;
CREATE UNIQUE INDEX ON plain_filter (user_id);
CREATE TABLE plain_verdict AS SELECT DISTINCT ON (md5(body)) md5(body) AS hash, random() AS score FROM post;
CREATE UNIQUE INDEX ON plain_verdict (hash);
CREATE TABLE plain_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL, event_type text NOT NULL,
	post_id text, keyword text, method text, reason text, author text, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON plain_event (user_id, created_at);
CREATE TABLE plain_daily (user_id bigint, date date, shown bigint, hidden bigint, PRIMARY KEY (user_id, date));
CREATE TABLE plain_hits (user_id bigint, keyword text, hits bigint, last_hit timestamptz, PRIMARY KEY (user_id, keyword));
VACUUM ANALYZE;
