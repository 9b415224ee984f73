-- ways.sql: the ways to match texts against a list of keywords, those of the
-- peers; own.sql adds those of filteropt.
\set ON_ERROR_STOP 1
SET search_path = bench;

-- A keyword as a LIKE pattern, and as part of a regular expression.
CREATE FUNCTION like_pattern(keyword text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT '%' || regexp_replace(keyword, '([\\%_])', '\\\1', 'g') || '%'
$$;
CREATE FUNCTION regex_pattern(keyword text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT regexp_replace(keyword, '([^[:alnum:][:space:]])', '\\\1', 'g')
$$;

-- The built-in ways for a list: name, boundary, condition on "body".
CREATE FUNCTION builtin_ways(keywords text[])
RETURNS TABLE (name text, boundary text, condition text)
LANGUAGE plpgsql AS $$
DECLARE
	lowered text[] := (SELECT array_agg(lower(k) ORDER BY i) FROM unnest(keywords) WITH ORDINALITY u(k, i));
	likes text[] := (SELECT array_agg(bench.like_pattern(k)) FROM unnest(lowered) k);
	regex text := (SELECT string_agg(bench.regex_pattern(k), '|') FROM unnest(keywords) k);
BEGIN
	RETURN QUERY VALUES
		('ILIKE ANY', 'substring', format('body ILIKE ANY (%L::text[])', likes)),
		('lower LIKE ANY, C', 'substring', format('lower(body COLLATE "C") LIKE ANY (%L::text[])', likes)),
		('~*', 'substring', format('body ~* %L', '(' || regex || ')')),
		('~* \m \M', 'word', format('body ~* %L', '\m(' || regex || ')\M')),
		('strpos OR, C', 'substring', (SELECT string_agg(format('strpos(low, %L) > 0', k), ' OR ')
			FROM unnest(lowered) k)),
		('to_tsvector @@', 'word', format('to_tsvector(''simple'', body) @@ %L::tsquery',
			(SELECT string_agg(q::text, ' | ') FROM unnest(keywords) k,
				phraseto_tsquery('simple', k) q WHERE q::text <> ''))),
		('to_tsvector tokens', 'word', format('EXISTS (SELECT FROM unnest(to_tsvector(''simple'', body)) t '
			'WHERE t.lexeme = ANY (%L::text[]))', lowered));
END $$;

-- Everything for one text table and list size against what is built in: the
-- whole call is compared, so there is no floor to subtract.
CREATE PROCEDURE add_builtin(texts text, n integer)
LANGUAGE plpgsql AS $$
DECLARE
	grp text := format('builtin/%s/%s', texts, n);
	w record;
	source text;
BEGIN
	FOR w IN SELECT b.* FROM bench.list l, bench.builtin_ways(l.keywords) b WHERE l.n = add_builtin.n LOOP
		source := '{texts}';
		IF w.name ~ 'strpos' THEN
			source := '(SELECT lower(body COLLATE "C") AS low FROM {texts} OFFSET 0) t';
		END IF;
		CALL bench.add_way(grp, w.name, format('SELECT count(*) FROM %s WHERE %s', source, w.condition), texts);
	END LOOP;
	CALL bench.add_way(grp, 'octet_length', 'SELECT count(*) FROM {texts} WHERE octet_length(body) < 0', texts);
	IF to_regproc('bench.add_own_any') IS NOT NULL THEN
		CALL bench.add_own_any(grp, texts, n, true);
	END IF;
END $$;

-- Hyperscan for whole words or substrings, and for any or all matches.
CREATE PROCEDURE add_hyperscan(grp text, texts text, n integer, whole_word boolean, any_match boolean)
LANGUAGE plpgsql AS $$
DECLARE
	l integer;
	boundary integer;
BEGIN
	FOREACH boundary IN ARRAY CASE WHEN NOT whole_word THEN '{0}'
			WHEN n <= 100 THEN '{1,2}' ELSE '{1}'::int[] END LOOP
		l := bench.hs_build(keywords, boundary, any_match) FROM bench.list WHERE list.n = add_hyperscan.n;
		CALL bench.add_way(grp, CASE boundary WHEN 2 THEN 'hyperscan-b' ELSE 'hyperscan' END,
			format('SELECT count(*) FROM {texts} WHERE ' ||
				CASE WHEN any_match THEN 'bench.hs_any(body, %s)' ELSE 'bench.hs_all(body, %s) > 0' END, l), texts);
		IF NOT any_match AND boundary < 2 THEN
			CALL bench.add_way(grp, 'hyperscan list',
				format('SELECT count(*) FROM {texts} WHERE bench.hs_list(body, %s) <> ''{}''', l), texts);
		END IF;
	END LOOP;
END $$;

-- Any or all matches of a list in a table of texts: floor, Hyperscan, filteropt.
CREATE PROCEDURE add_value(texts text, n integer, whole_word boolean, any_match boolean)
LANGUAGE plpgsql AS $$
DECLARE
	grp text := format('value/%s/%s/%s/%s', texts, n, CASE WHEN whole_word THEN 'word' ELSE 'substring' END,
		CASE WHEN any_match THEN 'any' ELSE 'all' END);
BEGIN
	CALL bench.add_way(grp, 'floor', 'SELECT count(*) FROM {texts} WHERE bench.noop(body, 1)', texts);
	CALL bench.add_hyperscan(grp, texts, n, whole_word, any_match);
	IF to_regproc('bench.add_own_any') IS NULL THEN
		RETURN;
	END IF;
	IF any_match THEN
		CALL bench.add_own_any(grp, texts, n, whole_word);
	ELSE
		CALL bench.add_own_all(grp, texts, n, whole_word);
	END IF;
END $$;
