# Without shared memory of any kind: the table alone, with the same answers.  The segment
# that the first backend would make is larger than any machine has.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('alone', conf => "filteropt.cache_l1_size = '1000GB'\n");

sub sql { my ($query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt, public;\n$query"); }

is(sql('SELECT l1_place FROM cache_status()'), 'private', 'no shared memory');
is(sql(q{SET filteropt.cache_l1_size = '8MB'; SELECT l1_place FROM cache_status()}), 'private',
	'and none later: all backends must agree on that');
like(FilteroptTest::error_of($node, q{SELECT filteropt.cache_status(); SET statement_timeout = 50; SELECT pg_sleep(60)}),
	qr/^57014: /, 'a backend that found no room can still be cancelled');
sql(q{SELECT cache_resource_add('a', levels => '{L1,L3}'); CREATE TABLE base (k int PRIMARY KEY, v int)});

is(sql(q{SELECT cache_put('a', 'k', '1'); SELECT value, level FROM cache_get('a', ARRAY['k'])}), "t\n1|L3", 'put and get');
is(sql(q{BEGIN; SELECT cache_put('a', 'k', '2'); SELECT cache_get('a', 'k'); ROLLBACK; SELECT cache_get('a', 'k')}),
	"t\n2\n1", 'the transaction sees its own, a rollback leaves none');
sql(q{SELECT cache_delete('a', 'k')});
is(sql(q{SELECT cache_get('a', 'k')}), '', 'deleted');
is(sql(q{SELECT cache_put('a', 'k', '1', tags => '{t}'); SELECT cache_delete_tag('a', 't'); SELECT cache_get('a', 'k')}),
	"t\n1\n", 'deleted by tag');
is(sql(q{SELECT cache_put('a', 'k', '1'); SELECT cache_clear('a'); SELECT cache_get('a', 'k')}), "t\n\n", 'cleared');

# Deleting waits for who inserts the key unseen.
my $one = $node->background_psql('postgres');
$one->query_safe(q{BEGIN; SELECT filteropt.cache_put('a', 'race', '"old"')});
my $two = $node->background_psql('postgres');
$two->query_until(qr/sent/, qq{\\echo sent\nSELECT filteropt.cache_delete('a', 'race');\n});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die;
$one->query_safe('COMMIT');
$two->query_safe('SELECT 1');
is(sql(q{SELECT cache_get('a', 'race')}), '', 'a delete covers a put in progress');
$_->quit for $one, $two;

# Watched tables; queries are computed.
sql(q{INSERT INTO base VALUES (1, 1); SELECT cache_watch('base', 'a', 'k{k}'); SELECT cache_put('a', 'k1', '1')});
sql(q{UPDATE base SET v = 2});
is(sql(q{SELECT cache_get('a', 'k1')}), '', 'watched');
sql(q{SELECT cache_resource_add('q', levels => '{L1}'); SELECT cache_watch('base', 'q')});
is(sql(q{SELECT cached_query('q', 'SELECT v FROM base'); UPDATE base SET v = 3; SELECT cached_query('q', 'SELECT v FROM base')}),
	qq({"v": 2}\n{"v": 3}), 'cached_query computes');
is(sql(q{SELECT count(*) FROM cache_stat}), '0', 'there are no counters');

# Level 1 is private: a place where the backend looks first.  It says what the table says.
my ($reader, $writer) = map { $node->background_psql('postgres') } 1, 2;
$_->query_safe('SET search_path = filteropt, public') for $reader, $writer;
my $get = q{SELECT coalesce(string_agg(value::text || ' ' || level, ','), 'none') FROM cache_get('a', ARRAY['p'])};
$writer->query_safe(q{SELECT cache_put('a', 'p', '1')});
is($reader->query_safe($get), '1 L3', 'found in the table at first');
is($reader->query_safe($get), '1 L1', 'then in its place');
is($reader->query_safe(q{SELECT string_agg(level || ' ' || state, ',') FROM cache_explain('a', 'p')}), 'L1 fresh,L3 fresh',
	'cache_explain knows');
is($reader->query_safe(q{SELECT cache_get('a', 'p')}), '1', 'for one key, too');
$writer->query_safe(q{BEGIN; SELECT cache_put('a', 'p', '2')});
is($reader->query_safe($get), '1 L1', 'another transaction changes it');
is($writer->query_safe($get), '2 L3', 'which sees its own');
$writer->query_safe('COMMIT');
is($reader->query_safe($get), '2 L3', 'and has committed');
is($reader->query_safe($get), '2 L1', 'the new place is known');
$writer->query_safe(q{BEGIN; SAVEPOINT s; SELECT cache_delete('a', 'p')});
is($writer->query_safe($get), 'none', 'deleted after a savepoint');
$writer->query_safe('ROLLBACK TO s');
is($writer->query_safe($get), '2 L1', 'rolled back to it');
$writer->query_safe('ROLLBACK');
is($reader->query_safe($get), '2 L1', 'as if nothing had been');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe($get), '2 L1', 'a snapshot');
$writer->query_safe(q{SELECT cache_put('a', 'p', '3')});
is($reader->query_safe($get), '2 L1', 'sees what it saw before a change');
$reader->query_safe('COMMIT');
is($reader->query_safe($get), '3 L3', 'and no longer');
$reader->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE');
is($reader->query_safe($get), '3 L3', 'a serializable reader uses the index');
$reader->query_safe('COMMIT');

# Places that are there no longer.
sql(q{SELECT cache_put('a', 'filler' || i, to_jsonb(repeat('x', 2000))) FROM generate_series(1, 200) i;
	DELETE FROM cache_entry WHERE key = 'p'; SELECT cache_put('a', 'p', '4')});
is($reader->query_safe($get), '4 L3', 'far behind');
sql(q{DELETE FROM cache_entry WHERE key LIKE 'filler%'; VACUUM FULL cache_entry});
is($reader->query_safe($get), '4 L3', 'the table has been written anew');
sql(q{DELETE FROM cache_entry});
sql('VACUUM cache_entry');
is($reader->query_safe($get), 'none', 'the table has lost its pages');
sql(q{SELECT cache_put('a', 'p', '5')});
$reader->query_safe($get);
sql('TRUNCATE cache_entry');
is($reader->query_safe($get), 'none', 'and its file');

# Of all roles each has its own.
sql(q{CREATE ROLE one; CREATE ROLE two; SELECT cache_resource_add('own', levels => '{L1,L3}', scope => 'role');
	GRANT USAGE ON SCHEMA filteropt TO one, two;
	GRANT EXECUTE ON FUNCTION cache_put(text, text, jsonb, interval, text[], bigint) TO one, two});
is($reader->query_safe(qq{SET ROLE $_; SELECT cache_put('own', 'k', '"$_"')}), 't', "$_ puts") for 'one', 'two';
is($reader->query_safe(qq{SET ROLE $_; SELECT cache_get('own', 'k')}), qq("$_"), "$_ gets") for 'one', 'two', 'one', 'two';
$reader->query_safe('RESET ROLE');

# Against the table, in one snapshot, while others change it.
my $script = $node->basedir . '/change.sql';
append_to_file($script, <<'SQL');
\set k random(1, 20)
\set way random(1, 10)
BEGIN;
SELECT CASE WHEN :way < 3 THEN filteropt.cache_delete('a', 'r' || :k)::text
	ELSE filteropt.cache_put('a', 'r' || :k, to_jsonb(random()))::text END;
\if :way > 8
ROLLBACK;
\else
COMMIT;
\endif
SQL
my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-T', '4', '-f', $script, $node->connstr('postgres') ],
	'>', \my $out, '2>', \my $err);
$reader->query_safe(<<'SQL');
CREATE TEMP TABLE wrong (k text, cached jsonb, stored jsonb);
CREATE TEMP TABLE levels (level text);
DO $$ BEGIN
	FOR i IN 1 .. 20000 LOOP
		INSERT INTO wrong SELECT 'r' || k, cached, stored FROM (SELECT k, filteropt.cache_get('a', 'r' || k) AS cached,
				(SELECT value FROM filteropt.cache_entry WHERE key = 'r' || k AND expires > now()) AS stored
				FROM (SELECT i % 20 + 1) n (k)) c WHERE cached IS DISTINCT FROM stored;
		IF i % 20 = 0 THEN
			INSERT INTO levels SELECT level FROM filteropt.cache_get('a', ARRAY['r1', 'r2', 'r3']);
			COMMIT;
		END IF;
	END LOOP; END $$;
SQL
is($reader->query_safe('SELECT count(*) FROM wrong'), '0', 'never anything else than the table says');
is($reader->query_safe(q{SELECT count(*) FILTER (WHERE level = 'L1') > 0, count(*) FILTER (WHERE level = 'L3') > 0 FROM levels}),
	't|t', 'from both levels');
IPC::Run::finish($pgbench) or die $err;

# Its memory does not grow with the keys.
sql(q{SELECT cache_put('a', 'm' || i, '0') FROM generate_series(1, 20000) i});
my $bytes = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts};
my $before = $reader->query_safe($bytes);
is($reader->query_safe(q{SELECT count(cache_get('a', 'm' || i)) FROM generate_series(1, 20000) i}), '20000', 'many keys');
cmp_ok($reader->query_safe($bytes) - $before, '<', 500_000, 'bounded memory');
$_->quit for $reader, $writer;
$node->stop;
done_testing();
