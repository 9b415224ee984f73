-- Response bodies: items of a feed as JSON, twenty copies of each size, not compressed by TOAST.
CREATE TABLE body (kb int, n int, body text, doc jsonb, packed bytea, versions text);
ALTER TABLE body ALTER body SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL;
INSERT INTO body
SELECT kb, n, doc::text, doc, filteropt.gzip(doc::text), (SELECT string_agg(i || ':' || i * 7, ',') FROM generate_series(1, 20) AS i)
FROM (VALUES (4), (100)) AS size (kb), generate_series(1, 20) AS n,
	LATERAL (SELECT jsonb_build_object('items', jsonb_agg(jsonb_build_object('id', i * 7919, 'title', 'Title of post ' || md5(i::text),
		'score', i % 13, 'created_at', timestamptz '2024-01-01' + i * 7919 * interval '1 second', 'author', 'Author ' || i % 17))) AS doc
		FROM generate_series(1, kb * 7) AS i) AS list;
