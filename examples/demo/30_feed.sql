-- What one of the users sees: the one whose number of hidden posts is in the
-- middle.
SELECT user_id AS reader
FROM (SELECT user_id, count(*) AS hidden FROM by_filteropt GROUP BY user_id) AS counted
ORDER BY hidden, user_id
OFFSET 50 LIMIT 1 \gset

\pset tuples_only on
\pset format unaligned

SELECT format(E'\n%sThe feed of user %s%s, who has %s keywords:\n  %s, ...\n',
	:'bold', :'reader', :'plain', count(*),
	string_agg(keyword, ', ' ORDER BY n) FILTER (WHERE n <= 20))
FROM (SELECT keyword, row_number() OVER (ORDER BY id) AS n
	  FROM keyword WHERE user_id = :reader) AS mine;

-- A few short posts, hidden ones among them; the keywords that hid a post are
-- the reason, and what they found is marked.
WITH candidate AS
(
	SELECT post.id, author, body, keywords
	FROM feed JOIN post ON post.id = post_id
		LEFT JOIN by_filteropt USING (user_id, post_id)
	WHERE user_id = :reader AND length(body) BETWEEN 40 AND 240
), shown AS
(
	SELECT *, row_number() OVER (PARTITION BY keywords IS NULL ORDER BY md5(id::text)) AS n
	FROM candidate
)
SELECT CASE WHEN keywords IS NULL THEN
		format(E'    @%s\n      %s\n', author, replace(body, E'\n', E'\n      '))
	ELSE
		format(E'  x @%s, hidden by: %s\n      %s\n', author,
			array_to_string(keywords, ', '),
			replace(filteropt.keyword_highlight(body, filteropt.keyword_set(keywords),
				:'mark', :'unmark'), E'\n', E'\n      '))
	END
FROM shown
WHERE n <= 4
ORDER BY md5(id::text);

\pset tuples_only off
\pset format aligned
