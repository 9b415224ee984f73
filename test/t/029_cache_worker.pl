# The background workers: one for each database that uses the cache, as far as there is
# room; and where they listen goes by the settings, as a reload changes them.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

sub sql { my ($n, $query, $database) = @_; return $n->safe_psql($database // 'postgres', "SET search_path = filteropt, public; $query"); }

# Make databases that use the cache and have a dead row each.
sub make_databases
{
	my ($n, $count) = @_;
	for my $i (1 .. $count)
	{
		$n->safe_psql('postgres', "CREATE DATABASE d$i");
		$n->safe_psql("d$i", 'CREATE EXTENSION filteropt');
		sql($n, q{SELECT cache_put('keywords', 'dead', '1', ttl => '1 us')}, "d$i");
	}
	return;
}

my $node = FilteroptTest::new_node('many', preload => 1, conf => "max_worker_processes = 20\n");
make_databases($node, 9);
for my $i (1 .. 9)
{
	ok($node->poll_query_until("d$i", 'SELECT count(*) = 0 FROM filteropt.cache_entry'), "database $i is swept");
}
is(sql($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'filteropt cache' AND datname LIKE 'd%'}), '9',
	'by a worker of its own');

# A worker is in nobody's way who wants its database to himself.
for my $command ('DROP DATABASE d1', 'ALTER DATABASE d2 RENAME TO e2', 'CREATE DATABASE e3 TEMPLATE d3')
{
	ok($node->psql('postgres', $command) == 0, $command);
}
is(sql($node, q{SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datname ~ '^[de][123]$'}),
	'd3,e2,e3', 'all of it has happened');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE backend_type = 'filteropt cache' AND datname = 'e2'}), 'and it comes back');
$node->stop;

my $small = FilteroptTest::new_node('few', preload => 1, conf => "max_worker_processes = 3\n");
make_databases($small, 2);
ok($small->wait_for_log(qr/WARNING:  (?:\w+: )?no background worker is left for the cache of database \d+\n.*DETAIL.*\n.*HINT:  Raise max_worker_processes, which is 3\./),
	'for want of room there is a warning');
is(sql($small, q{SELECT cache_get('keywords', 'dead') IS NULL}, "d$_"), 't', "database d$_ works nevertheless") for 1, 2;
$small->stop;

# Two servers are led from one Redis to another, and to another prefix.
my @redis = map { FilteroptRedis->new("worker$_") } 0, 1;
my $conf = "filteropt.cache_redis = '" . $redis[0]->socket . "'\nfilteropt.cache_redis_breaker_window = 100\nfilteropt.cache_redis_shared = on\n";
my ($one, $two) = map { FilteroptTest::new_node($_, preload => 1, conf => $conf) } 'one', 'two';
sql($_, q{SELECT cache_resource_add('all', levels => '{L1,L3,L2}', version => 7)}) for $one, $two;

# Does the first server hear of what the second changes?  In the Redis of that number, where
# both are listening: only there and then are names below the prefix.
my $step = 0;
sub hears
{
	my ($number, $prefix, $what) = @_;
	$step++;
	for my $n ($one, $two)
	{
		$n->poll_query_until('postgres', q{SELECT redis_tracking AND redis_breaker = 'closed' FROM filteropt.cache_status()}) or die;
	}
	for (1 .. 1000)
	{
		last if 2 <= grep { /^\Q$prefix\E.*\@probe/ } split /\n/, $redis[$number]->cli('--scan');
		usleep(20_000);
	}
	sql($one, qq{SELECT cache_put('all', 'k$step', '"old"')});
	sql($two, qq{SELECT cache_put('all', 'k$step', '"new"')});
	ok($one->poll_query_until('postgres', qq{SELECT filteropt.cache_get('all', 'k$step') IS DISTINCT FROM '"old"'}), "$what: heard");
	like($redis[$number]->cli('--scan', '--pattern', "*k$step"), qr/^\Q$prefix\E\w{8}:postgres:all:7::k$step$/, "$what: there");
	return;
}

sub set
{
	my ($setting, $value) = @_;
	for my $n ($one, $two)
	{
		$n->safe_psql('postgres', "ALTER SYSTEM SET filteropt.$setting = '$value'");
		$n->reload;
	}
	return;
}

hears(0, 'filteropt:', 'as started');
set('cache_redis_prefix', 'other:');
hears(0, 'other:', 'another prefix');
set('cache_redis', $redis[1]->socket);
hears(1, 'other:', 'another Redis');
$redis[1]->cli('CONFIG', 'SET', 'requirepass', 'secret');
$ENV{REDISCLI_AUTH} = 'secret';
$redis[1]->cli('CLIENT', 'KILL', 'TYPE', $_) for 'normal', 'pubsub';
set('cache_redis_password', 'secret');
hears(1, 'other:', 'a password');

# Whoever comes to a place where it has never listened drops what others may have changed there.
sql($one, q{SELECT cache_put('all', 'before', '"old"')});
$one->safe_psql('postgres', "ALTER SYSTEM SET filteropt.cache_redis_prefix = 'filteropt:'");
$one->reload;
ok($one->poll_query_until('postgres', q{SELECT filteropt.cache_get('all', 'before') IS NULL}), 'moved alone: rows are dropped');
$_->stop for $one, $two;
done_testing();
