# index_advise on the workload that the server itself has seen: by pg_stat_statements, or by
# the watch where that is missing; as a role that may look, on a standby, and cancelled.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('advise', streaming => 1,
	conf => "shared_preload_libraries = 'pg_stat_statements, \$libdir/filteropt'\nlog_statement = none\n");
sub sql { my ($query, $n) = @_; return ($n // $node)->safe_psql('postgres', $query); }

sql(q{CREATE TABLE t (id int PRIMARY KEY, ref int, at int, filler text);
	INSERT INTO t SELECT i, i * 7919 % 5000, i, repeat('x', 100) FROM generate_series(1, 50000) i;
	CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t, filler text);
	INSERT INTO child SELECT i, i, repeat('x', 100) FROM generate_series(1, 20000) i});
sql('VACUUM ANALYZE t, child');
my $workload = join '', map { "SELECT filler FROM t WHERE ref = $_ ORDER BY at DESC LIMIT 5;\n" } 1 .. 20;
my $advised = q{SELECT ddl, confidence FROM filteropt.index_advise() WHERE ddl ~ 'ON public.t '};

# The watch.  Ten rows have a ref, fewer than the page of 20 that LIMIT $2 is taken for: all of them
# are read anyway, and an index without "at" stores equal keys once and is half the size.
sql($workload);
is(sql($advised), 'CREATE INDEX ON public.t (ref)|low', 'what the watch has seen is advised on');
is(sql(q{SELECT calls FROM filteropt.index_workload() WHERE query ~ 'FROM t WHERE ref'}), '20', 'weighted by calls');

# pg_stat_statements.
sql('CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()');
is(sql(q{SELECT count(*) FROM filteropt.index_workload() WHERE query ~ 'FROM t WHERE ref'}), '0', 'pg_stat_statements comes first');
sql($workload);
is(sql($advised), 'CREATE INDEX ON public.t (ref)|low', 'what pg_stat_statements has is advised on');
is(sql(q{SELECT s.calls FROM filteropt.index_advise() a JOIN pg_stat_statements s ON s.queryid = ANY (a.queries) WHERE a.ddl ~ 'ON public.t '}),
	'20', 'by the ids of its queries');

# Roles: who may not read the tables learns why a query is skipped; who may not see the queries, nothing.
sql('CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE reader IN ROLE pg_monitor, pg_read_all_data; CREATE ROLE nobody');
is(sql("SET ROLE reader; $advised"), 'CREATE INDEX ON public.t (ref)|low', 'a role that sees statistics and tables');
is(sql(q{SET ROLE watcher; SELECT DISTINCT reason FROM filteropt.index_advise() WHERE reason ~ 'table t$'}),
	'skipped: permission denied for table t', 'one that cannot read the table');
is(sql('SET ROLE nobody; SELECT count(*) FROM filteropt.index_advise()'), '0', 'one that sees nothing of others');

# Foreign keys: a parent's row that is deleted is searched for in the child.
is(sql(q{SELECT ddl FROM filteropt.index_advise(ARRAY['DELETE FROM t WHERE id = 7'])}), 'CREATE INDEX ON public.child (t_id)', 'a deletion');
is(sql(q{SELECT ddl FROM filteropt.index_advise(ARRAY['UPDATE t SET id = 8 WHERE id = 7'])}), 'CREATE INDEX ON public.child (t_id)', 'an update of the key');
is(sql(q{SELECT ddl FROM filteropt.index_advise(ARRAY['UPDATE t SET at = 8 WHERE id = 7'])}), '', 'an update of something else');
is(sql(q{SELECT ddl FROM filteropt.index_advise(ARRAY['DELETE FROM child WHERE id = 7'])}), '', 'a deletion of the child');

# Writes that the server has counted are the price if the workload has none.
my $price = q{SELECT write_cost > 0 FROM filteropt.index_advise(ARRAY['SELECT filler FROM t WHERE ref = 7'])};
is(sql($price), 'f', 'rows that were loaded do not count');
sql(q{SET enable_seqscan = off; SELECT count(*) FROM (SELECT (SELECT x.at FROM t x WHERE x.id = i) FROM generate_series(1, 500) i) s;
	INSERT INTO t SELECT i, i, i FROM generate_series(100001, 101000) i; DELETE FROM t WHERE id > 100000});
ok($node->poll_query_until('postgres', q{SELECT n_tup_ins - n_live_tup >= 900 AND idx_scan >= 100 FROM pg_stat_user_tables WHERE relname = 't'}), 'the counters arrive');
is(sql($price), 't', 'what comes and goes does');

# Cancelled, with an index built.
my $slow = q{ARRAY['SELECT count(*) FROM t, generate_series(1, 100000000) WHERE ref = 7'], verify => true};
like(FilteroptTest::error_of($node, "SET statement_timeout = 400; SELECT * FROM filteropt.index_advise($slow, statement_limit => '1 minute')"),
	qr/^57014: canceling statement due to statement timeout/, 'cancelled');
is(sql(q{SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass}), '1', 'and nothing is left');
my ($out, $err);
# The session goes on after it, and a handler rolls back its own subtransaction.
sql(q{CREATE TABLE written (i int);
	CREATE FUNCTION pause() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(10); RETURN 7; END $$});
my %cancelled = (
	'running a query' => "$slow, statement_limit => '700 ms'",
	'planning one' => q{ARRAY['SELECT count(*) FROM t WHERE ref = pause()']});
foreach my $when (sort keys %cancelled)
{
	$node->psql('postgres', qq{SET statement_timeout = 400; BEGIN; INSERT INTO written VALUES (0);
		SELECT count(*) FROM filteropt.index_advise($cancelled{$when}); SET statement_timeout = 0; ROLLBACK; SET statement_timeout = 0;
		SELECT current_setting('lock_timeout'), count(*) FROM written}, on_error_stop => 0, stdout => \$out, stderr => \$err);
	like($err, qr/canceling statement due to statement timeout/, "cancelled $when in a transaction");
	is($out, '0|0', 'the session goes on after ROLLBACK');
	# the timer of runs is over, too: it would end the sleep
	is(sql(qq{SET statement_timeout = 400; DO \$do\$ BEGIN INSERT INTO written VALUES (1);
		BEGIN INSERT INTO written VALUES (2); PERFORM count(*) FROM filteropt.index_advise($cancelled{$when}); INSERT INTO written VALUES (3);
		EXCEPTION WHEN query_canceled THEN INSERT INTO written VALUES (4); PERFORM pg_sleep(0.8); END; INSERT INTO written VALUES (5);
		END \$do\$; SET statement_timeout = 0; SELECT string_agg(i::text, ' ' ORDER BY i) FROM written; TRUNCATE written}), '1 4 5', 'and a handler goes on');
}
$node->psql('postgres', "SELECT count(*) FROM filteropt.index_advise($slow, statement_limit => '4 s')",
	stdout => \$out, stderr => \$err);
like($err, qr/NOTICE:  index advice is \w+.*: 1 queries, \d+ possible indexes, \d+ plans so far/, 'it says how far it is');

# A standby.
my $standby = FilteroptTest::new_standby($node, 'standby');
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is(sql(q{SELECT ddl, confidence FROM filteropt.index_advise(ARRAY['SELECT filler FROM t WHERE ref = 7 ORDER BY at DESC LIMIT 5'])}, $standby),
	'CREATE INDEX ON public.t (ref, at)|medium', 'advice on a standby');
sql($workload, $standby);
is(sql($advised, $standby), 'CREATE INDEX ON public.t (ref)|low', 'on its own workload');
like(FilteroptTest::error_of($standby, "SELECT * FROM filteropt.index_advise(ARRAY['SELECT 1'], verify => true)"),
	qr/^25006: advice cannot be verified in a read-only transaction/, 'nothing is verified there');

done_testing();
