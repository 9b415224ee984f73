# The cache across crashes, on a standby, through prepared transactions and dump and
# restore; with and without preloading.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $redis = FilteroptRedis->new('crash');
my $conf = "filteropt.cache_redis = '" . $redis->socket . "'
filteropt.cache_redis_breaker_window = 100
restart_after_crash = on
max_prepared_transactions = 2
";

sub sql { my ($node, $query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt, public; $query"); }

# Backends are killed at any moment of their transactions, publication included; after
# the recovery what is cached is what was committed.
for my $preload (1, 0)
{
	my $how = $preload ? 'preloaded' : 'not preloaded';
	my $node = FilteroptTest::new_node("crash_$preload", preload => $preload, conf => $conf);

	sql($node, q{CREATE TABLE public.base (k int PRIMARY KEY, v bigint);
		INSERT INTO base SELECT k, 0 FROM generate_series(1, 20) k;
		SELECT cache_resource_add('c', levels => '{L2,L1,L3}')});
	my $script = $node->basedir . '/change.sql';
	open my $fh, '>', $script or die;
	print $fh "\\set k random(1, 20)\nBEGIN;\nUPDATE base SET v = v + 1 WHERE k = :k RETURNING v \\gset\n"
	  . "SELECT filteropt.cache_put('c', :k::text, to_jsonb(:v));\nCOMMIT;\n";
	close $fh;
	my $wrong = 0;
	my $checked = 0;
	for my $round (1 .. 8)
	{
		my $run = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '60', '-f', $script,
			$node->connstr('postgres') . ' application_name=bench' ], '>', '/dev/null', '2>', '/dev/null');
		$node->poll_query_until('postgres',
			q{SELECT count(*) = 4 FROM pg_stat_activity WHERE application_name = 'bench'})
		  or die 'pgbench does not run';
		usleep(50_000 + rand 200_000);
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
			WHERE application_name = 'bench' LIMIT 1});
		kill 'KILL', $pid;
		$run->finish;
		$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
		my ($bad, $all) = split /\|/, sql($node, q{SELECT count(*) FILTER (WHERE c.value <> to_jsonb(b.v)), count(*)
			FROM base b LEFT JOIN cache_get('c', ARRAY(SELECT k::text FROM base)) c ON c.key = b.k::text
			WHERE c.value IS NOT NULL});
		$wrong += $bad;
		$checked += $all;
	}
	is($wrong, 0, "$how: no wrong value after a backend was killed");
	cmp_ok($checked, '>', 50, "$how: values were there to check ($checked)");

	sql($node, q{SELECT cache_put('keywords', 'k', '"kept"'); SELECT cache_put('c', 'k', '"kept"')});
	$node->stop('immediate');
	$node->start;
	is(sql($node, q{SELECT value, level FROM cache_get('keywords', ARRAY['k'])}), '"kept"|L3',
		"$how: the table survives a crash of the server");
	is(sql($node, q{SELECT value FROM cache_get('c', ARRAY['k'])}), '"kept"', "$how: and Redis has it");
	like(FilteroptTest::error_of($node, q{BEGIN; SELECT filteropt.cache_put('keywords', 'p', '1');
		PREPARE TRANSACTION 'p'}), qr/^0A000: cannot PREPARE a transaction that has changed the filteropt cache/,
		"$how: PREPARE TRANSACTION is refused");
	is(sql($node, q{BEGIN; SELECT cache_get('keywords', 'k'); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'}), '"kept"',
		"$how: a transaction that only reads can be prepared");
	$node->stop;
}

# A standby reads, never fills Redis, and never serves what it has not replayed for long.
my $primary = FilteroptTest::new_node('primary', preload => 1, streaming => 1, conf => $conf);
sql($primary, q{SELECT cache_resource_add('r', levels => '{L1,L3}'); SELECT cache_resource_add('s', levels => '{L2,L3}');
	SELECT cache_put('r', 'k', '1'); SELECT cache_put('s', 'k', '1'); SELECT cache_put('r', 'gone', '1')});
my $standby = FilteroptTest::new_standby($primary, 'standby');
$primary->wait_for_catchup($standby);
is(sql($standby, q{SELECT value, level FROM cache_get('r', ARRAY['k'])}), '1|L3', 'standby: from the table');
is(sql($standby, q{SELECT value, level FROM cache_get('r', ARRAY['k'])}), '1|L3', 'standby: shared memory is not filled');
is(sql($standby, q{SELECT value, level FROM cache_get('s', ARRAY['k'])}), '1|L2', 'standby: from Redis');
sql($primary, q{SELECT cache_put('r', 'k', '2'); SELECT cache_delete('r', 'gone')});
$primary->wait_for_catchup($standby);
is(sql($standby, q{SELECT value FROM cache_get('r', ARRAY['k', 'gone'])}), '2', 'standby: what it has replayed');
like(FilteroptTest::error_of($standby, q{SELECT filteropt.cache_put('r', 'k', '3')}),
	qr/^25006: cannot execute filteropt.cache_put\(\) in a read-only transaction/, 'standby: no puts');
is(sql($standby, q{SELECT cache_fill('r', 'fill', 'SELECT 5')}), '5', 'standby: cache_fill computes');

$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
sql($primary, q{SELECT cache_put('s', 'k', '3')});
my $seen = sql($standby, q{SELECT value FROM cache_get('s', ARRAY['k'])});
is($seen, '1', 'standby with paused replay: its own snapshot');
sql($primary, q{SELECT cache_delete('s', 'k')});
sql($standby, q{SELECT value FROM cache_get('s', ARRAY['k'])});
unlike($redis->cli('--raw', 'GET', (grep { /:s:\d+::k$/ } split /\n/, $redis->cli('KEYS', '*'))[0]) // '',
	qr/^FOC1V/, 'standby with paused replay: Redis is not refilled');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);

# An unlogged table: nothing to read on a standby, and no error.
sql($primary, q{ALTER TABLE cache_entry SET UNLOGGED});
$primary->wait_for_catchup($standby);
is(sql($standby, q{SELECT count(*) FROM cache_get('r', ARRAY['k'])}), '0', 'standby: an unlogged table is a miss');
sql($primary, q{ALTER TABLE cache_entry SET LOGGED});

# Promotion: from then on it is a primary of its own.
$primary->stop;
$standby->promote;
is(sql($standby, q{SELECT cache_put('r', 'k', '4'); SELECT value, level FROM cache_get('r', ARRAY['k'])}),
	"t\n4|L1", 'promoted: shared memory is used');

# Dump and restore carry the resources.
sql($standby, q{SELECT cache_resource_set('keywords', ttl => '1 day'); SELECT cache_clear('analytics')});
my $resources = q{SELECT r.* FROM filteropt.cache_resource r ORDER BY id};
my $before = $standby->safe_psql('postgres', $resources);
my $dump = $standby->basedir . '/dump.sql';
$standby->safe_psql('postgres', 'CREATE DATABASE copy');
$standby->command_ok([ 'pg_dump', '-f', $dump, $standby->connstr('postgres') ], 'dumped');
$standby->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $standby->connstr('copy') ], 'restored');
is($standby->safe_psql('copy', $resources), $before, 'the resources are the same');
is($standby->safe_psql('copy', q{SELECT filteropt.cache_resource_add('more');
	SELECT count(DISTINCT version) FILTER (WHERE version > 1) = count(*) FILTER (WHERE version > 1)
	FROM filteropt.cache_resource}), "\nt", 'and versions are not used twice');
$standby->stop;
$redis->stop;
done_testing();
