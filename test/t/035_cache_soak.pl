# Many operations in few sessions: memory, file descriptors and connections to Redis stay
# as they are after the first rounds, shared memory within its budget, the tables with the
# number of keys.  SOAK_OPERATIONS is how many there are.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{SOAK_OPERATIONS} // 40_000;
my $sessions = 2;
my $per_round = 250;
my $rounds = int($operations / $sessions / $per_round / 8);
$rounds = 5 if $rounds < 5;
my $redis = FilteroptRedis->new('soak', '--maxmemory', '64mb', '--maxmemory-policy', 'volatile-lru');
my $node = FilteroptTest::new_node('soak', preload => 1, conf => "
filteropt.cache_redis = '" . $redis->socket . "'
filteropt.cache_l1_size = '2MB'
filteropt.cache_expire_interval = 0
synchronous_commit = off
");

$node->safe_psql('postgres', qq{
	SELECT filteropt.cache_resource_add('soak', levels => '{L1,L3,L2}', ttl => '1 hour');
	SELECT filteropt.cache_resource_add('soak2', levels => '{L1,L2}', ttl => '1 hour');
	-- eight operations a turn; every other transaction is rolled back
	CREATE PROCEDURE soak(turns int) LANGUAGE plpgsql AS \$\$
	DECLARE
		k text;
		claim record;
	BEGIN
		FOR i IN 1 .. turns LOOP
			k := 'k' || (random() * 2000)::int;
			PERFORM filteropt.cache_put('soak', k, to_jsonb(repeat(k, (random() * 100)::int)), tags => ARRAY[left(k, 2)]);
			PERFORM filteropt.cache_put('soak2', k, to_jsonb(repeat(k, (random() * 1000)::int)));
			PERFORM filteropt.cache_get('soak', k), filteropt.cache_get('soak2', k);
			IF i % 2 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM filteropt.cache_get('soak2', ARRAY[k, 'k1', 'k2', 'none']);
			claim := filteropt.cache_claim('soak', k, '0', '1 s');
			IF claim.token IS NOT NULL THEN PERFORM filteropt.cache_unclaim(claim.token); END IF;
			PERFORM filteropt.cache_delete('soak', 'k' || i % 2000);
			BEGIN
				PERFORM filteropt.cache_put('soak', k, '1', ttl => '-1 s');
			EXCEPTION WHEN invalid_parameter_value THEN NULL;
			END;
			COMMIT;
		END LOOP;
	END \$\$});

# Memory of a process of its own, in kB; the shared pages that it has touched do not count.
sub own_kb
{
	my ($pid) = @_;
	return slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m ? $1 : die;
}

sub descriptors { my ($pid) = @_; return scalar(() = glob "/proc/$pid/fd/*"); }

my @sessions = map { $node->background_psql('postgres') } 1 .. $sessions;
my @pids = map { $_->query_safe('SELECT pg_backend_pid()') } @sessions;
my (%kb, %files, $clients);
for my $round (1 .. $rounds)
{
	$_->query_until(qr/begun/, "\\echo begun\nCALL soak($per_round);\n") for @sessions;
	$_->query_safe('SELECT 1') for @sessions;
	next if $round > 2 && $round < $rounds;
	for my $pid (@pids)
	{
		my ($kb, $files) = (own_kb($pid), descriptors($pid));
		if ($round < $rounds) { ($kb{$pid}, $files{$pid}) = ($kb, $files); next; }
		cmp_ok($kb, '<', $kb{$pid} + 2048, "memory of a session stays ($kb{$pid} kB, $kb kB)");
		cmp_ok($files, '<=', $files{$pid} + 4, "and its files ($files{$pid}, $files)");
	}
}
is(scalar(() = $redis->cli('CLIENT', 'LIST') =~ /^id=.*cmd=(?!client)/mg), $sessions, 'one connection to Redis a session');
is($node->safe_psql('postgres', 'SELECT l1_used <= l1_size AND l1_entries > 0 FROM filteropt.cache_status()'), 't',
	'level 1 keeps within its budget');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM filteropt.cache_entry'), '<=', 2001, 'the table has as many rows as keys');
is($node->safe_psql('postgres', 'SELECT count(*) FROM filteropt.cache_redis_missed'), '0', 'Redis missed nothing');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no lock is left');
cmp_ok($node->safe_psql('postgres', q{SELECT sum(l2_puts) FROM filteropt.cache_stat}), '>', 0, 'Redis got values');
$_->quit for @sessions;
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CALL%'});
is(scalar(() = $redis->cli('CLIENT', 'LIST') =~ /^id=.*cmd=(?!client)/mg), 0, 'and none when they are gone');
$node->stop;
$redis->stop;
done_testing();
