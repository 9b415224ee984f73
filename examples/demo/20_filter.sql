-- Every feed is filtered by its user's keywords, twice: by filteropt, and by
-- the ILIKE patterns that an application would send.  One process does each,
-- over the same join, so that the times compare.
SET max_parallel_workers_per_gather = 0;

CREATE TABLE hidden AS
SELECT user_id, filteropt.keyword_set(array_agg(keyword ORDER BY id)) AS keywords
FROM keyword
GROUP BY user_id;

-- A pattern knows no words: it is open at both ends, whatever the user meant.
CREATE TABLE hidden_ilike AS
SELECT user_id, array_agg('%' || replace(keyword, '*', '') || '%' ORDER BY id) AS patterns
FROM keyword
GROUP BY user_id;

ANALYZE hidden, hidden_ilike;

-- What reading the feeds costs without any filter is part of both times.
SELECT clock_timestamp() AS started \gset
SELECT count(*) FROM feed JOIN hidden USING (user_id) JOIN post ON post.id = post_id
WHERE body IS NOT NULL AND keywords IS NOT NULL \g /dev/null
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS floor_us \gset

SELECT clock_timestamp() AS started \gset
CREATE TEMP TABLE by_filteropt AS
SELECT user_id, post_id
FROM feed JOIN hidden USING (user_id) JOIN post ON post.id = post_id
WHERE body OPERATOR(filteropt.@@) keywords;
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS filteropt_us \gset

SELECT clock_timestamp() AS started \gset
CREATE TEMP TABLE by_ilike AS
SELECT user_id, post_id
FROM feed JOIN hidden_ilike USING (user_id) JOIN post ON post.id = post_id
WHERE body ILIKE ANY (patterns);
SELECT extract(epoch FROM clock_timestamp() - :'started') * 1e6 AS ilike_us \gset
