# How many partial rows a group can have: one while one session writes it at a
# time, and at most five for each transaction that commits to it at one moment.
# Neither a worker nor rollup_merge helps here.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A commit that asks for a standby hangs from the start, since none will come: a
# setting that arrived by a reload might reach a session after its commit.
my $node = FilteroptTest::new_node('main', streaming => 1, conf => qq{
max_connections = 50
synchronous_standby_names = 'nobody'
synchronous_commit = local});
$node->safe_psql('postgres', q{
	CREATE TABLE e (id bigserial, u int, v int);
	SELECT filteropt.rollup_create('r', 'SELECT u, count(*) AS n, sum(v) AS s FROM e GROUP BY u');
	INSERT INTO e (u, v) VALUES (1, 1)});

my $rows = 'SELECT count(*) FROM r_data WHERE g1 = 1';
my $differences = q{SELECT count(*) FROM filteropt.rollup_check('r')};

# A transaction that hangs in its commit keeps its row busy.  Nobody waits for it,
# and all others need one more row between them.
my $hanging = $node->background_psql('postgres', on_error_stop => 0);
$hanging->query_until(qr/started/,
	"SET synchronous_commit = on;\n\\echo started\nINSERT INTO e (u, v) VALUES (1, 2);\n");
ok($node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), 'a commit hangs');
for (1 .. 5)
{
	$node->safe_psql('postgres', 'INSERT INTO e (u, v) VALUES (1, 3)');
}
is($node->safe_psql('postgres', $rows), 2, 'five writers beside it: one more row');
is($node->safe_psql('postgres', 'SELECT n, s FROM r'), '6|16', 'readers see what has committed');
is($node->safe_psql('postgres', $differences), 0, 'exact');
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = ''});
$node->reload;
$hanging->quit;
is($node->safe_psql('postgres', 'SELECT n, s FROM r'), '7|18', 'it has committed');
$node->safe_psql('postgres', 'INSERT INTO e (u, v) VALUES (1, 4)');
is($node->safe_psql('postgres', $rows), 1, 'the next writer folds both rows into one');

# Eight writers of one group at full speed, and 32.
my $script = $node->basedir . '/hot.sql';
append_to_file($script, "INSERT INTO e (u, v) VALUES (1, 1);\n");
for my $writers (8, 32)
{
	my ($out, $err) = ('', '');
	my $most = 0;
	my $looks = 0;
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', $writers, '-t', 2000, '-f', $script,
			$node->connstr('postgres') ], '>', \$out, '2>', \$err);

	while ($bench->pumpable)
	{
		my $now = $node->safe_psql('postgres', $rows);
		$most = $now if $now > $most;
		$looks++;
		$bench->pump_nb;
	}
	ok($bench->finish, "$writers writers: no error");
	ok($most <= 5 * $writers, "$writers writers: at most " . 5 * $writers . ' rows')
	  or diag "$most rows";
	note "$writers writers: at most $most rows seen, looked $looks times";
	for (1 .. $writers)
	{
		$node->safe_psql('postgres', 'INSERT INTO e (u, v) VALUES (1, 1)');
	}
	is($node->safe_psql('postgres', $rows), 1, "$writers writers: one row after them");
	is($node->safe_psql('postgres', $differences), 0, "$writers writers: exact");
}
is($node->safe_psql('postgres', 'SELECT n FROM r'), 8 + 40 * 2001, 'all were counted')
  or diag $node->safe_psql('postgres', 'SELECT count(*) FROM e');

$node->stop;
done_testing();
