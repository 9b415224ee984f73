# TLS to Redis: certificate, name and client are verified, the deadlines hold, and a Redis
# that cannot be trusted costs no query anything.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('tls', preload => 1, conf => "
filteropt.cache_redis_breaker_window = 100
filteropt.cache_redis_shared = on
filteropt.cache_redis_connect_timeout = 500
filteropt.cache_redis_timeout = 500
");
my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($status, undef, $error) = $node->psql('postgres', "ALTER SYSTEM SET filteropt.cache_redis = 'rediss://127.0.0.1:$port'");
if ($error =~ /DETAIL:  This build of filteropt has no TLS to Redis/)
{
	like($error, qr/HINT:  Build it with hiredis 1\.0 or later and its hiredis_ssl/, 'a build without TLS says so');
	$node->stop;
	SKIP: { skip 'this build has no TLS to Redis: its hiredis has no hiredis_ssl', 1; }
	done_testing();
	exit;
}
is($status, 0, 'the address is accepted');

# Two authorities, of which one signs for a server of this address and name, and a client.
my $dir = PostgreSQL::Test::Utils::tempdir_short();
chmod 0755, $dir;

sub authority
{
	my ($name) = @_;
	system_or_bail('openssl', 'req', '-batch', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt",
		'-subj', "/CN=$name", '-days', '3650');
	return;
}

sub certificate
{
	my ($name, $by, $names) = @_;
	append_to_file("$dir/$name.ext", "subjectAltName=$names\n");
	system_or_bail('openssl', 'req', '-batch', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr", '-subj', "/CN=$name");
	system_or_bail('openssl', 'x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$by.crt", '-CAkey', "$dir/$by.key", '-CAcreateserial',
		'-out', "$dir/$name.crt", '-extfile', "$dir/$name.ext", '-days', '3650');
	return;
}

authority($_) for 'good', 'evil';
certificate('server', 'good', 'DNS:redis.example,IP:127.0.0.1');
certificate('client', 'good', 'DNS:client.example');

my $redis = FilteroptRedis->new('tls', '--tls-port', $port, '--tls-cert-file', "$dir/server.crt",
	'--tls-key-file', "$dir/server.key", '--tls-ca-cert-file', "$dir/good.crt", '--tls-auth-clients', 'yes');

# Change settings, and wait until the new ones have arrived.
sub set
{
	my (%to) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET filteropt.$_ = '$to{$_}'") for keys %to;
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('filteropt.$_') = '$to{$_}'") or die for keys %to;
	return;
}

sub sql { my ($query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt; $query"); }

# The present settings do: the breaker closes and a value makes the round trip.
my $n = 0;
sub works
{
	my ($what) = @_;
	$n++;
	ok($node->poll_query_until('postgres', q{SELECT filteropt.cache_put('l23', 'heal', '1') AND redis_breaker = 'closed'
		FROM filteropt.cache_status()}), "$what: the breaker is closed");
	ok($node->poll_query_until('postgres', "SELECT filteropt.cache_put('l2', 'k', '$n');
		SELECT value = '$n' AND level = 'L2' FROM filteropt.cache_get('l2', ARRAY['k'])", "t\nt"), "$what: round trip");
	return;
}

# They do not: the log says why, and queries work without Redis.
sub refused
{
	my ($what, $why) = @_;
	my $from = -s $node->logfile;
	ok($node->poll_query_until('postgres', q{SELECT filteropt.cache_put('l23', 'heal', '1') AND redis_breaker = 'open'
		FROM filteropt.cache_status()}), "$what: the breaker opens");
	is(sql(q{SELECT cache_put('l23', 'k', '7'); SELECT value, level FROM cache_get('l23', ARRAY['k'])}), "t\n7|L3", "$what: queries work");
	$node->wait_for_log(qr/Redis failed: $why/, $from);
	pass("$what: the log says why");
	return;
}

sql(q{SELECT cache_resource_add('l2', levels => '{L2}'); SELECT cache_resource_add('l23', levels => '{L2,L3}')});
my %mine = (
	cache_redis => "rediss://127.0.0.1:$port",
	cache_redis_tls_ca => "$dir/good.crt",
	cache_redis_tls_cert => "$dir/client.crt",
	cache_redis_tls_key => "$dir/client.key");
set(%mine);
works('trusted');

# Large values take many messages of TLS, in both directions.
is(sql(q{SELECT cache_put('l2', 'big', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 25000) i));
	SELECT jsonb_array_length(cache_get('l2', 'big'))}), "t\n25000", 'nearly a megabyte goes and comes');
$node->poll_query_until('postgres', 'SELECT redis_tracking FROM filteropt.cache_status()') or die 'no tracking';
pass('the worker listens by TLS');

# Someone else changes 3000 keys at once: the news is longer than a message of TLS holds.
sql(q{SELECT count(cache_put('l23', repeat('k', 100) || i, '1')) FROM generate_series(1, 3000) i});
$redis->cli('EVAL', q{for _, k in ipairs(redis.call('KEYS', '*kkk*')) do redis.call('SET', k, 'other') end}, '0');
is(sql('SELECT redis_tracking FROM cache_status()'), 't', 'and goes on listening when much has changed');

set(cache_redis_tls_ca => "$dir/evil.crt");
refused('another authority', 'self-signed certificate|unable to get');
set(cache_redis_tls_verify => 'none');
works('not verified');
set(cache_redis_tls_verify => 'full', cache_redis_tls_ca => "$dir/good.crt", cache_redis_tls_server_name => 'other.example');
refused('another name', 'hostname mismatch');
set(cache_redis_tls_verify => 'ca');
works('any name');
set(cache_redis_tls_verify => 'full', cache_redis_tls_server_name => 'redis.example');
works('the right name');
set(cache_redis_tls_server_name => '127.0.0.2');
refused('another address', 'IP address mismatch');
set(cache_redis_tls_server_name => '');
works('the right address');
set(cache_redis_tls_cert => '', cache_redis_tls_key => '');
refused('without a certificate of ours', 'Server closed|Connection reset|.*certificate required');
set(cache_redis_tls_cert => "$dir/none.crt");
refused('a missing file', 'could not read the file of cache_redis_tls_cert');
set(%mine);
works('again');

# Settings change below a session that is connected.
my $session = $node->background_psql('postgres');
is($session->query_safe(q{SELECT filteropt.cache_get('l2', 'k')}), sql(q{SELECT cache_get('l2', 'k')}), 'a session is connected');
set(cache_redis_tls_server_name => 'other.example');
is($session->query_safe(q{SELECT filteropt.cache_get('l2', 'k')}), '', 'and verifies anew when settings have changed');
$session->quit;
set(cache_redis_tls_server_name => '');
works('restored');

# Who does not speak TLS, or says nothing, is refused when the deadline has passed.
my $plain = FilteroptRedis->new('plain', '--port', PostgreSQL::Test::Cluster::get_free_port());
my $silent = IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1') or die;
for my $other ([ 'a plain Redis', $plain->cli('CONFIG', 'GET', 'port') =~ /(\d+)$/ ], [ 'silence', $silent->sockport ])
{
	my ($what, $at) = @$other;
	set(cache_redis => "rediss://127.0.0.1:$at");
	refused($what, 'time ran out while TLS was negotiated|wrong version number');
}
set(%mine);
works('back');
$redis->freeze;
refused('frozen', 'time ran out');
$redis->thaw;
works('thawed');
cmp_ok(scalar(() = $redis->cli('CLIENT', 'LIST') =~ /^id=/mg), '<', 8, 'no connections are left');

is($node->safe_psql('postgres', q{CREATE ROLE someone; SET ROLE someone;
	SELECT count(*) FROM pg_settings WHERE name LIKE 'filteropt.cache\_redis\_tls%' AND name !~ 'min'}), '0', 'the settings are shown to superusers only');
$node->stop;
$_->stop for $redis, $plain;
done_testing();
