# The watch under bad weather: crashes, other databases, huge and broken queries, nesting,
# errors in subtransactions, parallel workers, a standby; and slow queries.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('watch', preload => 1, streaming => 1,
	conf => "filteropt.advisor_queries = 64\nfilteropt.advisor_text_size = 512\n"
	  . "filteropt.advisor_slow_ms = 20\nmax_connections = 30\nrestart_after_crash = on\nlog_statement = none\n");
sub sql { my ($query, $n) = @_; return ($n // $node)->safe_psql('postgres', $query); }

sql(q{CREATE TABLE t (id int PRIMARY KEY, ref int, name text);
	INSERT INTO t SELECT i, 1 + i * 7 % 1000, 'n' || i FROM generate_series(1, 5000) i; ANALYZE t;
	CREATE TABLE child (t_id int REFERENCES t, word text);
	INSERT INTO child SELECT 1 + i % 50, 'w' || i FROM generate_series(1, 500) i});
my $loop = "SELECT id, name FROM t ORDER BY id LIMIT 10;\n" . join '', map { "SELECT word FROM child WHERE t_id = $_;\n" } 1 .. 10;

# Slow queries.
sql(q{SELECT filteropt.slow_query_reset(); SELECT 'secret', pg_sleep(0.03); SELECT 'other', pg_sleep(0.05)});
is(sql(q{SELECT query, calls, slow_calls, rows, mean_ms BETWEEN 30 AND 10000 AND p95_ms BETWEEN 30 AND 15000 AND p99_ms >= p95_ms,
		total_ms >= 80, role FROM filteropt.slow_query}),
	'SELECT $1, pg_sleep($2)|2|2|2|t|t|postgres', 'a slow query, without its constants');
sql(q{SET work_mem = '64kB'; SELECT pg_sleep(0.03), count(*) FROM (SELECT repeat(name, 20) FROM t ORDER BY 1 OFFSET 0) AS s});
is(sql(q{SELECT temp_written > 0 AND buffers_hit + buffers_read > 0 FROM filteropt.slow_query WHERE query ~ 'repeat'}), 't', 'buffers and temporary blocks');
sql(q{SET filteropt.advisor_slow_ms = -1; SELECT 1.5, pg_sleep(0.03)});
is(sql(q{SELECT count(*) FROM filteropt.slow_query WHERE query = 'SELECT $1, pg_sleep($2), '}), '0', 'nothing is slow');

# Fast ones arrive with the end of their session.
sql(join '', map { "SELECT name FROM t WHERE id = $_;\n" } 1 .. 50);
ok($node->poll_query_until('postgres', q{SELECT calls FROM filteropt.advisor_workload() WHERE query = 'SELECT name FROM t WHERE id = $1'}, '50'), 'every execution is counted');
is(sql(q{SELECT count(*) = 1 AND min(p99_ms) < 1000 FROM filteropt.advisor_queries() WHERE query = 'SELECT name FROM t WHERE id = $1'}), 't', 'in one entry');

# Plans.
my $id = sql(q{SELECT queryid FROM filteropt.advisor_queries() WHERE query = 'SELECT name FROM t WHERE id = $1'});
like(sql("SELECT filteropt.slow_query_plan($id)"), qr/Index (?:Only )?Scan using t_pkey on t.*Index Cond: \(id = \$1\)/s, 'the generic plan of a query');
like(FilteroptTest::error_of($node, 'SELECT filteropt.slow_query_plan(1)'), qr/^42704: no query 1 of role \d+ is known here/, 'an unknown query');
sql('CREATE ROLE app LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats; GRANT SELECT ON t TO app');
like(FilteroptTest::error_of($node, "SET ROLE watcher; SELECT filteropt.slow_query_plan($id, 'postgres')"), qr/^42501: must be a member of the role/, 'who may not become the role');
# planning must not run a function of the query's author as the superuser who looks
sql(q{GRANT CREATE ON SCHEMA public TO app; SET ROLE app;
	CREATE FUNCTION public.evil() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'planned as %', current_user; RETURN 1; END $$;
	SELECT name FROM t WHERE id = evil(); SELECT name FROM t WHERE id = evil()});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM filteropt.advisor_queries() WHERE query ~ 'id = evil'}) or die 'evil was not seen';
my ($out, $err);
$node->psql('postgres', q{SELECT filteropt.slow_query_plan(queryid, role) FROM filteropt.advisor_queries() WHERE query ~ 'id = evil'}, stdout => \$out, stderr => \$err);
like($err, qr/planned as app/, 'planned as the role that ran it');

# The plan of a slow execution, on request.
my $slow = "SELECT count(*), pg_sleep(0.03) FROM t WHERE ref >";
sql("$slow 7; $slow 8");
$id = sql(q{SELECT queryid FROM filteropt.slow_query WHERE query ~ 'WHERE ref >'});
is(sql("SELECT filteropt.slow_query_plan($id, capture => true) IS NULL"), 't', 'no plan was kept yet');
sql("SET filteropt.advisor_slow_ms = -1; $slow 9");
is(sql("SELECT filteropt.slow_query_plan($id, capture => true) IS NULL"), 't', 'nor is one of an execution that is not slow');
sql("$slow 4711; $slow 12");
my $kept = sql("SELECT filteropt.slow_query_plan($id, capture => true)");
like($kept, qr/^Executed: 2\d\d\d-.*, in [3-9]\d\.\d{3} ms\nAggregate .*\(actual rows=1 loops=1\)\n.*Seq Scan on t .*\(actual rows=\d+ loops=1\).*Filter: \(ref > 4711\)/s,
	'the plan of the next slow execution, with its constants and rows');
is(sql("SELECT filteropt.slow_query_plan($id, capture => true)"), $kept, 'stays until there is another one');
my $prepared = "PREPARE p(int) AS SELECT count(*), pg_sleep(0.03) FROM t WHERE ref < \$1; SET plan_cache_mode = force_generic_plan; EXECUTE p(815)";
sql($prepared);
my $prepared_id = sql(q{SELECT queryid FROM filteropt.slow_query WHERE query ~ 'WHERE ref <'});
sql("SELECT filteropt.slow_query_plan($prepared_id, capture => true)");
sql($prepared);
like(sql("SELECT filteropt.slow_query_plan($prepared_id, capture => true)"), qr/\nParameters: \$1 = '815'\n.*ref < \$1/s, 'with its parameters');
is(sql('SET ROLE watcher; SELECT filteropt.slow_query_plan(' . $id . ", 'postgres', true) IS NOT NULL"), 't', 'members of pg_read_all_stats see it');
like(FilteroptTest::error_of($node, "SET ROLE app; SELECT filteropt.slow_query_plan($id, 'postgres', true)"),
	qr/^42501: must be the role that runs the query or a member of pg_read_all_stats/, 'others do not');
# a long one is cut off; more requests than there is room for
my $many = 'SELECT pg_sleep(0.03), ' . join ' + ', map { "(SELECT count(*) FROM t AS t$_ WHERE ref = $_)" } 1 .. 120;
sql($many);
my $many_id = sql(q{SELECT queryid FROM filteropt.slow_query WHERE query ~ 't1 WHERE ref'});
sql("SELECT filteropt.slow_query_plan($many_id, capture => true)");
sql($many);
is(sql("SELECT octet_length(filteropt.slow_query_plan($many_id, capture => true))"), 16384, 'a long plan is cut off');
like(FilteroptTest::error_of($node, 'SELECT filteropt.slow_query_plan(1, capture => true)'), qr/^42704: no query 1 of role \d+ is known here/, 'nobody waits for an unknown query');
sql(join '', map { 'SELECT ' . join(', ', (1) x $_) . ", pg_sleep(0.001);\n" } 1 .. 30);
is(sql("SELECT count(*) >= 16, count(filteropt.slow_query_plan(queryid, role, true)) FROM filteropt.advisor_queries() WHERE queryid <> $id"), 't|0', 'more requests than there is room for');
is(sql("SELECT filteropt.slow_query_plan($id, capture => true) IS NULL"), 't', 'the oldest ones give way');
sql("SET filteropt.advisor_plan_wait = '1ms'; SELECT filteropt.slow_query_plan($id, capture => true)");
sql("$slow 13");
is(sql("SELECT filteropt.slow_query_plan($id, capture => true) IS NULL"), 't', 'a request is void after its time');
sql("$slow 14");
like(sql("SELECT filteropt.slow_query_plan($id, capture => true)"), qr/Filter: \(ref > 14\)/, 'and can be made again');
# an execution that began before its plan was asked for, and one that another role ends
my $begin = 'BEGIN; SET LOCAL ROLE app; DECLARE c CURSOR FOR SELECT id, pg_sleep(0.03) FROM t; FETCH 1 FROM c; RESET ROLE;';
sql("$begin CLOSE c; COMMIT");
my $cursor_id = sql(q{SELECT queryid FROM filteropt.slow_query WHERE role = 'app'::regrole AND query ~ 'SELECT id, pg_sleep'});
like($cursor_id, qr/^-?\d+$/, 'a query is of the role that began it');
my $of_cursor = "SELECT filteropt.slow_query_plan($cursor_id, 'app', true)";
sql("$begin $of_cursor; CLOSE c; COMMIT");
is(sql($of_cursor), '', 'an execution under way has not counted');
sql("$begin CLOSE c; COMMIT");
like(sql($of_cursor), qr/Seq Scan on t .*\(actual rows=1 loops=1\)/, 'the next one has');
sql("DO \$\$ BEGIN PERFORM 1 FROM t WHERE id = 1 AND pg_sleep(0.03) IS NOT NULL; END \$\$;" . "SELECT filteropt.slow_query_reset(); $slow 1");
is(sql("SELECT filteropt.slow_query_plan($id, capture => true) IS NULL"), 't', 'a reset forgets them');

# Privileges.
is(sql(q{SET ROLE app; SELECT count(*), count(query) FROM filteropt.advisor_queries() WHERE role <> 'app'::regrole}) =~ /^([1-9]\d*)\|0$/ ? 1 : 0, 1, 'texts of others are hidden');
is(sql(q{SET ROLE watcher; SELECT count(*) = count(query) FROM filteropt.advisor_queries()}), 't', 'members of pg_read_all_stats see them');
like(FilteroptTest::error_of($node, 'SET ROLE app; SELECT filteropt.slow_query_reset()'), qr/^42501/, 'not for everybody to reset');
like(FilteroptTest::error_of($node, 'SET ROLE app; SET filteropt.advisor_watch = off'), qr/^42501/, 'nor to switch off');

# More queries than there is room for, long ones, broken ones.
sql(join '', map { ('SELECT ' . join(', ', (1) x $_) . ", pg_sleep(0.001);\n") x 2 } 1 .. 250);
is(sql('SELECT queries BETWEEN 40 AND 64 AND queries_evicted > 100 FROM filteropt.advisor_status()'), 't', 'what is too much is evicted');
my $long = 'SELECT greatest(' . join(', ', map { "'$_'::int" } 1 .. 10000) . ') AS answer';
cmp_ok(length $long, '>', 100_000, 'a long query');
is(sql("$long;\n$long;\n$long"), "10000\n10000\n10000", 'runs');
is(sql(q{SELECT count(*) >= 1 AND bool_and(octet_length(query) <= 512 AND truncated) FROM filteropt.advisor_queries() WHERE query LIKE 'SELECT greatest($1::int, $2::int%'}), 't', 'and is cut off');
is(sql(q{SELECT count(*) FROM filteropt.advisor_workload() WHERE query LIKE 'SELECT greatest($1::int, $2::int%'}), '0', 'so is no part of the workload');
for my $broken ('SELEC 1', q{SELECT 'open}, 'SELECT 1/0', 'SELECT no_such_column FROM t', q{SELECT * FROM t WHERE id = 'x'}, '', ';', '/* only */')
{
	$node->psql('postgres', $broken);
}
is(sql('SELECT 1'), '1', 'broken queries');
is(sql(qq{DO \$\$ BEGIN FOR i IN 1 .. 500 LOOP BEGIN PERFORM 1 / (i % 2) FROM t WHERE id = i; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$; $loop}
		. q{SELECT 'calls', calls FROM filteropt.n_plus_one}) =~ /calls\|10$/ ? 1 : 0, 1, 'errors in subtransactions leave nothing behind');
sql(q{CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE r int; BEGIN
	IF n = 0 THEN RETURN 0; END IF; SELECT deep(n - 1) + 1 INTO r FROM t WHERE id = n; RETURN r; END $$});
is(sql('SELECT deep(100)'), '100', 'deep nesting');
is(sql(q{BEGIN; DECLARE a CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id LIMIT 5; FETCH 1 FROM a; SAVEPOINT s;
	DECLARE b CURSOR FOR SELECT id / 0 FROM t; ROLLBACK TO s; FETCH 1 FROM a; COMMIT; FETCH 1 FROM a; CLOSE a}), "1\n2\n3", 'cursors');
# a cursor outlives the subtransaction that declared it, and its query runs ones that fail
sql(q{CREATE FUNCTION hiccup(i int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
	BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END;
	FOR r IN SELECT id FROM t ORDER BY id LIMIT 3 LOOP NULL; END LOOP; RETURN i; END $$});
is(sql(q{BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT g, hiccup(g) FROM generate_series(1, 3) AS g; RELEASE s; FETCH ALL FROM c; COMMIT}),
	"1|1\n2|2\n3|3", 'a cursor of a subtransaction');
is(sql(q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET force_parallel_mode = on;
	SELECT count(*), sum(ref) FROM t}) , sql('SELECT count(*), sum(ref) FROM t'), 'parallel workers');
is(sql(q{SET filteropt.advisor_sample_rate = 0; SELECT 77 AS never; SELECT 77 AS never;
	SELECT count(*) FROM filteropt.advisor_queries() WHERE query ~ 'AS never'}), "77\n77\n0", 'no sample');

# Other databases: with the extension or without.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', "CREATE TABLE t AS SELECT i AS id, 'x' AS name FROM generate_series(1, 10) i; CREATE TABLE child (t_id int, word text); $loop");
sql('SELECT filteropt.n_plus_one_reset()');
is(sql('SELECT count(*) FROM filteropt.n_plus_one'), '0', "another database's loops are not ours");
$node->safe_psql('bare', 'CREATE EXTENSION filteropt');
is($node->safe_psql('bare', 'SELECT calls, child_query FROM filteropt.n_plus_one'), '10|SELECT word FROM child WHERE t_id = $1', 'but theirs, watched before the extension was there');
$node->safe_psql('postgres', 'DROP DATABASE bare');

# A standby has a watch of its own.
my $standby = FilteroptTest::new_standby($node, 'watch_standby');
$node->wait_for_catchup($standby);
sql($loop, $standby);
is(sql('SELECT calls FROM filteropt.n_plus_one', $standby), '10', 'on a standby');
is(sql('SELECT count(*) FROM filteropt.n_plus_one'), '0', 'of which the primary knows nothing');
sql('SELECT filteropt.n_plus_one_reset(); SELECT filteropt.slow_query_reset()', $standby);
is(sql('SELECT count(*) FROM filteropt.n_plus_one', $standby), '0', 'which can be reset');
$standby->stop;

# Many at once, then a crash of one of them: the state is gone, not broken.
my $script = $node->basedir . '/loop.sql';
append_to_file($script, $loop);
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-t', '50', '-f', $script, $node->connstr('postgres') ], 'eight clients in loops');
is(sql('SELECT loops, calls FROM filteropt.n_plus_one'), '400|4000', 'each loop is counted');
sql('SELECT filteropt.n_plus_one_reset()');
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-M', 'extended', '-t', '50', '-f', $script, $node->connstr('postgres') ], 'by the extended protocol');
is(sql('SELECT loops, calls FROM filteropt.n_plus_one'), '400|4000', 'each loop is counted');
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my ($pid) = $victim->query_safe('SELECT pg_backend_pid()') =~ /^(\d+)$/ or die;
kill 'KILL', $pid;
eval { $victim->quit };
ok($node->poll_query_until('postgres', 'SELECT 1', '1'), 'the server is back after kill -9');
is(sql('SELECT loops FROM filteropt.advisor_status()'), '0', 'and begins anew');
sql($loop);
is(sql('SELECT loops, calls FROM filteropt.n_plus_one'), '1|10', 'and watches');
$node->restart;
is(sql('SELECT count(*) FROM filteropt.n_plus_one'), '0', 'nothing is kept over a restart');

# The server's log.
like(sql('SELECT filteropt.slow_log_enable(5)'), qr/^sessions of database postgres .* 5 ms or longer$/, 'slow_log_enable');
sql('SELECT pg_sleep(0.02), 4711');
ok(slurp_file($node->logfile) =~ m{duration: .*4711}, 'the server logs slow statements');
sql('SELECT filteropt.slow_log_disable()');
is(sql('SHOW log_min_duration_statement'), '-1', 'slow_log_disable');
like(FilteroptTest::error_of($node, 'SET ROLE app; SELECT filteropt.slow_log_enable(5)'), qr/^42501/, 'not for everybody');

$node->stop;
done_testing();
