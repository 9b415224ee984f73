-- Each way does one request.
CREATE PROCEDURE feed_filter_and_record(r page) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM filteropt.feed_filter('bench', r.reader, r.posts);
END $$;

CREATE PROCEDURE feed_filter_only(r page) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM filteropt.feed_filter('bench', r.reader, r.posts, false);
END $$;

CREATE PROCEDURE part_keyword_match(r page) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM filteropt.keyword_match('keywords', r.reader, r.bodies);
END $$;

CREATE PROCEDURE part_cache_get(r page) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM filteropt.cache_get('classification', r.keys);
END $$;

CREATE PROCEDURE part_keys(r page) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(filteropt.classification_key(body, 'm')) FROM unnest(r.bodies) AS body;
END $$;

CREATE PROCEDURE part_insert_with_rollups(r page) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO analytics_events (user_id, event_type, post_id, method, reason)
	SELECT r.reader, CASE WHEN id % 2 = 0 THEN 'POST_SHOWN' ELSE 'POST_FILTERED' END, id::text, 'ai', 'relevance 0.55 is below 0.7'
	FROM unnest(r.ids) AS id;
END $$;

CREATE PROCEDURE part_insert_bare(r page) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO plain_event (user_id, event_type, post_id, method, reason)
	SELECT r.reader, CASE WHEN id % 2 = 0 THEN 'POST_SHOWN' ELSE 'POST_FILTERED' END, id::text, 'ai', 'relevance 0.55 is below 0.7'
	FROM unnest(r.ids) AS id;
END $$;

CREATE PROCEDURE part_nothing(r page) LANGUAGE plpgsql AS $$
BEGIN
	NULL;
END $$;

-- One statement for all: the words found, the verdicts, the events and the numbers.
CREATE PROCEDURE plain_one_statement(r page) LANGUAGE plpgsql AS $$
BEGIN
	WITH found AS MATERIALIZED (
		SELECT p.id, p.body, v.score, ARRAY(SELECT DISTINCT lower(m[1]) FROM regexp_matches(p.body, f.words, 'gi') AS m) AS words
		FROM unnest(r.ids, r.bodies) AS p (id, body)
		JOIN plain_filter f ON f.user_id = r.reader
		LEFT JOIN plain_verdict v ON v.hash = md5(p.body)
	), event AS (
		INSERT INTO plain_event (user_id, event_type, post_id, keyword, method)
		SELECT r.reader, CASE WHEN score >= 0.7 THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END, id, NULL, 'ai' FROM found
		UNION ALL SELECT r.reader, 'KEYWORD_HIT', id, word, 'ai' FROM found, unnest(words) AS word
	), day AS (
		INSERT INTO plain_daily
		SELECT r.reader, current_date, count(*) FILTER (WHERE score < 0.7), count(*) FILTER (WHERE score >= 0.7) FROM found
		ON CONFLICT (user_id, date) DO UPDATE SET shown = plain_daily.shown + EXCLUDED.shown, hidden = plain_daily.hidden + EXCLUDED.hidden
	), hit AS (
		INSERT INTO plain_hits SELECT r.reader, word, count(*), now() FROM found, unnest(words) AS word GROUP BY word ORDER BY word
		ON CONFLICT (user_id, keyword) DO UPDATE SET hits = plain_hits.hits + EXCLUDED.hits, last_hit = EXCLUDED.last_hit
	)
	SELECT count(*) INTO r.n FROM found;
END $$;

-- For each post its statements: keywords by ILIKE, verdict, event, numbers.
CREATE PROCEDURE loop_of_statements(r page) LANGUAGE plpgsql AS $$
DECLARE
	words text[];
	score float8;
BEGIN
	FOR i IN 1 .. cardinality(r.ids) LOOP
		words := ARRAY(SELECT keyword FROM keywords WHERE user_id = r.reader AND r.bodies[i] ILIKE '%' || keyword || '%');
		score := (SELECT v.score FROM plain_verdict v WHERE hash = md5(r.bodies[i]));
		INSERT INTO plain_event (user_id, event_type, post_id, method)
		VALUES (r.reader, CASE WHEN score >= 0.7 THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END, r.ids[i], 'ai');
		INSERT INTO plain_daily VALUES (r.reader, current_date, (score < 0.7)::int, (score >= 0.7)::int)
		ON CONFLICT (user_id, date) DO UPDATE SET shown = plain_daily.shown + EXCLUDED.shown, hidden = plain_daily.hidden + EXCLUDED.hidden;
		FOR k IN 1 .. cardinality(words) LOOP
			INSERT INTO plain_hits VALUES (r.reader, words[k], 1, now())
			ON CONFLICT (user_id, keyword) DO UPDATE SET hits = plain_hits.hits + 1, last_hit = now();
		END LOOP;
	END LOOP;
END $$;

CREATE TABLE measured (way text, round int, us float8);

-- Microseconds of processor time that this backend has used; the clock ticks every 10 ms.
CREATE FUNCTION used() RETURNS float8 LANGUAGE sql AS $$
	SELECT (f[14]::float8 + f[15]::float8) * 1e4 FROM string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '\(.*\)', 'x'), ' ') AS f
$$;

-- So many requests of each way in turn, each in a transaction of its own.
CREATE PROCEDURE measure(requests int, rounds int) LANGUAGE plpgsql AS $$
DECLARE
	way text;
	r page;
	before float8;
	ways text[] := '{part_nothing,feed_filter_and_record,feed_filter_only,part_keyword_match,part_keys,part_cache_get,part_insert_with_rollups,part_insert_bare,plain_one_statement,loop_of_statements}';
BEGIN
	FOR round IN 0 .. rounds LOOP
		FOREACH way IN ARRAY ways LOOP
			before := used();
			FOR i IN 0 .. requests - 1 LOOP
				SELECT * INTO r FROM page WHERE n = i % 400;
				CASE way
					WHEN 'part_nothing' THEN CALL part_nothing(r);
					WHEN 'feed_filter_and_record' THEN CALL feed_filter_and_record(r);
					WHEN 'feed_filter_only' THEN CALL feed_filter_only(r);
					WHEN 'part_keyword_match' THEN CALL part_keyword_match(r);
					WHEN 'part_keys' THEN CALL part_keys(r);
					WHEN 'part_cache_get' THEN CALL part_cache_get(r);
					WHEN 'part_insert_with_rollups' THEN CALL part_insert_with_rollups(r);
					WHEN 'part_insert_bare' THEN CALL part_insert_bare(r);
					WHEN 'plain_one_statement' THEN CALL plain_one_statement(r);
					WHEN 'loop_of_statements' THEN CALL loop_of_statements(r);
				END CASE;
				COMMIT;
			END LOOP;
			-- the first round warms up
			IF round > 0 THEN
				INSERT INTO measured VALUES (way, round, (used() - before) / requests);
			END IF;
		END LOOP;
	END LOOP;
END $$;
