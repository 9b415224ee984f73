-- Every cell of the decision table: mode, strategy, number of keywords, and what the
-- model says, against the rule written out in SQL.
SET client_min_messages = warning;
CREATE SCHEMA app;
SET search_path = app, public;
SELECT count(*) FROM filteropt.feed_create('cells', options => '{"model": "cells"}');

CREATE TABLE cell AS
SELECT row_number() OVER () AS owner, mode, strategy, k, verdict, said
FROM unnest('{keyword,ai,hybrid}'::text[]) mode, unnest('{strict,moderate,relaxed}'::text[]) strategy,
	generate_series(0, 3) k,
	(VALUES ('unknown', NULL::jsonb), ('none', 'null'), ('below', '{"relevance": 0.4999}'), ('reached', '{"relevance": 0.50}'),
		('above', '{"relevance": 1}'), ('number', '0.5')) v (verdict, said);
INSERT INTO users (id) SELECT owner FROM cell;
INSERT INTO filter_config (user_id, mode, strategy, threshold) SELECT owner, mode, strategy, 0.5 FROM cell;
INSERT INTO keywords (user_id, keyword) SELECT owner, word FROM cell, unnest('{one,two,three}'::text[]) WITH ORDINALITY w (word, n);
-- a text of its own for each cell, with so many of the keywords
ALTER TABLE cell ADD body text;
UPDATE cell SET body = format('text %s %s', owner, array_to_string(('{one,two,three}'::text[])[1:k], ' '));
SELECT count(*) FROM cell, filteropt.feed_classified('cells', owner,
	jsonb_build_array(jsonb_build_object('id', owner, 'body', body, 'verdict', said))) WHERE said IS NOT NULL;
TRUNCATE analytics_events;

CREATE TEMP TABLE expected AS
SELECT owner, CASE
	WHEN mode = 'keyword' THEN CASE WHEN k >= (CASE strategy WHEN 'relaxed' THEN 2 ELSE 1 END) THEN 'hide' ELSE 'show' END
	WHEN mode = 'hybrid' AND strategy = 'strict' AND k >= 1 THEN 'hide'
	WHEN mode = 'hybrid' AND strategy = 'moderate' AND k >= 2 THEN 'hide'
	WHEN mode = 'hybrid' AND strategy <> 'strict' AND k = 0 THEN 'show'
	WHEN verdict = 'unknown' THEN 'pending'
	WHEN verdict IN ('reached', 'above', 'number') THEN 'hide'
	WHEN verdict = 'below' THEN 'show'
	WHEN strategy = 'strict' THEN 'hide'
	WHEN strategy = 'moderate' AND mode = 'hybrid' AND k >= 1 THEN 'hide'
	ELSE 'show' END AS decision
FROM cell;
CREATE TEMP TABLE got AS
SELECT owner, f.* FROM cell, filteropt.feed_filter('cells', owner,
	jsonb_build_array(jsonb_build_object('id', owner, 'body', body)), false) f;

(SELECT owner, decision FROM expected EXCEPT ALL SELECT owner, decision FROM got)
UNION ALL (SELECT owner, decision FROM got EXCEPT ALL SELECT owner, decision FROM expected);
SELECT count(*) AS cells, count(DISTINCT decision) AS decisions, bool_and(cardinality(keywords) = k) AS all_keywords
FROM got JOIN cell USING (owner);
-- without writing and with, decisions are the same, and events are what was decided
CREATE TEMP TABLE written AS
SELECT owner, f.* FROM cell, filteropt.feed_filter('cells', owner,
	jsonb_build_array(jsonb_build_object('id', owner, 'body', body))) f;
SELECT owner, decision, method, reason, keywords, spans, classification FROM written
EXCEPT SELECT owner, decision, method, reason, keywords, spans, classification FROM got;
SELECT count(*) FILTER (WHERE token IS NULL) AS unclaimed, count(*) AS pending FROM written WHERE decision = 'pending';
(SELECT owner, CASE decision WHEN 'hide' THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END FROM expected WHERE decision <> 'pending'
 EXCEPT ALL SELECT user_id, event_type FROM analytics_events WHERE keyword IS NULL)
UNION ALL (SELECT user_id, event_type FROM analytics_events WHERE keyword IS NULL
 EXCEPT ALL SELECT owner, CASE decision WHEN 'hide' THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END FROM expected WHERE decision <> 'pending');

-- The table as docs/feed.md shows it.
SELECT mode, strategy, k AS keywords,
	string_agg(decision, ', ' ORDER BY owner) FILTER (WHERE verdict IN ('unknown', 'none', 'below', 'reached')) AS "unknown, none, below, reached"
FROM expected JOIN cell USING (owner) WHERE k < 3
GROUP BY mode, strategy, k ORDER BY array_position('{keyword,ai,hybrid}', mode), array_position('{strict,moderate,relaxed}', strategy), k;

-- Thresholds by strategy, where none is given: at, and just below.
UPDATE filter_config SET threshold = NULL, mode = 'ai';
SELECT strategy, said, decision FROM (SELECT min(user_id) AS owner, strategy FROM filter_config GROUP BY strategy) s,
	unnest('{0.5,0.7,0.9}'::numeric[]) t, LATERAL (VALUES (t), (t - 0.0001)) v (said),
	filteropt.feed_classified('cells', owner, jsonb_build_array(jsonb_build_object('id', 1, 'body', said::text, 'verdict', said)))
ORDER BY strategy, said;
-- A config that makes no sense is refused.
ALTER TABLE filter_config DROP CONSTRAINT filter_config_mode_check;
UPDATE filter_config SET mode = 'guess' WHERE user_id = 1;
SELECT * FROM filteropt.feed_filter('cells', 1, '[]');
SELECT filteropt.feed_drop('cells');
DROP SCHEMA app CASCADE;
