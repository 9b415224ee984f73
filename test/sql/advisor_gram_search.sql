-- gram_ops: LIKE and ILIKE by the index give what they give without.
SET client_min_messages = warning;
CREATE SCHEMA gram;
SET search_path = gram, filteropt, public;
CREATE TABLE note (id int, body text, ascii text COLLATE "C");
INSERT INTO note SELECT i, b, b FROM (
	SELECT i, (ARRAY['Hello World', 'ÄRGER im Büro', 'Ünïcödé ΣΑΣ', '100% sure_', 'back\slash', 'İstanbul Izmir', '日本語のテキスト', '', 'ab'])[1 + i % 9]
		|| ' ' || substr(md5(i::text), 1, i % 20) AS b FROM generate_series(1, 5000) i) x;
INSERT INTO note VALUES (0, NULL, NULL), (-1, repeat('long text ', 10000), 'x');
CREATE INDEX note_body ON note USING gin (body gram_ops);
CREATE INDEX note_ascii ON note USING gin (ascii gram_ops (buckets = 64));
ANALYZE note;

-- What each pattern finds by the index and without, and whether the index was used.
CREATE FUNCTION compared(col text, op text, pattern text, OUT rows bigint, OUT same boolean, OUT by_index boolean) LANGUAGE plpgsql AS $$
DECLARE
	plain int[];
	found int[];
	query text := format('SELECT array_agg(id ORDER BY id) FROM note WHERE %I %s %L', col, op, pattern);
	plan json;
BEGIN
	SET LOCAL enable_bitmapscan = off;
	SET LOCAL enable_seqscan = on;
	EXECUTE query INTO plain;
	SET LOCAL enable_bitmapscan = on;
	SET LOCAL enable_seqscan = off;
	EXECUTE query INTO found;
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	rows := coalesce(cardinality(plain), 0);
	same := plain IS NOT DISTINCT FROM found;
	by_index := plan::text LIKE '%Bitmap Index Scan%';
END $$;
SELECT op, pattern, c.* FROM unnest(ARRAY['LIKE', 'ILIKE']) op, unnest(ARRAY['%World%', '%wORLD%', 'hello%', '%büro%', '%BÜRO%', '%ΣΑΣ%', '%σας%',
	'%00\% s%', '%e\_ %', '%back\\sla%', '%istanbul%', '%İst%', '%日本語%', '%本%', '%o_W%', '%abc%', '%', '', 'ab ', '%zzz%', '%ng text lo%']) WITH ORDINALITY p (pattern, n),
	compared('body', op, pattern) c ORDER BY n, op DESC;
SELECT bool_and(same) AS same, bool_and(by_index) AS by_index, sum(rows) > 100 AS some
	FROM generate_series(1, 200) i, compared('ascii', CASE i % 2 WHEN 0 THEN 'LIKE' ELSE 'ILIKE' END, '%' || substr(md5((i * 9)::text), 1 + i % 4, 3 + i % 3) || '%');
-- rows that come later, and several patterns
INSERT INTO note VALUES (9001, 'A pending list', 'A pending list');
UPDATE note SET body = 'Updated Text' WHERE id = 7;
SELECT * FROM compared('body', 'ILIKE', '%PENDING%');
SELECT * FROM compared('body', 'LIKE', '%dated Te%');
SELECT count(*) FROM note WHERE body ILIKE ANY (ARRAY['%pending%', '%updated%']);
SELECT count(*) FROM note WHERE body ILIKE NULL;

-- options
CREATE INDEX ON note USING gin (body gram_ops (buckets = 8));
CREATE INDEX ON note USING gin (body gram_ops (bucket = 64));
-- another type has no such index
CREATE INDEX ON note USING gin (id gram_ops);
DROP SCHEMA gram CASCADE;
