-- advisor: which indexes to make and to drop, what is repeated, what is slow

-- index advice

CREATE FUNCTION filteropt.index_workload(OUT queryid bigint, OUT query text, OUT calls double precision)
	RETURNS SETOF record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home text := (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'pg_stat_statements');
BEGIN
	IF home IS NOT NULL THEN
		BEGIN
			RETURN QUERY EXECUTE format($q$
				SELECT s.queryid, min(s.query), sum(s.calls)::double precision FROM %s.pg_stat_statements s
				WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
					AND s.queryid IS NOT NULL AND s.query ~* '^[[:space:](]*(select|insert|update|delete|merge|with)'
					AND s.query !~ 'filteropt\.'
				GROUP BY s.queryid ORDER BY sum(s.total_exec_time) DESC, s.queryid LIMIT 200 $q$, home);
			RETURN;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			NULL; -- it is created, but not preloaded
		END;
	END IF;
	IF (SELECT s.watch FROM filteropt.advisor_status() s) = 'not preloaded' THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = 'there is no workload to advise on',
			HINT = 'Pass queries as text[], or preload filteropt, or preload and create pg_stat_statements.';
	END IF;
	RETURN QUERY SELECT w.queryid, w.query, w.calls::double precision FROM filteropt.advisor_workload() w
		WHERE w.query !~ 'filteropt\.' LIMIT 200;
END $$;
COMMENT ON FUNCTION filteropt.index_workload() IS
	'the 200 queries of this database that took most time, as pg_stat_statements has them, or where that is missing the watch; the workload of index_advise by default';

CREATE FUNCTION filteropt.index_advise(workload text[] DEFAULT NULL, budget text DEFAULT NULL,
	verify boolean DEFAULT false, weights double precision[] DEFAULT NULL,
	time_limit interval DEFAULT '1 minute', statement_limit interval DEFAULT '10 seconds',
	verify_limit text DEFAULT '1GB',
	OUT ddl text, OUT reason text, OUT queries bigint[], OUT cost_before double precision,
	OUT cost_after double precision, OUT size_estimate bigint, OUT write_cost double precision,
	OUT confidence text, OUT verified boolean, OUT ms_before double precision, OUT ms_after double precision,
	OUT advice_id bigint)
	RETURNS SETOF record
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000 AS 'MODULE_PATHNAME', 'fo_index_advise';
COMMENT ON FUNCTION filteropt.index_advise(text[], text, boolean, double precision[], interval, interval, text) IS
	'Indexes worth making for a workload, the most useful first, with reason, gain and price; rows without ddl name queries that were skipped';

CREATE FUNCTION filteropt.index_advice(advice_id bigint) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'fo_index_advice';
COMMENT ON FUNCTION filteropt.index_advice(bigint) IS
	'The statement of an advice that index_advise gave in this session';

CREATE FUNCTION filteropt.index_defaults(feed text, OUT ddl text, OUT reason text)
	RETURNS SETOF record LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	WITH b AS (
		SELECT * FROM filteropt.feed_bindings(feed)
	), wanted (part, fields, reason) AS (VALUES
		('users', ARRAY['id'], 'feed_filter looks up each owner'),
		('config', ARRAY['owner'], 'feed_filter looks up the settings of each owner'),
		('keywords', ARRAY['owner'], 'an owner''s keywords are read to compile them after each change'),
		('events', ARRAY['owner', 'at'], 'an owner''s events of some time, and the rows that a rollup counts anew after a deletion')
	), named AS (
		SELECT w.part, w.reason, min(b.relation::oid)::regclass AS relation,
			array_agg(b."column" ORDER BY f.n) AS columns,
			array_agg(a.attnum ORDER BY f.n) AS attnums
		FROM wanted w
		CROSS JOIN unnest(w.fields) WITH ORDINALITY AS f (field, n)
		JOIN b ON b.part = w.part AND b.field = f.field
		JOIN pg_attribute a ON a.attrelid = b.relation AND a.attname = b."column"
		GROUP BY w.part, w.reason
	)
	SELECT format('CREATE INDEX ON %I.%I (%s)', s.nspname, c.relname,
		(SELECT string_agg(quote_ident(k), ', ' ORDER BY i) FROM unnest(n.columns) WITH ORDINALITY AS u (k, i))), n.reason
	FROM named n
	JOIN pg_class c ON c.oid = n.relation
	JOIN pg_namespace s ON s.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (
		SELECT FROM pg_index i
		JOIN pg_class x ON x.oid = i.indexrelid
		JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
		WHERE i.indrelid = n.relation AND i.indisvalid AND i.indpred IS NULL
			AND (SELECT array_agg(k.attnum ORDER BY k.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
				WHERE k.n <= least(i.indnkeyatts, cardinality(n.attnums))) = n.attnums)
	ORDER BY n.part, n.relation::oid
$$;
COMMENT ON FUNCTION filteropt.index_defaults(text) IS
	'the indexes that filteropt''s own functions want on the tables of a feed and that are missing, with the reason of each; feed_create has made them, unless they were dropped since';

-- index health

CREATE TABLE filteropt.index_applied (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	role text NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz,
	relation regclass,
	index regclass,
	ddl text NOT NULL,
	undo text,
	error text,
	before jsonb
);
REVOKE ALL ON filteropt.index_applied FROM PUBLIC;
GRANT SELECT ON filteropt.index_applied TO PUBLIC;
COMMENT ON TABLE filteropt.index_applied IS
	'What index_apply did, one row per statement; not dumped, since the statistics in it are of this server';
COMMENT ON COLUMN filteropt.index_applied.id IS 'Number of the statement';
COMMENT ON COLUMN filteropt.index_applied.role IS 'Who applied it';
COMMENT ON COLUMN filteropt.index_applied.started_at IS 'When the work began';
COMMENT ON COLUMN filteropt.index_applied.finished_at IS 'When it ended; null while it runs, or if the server was stopped meanwhile';
COMMENT ON COLUMN filteropt.index_applied.relation IS 'The table';
COMMENT ON COLUMN filteropt.index_applied.index IS 'The index';
COMMENT ON COLUMN filteropt.index_applied.ddl IS 'The statement that was run';
COMMENT ON COLUMN filteropt.index_applied.undo IS 'The statement that takes it back; null if there is nothing to take back';
COMMENT ON COLUMN filteropt.index_applied.error IS 'Why it failed';
COMMENT ON COLUMN filteropt.index_applied.before IS 'Statistics of the table, its indexes and the statements that name it, at that time';

CREATE FUNCTION filteropt.index_space(index oid, sample integer, OUT bytes bigint, OUT needed bigint)
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_index_space';
COMMENT ON FUNCTION filteropt.index_space(oid, integer) IS
	'Bytes of an index, and of a B-tree the bytes that REINDEX would leave, by a sample of so many pages (0: none). '
	'Null is what a lock that somebody holds, or a lack of pg_stat_scan_tables, hides. Waits for nobody';

CREATE FUNCTION filteropt.index_text(index oid, part integer) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_index_text';
COMMENT ON FUNCTION filteropt.index_text(oid, integer) IS
	'The predicate (0) or a key of an index; null if there is none, or while somebody holds its table exclusively. '
	'Waits for nobody';

CREATE VIEW filteropt.index_scope AS
SELECT c.oid AS relid, c.relnamespace, c.relkind, c.relispartition,
	format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm')
	AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	AND NOT pg_is_other_temp_schema(n.oid)
	AND NOT EXISTS (SELECT FROM pg_depend d
		WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	AND NOT EXISTS (SELECT FROM filteropt.rollup r WHERE r.data = c.oid);
GRANT SELECT ON filteropt.index_scope TO PUBLIC;
COMMENT ON VIEW filteropt.index_scope IS
	'The tables whose indexes the advisor looks at: not the system''s, an extension''s or a rollup''s, '
	'nor temporary ones of other sessions';

CREATE VIEW filteropt.index_shape AS
SELECT i.indexrelid, i.indrelid, t.relnamespace, t.name AS table_name, c.relkind,
	format('%I.%I', n.nspname, c.relname) AS name,
	c.relispartition AS attached, c.relam, a.amname,
	i.indisvalid AND i.indisready AND i.indislive AS usable,
	i.indisunique, i.indimmediate, i.indisexclusion,
	coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') AS nulls_not_distinct,
	con.conname, con.contype, i.indexprs IS NOT NULL AS has_expressions,
	coalesce(con.contype IN ('p', 'x'), false) OR i.indisclustered
		OR i.indisreplident AND r.relreplident = 'i'
		OR EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
		AS needed,
	k.keys, k.options, k.flipped,
	i.indkey::int2[] AS columns, (i.indkey::int2[])[i.indnkeyatts : i.indnatts - 1] AS included,
	e.predicate, c.reloptions
FROM filteropt.index_scope t
JOIN pg_class r ON r.oid = t.relid
JOIN pg_index i ON i.indrelid = t.relid
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am a ON a.oid = c.relam
LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid
	AND con.contype IN ('p', 'u', 'x')
CROSS JOIN LATERAL (
	SELECT array_agg(CASE i.indkey[p - 1] WHEN 0 THEN filteropt.index_text(i.indexrelid, p)
				ELSE i.indkey[p - 1]::text END
			|| format(' %s %s %s %s', o.opcfamily, o.opcintype, i.indcollation[p - 1], att.attoptions) ORDER BY p) AS keys,
		array_agg(i.indoption[p - 1] ORDER BY p) AS options,
		array_agg(i.indoption[p - 1] # 3::int2 ORDER BY p) AS flipped
	FROM generate_series(1, i.indnkeyatts) p
	JOIN pg_opclass o ON o.oid = i.indclass[p - 1]
	JOIN pg_attribute att ON att.attrelid = i.indexrelid AND att.attnum = p) k
CROSS JOIN LATERAL (SELECT CASE WHEN i.indpred IS NOT NULL THEN filteropt.index_text(i.indexrelid, 0) END AS predicate
	OFFSET 0) e
WHERE array_position(k.keys, NULL) IS NULL AND (i.indpred IS NULL OR e.predicate IS NOT NULL);
GRANT SELECT ON filteropt.index_shape TO PUBLIC;
COMMENT ON VIEW filteropt.index_shape IS
	'One row per index, but those with expressions while their table is locked exclusively: its keys as texts that are equal if column or expression, operators, collation and options are; '
	'how each is ordered (1 descending, 2 nulls first) and how that is read backwards; what else needs the index';

CREATE VIEW filteropt.index_foreign_key AS
SELECT f.oid AS conoid, i.indexrelid
FROM pg_constraint f
JOIN pg_index i ON i.indrelid = f.conrelid AND i.indisvalid AND i.indisready
	AND i.indnkeyatts >= cardinality(f.conkey)
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am a ON a.oid = c.relam AND (a.amname = 'btree' OR a.amname = 'hash' AND cardinality(f.conkey) = 1)
CROSS JOIN LATERAL (
	SELECT array_agg(k.attnum) AS columns, string_agg(regexp_replace(quote_ident(k.attname),
			'([^[:alnum:]_])', '\\\1', 'g'), '|') AS pattern,
		bool_and(EXISTS (SELECT FROM generate_series(0, cardinality(f.conkey) - 1) p
			JOIN pg_opclass o ON o.oid = i.indclass[p]
			JOIN pg_amop m ON m.amopfamily = o.opcfamily AND m.amopopr = f.conffeqop[k.nth]
			WHERE i.indkey[p] = k.attnum AND i.indcollation[p] = k.attcollation)) AS searchable
	FROM (SELECT u.attnum, u.nth, t.attname, t.attcollation
		FROM unnest(f.conkey) WITH ORDINALITY u(attnum, nth)
		JOIN pg_attribute t ON t.attrelid = f.conrelid AND t.attnum = u.attnum) k) k
WHERE f.contype = 'f' AND k.searchable
	AND (i.indpred IS NULL OR regexp_replace(coalesce(filteropt.index_text(i.indexrelid, 0), ''),
		'\((' || k.pattern || ') IS NOT NULL\)| AND |[()]', '', 'g') = '');
GRANT SELECT ON filteropt.index_foreign_key TO PUBLIC;
COMMENT ON VIEW filteropt.index_foreign_key IS
	'Foreign keys and the indexes of the referencing table by which its rows are found when a referenced row goes: '
	'the columns come first, in any order, and a predicate asks no more than that they are not null';

CREATE VIEW filteropt.index_busy AS
SELECT DISTINCT l.relation AS relid
FROM pg_locks l
LEFT JOIN pg_stat_progress_create_index p ON p.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted
	AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
	AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'AccessExclusiveLock')
	AND (p.pid IS NOT NULL OR EXISTS (SELECT FROM pg_class c WHERE c.oid = l.relation AND c.relkind IN ('i', 'I')));
GRANT SELECT ON filteropt.index_busy TO PUBLIC;
COMMENT ON VIEW filteropt.index_busy IS
	'Tables and indexes on which an index is being built or dropped at this moment';

CREATE FUNCTION filteropt.index_stats_since() RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT greatest((SELECT d.stats_reset FROM pg_stat_database d WHERE d.datname = current_database()),
		least((SELECT b.stats_reset FROM pg_stat_bgwriter b), (SELECT a.stats_reset FROM pg_stat_archiver a),
			(SELECT w.stats_reset FROM pg_stat_wal w)));
END;
COMMENT ON FUNCTION filteropt.index_stats_since() IS
	'Since when index usage of this database is counted: the last reset, or the crash or initdb after which all counters began';

CREATE FUNCTION filteropt.index_usage(index oid, sample integer DEFAULT 0,
		OUT bytes bigint, OUT needed bigint, OUT scans bigint, OUT last_scan timestamptz, OUT writes bigint)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH leaf AS (
		SELECT t.relid FROM pg_partition_tree(index) t WHERE t.isleaf
		UNION
		SELECT c.oid FROM pg_class c WHERE c.oid = index AND c.relkind = 'i'
	)
	SELECT sum(space.bytes)::bigint, sum(coalesce(space.needed, space.bytes))::bigint,
		sum(pg_stat_get_numscans(l.relid))::bigint,
		max((SELECT (to_jsonb(u) ->> 'last_idx_scan')::timestamptz
			FROM pg_stat_all_indexes u WHERE u.indexrelid = l.relid)),
		sum((SELECT pg_stat_get_tuples_inserted(i.indrelid) + pg_stat_get_tuples_updated(i.indrelid)
			- pg_stat_get_tuples_hot_updated(i.indrelid)
			FROM pg_index i WHERE i.indexrelid = l.relid))::bigint -- not joined: few leaves are looked up, one by one
	FROM leaf l
	CROSS JOIN LATERAL filteropt.index_space(l.relid, sample) space;
END;
COMMENT ON FUNCTION filteropt.index_usage(oid, integer) IS
	'Size, scans and entries written of an index since statistics began, its partitions added up; '
	'with a sample of pages, the bytes that REINDEX would leave';

CREATE TYPE filteropt.index_finding AS
	(relid oid, indexrelid oid, severity text, reason text, evidence jsonb, fix text);
COMMENT ON TYPE filteropt.index_finding IS
	'What index_health reports of one kind: table, index, low to high, why, what was measured, the statement that fixes it';

CREATE FUNCTION filteropt.index_drop_sql(contype "char", conname name, table_name text, index_name text,
		relkind "char") RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN contype IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I', table_name, conname)
		WHEN relkind = 'I' THEN format('DROP INDEX %s', index_name)
		ELSE format('DROP INDEX CONCURRENTLY %s', index_name) END;
END;
COMMENT ON FUNCTION filteropt.index_drop_sql("char", name, text, text, "char") IS
	'The statement that drops an index, or the constraint behind it; one of a partitioned table cannot be dropped concurrently';

CREATE FUNCTION filteropt.index_create_sql(target oid, suffix text, tail text, existing oid DEFAULT NULL,
		is_unique boolean DEFAULT false) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH kept AS (
		SELECT i.indrelid, i.indexrelid
		FROM pg_partition_tree(existing) t
		JOIN pg_index i ON i.indexrelid = t.relid
	), part AS (
		SELECT t.relid, t.parentrelid, t.level, c.relkind, format('%I.%I', n.nspname, c.relname) AS name,
			coalesce(k.name, format('%I.%I', n.nspname, left(c.relname, 60 - length(suffix)) || '_' || suffix)) AS index_name,
			coalesce(k.short, quote_ident(left(c.relname, 60 - length(suffix)) || '_' || suffix)) AS short_name,
			k.name IS NOT NULL AS kept
		FROM pg_partition_tree(target) t
		JOIN pg_class c ON c.oid = t.relid AND c.relkind IN ('r', 'p')
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN LATERAL (SELECT format('%I.%I', xn.nspname, x.relname) AS name, quote_ident(x.relname) AS short
			FROM kept
			JOIN pg_class x ON x.oid = kept.indexrelid
			JOIN pg_namespace xn ON xn.oid = x.relnamespace
			WHERE kept.indrelid = t.relid) k ON true
	), statement AS (
		SELECT 1 AS step, p.level, p.name, format('CREATE %sINDEX %s ON ONLY %s%s',
			CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END, p.short_name, p.name, tail) AS ddl
		FROM part p WHERE p.relkind = 'p' AND NOT p.kept
		UNION ALL
		SELECT 2, p.level, p.name, format('CREATE %sINDEX CONCURRENTLY %s ON %s%s',
			CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END, p.short_name, p.name, tail)
		FROM part p WHERE p.relkind = 'r' AND NOT p.kept
		UNION ALL
		SELECT 3, -p.level, p.name, format('ALTER INDEX %s ATTACH PARTITION %s', up.index_name, p.index_name)
		FROM part p JOIN part up ON up.relid = p.parentrelid WHERE NOT p.kept
	)
	SELECT coalesce(string_agg(s.ddl, E';\n' ORDER BY s.step, s.level, s.name),
		format('CREATE %sINDEX CONCURRENTLY ON %s%s', CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END,
			(SELECT c.name FROM filteropt.index_scope c WHERE c.relid = target), tail))
	FROM statement s;
END;
COMMENT ON FUNCTION filteropt.index_create_sql(oid, text, text, oid, boolean) IS
	'The statements that make an index without blocking writers: for a partitioned table partition by partition, '
	'those that the partitions of an existing index cover left out. tail follows the table''s name';

CREATE FUNCTION filteropt.index_health_invalid() RETURNS SETOF filteropt.index_finding
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH busy AS MATERIALIZED (SELECT b.relid FROM filteropt.index_busy b),
	shape AS MATERIALIZED (
		SELECT * FROM filteropt.index_shape s
		WHERE NOT s.usable AND s.indexrelid NOT IN (SELECT b.relid FROM busy b)
			AND s.indrelid NOT IN (SELECT b.relid FROM busy b)
	)
	SELECT s.indrelid, s.indexrelid, 'high',
		CASE WHEN s.relkind = 'I' THEN 'no query uses it: some partitions have no valid index of it'
			ELSE 'no query uses it, and writers may still maintain it: what built or dropped it was interrupted' END,
		jsonb_strip_nulls(jsonb_build_object('unique', nullif(s.indisunique, false),
			'bytes', (filteropt.index_space(s.indexrelid, 0)).bytes, 'partitions', part.missing)),
		CASE
			WHEN s.relkind = 'I' THEN CASE WHEN part.missing IS NOT NULL AND d.def IS NOT NULL
				THEN filteropt.index_create_sql(s.indrelid, h.suffix, d.def, s.indexrelid, s.indisunique) END
			WHEN s.name ~ '_cc(new|old)\d*"?$' THEN format('DROP INDEX CONCURRENTLY %s', s.name)
			WHEN s.indisexclusion THEN format('REINDEX INDEX %s', s.name)
			ELSE format('REINDEX INDEX CONCURRENTLY %s', s.name) END
	FROM shape s
	CROSS JOIN LATERAL (SELECT format('CREATE %sINDEX %s ON ONLY %s', CASE WHEN s.indisunique THEN 'UNIQUE ' ELSE '' END,
		quote_ident(c.relname), s.table_name) AS start, left(c.relname, 30) AS suffix
		FROM pg_class c WHERE c.oid = s.indexrelid) h
	CROSS JOIN LATERAL (SELECT CASE WHEN starts_with(pg_get_indexdef(s.indexrelid), h.start)
		THEN substr(pg_get_indexdef(s.indexrelid), length(h.start) + 1) END AS def) d
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(t.relid::regclass ORDER BY t.relid::regclass::text) AS missing
		FROM pg_partition_tree(CASE s.relkind WHEN 'I' THEN s.indrelid END) t
		WHERE NOT EXISTS (SELECT FROM pg_partition_tree(s.indexrelid) x
			JOIN pg_index i ON i.indexrelid = x.relid WHERE i.indrelid = t.relid)) part;
END;
COMMENT ON FUNCTION filteropt.index_health_invalid() IS
	'Indexes that no query can use: what an interrupted CREATE, DROP or REINDEX INDEX CONCURRENTLY left, '
	'not what is being built now; and those of partitioned tables that lack partitions';

CREATE FUNCTION filteropt.index_health_covered(OUT kind text, OUT finding filteropt.index_finding)
	RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH shape AS MATERIALIZED (SELECT * FROM filteropt.index_shape),
	pair AS MATERIALIZED ( -- the second does all that the first does
		SELECT a.indexrelid, b.indexrelid AS covered_by, b.name AS covered_by_name,
			cardinality(a.keys) = cardinality(b.keys) AND a.included @> b.included AS duplicate,
			(b.contype IS NOT NULL, b.indisunique, -b.indexrelid::bigint)
				> (a.contype IS NOT NULL, a.indisunique, -a.indexrelid::bigint) AS ranks_higher
		FROM shape a
		JOIN shape b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
			AND b.relam = a.relam AND b.predicate IS NOT DISTINCT FROM a.predicate
		WHERE a.usable AND b.usable AND NOT a.needed AND NOT a.attached
			AND CASE a.amname
				WHEN 'btree' THEN a.keys = b.keys[:cardinality(a.keys)]
					AND b.options[:cardinality(a.keys)] IN (a.options, a.flipped) AND a.included <@ b.columns
				WHEN 'gin' THEN a.keys <@ b.keys AND a.keys @> b.keys AND a.reloptions IS NOT DISTINCT FROM b.reloptions
				WHEN 'brin' THEN a.keys <@ b.keys AND a.keys @> b.keys AND a.reloptions IS NOT DISTINCT FROM b.reloptions
				ELSE a.keys = b.keys AND a.included <@ b.included AND a.reloptions IS NOT DISTINCT FROM b.reloptions END
			AND (NOT a.indisunique OR b.indisunique AND a.keys = b.keys
				AND a.nulls_not_distinct = b.nulls_not_distinct AND (b.indimmediate OR NOT a.indimmediate))
	), dropped AS (
		SELECT p.indexrelid, p.covered_by, p.covered_by_name, p.duplicate
		FROM pair p
		WHERE p.ranks_higher
			OR (p.covered_by, p.indexrelid) NOT IN (SELECT back.indexrelid, back.covered_by FROM pair back)
	), best AS (
		SELECT DISTINCT ON (d.indexrelid) d.*
		FROM dropped d
		WHERE d.covered_by NOT IN (SELECT other.indexrelid FROM dropped other)
		ORDER BY d.indexrelid, d.duplicate DESC, (filteropt.index_usage(d.covered_by)).bytes, d.covered_by
	)
	SELECT CASE WHEN b.duplicate THEN 'duplicate' ELSE 'redundant' END,
		(s.indrelid, s.indexrelid, CASE WHEN b.duplicate THEN 'medium' ELSE 'low' END,
		format(CASE WHEN b.duplicate THEN '%s is the same index'
			ELSE '%s begins with the same columns and serves the same queries' END, b.covered_by_name),
		jsonb_build_object('covered_by', b.covered_by_name, 'bytes', own.bytes, 'covered_by_bytes', other.bytes,
			'scans', own.scans, 'entries_written', own.writes),
		filteropt.index_drop_sql(s.contype, s.conname, s.table_name, s.name, s.relkind))::filteropt.index_finding
	FROM best b
	JOIN shape s ON s.indexrelid = b.indexrelid
	CROSS JOIN LATERAL filteropt.index_usage(b.indexrelid) own
	CROSS JOIN LATERAL filteropt.index_usage(b.covered_by) other;
END;
COMMENT ON FUNCTION filteropt.index_health_covered() IS
	'Indexes that another one makes superfluous, each with the one that stays';

CREATE FUNCTION filteropt.index_health_unused(unused_after interval) RETURNS SETOF filteropt.index_finding
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH server AS (
		SELECT filteropt.index_stats_since() AS since,
			(SELECT count(*) FROM pg_stat_replication r
				WHERE r.state IS DISTINCT FROM 'backup'
					AND NOT EXISTS (SELECT FROM pg_replication_slots o
						WHERE o.active_pid = r.pid AND o.slot_type = 'logical')) AS standbys
	), age AS (
		SELECT i.indexrelid, greatest(
			(SELECT max(a.finished_at) FROM filteropt.index_applied a
				WHERE a.index = i.indexrelid AND a.error IS NULL),
			CASE WHEN current_setting('track_commit_timestamp')::boolean AND NOT pg_is_in_recovery()
				THEN pg_xact_commit_timestamp(i.xmin) END) AS made
		FROM pg_index i
	), serving AS MATERIALIZED (SELECT f.indexrelid FROM filteropt.index_foreign_key f),
	shape AS MATERIALIZED (
		SELECT * FROM filteropt.index_shape s
		WHERE s.usable AND NOT s.attached AND NOT s.needed AND NOT s.indisunique
			AND s.indexrelid NOT IN (SELECT f.indexrelid FROM serving f)
	)
	SELECT s.indrelid, s.indexrelid,
		CASE WHEN u.bytes >= 10485760 AND server.standbys = 0 AND NOT pg_is_in_recovery() THEN 'medium' ELSE 'low' END,
		format('not scanned since %s', to_char(coalesce(u.last_scan, server.since), 'YYYY-MM-DD'))
			|| CASE WHEN pg_is_in_recovery() THEN '; this is a standby: ask the primary too'
				WHEN server.standbys > 0 THEN '; standbys count for themselves: ask them before it is dropped'
				ELSE '' END
			|| CASE WHEN s.has_expressions THEN '; the planner may use its statistics: CREATE STATISTICS can replace them'
				ELSE '' END,
		jsonb_strip_nulls(jsonb_build_object('scans', u.scans, 'last_scan', u.last_scan, 'counted_since', server.since,
			'made', age.made, 'bytes', u.bytes, 'entries_written', u.writes, 'standbys', nullif(server.standbys, 0))),
		filteropt.index_drop_sql(s.contype, s.conname, s.table_name, s.name, s.relkind)
	FROM server
	CROSS JOIN shape s
	JOIN age ON age.indexrelid = s.indexrelid
	CROSS JOIN LATERAL filteropt.index_usage(s.indexrelid) u
	WHERE greatest(server.since, age.made) <= now() - unused_after
		AND (u.scans = 0 OR u.last_scan <= now() - unused_after);
END;
COMMENT ON FUNCTION filteropt.index_health_unused(interval) IS
	'Indexes that nothing has scanned for so long, if usage is counted that long; not those that keep something unique '
	'or serve a foreign key';

CREATE FUNCTION filteropt.index_health_bloat(bloat_bytes bigint, bloat_share double precision)
	RETURNS SETOF filteropt.index_finding
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH shape AS MATERIALIZED (
		SELECT * FROM filteropt.index_shape s
		WHERE s.usable AND NOT s.attached AND s.amname = 'btree'
			AND CASE s.relkind WHEN 'I' THEN (filteropt.index_usage(s.indexrelid)).bytes
				ELSE (filteropt.index_space(s.indexrelid, 0)).bytes END >= bloat_bytes
	)
	SELECT s.indrelid, s.indexrelid, CASE WHEN u.bytes - u.needed >= 1073741824 THEN 'medium' ELSE 'low' END,
		format('%s of %s would be free after REINDEX', pg_size_pretty(u.bytes - u.needed), pg_size_pretty(u.bytes)),
		jsonb_build_object('bytes', u.bytes, 'needed', u.needed, 'scans', u.scans),
		format(CASE WHEN s.indisexclusion THEN 'REINDEX INDEX %s' ELSE 'REINDEX INDEX CONCURRENTLY %s' END, s.name)
	FROM shape s
	CROSS JOIN LATERAL filteropt.index_usage(s.indexrelid, 400) u
	WHERE u.bytes - u.needed >= greatest(bloat_bytes, bloat_share * u.bytes);
END;
COMMENT ON FUNCTION filteropt.index_health_bloat(bigint, double precision) IS
	'B-trees of which REINDEX would free that many bytes and that share, by a sample of their pages';

CREATE FUNCTION filteropt.index_health_foreign_key(min_rows bigint) RETURNS SETOF filteropt.index_finding
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH served AS MATERIALIZED (SELECT k.conoid FROM filteropt.index_foreign_key k),
	bare AS MATERIALIZED (
		SELECT f.conrelid, min(f.oid) AS oid, jsonb_agg(f.conname ORDER BY f.conname) AS constraints
		FROM pg_constraint f
		WHERE f.contype = 'f' AND f.conparentid = 0
			AND f.oid NOT IN (SELECT k.conoid FROM served k)
		GROUP BY f.conrelid, (SELECT array_agg(k ORDER BY k) FROM unnest(f.conkey) k)
	), rows AS MATERIALIZED (
		SELECT t.relid, s.*
		FROM (SELECT f.conrelid AS relid FROM pg_constraint f WHERE f.contype = 'f'
			UNION SELECT f.confrelid FROM pg_constraint f WHERE f.contype = 'f') t
		CROSS JOIN LATERAL (
			SELECT sum(greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)))::bigint AS live,
				sum(pg_stat_get_tuples_deleted(c.oid))::bigint AS deleted,
				sum(pg_stat_get_tuples_updated(c.oid))::bigint AS updated,
				sum(pg_stat_get_numscans(c.oid))::bigint AS scans
			FROM pg_class c
			WHERE c.oid = t.relid OR c.oid = ANY (ARRAY(SELECT p.relid FROM pg_partition_tree(t.relid) p))) s
	)
	SELECT f.conrelid, NULL::oid,
		CASE WHEN parent.deleted > 0 AND child.live >= 100000 THEN 'high' ELSE 'medium' END,
		format('each row that is deleted from %s, or gets another key, takes a scan of %s',
			f.confrelid::regclass, t.name),
		jsonb_build_object('constraints', bare.constraints, 'columns', k.names, 'rows', child.live,
			'referenced', f.confrelid::regclass, 'referenced_rows', parent.live,
			'referenced_deleted', parent.deleted, 'sequential_scans', child.scans),
		filteropt.index_create_sql(f.conrelid, k.suffix, format(' (%s)', k.list))
	FROM bare
	JOIN pg_constraint f ON f.oid = bare.oid
	JOIN filteropt.index_scope t ON t.relid = f.conrelid
	JOIN rows child ON child.relid = f.conrelid
	JOIN rows parent ON parent.relid = f.confrelid
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(a.attname ORDER BY u.nth) AS names, string_agg(quote_ident(a.attname), ', ' ORDER BY u.nth) AS list,
			left(string_agg(a.attname, '_' ORDER BY u.nth), 30) || '_idx' AS suffix
		FROM unnest(f.conkey) WITH ORDINALITY u(attnum, nth)
		JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = u.attnum) k
	WHERE child.live >= min_rows
		AND NOT (parent.live < 100 AND parent.deleted = 0);
END;
COMMENT ON FUNCTION filteropt.index_health_foreign_key(bigint) IS
	'Foreign keys of tables of that many rows without an index that finds the rows of a referenced one; '
	'not those that refer to a short list from which nothing is deleted';

CREATE FUNCTION filteropt.index_statements(OUT queryid bigint, OUT query text, OUT calls bigint,
		OUT total_ms double precision, OUT rows bigint, OUT blocks bigint)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	place text := (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'pg_stat_statements');
BEGIN
	IF place IS NULL OR NOT has_schema_privilege(current_user, (SELECT e.extnamespace FROM pg_extension e
			WHERE e.extname = 'pg_stat_statements'), 'USAGE') THEN
		RETURN;
	END IF;
	BEGIN
		RETURN QUERY EXECUTE 'SELECT s.queryid, min(s.query), sum(s.calls)::bigint, sum(s.total_exec_time),'
			' sum(s.rows)::bigint, sum(s.shared_blks_hit + s.shared_blks_read)::bigint'
			' FROM ' || place || '.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid'
			' WHERE d.datname = current_database() AND s.queryid IS NOT NULL GROUP BY s.queryid';
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		NULL; -- it is created, and not preloaded
	END;
END $$;
COMMENT ON FUNCTION filteropt.index_statements() IS
	'What pg_stat_statements knows of this database, as far as the caller may see it; nothing where it is not installed';

CREATE FUNCTION filteropt.index_query_tables(query text, OUT schema_name text, OUT table_name text, OUT updated text[])
	RETURNS SETOF record
	LANGUAGE c STRICT STABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'fo_index_query_tables';
COMMENT ON FUNCTION filteropt.index_query_tables(text) IS
	'Tables that a statement names, and for one that it updates the columns that it sets; nothing if it cannot be parsed';

CREATE FUNCTION filteropt.index_health_never_hot() RETURNS SETOF filteropt.index_finding
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH shape AS MATERIALIZED (SELECT * FROM filteropt.index_shape),
	assignment AS MATERIALIZED (
		SELECT a.attrelid, a.attnum, a.attname, sum(st.calls) AS calls, sum(st.rows) AS rows
		FROM filteropt.index_statements() st
		CROSS JOIN LATERAL filteropt.index_query_tables(st.query) q
		CROSS JOIN LATERAL unnest(q.updated) u(name)
		JOIN pg_class c ON c.relname = q.table_name AND c.relkind IN ('r', 'p')
		JOIN pg_namespace n ON n.oid = c.relnamespace
			AND CASE WHEN q.schema_name IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = q.schema_name END
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name AND a.attnum > 0
		GROUP BY a.attrelid, a.attnum, a.attname
	), moved AS MATERIALIZED (
		SELECT s.indexrelid, jsonb_object_agg(a.attname, a.rows) AS columns, sum(a.rows) AS rows
		FROM shape s
		JOIN assignment a ON a.attrelid = s.indrelid
		WHERE s.usable AND NOT s.attached AND (a.attnum = ANY (s.columns) OR EXISTS (SELECT FROM pg_depend d
			WHERE d.classid = 'pg_class'::regclass AND d.objid = s.indexrelid
				AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.indrelid AND d.refobjsubid = a.attnum))
			AND NOT (s.amname = 'brin' AND current_setting('server_version_num')::int >= 160000)
		GROUP BY s.indexrelid
	)
	SELECT s.indrelid, s.indexrelid, 'medium',
		format('updates of %s change its columns, so each of them writes every index of the table', s.table_name),
		jsonb_build_object('updates', w.updates, 'heap_only_updates', w.heap_only, 'updated_columns', m.columns,
			'scans', u.scans, 'bytes', u.bytes),
		CASE WHEN u.scans = 0 AND NOT s.needed AND NOT s.indisunique
			THEN filteropt.index_drop_sql(s.contype, s.conname, s.table_name, s.name, s.relkind) END
	FROM moved m
	JOIN shape s ON s.indexrelid = m.indexrelid
	CROSS JOIN LATERAL filteropt.index_usage(s.indexrelid) u
	CROSS JOIN LATERAL (
		SELECT sum(t.n_tup_upd)::bigint AS updates, sum(t.n_tup_hot_upd)::bigint AS heap_only
		FROM pg_stat_all_tables t
		WHERE t.relid = s.indrelid OR t.relid = ANY (ARRAY(SELECT p.relid FROM pg_partition_tree(s.indrelid) p))) w
	WHERE w.updates >= 1000 AND w.heap_only < w.updates / 10 AND m.rows >= w.updates / 10
		AND u.scans < w.updates / 10;
END;
COMMENT ON FUNCTION filteropt.index_health_never_hot() IS
	'Indexes on columns that most updates of the table change (pg_stat_statements knows which), so that no update is heap-only, '
	'and that are scanned less than once per ten updates';

CREATE FUNCTION filteropt.index_health(schemas regnamespace[] DEFAULT NULL, unused_after interval DEFAULT '30 days',
		min_rows bigint DEFAULT 1000, bloat_bytes bigint DEFAULT 10485760, bloat_share double precision DEFAULT 0.4)
	RETURNS TABLE (severity text, kind text, relation regclass, index regclass, reason text, evidence jsonb, fix text)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH covered AS MATERIALIZED (SELECT * FROM filteropt.index_health_covered()),
	found AS (
		SELECT 'invalid' AS kind, f.* FROM filteropt.index_health_invalid() f
		UNION ALL
		SELECT c.kind, (c.finding).* FROM covered c
		UNION ALL
		SELECT 'unused', f.* FROM filteropt.index_health_unused(unused_after) f
		WHERE NOT EXISTS (SELECT FROM covered c WHERE (c.finding).indexrelid = f.indexrelid)
		UNION ALL
		SELECT 'bloated', f.* FROM filteropt.index_health_bloat(bloat_bytes, bloat_share) f
		UNION ALL
		SELECT 'missing on foreign key', f.* FROM filteropt.index_health_foreign_key(min_rows) f
		UNION ALL
		SELECT 'never HOT', f.* FROM filteropt.index_health_never_hot() f
	)
	SELECT f.severity, f.kind, f.relid::regclass, f.indexrelid::regclass, f.reason, f.evidence, f.fix
	FROM found f
	JOIN filteropt.index_scope t ON t.relid = f.relid
	WHERE schemas IS NULL OR t.relnamespace::regnamespace = ANY (schemas)
	ORDER BY array_position(ARRAY['high', 'medium', 'low'], f.severity), f.kind, t.name, f.fix;
END;
COMMENT ON FUNCTION filteropt.index_health(regnamespace[], interval, bigint, bigint, double precision) IS
	'Indexes that are invalid, duplicate, redundant, unused, bloated, missing on foreign keys, or keep updates from being '
	'heap-only, each with evidence and the statement that fixes it. Changes nothing';

CREATE FUNCTION filteropt.index_snapshot(relation oid) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT jsonb_build_object('counted_since', filteropt.index_stats_since(), 'seq_scan', t.seq_scan,
		'n_tup_upd', t.n_tup_upd, 'n_tup_hot_upd', t.n_tup_hot_upd, 'index_bytes', pg_indexes_size(relation),
		'scans', (SELECT jsonb_object_agg(u.indexrelid, u.idx_scan) FROM pg_stat_all_indexes u WHERE u.relid = t.relid),
		'statements', (SELECT jsonb_object_agg(s.queryid, jsonb_build_object(
				'calls', s.calls, 'ms', s.total_ms, 'blocks', s.blocks))
			FROM filteropt.index_statements() s
			WHERE EXISTS (SELECT FROM filteropt.index_query_tables(s.query) q
				WHERE q.table_name = t.relname AND coalesce(q.schema_name, t.schemaname) = t.schemaname)))
	FROM pg_stat_all_tables t
	WHERE t.relid = relation;
END;
COMMENT ON FUNCTION filteropt.index_snapshot(oid) IS
	'Counters of a table, of its indexes and of the statements that name it, as index_apply keeps them';

CREATE PROCEDURE filteropt.index_apply(ddl text, dry_run boolean DEFAULT false,
		lock_timeout interval DEFAULT '10 seconds',
		INOUT statement text DEFAULT NULL, INOUT undo text DEFAULT NULL, INOUT id bigint DEFAULT NULL)
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_index_apply';
COMMENT ON PROCEDURE filteropt.index_apply(text, boolean, interval, text, text, bigint) IS
	'Have a background worker execute one CREATE INDEX, DROP INDEX or REINDEX concurrently, with the caller''s rights, and '
	'record it in index_applied. Gives up after lock_timeout while others write to the table; leaves no invalid index. '
	'A dry run only shows the statement';
REVOKE ALL ON PROCEDURE filteropt.index_apply(text, boolean, interval, text, text, bigint) FROM PUBLIC;

CREATE FUNCTION filteropt.index_impact(applied bigint DEFAULT NULL)
	RETURNS TABLE (id bigint, measure text, before double precision, after double precision,
		subject text, evidence jsonb, undo text)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH work AS (
		SELECT a.*, n.now, a.before ->> 'counted_since' IS NOT DISTINCT FROM n.now ->> 'counted_since' AS counting,
			nullif(extract(epoch FROM a.started_at - (a.before ->> 'counted_since')::timestamptz), 0) / 3600 AS hours_before,
			nullif(extract(epoch FROM clock_timestamp() - a.finished_at), 0) / 3600 AS hours_after
		FROM filteropt.index_applied a
		CROSS JOIN LATERAL (SELECT filteropt.index_snapshot(a.relation) AS now) n
		WHERE a.finished_at IS NOT NULL AND a.error IS NULL AND n.now IS NOT NULL
			AND (applied IS NULL OR a.id = applied)
	), query AS (
		SELECT w.id, w.undo, st.queryid, st.query, b.calls AS calls_before, b.ms AS ms_before, b.blocks AS blocks_before,
			st.calls - CASE WHEN st.calls >= b.calls THEN b.calls ELSE 0 END AS calls_after,
			st.total_ms - CASE WHEN st.calls >= b.calls THEN b.ms ELSE 0 END AS ms_after,
			st.blocks - CASE WHEN st.calls >= b.calls THEN b.blocks ELSE 0 END AS blocks_after
		FROM work w
		JOIN filteropt.index_statements() st ON w.now -> 'statements' ? st.queryid::text
		CROSS JOIN LATERAL (SELECT w.before -> 'statements' -> st.queryid::text AS kept) k
		CROSS JOIN LATERAL (SELECT coalesce((k.kept ->> 'calls')::bigint, 0) AS calls,
			coalesce((k.kept ->> 'ms')::float8, 0) AS ms, coalesce((k.kept ->> 'blocks')::bigint, 0) AS blocks) b
	), counter AS (
		SELECT w.id, w.undo, w.ddl, w.relation, w.index, w.hours_before, w.hours_after,
			(w.before ->> 'seq_scan')::float8 AS scans_before,
			(w.now ->> 'seq_scan')::float8 - CASE WHEN w.counting THEN (w.before ->> 'seq_scan')::float8 ELSE 0 END AS scans_after,
			(w.before ->> 'n_tup_hot_upd')::float8 / nullif((w.before ->> 'n_tup_upd')::float8, 0) AS hot_before,
			((w.now ->> 'n_tup_hot_upd')::float8 - CASE WHEN w.counting THEN (w.before ->> 'n_tup_hot_upd')::float8 ELSE 0 END)
				/ nullif((w.now ->> 'n_tup_upd')::float8
					- CASE WHEN w.counting THEN (w.before ->> 'n_tup_upd')::float8 ELSE 0 END, 0) AS hot_after,
			(w.now -> 'scans' ->> w.index::oid::text)::float8
				- CASE WHEN w.counting THEN coalesce((w.before -> 'scans' ->> w.index::oid::text)::float8, 0) ELSE 0 END AS used,
			(w.before ->> 'index_bytes')::float8 AS bytes_before, (w.now ->> 'index_bytes')::float8 AS bytes_after
		FROM work w
	)
	SELECT q.id, 'ms per call', q.ms_before / nullif(q.calls_before, 0), q.ms_after / q.calls_after, q.query,
		jsonb_build_object('queryid', q.queryid, 'calls_before', q.calls_before, 'calls_after', q.calls_after,
			'blocks_per_call_before', q.blocks_before / nullif(q.calls_before, 0),
			'blocks_per_call_after', q.blocks_after / q.calls_after), q.undo
	FROM query q WHERE q.calls_after > 0
	UNION ALL
	SELECT c.id, 'sequential scans per hour', c.scans_before / c.hours_before, c.scans_after / c.hours_after, c.relation::text,
		jsonb_build_object('scans_before', c.scans_before, 'scans_after', c.scans_after), c.undo
	FROM counter c
	UNION ALL
	SELECT c.id, 'scans of the index', NULL, c.used, c.index::text, jsonb_build_object('ddl', c.ddl), c.undo
	FROM counter c WHERE c.used IS NOT NULL
	UNION ALL
	SELECT c.id, 'share of heap-only updates', c.hot_before, c.hot_after, c.relation::text, '{}', c.undo
	FROM counter c WHERE c.hot_before IS NOT NULL OR c.hot_after IS NOT NULL
	UNION ALL
	SELECT c.id, 'bytes of the indexes', c.bytes_before, c.bytes_after, c.relation::text, '{}', c.undo
	FROM counter c
	ORDER BY 1, 2, 5;
END;
COMMENT ON FUNCTION filteropt.index_impact(bigint) IS
	'What changed since a statement of index_applied (all if null) was executed: statements that name the table, if '
	'pg_stat_statements is installed, scans, size, heap-only updates; with the statement that takes it back';
