-- advisor: which indexes to make and to drop, what is repeated, what is slow

-- index advice

CREATE FUNCTION filteropt.index_workload(OUT queryid bigint, OUT query text, OUT calls double precision)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home text := (SELECT pg_catalog.quote_ident(n.nspname)
		FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'pg_stat_statements');
BEGIN
	IF home IS NULL THEN
		RAISE EXCEPTION 'there is no workload to advise on'
			USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Pass queries as text[], or CREATE EXTENSION pg_stat_statements.';
	END IF;
	RETURN QUERY EXECUTE 'SELECT s.queryid, min(s.query), sum(s.calls)::double precision FROM ' || home || '.pg_stat_statements s
		WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
			AND s.queryid IS NOT NULL AND s.query ~* ''^[[:space:](]*(select|insert|update|delete|merge|with)''
			AND s.query !~ ''filteropt\.''
		GROUP BY s.queryid ORDER BY sum(s.total_exec_time) DESC, s.queryid LIMIT 200';
END
$$;
COMMENT ON FUNCTION filteropt.index_workload() IS
	'The 200 queries of this database that took most time, as pg_stat_statements has them; the workload of index_advise by default';

CREATE FUNCTION filteropt.index_advise(workload text[] DEFAULT NULL, budget text DEFAULT NULL,
	verify boolean DEFAULT false, weights double precision[] DEFAULT NULL,
	time_limit interval DEFAULT '1 minute', statement_limit interval DEFAULT '10 seconds',
	verify_limit text DEFAULT '1GB',
	OUT ddl text, OUT reason text, OUT queries bigint[], OUT cost_before double precision,
	OUT cost_after double precision, OUT size_estimate bigint, OUT write_cost double precision,
	OUT confidence text, OUT verified boolean, OUT ms_before double precision, OUT ms_after double precision)
	RETURNS SETOF record
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000 AS 'MODULE_PATHNAME', 'fo_index_advise';
COMMENT ON FUNCTION filteropt.index_advise(text[], text, boolean, double precision[], interval, interval, text) IS
	'Indexes worth making for a workload, the most useful first, with reason, gain and price; rows without ddl name queries that were skipped';

-- index health

-- repeated and slow queries
