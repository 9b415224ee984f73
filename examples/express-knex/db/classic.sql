-- What the classic server needs besides: the numbers of a day, refreshed every night.
CREATE MATERIALIZED VIEW daily_stats AS
SELECT user_id, (created_at AT TIME ZONE 'UTC')::date AS date, count(*) AS total_events,
	count(*) FILTER (WHERE event_type = 'POST_SHOWN') AS posts_shown,
	count(*) FILTER (WHERE event_type = 'POST_FILTERED') AS posts_filtered,
	count(*) FILTER (WHERE event_type = 'KEYWORD_HIT') AS keyword_hits
FROM analytics_events GROUP BY 1, 2;
CREATE UNIQUE INDEX ON daily_stats (user_id, date);

CREATE TABLE classifications (
	content_hash text PRIMARY KEY,
	verdict jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now());
