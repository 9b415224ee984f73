CALL measure(:requests, :rounds);
CREATE TEMP TABLE median AS
SELECT way, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) - (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FROM measured WHERE way = 'part_nothing') AS us
FROM measured WHERE way <> 'part_nothing' GROUP BY way;
SELECT replace(way, '_', ' ') AS way, round(us::numeric) AS us, round((us / (SELECT us FROM median WHERE way = 'feed_filter_and_record'))::numeric, 2) AS ratio
FROM median
UNION ALL
SELECT 'sum of the parts: match, keys, get, insert', round(sum(us)::numeric), round((sum(us) / (SELECT us FROM median WHERE way = 'feed_filter_and_record'))::numeric, 2)
FROM median WHERE way IN ('part_keyword_match', 'part_keys', 'part_cache_get', 'part_insert_with_rollups')
ORDER BY us;
