# Claims: of many callers that miss a key one computes; a claim ends with its value, its
# lease, its session or by being given up.  With and without preloading.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

for my $preload (1, 0)
{
	my $how = $preload ? 'preloaded' : 'not preloaded';
	my $node = FilteroptTest::new_node("claims_$preload", preload => $preload, conf => "max_connections = 150\n");
	my $sql = sub { return $node->safe_psql('postgres', "SET search_path = filteropt, public; $_[0]"); };

	$sql->(q{SELECT cache_resource_add('c', levels => '{L1,L3}', stale_for => '1 hour');
		CREATE TABLE public.computed (at timestamptz DEFAULT clock_timestamp(), pid int DEFAULT pg_backend_pid());
		CREATE TABLE public.served (value jsonb);
		CREATE FUNCTION public.slow() RETURNS int LANGUAGE sql AS $$
			SELECT pg_sleep(0.7); INSERT INTO public.computed DEFAULT VALUES; SELECT 42 $$});

	# A hundred callers of one missing key.
	my $script = $node->basedir . '/fill.sql';
	open my $fh, '>', $script or die;
	print $fh "INSERT INTO served SELECT filteropt.cache_fill('c', 'hot', 'SELECT slow()');\n";
	close $fh;
	command_ok([ 'pgbench', '-n', '-c', '100', '-t', '1', '-f', $script, $node->connstr('postgres') ],
		"$how: a hundred callers");
	is($sql->('SELECT count(*) FROM computed'), '1', "$how: one computation");
	is($sql->('SELECT count(*), min(value::text), max(value::text) FROM served'), '100|42|42', "$how: everyone is served");

	# A session ends: the next waiter gets its claim.
	my $owner = $node->background_psql('postgres');
	like($owner->query_safe(q{SELECT state FROM filteropt.cache_claim('c', 'dying', lease => '1 hour')}), qr/claimed/,
		"$how: claimed by a session");
	my $waiter = $node->background_psql('postgres');
	$waiter->query_until(qr/started/, q{\echo started
		SELECT 'waiter got ' || state FROM filteropt.cache_claim('c', 'dying', wait => '1 hour');
	});
	ok($node->poll_query_until('postgres', q{SELECT waits = 1 OR waits > 99 FROM filteropt.cache_stat WHERE resource = 'c'})
		&& $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
			WHERE query LIKE '%waiter got%' AND wait_event_type = 'Extension' AND pid <> pg_backend_pid()}),
		"$how: another waits");
	$owner->quit;
	like($waiter->query_safe('SELECT 1'), qr/waiter got claimed/, "$how: the session's end passes the claim on");
	$waiter->quit;

	is($sql->(q{SELECT token < 2 ^ 53 FROM cache_claim('c', 'number')}), 't',
		"$how: a token is a number that JavaScript can hold");

	# A lease ends.
	is($sql->(q{SELECT state FROM cache_claim('c', 'leased', lease => '1 microsecond')}), 'claimed', "$how: a short lease");
	is($sql->(q{SELECT state FROM cache_claim('c', 'leased', wait => '10 s')}), 'claimed', "$how: is over soon");

	# A waiter can be cancelled, and a timeout is kept.
	my $holder = $node->background_psql('postgres');
	$holder->query_safe(q{SELECT state FROM filteropt.cache_claim('c', 'held', lease => '1 hour')});
	is($sql->(q{SELECT state FROM cache_claim('c', 'held', wait => '20 ms')}), 'timeout', "$how: timeout");
	like(FilteroptTest::error_of($node, q{SET statement_timeout = '100ms';
		SELECT state FROM filteropt.cache_claim('c', 'held', wait => '1 hour')}),
		qr/^57014: canceling statement due to statement timeout/, "$how: a waiter can be cancelled");

	# A stale value is there while one caller computes the next.
	$sql->(q{SELECT cache_put('c', 'old', '"stale"', ttl => '1 microsecond')});
	$holder->query_safe(q{SELECT state FROM filteropt.cache_claim('c', 'old', lease => '1 hour')});
	is($sql->(q{SELECT state, value FROM cache_claim('c', 'old')}), 'stale|"stale"', "$how: others get the stale value at once");
	$holder->quit;

	# A value put by someone else ends the wait.
	my $first = $node->background_psql('postgres');
	$first->query_safe(q{SELECT state FROM filteropt.cache_claim('c', 'other', lease => '1 hour')});
	my $second = $node->background_psql('postgres');
	$second->query_until(qr/started/, q{\echo started
		SELECT 'second got ' || state || value FROM filteropt.cache_claim('c', 'other', wait => '1 hour');
	});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
			WHERE query LIKE '%second got%' AND wait_event_type = 'Extension' AND pid <> pg_backend_pid()});
	$sql->(q{SELECT cache_put('c', 'other', '5')});
	like($second->query_safe('SELECT 1'), qr/second got hit5/, "$how: a value put by another ends the wait");
	$_->quit for $first, $second;

	# Memory is bounded: more claims than slots work too.
	is($sql->(q{SELECT count(*) FILTER (WHERE (cache_claim('c', 'many' || i, lease => '1 hour')).state = 'claimed')
		FROM generate_series(1, 3000) i}), '3000', "$how: more claims than there are slots");
	$node->stop;
}
done_testing();
