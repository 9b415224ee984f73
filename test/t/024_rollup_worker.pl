# The worker and rollup_merge in the middle of a step: the server is killed there, or
# what they are working on goes away. A function of the query that waits for an advisory
# lock holds them up, where a group in doubt is recomputed.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = FilteroptTest::new_node('main', preload => 1,
	conf => "filteropt.rollup_merge_interval = 0\n");
$node->safe_psql('postgres', q{
	CREATE FUNCTION held(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		PERFORM pg_advisory_xact_lock_shared(42);
		RETURN $1;
	END $$;
	CREATE TABLE other (a int);
	SELECT filteropt.rollup_create('other_stats', 'SELECT a, count(*) AS n FROM other GROUP BY a')});

my $pending = 'SELECT pending FROM filteropt.rollup_stat WHERE rollup =';

# A rollup of 6000 groups: 10 and 5000 have two rows to be merged, 3000 is in doubt, which
# is in the second step of the worker. Its address is known when it gets there.
sub make
{
	$node->safe_psql('postgres', q{
		CREATE TABLE e (g int, v int);
		SELECT filteropt.rollup_create('r', 'SELECT g, count(*) AS n, min(held(v)) AS low FROM e GROUP BY g');
		INSERT INTO e SELECT g, v FROM generate_series(1, 6000) g, generate_series(1, 2) v;
		DELETE FROM e WHERE g = 3000 AND v = 1;
		SET filteropt.rollup_fold = off;
		INSERT INTO e VALUES (10, 0), (5000, 0);
		INSERT INTO other VALUES (1), (2);
		INSERT INTO other VALUES (1), (2)});
	return;
}

# From now on whoever recomputes a group waits until the session ends.
sub hold
{
	my $session = $node->background_psql('postgres');
	$session->query_safe('SELECT pg_advisory_lock(42)');
	return $session;
}

sub set_worker
{
	my ($interval) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET filteropt.rollup_merge_interval = '$interval'");
	$node->reload;
	return;
}

# Somebody waits for the lock in the middle of a merge.
sub wait_for
{
	my ($who, $name) = @_;
	ok($node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM pg_stat_activity
		WHERE wait_event = 'advisory' AND $who}), "$name: in the middle");
	return;
}

sub exact
{
	my ($name) = @_;
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM filteropt.rollup_check('r')}), 0, "$name: exact");
	return;
}

# Kill the postmaster and all of its children at one moment, before any of them notices,
# and start the server without a worker.
sub kill_all
{
	my ($holder) = @_;
	my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity');

	kill 'STOP', $node->{_pid};
	kill 'KILL', @children;
	$node->kill9;
	usleep(10_000) while kill(0, @children) > 0;
	eval { $holder->quit };
	append_to_file($node->data_dir . '/postgresql.auto.conf', "filteropt.rollup_merge_interval = 0\n");
	$node->start;
	return;
}

# kill -9 inside a step of the worker.
make();
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM r_data');
my $holder = hold();
set_worker('1s');
wait_for(q{backend_type LIKE 'filteropt%'}, 'worker');
kill_all($holder);
is($node->safe_psql('postgres', 'SELECT count(*) FROM r_data WHERE g1 <> 10'), $rows - 2,
	'worker killed: nothing of its step is left');
exact('worker killed');
set_worker('1s');
ok($node->poll_query_until('postgres', "$pending 'r'::regclass", 0), 'worker killed: the next one merges');
ok($node->poll_query_until('postgres', 'SELECT count(*) FROM r_data WHERE c2 IS NOT NULL', 0),
	'worker killed: and recomputes');
exact('merged by the next one');

# The same inside rollup_merge, which is one transaction.
set_worker('0');
$node->safe_psql('postgres', q{
	DELETE FROM e WHERE g = 2999 AND v = 1;
	SET filteropt.rollup_fold = off;
	INSERT INTO e VALUES (10, 5), (5000, 5)});
$rows = $node->safe_psql('postgres', 'SELECT count(*) FROM r_data');
$holder = hold();
my ($out, $err) = ('', '');
my $merge = IPC::Run::start([ 'psql', '-X', $node->connstr('postgres'), '-c',
		q{SELECT filteropt.rollup_merge('r')} ], '>', \$out, '2>', \$err);
wait_for(q{query LIKE '%rollup_merge%'}, 'rollup_merge');
kill_all($holder);
$merge->finish;
is($node->safe_psql('postgres', 'SELECT count(*) FROM r_data'), $rows,
	'rollup_merge killed: nothing of it is left');
exact('rollup_merge killed');
is($node->safe_psql('postgres', q{SELECT filteropt.rollup_merge('r')}), 2, 'rollup_merge again');
exact('merged again');

# The table is rewritten, emptied or dropped while the worker is in the middle of it: it
# goes on with what is there, and with the next rollup.
for my $case (
	[ 'VACUUM FULL r_data', 'rewritten' ],
	[ 'TRUNCATE e', 'truncated' ],
	[ q{SELECT filteropt.rollup_drop('r')}, 'dropped' ],
	[ 'DROP TABLE e CASCADE', 'dropped with its table' ])
{
	my ($sql, $name) = @$case;

	set_worker('0');
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS e CASCADE');
	make();
	$holder = hold();
	set_worker('1s');
	wait_for(q{backend_type LIKE 'filteropt%'}, $name);
	my $change = IPC::Run::start([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1',
			$node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>', \$err);
	ok($node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = \$\$$sql\$\$}),
		"$name: waits for the step");
	$holder->quit;
	ok($change->finish, "$name: done") or diag $err;
	ok($node->poll_query_until('postgres', "$pending 'other_stats'::regclass", 0),
		"$name: the worker goes on with another rollup");
	if ($sql =~ /drop/i)
	{
		is($node->safe_psql('postgres', q{SELECT to_regclass('r') IS NULL AND to_regclass('r_data') IS NULL}), 't',
			"$name: gone");
		next;
	}
	$node->safe_psql('postgres', q{
		SET filteropt.rollup_fold = off;
		INSERT INTO e SELECT g, 7 FROM generate_series(1, 5000) g;
		INSERT INTO e SELECT g, 8 FROM generate_series(1, 5000) g});
	ok($node->poll_query_until('postgres', "$pending 'r'::regclass", 0), "$name: the worker goes on with it");
	exact($name);
}
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM filteropt.rollup_check('other_stats')}), 0, 'the other rollup is exact');
unlike(slurp_file($node->logfile), qr/(?:ERROR|FATAL|PANIC):.*(?:rollup|cache lookup|relation|block)/,
	'no error of a worker in the log');

# A rebuild with a snapshot older than rows that were folded since gives up.
$node->safe_psql('postgres', q{
	CREATE TABLE s (a int);
	SELECT filteropt.rollup_create('s_stats', 'SELECT a, count(*) AS n FROM s GROUP BY a');
	INSERT INTO s VALUES (1)});
my $connection = $node->connstr('postgres');
is(FilteroptTest::error_of($node, qq{
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT 1;
	\\! psql -Xq '$connection' -c 'INSERT INTO s VALUES (1)'
	SELECT filteropt.rollup_rebuild('s_stats');}),
	qq{40001: rollup table "s_stats_data" changed while it was rebuilt\nHINT:  Call filteropt.rollup_rebuild again.},
	'rebuild with an old snapshot');

$node->stop;
done_testing();
