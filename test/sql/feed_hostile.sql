-- What a feed is not to be moved by: other people's operators, names with quotes in them,
-- columns that do not fit, values that no number should have.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA app;
SET search_path = app, public;
SELECT count(*) FROM filteropt.feed_create('plain', 'app', options => '{"mode": "ai"}');
INSERT INTO users (id) VALUES (1);

-- NULL is an error, not an empty feed.
SELECT * FROM filteropt.feed_filter(NULL, 1, '[]');
SELECT * FROM filteropt.feed_filter('plain', NULL, '[]');
SELECT * FROM filteropt.feed_filter('plain', NULL::bigint, '[]');
SELECT * FROM filteropt.feed_filter('plain', 1, NULL);
SELECT * FROM filteropt.feed_filter('plain', 1, '[]', NULL);
SELECT * FROM filteropt.feed_classified('plain', 1, NULL);
SELECT * FROM filteropt.feed_stats('plain', 1, NULL);
SELECT * FROM filteropt.feed_config('plain', NULL::bigint);

-- Operators of one's own, found before PostgreSQL's, neither answer nor run as anybody else.
CREATE ROLE feed_mallory;
GRANT EXECUTE ON FUNCTION filteropt.feed_register, filteropt.feed_unregister TO feed_mallory;
CREATE SCHEMA evil AUTHORIZATION feed_mallory;
SET ROLE feed_mallory;
CREATE FUNCTION evil.no(text, text) RETURNS boolean LANGUAGE plpgsql
	AS $$ BEGIN RAISE WARNING 'run as somebody else: %', current_user <> 'feed_mallory'; RETURN false; END $$;
CREATE FUNCTION evil.long_ago(date, integer) RETURNS date LANGUAGE sql AS $$ SELECT date '1999-12-31' $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.- (LEFTARG = date, RIGHTARG = integer, FUNCTION = evil.long_ago);
SET search_path = evil, pg_catalog;
SELECT filteropt.feed_unregister('plain');
SELECT filteropt.feed_register(f) FROM filteropt.feed f;
RESET ROLE;
SELECT f.name FROM filteropt.feed f;
SELECT count(*) FROM filteropt.feed_stats('plain', 1, 2) WHERE date < '2000-01-01';
SET search_path = app, public;
DROP SCHEMA evil CASCADE;
DROP OWNED BY feed_mallory;
DROP ROLE feed_mallory;

-- Names that need quotes.
CREATE SCHEMA "it's ""so"";--";
SELECT count(*) FROM filteropt.feed_create('it''s; "x" --', 'it''s "so";--', '"u"";s"', '"k e''y"', '"ev"";--"', '"c%I%s$1"', '"d""ay"', '"w''ord"',
	columns => '{"users": {"id": "i\"d"}, "keywords": {"owner": "o w\"n", "keyword": "k''w"},
		"config": {"owner": "%s", "mode": "%I", "strategy": "$1", "threshold": "a\"b", "prompt": "select"},
		"events": {"owner": "own\"er", "event": "e''v", "post": "$2", "keyword": "%L", "at": "at\"", "method": "user", "reason": "from", "author": "AU"}}',
	options => '{"shown": "sh''own", "hidden": "hid\"den", "hit": "h%I", "model": "m''", "score": "s\"c"}');
SET search_path = "it's ""so"";--";
INSERT INTO "u"";s" VALUES (5);
INSERT INTO "k e'y" ("o w""n", "k'w") VALUES (5, 'foo'), (5, 'bar');
INSERT INTO "c%I%s$1" VALUES (5, 'hybrid', 'moderate', 0.3, 'it''s');
SELECT post_id, decision, reason FROM filteropt.feed_filter('it''s; "x" --', 5, '[{"id": "1''", "body": "foo bar", "author": "a''b"}, {"id": 2, "body": "foo"}]');
SELECT post_id, decision, reason FROM filteropt.feed_classified('it''s; "x" --', 5, '[{"id": 2, "body": "foo", "verdict": {"s\"c": 0.4}}]');
SELECT "e'v", "$2", "%L", "user", "from", "AU" FROM "ev"";--" ORDER BY id;
SELECT total, hidden, hits FROM filteropt.feed_stats('it''s; "x" --', 5, 1);
SELECT step, result FROM filteropt.feed_explain('it''s; "x" --', 5, '{"id": null, "body": "foo"}');
SELECT filteropt.feed_drop('it''s; "x" --');
SET search_path = app, public;
DROP SCHEMA "it's ""so"";--" CASCADE;

-- A column that is too narrow is told, and nothing is cut.
CREATE SCHEMA narrow;
CREATE TABLE narrow.analytics_events (user_id bigint, event_type character(13), post_id varchar(5), keyword text, created_at timestamptz, reason varchar(6));
SELECT count(*) FROM filteropt.feed_create('narrow', 'narrow', users => NULL, config => NULL,
	columns => '{"events": {"reason": null}}', options => '{"mode": "keyword"}');
SELECT decision FROM filteropt.feed_filter('narrow', 1, '[{"id": "12345"}]');
SELECT decision FROM filteropt.feed_filter('narrow', 1, '[{"id": "123456"}]');
SELECT event_type, post_id FROM narrow.analytics_events;
SELECT filteropt.feed_drop('narrow');

-- Owners that cannot be compared, and a resource that is not there, are told at once.
CREATE SCHEMA apart;
CREATE TABLE apart.analytics_events (user_id uuid, event_type text, post_id text, keyword text, created_at timestamptz);
SELECT * FROM filteropt.feed_create('apart', 'apart');
SELECT count(*) FROM filteropt.feed_create('apart', 'apart', options => '{"owner_type": "uuid"}');
SELECT * FROM filteropt.feed_create('apart', 'apart', options => '{"resource": "nowhere"}');
SELECT * FROM filteropt.feed_create('no_schema', NULL);
SELECT filteropt.feed_drop('apart');

-- A threshold in a table of one's own that no score can be compared with.
CREATE SCHEMA own;
CREATE TABLE own.users (id bigint PRIMARY KEY, threshold float8);
SELECT count(*) FROM filteropt.feed_create('own', 'own', config => 'users', columns => '{"config": {"owner": "id"}}', options => '{"mode": "ai"}');
INSERT INTO own.users VALUES (1, 70), (2, 'NaN'), (3, -0.1), (4, 1), (5, NULL);
SELECT * FROM filteropt.feed_filter('own', 1, '[]');
SELECT * FROM filteropt.feed_filter('own', 2, '[]');
SELECT * FROM filteropt.feed_config('own', 3);
SELECT id, (filteropt.feed_config('own', id)).threshold FROM own.users WHERE id > 3 ORDER BY id;

-- A binding that somebody has rewritten.
SELECT replace(pg_get_viewdef('own.feed_own'), ';', '') AS binding \gset
CREATE OR REPLACE VIEW own.feed_own AS SELECT * FROM (:binding) AS inner_query;
SELECT * FROM filteropt.feed_filter('own', 5, '[]');
SELECT filteropt.feed_drop('own');

-- Numbers that are none, and verdicts of every kind.
SELECT * FROM filteropt.feed_classified('plain', 1, '[{"id": 1, "body": "x", "verdict": 0.5, "cost": "Infinity"}]');
SELECT * FROM filteropt.feed_classified('plain', 1, '[{"id": 1, "body": "x", "verdict": 0.5, "elapsed_ms": "-Infinity"}]');
DO $$
DECLARE
	wrong jsonb;
BEGIN
	FOR wrong IN SELECT jsonb_array_elements('["0.5", "NaN", true, [], [0.5], {}, {"relevance": null}, {"relevance": "1"}, {"relevance": {"relevance": 1}}, -0.0001, 1.0001]') LOOP
		BEGIN
			PERFORM filteropt.feed_classified('plain', 1, jsonb_build_array(jsonb_build_object('id', 1, 'body', 'y', 'verdict', wrong)));
			RAISE WARNING 'verdict % is taken', wrong;
		EXCEPTION WHEN invalid_parameter_value THEN NULL;
		END;
	END LOOP;
	FOR wrong IN SELECT jsonb_array_elements('[null, 1, "x", true, [], [[{"id": 1}]], {}, {"id": null}, {"id": true}, {"id": [1]}, {"id": {}},
			{"id": 1, "body": 1}, {"id": 1, "body": true}, {"id": 1, "body": ["x"]}, {"id": 1, "content": {}}, {"id": 1, "author": {}}]') LOOP
		BEGIN
			PERFORM filteropt.feed_filter('plain', 1, jsonb_build_array(wrong), false);
			RAISE WARNING 'post % is taken', wrong;
		EXCEPTION WHEN invalid_parameter_value THEN NULL;
		END;
	END LOOP;
END $$;
SELECT post_id FROM filteropt.feed_filter('plain', 1, '[{"id": 1e3}, {"id": 1.50}, {"id": ""}, {"id": "ü\n\""}, {"id": -0}]', false);

SELECT filteropt.feed_drop('plain');
DROP SCHEMA app, narrow, apart, own CASCADE;
