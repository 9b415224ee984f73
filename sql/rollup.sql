-- rollup: aggregates of a table that are exact at every moment

CREATE TABLE filteropt.rollup (
	view regclass PRIMARY KEY,
	query regclass NOT NULL,
	data regclass NOT NULL,
	base regclass NOT NULL,
	day_tz text,
	created_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON filteropt.rollup FROM PUBLIC;
GRANT SELECT ON filteropt.rollup TO PUBLIC;
COMMENT ON TABLE filteropt.rollup IS
	'The rollups of this database, one row each; maintained by rollup_create and rollup_drop';
COMMENT ON COLUMN filteropt.rollup.view IS 'What users read: one row per group';
COMMENT ON COLUMN filteropt.rollup.query IS 'View that holds the defining query over the base table';
COMMENT ON COLUMN filteropt.rollup.data IS 'Table of partial rows, several per group';
COMMENT ON COLUMN filteropt.rollup.base IS 'The table that is aggregated';
COMMENT ON COLUMN filteropt.rollup.day_tz IS 'Time zone pinned at creation; null if the query depends on none';
COMMENT ON COLUMN filteropt.rollup.created_at IS 'When the rollup was created';
SELECT pg_catalog.pg_extension_config_dump('filteropt.rollup', '');

CREATE FUNCTION filteropt.rollup_skip_known() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_rollup_skip_known';
COMMENT ON FUNCTION filteropt.rollup_skip_known() IS
	'Trigger of filteropt.rollup: a data-only restore does not repeat rollups that exist';
CREATE TRIGGER skip_known BEFORE INSERT ON filteropt.rollup
	FOR EACH ROW EXECUTE FUNCTION filteropt.rollup_skip_known();
COMMENT ON TRIGGER skip_known ON filteropt.rollup IS
	'Skips rollups that exist already, so that a data-only restore succeeds';

CREATE AGGREGATE filteropt.rollup_add(bigint) (
	SFUNC = pg_catalog.int8pl,
	STYPE = bigint,
	COMBINEFUNC = pg_catalog.int8pl,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE filteropt.rollup_add(bigint) IS
	'Sum of bigint as bigint (error on overflow); sums the partial counts of a rollup';

CREATE FUNCTION filteropt.rollup_local_time(zone text, ts timestamptz) RETURNS timestamp
	LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_rollup_local_time';
COMMENT ON FUNCTION filteropt.rollup_local_time(text, timestamptz) IS
	'The same as timezone(zone, ts), faster for rows of one zone, whose offset it remembers; used by rollup_capture';

CREATE FUNCTION filteropt.rollup_capture() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_rollup_capture';
COMMENT ON FUNCTION filteropt.rollup_capture() IS
	'Trigger of base tables: records what a changed row means to the rollups of its table';

CREATE FUNCTION filteropt.rollup_truncate() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_rollup_truncate';
COMMENT ON FUNCTION filteropt.rollup_truncate() IS
	'Trigger of base tables and their partitions: follows TRUNCATE';

CREATE FUNCTION filteropt.rollup_guard() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_rollup_guard';
COMMENT ON FUNCTION filteropt.rollup_guard() IS
	'Trigger of the relations of a rollup: refuses direct changes, and skips rows of COPY';

CREATE FUNCTION filteropt.rollup_ddl() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'fo_rollup_ddl';
COMMENT ON FUNCTION filteropt.rollup_ddl() IS
	'Event trigger: follows partitions that are created, attached, detached and dropped';
CREATE EVENT TRIGGER filteropt_rollup_ddl_start ON ddl_command_start
	WHEN TAG IN ('ALTER TABLE', 'DROP TABLE', 'DROP SCHEMA')
	EXECUTE FUNCTION filteropt.rollup_ddl();
CREATE EVENT TRIGGER filteropt_rollup_ddl_end ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE')
	EXECUTE FUNCTION filteropt.rollup_ddl();
COMMENT ON EVENT TRIGGER filteropt_rollup_ddl_start IS
	'Takes the rows of a dropped partition out of the rollups';
COMMENT ON EVENT TRIGGER filteropt_rollup_ddl_end IS
	'Follows attached, detached and new partitions';

CREATE FUNCTION filteropt.rollup_create(name text, query text, day_tz text DEFAULT NULL,
		fillfactor integer DEFAULT 50, indexes text[] DEFAULT NULL)
	RETURNS regclass
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_create';
COMMENT ON FUNCTION filteropt.rollup_create(text, text, text, integer, text[]) IS
	'Make an aggregate SELECT over one table a rollup: a relation that is exact at every moment. '
	'day_tz pins the time zone of days (default: the session''s); fillfactor is the percentage of a page '
	'that is filled at first, the rest being for updates; each of indexes is a list of grouping columns '
	'to index besides all of them in order. Writers of the table wait while it is filled';

CREATE FUNCTION filteropt.rollup_drop(rollup regclass) RETURNS void
	LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_drop';
COMMENT ON FUNCTION filteropt.rollup_drop(regclass) IS
	'Drop a rollup with all its parts; the base table keeps its rows';

CREATE FUNCTION filteropt.rollup_rebuild(rollup regclass) RETURNS bigint
	LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_rebuild';
COMMENT ON FUNCTION filteropt.rollup_rebuild(regclass) IS
	'Recompute a rollup from its base table while others read and write; returns the number of groups';

CREATE FUNCTION filteropt.rollup_merge(rollup regclass) RETURNS bigint
	LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_merge';
COMMENT ON FUNCTION filteropt.rollup_merge(regclass) IS
	'Merge the partial rows of every group into one; returns the number of rows saved. Writers never wait';

CREATE FUNCTION filteropt.rollup_check(rollup regclass, OUT only_in text, OUT "row" jsonb)
	RETURNS SETOF record
	LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_check';
COMMENT ON FUNCTION filteropt.rollup_check(regclass) IS
	'Rows that only the rollup or only its query returns, in one snapshot; none if exact. Costs the query';

CREATE FUNCTION filteropt.rollup_pending(rollup regclass,
		OUT groups bigint, OUT partial_rows bigint, OUT most_rows bigint)
	LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_rollup_pending_rows';
COMMENT ON FUNCTION filteropt.rollup_pending(regclass) IS
	'Groups of a rollup, its partial rows, and the most of them in one group; '
	'null without SELECT on the rollup. Costs a scan of the partial rows';

CREATE FUNCTION filteropt.rollup_row_bound() RETURNS integer
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_rollup_row_bound';
COMMENT ON FUNCTION filteropt.rollup_row_bound() IS
	'The most partial rows that a group can have for each transaction that commits to it at the same moment';

CREATE FUNCTION filteropt.rollup_cost(rollup regclass, OUT writes bigint, OUT groups_folded bigint,
		OUT groups_appended bigint, OUT write_us double precision, OUT merges bigint, OUT rows_saved bigint)
	LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'fo_rollup_cost';
COMMENT ON FUNCTION filteropt.rollup_cost(regclass) IS
	'Since the server started: transactions that wrote the rollup, groups they added to a row that was there or '
	'appended as a row, microseconds they spent on that, merges and the rows these saved; null without SELECT on the rollup';

CREATE VIEW filteropt.rollup_stat AS
SELECT r.view AS rollup, r.base, r.day_tz, p.groups, p.partial_rows,
	p.partial_rows - p.groups AS pending,
	p.most_rows AS most_rows_in_group,
	filteropt.rollup_row_bound() AS row_bound_per_writer,
	round(p.partial_rows::numeric / nullif(p.groups, 0), 2) AS read_amplification,
	round((d.n_tup_ins + d.n_tup_upd)::numeric
		/ nullif(b.n_tup_ins + b.n_tup_upd + b.n_tup_del, 0), 3) AS write_amplification,
	d.n_tup_ins AS rows_written, d.n_tup_upd AS rows_updated,
	round(d.n_tup_hot_upd::numeric / nullif(d.n_tup_upd, 0), 3) AS heap_only_share,
	d.n_tup_del AS rows_deleted,
	w.writes, w.groups_folded, w.groups_appended,
	round((w.write_us / nullif(w.writes, 0))::numeric, 1) AS us_per_write,
	round((w.write_us / nullif(w.groups_folded + w.groups_appended, 0))::numeric, 2) AS us_per_group,
	w.merges, w.rows_saved,
	pg_table_size(r.data) AS table_bytes, pg_indexes_size(r.data) AS index_bytes
FROM filteropt.rollup r
JOIN pg_class c ON c.oid = r.view
CROSS JOIN LATERAL filteropt.rollup_pending(r.view) p
CROSS JOIN LATERAL filteropt.rollup_cost(r.view) w
LEFT JOIN pg_stat_all_tables d ON d.relid = r.data
CROSS JOIN LATERAL (
	SELECT sum(s.n_tup_ins) AS n_tup_ins, sum(s.n_tup_upd) AS n_tup_upd, sum(s.n_tup_del) AS n_tup_del
	FROM pg_stat_all_tables s
	WHERE s.relid = r.base OR s.relid IN (SELECT relid FROM pg_partition_tree(r.base))) b;
GRANT SELECT ON filteropt.rollup_stat TO PUBLIC;
COMMENT ON VIEW filteropt.rollup_stat IS
	'One row per rollup: groups, partial rows not yet merged, rows summed per group when reading '
	'(read_amplification, most_rows_in_group; the bound is row_bound_per_writer for each '
	'transaction committing to the group at one moment), partial rows written or updated per '
	'changed base row (write_amplification), share of the updates that touched no index, '
	'and since the server started: transactions that wrote the rollup, the time they spent on it, '
	'merges; sizes. Costs a scan of the partial rows';
