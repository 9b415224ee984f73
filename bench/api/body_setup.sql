-- Response bodies: items of a feed as JSON, twenty copies of each size.
CREATE TABLE body AS
SELECT kb, n, jsonb_build_object('items', items)::text AS body, jsonb_build_object('items', items) AS doc,
	filteropt.gzip(jsonb_build_object('items', items)::text) AS packed, (SELECT string_agg(i || ':' || i * 7, ',') FROM generate_series(1, 20) AS i) AS versions
FROM (VALUES (4), (100)) AS size (kb), generate_series(1, 20) AS n,
	LATERAL (SELECT jsonb_agg(jsonb_build_object('id', i * 7919, 'title', 'Title of post ' || md5(i::text), 'score', i % 13,
		'created_at', timestamptz '2024-01-01' + i * 7919 * interval '1 second', 'author', 'Author ' || i % 17)) AS items
		FROM generate_series(1, kb * 7) AS i) AS list;
