-- Random posts, keywords, configs and verdicts: what a feed says is what plain SQL over
-- the tables says, and the numbers are those of GROUP BY.
SET client_min_messages = warning;
SELECT setseed(0.5);
CREATE SCHEMA app;
SET search_path = app, public;
SELECT count(*) FROM filteropt.feed_create('oracle', options => '{"model": "oracle"}');
INSERT INTO users (id) SELECT generate_series(1, 20);
INSERT INTO keywords (user_id, keyword)
	SELECT DISTINCT 1 + floor(random() * 20)::int, chr(97 + floor(random() * 26)::int) || CASE WHEN random() < 0.3 THEN '*' ELSE '' END
	FROM generate_series(1, 150);
INSERT INTO filter_config
	SELECT i, (ARRAY['keyword', 'ai', 'hybrid', NULL])[1 + floor(random() * 4)::int],
		(ARRAY['strict', 'moderate', 'relaxed', NULL])[1 + floor(random() * 4)::int],
		CASE WHEN random() < 0.5 THEN round(random()::numeric, 2) END, CASE WHEN random() < 0.2 THEN 'p' END
	FROM generate_series(1, 17) i;
CREATE TABLE post AS
	SELECT i AS id, (SELECT string_agg(chr(97 + floor(random() * 26)::int) || CASE WHEN random() < 0.5 THEN 'x' ELSE '' END, ' ')
		FROM generate_series(1, 1 + (i * 7) % 5)) || ' ' || i AS body
	FROM generate_series(1, 300) i;
-- the model has seen two thirds of them
SELECT count(*) FROM (SELECT filteropt.classification_put(body, 'oracle', CASE WHEN random() < 0.1 THEN NULL
	ELSE jsonb_build_object('relevance', round(random()::numeric, 2)) END, prompt => prompt)
	FROM post, (VALUES (''), ('p')) p (prompt) WHERE id % 3 > 0) v;

CREATE VIEW expected AS
WITH c AS (
	SELECT u.id AS owner, coalesce(mode, 'hybrid') AS mode, coalesce(strategy, 'moderate') AS strategy,
		coalesce(threshold, CASE coalesce(strategy, 'moderate') WHEN 'strict' THEN 0.5 WHEN 'moderate' THEN 0.7 ELSE 0.9 END) AS threshold,
		coalesce(prompt, '') AS prompt
	FROM users u LEFT JOIN filter_config f ON f.user_id = u.id),
p AS (
	SELECT c.*, post.id, post.body,
		filteropt.keyword_list(body, (SELECT filteropt.keyword_set_agg(keyword ORDER BY keyword COLLATE "C") FROM keywords WHERE user_id = c.owner)) AS words,
		filteropt.classification_get(body, 'oracle', c.prompt) AS verdict, post.id % 3 > 0 AS seen
	FROM c, post)
SELECT owner, id, words, CASE
	WHEN mode = 'keyword' THEN CASE WHEN cardinality(words) >= (CASE strategy WHEN 'relaxed' THEN 2 ELSE 1 END) THEN 'hide' ELSE 'show' END
	WHEN mode = 'hybrid' AND strategy = 'strict' AND words <> '{}' THEN 'hide'
	WHEN mode = 'hybrid' AND strategy = 'moderate' AND cardinality(words) > 1 THEN 'hide'
	WHEN mode = 'hybrid' AND strategy <> 'strict' AND words = '{}' THEN 'show'
	WHEN NOT seen THEN 'pending'
	WHEN verdict IS NULL THEN CASE strategy WHEN 'strict' THEN 'hide' WHEN 'moderate' THEN
		CASE WHEN mode = 'hybrid' THEN 'hide' ELSE 'show' END ELSE 'show' END
	WHEN (verdict ->> 'relevance')::numeric >= threshold THEN 'hide' ELSE 'show' END AS decision
FROM p;

-- all posts of all owners, in pages of 20
CREATE TABLE page AS SELECT (id - 1) / 20 AS n, jsonb_agg(jsonb_build_object('id', id, 'body', body) ORDER BY id) AS posts FROM post GROUP BY 1;
CREATE TABLE got AS SELECT u.id AS owner, f.* FROM users u, page, filteropt.feed_filter('oracle', u.id, posts) f;
(SELECT owner, id::text, words, decision FROM expected
 EXCEPT ALL SELECT owner, post_id, keywords, CASE decision WHEN 'waiting' THEN 'pending' ELSE decision END FROM got)
UNION ALL (SELECT owner, post_id, keywords, CASE decision WHEN 'waiting' THEN 'pending' ELSE decision END FROM got
 EXCEPT ALL SELECT owner, id::text, words, decision FROM expected);
SELECT count(*) AS posts, count(DISTINCT decision) AS decisions FROM got;
-- each text and prompt was claimed by one
SELECT count(*) FROM (SELECT filteropt.classification_key(body, 'oracle', coalesce(prompt, ''))
	FROM got JOIN post ON id::text = post_id LEFT JOIN filter_config ON user_id = owner
	WHERE token IS NOT NULL GROUP BY 1 HAVING count(*) > 1) AS claimed_twice;
-- spans are where the keywords are
SELECT count(*) FROM got JOIN post ON id::text = post_id, jsonb_to_recordset(spans) s (keyword text, start int, length int)
WHERE NOT keyword = ANY (keywords) OR substr(body, start, length) NOT IN (rtrim(keyword, '*'));

-- verdicts for the rest, from those who claimed them
CREATE TABLE answered AS
SELECT f.* FROM (SELECT owner, jsonb_agg(jsonb_build_object('id', post_id, 'body', body, 'token', token,
		'verdict', round((hashtext(body) & 255) / 255.0, 2))) AS verdicts
	FROM got JOIN post ON id::text = post_id WHERE token IS NOT NULL GROUP BY owner) v,
	filteropt.feed_classified('oracle', owner, verdicts) f;
SELECT count(*) = (SELECT count(*) FROM got WHERE token IS NOT NULL) AS all_answered, count(*) FILTER (WHERE decision = 'pending') AS pending FROM answered;
-- whoever waited gets them now
SELECT count(*) AS still_waiting FROM (SELECT owner, jsonb_agg(jsonb_build_object('id', post_id, 'body', body)) AS posts
	FROM got JOIN post ON id::text = post_id WHERE decision = 'waiting' GROUP BY owner) w,
	filteropt.feed_filter('oracle', owner, posts) f WHERE f.decision NOT IN ('show', 'hide');

-- the numbers
CREATE TEMP VIEW day_truth AS SELECT user_id, date(created_at AT TIME ZONE 'UTC') AS date, count(*) AS total_events,
	count(*) FILTER (WHERE event_type = 'POST_SHOWN') AS posts_shown, count(*) FILTER (WHERE event_type = 'POST_FILTERED') AS posts_filtered,
	count(*) FILTER (WHERE event_type = 'KEYWORD_HIT') AS keyword_hits FROM analytics_events GROUP BY 1, 2;
CREATE TEMP VIEW word_truth AS SELECT user_id, keyword, count(*) AS hits, max(created_at) AS last_hit
	FROM analytics_events WHERE event_type = 'KEYWORD_HIT' GROUP BY 1, 2;
(TABLE daily_stats EXCEPT ALL TABLE day_truth) UNION ALL (TABLE day_truth EXCEPT ALL TABLE daily_stats);
(TABLE keyword_stats EXCEPT ALL TABLE word_truth) UNION ALL (TABLE word_truth EXCEPT ALL TABLE keyword_stats);
SELECT sum(posts_shown) + sum(posts_filtered) AS posts FROM daily_stats;
-- also after some events are gone
DELETE FROM analytics_events WHERE id % 3 = 0;
(TABLE daily_stats EXCEPT ALL TABLE day_truth) UNION ALL (TABLE day_truth EXCEPT ALL TABLE daily_stats);
(TABLE keyword_stats EXCEPT ALL TABLE word_truth) UNION ALL (TABLE word_truth EXCEPT ALL TABLE keyword_stats);
SELECT count(*) FROM users u, filteropt.feed_stats('oracle', u.id, 7) s LEFT JOIN day_truth d ON d.date = s.date
WHERE d.user_id = u.id AND (s.total, s.shown, s.hidden, s.hits) IS DISTINCT FROM (d.total_events, d.posts_shown, d.posts_filtered, d.keyword_hits);
SELECT filteropt.feed_drop('oracle');
DROP SCHEMA app CASCADE;
