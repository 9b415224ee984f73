-- What the cache runs as the owner of its tables is not what a caller's search_path finds.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE cache_mallory;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA filteropt TO cache_mallory;
CREATE SCHEMA evil AUTHORIZATION cache_mallory;
SELECT filteropt.cache_resource_add('operators', levels => '{L1,L3}', ttl => '1 hour') IS NULL AS made;
SET ROLE cache_mallory;
CREATE TEMP SEQUENCE n;
DO $$
DECLARE
	op record;
	f text;
BEGIN
	FOR op IN SELECT o.oprname, l.typname AS l, r.typname AS r, t.typname AS result
		FROM pg_operator o JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright JOIN pg_type t ON t.oid = o.oprresult
		WHERE o.oprnamespace = 'pg_catalog'::regnamespace
			AND (o.oprname IN ('=', '<', '<=', '>', '>=') AND l.typname IN ('int4', 'int8', 'bytea', 'text', 'tid', 'timestamptz', 'oid')
				OR o.oprname = '#' AND l.typname = 'int8' OR o.oprname = '/' AND l.typname = 'int8')
	LOOP
		f := format('evil.f%s', nextval('pg_temp.n'));
		EXECUTE format('CREATE FUNCTION %s(%I, %I) RETURNS %I LANGUAGE plpgsql AS %L', f, op.l, op.r, op.result,
			format('BEGIN IF current_user <> ''cache_mallory'' THEN RAISE WARNING ''%s of %s runs as somebody else''; END IF;'
				' RETURN $1 OPERATOR(pg_catalog.%1$s) $2; END', op.oprname, op.l));
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %I, RIGHTARG = %I, FUNCTION = %s)', op.oprname, op.l, op.r, f);
	END LOOP;
	FOR op IN VALUES ('@>', 'text[]'), ('&&', 'bigint[]') LOOP
		f := format('evil.f%s', nextval('pg_temp.n'));
		EXECUTE format('CREATE FUNCTION %s(%s, %2$s) RETURNS boolean LANGUAGE plpgsql AS %L', f, op.column2,
			'BEGIN RAISE WARNING ''an array operator of somebody else''; RETURN false; END');
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = %s)', op.column1, op.column2, f);
	END LOOP;
	CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''now() of somebody else''; RETURN clock_timestamp(); END';
	CREATE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''nextval() of somebody else''; RETURN 1; END';
	CREATE FUNCTION evil.bit_count(bit) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''bit_count() of somebody else''; RETURN 1; END';
END $$;
SET search_path = evil, pg_catalog;
SELECT filteropt.cache_put('operators', 'a', '1', tags => '{t}'), filteropt.cache_put('operators', 'b', '2');
SELECT filteropt.cache_put('operators', 'a', '3', tags => '{t}'), filteropt.cache_get('operators', 'a');
SELECT filteropt.cache_delete('operators', 'b'), filteropt.cache_get('operators', 'b');
SELECT filteropt.cache_delete_tag('operators', 't'), filteropt.cache_get('operators', 'a');
SELECT filteropt.cache_clear('operators');
SELECT filteropt.cache_expire() >= 0 AS swept;
SELECT filteropt.classification_put('one two three four five six seven', 'operators', '{"a": 1}', near => true);
SELECT verdict FROM filteropt.classification_get('one two three four five six seven eight', 'operators', similar => 7);
SELECT filteropt.classification_purge('operators') IS NOT NULL AS purged;
RESET search_path;
RESET ROLE;
SELECT filteropt.cache_resource_drop('operators');
DROP SCHEMA evil CASCADE;
DROP OWNED BY cache_mallory;
DROP ROLE cache_mallory;
