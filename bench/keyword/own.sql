-- own.sql: filteropt's ways, once its functions exist.
\set ON_ERROR_STOP 1
SET search_path = bench;

CREATE TABLE stored (n integer, whole_word boolean, fold text, keywords filteropt.keyword_set,
	PRIMARY KEY (n, whole_word, fold));

-- The set of a list as an expression: a constant that the planner folds, or a
-- look into the table of stored sets.
CREATE FUNCTION set_constant(n integer, whole_word boolean, fold text) RETURNS text LANGUAGE sql AS $$
	SELECT format('filteropt.keyword_set(%L::text[], whole_word => %L, fold => %L)', l.keywords, $2, $3)
	FROM bench.list l WHERE l.n = $1
$$;
CREATE FUNCTION set_stored(n integer, whole_word boolean, fold text) RETURNS text LANGUAGE sql AS $$
	INSERT INTO bench.stored
		SELECT $1, $2, $3, filteropt.keyword_set(l.keywords, $2, $3) FROM bench.list l WHERE l.n = $1
		ON CONFLICT DO NOTHING;
	SELECT format('(SELECT keywords FROM bench.stored WHERE n = %s AND whole_word = %L AND fold = %L)', $1, $2, $3)
$$;

-- Any match: with a constant at two folding levels, and with a stored set.
CREATE PROCEDURE add_own_any(grp text, texts text, n integer, whole_word boolean)
LANGUAGE plpgsql AS $$
BEGIN
	CALL bench.add_way(grp, 'filteropt', format('SELECT count(*) FROM {texts} WHERE body OPERATOR(filteropt.@@) %s',
		bench.set_constant(n, whole_word, 'accent')), texts);
	CALL bench.add_way(grp, 'filteropt case', format('SELECT count(*) FROM {texts} WHERE body OPERATOR(filteropt.@@) %s',
		bench.set_constant(n, whole_word, 'case')), texts);
	CALL bench.add_way(grp, 'filteropt stored', format('SELECT count(*) FROM {texts} WHERE body OPERATOR(filteropt.@@) %s',
		bench.set_stored(n, whole_word, 'accent')), texts);
END $$;

-- All matches: distinct keywords, and every occurrence.
CREATE PROCEDURE add_own_all(grp text, texts text, n integer, whole_word boolean)
LANGUAGE plpgsql AS $$
BEGIN
	CALL bench.add_way(grp, 'filteropt list',
		format('SELECT count(*) FROM {texts} WHERE filteropt.keyword_list(body, %s) <> ''{}''',
			bench.set_constant(n, whole_word, 'accent')), texts);
	CALL bench.add_way(grp, 'filteropt find',
		format('SELECT count(*) FROM {texts}, filteropt.keyword_find(body, %s)',
			bench.set_constant(n, whole_word, 'accent')), texts);
END $$;

-- What the other functions and levels cost beside @@.
CREATE PROCEDURE add_functions(texts text, n integer)
LANGUAGE plpgsql AS $$
DECLARE
	grp text := format('functions/%s/%s', texts, n);
	keywords text := bench.set_constant(n, true, 'accent');
	level text;
BEGIN
	CALL bench.add_way(grp, 'floor', 'SELECT count(*) FROM {texts} WHERE bench.noop(body, 1)', texts);
	FOREACH level IN ARRAY '{none,case,accent,evasion}'::text[] LOOP
		CALL bench.add_way(grp, '@@ ' || level,
			format('SELECT count(*) FROM {texts} WHERE body OPERATOR(filteropt.@@) %s',
				bench.set_constant(n, true, level)), texts);
	END LOOP;
	CALL bench.add_way(grp, 'keyword_list',
		format('SELECT count(*) FROM {texts} WHERE filteropt.keyword_list(body, %s) <> ''{}''', keywords), texts);
	CALL bench.add_way(grp, 'keyword_find',
		format('SELECT count(*) FROM {texts}, filteropt.keyword_find(body, %s)', keywords), texts);
	CALL bench.add_way(grp, 'keyword_highlight',
		format('SELECT count(*) FROM {texts} WHERE filteropt.keyword_highlight(body, %s) <> body', keywords), texts);
	CALL bench.add_way(grp, 'keyword_redact',
		format('SELECT count(*) FROM {texts} WHERE filteropt.keyword_redact(body, %s) <> body', keywords), texts);
END $$;

-- Building a set: one of 50 keywords as owners have them, and each size.
CREATE PROCEDURE add_build()
LANGUAGE plpgsql AS $$
DECLARE
	n integer;
	lists float8 := (SELECT count(*) FROM bench.owned);
BEGIN
	CALL bench.add_way('build/50', 'floor',
		'SELECT count(*) FROM bench.owned WHERE cardinality(keywords) = 0', n_ops => lists);
	CALL bench.add_way('build/50', 'keyword_set',
		'SELECT count(*) FROM bench.owned WHERE filteropt.keyword_set(keywords) IS NULL', n_ops => lists);
	FOR n IN SELECT list.n FROM bench.list ORDER BY 1 LOOP
		CALL bench.add_way('build/' || n, 'keyword_set', format(
			'SELECT count(*) FROM bench.list WHERE n = %s AND filteropt.keyword_set(keywords) IS NULL', n));
	END LOOP;
END $$;
