# Rollups survive crashes, follow on a standby, and come back from a dump.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $query = q{SELECT u, date(at) AS day, count(*) AS n, sum(v) AS s, min(v) AS low, avg(x) AS a
	FROM events GROUP BY u, date(at)};
my $differences = qq{SELECT count(*) FROM (
	(SELECT * FROM stats EXCEPT ALL SELECT * FROM oracle) UNION ALL
	(SELECT * FROM oracle EXCEPT ALL SELECT * FROM stats)) d};

# The oracle is a view of its own, so that the extension's stored query is
# tested as well.
sub make_rollup
{
	my ($node) = @_;

	$node->safe_psql('postgres', qq{
		SET timezone = 'UTC';
		CREATE TABLE events (id bigserial PRIMARY KEY, u int, at timestamptz, v int, x numeric) PARTITION BY RANGE (id);
		CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (1000);
		CREATE TABLE events_2 PARTITION OF events DEFAULT;
		SELECT filteropt.rollup_create('stats', \$\$$query\$\$, day_tz => 'UTC');
		CREATE VIEW oracle AS SELECT u, date(at AT TIME ZONE 'UTC') AS day, count(*) AS n, sum(v) AS s, min(v) AS low, avg(x) AS a
			FROM events GROUP BY u, date(at AT TIME ZONE 'UTC');
		INSERT INTO events (u, at, v, x)
			SELECT i % 20, '2024-01-01 00:00+00'::timestamptz + i * interval '1 hour', i % 17, i / 7.0 FROM generate_series(1, 2000) i;
		DELETE FROM events WHERE v = 0 AND u < 10});
}

sub exact
{
	my ($node, $name, $db) = @_;
	my $rows = $node->safe_psql($db // 'postgres', 'SELECT count(*) > 100 FROM stats');

	is($rows . $node->safe_psql($db // 'postgres', $differences), 't0', "$name: exact");
}

my $node = FilteroptTest::new_node('primary', streaming => 1, preload => 1,
	conf => "max_prepared_transactions = 5\nfilteropt.rollup_merge_interval = 1s\n");
make_rollup($node);
exact($node, 'filled');

# A crash at some moment while sessions write, merge and rebuild: five times.
my $script = $node->basedir . '/write.sql';
PostgreSQL::Test::Utils::append_to_file($script, q{
\set u random(0, 19)
BEGIN;
INSERT INTO events (u, at, v, x) VALUES (:u, '2024-02-01 00:00+00', :u, 1.5), (:u, '2024-02-02 00:00+00', 3, 1.25);
SAVEPOINT a;
DELETE FROM events WHERE ctid = (SELECT ctid FROM events WHERE u = :u LIMIT 1 FOR UPDATE SKIP LOCKED);
ROLLBACK TO a;
COMMIT;
});
my $upkeep = $node->basedir . '/upkeep.sql';
PostgreSQL::Test::Utils::append_to_file($upkeep, q{
SELECT filteropt.rollup_merge('stats');
SELECT filteropt.rollup_rebuild('stats');
});
for my $round (1 .. 5)
{
	my ($out, $err) = ('', '');
	my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM events');
	my @bench = map {
		IPC::Run::start([ 'pgbench', '-n', '-c', $_->[1], '-T', 60, '-f', $_->[0],
				$node->connstr('postgres') ], '>', \$out, '2>', \$err)
	} ([ $script, 4 ], [ $upkeep, 1 ]);

	# Enough has been written, by whoever is at it, for the crash to hit.
	ok($node->poll_query_until('postgres',
			"SELECT count(*) > $before + 300 FROM events"), "round $round: writers are at work");
	$node->stop('immediate');
	$_->finish for @bench;
	$node->start;
	exact($node, "round $round: crash");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM filteropt.rollup_check('stats')}), 0,
		"round $round: rollup_check agrees");
}

# The worker merges what is left, and the groups in doubt.
$node->safe_psql('postgres', q{DELETE FROM events WHERE v < 3});
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM stats_data WHERE c4 IS NOT NULL'),
	'worker settles extremes in doubt');
ok($node->poll_query_until('postgres', 'SELECT pending = 0 FROM filteropt.rollup_stat'),
	'worker merges everything');
exact($node, 'merged by worker');

# A rollup of more rows than a pass of the worker looks at, with nulls in its groups:
# the passes go on where the ones before have ended.
$node->safe_psql('postgres', q{
	CREATE TABLE wide (a int, b text);
	SELECT filteropt.rollup_create('wide_stats', 'SELECT a, b, count(*) AS n FROM wide GROUP BY a, b');
	SET filteropt.rollup_fold = off;
	INSERT INTO wide SELECT nullif(i % 5000, 0), nullif('b' || i / 5000, 'b1') FROM generate_series(0, 14999) i;
	INSERT INTO wide SELECT nullif(i % 5000, 0), nullif('b' || i / 5000, 'b1') FROM generate_series(0, 14999) i;
});
ok($node->poll_query_until('postgres',
		q{SELECT pending = 0 FROM filteropt.rollup_stat WHERE rollup = 'wide_stats'::regclass}),
	'worker merges a large rollup');
is($node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE a IS NULL), count(*) FILTER (WHERE b IS NULL), min(n), max(n) FROM wide_stats}),
	'15000|3|5000|2|2', 'worker: every group once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM filteropt.rollup_check('wide_stats')}), 0,
	'worker: large rollup is exact');
is($node->safe_psql('postgres',
		q{SELECT merges >= 10 AND rows_saved = 15000 FROM filteropt.rollup_stat WHERE rollup = 'wide_stats'::regclass}),
	't', 'worker: in steps');
$node->safe_psql('postgres', q{SELECT filteropt.rollup_drop('wide_stats'); DROP TABLE wide});

# Prepared transactions: invisible, then committed after a crash, or rolled back.
$node->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO events (u, at, v) VALUES (500, '2024-03-01 00:00+00', 1);
	SAVEPOINT a;
	INSERT INTO events (u, at, v) VALUES (501, '2024-03-01 00:00+00', 1);
	ROLLBACK TO a;
	PREPARE TRANSACTION 'one';
	BEGIN;
	INSERT INTO events (u, at, v) VALUES (502, '2024-03-01 00:00+00', 1);
	PREPARE TRANSACTION 'two'});
exact($node, 'prepared');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stats WHERE u >= 500'), 0, 'prepared: not visible');
$node->stop('immediate');
$node->start;
exact($node, 'prepared and crashed');
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'two'});
exact($node, 'committed and rolled back');
is($node->safe_psql('postgres', 'SELECT string_agg(u::text, $$,$$) FROM stats WHERE u >= 500'), '500',
	'committed prepared transaction counts');

# A hot standby reads the same, while a transaction is open on the primary.
my $standby = FilteroptTest::new_standby($node, 'standby');
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; INSERT INTO events (u, at, v) VALUES (600, '2024-03-01 00:00+00', 1); SELECT count(*) FROM stats WHERE u = 600});
$node->safe_psql('postgres', q{INSERT INTO events (u, at, v) VALUES (601, '2024-03-01 00:00+00', 1);
	SELECT filteropt.rollup_merge('stats')});
$node->wait_for_catchup($standby);
exact($standby, 'standby');
is($standby->safe_psql('postgres', 'SELECT string_agg(u::text, $$,$$) FROM stats WHERE u >= 600'), '601',
	'standby sees what is committed');
$session->query_safe('COMMIT');
$session->quit;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT string_agg(u::text, $$,$$ ORDER BY u) FROM stats WHERE u >= 600'), '600,601',
	'standby follows');
exact($standby, 'standby after commit');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM filteropt.rollup_check('stats')}), 0,
	'rollup_check works on a standby');
like(FilteroptTest::error_of($standby, q{SELECT filteropt.rollup_merge('stats')}),
	qr/^25006:/, 'merging does not');
$standby->stop;

# Dump and restore: whole; data only into a schema whose triggers count; data
# only with triggers disabled.  In each the rollup goes on being exact.
sub goes_on
{
	my ($db, $name) = @_;

	exact($node, $name, $db);
	$node->safe_psql($db, q{
		INSERT INTO events (id, u, at, v, x) SELECT 900000 + i, i % 30, '2024-04-01 00:00+00', i, i FROM generate_series(1, 100) i;
		DELETE FROM events WHERE u = 3;
		UPDATE events SET at = at + interval '1 day' WHERE u = 4});
	exact($node, "$name, then written", $db);
	$node->safe_psql($db, q{SELECT filteropt.rollup_merge('stats')});
	exact($node, "$name, then merged", $db);
	is($node->safe_psql($db, q{SELECT count(*) FROM filteropt.rollup}), 1, "$name: one rollup");
}

my $dump = $node->basedir . '/dump';
my @connection = ('-h', $node->host, '-p', $node->port);
$node->command_ok([ 'pg_dump', @connection, '-f', "$dump.sql", 'postgres' ], 'pg_dump');
$node->command_ok([ 'pg_dump', @connection, '--section=pre-data', '--section=post-data', '-f', "$dump.schema.sql", 'postgres' ], 'pg_dump, schema');
$node->command_ok([ 'pg_dump', @connection, '--data-only', '-f', "$dump.data.sql", 'postgres' ], 'pg_dump --data-only');
$node->command_ok([ 'pg_dump', @connection, '--data-only', '--disable-triggers', '-f', "$dump.quiet.sql", 'postgres' ], 'pg_dump --data-only --disable-triggers');
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(whole data quiet);
my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connection);
$node->command_ok([ @psql, '-d', 'whole', '-f', "$dump.sql" ], 'restore');
goes_on('whole', 'restored');
for my $db (qw(data quiet))
{
	$node->command_ok([ @psql, '-d', $db, '-f', "$dump.schema.sql" ], "restore of the schema, $db");
	$node->command_ok([ @psql, '-d', $db, '-f', "$dump.$db.sql" ], "restore of the data, $db");
	goes_on($db, "restored, $db");
}
$node->safe_psql('whole', q{SELECT filteropt.rollup_drop('stats')});
is($node->safe_psql('whole', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'stats%'}), 0,
	'a restored rollup can be dropped');

# After a crash an unlogged base is empty, and so is its rollup.
$node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE quick (a int);
	SELECT filteropt.rollup_create('quick_stats', 'SELECT a, count(*) AS n FROM quick GROUP BY a');
	INSERT INTO quick SELECT generate_series(1, 10)});
is($node->safe_psql('postgres', 'SELECT sum(n) FROM quick_stats'), 10, 'unlogged: filled');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM quick_stats'), 0, 'unlogged: empty after a crash');

SKIP:
{
	skip 'virtual generated columns came with PostgreSQL 18', 1 if $node->pg_version < 18;
	like(FilteroptTest::error_of($node, q{
		CREATE TABLE computed (a int, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL);
		SELECT filteropt.rollup_create('computed_stats', 'SELECT twice, count(*) AS n FROM computed GROUP BY twice')}),
		qr/^0A000: a rollup cannot be maintained over the virtual generated column twice/, 'a virtual generated column');
}

$node->stop;
done_testing();
