-- Bodies of 4 kB and 100 kB, compressed and back; what Node's zlib takes for the same was
-- measured by node.mjs and comes in :node, a JSON array of {task, way, microseconds}.
TRUNCATE way, sample;
INSERT INTO way (task, way, sql, calls)
SELECT format('%s kB, %s', kb, task), way, format(sql, kb), 20
FROM (VALUES (4), (100)) AS size (kb), (VALUES
	('gzip', 'gzip(body, 6)', 'SELECT sum(octet_length(filteropt.gzip(body, 6))) FROM body WHERE kb = %s'),
	('gzip', 'gzip(body, 1)', 'SELECT sum(octet_length(filteropt.gzip(body, 1))) FROM body WHERE kb = %s'),
	('gunzip', 'gunzip(packed)', 'SELECT sum(octet_length(filteropt.gunzip(packed))) FROM body WHERE kb = %s')) AS v (task, way, sql);
WITH measured AS (SELECT * FROM jsonb_to_recordset(:'node') AS m (task text, way text, microseconds float8)),
	way AS (INSERT INTO way (task, way) SELECT task, way FROM measured RETURNING *)
INSERT INTO sample SELECT n, microseconds FROM way JOIN measured USING (task, way);
CALL measure(:rounds);
TABLE report;
SELECT kb, octet_length(body) AS bytes, octet_length(filteropt.gzip(body, 6)) AS "gzip(6)", octet_length(filteropt.gzip(body, 1)) AS "gzip(1)",
	(SELECT (m ->> 'bytes')::int FROM jsonb_array_elements(:'node') AS m WHERE m ->> 'task' = kb || ' kB, gzip' AND m ->> 'way' LIKE '%6%') AS "zlib 6"
FROM body WHERE n = 1;
