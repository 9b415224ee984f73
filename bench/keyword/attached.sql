-- attached.sql: keyword_match(source, owner, body) beside the value-level call.
\set ON_ERROR_STOP 1
SET search_path = bench;
SET client_min_messages = warning;

-- 2 000 owners with 50 keywords each, in a table that is attached and in one
-- that is not; a text for each owner; feeds of 20 texts.
CREATE TABLE attached (id bigserial PRIMARY KEY, user_id bigint NOT NULL, keyword text NOT NULL);
INSERT INTO attached (user_id, keyword)
	SELECT o, unnest(l.keywords)
	FROM generate_series(1, 2000) o
	JOIN owned l ON l.owner = 1 + o % (SELECT count(*) FROM owned);
CREATE INDEX ON attached (user_id);
CREATE TABLE plain (LIKE attached INCLUDING ALL);
INSERT INTO plain SELECT * FROM attached;
SELECT filteropt.keyword_attach('bench.attached', 'user_id', 'keyword');
CREATE TABLE owner_text AS
	SELECT o AS owner, body, filteropt.keyword_set(l.keywords) AS keywords
	FROM generate_series(1, 2000) o
	JOIN owned l ON l.owner = 1 + o % (SELECT count(*) FROM owned)
	JOIN (SELECT row_number() OVER () AS i, body FROM tweets LIMIT 2000) t ON t.i = o
	ORDER BY o;
ALTER TABLE owner_text ALTER keywords SET STORAGE PLAIN;
CREATE TABLE feed AS
	SELECT array_agg(body) AS bodies
	FROM (SELECT row_number() OVER () AS i, body FROM tweets) t GROUP BY i / 20;
CREATE SEQUENCE next_owner;
VACUUM ANALYZE;

CREATE PROCEDURE add_attached()
LANGUAGE plpgsql AS $$
DECLARE
	fed float8 := (SELECT sum(cardinality(bodies)) FROM bench.feed);
	value text := '(SELECT keywords FROM bench.owner_text WHERE owner = 7)';
	word text;
	t text;
BEGIN
	CALL bench.add_way('attached/one owner', 'value', format(
		'SELECT count(*) FROM {texts} WHERE filteropt.keyword_list(body, %s) <> ''{}''', value), 'tweets');
	CALL bench.add_way('attached/one owner', 'attached',
		'SELECT count(*) FROM {texts} WHERE filteropt.keyword_match(''bench.attached'', 7::bigint, body) <> ''{}''', 'tweets');
	CALL bench.add_way('attached/2000 owners', 'value',
		'SELECT count(*) FROM bench.owner_text WHERE filteropt.keyword_list(body, keywords) <> ''{}''', n_ops => 2000);
	CALL bench.add_way('attached/2000 owners', 'attached',
		'SELECT count(*) FROM bench.owner_text WHERE filteropt.keyword_match(''bench.attached'', owner, body) <> ''{}''',
		n_ops => 2000);
	CALL bench.add_way('attached/feed of 20', 'value', format(
		'SELECT count(*) FROM bench.feed, unnest(bodies) body WHERE filteropt.keyword_list(body, %s) <> ''{}''', value),
		n_ops => fed);
	CALL bench.add_way('attached/feed of 20', 'attached',
		'SELECT count(*) FROM bench.feed, filteropt.keyword_match(''bench.attached'', 7::bigint, bodies) WHERE keywords <> ''{}''',
		n_ops => fed);
	-- Each INSERT is a statement of its own, for the next of the owners.
	FOREACH t IN ARRAY '{plain,attached}'::text[] LOOP
		word := format('INSERT INTO bench.%I (user_id, keyword) SELECT 1 + n %% 2000, ''another'' || n '
			'FROM nextval(''bench.next_owner'') n RETURNING id', t);
		CALL bench.add_way('attached/insert', CASE t WHEN 'plain' THEN 'value' ELSE 'attached' END, word);
	END LOOP;
END $$;
