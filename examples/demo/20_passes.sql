-- The way it is usually done, for comparison: a loop over the posts of a request, and
-- for each of them the keywords by ILIKE, the verdict by a query, the event by an
-- INSERT, the day's numbers by an UPSERT.  Each statement would be a round trip to the
-- database; here they run inside it, which flatters them.
CREATE TABLE classic_verdict (hash text PRIMARY KEY, score numeric NOT NULL);
INSERT INTO classic_verdict
SELECT md5(body), max(CASE WHEN unwanted THEN 0.95 ELSE 0.05 END) FROM post GROUP BY 1;
CREATE TABLE classic_event (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint, event_type text, post_id text,
	created_at timestamptz DEFAULT now());
CREATE INDEX ON classic_event (user_id, created_at);
CREATE TABLE classic_daily_stats (
	user_id bigint, date date, shown bigint NOT NULL DEFAULT 0, filtered bigint NOT NULL DEFAULT 0, PRIMARY KEY (user_id, date));

CREATE PROCEDURE classic_request(reader bigint, page bigint[]) LANGUAGE plpgsql AS $$
DECLARE
	this post;
	mine record;
	found_words int;
	score numeric;
	hide boolean;
BEGIN
	SELECT coalesce(c.mode, 'hybrid') AS mode, coalesce(c.strategy, 'moderate') AS strategy INTO mine
	FROM users u LEFT JOIN filter_config c ON c.user_id = u.id WHERE u.id = reader;
	FOR this IN SELECT * FROM post WHERE id = ANY (page) LOOP
		SELECT count(*) INTO found_words FROM keywords
		WHERE user_id = reader AND this.body ILIKE '%' || replace(keyword, '*', '') || '%';
		SELECT v.score INTO score FROM classic_verdict v WHERE v.hash = md5(this.body);
		hide := CASE mine.mode WHEN 'keyword' THEN found_words > 0 WHEN 'ai' THEN score > 0.7
			ELSE found_words > 1 OR found_words = 1 AND score > 0.7 END;
		INSERT INTO classic_event (user_id, event_type, post_id)
		VALUES (reader, CASE WHEN hide THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END, this.id);
		INSERT INTO classic_daily_stats (user_id, date, shown, filtered)
		VALUES (reader, current_date, (NOT hide)::int, hide::int)
		ON CONFLICT (user_id, date) DO UPDATE
		SET shown = classic_daily_stats.shown + EXCLUDED.shown, filtered = classic_daily_stats.filtered + EXCLUDED.filtered;
	END LOOP;
END $$;

-- How long each request took, and what became of it.
CREATE TABLE spent (pass text, n bigint, us float8, shown int, hidden int, asked int);

-- One request of the feed: filter; ask the model about what is pending; finish.  The
-- model is a stub that knows the true labels, takes its time and charges for it.
CREATE PROCEDURE feed_request(pass text, request request) LANGUAGE plpgsql AS $$
DECLARE
	posts jsonb := (SELECT jsonb_agg(jsonb_build_object('id', id, 'author', author, 'body', body))
		FROM post WHERE id = ANY (request.posts));
	started timestamptz := clock_timestamp();
	us float8;
	decided text[];
	asked jsonb;
BEGIN
	SELECT array_agg(decision), jsonb_agg(p.post || jsonb_build_object('token', token,
			'verdict', jsonb_build_object('spam', CASE WHEN unwanted THEN 0.95 ELSE 0.05 END),
			'cost', 0.002, 'elapsed_ms', 400)) FILTER (WHERE decision = 'pending')
		INTO decided, asked
	FROM filteropt.feed_filter('demo', request.user_id, posts)
		JOIN jsonb_array_elements(posts) AS p (post) ON p.post ->> 'id' = post_id
		JOIN post ON post.id = post_id::bigint;
	us := extract(epoch FROM clock_timestamp() - started) * 1e6;
	IF asked IS NOT NULL THEN
		PERFORM pg_sleep(0.002); -- so little only because this is a demo
		started := clock_timestamp();
		decided := array_remove(decided, 'pending')
			|| ARRAY(SELECT decision FROM filteropt.feed_classified('demo', request.user_id, asked));
		us := us + extract(epoch FROM clock_timestamp() - started) * 1e6;
	END IF;
	INSERT INTO spent VALUES (pass, request.n, us, cardinality(array_positions(decided, 'show')),
		cardinality(array_positions(decided, 'hide')), coalesce(jsonb_array_length(asked), 0));
END $$;

-- All requests, each in a transaction of its own.
CREATE PROCEDURE feed_pass(pass text) LANGUAGE plpgsql AS $$
DECLARE
	this request;
BEGIN
	FOR this IN SELECT * FROM request ORDER BY n LOOP
		CALL feed_request(pass, this);
		COMMIT;
	END LOOP;
END $$;

-- The usual way, for every tenth request.
CREATE PROCEDURE classic_pass() LANGUAGE plpgsql AS $$
DECLARE
	this request;
	started timestamptz;
BEGIN
	FOR this IN SELECT * FROM request WHERE n % 10 = 0 ORDER BY n LOOP
		started := clock_timestamp();
		CALL classic_request(this.user_id, this.posts);
		INSERT INTO spent VALUES ('classic', this.n, extract(epoch FROM clock_timestamp() - started) * 1e6);
		COMMIT;
	END LOOP;
END $$;

SELECT filteropt.cache_stat_reset();
CALL feed_pass('first');
CALL feed_pass('second');
CALL classic_pass();
CREATE TABLE savings AS SELECT * FROM filteropt.classification_savings();
