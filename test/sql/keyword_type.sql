-- The type keyword_set: options, text and binary form, equality, aggregate, errors.
SET search_path = public, filteropt;

-- What a statement raises: SQLSTATE, message, detail and hint.
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN state || ': ' || message || coalesce(nullif(E'\n  ' || detail, E'\n  '), '')
		|| coalesce(nullif(E'\n  ' || hint, E'\n  '), '');
END $$;

-- 1. The constructor and its options.
SELECT keyword_set(ARRAY['ai', 'crypto*', 'free money']);
SELECT keyword_set(ARRAY['ass'], whole_word => false, fold => 'evasion', allow => ARRAY['*assist*']);
SELECT keyword_set('{}'::text[]);
-- A lone literal is a cast to the type, as PostgreSQL has it for any type.
SELECT keyword_set('{ai,crypto}');
SELECT keyword_set(NULL) IS NULL AS null_for_null;
SELECT keyword_set(ARRAY['b', 'a', 'b', 'B', 'a'], allow => ARRAY['x', 'x']) AS duplicates_once;
SELECT fold, (i).* FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold,
	LATERAL (SELECT keywords, allowed, whole_word, format, current
		FROM keyword_set_info(keyword_set(ARRAY['a', 'b'], false, fold, ARRAY['abc']))) AS i
ORDER BY 1;
SELECT i.bytes = pg_column_size(s) AS bytes_are_those_stored,
	i.unicode_version ~ '^\d+\.\d+\.\d+$' AS has_version
FROM keyword_set(ARRAY['a', 'b']) AS s, keyword_set_info(s) AS i;
SELECT keyword_set_info(NULL);

-- An array of two dimensions is its elements.
SELECT keyword_set(ARRAY[ARRAY['a', 'b'], ARRAY['c', 'd']]);

-- 2. Text form: what goes in, and that what comes out goes in again.
\pset format unaligned
SELECT input, input::keyword_set AS output
FROM (VALUES
	('{"keywords": []}'),
	('{"keywords": ["a"]}'),
	(' { "allow" : [ ] , "keywords" : [ "a" , "b" ] } '),
	('{"whole_word": false, "keywords": ["a"], "fold": "none"}'),
	('{"keywords": ["\u00e9\ud83d\ude00", "say \"hi\"", "C:\\\\dir", "tab\there"], "allow": ["/*"]}'),
	('{"keywords": ["a"], "keywords": ["b"]}'),
	('{"keywords": ["dup", "dup"]}')) AS v(input);
\pset format aligned

CREATE TABLE sets (id int PRIMARY KEY, s keyword_set);
INSERT INTO sets
SELECT n, keyword_set(
	ARRAY(SELECT CASE k % 5
			WHEN 0 THEN 'word' || k * n
			WHEN 1 THEN '*été' || k || E'\\\\\\*'
			WHEN 2 THEN E'two\n words "' || k || '"'
			WHEN 3 THEN '日本語' || k || '*'
			ELSE '😀 ' || chr(8000 + k) END
		FROM generate_series(1, n * n * 4) AS k),
	n % 2 = 0,
	(ARRAY['none', 'case', 'accent', 'evasion'])[n % 4 + 1],
	CASE WHEN n % 3 = 0 THEN ARRAY['allowed ' || n, '*ok*'] END)
FROM generate_series(0, 15) AS n;
INSERT INTO sets VALUES (100, NULL);

SELECT count(*) AS sets, count(*) FILTER (WHERE pg_column_size(s) > 2000) AS toasted,
	bool_and(s::text::keyword_set = s) AS equal,
	bool_and(s::text::keyword_set::text = s::text) AS same_text,
	bool_and(keyword_set_send(s::text::keyword_set) = keyword_set_send(s)) AS same_binary
FROM sets WHERE s IS NOT NULL;

-- The text form is JSON, and has what went in, in the order of the set.
SELECT (s::text::jsonb)->'keywords' = to_jsonb(ARRAY['z', 'a"\', E'\u2026']) AS json
FROM keyword_set(ARRAY['z', 'a"\', E'\u2026']) AS s;

-- 3. Binary form, through COPY.
\copy sets to results/keyword_type.copy (format binary)
CREATE TABLE sets_again (LIKE sets);
\copy sets_again from results/keyword_type.copy (format binary)
SELECT count(*) AS rows, count(*) FILTER (WHERE a.s = b.s) AS equal,
	count(*) FILTER (WHERE a.s IS NULL AND b.s IS NULL) AS nulls,
	count(*) FILTER (WHERE a.s::text = b.s::text) AS same_text
FROM sets a JOIN sets_again b USING (id);
\copy sets to results/keyword_type.copy
TRUNCATE sets_again;
\copy sets_again from results/keyword_type.copy
SELECT count(*) AS rows, count(*) FILTER (WHERE a.s = b.s) AS equal
FROM sets a JOIN sets_again b USING (id);

SELECT encode(keyword_set_send(keyword_set(ARRAY['ab', 'c*'], allow => ARRAY['é'])), 'hex');

-- A file of COPY BINARY whose one row has this column.
CREATE FUNCTION pg_temp.copy_file(field bytea) RETURNS oid LANGUAGE sql AS $$
	SELECT lo_from_bytea(0, '\x5047434f50590aff0d0a0000000000000000000001'
		|| int4send(octet_length(field)) || field || '\xffff')
$$;
CREATE TABLE received (s keyword_set);
-- "ab" and "c*", allowed "é", as a client would write them by hand ...
SELECT pg_temp.copy_file('\x010201 0000000200000001 000000026162 00000002632a 00000002c3a9') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT * FROM received;
-- ... and all that may be wrong with it: no byte is taken on trust.
SELECT pg_temp.copy_file('\x') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x020201 0000000000000000') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010401 0000000000000000') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010202 0000000000000000') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 7fffffff00000000') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 ffffffff00000000') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000001 0000000161 00000001') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000000 ffffffff61') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000000 7fffffff61') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000000 0000000161 ff') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
-- not UTF-8, a zero byte, and keywords that the constructor would refuse
SELECT pg_temp.copy_file('\x010201 0000000100000000 00000002c328') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000000 00000003610062') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000200000000 0000000161 000000022a2a') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT pg_temp.copy_file('\x010201 0000000100000000 00000000 00') AS file \gset
\lo_export :file results/keyword_type.copy
\copy received from results/keyword_type.copy (format binary)
SELECT count(*) - 1 AS rows_of_bad_input FROM received;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE lomowner = current_user::regrole \g /dev/null

-- 4. Equality and hash do not depend on the order of keywords.
SELECT a, b, a::keyword_set = b::keyword_set AS equal, a::keyword_set <> b::keyword_set AS differ,
	keyword_set_hash(a::keyword_set) = keyword_set_hash(b::keyword_set) AS same_hash,
	keyword_set_hash_extended(a::keyword_set, 7) = keyword_set_hash_extended(b::keyword_set, 7) AS same_hash_7
FROM (VALUES
	('{"keywords": ["a", "b"]}', '{"keywords": ["b", "a"]}'),
	('{"keywords": ["a", "b"]}', '{"keywords": ["a", "b"], "allow": [], "fold": "accent"}'),
	('{"keywords": ["a", "b", "a"]}', '{"keywords": ["a", "b"]}'),
	('{"keywords": ["a", "b"]}', '{"keywords": ["a"]}'),
	('{"keywords": ["ab"]}', '{"keywords": ["a", "b"]}'),
	('{"keywords": ["a"]}', '{"keywords": ["A"]}'),
	('{"keywords": ["a"]}', '{"keywords": ["a"], "fold": "case"}'),
	('{"keywords": ["a"]}', '{"keywords": ["a"], "whole_word": false}'),
	('{"keywords": ["a"], "allow": ["b"]}', '{"keywords": ["b"], "allow": ["a"]}'),
	('{"keywords": ["a"], "allow": ["b"]}', '{"keywords": ["a", "b"]}'),
	('{"keywords": ["a"], "allow": ["b", "c"]}', '{"keywords": ["a"], "allow": ["c", "b"]}'),
	('{"keywords": []}', '{"keywords": []}'),
	('{"keywords": []}', '{"keywords": [], "fold": "none"}')) AS v(a, b);
SELECT count(DISTINCT keyword_set_hash(s)) AS hashes, count(DISTINCT keyword_set_hash_extended(s, 1)) AS seeded
FROM sets;

-- DISTINCT, GROUP BY and joins work by hashing; there is no order to sort by.
CREATE TABLE copies AS
SELECT keyword_set(CASE WHEN n % 2 = 0 THEN ARRAY['x', 'y' || n % 10] ELSE ARRAY['y' || n % 10, 'x'] END) AS s, n
FROM generate_series(1, 1000) AS n;
SELECT count(*) AS distinct_sets FROM (SELECT DISTINCT s FROM copies) AS d;
SELECT count(*) AS groups, min(n) AS least, max(n) AS most
FROM (SELECT s, count(*) AS n FROM copies GROUP BY s) AS g;
ANALYZE copies;
-- Which side is hashed depends on the size of the sets.
CREATE FUNCTION hashing(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN QUERY SELECT m[1] FROM regexp_matches(line, '(Hash Join|HashAggregate|Sort|Merge Join|Nested Loop)') AS m;
	END LOOP;
END $$;
SELECT node FROM hashing('SELECT count(*) FROM copies a JOIN (SELECT DISTINCT s FROM copies) b USING (s)') AS node
ORDER BY node COLLATE "C";
SELECT count(*) AS joined FROM copies a JOIN (SELECT DISTINCT s FROM copies) b USING (s);
SELECT count(*) AS in_list FROM copies
WHERE s IN (keyword_set(ARRAY['x', 'y1']), keyword_set(ARRAY['y2', 'x']));
CREATE INDEX ON copies USING hash (s);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT count(*) FROM copies WHERE s = keyword_set(ARRAY['x', 'y1']);
SELECT count(*) FROM copies WHERE s = keyword_set(ARRAY['x', 'y1']);
RESET enable_seqscan;
CREATE TABLE parted (s keyword_set, n int) PARTITION BY HASH (s);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT * FROM copies;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions,
	(SELECT count(*) FROM parted_0 a JOIN parted_1 b ON a.s = b.s) AS torn
FROM parted;
SELECT s FROM copies ORDER BY s LIMIT 1;

-- 5. The aggregate: NULLs do not count, and no row gives an empty set.
SELECT keyword_set_agg(k ORDER BY k) FROM unnest(ARRAY['b', NULL, 'a', 'b']) AS k;
SELECT keyword_set_agg(k) FROM unnest('{}'::text[]) AS k;
SELECT keyword_set_agg(k) FROM unnest(ARRAY[NULL, NULL]::text[]) AS k;
SELECT keyword_set_agg(DISTINCT k) FROM unnest(ARRAY['b', 'a', 'b']) AS k;
SELECT n % 3 AS owner, keyword_set_agg('k' || n ORDER BY n) FILTER (WHERE n < 8)
FROM generate_series(1, 12) AS n GROUP BY 1 ORDER BY 1;
SELECT pg_temp.error_of($$SELECT filteropt.keyword_set_agg(k) FROM unnest(ARRAY['a', '*']) AS k$$);

CREATE TABLE words AS SELECT 'w' || n AS k FROM generate_series(1, 20000) AS n;
ANALYZE words;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT keyword_set_agg(k) FROM words;
SELECT keyword_set_agg(k) = keyword_set(ARRAY(SELECT k FROM words ORDER BY k)) AS combined FROM words;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- 6. Errors.
SELECT what, pg_temp.error_of('SELECT filteropt.keyword_set(' || arguments || ')') AS error
FROM (VALUES
	(1, 'NULL keyword', $$ARRAY['a', NULL]$$),
	(2, 'empty keyword', $$ARRAY['a', 'b', '']$$),
	(3, 'blank keyword', $$ARRAY[E' \t\u3000']$$),
	(4, 'one star', $$ARRAY['*']$$),
	(5, 'stars', $$ARRAY['a', ' ** * ']$$),
	(6, 'vanishes', $$ARRAY[E'\u200d\u0301']$$),
	(7, 'the same lives', $$ARRAY[E'\u200d\u0301'], fold => 'case'$$),
	(8, '1 000 characters', $$ARRAY[repeat('é', 1000)]$$),
	(9, '1 001 characters', $$ARRAY[repeat('é', 1001)]$$),
	(10, 'far too long', $$ARRAY['ok', repeat('日本', 1000000)]$$),
	(11, 'long with stars', $$ARRAY['*' || repeat('x', 1000)]$$),
	(12, 'unknown fold', $$ARRAY['a'], fold => 'Accent'$$),
	(13, 'empty fold', $$ARRAY['a'], fold => ''$$),
	(14, 'NULL fold', $$ARRAY['a'], fold => NULL$$),
	(15, 'NULL whole_word', $$ARRAY['a'], whole_word => NULL$$),
	(16, 'NULL allow is none', $$ARRAY['a'], allow => NULL$$),
	(17, 'NULL allowed phrase', $$ARRAY['a'], allow => ARRAY['x', NULL]$$),
	(18, 'empty allowed phrase', $$ARRAY['a'], allow => ARRAY['x', '']$$),
	(19, 'allowed star', $$ARRAY['a'], allow => ARRAY['*']$$),
	(20, 'allowed phrase too long', $$ARRAY['a'], allow => ARRAY[repeat('x', 1001)]$$)
	) AS v(n, what, arguments)
ORDER BY n;

SELECT input, pg_temp.error_of(format('SELECT %L::filteropt.keyword_set', input)) AS error
FROM (VALUES
	(1, ''),
	(2, 'a'),
	(3, '{'),
	(4, '{"keywords": ["a"]'),
	(5, '{"keywords": ["a"]} x'),
	(6, '[]'),
	(7, '["a"]'),
	(8, 'null'),
	(9, '"a"'),
	(10, '{}'),
	(11, '{"fold": "case"}'),
	(12, '{"keywords": "a"}'),
	(13, '{"keywords": {"a": 1}}'),
	(14, '{"keywords": null}'),
	(15, '{"keywords": [1]}'),
	(16, '{"keywords": ["a", null]}'),
	(17, '{"keywords": [["a"]]}'),
	(18, '{"keywords": [{"a": "b"}]}'),
	(19, '{"keywords": ["a"], "allow": "b"}'),
	(20, '{"keywords": ["a"], "allow": [true]}'),
	(21, '{"keywords": ["a"], "fold": 1}'),
	(22, '{"keywords": ["a"], "fold": "loose"}'),
	(23, '{"keywords": ["a"], "fold": null}'),
	(24, '{"keywords": ["a"], "whole_word": "true"}'),
	(25, '{"keywords": ["a"], "whole_word": null}'),
	(26, '{"keywords": ["a"], "Fold": "case"}'),
	(27, '{"keywords": ["a"], "other": 1}'),
	(28, '{"keywords": [""]}'),
	(29, '{"keywords": ["a"], "allow": ["b", " "]}'),
	(30, '{"keywords": ["\u0000"]}'),
	(31, '{"keywords": ["\ud83d"]}')) AS v(n, input)
ORDER BY n;

-- Depth and length of the input are limited by errors, not by the stack.
SELECT left(pg_temp.error_of(format('SELECT %L::filteropt.keyword_set',
	'{"keywords": ' || repeat('[', 100000))), 26);

-- The limits of a set.
SELECT pg_temp.error_of($$SELECT filteropt.keyword_set(array_fill('x'::text, ARRAY[1000000]))$$)
	AS a_million_times_the_same;

DROP TABLE sets, sets_again, received, copies, parted, words;
