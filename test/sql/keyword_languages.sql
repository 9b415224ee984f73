-- Fold levels, language by language: the first level at which a keyword is found in a text.
SET search_path = public, filteropt;
SET jit = off;

CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, language text, keyword text, body text,
	first_level text);
INSERT INTO cases (language, keyword, body, first_level) VALUES
	('English', 'Résumé', 'Résumé', 'none'),
	('English', 'resume', 'RESUME', 'case'),
	('English', 'resume', 'my résumé', 'accent'),
	('English', 'résumé', 'my resume', 'accent'),
	('English', 'naive', E'nai\u0308ve', 'accent'),
	('English', 'file', 'ﬁle', 'case'),
	('English', 'sale', 'ｓａｌｅ', 'accent'),
	('English', 'free', '𝐟𝐫𝐞𝐞', 'accent'),
	('English', 'free', 'ⓕⓡⓔⓔ', 'accent'),
	('English', 'tm', 'tm', 'none'),
	('English', 'free', 'frée', 'accent'),
	('English', 'cooperate', 'coöperate', 'accent'),
	('German', 'Straße', 'STRASSE', 'case'),
	('German', 'strasse', 'Straße', 'case'),
	('German', 'STRAẞE', 'straße', 'case'),
	('German', 'Muller', 'Müller', 'accent'),
	('German', 'Müller', 'Mueller', 'never'),
	('German', 'Müller', E'Mu\u0308ller', 'accent'),
	('German', 'Straßenbahn', 'Strasenbahn', 'never'),
	('French', 'été', 'ETE', 'accent'),
	('French', 'œuvre', 'ŒUVRE', 'case'),
	('French', 'garçon', 'GARÇON', 'case'),
	('French', 'garcon', 'garçon', 'accent'),
	('French', 'où', 'ou', 'accent'),
	('Polish', 'żółw', 'ŻÓŁW', 'case'),
	('Polish', 'zólw', 'żólw', 'accent'),
	('Polish', 'zolw', 'żółw', 'accent'),
	('Danish', 'rod', 'rød', 'accent'),
	('Danish', 'aere', 'ære', 'accent'),
	('Croatian', 'dak', 'đak', 'accent'),
	('Icelandic', 'thor', 'þór', 'accent'),
	('Spanish', 'año', 'AÑO', 'case'),
	('Spanish', 'ano', 'año', 'accent'),
	('Turkish', 'istanbul', 'İSTANBUL', 'accent'),
	('Turkish', 'İstanbul', E'i\u0307stanbul', 'case'),
	('Turkish', 'ısı', 'ISI', 'accent'),
	('Turkish', 'isi', 'ISI', 'case'),
	('Turkish', 'çarşı', 'ÇARŞı', 'case'),
	('Turkish', 'ankara', 'Ankara’da', 'case'),
	('Vietnamese', 'Việt Nam', 'VIỆT NAM', 'case'),
	('Vietnamese', 'Việt Nam', E'Vie\u0323\u0302t Nam', 'accent'),
	('Vietnamese', 'Viet Nam', 'Việt Nam', 'accent'),
	('Vietnamese', 'đường', 'ĐƯỜNG', 'case'),
	('Greek', 'ΟΔΥΣΣΕΥΣ', 'οδυσσευς', 'case'),
	('Greek', 'οδος', 'ΟΔΟΣ', 'case'),
	('Greek', 'σοφος', 'σοφοσ', 'case'),
	('Greek', 'Αθηνα', 'Αθήνα', 'accent'),
	('Greek', 'ᾳ', 'ΑΙ', 'case'),
	('Greek', 'Άδης', 'ἅδης', 'accent'),
	('Russian', 'привет', 'ПРИВЕТ', 'case'),
	('Russian', 'ёлка', 'елка', 'accent'),
	('Russian', 'привет', 'приве́т', 'accent'),
	('Russian', 'мир', 'миру', 'never'),
	('Ukrainian', 'Київ', 'КИЇВ', 'case'),
	('Ukrainian', 'київ', E'киі\u0308в', 'accent'),
	('Ukrainian', 'ґанок', 'ганок', 'never'),
	('Serbian', 'đak', 'ĐAK', 'case'),
	('Armenian', 'և', 'եւ', 'case'),
	('Georgian', 'თბილისი', 'ᲗᲑᲘᲚᲘᲡᲘ', 'case'),
	('Cherokee', 'ꮳꮃꭹ', 'ᏣᎳᎩ', 'case'),
	('Arabic', 'محمد', 'مُحَمَّد', 'accent'),
	('Arabic', 'سلام', 'ســلام', 'never'),
	('Arabic', 'لا', 'ﻻ', 'accent'),
	('Arabic', 'أحمد', 'احمد', 'accent'),
	('Arabic', 'كتاب', 'الكتاب', 'never'),
	('Arabic', '*كتاب', 'الكتاب', 'none'),
	('Hebrew', 'שלום', 'שָׁלוֹם', 'accent'),
	('Hebrew', 'שלום', 'ושלום', 'never'),
	('Hebrew', 'שלום', E'\uFB2Aלום', 'accent'),
	('Hindi', 'हिन्दी', 'मेरी हिन्दी अच्छी', 'none'),
	('Hindi', 'हिन्द', 'हिन्दी', 'never'),
	('Hindi', E'\u0958लम', E'\u0915\u093Cलम', 'accent'),
	('Hindi', 'हिंदी', 'हिदी', 'never'),
	('Tamil', 'தமிழ்', 'தமிழ்!', 'none'),
	('Tamil', 'தமிழ', 'தமிழ்', 'never'),
	('Thai', 'กรุงเทพ', 'ฉันอยู่กรุงเทพฯ', 'none'),
	('Thai', 'น้ำ', E'น\u0E49\u0E4D\u0E32', 'accent'),
	('Thai', 'กา', 'ก้า', 'never'),
	('Lao', 'ລາວ', 'ພາສາລາວ', 'none'),
	('Khmer', 'ខ្មែរ', 'ភាសាខ្មែរ', 'none'),
	('Burmese', 'မြန်မာ', 'မြန်မာစာ', 'none'),
	('Japanese', '東京', '東京都庁', 'none'),
	('Japanese', 'カタカナ', 'ｶﾀｶﾅ', 'accent'),
	('Japanese', 'ガンダム', 'ｶﾞﾝﾀﾞﾑ', 'accent'),
	('Japanese', 'パン', 'ﾊﾟﾝ', 'accent'),
	('Japanese', 'が', E'か\u3099', 'accent'),
	('Japanese', 'パーティー', E'ハ\u309Aーティー', 'accent'),
	('Japanese', 'か', 'が', 'never'),
	('Japanese', 'ハン', 'パン', 'never'),
	('Japanese', 'かな', 'カナ', 'never'),
	('Japanese', 'ＡＢＣ', 'abc', 'accent'),
	('Japanese', '株式会社', '㍿', 'accent'),
	('Chinese', '免费', '点击免费领取', 'none'),
	('Chinese', '免費', '免费', 'never'),
	('Chinese', '北京', E'北\u200B京', 'accent'),
	('Chinese', '更', E'\uF901', 'accent'),
	('Korean', '한국', '한국 사람', 'none'),
	('Korean', '한국', E'\u1112\u1161\u11AB\u1100\u116E\u11A8', 'accent'),
	('Korean', E'\u1112\u1161\u11AB\u1100\u116E\u11A8', '한국', 'accent'),
	('Korean', '하', '한', 'never'),
	('Korean', '하*', E'\u1112\u1161\u11AB', 'never'),
	('Korean', '한국', '한국은', 'never'),
	('Korean', '한국*', '한국은', 'none'),
	('Amharic', 'ሰላም', 'ሰላም።', 'none'),
	('Marks', 'cafe', E'cafe\u0301', 'accent'),
	('Marks', 'café', E'cafe\u0301', 'accent'),
	('Marks', 'e', E'e\u0301', 'accent'),
	('Ignored', 'free', E'f\u200Br\u200Ce\u2060e', 'accent'),
	('Ignored', 'free', E'fr\u00ADee', 'accent'),
	('Ignored', 'free', E'\uFEFFfree', 'none'),
	('Ignored', 'free', E'fr\uFEFFee', 'accent'),
	('Ignored', 'free', E'f\uFE0Fr\U000E0020ee', 'accent');

CREATE VIEW verdict AS
SELECT c.*, (SELECT coalesce(min(fold) FILTER (WHERE level = least), 'never') FROM (
		SELECT fold, level, min(level) FILTER (WHERE body @@ keyword_set(ARRAY[keyword], fold => fold))
			OVER () AS least
		FROM unnest(ARRAY['none', 'case', 'accent', 'evasion'], ARRAY[1, 2, 3, 4]) AS f(fold, level)) AS l) AS got
FROM cases c;
SELECT language, count(*) AS cases, count(*) FILTER (WHERE got <> first_level) AS wrong
FROM verdict GROUP BY language ORDER BY min(n);
SELECT language, keyword, body, first_level AS wanted, got FROM verdict WHERE got <> first_level ORDER BY n;

-- What is found at one level is found at all that come after it.
SELECT count(*) AS checks, count(*) FILTER (WHERE lower_found AND NOT higher_found) AS lost
FROM cases, LATERAL (VALUES ('none', 'case'), ('case', 'accent'), ('accent', 'evasion')) AS l(lower, higher),
	LATERAL (SELECT body @@ keyword_set(ARRAY[keyword], fold => lower) AS lower_found,
		body @@ keyword_set(ARRAY[keyword], fold => higher) AS higher_found) AS found;

-- Against PostgreSQL's own normalisation and case: a text in NFC and in NFD is
-- the same to "accent", upper and lower case to "case".
SELECT count(*) AS cases,
	count(*) FILTER (WHERE NOT normalize(body, nfd) @@ s OR NOT normalize(body, nfc) @@ s
		OR NOT normalize(body, nfkc) @@ s OR NOT normalize(body, nfkd) @@ s) AS lost_by_normalising
FROM cases, LATERAL (SELECT keyword_set(ARRAY[keyword], fold => 'accent') AS s) AS made
WHERE first_level IN ('none', 'case', 'accent');
SELECT count(*) AS cases, count(*) FILTER (WHERE NOT normalize(body, nfc) @@ s OR NOT normalize(body, nfd) @@ s) AS lost
FROM cases, LATERAL (SELECT keyword_set(ARRAY[normalize(keyword, nfd)], fold => 'accent') AS s) AS made
WHERE first_level IN ('none', 'case', 'accent');

-- Every third letter, mark and digit of the basic plane is found in itself, between
-- blanks, with its own text; only accents and the like may be refused, as ignored.
CREATE FUNCTION pg_temp.itself(c text, fold text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(start || ':' || length || ':' || matched, ' ')
		FROM keyword_find('- ' || c || ' -', keyword_set(ARRAY[c], fold => fold)));
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN '';
END $$;
SELECT fold, count(*) > 15000 AS characters, count(*) FILTER (WHERE itself = '') > 0 AS ignores_some,
	count(*) FILTER (WHERE itself IS DISTINCT FROM '3:1:' || c AND itself IS DISTINCT FROM '') AS wrong
FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold,
	(SELECT chr(n) AS c FROM generate_series(1, 65535, 3) AS n WHERE n NOT BETWEEN 55296 AND 57343) AS basic_plane,
	LATERAL (SELECT pg_temp.itself(c, fold)) AS found(itself)
WHERE c ~ '[[:alnum:]]'
GROUP BY fold ORDER BY fold;
DROP TABLE cases CASCADE;
