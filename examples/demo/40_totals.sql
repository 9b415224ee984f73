\echo :bold'All feeds':plain
SELECT count(*) AS posts_read,
	(SELECT count(*) FROM by_filteropt) AS hidden,
	:users AS users,
	(SELECT round(avg(n), 1) FROM (SELECT count(*) AS n FROM keyword GROUP BY user_id) AS k)
		AS keywords_a_user
FROM feed;

\echo :bold'What hid most':plain
SELECT keyword, count(*) AS posts, count(DISTINCT user_id) AS users
FROM by_filteropt, unnest(keywords) AS keyword
GROUP BY keyword
ORDER BY posts DESC, keyword
LIMIT 5;

\echo :bold'The same feeds, filtered by each way in turn':plain
SELECT way, hidden, round(total / 1000) AS ms, round(total / (SELECT count(*) FROM feed), 2) AS us_a_post,
	round(total / max(total) FILTER (WHERE way = 'filteropt') OVER (), 1) AS times_filteropt
FROM (SELECT way, sum(us)::numeric AS total FROM spent GROUP BY way) AS spent
LEFT JOIN (SELECT 'filteropt' AS way, count(*) AS hidden FROM by_filteropt
		   UNION ALL SELECT 'ILIKE ANY', count(*) FROM by_ilike) AS hidden USING (way)
ORDER BY total;

\echo :bold'Where they differ: ILIKE knows no words, line breaks or accents':plain
SELECT count(*) FILTER (WHERE by_filteropt IS NULL) AS innocent_posts_hidden_by_ilike,
	count(*) FILTER (WHERE by_ilike IS NULL) AS posts_missed_by_ilike
FROM by_ilike FULL JOIN by_filteropt USING (user_id, post_id);
