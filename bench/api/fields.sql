-- A page of 20 rows as JSON: two of eight columns wanted.  The wide column is 20 kB, out of line.
TRUNCATE way, sample;
CREATE TABLE article (id bigint PRIMARY KEY, title text, author int, score int, created_at timestamptz, tags text[], excerpt text, body text);
ALTER TABLE article ALTER body SET STORAGE EXTERNAL;
INSERT INTO article
SELECT i, 'Title of article ' || i, i % 100, i % 7, timestamptz '2024-01-01' + i * interval '1 minute', ARRAY['red', 'blue'],
	repeat('excerpt ', 20), repeat('body ', 4000)
FROM generate_series(1, 200) AS i;
CREATE VIEW narrow AS SELECT id, title, author, score, created_at, tags, excerpt FROM article;
CREATE TABLE document AS
SELECT id, jsonb_build_object('id', id, 'title', title, 'author', jsonb_build_object('id', author, 'name', 'Author ' || author, 'mail', 'a@example.org'),
	'comments', (SELECT jsonb_agg(jsonb_build_object('by', 'Reader ' || c, 'text', repeat('comment ', 20))) FROM generate_series(1, 5) AS c)) AS doc
FROM article;
VACUUM ANALYZE article, document;

INSERT INTO way (task, way, sql)
SELECT task, way, format('SELECT jsonb_agg(%s) FROM (SELECT * FROM %I WHERE id BETWEEN 101 AND 120) AS t', expression, source)
FROM (VALUES
	('20 rows of 7 short columns', 'narrow', 'jsonb_build_object by hand', 'jsonb_build_object(''id'', id, ''title'', title)'),
	('20 rows of 7 short columns', 'narrow', 'fields(row)', 'filteropt.fields(t, ''{id,title}'')'),
	('20 rows of 7 short columns', 'narrow', 'all columns: to_jsonb(row)', 'to_jsonb(t)'),
	('20 rows of 7 short columns', 'narrow', 'to_jsonb(row), pruned afterwards',
		'(SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(t)) WHERE key IN (''id'', ''title''))'),
	('20 rows, one column of 20 kB', 'article', 'jsonb_build_object by hand', 'jsonb_build_object(''id'', id, ''title'', title)'),
	('20 rows, one column of 20 kB', 'article', 'fields(row)', 'filteropt.fields(t, ''{id,title}'')'),
	('20 rows, one column of 20 kB', 'article', 'all columns: to_jsonb(row)', 'to_jsonb(t)'),
	('20 rows, one column of 20 kB', 'article', 'to_jsonb(row), pruned afterwards',
		'(SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(t)) WHERE key IN (''id'', ''title''))'),
	('20 documents, three paths', 'document', 'jsonb_build_object by hand',
		$$jsonb_build_object('id', doc -> 'id', 'author', jsonb_build_object('name', doc #> '{author,name}'),
			'comments', (SELECT jsonb_agg(jsonb_build_object('by', c -> 'by')) FROM jsonb_array_elements(doc -> 'comments') AS c))$$),
	('20 documents, three paths', 'document', 'fields(document)', 'filteropt.fields(doc, ''{id,author.name,comments.by}'')'),
	('20 documents, three paths', 'document', 'all of it', 'doc')) AS v (task, source, way, expression);
CALL measure(:rounds);
TABLE report;
DROP VIEW narrow;
DROP TABLE article, document;
