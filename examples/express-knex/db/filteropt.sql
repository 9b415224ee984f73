-- What the filteropt server needs besides: the feed over the application's tables.  It compiles
-- the keywords, keeps daily_stats and keyword_stats right, and keeps the model's verdicts.
CREATE EXTENSION IF NOT EXISTS filteropt;
SELECT filteropt.feed_create('home', options => '{"mode": "keyword"}');
