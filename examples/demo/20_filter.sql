-- Every feed is filtered by its user's keywords, twice: by filteropt, and by
-- the ILIKE patterns that an application would send.  One process does each,
-- so that the times compare.
SET max_parallel_workers_per_gather = 0;

-- From now on the keywords of each user are kept compiled, whatever happens to
-- the table.
SELECT filteropt.keyword_attach('keyword', owner => 'user_id', keyword => 'keyword') AS users \gset

-- A pattern knows no words: it is open at both ends, whatever the user meant.
CREATE TABLE hidden_ilike AS
SELECT user_id, array_agg('%' || replace(keyword, '*', '') || '%' ORDER BY id) AS patterns
FROM keyword
GROUP BY user_id;

ANALYZE hidden_ilike;

-- What reading the feeds costs without any filter is part of both times.
SELECT clock_timestamp() AS started \gset
SELECT count(body) FROM feed JOIN post ON post.id = post_id \g /dev/null
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS floor_us \gset

-- A call for each feed; an application makes it for the page that it shows.
SELECT clock_timestamp() AS started \gset
CREATE TEMP TABLE by_filteropt AS
SELECT user_id, posts[post] AS post_id, keywords
FROM (SELECT user_id, array_agg(post_id) AS posts, array_agg(body) AS bodies
	  FROM feed JOIN post ON post.id = post_id
	  GROUP BY user_id) AS page,
	LATERAL filteropt.keyword_match('keyword', user_id, bodies)
WHERE keywords <> '{}';
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS filteropt_us \gset

SELECT clock_timestamp() AS started \gset
CREATE TEMP TABLE by_ilike AS
SELECT user_id, post_id
FROM feed JOIN hidden_ilike USING (user_id) JOIN post ON post.id = post_id
WHERE body ILIKE ANY (patterns);
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS ilike_us \gset
