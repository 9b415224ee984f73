-- A hundred users who hide what they do not want to read.  Nothing is random:
-- the same texts give the same users, keywords and feeds in every run.

-- All the tables, sets, rollups and indexes of the application.
\echo :bold'What feed_create has made':plain
SELECT part, relation, action
FROM filteropt.feed_create('demo', options => '{"model": "spam-filter-2", "score": "spam", "resource": "classification"}');
INSERT INTO users (id) SELECT generate_series(1, 100);

-- A number in [0, 1) that depends on nothing but its arguments.
CREATE FUNCTION chance(VARIADIC seed text[]) RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('x' || left(md5(array_to_string(seed, ':')), 12))::bit(48)::bigint / 2.0 ^ 48;

-- The words of the posts with the number of posts that have them, rarest
-- first: people mute what annoys them now and then, not every other post.
CREATE TEMP TABLE vocabulary AS
SELECT row_number() OVER (ORDER BY posts, word) AS rank, word, posts
FROM (SELECT word, count(DISTINCT id) AS posts
	  FROM post, regexp_matches(lower(body), '[a-z]{4,}', 'g') AS m, LATERAL (SELECT m[1]) AS w (word)
	  GROUP BY word) AS counted
WHERE posts BETWEEN 2 AND 150;
CREATE UNIQUE INDEX ON vocabulary (rank);

-- Two words in a row that some posts share.
CREATE TEMP TABLE phrase AS
SELECT row_number() OVER (ORDER BY posts DESC, phrase) AS rank, phrase
FROM (SELECT phrase, count(DISTINCT id) AS posts
	  FROM post, regexp_matches(lower(body), '\m[a-z]{5,} [a-z]{4,}\M', 'g') AS m,
	  LATERAL (SELECT m[1]) AS p (phrase)
	  GROUP BY phrase) AS counted
WHERE posts >= 3;
CREATE UNIQUE INDEX ON phrase (rank);

-- 5 to 50 keywords a user: of ten, seven are words of the posts, one of the
-- dictionary (most never turn up), one a phrase, and one is open at an end.
INSERT INTO keywords (user_id, keyword)
SELECT u,
	CASE
		WHEN kind < 0.1 THEN (SELECT word FROM dictionary WHERE rank =
			1 + floor(pick * (SELECT count(*) FROM dictionary))::bigint)
		WHEN kind < 0.2 THEN (SELECT phrase FROM phrase WHERE rank =
			1 + floor(pick * (SELECT count(*) FROM phrase))::bigint)
		WHEN kind < 0.3 THEN (SELECT CASE WHEN kind < 0.27 THEN left(word, 6) || '*'
			ELSE '*' || right(word, 6) END
			FROM vocabulary WHERE rank = 1 + floor(pick * (SELECT count(*) FROM vocabulary))::bigint)
		ELSE (SELECT word FROM vocabulary WHERE rank =
			1 + floor(pick * (SELECT count(*) FROM vocabulary))::bigint)
	END
FROM generate_series(1, 100) AS u,
	generate_series(1, 5 + floor(46 * chance('size', u::text))::int) AS k,
	LATERAL (SELECT chance('kind', u::text, k::text), chance('word', u::text, k::text)) AS c (kind, pick)
ON CONFLICT DO NOTHING;

-- Some let the keywords decide, some the model, most both; some are strict, some relaxed.
INSERT INTO filter_config (user_id, mode, strategy)
SELECT u, (ARRAY['keyword', 'ai', 'hybrid', 'hybrid', NULL])[1 + floor(5 * chance('mode', u::text))::int],
	(ARRAY['strict', 'moderate', 'relaxed', NULL])[1 + floor(4 * chance('strategy', u::text))::int]
FROM generate_series(1, 90) AS u;

-- Each user opens his feed several times, and finds twenty posts each time; what is
-- new reaches many.
CREATE TABLE request AS
SELECT n, 1 + n % 100 AS user_id,
	(SELECT array_agg(id) FROM (
		SELECT post.id FROM post
		JOIN (SELECT DISTINCT 1 + floor(chance('pick', n::text, i::text) ^ 2 * (SELECT count(*) FROM post))::bigint AS id
			FROM generate_series(1, 21) AS i) AS picked USING (id) LIMIT 20) AS page) AS posts
FROM generate_series(1, 1500) AS n;
ALTER TABLE request ADD PRIMARY KEY (n);
ANALYZE;

\echo :bold'What there is':plain
SELECT (SELECT count(*) FROM post) AS posts,
	(SELECT count(*) FROM post WHERE unwanted) AS spam,
	(SELECT count(*) FROM users) AS users,
	(SELECT count(*) FROM keywords) AS keywords,
	(SELECT count(*) FROM request) AS requests,
	(SELECT sum(cardinality(posts)) FROM request) AS posts_in_them;
