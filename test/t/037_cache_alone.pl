# Without shared memory of any kind: the table alone, with the same answers.  The segment
# that the first backend would make is larger than any machine has.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('alone', conf => "filteropt.cache_l1_size = '1000GB'\n");

sub sql { my ($query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt, public; $query"); }

is(sql('SELECT l1_place FROM cache_status()'), 'none', 'no shared memory');
is(sql(q{SET filteropt.cache_l1_size = '8MB'; SELECT l1_place FROM cache_status()}), 'none',
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

# What was computed before a change must not be kept after it.
my ($token) = sql(q{SELECT token FROM cache_claim('a', 'k')});
isnt($token, '', 'claimed');
is(sql(qq{SELECT cache_delete('a', 'k'); SELECT cache_put('a', 'k', '"old"', token => $token); SELECT cache_get('a', 'k')}),
	"\nf\n", 'a value computed under a claim is not kept');
is(sql(q{SELECT cache_fill('a', 'k', 'SELECT 5'); SELECT cache_get('a', 'k') IS NULL}), "5\nt", 'cache_fill computes');

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
$node->stop;
done_testing();
