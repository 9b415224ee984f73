-- setup.sql: schema bench: the functions of module.c (psql variable "module" is
-- its path), tables for texts and keywords, and the stopwatch "measure".
\set ON_ERROR_STOP 1
CREATE SCHEMA bench;
SET search_path = bench;

CREATE FUNCTION noop(text, anyelement) RETURNS boolean
	AS :'module', 'bench_noop' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION cpu_ns() RETURNS float8
	AS :'module', 'bench_cpu_ns' LANGUAGE C VOLATILE;
CREATE FUNCTION plan(query text) RETURNS integer
	AS :'module', 'bench_plan' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION run(plan integer, n integer, OUT ns float8, OUT value bigint)
	AS :'module', 'bench_run' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION forget() RETURNS void
	AS :'module', 'bench_forget' LANGUAGE C VOLATILE;
CREATE FUNCTION hs_build(keywords text[], boundary integer, first_only boolean) RETURNS integer
	AS :'module', 'bench_hs_build' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION hs_bytes(list integer) RETURNS bigint
	AS :'module', 'bench_hs_bytes' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION hs_any(body text, list integer) RETURNS boolean
	AS :'module', 'bench_hs_any' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hs_all(body text, list integer) RETURNS integer
	AS :'module', 'bench_hs_all' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hs_list(body text, list integer) RETURNS text[]
	AS :'module', 'bench_hs_list' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Texts stay whole in their rows, so that detoasting, which every way would
-- pay, does not blur the figures.  The _few are for ways that take long.
CREATE TABLE tweets (body text) WITH (toast_tuple_target = 8160);
ALTER TABLE tweets ALTER body SET STORAGE EXTERNAL;
CREATE TABLE tweets_few (LIKE tweets INCLUDING STORAGE);
CREATE TABLE posts (LIKE tweets INCLUDING STORAGE) WITH (toast_tuple_target = 8160);
CREATE TABLE posts_few (LIKE tweets INCLUDING STORAGE) WITH (toast_tuple_target = 8160);

-- Keyword lists by size, and lists of 50 as owners have them.
CREATE TABLE line (n serial, line text);
CREATE TABLE list (n integer PRIMARY KEY, keywords text[]);
CREATE TABLE owned (owner serial PRIMARY KEY, keywords text[]);

-- One way to do a thing.  "grp" names what is compared: the ways of a group
-- take turns.  "query" returns one bigint; {texts} stands for the table.
CREATE TABLE way (
	id serial PRIMARY KEY,
	grp text NOT NULL,			-- section/texts/n/boundary/matches
	name text NOT NULL,
	query text NOT NULL,
	texts text,					-- NULL: the query is one operation, not a scan
	n_ops float8 NOT NULL DEFAULT 1,	-- operations in one run of the query
	plan integer,
	repeats integer,
	value bigint,				-- what the query returned
	UNIQUE (grp, name)
);
CREATE TABLE sample (way integer REFERENCES way, round integer, ns float8);

-- Register a way of the group.
CREATE PROCEDURE add_way(grp text, name text, query text, texts text DEFAULT NULL, n_ops float8 DEFAULT 1)
LANGUAGE sql AS $$
	INSERT INTO bench.way (grp, name, query, texts, n_ops) VALUES ($1, $2, $3, $4, $5)
$$;

-- Prepare a way over a table and run it once; the CPU time of another run.
CREATE FUNCTION prepare_way(way_id integer, texts text) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
	p integer;
	ns float8;
	returned bigint;
BEGIN
	SELECT bench.plan(replace(query, '{texts}', coalesce('bench.' || prepare_way.texts, '')))
		INTO p FROM bench.way WHERE id = way_id;
	PERFORM bench.run(p, 1);
	SELECT r.ns, r.value INTO ns, returned FROM bench.run(p, 1) r;
	UPDATE bench.way SET plan = p, value = returned WHERE id = way_id;
	RETURN ns;
END $$;

-- Prepare a way over its table, or over the small one if the whole would take
-- over a second; choose repeats so that a round takes about so many ns.
CREATE PROCEDURE fit_way(way_id integer, budget_ns float8)
LANGUAGE plpgsql AS $$
DECLARE
	texts text := (SELECT w.texts FROM bench.way w WHERE id = way_id);
	n_few float8;
	n_rows float8;
	ns float8;
BEGIN
	IF texts IS NOT NULL THEN
		EXECUTE format('SELECT count(*) FROM bench.%I', texts || '_few') INTO n_few;
		EXECUTE format('SELECT count(*) FROM bench.%I', texts) INTO n_rows;
		ns := bench.prepare_way(way_id, texts || '_few');
		IF ns / n_few * n_rows > greatest(3 * budget_ns, 1e8) THEN
			n_rows := n_few;
		ELSE
			ns := bench.prepare_way(way_id, texts);
		END IF;
	ELSE
		n_rows := (SELECT n_ops FROM bench.way w WHERE id = way_id);
		ns := bench.prepare_way(way_id, NULL);
	END IF;
	UPDATE bench.way SET n_ops = n_rows, repeats = least(1e5, greatest(1, ceil(budget_ns / greatest(ns, 1))))
		WHERE id = way_id;
END $$;

-- Measure all ways that were added: the ways of a group take turns, "rounds"
-- times, for about "ms" milliseconds each.
CREATE PROCEDURE measure(rounds integer, ms float8)
LANGUAGE plpgsql AS $$
DECLARE
	g text;
	w record;
BEGIN
	FOR g IN SELECT DISTINCT grp FROM bench.way WHERE plan IS NULL ORDER BY 1 LOOP
		FOR w IN SELECT id FROM bench.way WHERE grp = g ORDER BY id LOOP
			CALL bench.fit_way(w.id, ms * 1e6);
		END LOOP;
		FOR round IN 1 .. rounds LOOP
			FOR w IN SELECT * FROM bench.way WHERE grp = g ORDER BY id LOOP
				INSERT INTO bench.sample
					SELECT w.id, round, r.ns / w.repeats / w.n_ops FROM bench.run(w.plan, w.repeats) r;
			END LOOP;
		END LOOP;
		PERFORM bench.forget();
	END LOOP;
END $$;

-- Medians, tab-separated, for report.pl.
CREATE VIEW result AS
	SELECT 'sql' AS kind, grp, name,
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ns)::numeric, 1) AS ns,
		round(value / n_ops::numeric, 4) AS value
	FROM bench.way JOIN bench.sample ON sample.way = way.id
	GROUP BY way.id ORDER BY way.id;
