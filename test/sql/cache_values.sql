-- Values through their life: put, read, change, roll back, expire.  No output depends on
-- the time or on whether the library is preloaded.
SET search_path = public, filteropt;
\set VERBOSITY terse
SELECT cache_resource_add('t', levels => '{L1,L3}');
SELECT cache_resource_add('memory', levels => '{L1}');

SELECT cache_get('t', 'a');
SELECT cache_put('t', 'a', '{"n": 1}');
SELECT cache_get('t', 'a');
SELECT key, value, level, age >= '0' AS aged, stale FROM cache_get('t', ARRAY['a', 'b', 'a']);
SELECT cache_delete('t', 'a');
SELECT cache_get('t', 'a');

-- The transaction sees its own writes, a rollback leaves none.
BEGIN;
SELECT cache_put('t', 'a', '1'), cache_put('memory', 'a', '1');
SELECT cache_get('t', 'a'), cache_get('memory', 'a');
SAVEPOINT s;
SELECT cache_put('t', 'a', '2'), cache_put('memory', 'a', '2');
SELECT cache_get('t', 'a'), cache_get('memory', 'a');
SELECT cache_delete('memory', 'a');
SELECT cache_get('memory', 'a') IS NULL AS gone;
ROLLBACK TO s;
SELECT cache_get('t', 'a'), cache_get('memory', 'a');
COMMIT;
SELECT cache_get('t', 'a'), cache_get('memory', 'a');
BEGIN;
SELECT cache_put('t', 'a', '3'), cache_put('memory', 'a', '3'), cache_put('t', 'new', '3');
ROLLBACK;
SELECT cache_get('t', 'a'), cache_get('memory', 'a'), cache_get('t', 'new');

-- Reading writes nothing; writing is refused where it would.
BEGIN READ ONLY;
SELECT cache_get('t', 'a'), cache_get('memory', 'a'), cache_get('t', 'nothing') IS NULL AS missing;
SELECT key, value FROM cache_get('t', ARRAY['a', 'b']);
SELECT classification_get('buy now', 'm') IS NULL AS missing;
SELECT count(*) FROM cache_explain('t', 'a');
SELECT cache_fill('t', 'computed', 'SELECT 5');
SAVEPOINT s;
SELECT cache_put('t', 'a', '2');
ROLLBACK TO s;
SELECT cache_delete('t', 'a');
ROLLBACK TO s;
SELECT cache_clear('t');
ROLLBACK;

-- Several at once; the last of equal keys counts; negative results.
SELECT cache_put_many('t', ARRAY['x', 'y', 'x', 'z'], ARRAY['1', '2', '3', NULL]::jsonb[]);
SELECT key, value FROM cache_get('t', ARRAY['x', 'y', 'z', 'q']) ORDER BY key;
SELECT level, negative FROM cache_explain('t', 'z');

-- Keys of any bytes and lengths, values of any kind.
SELECT cache_put('t', k, to_jsonb(length(k))) AS put, cache_get('t', k) IS NULL AS before_command_end
	FROM unnest(ARRAY['', ' ', E'a\nb', '$$', '''', '{"x"}', repeat('k', 512), repeat('k', 1000000)]) k;
SELECT left(k, 10) AS key, length(k), cache_get('t', k) AS value, cache_get('t', k || '!') AS other
	FROM unnest(ARRAY['', ' ', E'a\nb', '$$', '''', '{"x"}', repeat('k', 512), repeat('k', 1000000)]) k;

-- Tags.
SELECT cache_put('t', 'p1', '1', tags => '{red,blue}'), cache_put('t', 'p2', '2', tags => '{red}'),
	cache_put('t', 'p3', '3', tags => '{}');
SELECT cache_delete_tag('t', 'red');
SELECT key FROM cache_get('t', ARRAY['p1', 'p2', 'p3']);
SELECT cache_delete_tag('t', 'green');

-- Clearing is a new version; dropping and adding again brings nothing back.
SELECT cache_clear('t');
SELECT count(*) FROM cache_get('t', ARRAY['a', 'x', 'p3']);
SELECT cache_put('t', 'a', '"again"');
BEGIN;
SELECT cache_clear('t');
ROLLBACK;
SELECT cache_get('t', 'a');
SELECT cache_resource_drop('t');
SELECT cache_resource_add('t', levels => '{L1,L3}');
SELECT cache_get('t', 'a');

-- Time: a short ttl, stale values, no ttl below a microsecond or beyond reason.
SELECT cache_resource_set('t', stale_for => '1 hour');
SELECT cache_put('t', 'short', '1', ttl => '1 microsecond');
SELECT cache_get('t', 'short') AS fresh;
SELECT value, stale FROM cache_get('t', ARRAY['short']);
SELECT state, value, token IS NOT NULL AS has_token FROM cache_claim('t', 'short');
SELECT state, value, token IS NOT NULL AS has_token FROM cache_claim('t', 'short', wait => '0');
SELECT cache_put('t', 'a', '1', ttl => '0');
SELECT cache_put('t', 'a', '1', ttl => '-1 s');
SELECT cache_put('t', 'a', '1', ttl => '2000 years');

-- How long: the resource's ttl, less its jitter; a negative result its own; another clock.
SELECT cache_resource_add('time', ttl => '1 hour', jitter => 0, negative_ttl => '10 min', levels => '{L3}');
SELECT cache_put('time', 'a', '1'), cache_put('time', 'none', NULL), cache_put('time', 'given', '1', ttl => '2 hours');
SELECT key, expires - created AS lives FROM cache_entry WHERE key IN ('a', 'none', 'given') AND created > now() - interval '1 minute'
	AND resource = (SELECT id FROM cache_resource WHERE name = 'time') ORDER BY key;
SELECT cache_resource_set('time', jitter => 0.5);
SELECT count(cache_put('time', 'j' || i, '1')) FROM generate_series(1, 100) i;
SELECT min(expires - created) >= '30 min' AND max(expires - created) <= '1 hour' AS within,
		count(DISTINCT expires - created) > 50 AS spread
	FROM cache_entry WHERE key ~ '^j\d+$';
SELECT cache_put('time', 'b', '1', ttl => '10 years');
SELECT cache_get('time', 'b');
UPDATE cache_entry SET created = created + interval '1 hour' WHERE key = 'b';
SELECT cache_get('time', 'b') AS from_the_future;
SELECT cache_resource_drop('time');

-- Emptying the table by hand empties the other levels, with the transaction.
SELECT cache_put('t', 'cut', '1');
BEGIN;
TRUNCATE cache_entry;
SELECT cache_get('t', 'cut') AS cut;
ROLLBACK;
SELECT cache_get('t', 'cut') AS still;
TRUNCATE cache_entry;
SELECT cache_get('t', 'cut') AS cut, cache_get('memory', 'a') AS memory;
SELECT cache_put('memory', 'a', '1');

-- Too large: an error, or skipped and the old value forgotten.
SELECT cache_resource_set('t', max_bytes => 100);
SELECT cache_put('t', 'big', '1');
SELECT cache_put('t', 'big', to_jsonb(repeat('x', 200)));
SELECT cache_get('t', 'big');
SELECT cache_resource_set('t', oversize => 'skip');
SELECT cache_put('t', 'big', to_jsonb(repeat('x', 200)));
SELECT cache_get('t', 'big');

-- Claims and fills.
SELECT cache_resource_add('c', levels => '{L1,L3}');
SELECT token AS token FROM cache_claim('c', 'k') \gset
SELECT state FROM cache_claim('c', 'k', wait => '1 ms');
SELECT cache_put('c', 'k', '1', token => :token);
SELECT state, value FROM cache_claim('c', 'k');
SELECT token AS token FROM cache_claim('c', 'raced') \gset
SELECT cache_delete('c', 'raced');
SELECT cache_put('c', 'raced', '"old"', token => :token);
SELECT cache_get('c', 'raced');
SELECT token AS token FROM cache_claim('c', 'tagged') \gset
SELECT cache_delete_tag('c', 'tag');
SELECT cache_put('c', 'tagged', '"old"', tags => '{tag}', token => :token);
SELECT token AS token FROM cache_claim('c', 'given up') \gset
SELECT cache_unclaim(:token);
SELECT state FROM cache_claim('c', 'given up', wait => '0');
SELECT cache_fill('c', 'f', 'SELECT $1 || $2::text', 'a'::text, 5);
SELECT cache_fill('c', 'f', 'SELECT 1 / 0');
SELECT cache_fill('c', 'error', 'SELECT 1 / 0');
SELECT cache_fill('c', 'error', 'SELECT generate_series(1, 2)');
SELECT cache_fill('c', 'error', 'SELECT 7');
SELECT cache_fill('c', 'nothing', 'SELECT 1 WHERE false') IS NULL AS nothing;
SELECT value, negative FROM cache_get('c', ARRAY['nothing']), cache_explain('c', 'nothing') LIMIT 1;

-- Reading works read only, writing says why not.
BEGIN READ ONLY;
SELECT cache_get('c', 'k'), cache_fill('c', 'k', 'SELECT 1'), cache_fill('c', 'other', 'SELECT 2');
SELECT count(*) FROM cache_get('c', ARRAY['k']);
SELECT cache_put('c', 'k', '2');
ROLLBACK;

-- What is refused.
SELECT cache_get('nosuch', 'k');
SELECT cache_resource_set('nosuch', ttl => '1 s');
SELECT cache_resource_drop('nosuch');
SELECT cache_resource_add('t');
SELECT cache_resource_add('bad', levels => '{L1,L1}');
SELECT cache_resource_add('bad', levels => '{}');
SELECT cache_resource_add('bad', ttl => '0');
SELECT cache_resource_add(repeat('x', 64));
SELECT cache_put('memory', 'a', '1', tags => '{t}');
SELECT cache_put('c', 'a', '1', tags => ARRAY[NULL]);
SELECT cache_put_many('c', ARRAY['a'], ARRAY[]::jsonb[]);
SELECT cache_put_many('c', ARRAY['a', NULL], ARRAY['1', '2']::jsonb[]);
SELECT cache_get('c', ARRAY['a', NULL]);
SELECT state FROM cache_claim('c', 'a', lease => '0');

-- Roles: values of a role are its own.
CREATE ROLE regress_cache_1;
CREATE ROLE regress_cache_2;
GRANT EXECUTE ON FUNCTION cache_put(text, text, jsonb, interval, text[], bigint) TO regress_cache_1, regress_cache_2;
SELECT cache_resource_add('mine', levels => '{L1,L3}', scope => 'role');
SET ROLE regress_cache_1;
SELECT cache_put('mine', 'k', '1', tags => '{t}');
SELECT cache_get('mine', 'k');
SET ROLE regress_cache_2;
SELECT cache_get('mine', 'k');
SELECT cache_put('mine', 'k', '2');
SELECT cache_delete('mine', 'k');
SELECT * FROM cache_entry;
RESET ROLE;
SELECT cache_get('mine', 'k');
SELECT cache_delete_tag('mine', 't');
SET ROLE regress_cache_1;
SELECT cache_get('mine', 'k');
SET ROLE regress_cache_2;
SELECT cache_get('mine', 'k');
RESET ROLE;

-- Which functions may everybody call?
SELECT p.oid::regprocedure FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'filteropt'
	WHERE p.proname ~ '^(cache|classification)' AND has_function_privilege('regress_cache_1', p.oid, 'EXECUTE')
		AND p.proname <> 'cache_put'
	ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Many changes in one transaction: the resource gets a new version instead of a list.
SELECT cache_resource_add('bulk', levels => '{L1,L3}');
SELECT cache_put('bulk', 'before', '1');
SELECT version AS version FROM cache_resource WHERE name = 'bulk' \gset
BEGIN;
SELECT count(cache_put('bulk', 'k' || i, to_jsonb(i))) FROM generate_series(1, 100010) i;
SELECT cache_get('bulk', 'k100010');
COMMIT;
SELECT version > :version AS renewed FROM cache_resource WHERE name = 'bulk';
SELECT cache_get('bulk', 'k100010'), cache_get('bulk', 'before');

-- Expired and outdated rows go away in the background of things.
SELECT cache_expire() > 100000 AS many;
SELECT count(*) FROM cache_entry e LEFT JOIN cache_resource r ON r.id = e.resource AND r.version = e.version
	WHERE r.id IS NULL;
DROP OWNED BY regress_cache_1, regress_cache_2;
DROP ROLE regress_cache_1, regress_cache_2;
SELECT cache_resource_drop(name) FROM cache_resource WHERE id > 5 ORDER BY id;
SELECT cache_expire() >= 0 AS expired;
