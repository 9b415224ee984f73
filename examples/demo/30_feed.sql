-- What one of the users sees: the one whose share of hidden posts is in the
-- middle.
SELECT user_id AS reader
FROM (SELECT user_id, count(*) AS hidden FROM by_filteropt GROUP BY user_id) AS counted
ORDER BY hidden, user_id
OFFSET 50 LIMIT 1 \gset

\pset tuples_only on
\pset format unaligned

SELECT format(E'\n%sThe feed of user %s%s, who has %s keywords:\n  %s\n',
	:'bold', :'reader', :'plain', count(*), left(string_agg(keyword, ', ' ORDER BY id), 300))
FROM keyword
WHERE user_id = :reader;

-- A few short posts, hidden ones among them; the words that hid a post are
-- marked, and the keywords that did it are the reason.
WITH candidate AS
(
	SELECT post.id, author, body, keywords,
		body OPERATOR(filteropt.@@) keywords AS is_hidden
	FROM feed JOIN hidden USING (user_id) JOIN post ON post.id = post_id
	WHERE user_id = :reader AND length(body) BETWEEN 40 AND 240
), shown AS
(
	SELECT *, row_number() OVER (PARTITION BY is_hidden ORDER BY md5(id::text)) AS n
	FROM candidate
)
SELECT CASE WHEN is_hidden THEN
		format(E'  x @%s, hidden by: %s\n      %s\n', author,
			array_to_string(filteropt.keyword_list(body, keywords), ', '),
			replace(filteropt.keyword_highlight(body, keywords, :'mark', :'unmark'),
				E'\n', E'\n      '))
	ELSE
		format(E'    @%s\n      %s\n', author, replace(body, E'\n', E'\n      '))
	END
FROM shown
WHERE n <= 4
ORDER BY md5(id::text);

\pset tuples_only off
\pset format aligned
