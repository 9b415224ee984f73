-- Where keywords are: offsets into the text as it was given, highlighting, redaction.
SET search_path = public, filteropt;
SET jit = off;

-- 1. Offsets count characters from 1, leftmost first, then in the order of the set.
SELECT * FROM keyword_find('The café: CAFE, café' || U&'\0301' || ' und ﬁne Straße', keyword_set(ARRAY['cafe', 'fine', 'strasse', 'the']));
SELECT * FROM keyword_find('abcabc', keyword_set(ARRAY['bc', 'abc', 'c', 'cab'], whole_word => false));
SELECT * FROM keyword_find('aaaa', keyword_set(ARRAY['aa*', '*aa', 'a*'], whole_word => false));
SELECT * FROM keyword_find('😀 日本語 and free  ' || E'\n' || 'money', keyword_set(ARRAY['free money', '日本', '本語']));
SELECT * FROM keyword_find('nothing here', keyword_set(ARRAY['x']));
SELECT * FROM keyword_find('', keyword_set(ARRAY['x']));
SELECT * FROM keyword_find(NULL, keyword_set(ARRAY['x']));
SELECT * FROM keyword_find('x', NULL);
SELECT * FROM keyword_find('x', keyword_set('{}'::text[]));

-- What belongs to a letter is part of the match: accents and zero-width
-- characters after it, separators before it, its repetitions.
SELECT k AS keyword, start, length, encode(convert_to(matched, 'UTF8'), 'escape') AS bytes
FROM (VALUES
	(1, 'cafe', E'cafe\u0301!', 'accent'),
	(2, 'free', E'\u200Bf\u200Bree\u200B now', 'accent'),
	(3, 'free', '  f.r.e.e. ', 'evasion'),
	(4, 'free', 'sooo freeeee!!', 'evasion'),
	(5, '❤', 'a ❤️ b', 'accent'),
	(6, 'a b', E'a \u200B b', 'accent'),
	(7, 'ガ', 'ｶﾞ', 'accent')) AS v(n, k, body, fold),
	keyword_find(body, keyword_set(ARRAY[k], fold => fold))
ORDER BY n;

-- 2. Many texts: words of many scripts, some decomposed, disguised or glued together.
CREATE TABLE words AS
SELECT * FROM unnest(ARRAY['free', 'FREE', 'fr€€', 'f.r.e.e', 'ｆｒｅｅ', 'frée', 'freeeee', 'fгee', 'f r e e',
	'Straße', 'STRASSE', 'ﬁsh', 'fish', 'ΟΔΟΣ', 'οδος', 'ёлка', 'елка', 'київ', 'Київ', 'محمد', 'مُحَمَّد',
	'שָׁלוֹם', 'שלום', 'हिन्दी', 'กรุงเทพ', '東京都', 'ｶﾞﾝﾀﾞﾑ', 'ガンダム', '한국', 'Việt', '😀', '🇩🇪', '👩‍💻', '#ai', 'ai',
	'j’ai', 'don''t', 'x', '1', '100', '...', ' ', '  ', E'\n', E'\u200B', E'\u0301', ', ', '-', '_', '@joe', '$']) WITH ORDINALITY AS w(word, n);
CREATE FUNCTION pg_temp.text_of(seed int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN r % 7 = 0 THEN normalize(word, nfd) ELSE word END || CASE WHEN r % 3 = 0 THEN '' ELSE ' ' END, '' ORDER BY i)
	FROM (SELECT i, abs(hashint8extended(seed, i)) AS r FROM generate_series(1, 3 + seed % 20) AS i) AS random
	JOIN words ON n = 1 + (r / 100) % (SELECT count(*) FROM words)
$$;
CREATE TABLE texts AS SELECT n AS id, pg_temp.text_of(n) AS body FROM generate_series(1, 400) AS n;
SELECT count(*) AS texts, min(char_length(body)) > 0 AS not_empty, max(char_length(body)) > 100 AS long,
	count(*) FILTER (WHERE octet_length(body) > char_length(body)) > 300 AS in_many_scripts FROM texts;
CREATE TABLE keywords AS
SELECT btrim(word) AS keyword, row_number() OVER (ORDER BY n) AS position FROM words
WHERE word ~ '[[:alnum:]]|[^[:ascii:][:space:]\u200B\u0301]';
CREATE TABLE sets AS
SELECT fold, whole_word, allowed, keyword_set(ARRAY(SELECT keyword FROM keywords ORDER BY position), whole_word, fold,
		CASE WHEN allowed THEN ARRAY['free x', '*東京*', 'fish ai'] END) AS s
FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold, unnest(ARRAY[true, false]) AS whole_word,
	unnest(ARRAY[true, false]) AS allowed;
CREATE TABLE hits AS
SELECT fold, whole_word, allowed, id, body, f.*
FROM sets, texts, LATERAL (SELECT *, row_number() OVER () AS place FROM keyword_find(body, s)) AS f;

-- Every row: the text at that place is what was matched, and it does match.
SELECT fold, whole_word, allowed, count(*) > 200 AS hits,
	count(*) FILTER (WHERE substr(body, start, length) <> matched) AS not_the_text,
	count(*) FILTER (WHERE start < 1 OR length < 1) AS out_of_range,
	count(*) FILTER (WHERE char_length(matched) <> length) AS wrong_length
FROM hits GROUP BY fold, whole_word, allowed ORDER BY fold, whole_word, allowed;
SELECT count(*) AS matched_text_does_not_match FROM hits
WHERE NOT matched @@ keyword_set(ARRAY[keyword], whole_word, fold);
-- Order: leftmost first, in set order at one place, no row twice.
SELECT count(*) AS out_of_order FROM (
	SELECT start, lag(start) OVER w AS before, position, lag(position) OVER w AS position_before
	FROM hits JOIN keywords USING (keyword)
	WINDOW w AS (PARTITION BY fold, whole_word, allowed, id ORDER BY place)) AS ordered
WHERE start < before OR (start = before AND position < position_before);
SELECT count(*) AS twice FROM (
	SELECT FROM hits GROUP BY fold, whole_word, allowed, id, keyword, start HAVING count(*) > 1) AS twice;
-- list and @@ are what find says.
SELECT count(*) AS lists, count(*) FILTER (WHERE cardinality(l) > 1) > 100 AS long_ones,
	count(*) FILTER (WHERE l IS DISTINCT FROM coalesce(f, '{}')) AS list_differs,
	count(*) FILTER (WHERE m <> (f IS NOT NULL)) AS match_differs
FROM (SELECT fold, whole_word, allowed, id, keyword_list(body, s) AS l, body @@ s AS m FROM sets, texts) AS x
LEFT JOIN (SELECT fold, whole_word, allowed, id, array_agg(keyword ORDER BY position) AS f
	FROM (SELECT DISTINCT fold, whole_word, allowed, id, keyword, position
		FROM hits JOIN keywords USING (keyword)) AS d
	GROUP BY 1, 2, 3, 4) AS y USING (fold, whole_word, allowed, id);

-- Each keyword by itself gives its share of what all give together.
CREATE TEMP VIEW one_by_one AS
SELECT fold, whole_word, id, one.keyword, f.start, f.length
FROM (SELECT fold, whole_word, keyword, keyword_set(ARRAY[keyword], whole_word, fold) AS s
		FROM sets, keywords WHERE NOT allowed OFFSET 0) AS one,
	(SELECT * FROM texts WHERE id <= 100) AS t, LATERAL keyword_find(body, s) AS f;
SELECT count(*) AS differing FROM (
	(SELECT * FROM one_by_one EXCEPT ALL
	 SELECT fold, whole_word, id, keyword, start, length FROM hits WHERE NOT allowed AND id <= 100)
	UNION ALL
	(SELECT fold, whole_word, id, keyword, start, length FROM hits WHERE NOT allowed AND id <= 100
	 EXCEPT ALL SELECT * FROM one_by_one)) AS d;

-- Allowed phrases: what they cover, and nothing else, is missing.
CREATE TEMP TABLE covers AS
SELECT fold, whole_word, id, f.start, f.start + f.length AS stop
FROM (SELECT fold, whole_word, keyword_set(ARRAY['free x', '*東京*', 'fish ai'], whole_word, fold) AS s
		FROM sets WHERE allowed OFFSET 0) AS a, texts, LATERAL keyword_find(body, s) AS f;
CREATE TEMP VIEW uncovered AS
SELECT fold, whole_word, id, keyword, start, length FROM hits h
WHERE NOT allowed AND NOT EXISTS (
	SELECT FROM covers c WHERE (c.fold, c.whole_word, c.id) = (h.fold, h.whole_word, h.id)
		AND c.start <= h.start AND c.stop >= h.start + h.length);
SELECT (SELECT count(*) FROM hits WHERE NOT allowed) > (SELECT count(*) FROM hits WHERE allowed) AS some_are_covered,
	count(*) AS differing FROM (
	(SELECT * FROM uncovered EXCEPT ALL SELECT fold, whole_word, id, keyword, start, length FROM hits WHERE allowed)
	UNION ALL
	(SELECT fold, whole_word, id, keyword, start, length FROM hits WHERE allowed EXCEPT ALL SELECT * FROM uncovered)) AS d;

-- 3. Highlighting and redacting, against the same done with the offsets.
CREATE FUNCTION pg_temp.marked(body text, spans int4multirange, open text, close text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(CASE WHEN spans @> i AND NOT spans @> i - 1 THEN open ELSE '' END
		|| substr(body, i, 1)
		|| CASE WHEN spans @> i AND NOT spans @> i + 1 THEN close ELSE '' END, '' ORDER BY i), '')
	FROM generate_series(1, char_length(body)) AS i
$$;
SELECT count(*) AS texts, count(*) FILTER (WHERE highlighted <> body) > 100 AS some_marked,
	count(*) FILTER (WHERE replace(replace(highlighted, '«', ''), '»', '') <> body) AS text_changed,
	count(*) FILTER (WHERE replace(highlighted, '»«', '') <> pg_temp.marked(body, spans, '«', '»')) AS marked_differs,
	count(*) FILTER (WHERE h.redacted <> masked.redacted) AS redacted_differs
FROM (SELECT id, body, keyword_highlight(body, s, '«', '»') AS highlighted, keyword_redact(body, s) AS redacted,
		coalesce(range_agg(int4range(start, start + length)) FILTER (WHERE start IS NOT NULL), '{}') AS spans
	FROM (SELECT * FROM texts WHERE id <= 150) AS t CROSS JOIN sets
	LEFT JOIN LATERAL (SELECT start, length FROM keyword_find(body, s)) AS f ON true
	GROUP BY fold, whole_word, allowed, id, body, s) AS h,
	LATERAL (SELECT coalesce(string_agg(CASE WHEN spans @> i THEN '*' ELSE substr(body, i, 1) END, '' ORDER BY i), '') AS redacted
		FROM generate_series(1, char_length(body)) AS i) AS masked;

SELECT keyword_highlight('Free money & <b>free</b>', keyword_set(ARRAY['free', 'free money'])) AS defaults,
	keyword_highlight('abcd', keyword_set(ARRAY['abc', 'bcd'], whole_word => false), '[', ']') AS overlapping,
	keyword_highlight('abcd', keyword_set(ARRAY['ab', 'cd'], whole_word => false), '[', ']') AS adjoining,
	keyword_highlight('abcd', keyword_set(ARRAY['abcd', 'b'], whole_word => false), '[', ']') AS nested,
	keyword_highlight('abcd', keyword_set(ARRAY['abc']), '[', ']') AS none,
	keyword_highlight('abcd', keyword_set(ARRAY['abcd']), '', '') AS empty_marks,
	keyword_highlight('', keyword_set(ARRAY['abcd'])) AS empty_text,
	keyword_highlight('a', keyword_set(ARRAY['a']), NULL) AS null_mark;
SELECT keyword_redact('damn the café', keyword_set(ARRAY['damn', 'cafe'])) AS defaults,
	keyword_redact('damn it', keyword_set(ARRAY['damn']), '█') AS one_character,
	keyword_redact('damn it', keyword_set(ARRAY['damn']), '[removed]') AS a_word,
	keyword_redact('damn it', keyword_set(ARRAY['damn']), '') AS nothing,
	keyword_redact('f.r.e.e 日本', keyword_set(ARRAY['free', '日本'], fold => 'evasion')) AS disguised,
	keyword_redact('abcd', keyword_set(ARRAY['abc', 'bcd'], whole_word => false), '-x-') AS overlapping,
	keyword_redact('a', keyword_set(ARRAY['a']), NULL) AS null_mask;

-- 4. Long texts: places beyond every window, matches across the seams of them.
CREATE TABLE long AS
SELECT fold, repeat(pad, 5000) || E'xx freé\u0301 \n money yy' || repeat(pad, 3000) || '東京' AS body, pad
FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold,
	unnest(ARRAY['lorem ipsum ', 'Füße żółw ', '日本語の文', 'ｆｕｌｌ ', E'e\u0301 ', '😀']) AS pad;
\pset format unaligned
SELECT fold, pad, char_length(body), f.*, substr(body, start, length) = matched AS is_there
FROM long, keyword_find(body, keyword_set(ARRAY['freé money', E'freé\u0301 money', '東京'], fold => fold)) AS f
WHERE fold IN ('none', 'evasion') ORDER BY fold, pad COLLATE "C", start, keyword COLLATE "C";
\pset format aligned
SELECT n, count(*) AS found, bool_and(start = n + 1 AND length = 12 AND substr(body, start, length) = matched) AS right
FROM generate_series(16000, 17000, 7) AS n,
	LATERAL (SELECT repeat('-', n) || 'needle  here' || repeat('-', 20000) AS body) AS t,
	keyword_find(body, keyword_set(ARRAY['needle here', 'needless']))
GROUP BY n HAVING count(*) <> 1 OR NOT bool_and(start = n + 1 AND length = 12 AND substr(body, start, length) = matched);
SELECT fold, count(*) AS occurrences, count(DISTINCT start) AS places, min(start), max(start + length - 1)
FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold,
	keyword_find(repeat('é needle x ', 20000), keyword_set(ARRAY['needle'], fold => fold))
GROUP BY fold ORDER BY fold;
DROP TABLE words, keywords, texts, sets, hits, long CASCADE;
