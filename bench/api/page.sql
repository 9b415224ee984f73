-- The items of all ways are built alike: two columns, as jsonb.
CREATE TEMP TABLE depth AS SELECT * FROM (VALUES ('1', 20), ('1 000', 20000), ('100 000', least(2000000, :rows / 2))) AS d (page, skip);
CREATE TEMP TABLE place AS
SELECT d.*, t.id AS time_id, t.created_at, filteropt.page_cursor('posts', '{created_at DESC}', t) AS time_cursor,
	s.id AS score_id, s.score, filteropt.page_cursor('posts', '{score DESC NULLS LAST,id}', s) AS score_cursor
FROM depth d,
	LATERAL (SELECT * FROM posts ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET skip - 1) AS t,
	LATERAL (SELECT * FROM posts ORDER BY score DESC NULLS LAST, id LIMIT 1 OFFSET skip - 1) AS s;

INSERT INTO way (task, way, at, sql, slow)
SELECT 'created_at DESC', w.*
FROM place p, LATERAL (VALUES
	('row comparison by hand', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (SELECT id, title FROM posts
		WHERE (created_at, id) < (%L::timestamptz, %s) ORDER BY created_at DESC, id DESC LIMIT 21) AS t$$, created_at, time_id), false),
	('page()', page, format($$SELECT filteropt.page('posts', '{created_at DESC}', 20, %L, fields => '{id,title}')$$, time_cursor), false),
	('page_offset()', page, CASE WHEN skip <= 10000 THEN format($$SELECT filteropt.page_offset('posts', '{created_at DESC}', %s, 20, fields => '{id,title}')$$, skip / 20 + 1) END, false),
	('keyset with OR', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (SELECT id, title FROM posts
		WHERE created_at < %1$L::timestamptz OR (created_at = %1$L::timestamptz AND id < %2$s) ORDER BY created_at DESC, id DESC LIMIT 21) AS t$$, created_at, time_id), skip > 20),
	('OFFSET', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (SELECT id, title FROM posts
		ORDER BY created_at DESC, id DESC LIMIT 21 OFFSET %s) AS t$$, skip), skip > 20)
	) AS w (way, at, sql, slow)
WHERE w.sql IS NOT NULL
UNION ALL
SELECT 'score DESC NULLS LAST, id', w.*
FROM place p, LATERAL (VALUES
	('UNION ALL of ranges by hand', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (
		(SELECT id, title, score FROM posts WHERE score = %1$s AND id > %2$s ORDER BY score DESC NULLS LAST, id LIMIT 21) UNION ALL
		(SELECT id, title, score FROM posts WHERE score < %1$s ORDER BY score DESC NULLS LAST, id LIMIT 21) UNION ALL
		(SELECT id, title, score FROM posts WHERE score IS NULL ORDER BY score DESC NULLS LAST, id LIMIT 21)
		ORDER BY score DESC NULLS LAST, id LIMIT 21) AS t$$, score, score_id), false),
	('page()', page, format($$SELECT filteropt.page('posts', '{score DESC NULLS LAST,id}', 20, %L, fields => '{id,title}')$$, score_cursor), false),
	('keyset with OR', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (SELECT id, title FROM posts
		WHERE score < %1$s OR score IS NULL OR (score = %1$s AND id > %2$s) ORDER BY score DESC NULLS LAST, id LIMIT 21) AS t$$, score, score_id), skip > 20),
	('OFFSET', page, format($$SELECT jsonb_agg(jsonb_build_object('id', id, 'title', title)) FROM (SELECT id, title FROM posts
		ORDER BY score DESC NULLS LAST, id LIMIT 21 OFFSET %s) AS t$$, skip), skip > 20)
	) AS w (way, at, sql, slow);

CALL measure(:rounds);

-- Times the time of what stands first: ranges written by hand for this one query.
\pset footer off
SELECT task, way, max(us) FILTER (WHERE at = '1') AS "page 1", max(us) FILTER (WHERE at = '1 000') AS "page 1 000",
	max(us) FILTER (WHERE at = '100 000') AS "page 100 000",
	max(times) FILTER (WHERE at = '100 000') AS "times the floor"
FROM (SELECT task, way, at, min(w.n) AS n, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)) AS us,
		round((percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)
			/ first_value(percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)) OVER (PARTITION BY task, at ORDER BY min(w.n)))::numeric, 2) AS times
	FROM way w JOIN sample s ON s.n = w.n GROUP BY task, way, at) AS m
GROUP BY task, way ORDER BY task, min(n);
