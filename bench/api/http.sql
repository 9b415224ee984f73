-- Tags of the 4 kB body of a page, and its headers.
TRUNCATE way, sample;
INSERT INTO way (task, way, sql, calls)
SELECT '4 kB, entity tag', way, format('SELECT count(%s) FROM body WHERE kb = 4', expression), 20
FROM (VALUES
	('md5(body), a tag that strangers can collide', 'md5(body)'),
	('http_etag(body)', 'filteropt.http_etag(body)'),
	('encode(sha256(body), ''hex'')', 'encode(sha256(convert_to(body, ''UTF8'')), ''hex'')'),
	('http_etag(jsonb)', 'filteropt.http_etag(doc)'),
	('http_etag of 20 ids and versions', 'filteropt.http_etag(versions)'),
	('http_cache(), tag given', 'filteropt.http_cache(''analytics'', etag => ''"v7"'', if_none_match => kb::text)')) AS v (way, expression);
CALL measure(:rounds);
TABLE report;
