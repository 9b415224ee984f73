-- index_defaults: the indexes that the functions of a feed want.
SET client_min_messages = warning;
CREATE SCHEMA index_defaults;
SELECT count(*) AS parts FROM filteropt.feed_create('defaults', 'index_defaults');
-- feed_create has made all of them
SELECT * FROM filteropt.index_defaults('defaults');
-- what is dropped is missing; another index that begins with the columns will do, a partial or hash one will not
SELECT string_agg(format('DROP INDEX %s;', i.indexrelid::regclass), ' ') AS drops FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE i.indrelid = 'index_defaults.analytics_events'::regclass AND NOT i.indisprimary \gset
:drops
ALTER TABLE index_defaults.keywords DROP CONSTRAINT keywords_user_id_keyword_key;
SELECT * FROM filteropt.index_defaults('defaults');
CREATE INDEX ON index_defaults.analytics_events USING hash (user_id);
CREATE INDEX ON index_defaults.analytics_events (user_id);
CREATE INDEX ON index_defaults.keywords (user_id) WHERE user_id > 7;
SELECT count(*) FROM filteropt.index_defaults('defaults');
CREATE INDEX ON index_defaults.analytics_events (user_id, created_at, event_type);
CREATE INDEX ON index_defaults.keywords (user_id DESC);
SELECT * FROM filteropt.index_defaults('defaults');
-- tables under other names
ALTER TABLE index_defaults.analytics_events RENAME COLUMN created_at TO "At";
DROP INDEX index_defaults.analytics_events_user_id_created_at_event_type_idx;
SELECT ddl FROM filteropt.index_defaults('defaults') \gexec
SELECT * FROM filteropt.index_defaults('defaults');
SELECT * FROM filteropt.index_defaults('no such feed');
SELECT filteropt.feed_drop('defaults');
DROP SCHEMA index_defaults CASCADE;
