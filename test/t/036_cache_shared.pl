# Servers that share a Redis hear of each other's changes: while they listen, after they
# were deaf for a while, and although Redis was restarted or emptied meanwhile.  What
# nobody has changed stays.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptRedisProxy;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $redis = FilteroptRedis->new('shared');
my $conf = "filteropt.cache_redis = '" . $redis->socket . "'
filteropt.cache_redis_breaker_window = 100
filteropt.cache_redis_shared = on
";
my $one = FilteroptTest::new_node('one', preload => 1, conf => $conf);
my $two = FilteroptTest::new_node('two', preload => 1, conf => $conf, streaming => 1);

sub sql { my ($n, $query) = @_; return $n->safe_psql('postgres', "SET search_path = filteropt, public; $query"); }

# Wait until both servers listen and have told Redis all it may have forgotten.
sub settle
{
	my (@nodes) = @_;
	my ($run) = $redis->cli('INFO', 'server') =~ /run_id:(\w{8})/;
	for my $n (@nodes ? @nodes : ($one, $two))
	{
		$n->poll_query_until('postgres', qq{SELECT redis_tracking AND redis_breaker = 'closed'
			AND EXISTS (SELECT FROM filteropt.cache_redis_heard WHERE run = '$run')
			FROM filteropt.cache_status(), filteropt.cache_put('all', 'settle', '0')})
		  or die 'a server does not listen';
	}
	return;
}

sub worker
{
	my ($n) = @_;
	return sql($n, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'filteropt cache' AND datname = 'postgres'});
}

# Each step has keys of its own.
my $step = 0;
my $change;

# A server that starts begins to listen when someone uses its cache.
sub start { my ($n) = @_; $n->start; sql($n, q{SELECT cache_get('all', 'none')}); return; }

# What level 3 of the first server has of the step's keys.
sub rows
{
	return sql($one, qq{SELECT coalesce(string_agg(key, ' ' ORDER BY key COLLATE "C"), '') FROM cache_entry
		WHERE key ~ '^(changed|deleted|kept)$step\$' AND expires > now()});
}

# Give the first server rows of its own under names that no step before has used.
sub prepare
{
	$step++;
	$change = qq{SELECT cache_put('all', 'changed$step', '"new"'); SELECT cache_delete('all', 'deleted$step')};
	sql($one, qq{SELECT cache_put('all', k || $step, '"old"') FROM unnest('{changed,deleted,kept}'::text[]) k});
	is(rows(), "changed$step deleted$step kept$step", 'rows to begin with');
	return;
}

# The first server does not hear while something happens.
sub deaf
{
	my ($what) = @_;
	my $pid = worker($one);
	kill 'STOP', $pid;
	$what->();
	kill 'CONT', $pid;
	return;
}

sub gone { my ($name) = @_;
	ok($one->poll_query_until('postgres', qq{SELECT count(*) = 0 FROM filteropt.cache_entry
		WHERE key IN ('changed$step', 'deleted$step') AND expires > now()}), "$name: what the other has changed goes");
	return; }

sub only_kept { my ($name) = @_;
	gone($name);
	settle();
	is(rows(), "kept$step", "$name: and what nobody has changed stays");
	is(sql($one, "SELECT cache_get('all', 'kept$step')"), '"old"', "$name: and is found");
	return; }

sql($_, q{SELECT cache_resource_add('all', levels => '{L1,L3,L2}', version => 102)}) for $one, $two;
settle();

# Listening.
sql($one, q{SELECT cache_put('all', 'both', '"from one"')});
is(sql($two, q{SELECT value, level FROM cache_get('all', ARRAY['both'])}), '"from one"|L2', 'a value comes from the other server');
is(sql($two, q{SELECT value, level FROM cache_get('all', ARRAY['both'])}), '"from one"|L1', 'and stays in shared memory');
sql($two, q{SELECT cache_put('all', 'both', '"from two"')});
ok($one->poll_query_until('postgres', q{SELECT filteropt.cache_get('all', 'both') = '"from two"'}),
	'the first server, with L1 and table of its own, hears of the change');
sql($one, q{SELECT cache_delete('all', 'both')});
ok($two->poll_query_until('postgres', q{SELECT filteropt.cache_get('all', 'both') IS NULL}),
	'and the second of the delete');

# Deaf while Redis goes on.
prepare();
deaf(sub { $redis->cli('CLIENT', 'KILL', 'TYPE', 'pubsub'); sql($two, $change); });
only_kept('deaf for a moment');
is(sql($one, "SELECT cache_get('all', 'changed$step')"), '"new"', 'deaf for a moment: the new value comes from Redis');

# Deaf when Redis is told, and Redis dies with all it knew.
prepare();
deaf(sub { sql($two, $change); $redis->kill9; $redis->start; });
only_kept('Redis restarted');

# The same twice, the first server being deaf all the time.
prepare();
deaf(sub { for (1 .. 2) { sql($two, $change); $redis->kill9; $redis->start; settle($two); } });
only_kept('Redis restarted twice');

# Emptied, which the second server hears of, or does not.
prepare();
deaf(sub { sql($two, $change); $redis->cli('FLUSHALL'); $redis->cli('CLIENT', 'KILL', 'TYPE', 'pubsub'); });
only_kept('Redis emptied');
prepare();
deaf(sub {
		my $pid = worker($two);
		sql($two, $change);
		kill 'STOP', $pid;
		$redis->cli('FLUSHALL');
		$redis->cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
		kill 'CONT', $pid;
	});
only_kept('Redis emptied unheard');

# Told while Redis could not be told: erased later, and that is forgotten too.
prepare();
deaf(sub {
		$redis->freeze;
		sql($two, $change);
		$redis->thaw;
		$two->poll_query_until('postgres', q{SELECT count(*) = 0 FROM filteropt.cache_redis_missed}) or die;
		$redis->kill9;
		$redis->start;
	});
only_kept('missed, erased, and Redis restarted');

# A transaction has told Redis and not ended when the new Redis is told the rest.
prepare();
$two->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$two->reload;
my $session = $two->background_psql('postgres');
deaf(sub {
		$session->query_until(qr/sent/, "\\echo sent\nSET search_path = filteropt;\nBEGIN;\n$change;\nCOMMIT;\n");
		$two->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) or die;
		$redis->kill9;
		$redis->start;
	});
settle($one);
ok($two->poll_query_until('postgres', q{SELECT redis_tracking AND EXISTS (
	SELECT FROM filteropt.cache_redis_heard WHERE run = '') FROM filteropt.cache_status()}),
	'in progress: its worker knows that there is more to tell');
is(rows(), "changed$step deleted$step kept$step", 'in progress: not committed, so nothing has changed');
$two->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$two->reload;
only_kept('in progress when Redis restarted');
$session->quit;

# The server that changed the keys crashes as well, and comes back later.
prepare();
deaf(sub { sql($two, $change); $redis->kill9; $two->stop('immediate'); $redis->start; });
settle($one);
start($two);
only_kept('the other server crashed too');

# This server crashes as well; it remembers how far it had heard.
prepare();
sql($one, 'CHECKPOINT');
$one->poll_query_until('postgres', q{SELECT at > now() - interval '20 s' FROM filteropt.cache_redis_heard}) or die;
my $pid = worker($one);
kill 'STOP', $pid;
sql($two, $change);
$redis->kill9;
kill 'CONT', $pid;
$one->stop('immediate');
$redis->start;
start($one);
only_kept('this server crashed too');

# Deaf for too long: everything is in doubt.
prepare();
$one->stop;
$one->append_conf('postgresql.conf', 'filteropt.cache_redis_shared = off');
start($one);
sql($one, q{UPDATE cache_redis_heard SET at = at - interval '6 minutes'});
$one->append_conf('postgresql.conf', 'filteropt.cache_redis_shared = on');
$one->reload;
ok($one->poll_query_until('postgres', qq{SELECT count(*) = 0 FROM filteropt.cache_entry
	WHERE key ~ '^(changed|deleted|kept)$step\$'}),
	'deaf for too long: all is dropped');
settle();

# What was told is kept for minutes only, a row a key.
is(sql($two, q{SELECT count(*) > 0 FROM cache_redis_told}), 't', 'names are kept');
sql($two, q{SELECT cache_put('all', 'k' || i % 100, '1') FROM generate_series(1, 100) i}) for 1 .. 3;
is(sql($two, q{SELECT count(*) >= 300 FROM cache_redis_told}), 't', 'of each change');
sql($two, q{INSERT INTO cache_redis_told (name) SELECT convert_to(repeat('x', 200) || i % 100, 'UTF8')
	FROM generate_series(1, 10000) i});
ok($two->poll_query_until('postgres', 'SELECT count(*) < 500 FROM filteropt.cache_redis_told'), 'and thinned when they are many');

# News hides a key of the first server before Redis is asked what it is about, unless this
# server has changed the key in the last seconds.  A value that Redis has lost is no news.
my $proxy = FilteroptRedisProxy->new($redis->socket);
$one->append_conf('postgresql.conf', "filteropt.cache_redis = '" . $proxy->socket . "'
filteropt.cache_redis_timeout = 60000
filteropt.cache_redis_connect_timeout = 60000");
$one->restart;
sql($_, q{SELECT cache_resource_add('two', levels => '{L1,L2}', version => 103)}) for $one, $two;
settle();
sql($one, q{SELECT cache_put('two', 'heard', '"old"')});
sql($two, q{SELECT cache_put('two', k, '"old"') FROM unnest('{held,lost}'::text[]) k});
sql($two, q{SELECT cache_put('two', 'heard', '"new"')});
ok($one->poll_query_until('postgres', q{SELECT filteropt.cache_get('two', 'heard') = '"new"'}), 'all is heard');
sql($one, 'SELECT pg_sleep(3)');
for my $key ('held', 'lost')
{
	ok($one->poll_query_until('postgres', qq{SELECT count(*) = 1 FROM filteropt.cache_get('two', ARRAY['$key']) WHERE level = 'L1'}),
		"$key: in shared memory");
}
$proxy->rule('before', 'MGET \S*:held');
sql($two, q{SELECT cache_put('two', 'held', '"new"')});
$proxy->await;
is(sql($one, q{SELECT cache_get('two', 'held')}), '', 'the old value is not given out while Redis is being asked');
$proxy->release;
ok($one->poll_query_until('postgres', q{SELECT filteropt.cache_get('two', 'held') = '"new"'}), 'the new one is afterwards');

my ($name) = grep { /:lost$/ } split /\n/, $redis->cli('KEYS', '*:lost');
$proxy->rule('before', 'MGET \S*:lost');
$redis->cli('DEL', $name);
$proxy->await;
is(sql($one, q{SELECT cache_get('two', 'lost')}), '', 'a lost name hides its value, too');
$proxy->release;
ok($one->poll_query_until('postgres', q{SELECT filteropt.cache_get('two', 'lost') = '"old"'}), 'until that is known to be no change');

$two->stop;
$one->stop;
$redis->stop;
done_testing();
