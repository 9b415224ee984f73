-- feed: the whole request of a feed in one call

CREATE TABLE filteropt.feed
(
	name text COLLATE "C" PRIMARY KEY CHECK (name <> '' AND octet_length(name) < 64),
	binding regclass NOT NULL UNIQUE,
	resource text NOT NULL,
	model text NOT NULL,
	prompt text NOT NULL,
	score text NOT NULL CHECK (score <> ''),
	lease interval NOT NULL CHECK (lease > '0'),
	mode text NOT NULL CHECK (mode IN ('keyword', 'ai', 'hybrid')),
	strategy text NOT NULL CHECK (strategy IN ('strict', 'moderate', 'relaxed')),
	threshold numeric CHECK (threshold BETWEEN 0 AND 1),
	shown text NOT NULL,
	hidden text NOT NULL,
	hit text NOT NULL,
	day_tz text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON filteropt.feed FROM PUBLIC;
GRANT SELECT ON filteropt.feed TO PUBLIC;
COMMENT ON TABLE filteropt.feed IS
	'the feeds of this database, one row each; written by feed_create and feed_drop. feed_bindings(name) lists the tables and columns of one';
COMMENT ON COLUMN filteropt.feed.binding IS
	'a view without rows whose columns are those that the feed uses, so that PostgreSQL itself follows renames, dumps and drops';
COMMENT ON COLUMN filteropt.feed.resource IS 'cache resource that keeps the verdicts';
COMMENT ON COLUMN filteropt.feed.model IS 'model whose verdicts are used; part of their key, with the prompt';
COMMENT ON COLUMN filteropt.feed.prompt IS 'prompt of the model, unless an owner''s config has one';
COMMENT ON COLUMN filteropt.feed.score IS
	'member of a verdict that says, from 0 to 1, how relevant the post is to what is to be hidden';
COMMENT ON COLUMN filteropt.feed.lease IS 'how long one caller may take to bring a verdict before another is asked for it';
COMMENT ON COLUMN filteropt.feed.mode IS 'for owners whose config has none: keyword, ai or hybrid';
COMMENT ON COLUMN filteropt.feed.strategy IS 'for owners whose config has none: strict, moderate or relaxed';
COMMENT ON COLUMN filteropt.feed.threshold IS
	'score from which on a post is hidden, for owners whose config has none; NULL: 0.5, 0.7 or 0.9 by strategy';
COMMENT ON COLUMN filteropt.feed.shown IS 'event that is recorded for a post shown';
COMMENT ON COLUMN filteropt.feed.hidden IS 'event that is recorded for a post hidden';
COMMENT ON COLUMN filteropt.feed.hit IS 'event that is recorded for each keyword found in a post';
COMMENT ON COLUMN filteropt.feed.day_tz IS 'time zone of the days of daily_stats';
COMMENT ON INDEX filteropt.feed_pkey IS 'finds a feed by its name';
COMMENT ON INDEX filteropt.feed_binding_key IS 'a binding belongs to one feed';
SELECT pg_catalog.pg_extension_config_dump('filteropt.feed', '');

CREATE FUNCTION filteropt.feed_bindings(feed text, OUT part text, OUT field text,
		OUT relation regclass, OUT "column" name)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 100 ROWS 20
	AS 'MODULE_PATHNAME', 'fo_feed_bindings';
COMMENT ON FUNCTION filteropt.feed_bindings(text) IS
	'the tables and columns that a feed uses, under their present names';

CREATE FUNCTION filteropt.feed_filter(feed text, owner "any", posts jsonb, record boolean DEFAULT true,
		OUT post_id text, OUT decision text, OUT method text, OUT reason text, OUT keywords text[],
		OUT spans jsonb, OUT classification jsonb, OUT level text, OUT token bigint)
	RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 20
	AS 'MODULE_PATHNAME', 'fo_feed_filter';
COMMENT ON FUNCTION filteropt.feed_filter(text, "any", jsonb, boolean) IS
	'decide on the posts of a feed for an owner, a row each in their order: show, hide, pending (the caller is to ask the model and to call feed_classified with the token) or waiting (another caller is asking). posts is an array of {"id", "body", "author"}. With record the decisions are written to the events in one insert; without it nothing is written, so it works in READ ONLY transactions and on a standby';
CREATE FUNCTION filteropt.feed_filter(feed text, owner text, posts jsonb, record boolean DEFAULT true,
		OUT post_id text, OUT decision text, OUT method text, OUT reason text, OUT keywords text[],
		OUT spans jsonb, OUT classification jsonb, OUT level text, OUT token bigint)
	RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 20
	AS 'MODULE_PATHNAME', 'fo_feed_filter';
COMMENT ON FUNCTION filteropt.feed_filter(text, text, jsonb, boolean) IS
	'the same for an owner given as text, as drivers send parameters whose type they are not told';

CREATE FUNCTION filteropt.feed_classified(feed text, owner "any", verdicts jsonb,
		OUT post_id text, OUT decision text, OUT method text, OUT reason text, OUT keywords text[],
		OUT spans jsonb, OUT classification jsonb, OUT level text, OUT token bigint)
	RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 20
	AS 'MODULE_PATHNAME', 'fo_feed_classified';
COMMENT ON FUNCTION filteropt.feed_classified(text, "any", jsonb) IS
	'keep what the model said of posts, decide on them for the owner and record the decisions. verdicts is an array of the posts given to feed_filter, each with "verdict" and, if known, "token", "cost", "elapsed_ms" and "version". A verdict whose token is outdated changes and records nothing: the one that is kept already decides';
CREATE FUNCTION filteropt.feed_classified(feed text, owner text, verdicts jsonb,
		OUT post_id text, OUT decision text, OUT method text, OUT reason text, OUT keywords text[],
		OUT spans jsonb, OUT classification jsonb, OUT level text, OUT token bigint)
	RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 20
	AS 'MODULE_PATHNAME', 'fo_feed_classified';
COMMENT ON FUNCTION filteropt.feed_classified(text, text, jsonb) IS
	'the same for an owner given as text';

CREATE FUNCTION filteropt.feed_config(feed text, owner "any",
		OUT mode text, OUT strategy text, OUT threshold numeric, OUT prompt text, OUT own boolean)
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000
	AS 'MODULE_PATHNAME', 'fo_feed_config';
COMMENT ON FUNCTION filteropt.feed_config(text, "any") IS
	'the filter config that holds for an owner: what the config table has, and else what the feed has. own: has it a row?';
CREATE FUNCTION filteropt.feed_config(feed text, owner text,
		OUT mode text, OUT strategy text, OUT threshold numeric, OUT prompt text, OUT own boolean)
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000
	AS 'MODULE_PATHNAME', 'fo_feed_config';
COMMENT ON FUNCTION filteropt.feed_config(text, text) IS 'the same for an owner given as text';

CREATE FUNCTION filteropt.feed_stats(feed text, owner "any", days integer DEFAULT 30,
		OUT date date, OUT total bigint, OUT shown bigint, OUT hidden bigint, OUT hits bigint)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 30
	AS 'MODULE_PATHNAME', 'fo_feed_stats';
COMMENT ON FUNCTION filteropt.feed_stats(text, "any", integer) IS
	'the numbers of an owner''s last days up to today, a row for each day, from daily_stats by one range of its index';
CREATE FUNCTION filteropt.feed_stats(feed text, owner text, days integer DEFAULT 30,
		OUT date date, OUT total bigint, OUT shown bigint, OUT hidden bigint, OUT hits bigint)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 30
	AS 'MODULE_PATHNAME', 'fo_feed_stats';
COMMENT ON FUNCTION filteropt.feed_stats(text, text, integer) IS 'the same for an owner given as text';

CREATE FUNCTION filteropt.feed_register(feed filteropt.feed) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_feed_register';
COMMENT ON FUNCTION filteropt.feed_register(filteropt.feed) IS
	'part of feed_create: writes the row of a feed whose binding the caller owns';

CREATE FUNCTION filteropt.feed_unregister(feed text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'fo_feed_unregister';
COMMENT ON FUNCTION filteropt.feed_unregister(text) IS
	'part of feed_drop: deletes the row of a feed whose binding the caller owns, or has been dropped';

-- setting up

CREATE FUNCTION filteropt.feed_relation(schema name, name text) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	parts text[] := parse_ident(name);
BEGIN
	IF cardinality(parts) > 2 THEN
		RAISE invalid_name USING MESSAGE = format('%s is not the name of a table', name),
			HINT = 'Write table or schema.table.';
	END IF;
	RETURN CASE WHEN cardinality(parts) = 2 THEN format('%I.%I', parts[1], parts[2])
		ELSE format('%I.%I', schema, parts[1]) END;
END $$;
COMMENT ON FUNCTION filteropt.feed_relation(name, text) IS
	'part of feed_create: a table''s qualified name, in the schema unless it names one';

CREATE FUNCTION filteropt.feed_columns(given jsonb) RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	columns jsonb := '{
		"users": {"id": "id"},
		"keywords": {"owner": "user_id", "keyword": "keyword"},
		"config": {"owner": "user_id", "mode": "mode", "strategy": "strategy", "threshold": "threshold", "prompt": "prompt"},
		"events": {"owner": "user_id", "event": "event_type", "post": "post_id", "keyword": "keyword", "at": "created_at",
			"method": "method", "reason": "reason", "author": "author"}}';
	optional text[] := '{config.mode,config.strategy,config.threshold,config.prompt,events.method,events.reason,events.author}';
	part text;
	field record;
BEGIN
	FOR part IN SELECT jsonb_object_keys(given) LOOP
		IF columns -> part IS NULL OR jsonb_typeof(given -> part) <> 'object' THEN
			RAISE invalid_parameter_value USING MESSAGE = format('columns has no part "%s", or it is not an object', part),
				HINT = 'Its parts are users, keywords, config and events; each is an object of fields and column names.';
		END IF;
		FOR field IN SELECT * FROM jsonb_each(given -> part) LOOP
			IF columns #> ARRAY[part, field.key] IS NULL
				OR jsonb_typeof(field.value) NOT IN ('string', 'null')
				OR field.value = 'null' AND part || '.' || field.key <> ALL (optional) THEN
				RAISE invalid_parameter_value USING
					MESSAGE = format('columns: %s cannot have the field "%s" with the value %s', part, field.key, field.value),
					HINT = format('Its fields are %s; null leaves an optional one out.',
						(SELECT string_agg(k, ', ') FROM jsonb_object_keys(columns -> part) AS k));
			END IF;
			columns := jsonb_set(columns, ARRAY[part, field.key], field.value);
		END LOOP;
	END LOOP;
	RETURN columns;
END $$;
COMMENT ON FUNCTION filteropt.feed_columns(jsonb) IS
	'part of feed_create: the names of all columns, given or by default';

CREATE FUNCTION filteropt.feed_options(given jsonb, name text) RETURNS jsonb
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known jsonb := '{"resource": "classification", "model": "default", "prompt": "", "score": "relevance", "lease": "30 s",
		"mode": "hybrid", "strategy": "moderate", "threshold": null, "shown": "POST_SHOWN", "hidden": "POST_FILTERED",
		"hit": "KEYWORD_HIT", "day_tz": "UTC", "owner_type": "bigint", "post_type": "text", "whole_word": true, "fold": "accent"}';
	kept jsonb := (SELECT to_jsonb(f) - '{name,binding,created_at}'::text[] FROM filteropt.feed f WHERE f.name = feed_options.name);
	unknown text := (SELECT string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(given) k WHERE NOT known ? k);
BEGIN
	IF unknown IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('unknown options: %s', unknown),
			HINT = format('The options are %s.', (SELECT string_agg(k, ', ') FROM jsonb_object_keys(known) k));
	END IF;
	RETURN known || coalesce(kept, '{}') || given;
END $$;
COMMENT ON FUNCTION filteropt.feed_options(jsonb, text) IS
	'part of feed_create: all options, given, or as the feed has them, or by default';

CREATE FUNCTION filteropt.feed_make_table(part text, name text, columns jsonb, options jsonb, users text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	c jsonb := columns -> part;
	owner_type regtype := (options ->> 'owner_type')::regtype;
	post_type regtype := (options ->> 'post_type')::regtype;
	reference text := CASE WHEN users IS NOT NULL
		THEN format(' REFERENCES %s (%I) ON DELETE CASCADE', users, columns #>> '{users,id}') ELSE '' END;
	wanted record;
	definition text[] := '{}';
BEGIN
	IF part IN ('keywords', 'events') THEN
		definition := ARRAY['id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'];
	END IF;
	FOR wanted IN
		SELECT f.field, c ->> f.field AS name, f.type FROM (VALUES
			('users', 'id', owner_type || CASE WHEN owner_type IN ('bigint'::regtype, 'integer'::regtype)
				THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END || ' PRIMARY KEY'),
			('keywords', 'owner', owner_type || ' NOT NULL' || reference),
			('keywords', 'keyword', 'text NOT NULL'),
			('config', 'owner', owner_type || ' PRIMARY KEY' || reference),
			('config', 'mode', 'text CHECK (' || quote_ident(c ->> 'mode') || ' IN (''keyword'', ''ai'', ''hybrid''))'),
			('config', 'strategy', 'text CHECK (' || quote_ident(c ->> 'strategy') || ' IN (''strict'', ''moderate'', ''relaxed''))'),
			('config', 'threshold', 'numeric CHECK (' || quote_ident(c ->> 'threshold') || ' BETWEEN 0 AND 1)'),
			('config', 'prompt', 'text'),
			('events', 'owner', owner_type || ' NOT NULL'),
			('events', 'event', 'text NOT NULL'),
			('events', 'post', post_type::text),
			('events', 'keyword', 'text'),
			('events', 'method', 'text'),
			('events', 'reason', 'text'),
			('events', 'author', 'text'),
			('events', 'at', 'timestamptz NOT NULL DEFAULT now()')) AS f (part, field, type)
		WHERE f.part = feed_make_table.part AND c ->> f.field IS NOT NULL
	LOOP
		definition := definition || format('%I %s', wanted.name, wanted.type);
	END LOOP;
	IF part = 'keywords' THEN
		definition := definition || format('UNIQUE (%I, %I)', c ->> 'owner', c ->> 'keyword');
	ELSIF part = 'users' THEN
		definition := definition || 'created_at timestamptz NOT NULL DEFAULT now()'::text;
	END IF;
	EXECUTE format('CREATE TABLE %s (%s)', name, array_to_string(definition, ', '));
	PERFORM filteropt.feed_comment(part, name, c);
END $$;
COMMENT ON FUNCTION filteropt.feed_make_table(text, text, jsonb, jsonb, text) IS
	'part of feed_create: creates one of the tables';

CREATE FUNCTION filteropt.feed_comment(part text, name text, columns jsonb) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	note record;
BEGIN
	FOR note IN
		SELECT n.field, n.comment FROM (VALUES
			('users', NULL, 'those who read feeds'),
			('keywords', NULL, 'what users want hidden, compiled for each by filteropt.keyword_attach'),
			('keywords', 'keyword', 'a word or phrase: see the pattern language of filteropt.keyword_set'),
			('config', NULL, 'how a user''s feed is filtered; who has no row, or NULL in it, has the feed''s defaults'),
			('config', 'mode', 'what decides: keyword, ai or hybrid'),
			('config', 'strategy', 'how much it takes to hide a post: strict little, moderate, relaxed much'),
			('config', 'threshold', 'score of the model, from 0 to 1, from which on a post is hidden'),
			('config', 'prompt', 'prompt of the model for this user; users of one prompt share its verdicts'),
			('events', NULL, 'what happened to the posts of feeds, written by filteropt.feed_filter and feed_classified'),
			('events', 'event', 'a post was shown or hidden, or a keyword was found in it'),
			('events', 'keyword', 'the keyword that was found; NULL for other events'),
			('events', 'method', 'what decided: keyword or ai'),
			('events', 'reason', 'why, in words'),
			('events', 'at', 'when: the start of the transaction')) AS n (part, field, comment)
		WHERE n.part = feed_comment.part AND (n.field IS NULL OR columns ->> n.field IS NOT NULL)
	LOOP
		EXECUTE CASE WHEN note.field IS NULL THEN format('COMMENT ON TABLE %s IS %L', name, note.comment)
			ELSE format('COMMENT ON COLUMN %s.%I IS %L', name, columns ->> note.field, note.comment) END;
	END LOOP;
END $$;
COMMENT ON FUNCTION filteropt.feed_comment(text, text, jsonb) IS
	'part of feed_create: says in comments what a table it has made is for';

CREATE FUNCTION filteropt.feed_check_columns(part text, relation regclass, columns jsonb, given jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	field record;
	found jsonb := '{}';
BEGIN
	FOR field IN SELECT key, value FROM jsonb_each_text(columns -> part) WHERE value IS NOT NULL LOOP
		IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attname = field.value
				AND attnum > 0 AND NOT attisdropped) THEN
			found := found || jsonb_build_object(field.key, field.value);
		ELSIF given #> ARRAY[part, field.key] IS NOT NULL
			OR part || '.' || field.key <> ALL ('{config.mode,config.strategy,config.threshold,config.prompt,events.method,events.reason,events.author}') THEN
			RAISE undefined_column USING
				MESSAGE = format('column "%s" of table %s does not exist', field.value, relation),
				HINT = format('Name the one to use: columns => ''{"%s": {"%s": "..."}}''.', part, field.key);
		END IF;
	END LOOP;
	RETURN found;
END $$;
COMMENT ON FUNCTION filteropt.feed_check_columns(text, regclass, jsonb, jsonb) IS
	'part of feed_create: the columns of a table that are there; optional ones may be missing';

CREATE FUNCTION filteropt.feed_need_index(relation regclass, VARIADIC columns text[]) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXISTS (
		SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indpred IS NULL AND i.indisvalid
			AND columns = ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
				JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
				WHERE k.n <= cardinality(columns) ORDER BY k.n))
	THEN
		RETURN false;
	END IF;
	EXECUTE format('CREATE INDEX ON %s (%s)', relation, (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
		FROM unnest(columns) WITH ORDINALITY AS x (c, n)));
	RETURN true;
END $$;
COMMENT ON FUNCTION filteropt.feed_need_index(regclass, text[]) IS
	'part of feed_create: makes an index that begins with the columns, unless there is one';

CREATE FUNCTION filteropt.feed_attach(relation regclass, columns jsonb, options jsonb) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	attached filteropt.keyword_sources;
BEGIN
	SELECT * INTO attached FROM filteropt.keyword_sources s WHERE s.source = relation;
	IF NOT FOUND THEN
		PERFORM filteropt.keyword_attach(relation, (columns ->> 'owner')::name, (columns ->> 'keyword')::name,
			(options ->> 'whole_word')::boolean, options ->> 'fold');
		RETURN true;
	END IF;
	IF attached.owner <> columns ->> 'owner' OR attached.keyword <> columns ->> 'keyword' THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = format('keywords of table %s are attached by other columns: %I, %I', relation, attached.owner, attached.keyword),
			HINT = 'Name these in columns, or call filteropt.keyword_detach() first.';
	END IF;
	RETURN false;
END $$;
COMMENT ON FUNCTION filteropt.feed_attach(regclass, jsonb, jsonb) IS
	'part of feed_create: attaches the table of keywords, unless it is attached already';

CREATE FUNCTION filteropt.feed_make_rollup(name text, base regclass, zone text, wanted text[], query text) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
	there regclass := to_regclass(name);
BEGIN
	IF there IS NULL THEN
		PERFORM filteropt.rollup_create(name, query, zone);
		RETURN true;
	END IF;
	IF NOT EXISTS (SELECT FROM filteropt.rollup r WHERE r.view = there AND r.base = feed_make_rollup.base)
		OR EXISTS (SELECT unnest(wanted) EXCEPT SELECT attname::text FROM pg_attribute WHERE attrelid = there AND attnum > 0)
	THEN
		RAISE duplicate_table USING MESSAGE = format('%s exists and is not the rollup of %s that a feed needs', there, base),
			DETAIL = format('Its columns would be %s.', array_to_string(wanted, ', ')),
			HINT = 'Choose another name by daily_stats => ''...'' or keyword_stats => ''...''.';
	END IF;
	RETURN false;
END $$;
COMMENT ON FUNCTION filteropt.feed_make_rollup(text, regclass, text, text[], text) IS
	'part of feed_create: makes a rollup of the events, unless it is there already';

CREATE FUNCTION filteropt.feed_bind(name text, binding text, bound jsonb) RETURNS regclass
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted text := (SELECT string_agg(format('%I.%I AS %I', p.key, f.value, p.key || '_' || f.key), ', ' ORDER BY p.key, f.key)
		FROM jsonb_each(bound) p, jsonb_each_text(p.value -> 'columns') f);
	tables text := (SELECT string_agg(format('%s AS %I', p.value ->> 'relation', p.key), ', ' ORDER BY p.key)
		FROM jsonb_each(bound) p);
BEGIN
	IF to_regclass(binding) IS NOT NULL THEN
		RAISE duplicate_table USING MESSAGE = format('relation %s already exists', binding),
			DETAIL = format('Feed "%s" keeps its tables and columns in a view of that name.', name),
			HINT = 'Choose another name for the feed, or another schema.';
	END IF;
	EXECUTE format('CREATE VIEW %s AS SELECT %s FROM %s WHERE false', binding, wanted, tables);
	EXECUTE format('COMMENT ON VIEW %s IS %L', binding,
		format('the tables and columns of feed "%s"; has no rows. Drop it by filteropt.feed_drop(%L)', name, name));
	RETURN binding;
END $$;
COMMENT ON FUNCTION filteropt.feed_bind(text, text, jsonb) IS
	'part of feed_create: makes the view that holds tables and columns';

CREATE FUNCTION filteropt.feed_create(name text, schema name DEFAULT current_schema(),
		users text DEFAULT 'users', keywords text DEFAULT 'keywords',
		events text DEFAULT 'analytics_events', config text DEFAULT 'filter_config',
		daily_stats text DEFAULT 'daily_stats', keyword_stats text DEFAULT 'keyword_stats',
		columns jsonb DEFAULT '{}', options jsonb DEFAULT '{}')
	RETURNS TABLE (part text, relation regclass, action text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	existing filteropt.feed;
	settings jsonb;
	names jsonb;
	bound jsonb := '{}';
	table_name text;
	done boolean;
	c jsonb;
BEGIN
	IF name IS NULL OR schema IS NULL OR keywords IS NULL OR events IS NULL OR daily_stats IS NULL
		OR keyword_stats IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'only users and config may be null in feed_create';
	END IF;
	-- One at a time, so that the second of two finds what the first has made.
	PERFORM pg_advisory_xact_lock('filteropt.feed'::regclass::oid::bigint);
	SELECT * INTO existing FROM filteropt.feed f WHERE f.name = feed_create.name;
	settings := filteropt.feed_options(coalesce(options, '{}'), name);
	names := filteropt.feed_columns(coalesce(columns, '{}'));

	FOR part, table_name IN VALUES ('users', users), ('keywords', keywords), ('config', config), ('events', events)
	LOOP
		CONTINUE WHEN table_name IS NULL;
		table_name := filteropt.feed_relation(schema, table_name);
		action := 'bound';
		IF to_regclass(table_name) IS NULL THEN
			PERFORM filteropt.feed_make_table(part, table_name, names, settings, bound #>> '{users,relation}');
			action := 'created';
		END IF;
		relation := table_name::regclass;
		bound := bound || jsonb_build_object(part, jsonb_build_object('relation', table_name,
			'columns', filteropt.feed_check_columns(part, relation, names, coalesce(columns, '{}'))));
		RETURN NEXT;
	END LOOP;

	relation := (bound #>> '{keywords,relation}')::regclass;
	c := bound #> '{keywords,columns}';
	done := filteropt.feed_need_index(relation, c ->> 'owner');
	done := filteropt.feed_attach(relation, c, settings);
	part := 'keyword sets';
	action := CASE WHEN done THEN 'created' ELSE 'bound' END;
	RETURN NEXT;

	c := bound #> '{events,columns}';
	table_name := bound #>> '{events,relation}';
	done := filteropt.feed_need_index(table_name::regclass, c ->> 'owner', c ->> 'at');
	bound := bound || jsonb_build_object('days', jsonb_build_object('relation', filteropt.feed_relation(schema, daily_stats),
			'columns', jsonb_build_object('owner', c ->> 'owner', 'date', 'date', 'total', 'total_events',
				'shown', 'posts_shown', 'hidden', 'posts_filtered', 'hits', 'keyword_hits')),
		'hits', jsonb_build_object('relation', filteropt.feed_relation(schema, keyword_stats),
			'columns', jsonb_build_object('owner', c ->> 'owner', 'keyword', 'keyword', 'hits', 'hits', 'last', 'last_hit')));
	done := filteropt.feed_make_rollup(bound #>> '{days,relation}', table_name::regclass, settings ->> 'day_tz',
		ARRAY[c ->> 'owner', 'date', 'total_events', 'posts_shown', 'posts_filtered', 'keyword_hits'],
		format('SELECT %1$I, date(%2$I) AS date, count(*) AS total_events,'
			' count(*) FILTER (WHERE %3$I = %5$L) AS posts_shown,'
			' count(*) FILTER (WHERE %3$I = %6$L) AS posts_filtered,'
			' count(*) FILTER (WHERE %3$I = %7$L) AS keyword_hits'
			' FROM %4$s GROUP BY %1$I, date(%2$I)', c ->> 'owner', c ->> 'at', c ->> 'event', table_name,
			settings ->> 'shown', settings ->> 'hidden', settings ->> 'hit'));
	part := 'daily_stats';
	relation := (bound #>> '{days,relation}')::regclass;
	action := CASE WHEN done THEN 'created' ELSE 'bound' END;
	RETURN NEXT;
	done := filteropt.feed_make_rollup(bound #>> '{hits,relation}', table_name::regclass, settings ->> 'day_tz',
		ARRAY[c ->> 'owner', 'keyword', 'hits', 'last_hit'],
		format('SELECT %1$I, %2$I AS keyword, count(*) AS hits, max(%3$I) AS last_hit FROM %4$s'
			' WHERE %5$I = %6$L GROUP BY %1$I, %2$I', c ->> 'owner', c ->> 'keyword', c ->> 'at', table_name,
			c ->> 'event', settings ->> 'hit'));
	part := 'keyword_stats';
	relation := (bound #>> '{hits,relation}')::regclass;
	action := CASE WHEN done THEN 'created' ELSE 'bound' END;
	RETURN NEXT;

	IF EXISTS (SELECT FROM filteropt.feed f JOIN filteropt.feed_uses u USING (binding)
			WHERE u.relation = (bound #>> '{days,relation}')::regclass
			AND ARRAY[f.shown, f.hidden, f.hit, f.day_tz] <>
				ARRAY[settings ->> 'shown', settings ->> 'hidden', settings ->> 'hit', settings ->> 'day_tz']) THEN
		RAISE object_in_use USING
			MESSAGE = format('rollup %s counts other events, or by days of another time zone', bound #>> '{days,relation}'),
			DETAIL = 'The options shown, hidden, hit and day_tz are fixed when the rollups are made.',
			HINT = 'Use the same options, or other names by daily_stats => and keyword_stats =>.';
	END IF;
	part := 'binding';
	action := 'created';
	IF existing.name IS NULL THEN
		relation := filteropt.feed_bind(name, format('%I.%I', schema, left('feed_' || name, 63)), bound);
	ELSE
		PERFORM filteropt.feed_check_same(name, bound);
		relation := existing.binding;
		action := 'bound';
	END IF;
	PERFORM filteropt.feed_register(jsonb_populate_record(NULL::filteropt.feed,
		settings || jsonb_build_object('name', name, 'binding', relation::oid::text,
			'created_at', coalesce(existing.created_at, now()))));
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION filteropt.feed_create(text, name, text, text, text, text, text, text, jsonb, jsonb) IS
	'set a feed up: create its tables of users, keywords, filter configs and events, or use those that are there; attach the keywords; make the rollups daily_stats and keyword_stats and the indexes. columns names columns that are called otherwise, options the model and the like. Can be repeated: what is there stays, options that are given change';

CREATE VIEW filteropt.feed_uses AS
	SELECT DISTINCT r.ev_class::regclass AS binding, d.refobjid::regclass AS relation
	FROM pg_rewrite r
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
	WHERE r.ev_class IN (SELECT f.binding FROM filteropt.feed f);
COMMENT ON VIEW filteropt.feed_uses IS
	'the tables and rollups that the bindings of feeds depend on';
GRANT SELECT ON filteropt.feed_uses TO PUBLIC;

CREATE FUNCTION filteropt.feed_check_same(name text, bound jsonb) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	other text := (
		WITH wanted AS (SELECT p.key AS part, f.key AS field, (p.value ->> 'relation')::regclass AS relation, f.value AS name
				FROM jsonb_each(bound) p, jsonb_each_text(p.value -> 'columns') f),
			present AS (SELECT b.part, b.field, b.relation, b."column"::text AS name FROM filteropt.feed_bindings(feed_check_same.name) b)
		SELECT string_agg(format('%s.%s', d.part, d.field), ', ' ORDER BY d.part, d.field)
		FROM (SELECT part, field FROM (TABLE wanted EXCEPT TABLE present) AS missing
			UNION SELECT part, field FROM (TABLE present EXCEPT TABLE wanted) AS left_over) AS d);
BEGIN
	IF other IS NOT NULL THEN
		RAISE duplicate_object USING MESSAGE = format('feed "%s" already exists with other tables or columns', name),
			DETAIL = format('What differs: %s.', other),
			HINT = 'filteropt.feed_bindings() shows them; drop the feed first to bind it anew: filteropt.feed_drop().';
	END IF;
END $$;
COMMENT ON FUNCTION filteropt.feed_check_same(text, jsonb) IS
	'part of feed_create: refuses to bind a feed that exists to other tables or columns';

CREATE FUNCTION filteropt.feed_drop(feed text) RETURNS void
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	view regclass;
	parts regclass[];
	mine regclass;
BEGIN
	SELECT f.binding INTO view FROM filteropt.feed f WHERE f.name = feed;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('feed "%s" does not exist', feed),
			HINT = 'filteropt.feed lists the feeds.';
	END IF;
	parts := ARRAY(SELECT u.relation FROM filteropt.feed_uses u WHERE u.binding = view);
	PERFORM filteropt.feed_unregister(feed);
	IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = view) THEN
		RETURN;
	END IF;
	EXECUTE format('DROP VIEW %s', view);
	FOREACH mine IN ARRAY parts LOOP
		CONTINUE WHEN EXISTS (SELECT FROM filteropt.feed f JOIN filteropt.feed_uses u USING (binding) WHERE u.relation = mine);
		IF EXISTS (SELECT FROM filteropt.rollup r WHERE r.view = mine) THEN
			PERFORM filteropt.rollup_drop(mine);
		ELSIF EXISTS (SELECT FROM filteropt.keyword_sources s WHERE s.source = mine) THEN
			PERFORM filteropt.keyword_detach(mine);
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION filteropt.feed_drop(text) IS
	'take a feed back: its binding, and where no other feed uses them its rollups and its compiled keywords. The tables keep their rows';

CREATE FUNCTION filteropt.feed_explain(feed text, owner text, post jsonb)
	RETURNS TABLE (step text, result text, detail jsonb)
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	config record;
	answer record;
	body text := coalesce(post ->> 'body', post ->> 'content', '');
	f filteropt.feed;
	key text;
BEGIN
	IF jsonb_typeof(post) <> 'object' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the post is not an object',
			HINT = 'Pass one such as {"id": 1, "body": "..."}.';
	END IF;
	SELECT * INTO answer FROM filteropt.feed_filter(feed, owner, jsonb_build_array('{"id": "?"}' || post), false);
	SELECT * INTO config FROM filteropt.feed_config(feed, owner);
	SELECT * INTO f FROM filteropt.feed c WHERE c.name = feed;
	step := 'config';
	result := format('%s, %s, hides from %s', config.mode, config.strategy, config.threshold);
	detail := to_jsonb(config);
	RETURN NEXT;
	step := 'keywords';
	result := CASE WHEN body = '' THEN 'no text' WHEN answer.keywords = '{}' THEN 'none found'
		ELSE array_to_string(answer.keywords, ', ') END;
	detail := (SELECT jsonb_agg(s || jsonb_build_object('matched', substr(body, (s ->> 'start')::int, (s ->> 'length')::int)))
		FROM jsonb_array_elements(answer.spans) s);
	RETURN NEXT;
	step := 'by keywords';
	result := CASE WHEN answer.method = 'ai' THEN 'ask the model' ELSE answer.decision END;
	detail := NULL;
	RETURN NEXT;
	IF answer.method = 'ai' THEN
		key := filteropt.classification_key(body, f.model, config.prompt);
		step := 'verdict';
		result := coalesce('from ' || answer.level, 'none is kept');
		detail := jsonb_build_object('verdict', answer.classification, 'model', f.model, 'key', key, 'levels',
			(SELECT jsonb_object_agg(e.level, e.state) FROM filteropt.cache_explain(f.resource, key) e));
		RETURN NEXT;
	END IF;
	step := 'decision';
	result := answer.decision;
	detail := jsonb_build_object('method', answer.method, 'reason', answer.reason);
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION filteropt.feed_explain(text, text, jsonb) IS
	'why feed_filter decides as it does on a post: the config, the keywords and where they are, the verdict and the level it comes from. Writes nothing';
CREATE FUNCTION filteropt.feed_explain(feed text, owner anyelement, post jsonb)
	RETURNS TABLE (step text, result text, detail jsonb)
	LANGUAGE sql STRICT SET search_path = pg_catalog, pg_temp
	AS $$ SELECT * FROM filteropt.feed_explain(feed, owner::text, post) $$;
COMMENT ON FUNCTION filteropt.feed_explain(text, anyelement, jsonb) IS
	'the same for an owner of the type that owners have';

-- What writes tables of the extension, or lets its caller keep verdicts.  The parts of
-- feed_create do with the rights of their caller what he may do anyway.
REVOKE ALL ON FUNCTION filteropt.feed_filter(text, "any", jsonb, boolean), filteropt.feed_filter(text, text, jsonb, boolean),
	filteropt.feed_classified(text, "any", jsonb), filteropt.feed_classified(text, text, jsonb),
	filteropt.feed_register(filteropt.feed), filteropt.feed_unregister(text), filteropt.feed_drop(text),
	filteropt.feed_create(text, name, text, text, text, text, text, text, jsonb, jsonb)
	FROM PUBLIC;
