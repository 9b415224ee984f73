-- A feed runs with the rights of its caller.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE feed_maker;
CREATE ROLE feed_caller;
CREATE ROLE feed_other;
SELECT proname, count(*) FROM pg_proc WHERE pronamespace = 'filteropt'::regnamespace AND proname LIKE 'feed\_%'
	AND has_function_privilege('feed_other', oid, 'EXECUTE') GROUP BY proname ORDER BY proname;
CREATE SCHEMA app AUTHORIZATION feed_maker;
SET ROLE feed_maker;
SELECT * FROM filteropt.feed_create('mine', 'app');
RESET ROLE;
-- the grant path for those who make feeds
GRANT EXECUTE ON FUNCTION filteropt.feed_create, filteropt.feed_drop, filteropt.feed_register, filteropt.feed_unregister TO feed_maker;
SET ROLE feed_maker;
SELECT count(*) FROM filteropt.feed_create('mine', 'app');
INSERT INTO app.users (id) VALUES (1), (2);
INSERT INTO app.keywords (user_id, keyword) VALUES (1, 'tea'), (1, 'cup'), (2, 'tea');
RESET ROLE;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'v') AND relowner <> 'feed_maker'::regrole;
-- and for those who call them
GRANT EXECUTE ON FUNCTION filteropt.feed_filter(text, text, jsonb, boolean), filteropt.feed_filter(text, "any", jsonb, boolean),
	filteropt.feed_classified(text, text, jsonb), filteropt.feed_classified(text, "any", jsonb) TO feed_caller;
GRANT USAGE ON SCHEMA app TO feed_caller;
SET ROLE feed_caller;
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
RESET ROLE;
GRANT SELECT ON app.users, app.filter_config TO feed_caller;
SET ROLE feed_caller;
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
RESET ROLE;
GRANT SELECT ON app.keywords TO feed_caller;
SET ROLE feed_caller;
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]');
RESET ROLE;
-- a call that failed has claimed nothing
SELECT decision, token IS NOT NULL AS claimed FROM filteropt.feed_filter('mine', 2, '[{"id": 2, "body": "tea"}]');
SET ROLE feed_caller;
SELECT decision FROM filteropt.feed_filter('mine', 2, '[{"id": 3, "body": "green tea"}, {"id": 4, "body": "x"}]');
RESET ROLE;
SELECT decision FROM filteropt.feed_filter('mine', 2, '[{"id": 3, "body": "green tea"}]');
GRANT INSERT ON app.analytics_events TO feed_caller;
SET ROLE feed_caller;
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]');
SELECT * FROM filteropt.feed_stats('mine', 1);
SELECT * FROM filteropt.feed_create('theirs', 'app');
SELECT filteropt.feed_drop('mine');
SELECT filteropt.feed_unregister('mine');
UPDATE filteropt.feed SET model = 'x';
RESET ROLE;
GRANT SELECT ON app.daily_stats TO feed_caller;
-- who owns none of the tables cannot register a feed over them
GRANT EXECUTE ON FUNCTION filteropt.feed_create, filteropt.feed_drop, filteropt.feed_register, filteropt.feed_unregister TO feed_other;
SET ROLE feed_other;
SELECT * FROM filteropt.feed_create('mine', 'app');
SELECT filteropt.feed_drop('mine');
SELECT filteropt.feed_register(f) FROM filteropt.feed f;
RESET ROLE;

-- Row security: an owner that cannot be seen does not exist, and events that may not be written are not.
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_1 ON app.users TO feed_caller USING (id = 1);
ALTER TABLE app.keywords ENABLE ROW LEVEL SECURITY;
CREATE POLICY no_cup ON app.keywords TO feed_caller USING (keyword <> 'cup');
ALTER TABLE app.analytics_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY no_secret ON app.analytics_events FOR INSERT TO feed_caller WITH CHECK (post_id <> 'secret');
SELECT keywords FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
SET ROLE feed_caller;
SELECT keywords FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
SELECT decision FROM filteropt.feed_filter('mine', 2, '[{"id": 1, "body": "a cup of tea"}]', false);
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": "open", "body": "water"}]');
SELECT decision FROM filteropt.feed_filter('mine', 1, '[{"id": "secret", "body": "water"}]');
RESET ROLE;
SELECT keywords FROM filteropt.feed_filter('mine', 1, '[{"id": 1, "body": "a cup of tea"}]', false);
SELECT event_type, post_id FROM app.analytics_events ORDER BY id;
SET ROLE feed_maker;
SELECT filteropt.feed_drop('mine');
RESET ROLE;
DROP OWNED BY feed_maker, feed_caller, feed_other;
DROP ROLE feed_maker, feed_caller, feed_other;
