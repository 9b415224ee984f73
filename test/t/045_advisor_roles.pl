# Who sees and may do what with the advisor: an ordinary role, a monitor, the owner of a
# table; and what a killed server knows afterwards.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $libraries = `pg_config --pkglibdir` =~ s/\n//r;
my $statements = -e "$libraries/pg_stat_statements.so";
my $node = FilteroptTest::new_node('roles',
	conf => "shared_preload_libraries = '\$libdir/filteropt" . ($statements ? ', pg_stat_statements' : '') . "'\n"
	  . "filteropt.advisor_slow_ms = 20\nrestart_after_crash = on\nautovacuum = off\nmax_connections = 40\n");
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub as { my ($role, $query) = @_; return sql("SET ROLE $role;\n$query"); }
sub error_as { my ($role, $query) = @_; return FilteroptTest::error_of($node, "SET ROLE $role;\n$query"); }

sql('CREATE EXTENSION pg_stat_statements') if $statements;
sql(q{
	CREATE ROLE ordinary; CREATE ROLE monitor IN ROLE pg_monitor; CREATE ROLE keeper;
	GRANT CREATE ON SCHEMA public TO keeper;
	GRANT EXECUTE ON PROCEDURE filteropt.index_apply TO keeper, ordinary;
	SET ROLE keeper;
	CREATE TABLE secret_parent (id int PRIMARY KEY, name text);
	CREATE TABLE secret_child (parent_id int REFERENCES secret_parent, word text);
	CREATE INDEX secret_first ON secret_child (word); CREATE INDEX secret_second ON secret_child (word);
	INSERT INTO secret_parent SELECT i, 'p' || i FROM generate_series(1, 3000) i;
	INSERT INTO secret_child SELECT i, 'w' || i FROM generate_series(1, 3000) i;
	ANALYZE secret_parent, secret_child});
my $loop = "SELECT id, name FROM secret_parent ORDER BY id LIMIT 10;\n" . join '', map { "SELECT word FROM secret_child WHERE parent_id = $_;\n" } 1 .. 10;
my $slow = "SELECT count(*), pg_sleep(0.03) FROM secret_child WHERE parent_id > 7;\n" x 2;
as('keeper', "$loop$slow");
sql(q{SELECT pg_sleep(0.03), 'of the superuser' AS secret_column});
my $id = as('keeper', q{SELECT queryid FROM filteropt.slow_query WHERE query ~ 'pg_sleep'});

# Whatever shows texts of queries: as rows, in which the texts are looked for.
my @texts = ('filteropt.n_plus_one', 'filteropt.n_plus_one_list()', 'filteropt.slow_query', 'filteropt.advisor_queries()',
	'filteropt.advisor_workload()', 'filteropt.index_workload()', $statements ? 'filteropt.index_statements()' : ());
for my $source (@texts)
{
	my $of = sub { my ($what) = @_; return "SELECT count(*) > 0 FROM $source AS s WHERE s::text ~ '$what'"; };
	is(as('ordinary', $of->('secret_')), 'f', "$source: hides what others ran");
	is(as('monitor', $of->('secret_child')), 't', "$source: shows it to pg_read_all_stats");
	is(as('keeper', $of->('secret_child')), 't', "$source: and to who ran it");
	is(as('keeper', $of->('secret_column')), 'f', "$source: but nothing of the superuser's");
}
is(as('ordinary', q{SELECT count(*) > 0 AND count(query) = 0 AND count(queryid) = 0 AND bool_and(calls > 0) FROM filteropt.slow_query WHERE role = 'keeper'::regrole}), 't', 'numbers are for all');
is(as('ordinary', q{SELECT count(*), count(child_query), count(join_query), count(applications), count(child_queryid), sum(calls) FROM filteropt.n_plus_one}), '1|0|0|0|0|10', 'those of loops too');

# Plans.
like(error_as('ordinary', "SELECT filteropt.slow_query_plan($id, 'keeper')"), qr/^42501: must be a member/, 'no plan of another role');
like(error_as('monitor', "SELECT filteropt.slow_query_plan($id, 'keeper')"), qr/^42501: must be a member/, 'nor for a monitor, who is not that role');
like(as('keeper', "SELECT filteropt.slow_query_plan($id)"), qr/Aggregate/, 'but of one\'s own');
like(error_as('ordinary', "SELECT filteropt.slow_query_plan($id, 'keeper', true)"), qr/^42501: must be the role/, 'nor what it did');
as('monitor', "SELECT filteropt.slow_query_plan($id, 'keeper', true)");
as('keeper', $slow);
like(as('monitor', "SELECT filteropt.slow_query_plan($id, 'keeper', true)"), qr/Filter: \(parent_id > 7\)/, 'which a monitor may ask for');
like(error_as('ordinary', "SELECT filteropt.slow_query_plan($id, capture => true)"), qr/^42704: no query/, 'nobody asks for what another role runs as if it were theirs');

# What changes something.
for my $call ('SELECT filteropt.n_plus_one_reset()', 'SELECT filteropt.slow_query_reset()', 'SELECT filteropt.slow_log_enable(5)',
	'SELECT filteropt.slow_log_disable()', 'SET filteropt.advisor_watch = off', 'SET filteropt.advisor_slow_ms = 5',
	'SET filteropt.advisor_n_plus_one_min = 0', 'SET filteropt.advisor_sample_rate = 0', 'INSERT INTO filteropt.index_applied (role) VALUES (NULL)')
{
	like(error_as($_, $call), qr/^42501/, "$call: not for $_") for qw(ordinary monitor keeper);
}
like(error_as('monitor', q{CALL filteropt.index_apply('drop index secret_second')}), qr/^42501: permission denied for procedure/, 'index_apply is not for everybody');
like(error_as('ordinary', q{CALL filteropt.index_apply('drop index secret_second')}), qr/^42501: must be owner of table secret_child/, 'and not for other tables than one\'s own');
my $applied = as('keeper', q{CALL filteropt.index_apply('drop index secret_second')});
like($applied, qr/^DROP INDEX CONCURRENTLY public\.secret_second\|CREATE INDEX CONCURRENTLY/, 'the owner may');
unlike(as('ordinary', 'SELECT a FROM filteropt.index_applied a'), qr/parent_id/, 'what is recorded has no texts of queries');

# Health and advice: the catalogs are for all, the texts are not.
as($_, 'SELECT count(*) FROM filteropt.index_health()') for qw(ordinary monitor keeper);
is(as('ordinary', q{SELECT count(*) FROM filteropt.index_impact() WHERE measure = 'ms per call'}), '0', 'index_impact shows nobody\'s statements');
like(as('keeper', 'SELECT count(*) FROM filteropt.index_impact()'), qr/^[1-9]/, 'but the owner');
is(as('ordinary', 'SELECT count(*) FROM filteropt.index_advise() AS a WHERE a.ddl IS NOT NULL'), '0', 'nor are they advised on');
like(as('ordinary', q{SELECT reason FROM filteropt.index_advise(ARRAY['SELECT word FROM secret_child WHERE parent_id = 7'])}),
	qr/permission denied for table secret_child/, 'a query that one may not run is skipped');
like(as('keeper', 'SELECT ddl FROM filteropt.index_advise() WHERE ddl IS NOT NULL'), qr/secret_child/, 'the owner is advised on what the watch or pg_stat_statements saw');

# Killed in the midst of it, the state is empty and works.
sub is_empty
{
	my ($when) = @_;
	is(sql(q{SELECT s.loops, (SELECT count(*) FROM filteropt.n_plus_one), (SELECT count(*) FROM filteropt.slow_query) FROM filteropt.advisor_status() s}), '0|0|0', "$when: nothing is left");
	is(sql(q{SELECT count(*) FROM filteropt.advisor_queries() WHERE query ~ 'secret_'}), '0', "$when: no texts either");
	like(error_as('keeper', "SELECT filteropt.slow_query_plan($id, capture => true)"), qr/^42704: no query/, "$when: nor plans");
	as('keeper', "$loop$slow");
	as('keeper', "SELECT filteropt.slow_query_plan($id, capture => true)");
	as('keeper', $slow);
	is(as('keeper', 'SELECT loops, calls, child_query FROM filteropt.n_plus_one'), '1|10|SELECT word FROM secret_child WHERE parent_id = $1', "$when: it watches again");
	like(as('keeper', "SELECT filteropt.slow_query_plan($id, capture => true)"), qr/Filter: \(parent_id > 7\)/, "$when: and keeps plans");
	return;
}
my $script = $node->basedir . '/loop.sql';
append_to_file($script, $loop . "SELECT filteropt.slow_query_plan(queryid, role, true) FROM filteropt.slow_query ORDER BY random() LIMIT 2;\nSELECT count(*), pg_sleep(0.021) FROM secret_child WHERE parent_id > 7;\n");
for my $victim (qw(backend postmaster))
{
	my ($out, $err) = ('', '');
	my $clients = IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-T', '600', '-f', $script, $node->connstr('postgres') ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$node->poll_query_until('postgres', 'SELECT coalesce(sum(loops), 0) >= 20 FROM filteropt.n_plus_one') or die 'no loops';
	if ($victim eq 'postmaster')
	{
		$node->kill9;
	}
	else
	{
		kill 'KILL', sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1});
	}
	$clients->finish;
	if ($victim eq 'postmaster')
	{
		# processes that still hold the shared memory refuse a start
		my $started = 0;
		for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			last if $started = $node->start(fail_ok => 1);
			$node->stop('immediate', fail_ok => 1);
			select undef, undef, undef, 0.1;
		}
		ok($started, 'the server starts again');
	}
	else
	{
		ok($node->poll_query_until('postgres', 'SELECT 1', '1'), 'the server is back');
	}
	is_empty("after kill -9 of the $victim");
}

$node->stop;
done_testing();
