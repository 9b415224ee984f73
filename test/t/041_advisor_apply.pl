# index_apply beside others: open transactions, cancellation, a worker that
# dies, a second call, no free worker, a standby.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('apply', streaming => 1,
	conf => "max_worker_processes = 12\nautovacuum = off\n");
$node->safe_psql('postgres', q{
	CREATE TABLE posts (id int, title text);
	INSERT INTO posts SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
	CREATE TABLE other (id int)});

my $worker = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'filteropt index_apply'};

sub invalid
{
	return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_index WHERE NOT indisvalid});
}

# Send statements to a session and wait until they are done.
sub ask
{
	my ($session, $sql) = @_;
	return $session->query_safe($sql);
}

# Start a CALL in a session of its own, without waiting for it.
sub start_call
{
	my ($statement) = @_;
	my $call = { out => '', err => '' };
	$call->{run} = IPC::Run::start(
		[ 'psql', '-XAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c',
			"CALL filteropt.index_apply('$statement')" ],
		'<', \undef, '>', \$call->{out}, '2>', \$call->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $call;
}

# Wait until a call is over; returns what it said on stderr.
sub end_of
{
	my ($call) = @_;
	$call->{run}->finish;
	return $call->{err};
}

sub wait_until
{
	my ($sql, $what) = @_;
	$node->poll_query_until('postgres', "SELECT ($sql)") or die "never: $what";
	return;
}

# An open writer: the lock timeout comes before there is an index.
my $writer = $node->background_psql('postgres');
ask($writer, 'BEGIN');
ask($writer, q{INSERT INTO posts VALUES (0, 'open')});
is( FilteroptTest::error_of($node,
		q{CALL filteropt.index_apply('create index waits on posts (id)', lock_timeout => '100ms')}),
	'55P03: canceling statement due to lock timeout', 'an open writer makes it give up');
is(invalid(), '0', 'and nothing is left behind');
is($node->safe_psql('postgres', 'SELECT count(*) FROM filteropt.index_applied'), '0', 'nor recorded');

# Patiently it waits, and is done when the writer is.
my $patient = start_call('create index patient on posts (id)');
wait_until("($worker) = 1", 'a worker');
# Meanwhile a second call is refused.
like(FilteroptTest::error_of($node, q{CALL filteropt.index_apply('create index second on other (id)')}),
	qr/^55006: another index_apply is running in this database\nHINT:/, 'one at a time');
ask($writer, 'COMMIT');
is(end_of($patient), '', 'it ends without a word');
is($node->safe_psql('postgres', q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'patient'::regclass}),
	't', 'a valid index');

# An old snapshot: the build is told of, and cancelled in the middle.
my $reader = $node->background_psql('postgres');
ask($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
ask($reader, 'SELECT count(*) FROM other');
my $middle = start_call('create index middle on posts (title)');
wait_until(q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'},
	'the build is over');
is($node->safe_psql('postgres', q{SELECT count(*) FROM filteropt.index_health() WHERE kind = 'invalid'}),
	'0', 'what is being built is not called invalid');
$node->safe_psql('postgres', 'CREATE ROLE visitor');
is($node->safe_psql('postgres', q{SET ROLE visitor; SELECT count(*) FROM filteropt.index_health() WHERE kind = 'invalid'}),
	'0', 'nor to a role that sees no progress of others');
$middle->{run}->pump until $middle->{err} =~ /waiting for old snapshots; process \d+ holds it up/;
pass('who holds it up is told');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE query LIKE 'CALL%' AND backend_type = 'client backend'});
like(end_of($middle), qr/57014: canceling statement due to user request/, 'the call is cancelled');
wait_until("($worker) = 0", 'the worker ends');
is(invalid(), '0', 'and leaves no invalid index');
is($node->safe_psql('postgres', q{SELECT error FROM filteropt.index_applied WHERE ddl LIKE '%middle%'}),
	'canceling statement due to user request', 'which is recorded');

# The session ends: so does the work.
$middle = start_call('create index ends on posts (title)');
wait_until(q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'},
	'the build is over');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE query LIKE 'CALL%' AND backend_type = 'client backend'});
end_of($middle);
wait_until("($worker) = 0", 'the worker ends');
is(invalid(), '0', 'a session that ends cancels its worker, which cleans up');

# The worker is terminated: an error, and a leftover that index_health shows
# and the next call drops.
my $killed = start_call('create index killed on posts (title)');
wait_until(q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'},
	'the build is over');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'filteropt index_apply'});
like(end_of($killed), qr/57P01: terminating (?:connection|background worker)/, 'the end of the worker is an error');

# A partitioned table whose second partition's worker is terminated: the leftover goes, under
# its name, when the same call goes on.
$node->safe_psql('postgres', q{
	CREATE TABLE tree (a int, b int) PARTITION BY LIST (a);
	CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
	CREATE TABLE tree_2 PARTITION OF tree FOR VALUES IN (2);
	CREATE TABLE tree_3 PARTITION OF tree FOR VALUES IN (3);
	INSERT INTO tree SELECT i % 3 + 1, i FROM generate_series(1, 300) i;
	CREATE INDEX tree_1_b ON tree_1 (b)});
$killed = start_call('create index on tree (b)');
wait_until(q{SELECT count(*) = 1 FROM pg_stat_progress_create_index
	WHERE phase = 'waiting for old snapshots' AND relid = 'tree_2'::regclass}, 'the second is built');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'filteropt index_apply'});
like(end_of($killed), qr/57P01/, 'the worker of a partition ends');
my $tree = q{SELECT string_agg(format('%s %s', c.relname, i.indisvalid), ', ' ORDER BY c.relname)
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'tree%'};
is($node->safe_psql('postgres', $tree), 'tree_1_b t, tree_2_b_idx f, tree_b_idx f', 'a leftover');
ask($reader, 'COMMIT');
ask($reader, 'BEGIN; SELECT count(*) FROM tree_3');
my $goes_on = start_call('create index on tree (b)');
wait_until(q{SELECT bool_or(i.indisvalid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'tree_3_b_idx'},
	'the last partition is built, and waits to be attached');
ask($reader, 'COMMIT');
like(end_of($goes_on), qr/\A[^\n]*NOTICE:[^\n]*dropped the invalid index public\.tree_2_b_idx\n[^\n]*\n?\z/,
	'the same call drops it and goes on');
is($node->safe_psql('postgres', $tree), 'tree_1_b t, tree_2_b_idx t, tree_3_b_idx t, tree_b_idx t', 'all is valid');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_partition_tree('tree_b_idx')}), '4', 'and attached');
is($node->safe_psql('postgres', q{SELECT index, fix FROM filteropt.index_health() WHERE kind = 'invalid'}),
	'killed|REINDEX INDEX CONCURRENTLY public.killed', 'index_health shows the leftover');
is($node->safe_psql('postgres', q{SELECT finished_at IS NULL FROM filteropt.index_applied WHERE ddl LIKE '%killed%'}),
	't', 'the record shows no end');
like(end_of(start_call('create index killed on posts (title)')), qr/dropped the invalid index public\.killed/,
	'the next call drops it');
is(invalid(), '0', 'and makes it anew');

# The index of an expression is made, and what analyses the table after that is cancelled.
$node->safe_psql('postgres', q{
	CREATE FUNCTION halting(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
		PERFORM FROM pg_stat_progress_analyze WHERE pid = pg_backend_pid();
		IF FOUND THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF;
		RETURN i; END $$;
	CREATE TABLE halted AS SELECT i FROM generate_series(1, 100) i});
ask($writer, 'SELECT pg_advisory_lock(4711)');
my $halted = start_call('create index halted_by on halted (halting(i))');
wait_until(q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}, 'the table is being analysed');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'filteropt index_apply'});
like(end_of($halted), qr/\A[^\n]*WARNING:  57014: the index is there, but its table was not analyzed: canceling statement due to user request\n/, 'a warning');
like($halted->{out}, qr/^CREATE INDEX CONCURRENTLY halted_by/, 'and the statement has done its work');
is($node->safe_psql('postgres', q{SELECT finished_at IS NOT NULL, error IS NULL, index FROM filteropt.index_applied WHERE ddl LIKE '%halted_by%'}),
	't|t|halted_by', 'which is recorded as done');
ask($writer, 'SELECT pg_advisory_unlock_all()');

# No worker is free.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->restart;
is( FilteroptTest::error_of($node, q{CALL filteropt.index_apply('create index none on posts (id)')}),
	"53000: no background worker is free to change the index\n"
	  . 'HINT:  Wait until others end, or increase max_worker_processes, which is 0.',
	'no worker');
$node->append_conf('postgresql.conf', "max_worker_processes = 12\n");
$node->restart;

# A role that cannot log in, and a session that became another user.
$node->safe_psql('postgres', q{
	CREATE ROLE keeper; ALTER TABLE other OWNER TO keeper; GRANT CREATE ON SCHEMA public TO keeper;
	GRANT EXECUTE ON PROCEDURE filteropt.index_apply TO keeper});
$node->safe_psql('postgres', "SET ROLE keeper;\nCALL filteropt.index_apply('create index kept on other (id)')");
is($node->safe_psql('postgres', q{SELECT role FROM filteropt.index_applied ORDER BY id DESC LIMIT 1}),
	'keeper', 'a role that cannot log in can be the one who applies');

# A standby only shows and reports.
my $standby = FilteroptTest::new_standby($node, 'standby');
$node->wait_for_catchup($standby);
is( FilteroptTest::error_of($standby, q{CALL filteropt.index_apply('create index s on posts (id)')}),
	"25006: index_apply cannot run on a standby\nHINT:  Call it on the primary; the standby follows.",
	'refused on a standby');
is($standby->safe_psql('postgres', q{CALL filteropt.index_apply('create index s on posts (id)', true)}),
	'CREATE INDEX CONCURRENTLY s ON public.posts USING btree (id)|DROP INDEX CONCURRENTLY public.s|',
	'a dry run works there');
my $unused = q{SELECT index, severity, reason LIKE '%standby%' FROM filteropt.index_health(unused_after => '0')
	WHERE kind = 'unused' AND index = 'kept'::regclass};
is($standby->safe_psql('postgres', $unused), 'kept|low|t', 'index_health works on a standby, and says that it is one');
wait_until(q{SELECT count(*) = 1 FROM pg_stat_replication}, 'the standby streams');
is($node->safe_psql('postgres', $unused), 'kept|low|t', 'the primary says that there is one');

$_->quit for $writer, $reader;
$standby->stop;
$node->stop;
done_testing();
