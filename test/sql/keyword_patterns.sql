-- The pattern language and the word boundaries, as the table in docs/keyword.md has them.
SET search_path = public, filteropt;

-- Does the keyword occur? NULL where the keyword is refused.
CREATE FUNCTION pg_temp.found(keyword text, body text, fold text, whole_word boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	RETURN body @@ keyword_set(ARRAY[keyword], whole_word, fold);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN NULL;
END $$;

CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, topic text, keyword text, body text, wanted boolean);

-- 1. Words, open ends, escapes.
INSERT INTO cases (topic, keyword, body, wanted) VALUES
	('word', 'cat', 'the cat sat', true),
	('word', 'cat', 'cat', true),
	('word', 'cat', 'CAT!', true),
	('word', 'cat', '(cat)', true),
	('word', 'cat', 'cat-like', true),
	('word', 'cat', 'wild_cat', true),
	('word', 'cat', 'cats', false),
	('word', 'cat', 'concat', false),
	('word', 'cat', 'cat2', false),
	('word', 'cat', '2cat', false),
	('word', 'cat', 'ca t', false),
	('word', 'cat', '', false),
	('word', ' cat ', 'the cat sat', true),
	('phrase', 'free money', 'Free money!', true),
	('phrase', 'free money', 'free    money', true),
	('phrase', 'free money', E'free\n\t money', true),
	('phrase', 'free money', E'free\r\nmoney', true),
	('phrase', 'free money', E'free\u00a0money', true),
	('phrase', 'free money', E'free\u3000\u2003money', true),
	('phrase', E'free\n\nmoney', 'free money', true),
	('phrase', 'free money', 'free, money', false),
	('phrase', 'free money', 'freemoney', false),
	('phrase', 'free money', 'carefree money', false),
	('phrase', 'free money', 'free moneys', false),
	('phrase', 'free money*', 'free moneys', true),
	('phrase', '*free money', 'carefree money', true),
	('open', 'crypto*', 'cryptocurrency', true),
	('open', 'crypto*', 'crypto', true),
	('open', 'crypto*', 'acrypto', false),
	('open', '*coin', 'Bitcoin', true),
	('open', '*coin', 'coin', true),
	('open', '*coin', 'coins', false),
	('open', '*bit*', 'orbiting', true),
	('open', '**bit***', 'orbiting', true),
	('open', '* bit *', 'orbiting', true),
	('open', '*a', 'a', true),
	('literal', 'a*b', 'a*b', true),
	('literal', 'a*b', 'axb', false),
	('literal', 'a*b', 'a*bc', false),
	('literal', '\*', '5 * 3', true),
	('literal', '\*', '5 3', false),
	('literal', 'f\*', 'f* word', true),
	('literal', 'f\*', 'fx', false),
	('literal', '\*\*\*', 'it is *** good', true),
	('literal', '*\*', 'x*', true),
	('literal', '\\', 'C:\dir', true),
	('literal', '\\*', '\a', true),
	('literal', 'C:\dir', 'in c:\dir', true),
	('literal', 'a\', 'a\ b', true),
	('literal', 'a\b', 'ab', false),
	('literal', '%', '100 %', true),
	('literal', '%', 'x', false),
	('literal', '_', 'x', false),
	('literal', '.*', 'anything', false),
	('literal', '.*', 'a.b', true),
	('literal', '[ab]', 'a', false),
	('refused', '', 'x', NULL),
	('refused', ' ', 'x', NULL),
	('refused', '*', 'x', NULL),
	('refused', '* **', 'x', NULL);

-- 2. Tags, handles, and words with signs in them.
INSERT INTO cases (topic, keyword, body, wanted) VALUES
	('tag', '#ai', '#AI is here', true),
	('tag', '#ai', 'ai', false),
	('tag', '#ai', '#aid', false),
	('tag', '#ai', 'x#ai', false),
	('tag', '#ai', '##ai', true),
	('tag', '#ai*', '#aid', true),
	('tag', 'ai', '#ai', true),
	('tag', 'ai', '#aid', false),
	('tag', '#日本', '今日は#日本だ', true),
	('tag', '@joe', 'hi @joe!', true),
	('tag', '@joe', 'mail@joe.example', false),
	('tag', '@joe', '@joey', false),
	('tag', 'joe', '@joe', true),
	('tag', '$btc', 'buy $BTC now', true),
	('tag', '$btc', 'US$btc', false),
	('sign', 'c++', 'C++ is old', true),
	('sign', 'c++', 'c+', false),
	('sign', 'c++', 'objc++', false),
	('sign', 'c#', 'C# and F#', true),
	('sign', '.net', 'the .NET runtime', true),
	('sign', '.net', 'ASP.NET', true),
	('sign', '.net', '.network', false),
	('sign', 'node.js', 'Node.js', true),
	('sign', 'node.js', 'nodexjs', false),
	('sign', 'node.js', 'node.jsx', false),
	('sign', 'at&t', 'AT&T', true),
	('sign', '4/20', 'on 4/20.', true),
	('sign', '4/20', '14/20', false),
	('sign', '100%', '100% sure', true),
	('sign', '100%', '1100%', false),
	('sign', '3.5', 'about 3.5 of it', true),
	('sign', '3.5', '13.5', false),
	('sign', '3.5', '3.57', false),
	('sign', ':)', 'well :)', true),
	('sign', 'e-mail', 'E-mail', true),
	('sign', 'e-mail', 'email', false),
	('sign', 'covid', 'COVID-19', true),
	('sign', 'covid-19', 'covid-190', false);

-- 3. Apostrophes, straight and curly.
INSERT INTO cases (topic, keyword, body, wanted) VALUES
	('apostrophe', 'ai', E'j''ai', false),
	('apostrophe', 'ai', 'j’ai', false),
	('apostrophe', 'ai', E'''ai''', true),
	('apostrophe', 'ai', '‘ai’', true),
	('apostrophe', 'ai', E'AI''s', true),
	('apostrophe', 'ai', 'AI’s', true),
	('apostrophe', 'eau', E'l''eau', false),
	('apostrophe', '*eau', E'l''eau', true),
	('apostrophe', E'l''eau', E'L''EAU', true),
	('apostrophe', E'l''eau', 'l’eau', true),
	('apostrophe', 'l’eau', E'l''eau', true),
	('apostrophe', 'homme', 'l’homme', false),
	('apostrophe', 'aujourd’hui', E'aujourd''hui', true),
	('apostrophe', E'don''t', E'I don''t', true),
	('apostrophe', E'don''t', 'I don’t', true),
	('apostrophe', E'don''t', 'dont', false),
	('apostrophe', 'don', E'don''t', false),
	('apostrophe', 'don', 'don’t', false),
	('apostrophe', 'don', E'Don''s', true),
	('apostrophe', 'don', E'''don''', true),
	('apostrophe', 'don*', E'don''t', true),
	('apostrophe', 't', E'don''t', false),
	('apostrophe', 'ankara', E'Ankara''da', true),
	('apostrophe', 'O''Brien', 'o’brien', true),
	('apostrophe', 'brien', E'O''Brien', false);

-- 4. Scripts: marks and digits of any script belong to words; scripts without spaces have no boundaries.
INSERT INTO cases (topic, keyword, body, wanted) VALUES
	('script', 'мир', 'Мир!', true),
	('script', 'мир', 'мира', false),
	('script', 'мир', 'премир', false),
	('script', 'мир*', 'мира', true),
	('script', 'cat', 'catа', false),
	('script', 'cat', 'caté', false),
	('script', '٣', '٣٤', false),
	('script', '東京', '東京都', true),
	('script', '京', '東京都', true),
	('script', 'ラーメン', 'とんこつラーメン屋', true),
	('script', 'ひと', 'ひとびと', true),
	('script', 'สวัสดี', 'สวัสดีครับ', true),
	('script', 'ai', '生成aiは', true),
	('script', 'ai', '生成aid', false),
	('script', '한국', '한국어', false),
	('script', '한국*', '한국어', true),
	('emoji', '😀', 'hi😀there', true),
	('emoji', '😀', '😁', false),
	('emoji', 'hi', 'hi😀', true),
	('emoji', '🇩🇪', 'in 🇩🇪🇫🇷', true),
	('emoji', '🇫🇷', 'in 🇩🇪🇫🇷', true),
	('emoji', '🇪🇫', 'in 🇩🇪🇫🇷', false),
	('emoji', '❤', '❤️', true),
	('emoji', '❤️', '❤', true);

CREATE VIEW verdict AS
SELECT *, pg_temp.found(keyword, body, 'accent', true) AS got FROM cases;
SELECT topic, count(*) AS cases, count(*) FILTER (WHERE wanted) AS found,
	count(*) FILTER (WHERE wanted IS NULL) AS refused,
	count(*) FILTER (WHERE got IS DISTINCT FROM wanted) AS wrong
FROM verdict GROUP BY topic ORDER BY min(n);
SELECT topic, keyword, body, wanted, got FROM verdict WHERE got IS DISTINCT FROM wanted ORDER BY n;

-- The other functions agree with the operator, case by case, and every level
-- finds at least what the level before it finds.
SELECT fold, whole_word, count(*) AS cases, count(*) FILTER (WHERE m) AS found,
	count(*) FILTER (WHERE m <> (keyword_list(body, s) = ARRAY[keyword])) AS list_differs,
	count(*) FILTER (WHERE m <> EXISTS (SELECT FROM keyword_find(body, s))) AS find_differs,
	count(*) FILTER (WHERE m <> (keyword_highlight(body, s, '<', '>') <> body)) AS highlight_differs,
	count(*) FILTER (WHERE m <> (keyword_redact(body, s, '') <> body)) AS redact_differs,
	count(*) FILTER (WHERE m < pg_temp.found(keyword, body,
		CASE fold WHEN 'case' THEN 'none' WHEN 'accent' THEN 'case'
			WHEN 'evasion' THEN 'accent' ELSE fold END, whole_word)) AS lost,
	count(*) FILTER (WHERE m < pg_temp.found(keyword, body, fold, true)) AS lost_by_opening
FROM cases, unnest(ARRAY['none', 'case', 'accent', 'evasion'], ARRAY[1, 2, 3, 4]) AS f(fold, level),
	unnest(ARRAY[true, false]) AS whole_word,
	LATERAL (SELECT keyword_set(ARRAY[keyword], whole_word, fold) AS s) AS made,
	LATERAL (SELECT body @@ s AS m) AS matched
WHERE wanted IS NOT NULL
GROUP BY level, fold, whole_word ORDER BY level, whole_word;

-- All of them in one set give what each gives alone.
SELECT fold, count(*) AS bodies, count(*) FILTER (WHERE keyword_list(body, s) <> ARRAY(
	SELECT k FROM (SELECT DISTINCT ON (keyword) keyword, n FROM cases
		WHERE wanted IS NOT NULL ORDER BY keyword, n) AS d(k, n)
	WHERE pg_temp.found(k, body, fold, true) ORDER BY n)) AS differing
FROM (SELECT fold, keyword_set(ARRAY(SELECT keyword FROM cases WHERE wanted IS NOT NULL ORDER BY n),
		fold => fold) AS s
	FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold) AS sets,
	(SELECT DISTINCT body FROM cases) AS bodies
GROUP BY fold ORDER BY fold;

-- With whole_word => false both ends are open, as if written with stars.
SELECT keyword, body, pg_temp.found(keyword, body, 'accent', false) AS got
FROM (VALUES
	('cat', 'concatenate'), ('cat*', 'concatenate'), ('#ai', 'x#aid'), ('ai', E'j''ai'),
	('don', E'don''t'), ('a b', 'xa  bx'), ('a b', 'ab'), ('мир', 'Владимира')) AS v(keyword, body);
SELECT count(*) AS cases, count(*) FILTER (WHERE pg_temp.found(keyword, body, 'accent', false)
	<> pg_temp.found('*' || keyword || '*', body, 'accent', true)) AS differing
FROM cases WHERE wanted IS NOT NULL AND keyword !~ '\\$';
DROP TABLE cases CASCADE;
