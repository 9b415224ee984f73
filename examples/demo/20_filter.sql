-- Every feed is filtered by its user's keywords, twice: by filteropt, and by
-- the ILIKE patterns that an application would send.
SET max_parallel_workers_per_gather = 0;

-- From now on the keywords of each user are kept compiled, whatever happens to
-- the table.
SELECT filteropt.keyword_attach('keyword', owner => 'user_id', keyword => 'keyword') AS users \gset

-- A pattern knows no words: it is open at both ends, whatever the user meant.
CREATE TABLE hidden_ilike AS
SELECT user_id, array_agg('%' || replace(keyword, '*', '') || '%' ORDER BY id) AS patterns
FROM keyword
GROUP BY user_id;
ANALYZE hidden_ilike;

CREATE TEMP TABLE by_filteropt (user_id bigint, post_id bigint, keywords text[]);
CREATE TEMP TABLE by_ilike (user_id bigint, post_id bigint);
CREATE TEMP TABLE spent (way text, us float8);

-- One process takes the users in turn, and each way in turn for a user, so that
-- whatever else the machine does slows both alike.  The feed has been read by
-- then: what is timed is filtering.
DO $$
DECLARE
	reader bigint;
	posts bigint[];
	bodies text[];
	started timestamptz;
BEGIN
	FOR reader IN SELECT user_id FROM hidden_ilike ORDER BY user_id
	LOOP
		SELECT array_agg(id), array_agg(body) INTO posts, bodies
		FROM feed JOIN post ON id = post_id
		WHERE user_id = reader;

		started := clock_timestamp();
		INSERT INTO by_filteropt
		SELECT reader, posts[post], keywords
		FROM filteropt.keyword_match('keyword', reader, bodies)
		WHERE keywords <> '{}';
		INSERT INTO spent VALUES
			('filteropt', extract(epoch FROM clock_timestamp() - started) * 1e6);

		started := clock_timestamp();
		INSERT INTO by_ilike
		SELECT reader, id
		FROM unnest(posts, bodies) AS page (id, body), hidden_ilike
		WHERE user_id = reader AND body ILIKE ANY (patterns);
		INSERT INTO spent VALUES
			('ILIKE ANY', extract(epoch FROM clock_timestamp() - started) * 1e6);
	END LOOP;
END
$$;
