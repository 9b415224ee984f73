-- What a workload in bench_query costs, and what advice makes of it.

-- The planner's cost of each query.
CREATE FUNCTION bench_costs(OUT n int, OUT cost float8) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	query record;
	plan json;
BEGIN
	FOR query IN SELECT * FROM bench_query ORDER BY bench_query.n LOOP
		EXECUTE 'EXPLAIN (FORMAT JSON) ' || query.q INTO plan;
		n := query.n;
		cost := query.weight * (plan->0->'Plan'->>'Total Cost')::float8;
		RETURN NEXT;
	END LOOP;
END $$;

-- Milliseconds of CPU time that this backend has used, or of the clock where there is no Linux to
-- tell.  The kernel adds up when a process sleeps.
CREATE FUNCTION bench_now() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.00001);
	RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e6;
EXCEPTION WHEN OTHERS THEN
	RETURN 1000 * extract(epoch FROM clock_timestamp());
END $$;

-- Milliseconds of each query with planning: the least of some runs, without
-- parallel workers (their nodes stay in the plan, but this backend does the work).
-- What a query changes is rolled back.
CREATE FUNCTION bench_times(OUT n int, OUT ms float8) RETURNS SETOF record
	LANGUAGE plpgsql SET max_parallel_workers = 0 AS $$
DECLARE
	query record;
	started float8;
	took float8;
	sum float8;
	nothing float8 := 'Infinity';
BEGIN
	FOR run IN 1 .. 50 LOOP
		started := bench_now();
		nothing := least(nothing, bench_now() - started);
	END LOOP;
	FOR query IN SELECT * FROM bench_query ORDER BY bench_query.n LOOP
		n := query.n;
		ms := 'Infinity';
		sum := 0;
		FOR run IN 1 .. 40 LOOP
			BEGIN
				started := bench_now();
				EXECUTE query.q;
				took := greatest(bench_now() - started - nothing, 0);
				RAISE EXCEPTION USING errcode = 'FO001';
			EXCEPTION WHEN SQLSTATE 'FO001' THEN
				NULL;
			END;
			ms := least(ms, query.weight * took);
			sum := sum + took;
			EXIT WHEN sum > 60 AND run > 2;
		END LOOP;
		RETURN NEXT;
	END LOOP;
END $$;

CREATE FUNCTION bench_table_bytes() RETURNS numeric LANGUAGE sql AS $$
	SELECT sum(pg_table_size(oid)) FROM pg_class
	WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ '^bench_'
$$;

-- Make the indexes of an advice, keep what was said in bench_advice, and look at the
-- result; then drop them.
CREATE TABLE bench_advice (run text, ddl text, reason text, queries bigint[], size_estimate bigint,
	write_cost float8, size bigint);
-- What somebody who knows PostgreSQL well would make, without a limit of space.
CREATE TABLE bench_hand (ddl text);
CREATE TABLE bench_before AS SELECT 0 AS n, 0::float8 AS cost, 0::float8 AS ms LIMIT 0;
CREATE FUNCTION bench_advise(run text, budget text, verify boolean, timed boolean,
	OUT indexes bigint, OUT mb numeric, OUT estimate_mb numeric, OUT seconds numeric,
	OUT write_cost numeric, OUT cost float8, OUT cost_share numeric, OUT time_share numeric,
	OUT worst numeric, OUT worst_query int)
	LANGUAGE plpgsql AS $$
DECLARE
	advice record;
	started timestamptz := clock_timestamp();
	name text;
BEGIN
	IF NOT EXISTS (SELECT FROM bench_before) THEN
		INSERT INTO bench_before SELECT b.n, b.cost FROM bench_costs() b;
		IF timed THEN
			UPDATE bench_before SET ms = t.ms FROM bench_times() t WHERE t.n = bench_before.n;
		END IF;
	END IF;
	DELETE FROM bench_advice a WHERE a.run = bench_advise.run;
	started := clock_timestamp();
	INSERT INTO bench_advice SELECT bench_advise.run, h.ddl FROM bench_hand h WHERE bench_advise.run = 'by hand';
	INSERT INTO bench_advice SELECT bench_advise.run, a.ddl, a.reason, a.queries, a.size_estimate, a.write_cost
		FROM filteropt.index_advise((SELECT array_agg(q ORDER BY n) FROM bench_query), budget, verify,
			(SELECT array_agg(weight ORDER BY n) FROM bench_query), '5 minutes') a
		WHERE bench_advise.run <> 'by hand';
	seconds := round(extract(epoch FROM clock_timestamp() - started), 1);
	FOR advice IN SELECT a.ddl FROM bench_advice a WHERE a.run = bench_advise.run AND a.ddl IS NOT NULL LOOP
		name := 'bench_index_' || (SELECT count(*) FROM bench_advice a WHERE size IS NOT NULL);
		EXECUTE regexp_replace(advice.ddl, 'INDEX ON', 'INDEX ' || name || ' ON');
		UPDATE bench_advice a SET size = pg_relation_size(name::regclass) WHERE a.run = bench_advise.run AND a.ddl = advice.ddl;
	END LOOP;
	ANALYZE;
	SELECT count(ddl), round(sum(size) / 1e6, 1), coalesce(round(sum(size_estimate) / 1e6, 1), 0),
			coalesce(round(sum(a.write_cost)::numeric, 1), 0)
		INTO indexes, mb, estimate_mb, write_cost FROM bench_advice a WHERE a.run = bench_advise.run;
	SELECT round(sum(c.cost)), round(100 * (sum(c.cost) / sum(b.cost))::numeric, 2) INTO cost, cost_share
		FROM bench_costs() c JOIN bench_before b USING (n);
	IF timed THEN
		CREATE TEMP TABLE bench_after ON COMMIT DROP AS SELECT t.n, t.ms, b.ms AS before FROM bench_times() t JOIN bench_before b USING (n);
		SELECT round(100 * (sum(ms) / sum(before))::numeric, 2) INTO time_share FROM bench_after;
		-- Below a twentieth of a millisecond it is noise.
		SELECT round((ms / before)::numeric, 2), n INTO worst, worst_query
			FROM bench_after WHERE ms > before + 0.05 ORDER BY ms / before DESC LIMIT 1;
		DROP TABLE bench_after;
	END IF;
	FOR name IN SELECT relname FROM pg_class WHERE relname LIKE 'bench\_index\_%' LOOP
		EXECUTE 'DROP INDEX ' || quote_ident(name);
	END LOOP;
END $$;
