-- keyword: compiled keyword sets, and the operators and functions that match texts against them

CREATE TYPE filteropt.keyword_set;

CREATE FUNCTION filteropt.keyword_set_in(cstring) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_in';
COMMENT ON FUNCTION filteropt.keyword_set_in(cstring) IS 'input function of keyword_set: compiles its JSON form';

CREATE FUNCTION filteropt.keyword_set_out(filteropt.keyword_set) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_out';
COMMENT ON FUNCTION filteropt.keyword_set_out(filteropt.keyword_set) IS 'output function of keyword_set: its keywords and options as JSON';

CREATE FUNCTION filteropt.keyword_set_recv(internal) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_recv';
COMMENT ON FUNCTION filteropt.keyword_set_recv(internal) IS 'binary input function of keyword_set';

CREATE FUNCTION filteropt.keyword_set_send(filteropt.keyword_set) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_send';
COMMENT ON FUNCTION filteropt.keyword_set_send(filteropt.keyword_set) IS 'binary output function of keyword_set: its keywords and options';

-- Tables are looked up in place, so values are stored uncompressed and aligned for 64-bit words.
CREATE TYPE filteropt.keyword_set (
	INPUT = filteropt.keyword_set_in,
	OUTPUT = filteropt.keyword_set_out,
	RECEIVE = filteropt.keyword_set_recv,
	SEND = filteropt.keyword_set_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE filteropt.keyword_set IS 'keywords compiled for matching, with their fold level, whole-word option and allowed phrases';

CREATE FUNCTION filteropt.keyword_set(keywords text[], whole_word boolean DEFAULT true,
									  fold text DEFAULT 'accent', allow text[] DEFAULT NULL)
	RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'fo_keyword_set_make';
COMMENT ON FUNCTION filteropt.keyword_set(text[], boolean, text, text[]) IS
'compiles keywords; "*" at an end of one leaves that end open, whole_word => false opens all ends; fold is none, case, accent or evasion; a match inside an allowed phrase does not count. Cost: 0.3 to 0.6 microseconds per keyword. Errors: 22023 names a bad entry, 54000 beyond 10 million keywords or 1 GB, 0A000 for a fold level the encoding does not have';

CREATE FUNCTION filteropt.keyword_set_add(text[], text) RETURNS text[]
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'array_append';
COMMENT ON FUNCTION filteropt.keyword_set_add(text[], text) IS 'transition function of keyword_set_agg';

CREATE FUNCTION filteropt.keyword_set_final(text[]) RETURNS filteropt.keyword_set
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'fo_keyword_set_final';
COMMENT ON FUNCTION filteropt.keyword_set_final(text[]) IS 'final function of keyword_set_agg';

CREATE AGGREGATE filteropt.keyword_set_agg(text) (
	SFUNC = filteropt.keyword_set_add,
	STYPE = text[],
	INITCOND = '{}',
	COMBINEFUNC = array_cat,
	FINALFUNC = filteropt.keyword_set_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE filteropt.keyword_set_agg(text) IS
'compiles the keywords of a group with the defaults of keyword_set(); NULLs are ignored';

CREATE FUNCTION filteropt.keyword_set_eq(filteropt.keyword_set, filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_set_eq';
COMMENT ON FUNCTION filteropt.keyword_set_eq(filteropt.keyword_set, filteropt.keyword_set) IS
'same options, keywords and allowed phrases, in whatever order';

CREATE FUNCTION filteropt.keyword_set_ne(filteropt.keyword_set, filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_set_ne';
COMMENT ON FUNCTION filteropt.keyword_set_ne(filteropt.keyword_set, filteropt.keyword_set) IS
'differing options, keywords or allowed phrases';

CREATE FUNCTION filteropt.keyword_set_hash(filteropt.keyword_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_hash';
COMMENT ON FUNCTION filteropt.keyword_set_hash(filteropt.keyword_set) IS 'hash that goes with equality of keyword sets';

CREATE FUNCTION filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_hash_extended';
COMMENT ON FUNCTION filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint) IS
'seeded hash that goes with equality of keyword sets';

CREATE OPERATOR filteropt.= (
	LEFTARG = filteropt.keyword_set, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_set_eq,
	COMMUTATOR = OPERATOR(filteropt.=), NEGATOR = OPERATOR(filteropt.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR filteropt.= (filteropt.keyword_set, filteropt.keyword_set) IS
'same options, keywords and allowed phrases, in whatever order';

CREATE OPERATOR filteropt.<> (
	LEFTARG = filteropt.keyword_set, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_set_ne,
	COMMUTATOR = OPERATOR(filteropt.<>), NEGATOR = OPERATOR(filteropt.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR filteropt.<> (filteropt.keyword_set, filteropt.keyword_set) IS
'differing options, keywords or allowed phrases';

CREATE OPERATOR CLASS filteropt.keyword_set_ops DEFAULT FOR TYPE filteropt.keyword_set USING hash AS
	OPERATOR 1 filteropt.=,
	FUNCTION 1 filteropt.keyword_set_hash(filteropt.keyword_set),
	FUNCTION 2 filteropt.keyword_set_hash_extended(filteropt.keyword_set, bigint);
COMMENT ON OPERATOR CLASS filteropt.keyword_set_ops USING hash IS
'hashing of keyword sets, for DISTINCT, GROUP BY and joins';
COMMENT ON OPERATOR FAMILY filteropt.keyword_set_ops USING hash IS
'hashing of keyword sets, for DISTINCT, GROUP BY and joins';

CREATE FUNCTION filteropt.keyword_match(body text, set filteropt.keyword_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'fo_keyword_match';
COMMENT ON FUNCTION filteropt.keyword_match(text, filteropt.keyword_set) IS
'does a keyword of the set occur in the text, outside its allowed phrases? The same as body @@ set. Cost: one probe per word of the text, whatever the number of keywords';

CREATE FUNCTION filteropt.keyword_sel(internal, oid, internal, integer) RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_sel';
COMMENT ON FUNCTION filteropt.keyword_sel(internal, oid, internal, integer) IS
'selectivity of @@, from the statistics of the column';

CREATE OPERATOR filteropt.@@ (
	LEFTARG = text, RIGHTARG = filteropt.keyword_set,
	FUNCTION = filteropt.keyword_match,
	RESTRICT = filteropt.keyword_sel
);
COMMENT ON OPERATOR filteropt.@@ (text, filteropt.keyword_set) IS
'does a keyword of the set occur in the text, outside its allowed phrases?';

CREATE FUNCTION filteropt.keyword_list(body text, set filteropt.keyword_set) RETURNS text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'fo_keyword_list';
COMMENT ON FUNCTION filteropt.keyword_list(text, filteropt.keyword_set) IS
'the keywords that occur in the text, each once, as they were written, in the order of the set';

CREATE FUNCTION filteropt.keyword_find(body text, set filteropt.keyword_set,
									   OUT keyword text, OUT start integer, OUT length integer,
									   OUT matched text)
	RETURNS SETOF record
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 ROWS 3 AS 'MODULE_PATHNAME', 'fo_keyword_find';
COMMENT ON FUNCTION filteropt.keyword_find(text, filteropt.keyword_set) IS
'every occurrence of every keyword, leftmost first: the keyword as written, where it begins (characters from 1), its length in characters, and the text itself';

CREATE FUNCTION filteropt.keyword_highlight(body text, set filteropt.keyword_set,
											open text DEFAULT '<mark>', close text DEFAULT '</mark>')
	RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 AS 'MODULE_PATHNAME', 'fo_keyword_highlight';
COMMENT ON FUNCTION filteropt.keyword_highlight(text, filteropt.keyword_set, text, text) IS
'the text with open and close round its matches, overlapping ones taken together; nothing is escaped, so escape HTML first';

CREATE FUNCTION filteropt.keyword_redact(body text, set filteropt.keyword_set, mask text DEFAULT '*')
	RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40 AS 'MODULE_PATHNAME', 'fo_keyword_redact';
COMMENT ON FUNCTION filteropt.keyword_redact(text, filteropt.keyword_set, text) IS
'the text with its matches masked: a mask of one character replaces each character of a match, any other mask the match as a whole';

CREATE FUNCTION filteropt.keyword_set_info(set filteropt.keyword_set,
										   OUT keywords integer, OUT allowed integer, OUT fold text,
										   OUT whole_word boolean, OUT bytes integer, OUT format integer,
										   OUT current boolean, OUT unicode_version text)
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'fo_keyword_set_info';
COMMENT ON FUNCTION filteropt.keyword_set_info(filteropt.keyword_set) IS
'describes a set: numbers of keywords and allowed phrases, options, size in bytes, version of its format, whether it is used as it is (else it is compiled anew on each use: store it again), and the Unicode version in use';

-- keywords in a table of the application: compiled sets are kept for each owner by triggers

CREATE FUNCTION filteropt.keyword_sync() RETURNS trigger
	LANGUAGE C AS 'MODULE_PATHNAME', 'fo_keyword_sync';
COMMENT ON FUNCTION filteropt.keyword_sync() IS
'trigger function of tables attached by keyword_attach(): notes whose keywords have changed, which are compiled before the transaction commits';

CREATE FUNCTION filteropt.keyword_guard() RETURNS trigger
	LANGUAGE C AS 'MODULE_PATHNAME', 'fo_keyword_guard';
COMMENT ON FUNCTION filteropt.keyword_guard() IS
'trigger function of the tables that hold compiled keywords: an owner whose set is there already keeps it';

CREATE FUNCTION filteropt.keyword_rebuild(source regclass) RETURNS bigint
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'fo_keyword_rebuild';
COMMENT ON FUNCTION filteropt.keyword_rebuild(regclass) IS
'compiles the keywords of all owners of an attached table anew, and returns how many owners have a set; creates the table of sets when it is missing, as in a dump of the attached table alone. Writers of the table wait, readers do not. Only the owner of the table may call it';

CREATE FUNCTION filteropt.keyword_renew(source regclass) RETURNS void
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'fo_keyword_renew';
COMMENT ON FUNCTION filteropt.keyword_renew(regclass) IS
'ties the compiled keywords of an attached table to it, and lets snapshots from before now read the table instead of them';

CREATE FUNCTION filteropt.keyword_moves_partitions(command pg_ddl_command) RETURNS boolean
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'fo_keyword_moves_partitions';
COMMENT ON FUNCTION filteropt.keyword_moves_partitions(pg_ddl_command) IS
'can a command have added partitions to a table or taken some away? For event triggers';

CREATE FUNCTION filteropt.keyword_watch_members(source regclass, store name) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- By its name, what is left of a dropped trigger tells whose partition that was.
	watch name := 'filteropt_keyword_truncate_' || store;
	members regclass[] := ARRAY(SELECT relid FROM pg_partition_tree(source) UNION SELECT source);
	watched regclass[] := ARRAY(SELECT tgrelid FROM pg_trigger
		WHERE tgname = watch AND tgfoid = 'filteropt.keyword_sync()'::regprocedure);
	unwatched regclass[] := ARRAY(SELECT unnest(members) EXCEPT SELECT unnest(watched));
	left_over regclass[] := ARRAY(SELECT unnest(watched) EXCEPT SELECT unnest(members));
	member regclass;
BEGIN
	FOREACH member IN ARRAY left_over LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', watch, member);
	END LOOP;
	FOREACH member IN ARRAY unwatched LOOP
		EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s '
					   'FOR EACH STATEMENT EXECUTE FUNCTION filteropt.keyword_sync()', watch, member);
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', member, watch);
	END LOOP;
	RETURN unwatched <> '{}' OR left_over <> '{}';
END
$$;
COMMENT ON FUNCTION filteropt.keyword_watch_members(regclass, name) IS
'gives an attached table and its partitions, which do not inherit them, their triggers on TRUNCATE, and takes them from what is no partition any more; tells whether there was anything to do';

CREATE FUNCTION filteropt.keyword_attach(source regclass, owner name, keyword name,
										 whole_word boolean DEFAULT true, fold text DEFAULT 'accent',
										 allow_flag name DEFAULT NULL, on_bad text DEFAULT 'skip')
	RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	columns text;
	changed text;
	store name;
	owners bigint;
	trigger_name text;
BEGIN
	PERFORM filteropt.keyword_check_source(source, owner, keyword, allow_flag);
	IF on_bad IS NULL OR on_bad NOT IN ('skip', 'error') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('unrecognized value for on_bad: %L', on_bad),
			HINT = 'Write ''skip'' to have rows with bad keywords ignored, or ''error'' to have them refused.';
	END IF;
	-- Both options are checked where sets are made.
	PERFORM filteropt.keyword_set(ARRAY['x'], whole_word, fold);

	columns := format('%I, %I', owner, keyword);
	EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
	IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = source AND tgname = 'filteropt_keyword_columns') THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
			MESSAGE = format('keywords are already attached to table %s', source),
			HINT = 'Call filteropt.keyword_detach() first to change the options.';
	END IF;
	changed := format('OLD.%1$I IS DISTINCT FROM NEW.%1$I OR OLD.%2$I::text COLLATE "C" IS DISTINCT FROM NEW.%2$I::text COLLATE "C"',
					  owner, keyword);
	IF allow_flag IS NOT NULL THEN
		columns := columns || format(', %I', allow_flag);
		changed := changed || format(' OR OLD.%1$I IS DISTINCT FROM NEW.%1$I', allow_flag);
	END IF;
	PERFORM filteropt.keyword_check_members(source);
	store := filteropt.keyword_name_store(source, owner);

	EXECUTE format('CREATE TRIGGER filteropt_keyword_write AFTER INSERT OR DELETE ON %s '
				   'FOR EACH ROW EXECUTE FUNCTION filteropt.keyword_sync()', source);
	EXECUTE format('CREATE TRIGGER filteropt_keyword_update AFTER UPDATE ON %s '
				   'FOR EACH ROW WHEN (%s) EXECUTE FUNCTION filteropt.keyword_sync()', source, changed);
	-- Rows that logical replication applies count too.
	FOREACH trigger_name IN ARRAY ARRAY['filteropt_keyword_write', 'filteropt_keyword_update'] LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', source, trigger_name);
	END LOOP;
	PERFORM filteropt.keyword_watch_members(source, store);
	-- Never fires; holds what there is to know of the source, and follows renames and dumps.
	EXECUTE format('CREATE TRIGGER filteropt_keyword_columns AFTER UPDATE OF %s ON %s '
				   'FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION filteropt.keyword_sync(%L, %L, %L, %L)',
				   columns, source, store, whole_word::text, fold, on_bad);

	-- Creates the store, too.
	owners := filteropt.keyword_rebuild(source);
	IF NOT EXISTS (
		SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = source AND i.indpred IS NULL AND i.indisvalid AND a.attname = owner)
	THEN
		RAISE WARNING USING
			MESSAGE = format('table %s has no index that begins with column %I', source, owner),
			DETAIL = 'Every change of an owner''s keywords reads them all, which scans the whole table without one.',
			HINT = format('CREATE INDEX ON %s (%I);', source, owner);
	END IF;
	RETURN owners;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_attach(regclass, name, name, boolean, text, name, text) IS
'keeps the keywords of each owner in a table compiled, for keyword_match(source, owner, body), from now on and through every kind of change; rows whose allow_flag column is true are allowed phrases; on_bad => ''skip'' lists bad keywords in keyword_rejected, ''error'' refuses them. Returns the number of owners. Only the owner of the table may call it; writers wait while it runs';

CREATE FUNCTION filteropt.keyword_check_source(source regclass, owner name, keyword name, allow_flag name)
	RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	kind "char" := (SELECT relkind FROM pg_class WHERE oid = source);
	wanted record;
	found_type regtype;
BEGIN
	IF source IS NULL OR owner IS NULL OR keyword IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'source, owner and keyword must not be null';
	END IF;
	IF kind IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = format('relation with OID %s does not exist', source::oid);
	ELSIF kind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('%s is %s', source, CASE kind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
				WHEN 'f' THEN 'a foreign table' ELSE 'not a table' END),
			HINT = 'Attach the table of this database in which the keywords are stored.';
	END IF;
	IF EXISTS (SELECT FROM pg_class WHERE oid = source AND relispartition) THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('%s is a partition', source),
			HINT = 'Attach the partitioned table itself.';
	END IF;
	IF kind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE source IN (inhparent, inhrelid)) THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('table %s takes part in inheritance', source),
			HINT = 'Use a partitioned table.';
	END IF;
	FOR wanted IN SELECT * FROM (VALUES (owner, NULL::regtype[]),
		(keyword, ARRAY['text', 'varchar', 'bpchar', 'name']::regtype[]),
		(allow_flag, ARRAY['boolean']::regtype[])) v(column_name, types) WHERE column_name IS NOT NULL
	LOOP
		SELECT coalesce(nullif(t.typbasetype, 0), t.oid) INTO found_type
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = source AND a.attname = wanted.column_name AND a.attnum > 0 AND NOT a.attisdropped;
		IF found_type IS NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'undefined_column',
				MESSAGE = format('column "%s" of table %s does not exist', wanted.column_name, source),
				HINT = format('Its columns are %s.', (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
					FROM pg_attribute WHERE attrelid = source AND attnum > 0 AND NOT attisdropped));
		END IF;
		IF found_type <> ALL (wanted.types)
			AND NOT EXISTS (SELECT FROM pg_type WHERE oid = found_type AND typcategory = 'S'
							AND 'text'::regtype = ANY (wanted.types)) THEN
			RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
				MESSAGE = format('column "%s" of table %s is of type %s', wanted.column_name, source, found_type),
				HINT = format('It must be of type %s.', wanted.types[1]);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_check_source(regclass, name, name, name) IS
'part of keyword_attach(): refuses what cannot be attached, with the reason';

CREATE FUNCTION filteropt.keyword_check_members(source regclass) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	member record;
BEGIN
	FOR member IN
		SELECT c.oid::regclass AS name, c.relkind, c.relpersistence
		FROM (SELECT relid FROM pg_partition_tree(source) UNION SELECT source) m JOIN pg_class c ON c.oid = m.relid
		WHERE c.relkind NOT IN ('r', 'p') OR c.relpersistence <> 'p' OR m.relid <> source AND EXISTS (
			SELECT FROM pg_trigger WHERE tgrelid = m.relid AND tgname = 'filteropt_keyword_columns')
		ORDER BY m.relid
		LIMIT 1
	LOOP
		IF member.relkind NOT IN ('r', 'p') THEN
			RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
				MESSAGE = format('keywords of table %s cannot be kept compiled: partition %s is a foreign table', source, member.name),
				DETAIL = 'Changes that others make on its server would go unnoticed.',
				HINT = 'Keep the keywords in tables of this database.';
		ELSIF member.relpersistence <> 'p' THEN
			RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
				MESSAGE = format('keywords of table %s cannot be kept compiled: %s is %s', source, member.name,
					CASE member.relpersistence WHEN 't' THEN 'temporary' ELSE 'unlogged' END),
				DETAIL = 'Compiled keywords outlive a crash, the rows of such a table do not.',
				HINT = 'Use logged tables, or call filteropt.keyword_detach() first if the table is attached.';
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('keywords are attached to partition %s of table %s itself', member.name, source),
			HINT = format('SELECT filteropt.keyword_detach(%L);', member.name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_check_members(regclass) IS
'refuses tables and partitions whose keywords cannot be kept compiled: foreign, unlogged, temporary or attached themselves';

CREATE FUNCTION filteropt.keyword_name_store(source regclass, owner name) RETURNS name
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'fo_keyword_name_store';
COMMENT ON FUNCTION filteropt.keyword_name_store(regclass, name) IS
'a name that is free in schema filteropt for the compiled keywords of a table; refuses a column of owners whose type cannot be compared, hashed and sorted';

CREATE FUNCTION filteropt.keyword_detach(source regclass) RETURNS void
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	store regclass;
	mine record;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = source AND g.tgparentid = 0
				   AND g.tgfoid = 'filteropt.keyword_sync()'::regprocedure) THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('no keywords are attached to table %s', source),
			HINT = 'View filteropt.keyword_sources lists the tables that are.';
	END IF;
	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', source);
	-- By dependency, which is there also when dropping a column has taken the triggers along.
	FOR store IN
		SELECT d.objid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
		WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
			AND d.refobjid = source AND d.deptype = 'a' AND c.relkind = 'r'
			AND c.relnamespace = 'filteropt'::regnamespace
		UNION SELECT s.store FROM filteropt.keyword_sources s
		WHERE s.source = keyword_detach.source AND s.store IS NOT NULL
	LOOP
		EXECUTE format('DROP TABLE %s', store);
	END LOOP;
	FOR mine IN
		SELECT g.tgrelid::regclass AS member, g.tgname FROM pg_trigger g
		WHERE g.tgfoid = 'filteropt.keyword_sync()'::regprocedure AND g.tgparentid = 0
			AND (g.tgrelid = source OR g.tgrelid IN (SELECT relid FROM pg_partition_tree(source)))
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', mine.tgname, mine.member);
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_detach(regclass) IS
'undoes keyword_attach(): drops its triggers and the compiled keywords; the table itself stays as it is';

-- As the owner of the extension: neither the old nor the new owner of a table
-- may give its sets away, and who drops a partition need not own the table.
CREATE FUNCTION filteropt.keyword_follow_ddl() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	attached record;
BEGIN
	FOR attached IN
		WITH commands AS (
			SELECT coalesce(pg_partition_root(c.oid), c.oid) AS root,
				bool_or(filteropt.keyword_moves_partitions(d.command)) AS moved
			FROM pg_event_trigger_ddl_commands() d
			LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
				AND g.tgname = 'filteropt_keyword_columns'
			JOIN pg_class c ON c.oid = g.tgrelid OR d.classid = 'pg_class'::regclass AND c.oid = d.objid
			GROUP BY 1)
		SELECT s.source, s.store, t.relname, d.moved, c.relowner::regrole AS role, t.relowner = c.relowner AS is_owner
		FROM commands d
		JOIN filteropt.keyword_sources s ON s.source = d.root
		JOIN pg_class c ON c.oid = s.source
		JOIN pg_class t ON t.oid = s.store
		-- Arguments of triggers are anybody's words; what keyword_attach() made, depends on its table.
		WHERE t.relowner = c.relowner OR EXISTS (
			SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = t.oid
				AND refclassid = 'pg_class'::regclass AND refobjid = c.oid AND deptype = 'a')
	LOOP
		IF NOT attached.is_owner THEN
			EXECUTE format('ALTER TABLE %s OWNER TO %s', attached.store, attached.role);
		END IF;
		PERFORM filteropt.keyword_check_members(attached.source);
		IF attached.moved AND filteropt.keyword_watch_members(attached.source, attached.relname) THEN
			PERFORM filteropt.keyword_rebuild(attached.source);
		ELSE
			-- A rewritten table is empty to older snapshots, as when its rows were new.
			PERFORM filteropt.keyword_renew(attached.source);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_follow_ddl() IS
'event trigger function: follows the owners of attached tables and their partitions, refuses what cannot be followed, and ties sets to their table when both come from a dump';

CREATE EVENT TRIGGER filteropt_keyword_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE TRIGGER')
	EXECUTE FUNCTION filteropt.keyword_follow_ddl();
COMMENT ON EVENT TRIGGER filteropt_keyword_ddl IS
'follows owners and partitions of tables attached by keyword_attach()';

CREATE FUNCTION filteropt.keyword_follow_drops() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	root regclass;
BEGIN
	FOR root IN
		SELECT s.source FROM filteropt.keyword_sources s
		JOIN pg_class c ON c.oid = s.source
		JOIN pg_class t ON t.oid = s.store AND t.relowner = c.relowner
		WHERE EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE d.object_type = 'trigger'
			AND d.address_names[3] = ('filteropt_keyword_truncate_' || t.relname)::name)
	LOOP
		-- Trouble with the keywords must not keep others from dropping theirs.
		BEGIN
			PERFORM filteropt.keyword_rebuild(root);
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'could not compile the keywords of % anew: %', root, SQLERRM
				USING HINT = format('SELECT filteropt.keyword_rebuild(%L);', root);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_follow_drops() IS
'event trigger function: when a partition of an attached table was dropped, compiles the keywords of that table anew';

CREATE EVENT TRIGGER filteropt_keyword_drops ON sql_drop
	WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION', 'DROP TYPE')
	EXECUTE FUNCTION filteropt.keyword_follow_drops();
COMMENT ON EVENT TRIGGER filteropt_keyword_drops IS
'follows dropped partitions of tables attached by keyword_attach()';

-- Also where session_replication_role is replica.
ALTER EVENT TRIGGER filteropt_keyword_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER filteropt_keyword_drops ENABLE ALWAYS;

CREATE VIEW filteropt.keyword_sources AS
SELECT g.tgrelid::regclass AS source,
	(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = g.tgrelid AND a.attnum = g.tgattr[0]) AS owner,
	(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = g.tgrelid AND a.attnum = g.tgattr[1]) AS keyword,
	(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = g.tgrelid AND a.attnum = g.tgattr[2]) AS allow_flag,
	args[2] = 'true' AS whole_word, args[3] AS fold, args[4] AS on_bad,
	(SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	 WHERE n.nspname = 'filteropt' AND c.relname = args[1]) AS store
FROM pg_trigger g,
	LATERAL (SELECT string_to_array(encode(g.tgargs, 'escape'), '\000') AS args) a
WHERE g.tgname = 'filteropt_keyword_columns' AND g.tgfoid = 'filteropt.keyword_sync()'::regprocedure
	AND g.tgnargs = 4;
COMMENT ON VIEW filteropt.keyword_sources IS
'tables attached by keyword_attach(), with their columns, options and the table that holds the compiled sets';

CREATE FUNCTION filteropt.keyword_list_rejected(OUT source regclass, OUT owner text, OUT keyword text, OUT reason text)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	attached record;
BEGIN
	-- Only what is as keyword_attach() made it: a table of the same owner, without rules.
	FOR attached IN SELECT s.* FROM filteropt.keyword_sources s
		JOIN pg_class t ON t.oid = s.store JOIN pg_class c ON c.oid = s.source
		WHERE has_table_privilege(s.store, 'SELECT') AND t.relkind = 'r' AND NOT t.relhasrules
			AND NOT t.relrowsecurity AND t.relowner = c.relowner
			AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = t.oid AND attname = 'owner')
			AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = t.oid AND attname = 'rejected'
						AND atttypid = 'jsonb'::regtype)
	LOOP
		RETURN QUERY EXECUTE format(
			'SELECT $1, t.owner::text, r.keyword, r.reason FROM %s t, '
			'jsonb_to_recordset(t.rejected) r(keyword text, reason text)', attached.store)
			USING attached.source;
	END LOOP;
END
$$;
COMMENT ON FUNCTION filteropt.keyword_list_rejected() IS
'what the view keyword_rejected shows: of the attached tables whose compiled keywords the caller may read';

CREATE VIEW filteropt.keyword_rejected AS SELECT * FROM filteropt.keyword_list_rejected();
COMMENT ON VIEW filteropt.keyword_rejected IS
'keywords of attached tables that are ignored, because they cannot be compiled, with the reason';
GRANT SELECT ON filteropt.keyword_sources, filteropt.keyword_rejected TO PUBLIC;

CREATE FUNCTION filteropt.keyword_match(source regclass, owner "any", body text) RETURNS text[]
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 50 AS 'MODULE_PATHNAME', 'fo_keyword_match_owner';
COMMENT ON FUNCTION filteropt.keyword_match(regclass, "any", text) IS
'the keywords of an owner in an attached table that occur in the text, exactly as the current snapshot shows them; an empty array for none. The caller needs SELECT on the source, whose row-level security is respected';

CREATE FUNCTION filteropt.keyword_match(source regclass, owner "any", bodies text[],
										OUT post integer, OUT keywords text[])
	RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 200 ROWS 20 AS 'MODULE_PATHNAME', 'fo_keyword_match_feed';
COMMENT ON FUNCTION filteropt.keyword_match(regclass, "any", text[]) IS
'the same for the texts of a feed: one row per text, numbered from 1, whose keywords are NULL when the text is';

-- A parameter whose type a driver does not tell, as "any" has none to give it, is text.
CREATE FUNCTION filteropt.keyword_match(source regclass, owner text, body text) RETURNS text[]
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 50 AS 'MODULE_PATHNAME', 'fo_keyword_match_owner';
COMMENT ON FUNCTION filteropt.keyword_match(regclass, text, text) IS
'the same for an owner given as text, which may spell a value of whatever type owners have';

CREATE FUNCTION filteropt.keyword_match(source regclass, owner text, bodies text[],
										OUT post integer, OUT keywords text[])
	RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 200 ROWS 20 AS 'MODULE_PATHNAME', 'fo_keyword_match_feed';
COMMENT ON FUNCTION filteropt.keyword_match(regclass, text, text[]) IS
'the same for the texts of a feed and an owner given as text';

CREATE FUNCTION filteropt.keyword_test(keyword text, samples text[], whole_word boolean DEFAULT true,
									   fold text DEFAULT 'accent', allow text[] DEFAULT NULL,
									   OUT sample integer, OUT hit boolean, OUT start integer,
									   OUT length integer, OUT matched text, OUT word text,
									   OUT other_word boolean)
	RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.n::integer, f.start IS NOT NULL, f.start, f.length, f.matched, w.word,
		w.word IS DISTINCT FROM f.matched AND f.start IS NOT NULL
	FROM unnest(samples) WITH ORDINALITY s(body, n)
	LEFT JOIN LATERAL filteropt.keyword_find(s.body,
		filteropt.keyword_set(ARRAY[keyword], whole_word, fold, allow)) f ON true
	LEFT JOIN LATERAL (SELECT substring(left(s.body, f.start - 1) FROM '[[:alnum:]]*$') || f.matched ||
		substring(substr(s.body, f.start + f.length) FROM '^[[:alnum:]]*') AS word) w ON true
	ORDER BY s.n, f.start
$$;
COMMENT ON FUNCTION filteropt.keyword_test(text, text[], boolean, text, text[]) IS
'tries a keyword before it is saved: for each sample whether it would be hit, and for each hit where, by which text, and inside which word; other_word tells that this is a longer word than what matched';

-- What only the extension's owner calls: in event triggers, and as the owner of
-- the aggregate and of the schema.  The rest of what keyword_attach() is made of
-- runs with the rights of its caller, and does what he may do anyway.
REVOKE EXECUTE ON FUNCTION filteropt.keyword_guard(), filteropt.keyword_renew(regclass),
	filteropt.keyword_moves_partitions(pg_ddl_command), filteropt.keyword_follow_ddl(), filteropt.keyword_follow_drops(),
	filteropt.keyword_set_add(text[], text), filteropt.keyword_set_final(text[]) FROM PUBLIC;
