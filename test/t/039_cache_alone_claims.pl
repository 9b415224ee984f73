# Claims without shared memory: an advisory lock of the session, whose token is good until
# the key, one of its tags or its resource changes.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('alone_claims', conf => "filteropt.cache_l1_size = '1000GB'\nmax_connections = 150\n");

sub sql { my ($query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt, public;\n$query"); }

sub session
{
	my $psql = $node->background_psql('postgres');
	$psql->query_safe('SET search_path = filteropt, public');
	return $psql;
}

sub state { my ($session, $key, $more) = @_; return $session->query_safe("SELECT state FROM cache_claim('c', '$key', wait => '0'" . ($more // '') . ')'); }
sub claim { my ($session, $key) = @_; return $session->query_safe("SELECT token FROM cache_claim('c', '$key', wait => '0')"); }
sub put { my ($session, $key, $token, $more) = @_; return $session->query_safe("SELECT cache_put('c', '$key', '\"filled\"', token => $token" . ($more // '') . ')'); }

is(sql('SELECT l1_place FROM cache_status()'), 'private', 'no shared memory');
sql(q{SELECT cache_resource_add('c', levels => '{L1,L3}', stale_for => '1 hour');
	CREATE TABLE public.computed (at timestamptz DEFAULT clock_timestamp()); CREATE TABLE public.served (value jsonb);
	CREATE FUNCTION public.slow() RETURNS int LANGUAGE sql AS $$
		SELECT pg_sleep(0.7); INSERT INTO public.computed DEFAULT VALUES; SELECT 42 $$});

my $script = $node->basedir . '/fill.sql';
append_to_file($script, "INSERT INTO served SELECT filteropt.cache_fill('c', 'hot', 'SELECT public.slow()');\n");
command_ok([ 'pgbench', '-n', '-c', '100', '-t', '1', '-f', $script, $node->connstr('postgres') ], 'a hundred callers');
is(sql('SELECT count(*) FROM public.computed'), '1', 'one computation');
is(sql('SELECT count(*), min(value::text), max(value::text) FROM public.served'), '100|42|42', 'everyone is served');

# One claims, another waits.
my ($one, $two) = (session(), session());
my $token = claim($one, 'k');
is(state($two, 'k'), 'timeout', 'another does not get it');
is(state($one, 'k'), 'timeout', 'nor does the same session twice');
is(put($two, 'k', $token), 'f', 'its token is of no use to others');
is(state($two, 'k'), 'timeout', 'and that does not end the claim');
$two->query_until(qr/sent/, qq{\\echo sent\nSELECT 'got ' || state || value::text FROM cache_claim('c', 'k', wait => '1 hour');\n});
cmp_ok($token, '<', 2 ** 53, 'a token is a number that JavaScript can hold');
is(put($one, 'k', $token), 't', 'the value is kept');
like($two->query_safe('SELECT 1'), qr/got hit"filled"/, 'who waited gets it');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no lock is left');
is(claim($one, 'k'), '', 'and no claim is made of what is there');

# The transaction of a put rolls back: the claim stays.
$token = claim($one, 'rollback');
$one->query_safe('BEGIN');
is(put($one, 'rollback', $token), 't', 'put');
$one->query_safe('ROLLBACK');
is(state($two, 'rollback'), 'timeout', 'rolled back: still claimed');
$one->query_safe("SELECT cache_unclaim($token)");
is(state($two, 'rollback'), 'claimed', 'given up: the next one gets it');

# What was computed before a change must not be kept after it.
my %change = (
	'deleted' => q{SELECT cache_delete('c', 'deleted')},
	'put' => q{SELECT cache_put('c', 'put', '"new"')},
	'put and expired' => q{SELECT cache_put('c', 'put and expired', '"new"', ttl => '1 us')},
	'cleared' => q{SELECT cache_clear('c')},
	'truncated' => q{TRUNCATE cache_entry},
	'swept' => q{SELECT cache_delete('c', 'swept'); SELECT cache_expire()},
	'set' => q{SELECT cache_resource_set('c', ttl => '1 day')},
	'added anew' => q{SELECT cache_resource_drop('c'); SELECT cache_resource_add('c', levels => '{L1,L3}')});
for my $key (sort keys %change)
{
	$token = claim($one, $key);
	sql($change{$key});
	is(put($one, $key, $token), 'f', "$key: refused");
	$one->query_safe("SELECT cache_unclaim($token)");
	is(sql(qq{SELECT coalesce(cache_get('c', '$key')::text, 'none')}), $key eq 'put' ? '"new"' : 'none', "$key: as it was left");
}
# One statement reads, is delayed, claims and puts: the change came between.
sql(q{CREATE TABLE public.base AS SELECT 1 AS v});
$two->query_safe('SELECT pg_advisory_unlock_all()');
for my $swept (0, 1)
{
	$two->query_safe('SELECT pg_advisory_lock(1)');
	$one->query_until(qr/sent/, q{\echo sent
		WITH read AS MATERIALIZED (SELECT v FROM base),
			delay AS MATERIALIZED (SELECT v, pg_advisory_lock(1)::text AS got FROM read),
			claim AS MATERIALIZED (SELECT v, (cache_claim('c', 'at once' || got, wait => '0')).token FROM delay)
		SELECT 'kept ' || cache_put('c', 'at once', to_jsonb(v), token => token) FROM claim;
	});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
	sql(q{UPDATE public.base SET v = v + 1; SELECT cache_delete('c', 'at once')});
	cmp_ok(sql('SELECT cache_expire()'), '>', 0, 'the trace of the change is swept') if $swept;
	$two->query_safe('SELECT pg_advisory_unlock(1)');
	like($one->query_safe('SELECT pg_advisory_unlock_all()'), qr/kept false/, 'what a statement read before it claimed is refused');
	is(sql(q{SELECT cache_get('c', 'at once')}), '', 'and not cached');
}

$token = claim($one, 'tagged');
is(put($one, 'tagged', $token, q{, tags => '{t,u}'}), 't', 'a value with tags');
sql(q{SELECT cache_delete_tag('c', 't')});
is(sql(q{SELECT cache_get('c', 'tagged')}), '', 'deleted by one');
$token = claim($one, 'tagged again');
sql(q{SELECT cache_delete_tag('c', 'u')});
is(put($one, 'tagged again', $token, q{, tags => '{t,u}'}), 'f', 'a tag was deleted that no value had');
$token = claim($one, 'tagged again');
is(put($one, 'tagged again', $token, q{, tags => '{t,u}'}), 't', 'and not since');

# A change in progress is waited for.
$token = claim($one, 'slow');
$two->query_safe(q{BEGIN; SELECT cache_delete('c', 'slow')});
$one->query_until(qr/sent/, qq{\\echo sent\nSELECT 'put ' || cache_put('c', 'slow', '1', token => $token);\n});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die;
$two->query_safe('COMMIT');
like($one->query_safe('SELECT 1'), qr/put false/, 'and refused then');
$token = claim($one, 'slow');
$two->query_safe(q{BEGIN; SELECT cache_delete('c', 'slow')});
$one->query_until(qr/sent/, qq{\\echo sent\nSELECT 'put ' || cache_put('c', 'slow', '1', token => $token);\n});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die;
$two->query_safe('ROLLBACK');
like($one->query_safe('SELECT 1'), qr/put true/, 'unless it is rolled back');

# Under a frozen snapshot a claim stands for what that sees.
for my $swept (0, 1)
{
	$one->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	sql(q{SELECT cache_delete('c', 'frozen')});
	cmp_ok(sql('SELECT cache_expire()'), '>', 0, 'swept after a frozen snapshot') if $swept;
	$token = claim($one, 'frozen');
	is(put($one, 'frozen', $token), 'f', 'a change after the snapshot, before the claim');
	$one->query_safe('COMMIT');
	is(sql(q{SELECT cache_get('c', 'frozen')}), '', 'and nothing cached');
}

# Sweeping waits for claims; claims while rows are swept are good for nothing.
sql(q{SELECT cache_put('c', 'dead', '1', ttl => '1 us'); SELECT cache_resource_set('c', stale_for => '0')});
sql(q{SELECT cache_delete('c', 'dead')});
$token = claim($one, 'swept');
is(sql('SELECT cache_expire()'), '0', 'nothing is swept while there are claims');
$one->query_safe("SELECT cache_unclaim($token)");
$two->query_safe('SELECT pg_advisory_unlock_all()');
$two->query_safe('BEGIN');
cmp_ok($two->query_safe('SELECT cache_expire()'), '>', 0, 'swept');
is(claim($one, 'swept'), '1', 'a token that is refused');
is(put($one, 'swept', 1), 'f', 'refused');
$two->query_safe('COMMIT');

# A lease ends when its session next claims; locks that are taken away end claims.
is(state($one, 'leased', q{, lease => '1 ms'}), 'claimed', 'a short lease');
$one->query_safe('SELECT pg_sleep(0.01)');
is(state($one, 'other'), 'claimed', 'the session claims another');
is(state($two, 'leased'), 'claimed', 'the lease has ended');
$token = claim($one, 'unlocked');
$one->query_safe('SELECT pg_advisory_unlock_all()');
is(put($one, 'unlocked', $token), 'f', 'a claim without its lock');
is(state($two, 'unlocked'), 'claimed', 'is none');

# There is a bound; and a session's end ends its claims.
is($one->query_safe(q{SELECT count(*), count(*) FILTER (WHERE c.token = 1), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
	FROM generate_series(1, 100) i, LATERAL cache_claim('c', 'many' || i, wait => '0') c}), '100|36|65', 'not more than 64 claims');
is(state($two, 'many1'), 'timeout', 'claimed');
$two->query_until(qr/sent/, qq{\\echo sent\nSELECT 'got ' || state FROM cache_claim('c', 'many1', wait => '1 hour');\n});
$one->quit;
like($two->query_safe('SELECT 1'), qr/got claimed/, 'the session ended');
$two->quit;

# Verdicts, which have tags.
my $verdict = q{classification_put('some text', 'm', '1', author => '7', token => (SELECT token FROM classification_claim('some text', 'm')))};
is(sql("SELECT $verdict; SELECT classification_get('some text', 'm') IS NOT NULL"), "t\nt", 'classification_claim');
$node->stop;
done_testing();
