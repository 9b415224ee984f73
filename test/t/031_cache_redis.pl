# Level 2 when Redis misbehaves: frozen, killed, restarted with old data, full, answering
# garbage, refusing the password.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Test::More;

my $redis = FilteroptRedis->new('main', '--dbfilename', 'old.rdb');
my $conf = "filteropt.cache_redis = '" . $redis->socket . "'
filteropt.cache_redis_breaker_window = 200
filteropt.cache_redis_shared = on
max_prepared_transactions = 2
";
my $node = FilteroptTest::new_node('one', preload => 1, conf => $conf, streaming => 1);
my $session;

sub sql { my ($query, $n) = @_; return ($n // $node)->safe_psql('postgres', "SET search_path = filteropt, public; $query"); }

# Wait until the breaker lets Redis be asked again.
sub heal
{
	my ($n) = @_;
	($n // $node)->poll_query_until('postgres', q{
		SELECT filteropt.cache_put('l23', 'heal', '1') AND redis_breaker = 'closed'
		FROM filteropt.cache_status()})
	  or die 'the breaker did not close';
	return;
}

# Change settings; new sessions have them then.
my $settings = 0;
sub set_conf
{
	$settings++;
	$node->append_conf('postgresql.conf', join "\n", @_, "test.settings = $settings");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('test.settings', true) = '$settings'") or die 'no new settings';
	return;
}

# New settings bring statements to a result, once every process has heard of them: until then
# one with the old ones may open the breaker for all.
sub settles
{
	my ($query, $expected, $name) = @_;
	heal();
	ok($node->poll_query_until('postgres', "SET search_path = filteropt, public; $query", "SET\n$expected"), $name);
	return;
}

sql(q{SELECT cache_resource_add('l23', levels => '{L2,L3}', version => 100);
	SELECT cache_resource_add('l2', levels => '{L2}', version => 101);
	SELECT cache_resource_add('all', levels => '{L1,L3,L2}', version => 102)});

# A worker that begins to listen knows of nothing, and drops the table's rows.
$node->poll_query_until('postgres', 'SELECT redis_tracking FROM filteropt.cache_status()') or die 'no tracking';

# Values of any bytes come back from Redis as they went.
for my $value (q{null}, q{true}, q{"a\"b\\\\c $$''é👍"}, q{{"x": [1, 2.50, {"y": null}]}}, q{[]}, q{1e400})
{
	sql("SELECT cache_put('l2', 'v', '$value')");
	is(sql("SELECT value = '$value'::jsonb FROM cache_get('l2', ARRAY['v'])"), 't', "value $value");
}
is(sql(q{SELECT cache_put('l2', 'big', (SELECT jsonb_agg(i) FROM generate_series(1, 50000) i));
	SELECT jsonb_array_length(cache_get('l2', 'big'))}), "t\n50000", 'a large value is compressed and comes back');
sql(q{SELECT cache_put('l2', 'none', NULL)});
is(sql(q{SELECT value IS NULL, level FROM cache_get('l2', ARRAY['none'])}), 't|L2', 'a negative result');
for my $key (q{'a:b:=#c'}, q{E'line\nbreak'}, q{repeat('k', 512)}, q{''}, q{'schlüssel'}, q{repeat('k', 1000000)})
{
	sql("SELECT cache_put('l23', $key, '7')");
	is(sql("SELECT value FROM cache_get('l23', ARRAY[$key])"), '7', 'key ' . substr($key, 0, 30));
}

# The transaction: nothing before the commit, nothing of a rollback.
is(sql(q{BEGIN; SELECT cache_put('l2', 't', '1'); SELECT cache_get('l2', 't'); ROLLBACK;
	SELECT cache_get('l2', 't') IS NULL}), "t\n1\nt", 'own write seen, rolled back');

# Frozen: one timeout, then the breaker; the change is not lost when Redis is back.
sql(q{SELECT cache_put('l23', 'k', '"old"')});
is(sql(q{SELECT level FROM cache_get('l23', ARRAY['k'])}), 'L2', 'the value is in Redis');
$redis->freeze;
is(sql(q{SELECT cache_put('l23', 'k', '"new"'); SELECT value FROM cache_get('l23', ARRAY['k'])}), "t\n\"new\"",
	'Redis frozen: put and get work');
is(sql('SELECT redis_breaker FROM cache_status()'), 'open', 'the breaker is open');
is(sql('SELECT count(*) FROM cache_redis_missed'), '1', 'the change is remembered');
$redis->thaw;
heal();
is(sql(q{SELECT value FROM cache_get('l23', ARRAY['k'])}), '"new"', 'Redis back: the new value');
is(sql('SELECT count(*) FROM cache_redis_missed'), '0', 'what was missed has been erased');

# Killed and restarted with the data of before the change.
sql(q{SELECT cache_put('l23', 'k', '"old"'); });
$redis->cli('SAVE');
$redis->kill9;
sql(q{SELECT cache_put('l23', 'k', '"newer"')});
$redis->start;
like($redis->cli('KEYS', '*'), qr/l23/, 'Redis has the old data again');
heal();
is(sql(q{SELECT value FROM cache_get('l23', ARRAY['k'])}), '"newer"', 'Redis restarted with old data: the new value');

$node->poll_query_until('postgres', 'SELECT redis_tracking FROM filteropt.cache_status()') or die 'no tracking';

# What is not a record, or not of this key, is a miss.
sql(q{SELECT cache_put('l2', 'x', '1')});
my ($name) = grep { /:l2:101::x$/ } split /\n/, $redis->cli('KEYS', '*');
for my $garbage ('', 'FOC1', 'x' x 100, 'FOC1V' . "\xff" x 200)
{
	$redis->cli('SET', $name, $garbage);
	is(sql(q{SELECT count(*) FROM cache_get('l2', ARRAY['x'])}), '0', 'garbage of ' . length($garbage) . ' bytes');
}
$redis->cli('DEL', $name);
$redis->cli('RPUSH', $name, 'a');
is(sql(q{SELECT count(*) FROM cache_get('l2', ARRAY['x'])}), '0', 'a key of another type');
cmp_ok(sql(q{SELECT l2_errors FROM cache_stat WHERE resource = 'l2'}), '>=', 4, 'errors are counted');

# Scripts flushed behind our back.
$redis->cli('SCRIPT', 'FLUSH');
is(sql(q{SELECT cache_put('l23', 'f', '1'); SELECT cache_put('l23', 'f', '2'); SELECT cache_get('l23', 'f')}),
	"t\nt\n2", 'SCRIPT FLUSH does no harm');

# Full.
$redis->cli('CONFIG', 'SET', 'maxmemory', '1');
is(sql(q{SELECT cache_put('l23', 'm', '"full"'); SELECT cache_get('l23', 'm')}), "t\n\"full\"", 'Redis out of memory');
$redis->cli('CONFIG', 'SET', 'maxmemory', '0');
heal();
is(sql(q{SELECT value FROM cache_get('l23', ARRAY['m'])}), '"full"', 'and back');

# Wrong password, then the right one, which ordinary users cannot see.
$redis->cli('CONFIG', 'SET', 'requirepass', 'secret');
$redis->cli('-a', 'secret', 'CLIENT', 'KILL', 'TYPE', 'normal');
is(sql(q{SELECT cache_put('l23', 'p', '1'); SELECT cache_get('l23', 'p')}), "t\n1", 'password refused: works without');
set_conf(q{filteropt.cache_redis_password = 'secret'});
settles(q{SELECT cache_put('l2', 'p', '2'); SELECT cache_get('l2', 'p')}, "t\n2", 'with the password');
sql('CREATE ROLE mortal LOGIN');
like(FilteroptTest::error_of($node, 'SET ROLE mortal; SHOW filteropt.cache_redis_password'),
	qr/^42501: /, 'the password is for superusers');
like(FilteroptTest::error_of($node, q{SET ROLE mortal; SELECT filteropt.cache_put('l2', 'p', '3')}),
	qr/^42501: permission denied/, 'changing the cache is not for everybody');

# A user of an access list, another database, a prefix; large values are compressed.
$redis->cli('-a', 'secret', 'ACL', 'SETUSER', 'app', 'on', '>word', '~app:*', '&*', '+@all');
set_conf(q{filteropt.cache_redis_user = 'app'}, q{filteropt.cache_redis_password = 'word'},
	'filteropt.cache_redis_database = 3', q{filteropt.cache_redis_prefix = 'app:'});
settles(q{SELECT cache_put('l2', 'acl', '5'); SELECT value, level FROM cache_get('l2', ARRAY['acl'])}, "t\n5|L2",
	'user, database and prefix');
my @names = split /\n/, $redis->cli('-a', 'secret', '-n', '3', 'KEYS', '*:acl');
is(scalar(@names), 1, 'the key is in that database');
like($names[0], qr/^app:/, 'under the prefix');
for my $threshold (64, 1_000_000)
{
	sql(qq{SET filteropt.cache_compress_threshold = $threshold; SELECT cache_put('l2', 'acl', to_jsonb(repeat('ab', 1000)))});
	is(sql(q{SELECT length(cache_get('l2', 'acl')::text)}), '2002', "threshold $threshold: comes back");
	my $length = $redis->cli('-a', 'secret', '-n', '3', 'STRLEN', $names[0]);
	ok($threshold > 2000 ? $length > 2000 : $length < 500, "threshold $threshold: $length bytes in Redis");
}
set_conf(q{filteropt.cache_redis_password = 'wrong'});
is(sql(q{SELECT count(*) FROM cache_get('l2', ARRAY['acl'])}), '0', 'a wrong password of the user');
set_conf(q{filteropt.cache_redis_user = ''}, q{filteropt.cache_redis_password = 'secret'},
	'filteropt.cache_redis_database = 0', q{filteropt.cache_redis_prefix = 'filteropt:'});
heal();

# One failure stops all backends from asking for the window; then one of them tries.
sub errors { return sql('SELECT redis_errors FROM cache_status()'); }
sql(q{SELECT cache_put('l2', 'breaker', '1')});
set_conf('filteropt.cache_redis_breaker_window = 600000');
heal();
$redis->freeze;
my $before = errors();
sql(q{SELECT cache_get('l2', 'breaker')});
is(errors() - $before, 1, 'frozen: the first to ask finds out');
sql(q{SELECT cache_get('l2', 'breaker') FROM generate_series(1, 100)}) for 1 .. 3;
is(errors() - $before, 1, 'and nobody else asks within the window, of whatever session');
set_conf('filteropt.cache_redis_breaker_window = 200');
my $script = $node->basedir . '/get.sql';
append_to_file($script, "SELECT filteropt.cache_get('l2', 'breaker');\n");
my $start = time;
command_ok([ 'pgbench', '-n', '-c', '8', '-T', '3', '-f', $script, $node->connstr('postgres') ], 'eight sessions go on asking');
cmp_ok(errors() - $before, '<=', 2 + 5 * (time - $start + 1), 'of which one tries after each window');
$redis->thaw;
heal();
is(sql(q{SELECT value, level FROM cache_get('l2', ARRAY['breaker'])}), '1|L2', 'and its success lets all ask again');

# A server that answers nonsense instead of Redis.
my $fake = $redis->{dir} . '/fake.sock';
my $listen = IO::Socket::UNIX->new(Local => $fake, Listen => 10) or die "$fake: $!";
chmod 0777, $fake;
my $liar = fork // die;
if ($liar == 0)
{
	my @open;
	while (my $client = $listen->accept)
	{
		print $client "*1000000000\r\n\$-7\r\nhello";
		$client->flush;
		push @open, $client;
	}
	exit 0;
}
set_conf("filteropt.cache_redis = '$fake'");
is(sql(q{SELECT cache_put('l23', 'n', '"fine"'); SELECT cache_get('l23', 'n')}), "t\n\"fine\"", 'nonsense answered: works');
kill 'KILL', $liar;
waitpid $liar, 0;
set_conf("filteropt.cache_redis = '" . $redis->socket . "'");
heal();

# Many sessions leave no connections behind.
sql(q{SELECT cache_get('l2', 'p')}) for 1 .. 20;
cmp_ok(scalar(() = $redis->cli('-a', 'secret', 'CLIENT', 'LIST') =~ /^id=/mg), '<', 8, 'no connections are left');

$node->stop;
$redis->stop;
done_testing();
