-- What users of other filters complain of, and what happens here.
SET search_path = public, filteropt;
SET jit = off;
-- Versions of psql disagree on how wide emoji are.
\pset format unaligned

-- found: the texts as matched, NULL for none.
CREATE FUNCTION pg_temp.found(body text, keywords text[], fold text DEFAULT 'accent', allow text[] DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(matched, '|' ORDER BY start, length)
	FROM keyword_find(body, keyword_set(keywords, fold => fold, allow => allow))
$$;

CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, complaint text, keyword text, body text,
	accent text, evasion text);
INSERT INTO cases (complaint, keyword, body, accent, evasion) VALUES
	('innocent words', 'cunt', 'Scunthorpe United', NULL, NULL),
	('innocent words', 'ass', 'Can you assist the class? Assassins pass.', NULL, NULL),
	('innocent words', 'ass', 'What an ass!', 'ass', 'ass'),
	('innocent words', 'cock', 'A cocktail with a peacock', NULL, NULL),
	('innocent words', 'watch', 'My new smartwatch', NULL, NULL),
	('innocent words', 'smart watch', 'My new smartwatch', NULL, NULL),
	('innocent words', 'hell', 'hello shell', NULL, NULL),
	('innocent words', 'sex', 'Essex, Middlesex and Sussex', NULL, NULL),
	('hashtags', 'ai', 'all about #AI today', 'AI', 'AI'),
	('hashtags', '#ai', 'all about #AI today', '#AI', '#AI'),
	('hashtags', '#ai', 'all about AI today', NULL, NULL),
	('hashtags', '#ai', '#AIart', NULL, NULL),
	('hashtags', '#ai*', '#AIart', '#AI', '#AI'),
	('apostrophes', 'AI', 'Hier j''ai vu', NULL, NULL),
	('apostrophes', 'AI', 'Hier j’ai vu', NULL, NULL),
	('apostrophes', 'AI', 'AI''s future', 'AI', 'AI'),
	('emoji', '🍆', 'hi 🍆🍆!', '🍆|🍆', '🍆|🍆'),
	('emoji', '👍', 'ok 👍🏽', '👍', '👍'),
	('emoji', '👍🏽', 'ok 👍🏽', '👍🏽', '👍🏽'),
	('emoji', '👍🏽', 'ok 👍🏿', NULL, NULL),
	('emoji', '❤️', 'love ❤ you', '❤', '❤'),
	('emoji', '❤', 'love ❤️ you', '❤️', '❤️'),
	('emoji', '👩‍💻', 'a 👩‍💻 codes', '👩‍💻', '👩‍💻'),
	('emoji', '👩‍💻', 'a 👨‍💻 codes', NULL, NULL),
	('emoji', '🇩🇪', 'go 🇩🇪!', '🇩🇪', '🇩🇪'),
	('emoji', '🇪🇩', 'go 🇩🇪🇩🇪', NULL, NULL),
	('emoji', '🇩🇪', 'pas de quoi', NULL, NULL),
	('emoji', 'us', 'made in 🇺🇸', NULL, NULL),
	('emoji', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'go 🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'),
	('emoji', '1️⃣', 'no 1️⃣', '1️⃣', '1️⃣'),
	('no spaces', '野球', '昨日野球を見た', '野球', '野球'),
	('no spaces', 'バカ', 'おまえはﾊﾞｶだ', 'ﾊﾞｶ', 'ﾊﾞｶ'),
	('no spaces', '彩票', '免费彩票注册', '彩票', '彩票'),
	('no spaces', 'ขาย', 'ขายของ', 'ขาย', 'ขาย'),
	('zero width', 'viagra', E'via\u200Bgra', E'via\u200Bgra', E'via\u200Bgra'),
	('zero width', 'viagra', E'v\u2060i\u00ADagra', E'v\u2060i\u00ADagra', E'v\u2060i\u00ADagra'),
	('full width', 'viagra', 'ｖｉａｇｒａ', 'ｖｉａｇｒａ', 'ｖｉａｇｒａ'),
	('other forms', 'free', '𝓯𝓻𝓮𝓮 ⓕⓡⓔⓔ 🅵🆁🅴🅴', '𝓯𝓻𝓮𝓮|ⓕⓡⓔⓔ', '𝓯𝓻𝓮𝓮|ⓕⓡⓔⓔ|🅵🆁🅴🅴'),
	('other forms', 'free', E'f\u0336r\u0336e\u0336e\u0336', E'f\u0336r\u0336e\u0336e\u0336', E'f\u0336r\u0336e\u0336e\u0336'),
	('other forms', 'viagra', 'Víàgrâ', 'Víàgrâ', 'Víàgrâ'),
	('look-alikes', 'viagra', 'vіаgrа', NULL, 'vіаgrа'),
	('look-alikes', 'casino', 'саsιnо', NULL, 'саsιnо'),
	('look-alikes', 'москва', 'мockва', NULL, 'мockва'),
	('digits', 'viagra', 'v1agr@', NULL, 'v1agr@'),
	('digits', 'free', 'fr€€', NULL, 'fr€€'),
	('digits', 'cat', 'the c@t''s whiskers', NULL, 'c@t'),
	('separated', 'cats', 'the c@t''s whiskers', NULL, NULL),
	('digits', 'leet', 'l33t', NULL, 'l33t'),
	('digits', 'ass', '@$$', NULL, NULL),
	('digits', 'sex', 's3x', NULL, 's3x'),
	('digits', 'hello', 'h3110', NULL, 'h3110'),
	('digits', 'viagra', 'buy viagra!', 'viagra', 'viagra'),
	('digits', 'go', 'score 60', NULL, NULL),
	('digits', 'loo', 'cost 100', NULL, NULL),
	('repeated', 'free', 'freeeeee', NULL, 'freeeeee'),
	('repeated', 'free', 'fffrrreeee', NULL, 'fffrrreeee'),
	('repeated', 'free', 'free', 'free', 'free'),
	('repeated', 'god', 'good', NULL, NULL),
	('repeated', 'good', 'god', NULL, NULL),
	('repeated', 'good', 'goooood', NULL, 'goooood'),
	('repeated', 'god', 'gooood', NULL, 'gooood'),
	('separated', 'free', 'f.r.e.e', NULL, 'f.r.e.e'),
	('separated', 'free', 'f r e e', NULL, 'f r e e'),
	('separated', 'free', 'F-R_E.E now', NULL, 'F-R_E.E'),
	('separated', 'free', 'f r 3 3', NULL, 'f r 3 3'),
	('separated', 'free', 'f.r ee', NULL, NULL),
	('separated', 'us', 'the U.S. team', NULL, NULL),
	('separated', 'abc', 'a, b, c', NULL, NULL),
	('separated', 'free', 'if r e e d', NULL, NULL);
SELECT complaint, keyword, body, accent, evasion FROM cases ORDER BY n;
SELECT complaint, keyword, body, accent AS wanted_accent, pg_temp.found(body, ARRAY[keyword]) AS accent,
	evasion AS wanted_evasion, pg_temp.found(body, ARRAY[keyword], 'evasion') AS evasion
FROM cases
WHERE pg_temp.found(body, ARRAY[keyword]) IS DISTINCT FROM accent
	OR pg_temp.found(body, ARRAY[keyword], 'evasion') IS DISTINCT FROM evasion
ORDER BY n;

-- "Why was this filtered?"
SELECT keyword, start, length, matched
FROM keyword_find('FR€€ m0ney at Scunthorpe #ai', keyword_set(ARRAY['free money', 'cunt', '#ai'], fold => 'evasion'));

-- One list of 2 000 words against a text is one look at the text.
SELECT keyword_list('word1999 word2001 word7', keyword_set(ARRAY(SELECT 'word' || n FROM generate_series(1, 2000) AS n)));

-- Allowed phrases.
SELECT keywords, allow, body, pg_temp.found(body, keywords, 'accent', allow) AS found
FROM (VALUES
	(1, ARRAY['*ass*'], ARRAY['*assist*'], 'assistance from an ass'),
	(2, ARRAY['*ass*'], ARRAY['*assist*'], 'classist assassin'),
	(3, ARRAY['*ass*'], ARRAY['assist'], 'assistance'),
	(4, ARRAY['apple'], ARRAY['apple pie', 'big apple'], 'an apple, apple pie, the Big  Apple, big apple pie'),
	(5, ARRAY['apple pie'], ARRAY['apple'], 'apple pie'),
	(6, ARRAY['ass', 'hat'], ARRAY['ass hat'], 'ass hat ass'),
	(7, ARRAY['ass'], ARRAY['ass'], 'ass'),
	(8, ARRAY['*a*'], ARRAY['aa'], 'aa aaa'),
	(9, ARRAY['東'], ARRAY['東京'], '東京と東北'),
	(10, ARRAY['b c'], ARRAY['a b', 'c d'], 'a b c d'),
	(11, ARRAY['b c'], ARRAY['a b', 'b c', 'c d'], 'a b c d')) AS v(n, keywords, allow, body)
ORDER BY n;
SELECT pg_temp.found('@ssist the @ss', ARRAY['ass'], 'evasion', ARRAY['*assist*']) AS allowed_in_disguise,
	pg_temp.found('ａｓｓｉｓｔ the ÀSS', ARRAY['*ass*'], 'accent', ARRAY['*assist*']) AS allowed_folded;
-- Operator and list agree with the occurrences.
SELECT count(*) AS texts, count(*) FILTER (WHERE m) AS matching,
	count(*) FILTER (WHERE m <> (f <> '{}')) AS match_differs,
	count(*) FILTER (WHERE l <> f) AS list_differs
FROM generate_series(0, 728) AS n,
	LATERAL (SELECT string_agg((ARRAY['ass', 'assist', 'class ', 'x', ' ass ', 'hat', ' ', 'as', 's'])[(n / (9 ^ i)::int) % 9 + 1], '') AS body
		FROM generate_series(0, 2) AS i) AS text,
	keyword_set(ARRAY['ass*', '*hat', 'x'], allow => ARRAY['*assist*', 'ass hat', 'x x']) AS s,
	LATERAL (SELECT body @@ s AS m, keyword_list(body, s) AS l, ARRAY(SELECT keyword FROM
		(SELECT DISTINCT keyword FROM keyword_find(body, s)) AS k
		ORDER BY array_position(ARRAY['ass*', '*hat', 'x'], keyword)) AS f) AS found;
DROP TABLE cases;
