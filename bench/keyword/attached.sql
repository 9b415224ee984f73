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
END $$;

-- One keyword more for each of n owners, every INSERT in a transaction of its
-- own: sets are compiled at commit, so that is timed too.
CREATE PROCEDURE insert_each(grp text, name text, n integer, round integer)
LANGUAGE plpgsql AS $$
DECLARE
	started float8 := bench.cpu_ns();
	ended float8;
BEGIN
	FOR i IN 1 .. n LOOP
		IF name = 'attached' THEN
			INSERT INTO bench.attached (user_id, keyword) VALUES (1 + i * 7 % 2000, 'another' || round);
		ELSE
			INSERT INTO bench.plain (user_id, keyword) VALUES (1 + i * 7 % 2000, 'another' || round);
		END IF;
		COMMIT;
	END LOOP;
	ended := bench.cpu_ns();
	INSERT INTO bench.sample
		SELECT w.id, round, (ended - started) / n FROM bench.way w
		WHERE w.grp = insert_each.grp AND w.name = insert_each.name;
	COMMIT;
END $$;

-- Measure INSERTs in rounds, those into either table taking turns.
CREATE PROCEDURE measure_insert(rounds integer, n integer)
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO bench.way (grp, name, query, plan, value)
		VALUES ('attached/insert', 'value', 'INSERT', 0, 0), ('attached/insert', 'attached', 'INSERT', 0, 0);
	FOR round IN 1 .. rounds LOOP
		CALL bench.insert_each('attached/insert', 'value', n, round);
		CALL bench.insert_each('attached/insert', 'attached', n, round);
	END LOOP;
END $$;
