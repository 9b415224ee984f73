-- A hundred users who hide what they do not want to read.  Nothing is random:
-- the same texts give the same users, keywords and feeds in every run.

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

CREATE TABLE keyword (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id bigint NOT NULL,
	keyword text NOT NULL);
CREATE INDEX ON keyword (user_id);

-- 5 to 50 keywords a user: of ten, seven are words of the posts, one of the
-- dictionary (most never turn up), one a phrase, and one is open at an end.
INSERT INTO keyword (user_id, keyword)
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
	LATERAL (SELECT chance('kind', u::text, k::text), chance('word', u::text, k::text)) AS c (kind, pick);

-- A feed is the posts of the authors that a user follows: about one in six.
CREATE TABLE feed AS
SELECT follows.u AS user_id, post.id AS post_id
FROM (SELECT u, author
	  FROM generate_series(1, 100) AS u, (SELECT DISTINCT author FROM post) AS a
	  WHERE chance('follows', u::text, author) < 1.0 / 6) AS follows
JOIN post USING (author);
CREATE INDEX ON feed (user_id);
ANALYZE;

\echo :bold'What there is':plain
SELECT (SELECT count(*) FROM post) AS posts,
	(SELECT count(DISTINCT author) FROM post) AS authors,
	(SELECT count(DISTINCT user_id) FROM keyword) AS users,
	(SELECT count(*) FROM keyword) AS keywords,
	(SELECT count(*) FROM feed) AS posts_in_all_feeds;
