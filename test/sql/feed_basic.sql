-- A feed from its creation to its end: what is made, found again and refused.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA app;
SET search_path = app, public;

SELECT * FROM filteropt.feed_create('basic', options => '{"model": "m1"}');
-- again: nothing changes
SELECT action, count(*) FROM filteropt.feed_create('basic') GROUP BY action;
SELECT model, mode, strategy, threshold, lease = '30 s' AS half_a_minute FROM filteropt.feed WHERE name = 'basic';
-- options that are given change, the others stay
SELECT count(*) FROM filteropt.feed_create('basic', options => '{"lease": "1 minute"}');
SELECT model, lease = '1 min' AS a_minute FROM filteropt.feed WHERE name = 'basic';
-- what has a comment
SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'v')
	AND relname IN ('users', 'keywords', 'filter_config', 'analytics_events', 'feed_basic')
	AND obj_description(oid, 'pg_class') IS NULL;

INSERT INTO users (id) VALUES (1), (2), (3);
INSERT INTO keywords (user_id, keyword) VALUES (1, 'crypto*'), (1, 'giveaway'), (1, 'ai'), (2, 'walk');
INSERT INTO filter_config VALUES (2, 'keyword', 'strict', NULL, NULL), (3, 'ai', NULL, 0.2, 'other prompt');
SELECT * FROM filteropt.feed_config('basic', 1);
SELECT * FROM filteropt.feed_config('basic', '3');

-- A feed: hidden, shown, to be asked about, without text.
SELECT post_id, decision, method, reason, keywords, spans, token IS NOT NULL AS claimed
FROM filteropt.feed_filter('basic', 1, '[
	{"id": 1, "body": "Huge CRYPTOCURRENCY giveaway", "author": "eve"},
	{"id": "b", "content": "A walk in the park", "likes": 7},
	{"id": 3, "body": "AI is here"}, {"id": 4, "body": null}, {"id": 5, "body": ""}, {"id": 6}]');
-- another caller waits for the verdict
SELECT decision, reason, token FROM filteropt.feed_filter('basic', 1::int, '[{"id": 3, "body": "ai is HERE!"}]');
SELECT user_id, event_type, post_id, keyword, method, reason, author FROM analytics_events ORDER BY id;
SELECT total_events, posts_shown, posts_filtered, keyword_hits FROM daily_stats;
SELECT keyword, hits FROM keyword_stats ORDER BY keyword;
SELECT date - current_date AS day, total, shown, hidden, hits FROM filteropt.feed_stats('basic', 1, 3);

-- The verdict comes.
SELECT post_id, decision, method, reason, classification
FROM filteropt.feed_classified('basic', 1, '[{"id": 3, "body": "AI is here", "verdict": {"relevance": 0.8, "why": "ad"}, "cost": 0.002, "elapsed_ms": 800, "author": "eve", "version": "v1"}]');
SELECT decision, reason, classification, level FROM filteropt.feed_filter('basic', 1, '[{"id": 3, "body": "AI is here"}]', false);
-- another prompt, another verdict; a number is a verdict, and null says that there is none
SELECT decision, reason, classification FROM filteropt.feed_classified('basic', 3, '[{"id": 3, "body": "AI is here", "verdict": 0.2}, {"id": 9, "body": "hm", "verdict": null}]');
SELECT decision, reason, classification FROM filteropt.feed_filter('basic', 3, '[{"id": 3, "body": "AI is here"}, {"id": 9, "body": "hm"}]', false);
-- the cache knows where they came from
SELECT filteropt.classification_get('AI is here', 'm1'), filteropt.classification_get('AI is here', 'm1', 'other prompt');
SELECT filteropt.classification_purge('m1', 'v1'), filteropt.classification_purge_author('eve');

-- Claims: a token is good once.
SELECT token AS token FROM filteropt.feed_filter('basic', 1, '[{"id": 20, "body": "ai again"}]') \gset
SELECT decision, reason FROM filteropt.feed_classified('basic', 1, format('[{"id": 20, "body": "ai again", "verdict": 0.1, "token": %s}]', :token)::jsonb);
SELECT decision, reason FROM filteropt.feed_classified('basic', 1, format('[{"id": 20, "body": "ai again", "verdict": 0.9, "token": "%s"}]', :token)::jsonb);
SELECT event_type, reason FROM analytics_events WHERE post_id = '20' ORDER BY id;

-- The same post twice is answered twice and recorded once; the same text under two ids is asked once.
SELECT post_id, decision FROM filteropt.feed_filter('basic', 2, '[{"id": 7, "body": "walk"}, {"id": 7, "body": "walk"}, {"id": 8, "body": "x"}]');
SELECT event_type, post_id, keyword FROM analytics_events WHERE user_id = 2 ORDER BY id;
SELECT post_id, decision, token IS NULL AS unclaimed FROM filteropt.feed_filter('basic', 3, '[{"id": 30, "body": "same"}, {"id": 31, "body": "Same!"}]');
SELECT count(*) FROM filteropt.feed_filter('basic', 1, '[]');

-- A rollback takes everything back, a savepoint its part.
BEGIN;
SELECT count(*) FROM filteropt.feed_filter('basic', 2, '[{"id": 40, "body": "walk"}]');
SAVEPOINT s;
SELECT count(*) FROM filteropt.feed_filter('basic', 2, '[{"id": 41, "body": "walk"}]');
SELECT hidden FROM filteropt.feed_stats('basic', 2, 1);
ROLLBACK TO s;
SELECT hidden FROM filteropt.feed_stats('basic', 2, 1);
ROLLBACK;
SELECT hidden FROM filteropt.feed_stats('basic', 2, 1);

-- Reading only.
BEGIN READ ONLY;
SELECT post_id, decision, keywords, token FROM filteropt.feed_filter('basic', 1, '[{"id": 1, "body": "giveaway of crypto"}, {"id": 2, "body": "new ai"}]', record => false);
SELECT step, result FROM filteropt.feed_explain('basic', 1, '{"id": 2, "body": "new ai"}');
SELECT * FROM filteropt.feed_filter('basic', 1, '[]');
ROLLBACK;
SELECT step, result, detail - 'key' AS detail FROM filteropt.feed_explain('basic', '1', '{"body": "This AI again"}');
SELECT step, result, detail FROM filteropt.feed_explain('basic', 2, '{"body": "Wälk, walk"}');

-- What is refused, with nothing changed.
SELECT count(*) AS events FROM analytics_events \gset
SELECT * FROM filteropt.feed_filter('nothing', 1, '[]');
SELECT * FROM filteropt.feed_filter('basic', 99, '[]');
SELECT * FROM filteropt.feed_filter('basic', 'x', '[]');
SELECT * FROM filteropt.feed_filter('basic', 1.5, '[]');
SELECT * FROM filteropt.feed_filter('basic', 1, '{"id": 1}');
SELECT * FROM filteropt.feed_filter('basic', 1, '"x"');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"id": 1, "body": "giveaway"}, 7]');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"body": "giveaway"}]');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"id": null, "body": "giveaway"}]');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"id": {}, "body": "giveaway"}]');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"id": 1, "body": 7}]');
SELECT * FROM filteropt.feed_filter('basic', 1, '[{"id": 1, "body": "a"}, {"id": "1", "body": "b"}]');
SELECT * FROM filteropt.feed_filter('basic', 1, (SELECT jsonb_agg(jsonb_build_object('id', i)) FROM generate_series(1, 10001) i));
SELECT count(*) FROM filteropt.feed_filter('basic', 1, (SELECT jsonb_agg(jsonb_build_object('id', i, 'body', 'x')) FROM generate_series(1, 10000) i), false);
SELECT * FROM filteropt.feed_filter('basic', 1, NULL);
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x"}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "verdict": 0.5}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x", "verdict": {"score": 1}}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x", "verdict": {"relevance": 1.1}}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x", "verdict": 0.5, "cost": -1}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x", "verdict": 0.5, "cost": "NaN"}]');
SELECT * FROM filteropt.feed_classified('basic', 1, '[{"id": 1, "body": "x", "verdict": 0.5, "token": "x"}]');
SELECT * FROM filteropt.feed_stats('basic', 1, 0);
SELECT * FROM filteropt.feed_stats('basic', 1, 100000);
SELECT * FROM filteropt.feed_explain('basic', 1, '[]');
SELECT * FROM filteropt.feed_create('basic', options => '{"colour": "red"}');
\set VERBOSITY terse
SELECT * FROM filteropt.feed_create('basic', options => '{"mode": "red"}');
\set VERBOSITY default
SELECT * FROM filteropt.feed_create('basic', columns => '{"users": {"name": "id"}}');
SELECT * FROM filteropt.feed_create('basic', columns => '{"posts": {}}');
SELECT * FROM filteropt.feed_create('basic', columns => '{"events": {"owner": null}}');
SELECT * FROM filteropt.feed_create('basic', users => NULL);
SELECT * FROM filteropt.feed_create('basic', options => '{"hit": "HIT"}');
SELECT * FROM filteropt.feed_create('other', events => 'a.b.c');
SELECT * FROM filteropt.feed_create(NULL);
SELECT filteropt.feed_drop('nothing');
SELECT count(*) - :events AS added FROM analytics_events;

-- Renamed tables and columns are followed, and schemas.
ALTER TABLE analytics_events RENAME TO happened;
ALTER TABLE happened RENAME post_id TO "the post";
ALTER TABLE keywords RENAME keyword TO word;
ALTER TABLE filter_config RENAME user_id TO "user";
ALTER TABLE users RENAME id TO uid;
SELECT decision FROM filteropt.feed_filter('basic', 2, '[{"id": 50, "body": "walk"}]');
SELECT event_type, keyword FROM happened WHERE "the post" = '50' ORDER BY id;
SELECT * FROM filteropt.feed_bindings('basic') WHERE "column" IN ('the post', 'word', 'user', 'uid');
ALTER TABLE happened DROP COLUMN "the post";
ALTER SCHEMA app RENAME TO "My app";
SET search_path = "My app", public;
ANALYZE happened, users;
SELECT decision FROM filteropt.feed_filter('basic', 2, '[{"id": 51, "body": "walk"}]');
SELECT hidden FROM filteropt.feed_stats('basic', 2, 1);
ALTER SCHEMA "My app" RENAME TO app;
SET search_path = app, public;

-- Dropping keeps the rows.
SELECT filteropt.feed_drop('basic');
SELECT count(*) > 0 AS kept, to_regclass('daily_stats') AS stats FROM happened;
SELECT count(*) FROM filteropt.feed;
SELECT * FROM filteropt.feed_filter('basic', 1, '[]');

-- Bound to tables that are there, with names and types of their own, beside a second feed.
CREATE SCHEMA shop;
CREATE TYPE shop.kind AS ENUM ('seen', 'muted', 'hit');
CREATE TABLE shop.person (email varchar(40) PRIMARY KEY, mode text, strategy text);
CREATE TABLE shop.mute (who varchar(40), what text);
CREATE TABLE shop.log (who varchar(40), kind shop.kind, item bigint, what text, ts timestamptz, extra int DEFAULT 5);
SELECT * FROM filteropt.feed_create('shop', 'shop', 'person', 'mute', 'shop.log', 'person', 'per_day', 'per_word',
	columns => '{"users": {"id": "email"}, "config": {"owner": "email"}, "keywords": {"owner": "who", "keyword": "what"},
		"events": {"owner": "who", "event": "kind", "post": "item", "keyword": "what", "at": "ts"}}',
	options => '{"shown": "seen", "hidden": "muted", "hit": "hit", "mode": "keyword"}');
SELECT part, field, relation, "column" FROM filteropt.feed_bindings('shop') WHERE part <> 'days';
INSERT INTO shop.person VALUES ('ann@example.org', NULL, 'relaxed'), ('bob@example.org', NULL, NULL);
INSERT INTO shop.mute VALUES ('ann@example.org', 'tea'), ('ann@example.org', 'cup'), ('bob@example.org', 'tea');
SELECT post_id, decision, reason FROM filteropt.feed_filter('shop', 'ann@example.org', '[{"id": 1, "body": "tea"}, {"id": 2, "body": "a cup of tea"}]');
SELECT post_id, decision, reason FROM filteropt.feed_filter('shop', 'bob@example.org'::varchar, '[{"id": 1, "body": "tea"}]');
SELECT who, kind, item, what, extra FROM shop.log ORDER BY who, item, what NULLS FIRST;
SELECT who, posts_shown, posts_filtered, keyword_hits FROM shop.per_day ORDER BY who;
SELECT * FROM filteropt.feed_filter('shop', 'ann@example.org', '[{"id": 1, "body": "tea"}, {"id": "x", "body": "tea"}]');
SELECT count(*) FROM shop.log;
SELECT * FROM filteropt.feed_create('shop2', 'shop', NULL, 'mute', 'log', NULL, 'person', 'per_word',
	columns => '{"keywords": {"owner": "who", "keyword": "what"}, "events": {"owner": "who", "event": "kind", "post": "item", "keyword": "what", "at": "ts"}}');
SELECT * FROM filteropt.feed_create('shop2', 'shop', NULL, 'mute', 'log', NULL, 'per_day', 'per_word',
	columns => '{"keywords": {"owner": "what", "keyword": "who"}, "events": {"owner": "who", "event": "kind", "post": "item", "keyword": "what", "at": "ts"}}');
SELECT count(*) FROM filteropt.feed_create('shop2', 'shop', NULL, 'mute', 'log', NULL, 'per_day', 'per_word',
	columns => '{"keywords": {"owner": "who", "keyword": "what"}, "events": {"owner": "who", "event": "kind", "post": "item", "keyword": "what", "at": "ts"}}',
	options => '{"shown": "seen", "hidden": "muted", "hit": "hit", "mode": "keyword"}');
SELECT post_id, decision FROM filteropt.feed_filter('shop2', 'nobody', '[{"id": 1, "body": "tea"}]');
SELECT filteropt.feed_drop('shop');
SELECT post_id, decision FROM filteropt.feed_filter('shop2', 'ann@example.org', '[{"id": 1, "body": "tea"}]');
-- a feed that has lost a table says so, and can be dropped
DROP TABLE shop.log CASCADE;
SELECT * FROM filteropt.feed_filter('shop2', 'ann@example.org', '[]');
SELECT filteropt.feed_drop('shop2');
SELECT count(*) FROM filteropt.feed;
DROP SCHEMA app, shop CASCADE;
