# Logical replication's apply counts: the subscriber's own rollup follows the rows that
# are copied at first and those that are applied afterwards.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $table = q{CREATE TABLE events (id int PRIMARY KEY, u int, v int)};
my $query = q{SELECT u, count(*) AS n, sum(v) AS s, max(v) AS high FROM events GROUP BY u};
my $differences = qq{SELECT count(*) FROM (
	(SELECT * FROM stats EXCEPT ALL ($query)) UNION ALL
	(($query) EXCEPT ALL SELECT * FROM stats)) d};

my $publisher = FilteroptTest::new_node('publisher', streaming => 1, conf => "wal_level = logical\n");
my $subscriber = FilteroptTest::new_node('subscriber');
for my $node ($publisher, $subscriber)
{
	$node->safe_psql('postgres', $table);
	$node->safe_psql('postgres', qq{SELECT filteropt.rollup_create('stats', '$query')});
}
$publisher->safe_psql('postgres', q{
	INSERT INTO events SELECT i, i % 7, i FROM generate_series(1, 500) i;
	CREATE PUBLICATION p FOR TABLE events});
my $from = $publisher->connstr('postgres');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION \$x\$$from\$x\$ PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');

# Both rollups are exact, and equal.
sub same
{
	my ($name) = @_;
	my $contents = q{SELECT string_agg(r::text, ' ' ORDER BY u) FROM stats r};

	$publisher->wait_for_catchup('s');
	is($_->safe_psql('postgres', $differences), 0, "$name: exact on the " . $_->name)
	  for $publisher, $subscriber;
	is($subscriber->safe_psql('postgres', $contents), $publisher->safe_psql('postgres', $contents),
		"$name: the same on both");
}

same('copied');
is($subscriber->safe_psql('postgres', 'SELECT sum(n), sum(s) FROM stats'), '500|125250', 'copied: counted once');
$publisher->safe_psql('postgres', q{
	INSERT INTO events SELECT i, i % 9, i FROM generate_series(501, 600) i;
	UPDATE events SET u = u + 1 WHERE id % 3 = 0;
	DELETE FROM events WHERE id % 5 = 0});
same('applied');
$publisher->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO events VALUES (1000, 99, 1);
	SAVEPOINT a;
	DELETE FROM events;
	ROLLBACK TO a;
	UPDATE events SET id = -id WHERE id < 50;
	COMMIT});
same('keys changed, a savepoint rolled back');
is($subscriber->safe_psql('postgres', 'SELECT n, s FROM stats WHERE u = 99'), '1|1', 'applied: a new group');
$publisher->safe_psql('postgres', 'TRUNCATE events; INSERT INTO events VALUES (1, 1, 1)');
same('truncated');
is($subscriber->safe_psql('postgres', 'SELECT u, n, s, high FROM stats'), '1|1|1|1', 'truncated: one row');

$subscriber->stop;
$publisher->stop;
done_testing();
