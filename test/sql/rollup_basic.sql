-- The design's daily_stats: exact at every moment, compared with its query.
\set VERBOSITY terse
SET timezone = 'UTC';
CREATE TABLE analytics_events (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id int,
	event_type text,
	created_at timestamptz NOT NULL DEFAULT '2024-05-01 12:00+00');
INSERT INTO analytics_events (user_id, event_type)
	SELECT i % 3, CASE i % 2 WHEN 0 THEN 'POST_SHOWN' ELSE 'POST_FILTERED' END
	FROM generate_series(1, 10) i;

SELECT filteropt.rollup_create('daily_stats',
	$$SELECT user_id, DATE(created_at) AS date, COUNT(*) AS total_events, SUM(CASE WHEN event_type = 'POST_SHOWN' THEN 1 ELSE 0 END) AS posts_shown, SUM(CASE WHEN event_type = 'POST_FILTERED' THEN 1 ELSE 0 END) AS posts_filtered FROM analytics_events GROUP BY user_id, DATE(created_at)$$);
SELECT * FROM daily_stats ORDER BY 1, 2;

-- The oracle, independent of what the extension stored.
CREATE VIEW oracle AS
	SELECT user_id, DATE(created_at AT TIME ZONE 'UTC') AS date, COUNT(*) AS total_events,
		SUM(CASE WHEN event_type = 'POST_SHOWN' THEN 1 ELSE 0 END) AS posts_shown,
		SUM(CASE WHEN event_type = 'POST_FILTERED' THEN 1 ELSE 0 END) AS posts_filtered
	FROM analytics_events GROUP BY user_id, DATE(created_at AT TIME ZONE 'UTC');
CREATE VIEW differs AS
	(TABLE daily_stats EXCEPT ALL TABLE oracle) UNION ALL
	(TABLE oracle EXCEPT ALL TABLE daily_stats);
TABLE differs;

-- Outside a transaction block, then inside one: own changes are seen at once.
INSERT INTO analytics_events (user_id, event_type) VALUES (7, 'POST_SHOWN'), (NULL, NULL);
TABLE differs;
BEGIN;
INSERT INTO analytics_events (user_id, event_type) VALUES (7, 'POST_FILTERED');
TABLE differs;
SELECT * FROM daily_stats WHERE user_id = 7;
UPDATE analytics_events SET user_id = 8 WHERE user_id = 7;
TABLE differs;
SELECT * FROM daily_stats WHERE user_id IN (7, 8);
DELETE FROM analytics_events WHERE user_id = 8 AND event_type = 'POST_SHOWN';
TABLE differs;
ROLLBACK;
TABLE differs;
SELECT * FROM daily_stats WHERE user_id = 7;

-- Savepoints, with and without a read that writes the deltas early.
BEGIN;
INSERT INTO analytics_events (user_id) VALUES (20);
SAVEPOINT a;
INSERT INTO analytics_events (user_id) VALUES (21);
SELECT count(*) FROM daily_stats WHERE user_id IN (20, 21);
ROLLBACK TO a;
SELECT count(*) FROM daily_stats WHERE user_id IN (20, 21);
TABLE differs;
SAVEPOINT b;
INSERT INTO analytics_events (user_id) VALUES (22);
SAVEPOINT c;
TABLE differs;
ROLLBACK TO c;
TABLE differs;
RELEASE b;
INSERT INTO analytics_events (user_id) VALUES (22);
TABLE differs;
COMMIT;
TABLE differs;
SELECT user_id, total_events FROM daily_stats WHERE user_id IN (20, 21, 22) ORDER BY 1;

-- The deltas were written by a subtransaction that was then rolled back.
BEGIN;
INSERT INTO analytics_events (user_id) VALUES (30);
SAVEPOINT a;
SELECT total_events FROM daily_stats WHERE user_id = 30;
SAVEPOINT b;
INSERT INTO analytics_events (user_id) VALUES (30);
SELECT total_events FROM daily_stats WHERE user_id = 30;
RELEASE b;
SELECT total_events FROM daily_stats WHERE user_id = 30;
ROLLBACK TO a;
SELECT total_events FROM daily_stats WHERE user_id = 30;
COMMIT;
TABLE differs;
SELECT total_events FROM daily_stats WHERE user_id = 30;

-- Exception blocks.
DO $$
BEGIN
	FOR i IN 1..50 LOOP
		BEGIN
			INSERT INTO analytics_events (user_id) VALUES (40);
			IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
			IF i % 5 = 0 THEN PERFORM FROM daily_stats WHERE user_id = 40; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
TABLE differs;
SELECT total_events FROM daily_stats WHERE user_id = 40;

-- Several modifying CTEs in a statement; the statement does not see itself.
WITH i AS (INSERT INTO analytics_events (user_id) VALUES (50), (51) RETURNING *),
	u AS (UPDATE analytics_events SET event_type = 'POST_SHOWN' WHERE user_id = 20 RETURNING *),
	d AS (DELETE FROM analytics_events WHERE user_id = 22 RETURNING *)
SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u, (SELECT count(*) FROM d) AS d,
	(SELECT count(*) FROM daily_stats WHERE user_id IN (50, 51)) AS new_groups,
	(SELECT posts_shown FROM daily_stats WHERE user_id = 20) AS shown,
	(SELECT total_events FROM daily_stats WHERE user_id = 22) AS total;
TABLE differs;

-- ON CONFLICT, MERGE-like moves, COPY.
INSERT INTO analytics_events (id, user_id) OVERRIDING SYSTEM VALUE VALUES (1, 60), (10000, 60)
	ON CONFLICT (id) DO UPDATE SET user_id = 61;
TABLE differs;
INSERT INTO analytics_events (id, user_id) OVERRIDING SYSTEM VALUE VALUES (1, 62)
	ON CONFLICT DO NOTHING;
TABLE differs;
COPY analytics_events (user_id, event_type, created_at) FROM stdin;
70	POST_SHOWN	2024-05-02 00:00:00+00
70	POST_FILTERED	2024-05-02 23:59:59.999+00
70	\N	2024-05-03 00:00:00+00
\.
TABLE differs;
SELECT * FROM daily_stats WHERE user_id = 70 ORDER BY date;

-- Cursors keep what they saw; a cursor opened later sees the change.
BEGIN;
INSERT INTO analytics_events (user_id) VALUES (80);
DECLARE old CURSOR FOR SELECT total_events FROM daily_stats WHERE user_id = 80;
INSERT INTO analytics_events (user_id) VALUES (80);
DECLARE new CURSOR FOR SELECT total_events FROM daily_stats WHERE user_id = 80;
INSERT INTO analytics_events (user_id) VALUES (80);
FETCH ALL old;
FETCH ALL new;
SELECT total_events FROM daily_stats WHERE user_id = 80;
COMMIT;
TABLE differs;

-- A loop over a query, whose snapshot is older than the changes it makes.
CREATE FUNCTION total_now(u int) RETURNS bigint LANGUAGE sql VOLATILE AS
	'SELECT total_events FROM daily_stats WHERE user_id = u';
CREATE FUNCTION total_then(u int) RETURNS bigint LANGUAGE sql STABLE AS
	'SELECT total_events FROM daily_stats WHERE user_id = u';
CREATE FUNCTION add_event(u int) RETURNS void LANGUAGE sql VOLATILE AS
	'INSERT INTO analytics_events (user_id) VALUES (u)';
SELECT i, add_event(80), total_then(80) AS before, total_now(80) AS now FROM generate_series(1, 3) i;
TABLE differs;

-- Deltas of many commands and groups in one transaction.
BEGIN;
DO $$
DECLARE
	r record;
BEGIN
	FOR i IN 1..200 LOOP
		INSERT INTO analytics_events (user_id) VALUES (100 + i % 7);
		IF i % 50 = 0 THEN
			PERFORM FROM daily_stats WHERE user_id = 100;
		END IF;
	END LOOP;
	FOR r IN SELECT generate_series(1, 100) g LOOP
		INSERT INTO analytics_events (user_id) VALUES (100 + r.g % 7);
	END LOOP;
END $$;
TABLE differs;
COMMIT;
TABLE differs;

-- Read like a table: joins, sublinks, keyset pages.
SELECT s.user_id, s.total_events FROM daily_stats s JOIN (VALUES (7), (70)) u(id) ON s.user_id = u.id
	ORDER BY s.user_id, s.date;
SELECT user_id, date, total_events FROM daily_stats WHERE (user_id, date) > (20, '2024-05-01')
	ORDER BY user_id, date LIMIT 3;
SELECT user_id, total_events FROM daily_stats WHERE user_id IS NULL;

-- Direct writes are refused, all of them, also those that touch no row.
\set VERBOSITY default
INSERT INTO daily_stats VALUES (1, '2024-05-01', 1, 1, 1);
\set VERBOSITY terse
UPDATE daily_stats SET total_events = 0 WHERE false;
DELETE FROM daily_stats;
INSERT INTO daily_stats_data VALUES (1, '2024-05-01', 1, 1, 1);
UPDATE daily_stats_data SET n = 0;
DELETE FROM daily_stats_data;
TRUNCATE daily_stats_data;
TABLE differs;

-- TRUNCATE, and its rollback.
BEGIN;
INSERT INTO analytics_events (user_id) VALUES (1);
TRUNCATE analytics_events;
TABLE differs;
SELECT count(*) FROM daily_stats;
INSERT INTO analytics_events (user_id) VALUES (1);
TABLE differs;
ROLLBACK;
TABLE differs;
SELECT count(*) > 5 AS still_there FROM daily_stats;
BEGIN;
SAVEPOINT a;
TRUNCATE analytics_events;
INSERT INTO analytics_events (user_id) VALUES (1);
ROLLBACK TO a;
INSERT INTO analytics_events (user_id) VALUES (1);
COMMIT;
TABLE differs;
TRUNCATE analytics_events;
TABLE differs;
SELECT count(*) FROM daily_stats;

-- Merging and rebuilding change nothing to see; a group without rows vanishes.
INSERT INTO analytics_events (user_id) SELECT i % 5 FROM generate_series(1, 20) i;
INSERT INTO analytics_events (user_id) SELECT i % 5 FROM generate_series(1, 20) i;
DELETE FROM analytics_events WHERE user_id = 3;
SELECT filteropt.rollup_merge('daily_stats') > 0 AS merged;
TABLE differs;
SELECT g1, n FROM daily_stats_data ORDER BY g1;
SELECT filteropt.rollup_merge('daily_stats') AS nothing_left;
SELECT filteropt.rollup_rebuild('daily_stats') AS groups;
TABLE differs;
SELECT * FROM filteropt.rollup_check('daily_stats');

-- The check is not blind: a rollup made wrong on purpose is found, and repaired.
ALTER TABLE analytics_events DISABLE TRIGGER filteropt_rollup;
DELETE FROM analytics_events WHERE user_id = 4;
ALTER TABLE analytics_events ENABLE ALWAYS TRIGGER filteropt_rollup;
SELECT only_in, "row"->>'user_id' AS user_id FROM filteropt.rollup_check('daily_stats') ORDER BY 1, 2;
SELECT filteropt.rollup_rebuild('daily_stats') AS groups;
SELECT * FROM filteropt.rollup_check('daily_stats');

-- Dropping it leaves the base as it was.
DROP VIEW differs;
DROP FUNCTION total_now, total_then;
SELECT filteropt.rollup_drop('daily_stats');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'analytics_events'::regclass;
SELECT to_regclass('daily_stats'), to_regclass('daily_stats_query'), to_regclass('daily_stats_data');
SELECT count(*) FROM filteropt.rollup;
INSERT INTO analytics_events (user_id) VALUES (1);
DROP VIEW oracle;
DROP FUNCTION add_event;
DROP TABLE analytics_events;
