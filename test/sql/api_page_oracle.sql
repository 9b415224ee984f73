-- Pages against ORDER BY over the same table: random orderings of columns of
-- many types, with ties and NULLs, walked forward and backward.
SELECT setseed(0.5);
SET client_min_messages = warning;

-- Not every server is built with ICU.
DO $$
BEGIN
	CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported OR undefined_object THEN
	CREATE COLLATION loose FROM "C";
END $$;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN small AS int CHECK (VALUE < 100);

CREATE FUNCTION pick(VARIADIC "values" text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT nullif("values"[1 + floor(random() * cardinality("values"))::int], 'NULL') $$;

CREATE TABLE zoo AS
SELECT id::bigint,
	pick('1', '2', 'NULL')::int AS "Int 4",
	pick('a', 'B', 'ä', 'z', '', 'NULL') AS txt,
	pick('a', 'B', 'ä', 'z', E'\\'';--', 'NULL') COLLATE "C" AS c_txt,
	pick('a', 'A', 'b', 'B', 'NULL') COLLATE loose AS loose_txt,
	pick('1', '1.0', '1.00', 'NaN', '-123456789012345678901234567890.5', '1e-30', 'NULL')::numeric AS num,
	pick('0.1', '0.30000000000000004', '-0', '0', 'NaN', 'Infinity', 'NULL')::float8 AS dbl,
	pick('0.1', '1e-30', 'NULL')::real AS flt,
	pick('2024-01-01 00:00:00.123456+00', '2024-01-01 00:00:00.123457+00', '1890-06-01 12:00+00',
		'infinity', '4713-02-01 00:00 BC', 'NULL')::timestamptz AS tstz,
	pick('2024-01-02', '2024-02-01', 'NULL')::date AS day,
	pick('1 day -02:00', '-1 day +02:00', '22:00', '1 mon', '30 days', 'NULL')::interval AS span,
	pick('12:00:00.000001', '12:00', 'NULL')::time AS clock,
	pick('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', 'NULL')::uuid AS uid,
	pick('{"a": 1}', '[1, 2]', '"x"', 'null', '1.0', 'NULL')::jsonb AS doc,
	pick('t', 'f', 'NULL')::boolean AS flag,
	pick('sad', 'ok', 'happy', 'NULL')::mood AS mood,
	pick('{1,2}', '{1,NULL}', '{}', 'NULL')::int[] AS list,
	pick('{a,"b c"}', '{"\"x"}', 'NULL')::text[] AS texts,
	pick('(1,a)', '(1,)', '(,"b c")', 'NULL')::pair AS pair,
	pick('[1,5)', 'empty', '(,3]', 'NULL')::int4range AS range,
	pick('7', '42', 'NULL')::small AS small,
	pick('abc', 'abd', 'NULL')::varchar(10) AS vc,
	pick('a', 'ab', 'NULL')::char(4) AS bp,
	pick('\x00ff', '\x', 'NULL')::bytea AS bytes,
	pick('10.0.0.1', '::1', 'NULL')::inet AS ip,
	pick('101', '1', 'NULL')::varbit AS bits,
	pick('12.34', '-1', 'NULL')::money AS cash,
	pick('pg_class', 'pg_type', 'NULL')::regclass AS rel,
	(random() * 3)::int AS nn1,
	(random() * 3)::bigint AS nn2,
	'2024-01-01'::timestamptz + (random() * 3)::int * interval '1 microsecond' AS nn_ts
FROM generate_series(1, 60) AS id;
ALTER TABLE zoo ALTER nn1 SET NOT NULL, ALTER nn2 SET NOT NULL, ALTER nn_ts SET NOT NULL, ADD PRIMARY KEY (id);
ANALYZE zoo;

-- What comes out is what to_jsonb() makes of the row, whatever the type.
SELECT count(*), count(*) FILTER (WHERE item = to_jsonb(z)) AS same
FROM jsonb_array_elements(filteropt.page('zoo', '{id}', 100) -> 'items') AS item
JOIN zoo z ON z.id = (item ->> 'id')::bigint;

-- All items from a cursor on, one page after the other; checks what is said
-- about the pages around, and that turning round gives the page before.
CREATE FUNCTION walk(ordering text[], size int, filter jsonb, back boolean, OUT ids bigint[], OUT wrong int)
LANGUAGE plpgsql AS $$
DECLARE
	page jsonb;
	turned jsonb;
	before jsonb := NULL;
	mark text := NULL;
	got bigint[];
BEGIN
	ids := '{}';
	wrong := 0;
	LOOP
		page := filteropt.page('zoo', ordering, size, mark, filter, '{id}', back);
		got := ARRAY(SELECT (i ->> 'id')::bigint FROM jsonb_array_elements(page -> 'items') i);
		ids := CASE WHEN back THEN got || ids ELSE ids || got END;
		IF before IS NOT NULL THEN
			turned := filteropt.page('zoo', ordering, size,
				page ->> CASE WHEN back THEN 'next' ELSE 'previous' END, filter, '{id}', NOT back);
			wrong := wrong + (turned -> 'items' <> before -> 'items')::int;
		END IF;
		wrong := wrong + ((page ->> CASE WHEN back THEN 'has_next' ELSE 'has_previous' END)::boolean
			<> (before IS NOT NULL))::int;
		EXIT WHEN NOT (page ->> CASE WHEN back THEN 'has_previous' ELSE 'has_next' END)::boolean;
		wrong := wrong + (cardinality(got) <> size)::int;
		mark := page ->> CASE WHEN back THEN 'previous' ELSE 'next' END;
		before := page;
	END LOOP;
END $$;

CREATE FUNCTION random_ordering(OUT entries text[], OUT sql text) LANGUAGE plpgsql AS $$
DECLARE
	col name;
	way text := 'ASC';
BEGIN
	entries := '{}';
	FOR col IN SELECT attname FROM pg_attribute
		WHERE attrelid = 'zoo'::regclass AND attnum > 1 ORDER BY random() LIMIT floor(random() * 4)
	LOOP
		way := pick('ASC', 'DESC');
		entries := entries || (quote_ident(col) || ' ' || way
			|| pick('', ' NULLS FIRST', ' nulls last'));
	END LOOP;
	sql := array_to_string(entries || ('id ' || way), ', ');
END $$;

CREATE FUNCTION compare(rounds int, OUT walks int, OUT rows_walked bigint, OUT failures text[])
LANGUAGE plpgsql AS $$
DECLARE
	o record;
	w record;
	v record;
	f record;
	expected bigint[];
	size int;
	n int;
BEGIN
	walks := 0;
	rows_walked := 0;
	failures := '{}';
	FOR i IN 1..rounds LOOP
		SELECT * INTO o FROM random_ordering();
		SELECT * INTO f FROM (VALUES (NULL::jsonb, 'true'),
			('{"nn1": 1}', 'nn1 = 1'),
			('{"txt": null, "flag": true}', 'txt IS NULL AND flag'),
			('{"mood": ["ok", "happy"], "nn1": {"gte": 1, "lt": 3}}',
				'mood IN (''ok'', ''happy'') AND nn1 >= 1 AND nn1 < 3'),
			('{"num": {"gt": 0, "lte": 1}, "doc": {"null": false}}', 'num > 0 AND num <= 1 AND doc IS NOT NULL'),
			('{"doc": {"eq": {"a": 1}}}', 'doc = ''{"a": 1}'''),
			('{"vc": {"not_in": ["abc"]}, "Int 4": {"ne": 2}}', 'vc NOT IN (''abc'') AND "Int 4" <> 2')
			) AS filters (j, sql) ORDER BY random() LIMIT 1;
		EXECUTE format('SELECT coalesce(array_agg(id ORDER BY %s), ''{}'') FROM zoo WHERE %s', o.sql, f.sql)
			INTO expected;
		size := 1 + floor(random() * 9);
		SELECT * INTO w FROM walk(o.entries, size, f.j, false);
		SELECT * INTO v FROM walk(o.entries, size, f.j, true);
		n := 1 + floor(random() * 5);
		IF w.ids <> expected OR v.ids <> expected OR w.wrong + v.wrong > 0
			OR ARRAY(SELECT (item ->> 'id')::bigint FROM jsonb_array_elements(
				filteropt.page_offset('zoo', o.entries, n, size, f.j) -> 'items') item)
				<> expected[(n - 1) * size + 1 : n * size]
		THEN
			failures := failures || format('%s / %s: %s', o.entries, f.j, w.wrong + v.wrong);
		END IF;
		walks := walks + 2;
		rows_walked := rows_walked + cardinality(w.ids) + cardinality(v.ids);
	END LOOP;
END $$;

SELECT walks, rows_walked > 3000 AS enough, failures FROM compare(100);

-- Settings that change how values are printed change no page.
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET timezone = 'Asia/Kolkata';
SET jit = off; -- a forbidden plan costs enough to be compiled
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT walks, failures FROM compare(50);

-- The same place as a condition of one's own, and as the cursor of a row.
CREATE FUNCTION compare_conditions(rounds int, OUT conditions int, OUT failures text[])
LANGUAGE plpgsql AS $$
DECLARE
	o record;
	mark text;
	expected bigint[];
	after bigint[];
	before bigint[];
	at int;
BEGIN
	conditions := 0;
	failures := '{}';
	FOR i IN 1..rounds LOOP
		SELECT * INTO o FROM random_ordering();
		EXECUTE format('SELECT array_agg(id ORDER BY %s) FROM zoo', o.sql) INTO expected;
		at := 1 + floor(random() * 60);
		SELECT filteropt.page_cursor('zoo', o.entries, z) INTO mark FROM zoo z WHERE id = expected[at];
		EXECUTE format('SELECT coalesce(array_agg(id ORDER BY %s), ''{}'') FROM zoo AS "Z z" WHERE %s', o.sql,
			filteropt.page_condition('zoo', o.entries, mark, alias => 'Z z')) INTO after;
		EXECUTE format('SELECT coalesce(array_agg(id ORDER BY %s), ''{}'') FROM zoo WHERE %s', o.sql,
			filteropt.page_condition('zoo', o.entries, mark, backward => true, alias => 'zoo')) INTO before;
		IF after <> expected[at + 1 :] OR before <> expected[: at - 1] THEN
			failures := failures || format('%s at %s', o.entries, at);
		END IF;
		conditions := conditions + 2;
	END LOOP;
END $$;
SELECT * FROM compare_conditions(100);

DROP TABLE zoo;
DROP FUNCTION walk, random_ordering, compare, compare_conditions, pick;
DROP TYPE mood, pair;
DROP DOMAIN small;
DROP COLLATION loose;
