-- advisor: repeated and slow queries

CREATE FUNCTION filteropt.n_plus_one_list
(
	OUT parent_query text, OUT child_query text, OUT batch_query text, OUT join_query text,
	OUT embed_call text, OUT parent_column text, OUT child_column text,
	OUT parent_queryid bigint, OUT child_queryid bigint, OUT applications text[],
	OUT role regrole, OUT loops bigint, OUT calls bigint, OUT most_calls bigint,
	OUT total_ms double precision, OUT mean_ms double precision,
	OUT first_seen timestamptz, OUT last_seen timestamptz
) RETURNS SETOF record
	LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 20 AS 'MODULE_PATHNAME', 'fo_n_plus_one_list';
COMMENT ON FUNCTION filteropt.n_plus_one_list() IS
	'the loops in which one query is run for each row of another one''s result, of this database; use the view n_plus_one';

CREATE VIEW filteropt.n_plus_one AS
	SELECT parent_query, child_query, parent_column, child_column, loops, calls, most_calls, total_ms,
		mean_ms, batch_query, join_query, embed_call, role, applications, first_seen, last_seen,
		parent_queryid, child_queryid
	FROM filteropt.n_plus_one_list() ORDER BY total_ms DESC;
COMMENT ON VIEW filteropt.n_plus_one IS
	'queries that sessions ran once for each row of another query''s result (N+1 loops), with the query that does it at once, dearest first; texts only of one''s own role unless one is a member of pg_read_all_stats';
COMMENT ON COLUMN filteropt.n_plus_one.parent_query IS 'the query whose rows the loop goes over; constants are $n';
COMMENT ON COLUMN filteropt.n_plus_one.child_query IS 'the query that is run again and again';
COMMENT ON COLUMN filteropt.n_plus_one.parent_column IS 'the column of the result of parent_query that held the keys';
COMMENT ON COLUMN filteropt.n_plus_one.child_column IS 'the column that child_query compares its key with';
COMMENT ON COLUMN filteropt.n_plus_one.loops IS 'how many such loops there were';
COMMENT ON COLUMN filteropt.n_plus_one.calls IS 'executions of child_query in them';
COMMENT ON COLUMN filteropt.n_plus_one.most_calls IS 'executions in the longest of them';
COMMENT ON COLUMN filteropt.n_plus_one.batch_query IS 'one query for all keys, which are an array; the key is in its result';
COMMENT ON COLUMN filteropt.n_plus_one.join_query IS 'both queries as one';
COMMENT ON COLUMN filteropt.n_plus_one.embed_call IS
	'a call that adds the rows to the parents, given as a jsonb array; null unless the rows of one table are wanted';
COMMENT ON COLUMN filteropt.n_plus_one.applications IS 'application_name of the sessions, the first four';
GRANT SELECT ON filteropt.n_plus_one TO PUBLIC;

CREATE FUNCTION filteropt.n_plus_one_reset() RETURNS void
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'fo_n_plus_one_reset';
COMMENT ON FUNCTION filteropt.n_plus_one_reset() IS 'forget the loops of this database';
REVOKE ALL ON FUNCTION filteropt.n_plus_one_reset() FROM PUBLIC;

CREATE FUNCTION filteropt.advisor_queries
(
	required boolean DEFAULT true,
	OUT queryid bigint, OUT role regrole, OUT query text, OUT truncated boolean,
	OUT calls bigint, OUT slow_calls bigint, OUT total_ms double precision,
	OUT mean_ms double precision, OUT p95_ms double precision, OUT p99_ms double precision,
	OUT rows bigint, OUT buffers_hit bigint, OUT buffers_read bigint, OUT buffers_dirtied bigint,
	OUT temp_read bigint, OUT temp_written bigint, OUT first_seen timestamptz,
	OUT last_seen timestamptz
) RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 500
	AS 'MODULE_PATHNAME', 'fo_advisor_queries_list';
COMMENT ON FUNCTION filteropt.advisor_queries(boolean) IS
	'queries of this database that were watched and what they cost; not preloaded, an error if required, else no rows';

CREATE VIEW filteropt.slow_query AS
	SELECT queryid, role, query, calls, slow_calls, mean_ms, p95_ms, p99_ms, total_ms, rows,
		buffers_hit, buffers_read, buffers_dirtied, temp_read, temp_written, first_seen, last_seen
	FROM filteropt.advisor_queries() WHERE slow_calls > 0 ORDER BY total_ms DESC;
COMMENT ON VIEW filteropt.slow_query IS
	'queries that took filteropt.advisor_slow_ms or longer at least once, dearest first; texts only of one''s own role unless one is a member of pg_read_all_stats';
COMMENT ON COLUMN filteropt.slow_query.query IS 'the text, constants being $n, cut off at filteropt.advisor_text_size';
COMMENT ON COLUMN filteropt.slow_query.calls IS 'all executions; the other columns but slow_calls are of all of them too';
COMMENT ON COLUMN filteropt.slow_query.slow_calls IS 'executions that were slow';
COMMENT ON COLUMN filteropt.slow_query.p95_ms IS
	'95 of 100 executions took less, from a histogram with two buckets an octave';
COMMENT ON COLUMN filteropt.slow_query.temp_read IS 'blocks of temporary files, as sorts larger than work_mem write them';
GRANT SELECT ON filteropt.slow_query TO PUBLIC;

CREATE FUNCTION filteropt.slow_query_plan
	(queryid bigint, role regrole DEFAULT quote_ident(current_user)::regrole, capture boolean DEFAULT false)
	RETURNS text LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'fo_slow_query_plan';
COMMENT ON FUNCTION filteropt.slow_query_plan(bigint, regrole, boolean) IS
	'the generic plan that a query would get now, as EXPLAIN shows it, planned as the role that ran it; names are looked up in the caller''s search_path. With capture the plan of an execution that was slow, null if none came since it was asked for, and the next one''s is asked for. Errors: 42501 not a member of that role, or with capture of pg_read_all_stats; 42704 not known; 54000 text cut off';

CREATE FUNCTION filteropt.slow_query_reset() RETURNS void
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'fo_slow_query_reset';
COMMENT ON FUNCTION filteropt.slow_query_reset() IS 'forget the queries of this database and what they cost';
REVOKE ALL ON FUNCTION filteropt.slow_query_reset() FROM PUBLIC;

CREATE FUNCTION filteropt.advisor_workload
	(OUT query text, OUT calls bigint, OUT total_ms double precision, OUT queryid bigint)
	RETURNS SETOF record
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT q.query, sum(q.calls)::bigint, sum(q.total_ms), min(q.queryid)
	FROM filteropt.advisor_queries(false) AS q
	WHERE NOT q.truncated AND q.query IS NOT NULL
	GROUP BY q.query ORDER BY 3 DESC;
$$;
COMMENT ON FUNCTION filteropt.advisor_workload() IS
	'the statements of this database as the advisor takes them: complete texts with $n for constants, those of one''s own role or, to members of pg_read_all_stats, all; none when not preloaded';

CREATE FUNCTION filteropt.advisor_status
(
	OUT watch text, OUT queries integer, OUT queries_evicted bigint, OUT loops integer,
	OUT queries_since timestamptz, OUT loops_since timestamptz
) LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'fo_advisor_status';
COMMENT ON FUNCTION filteropt.advisor_status() IS
	'whether queries are watched (on, off, not preloaded), and how many entries of all databases there are';

-- The server's own log, for this database.
CREATE FUNCTION filteropt.slow_log_enable(ms integer DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	least integer := coalesce(ms, (SELECT setting::int FROM pg_settings WHERE name = 'filteropt.advisor_slow_ms'), 100);
BEGIN
	EXECUTE format('ALTER DATABASE %I SET log_min_duration_statement = %s', current_database(), least);
	RETURN format('sessions of database %I that begin from now on log statements that take %s ms or longer', current_database(), least);
END $$;
COMMENT ON FUNCTION filteropt.slow_log_enable(integer) IS
	'let the server log statements of this database that take so many milliseconds (filteropt.advisor_slow_ms), by ALTER DATABASE SET log_min_duration_statement, which only a superuser may; new sessions only';
REVOKE ALL ON FUNCTION filteropt.slow_log_enable(integer) FROM PUBLIC;

CREATE FUNCTION filteropt.slow_log_disable() RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I RESET log_min_duration_statement', current_database());
	RETURN format('sessions of database %I that begin from now on log slow statements as the server is configured to', current_database());
END $$;
COMMENT ON FUNCTION filteropt.slow_log_disable() IS 'undo slow_log_enable, for new sessions';
REVOKE ALL ON FUNCTION filteropt.slow_log_disable() FROM PUBLIC;
