-- What others do to keep daily_stats: a row trigger in PL/pgSQL that counts in the
-- group's row, or that appends a row to be summed up later.

CREATE TABLE IF NOT EXISTS upsert_stats (
	user_id int, date date, total_events bigint, posts_shown bigint, posts_filtered bigint,
	PRIMARY KEY (user_id, date)) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS plappend_stats (
	user_id int, date date, total_events bigint, posts_shown bigint, posts_filtered bigint);
CREATE INDEX IF NOT EXISTS plappend_stats_index ON plappend_stats (user_id, date);
TRUNCATE upsert_stats, plappend_stats;

CREATE OR REPLACE FUNCTION upsert_stats() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO upsert_stats AS s VALUES (NEW.user_id, (NEW.created_at AT TIME ZONE 'UTC')::date, 1,
		(NEW.event_type = 'POST_SHOWN')::int, (NEW.event_type = 'POST_FILTERED')::int)
	ON CONFLICT (user_id, date) DO UPDATE SET total_events = s.total_events + 1,
		posts_shown = s.posts_shown + excluded.posts_shown,
		posts_filtered = s.posts_filtered + excluded.posts_filtered;
	RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION plappend_stats() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO plappend_stats VALUES (NEW.user_id, (NEW.created_at AT TIME ZONE 'UTC')::date, 1,
		(NEW.event_type = 'POST_SHOWN')::int, (NEW.event_type = 'POST_FILTERED')::int);
	RETURN NULL;
END $$;

CREATE TRIGGER stats AFTER INSERT ON upsert FOR EACH ROW EXECUTE FUNCTION upsert_stats();
CREATE TRIGGER stats AFTER INSERT ON plappend FOR EACH ROW EXECUTE FUNCTION plappend_stats();
