-- What a user sees, and what it has cost.

-- The reader: who had about as much hidden as the others, by keywords and by the model.
SELECT user_id AS reader FROM (
	SELECT user_id, count(*) FILTER (WHERE method = 'ai') AS by_model, count(*) AS hidden
	FROM analytics_events WHERE event_type = 'POST_FILTERED' GROUP BY user_id) AS counted
WHERE by_model > 0 AND by_model < hidden
ORDER BY hidden, user_id
OFFSET 12 LIMIT 1 \gset

\pset tuples_only on
\pset format unaligned
SELECT format(E'\n%sThe feed of user %s%s (%s), who has %s keywords:\n  %s ...\n',
	:'bold', :'reader', :'plain', (SELECT mode || ', ' || strategy FROM filteropt.feed_config('demo', :reader)), count(*),
	string_agg(keyword, ', ' ORDER BY n) FILTER (WHERE n <= 12))
FROM (SELECT keyword, row_number() OVER (ORDER BY id) AS n FROM keywords WHERE user_id = :reader) AS mine;

-- A few of the posts that came, each once, short, hidden ones first told why.
WITH page AS (
	SELECT jsonb_agg(jsonb_build_object('id', id, 'body', body)) AS posts
	FROM (SELECT DISTINCT id, body FROM request, unnest(posts) AS id JOIN post USING (id) WHERE user_id = :reader) AS seen
), answer AS (
	SELECT f.*, post.author, regexp_replace(post.body, '\s', ' ', 'g') AS body,
		row_number() OVER (PARTITION BY decision, method ORDER BY cardinality(keywords) DESC, md5(post_id)) AS n
	FROM page, filteropt.feed_filter('demo', :reader, posts, record => false) AS f JOIN post ON post.id = post_id::bigint
	WHERE octet_length(post.body) = length(post.body)
)
SELECT CASE decision WHEN 'hide' THEN '  x ' ELSE '    ' END
	|| rpad(left(author, 28), 29)
	|| CASE WHEN decision = 'hide' OR keywords <> '{}' THEN format('[%s: %s]', CASE decision WHEN 'hide' THEN 'hidden' ELSE 'shown' END,
		concat_ws(': ', reason, nullif(array_to_string(keywords, ', '), ''))) ELSE '' END
	|| E'\n      ' || replace(filteropt.keyword_highlight(
		CASE WHEN at > 1 THEN '... ' ELSE '' END || substr(body, at, 80) || ' ...',
		filteropt.keyword_set(keywords), :'mark', :'unmark'), E'\n', ' ')
FROM answer,
	-- the words around the first keyword
	LATERAL (SELECT greatest(1, coalesce((spans -> 0 ->> 'start')::int, 1) - 40) AS about) AS a,
	LATERAL (SELECT CASE WHEN about = 1 THEN 1 ELSE about + position(' ' IN substr(body, about, 20)) END AS at) AS b
WHERE n <= CASE WHEN decision = 'hide' THEN 3 ELSE 2 END AND decision IN ('show', 'hide')
ORDER BY md5(post_id);

\pset tuples_only off
\pset format aligned

\echo
\echo :bold'The passes':plain 'over the same requests of twenty posts; the third one after the server was killed'
SELECT pass, count(*) AS requests, sum(shown) AS shown, sum(hidden) AS hidden, sum(asked) AS model_calls,
	round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us))::numeric) AS us_median,
	round((percentile_cont(0.95) WITHIN GROUP (ORDER BY us))::numeric) AS us_p95
FROM spent WHERE pass <> 'classic' GROUP BY pass ORDER BY min(CASE pass WHEN 'first' THEN 1 WHEN 'second' THEN 2 ELSE 3 END);

\echo :bold'What the model was spared':plain 'at 0.002 and 400 ms a call'
SELECT 'first and second' AS passes, calls_made, calls_avoided, round(100 * hit_ratio::numeric, 1) AS hit_percent,
	l1_hits AS from_memory, l2_hits AS from_redis, l3_hits AS from_table, money_saved, justify_hours(time_saved) AS time_saved FROM savings
UNION ALL
SELECT 'third', calls_made, calls_avoided, round(100 * hit_ratio::numeric, 1), l1_hits, l2_hits, l3_hits, money_saved, justify_hours(time_saved) FROM savings_after;

\echo :bold'What was hidden':plain 'by the mode that users have chosen: keywords hide what they name, the model hides spam'
SELECT mode, count(DISTINCT user_id) AS users,
	round(100.0 * count(*) FILTER (WHERE unwanted AND event_type = 'POST_FILTERED') / count(*) FILTER (WHERE unwanted), 1) AS percent_of_spam,
	round(100.0 * count(*) FILTER (WHERE NOT unwanted AND event_type = 'POST_FILTERED') / count(*) FILTER (WHERE NOT unwanted), 1) AS percent_of_the_rest,
	count(*) FILTER (WHERE event_type = 'POST_FILTERED' AND method = 'keyword') AS hidden_by_keywords,
	count(*) FILTER (WHERE event_type = 'POST_FILTERED' AND method = 'ai') AS hidden_by_the_model
FROM analytics_events JOIN post ON post.id = post_id::bigint
	JOIN (SELECT id, (filteropt.feed_config('demo', id)).mode FROM users) AS u ON u.id = user_id
WHERE event_type <> 'KEYWORD_HIT'
GROUP BY mode ORDER BY mode;

\echo :bold'The numbers of the day':plain '(daily_stats), and whether they are what counting all events gives'
SELECT (SELECT count(*) FROM daily_stats) AS rows_of_daily_stats, (SELECT count(*) FROM analytics_events) AS events,
	(SELECT count(*) FROM filteropt.rollup_check('daily_stats')) AS differences,
	(SELECT count(*) FROM keyword_stats) AS rows_of_keyword_stats,
	(SELECT count(*) FROM filteropt.rollup_check('keyword_stats')) AS differences_there;
\echo :bold'The last days of user' :reader:plain '(feed_stats)'
SELECT * FROM filteropt.feed_stats('demo', :reader, 3);

\echo :bold'Keywords of user' :reader 'that were found most':plain '(keyword_stats)'
SELECT keyword, hits, date_trunc('second', now() - last_hit) AS ago FROM keyword_stats WHERE user_id = :reader ORDER BY hits DESC, keyword LIMIT 5;

\echo :bold'A request of twenty posts':plain 'beside the usual loop of statements (each a round trip more, when an application runs it); all verdicts known'
SELECT way, round(us::numeric) AS us_median, round((us / min(us) OVER ())::numeric, 1) AS times, statements
FROM (SELECT CASE pass WHEN 'second' THEN 'one call of feed_filter' ELSE 'ILIKE, look-up, insert for each post' END AS way,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS us, CASE pass WHEN 'second' THEN 1 ELSE 2 + 4 * 20 END AS statements
	FROM spent WHERE pass IN ('second', 'classic') AND n % 10 = 0 GROUP BY pass) AS ways
ORDER BY us;
