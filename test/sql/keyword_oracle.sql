-- Matching against what PostgreSQL itself finds, on a generated corpus.
SET search_path = public, filteropt;
SET jit = off;

-- Texts of words and signs, some glued together; the same on every machine.
CREATE TABLE pieces AS
SELECT piece, row_number() OVER () AS n FROM unnest(ARRAY['cat', 'Cat', 'cats', 'concat', 'dog', 'DOG', 'hot', 'hotdog', 'hot dog', 'a', 'I', 'free',
	'money', 'freedom', 'x1', '42', 'cat42', ',', '. ', '-', '!', ' ', '  ', E'\n', '/', '(', ')', '"', 'lorem', 'ipsum', 'it', 'item', 'café', 'мир', 'МИР', 'мира', 'Δ', 'ä']) AS piece;
CREATE TABLE texts AS
SELECT id, (SELECT string_agg(piece || CASE WHEN r % 5 < 3 THEN ' ' ELSE '' END, '' ORDER BY i)
	FROM (SELECT i, abs(hashint8extended(id, i)) AS r FROM generate_series(1, 5 + id % 30) AS i) AS random
	JOIN pieces ON n = 1 + (r / 10) % (SELECT count(*) FROM pieces)) AS body
FROM generate_series(1, 1500) AS id;
SELECT count(*) AS texts, avg(char_length(body)) BETWEEN 40 AND 200 AS of_some_length FROM texts;

CREATE TABLE keywords AS
SELECT keyword, row_number() OVER () AS position FROM unnest(ARRAY['cat', 'cats', 'dog', 'hot', 'hotdog', 'a', 'i', 'free', 'money', 'x1', '42', 'cat42', 'item', 'it', 'мир', 'мира', 'δ', 'ä']) AS keyword;

-- Whole words, case folded: PostgreSQL's \m and \M, to which "_" belongs to words and an apostrophe does not, neither of which occurs here.
CREATE TABLE whole AS
SELECT id, keyword, m.start, char_length(keyword) AS length
FROM texts, keywords, LATERAL (
	SELECT g AS start FROM generate_series(1, char_length(body)) AS g
	WHERE lower(substr(body, g, char_length(keyword))) = keyword
		AND substr(' ' || body || ' ', g, 1) !~ '[[:alnum:]]'
		AND substr(' ' || body || ' ', g + char_length(keyword) + 1, 1) !~ '[[:alnum:]]') AS m;
CREATE TABLE found AS
SELECT id, f.keyword, f.start, f.length
FROM texts, (SELECT keyword_set(array_agg(keyword ORDER BY position), fold => 'case') AS s FROM keywords) AS k,
	LATERAL keyword_find(body, s) AS f;
SELECT count(*) > 2000 AS many FROM whole;
SELECT (SELECT count(*) FROM (SELECT * FROM whole EXCEPT ALL SELECT * FROM found) AS d) AS missed,
	(SELECT count(*) FROM (SELECT * FROM found EXCEPT ALL SELECT * FROM whole) AS d) AS invented;
SELECT count(*) AS pairs, count(*) FILTER (WHERE m) > 1000 AS many, count(*) FILTER (WHERE m <> (body ~* ('\m' || keyword || '\M'))) AS differing
FROM texts, (SELECT keyword, keyword_set(ARRAY[keyword], fold => 'case') AS s FROM keywords OFFSET 0) AS k, LATERAL (SELECT body @@ s AS m) AS x;

-- Substrings: position(), every one of them, overlapping ones too.
CREATE TABLE parts AS
SELECT id, keyword, g AS start, char_length(keyword) AS length
FROM texts, keywords, generate_series(1, char_length(body)) AS g
WHERE lower(substr(body, g, char_length(keyword))) = keyword;
CREATE TABLE found_parts AS
SELECT id, f.keyword, f.start, f.length
FROM texts, (SELECT keyword_set(array_agg(keyword ORDER BY position), whole_word => false, fold => 'case') AS s FROM keywords) AS k,
	LATERAL keyword_find(body, s) AS f;
SELECT count(*) > 5000 AS many FROM parts;
SELECT (SELECT count(*) FROM (SELECT * FROM parts EXCEPT ALL SELECT * FROM found_parts) AS d) AS missed,
	(SELECT count(*) FROM (SELECT * FROM found_parts EXCEPT ALL SELECT * FROM parts) AS d) AS invented;
SELECT fold, count(*) AS pairs, count(*) FILTER (WHERE m) > 1000 AS many,
	count(*) FILTER (WHERE m <> (position(keyword IN CASE fold WHEN 'none' THEN body ELSE lower(body) END) > 0)) AS differing
FROM unnest(ARRAY['none', 'case']) AS fold, texts,
	LATERAL (SELECT keyword, body @@ keyword_set(ARRAY[keyword], whole_word => false, fold => fold) AS m FROM keywords) AS x
GROUP BY fold ORDER BY fold;

-- Open ends and phrases, as regular expressions.
SELECT keyword, count(*) FILTER (WHERE m) AS matching, count(*) FILTER (WHERE m <> (body ~* pattern)) AS differing
FROM (VALUES ('cat*', '\mcat'), ('*cat', 'cat\M'), ('*cat*', 'cat'), ('hot dog', '\mhot\s+dog\M'), ('free  money*', '\mfree\s+money'),
	('*free dog', 'free\s+dog\M'), ('it*', '\mit'), ('-', '-'), ('(', '\('), ('. cat', '\.\s+cat\M')) AS v(keyword, pattern),
	texts, LATERAL (SELECT body @@ keyword_set(ARRAY[keyword], fold => 'case') AS m) AS x
GROUP BY keyword ORDER BY keyword COLLATE "C";

-- Accents: the texts with their accents removed by normalising, against the same words.
SELECT count(*) AS pairs, count(*) FILTER (WHERE m) > 100 AS many, count(*) FILTER (WHERE m <>
	(regexp_replace(normalize(body, nfkd), '[\u0300-\u036f]', '', 'g') ~* ('\m' || plain || '\M'))) AS differing
FROM texts, unnest(ARRAY['cafe', 'CAFÉ', 'a', 'ä', 'мир'], ARRAY['cafe', 'cafe', 'a', 'a', 'мир']) AS k(keyword, plain),
	LATERAL (SELECT body @@ keyword_set(ARRAY[keyword]) AS m) AS x;
DROP TABLE pieces, texts, keywords, whole, found, parts, found_parts;
