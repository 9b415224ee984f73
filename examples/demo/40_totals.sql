\echo :bold'All feeds':plain
SELECT count(*) AS posts_read,
	(SELECT count(*) FROM by_filteropt) AS hidden,
	(SELECT count(*) FROM hidden) AS users,
	(SELECT round(avg(n), 1) FROM (SELECT count(*) AS n FROM keyword GROUP BY user_id) AS k)
		AS keywords_a_user,
	(SELECT pg_size_pretty(avg(pg_column_size(keywords))) FROM hidden) AS compiled_set
FROM feed;

\echo :bold'What hid most':plain
SELECT keyword, count(*) AS posts, count(DISTINCT user_id) AS users
FROM by_filteropt JOIN hidden USING (user_id) JOIN post ON post.id = post_id,
	unnest(filteropt.keyword_list(body, keywords)) AS keyword
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

\echo :bold'Innocent posts that ILIKE hides, because it knows no words':plain
SELECT count(*) AS posts,
	round(100.0 * count(*) / (SELECT count(*) FROM by_ilike), 1) AS percent_of_what_it_hides
FROM (SELECT * FROM by_ilike EXCEPT SELECT * FROM by_filteropt) AS innocent;
