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

\echo :bold'The same feeds, filtered by each way in one process':plain
SELECT way, hidden, round(us / 1000) AS ms, round(us / (SELECT count(*) FROM feed), 2) AS us_a_post,
	round(us / :filteropt_us, 1) AS times_filteropt
FROM (VALUES
	(1, 'reading the posts only', NULL, :floor_us),
	(2, 'filteropt', (SELECT count(*) FROM by_filteropt), :filteropt_us),
	(3, 'ILIKE ANY', (SELECT count(*) FROM by_ilike), :ilike_us)) AS t (n, way, hidden, us)
ORDER BY n;

\echo :bold'Where they differ: ILIKE knows no words, line breaks or accents':plain
SELECT count(*) FILTER (WHERE by_filteropt IS NULL) AS innocent_posts_hidden_by_ilike,
	count(*) FILTER (WHERE by_ilike IS NULL) AS posts_missed_by_ilike
FROM by_ilike FULL JOIN by_filteropt USING (user_id, post_id);
