# Attached tables beyond one session: standby, crash, dump and restore, logical
# replication, two-phase commit, concurrent writers; everywhere compared with one
# set compiled per row of the table in the same snapshot.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "max_prepared_transactions = 4\nwal_level = logical\nmax_connections = 40\n";
my $node = FilteroptTest::new_node('source', streaming => 1, conf => $conf);
my $standby = FilteroptTest::new_standby($node, 'standby');
my $other = FilteroptTest::new_node('other', conf => $conf);

# Numbers of answers, of hits among them, and of answers that differ from brute force.
my $verdict = q{
	SELECT count(*), count(*) FILTER (WHERE expected <> '{}') > 0,
		count(*) FILTER (WHERE filteropt.keyword_match('kw', u, body) <> expected)
	FROM (SELECT u, (SELECT string_agg('w' || n, ' ') FROM generate_series(1, 400) AS n) || ' moved x' AS body
			FROM generate_series(1, 40) AS u) AS users,
		LATERAL (SELECT ARRAY(SELECT DISTINCT keyword COLLATE "C" FROM kw WHERE user_id = u
			AND body OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY[keyword]) ORDER BY 1) AS expected OFFSET 0) AS e};
my $right = '40|t|0';

sub is_right
{
	my ($where, $what, $db) = @_;
	is($where->safe_psql($db // 'postgres', $verdict), $right, $what);
	return;
}

$node->safe_psql('postgres', q{
	CREATE TABLE kw (id bigserial PRIMARY KEY, user_id int, keyword text);
	CREATE INDEX ON kw (user_id);
	INSERT INTO kw (user_id, keyword) SELECT n % 30, 'w' || n FROM generate_series(1, 300) AS n;
	SELECT filteropt.keyword_attach('kw', 'user_id', 'keyword')});
is_right($node, 'attached');

# 1. Hot standby: a session that has sets loaded follows what is replayed.
my $reader = $standby->background_psql('postgres');
$node->wait_for_catchup($standby);
is_right($standby, 'standby: right');
is($reader->query("SELECT filteropt.keyword_match('kw', 1, 'w1 w31 x')"), '{w1,w31}', 'standby: loaded');
$node->safe_psql('postgres', q{
	INSERT INTO kw (user_id, keyword) VALUES (1, 'x');
	DELETE FROM kw WHERE user_id = 2;
	UPDATE kw SET user_id = user_id + 5 WHERE user_id > 25;
	VACUUM kw});
$node->wait_for_catchup($standby);
is($reader->query("SELECT filteropt.keyword_match('kw', 1, 'w1 w31 x')"), '{w1,w31,x}', 'standby: the same session sees the change');
is_right($standby, 'standby: right after changes');
$node->safe_psql('postgres', q{VACUUM FULL filteropt.keywords_kw; INSERT INTO kw (user_id, keyword) VALUES (1, 'moved')});
$node->wait_for_catchup($standby);
is($reader->query("SELECT filteropt.keyword_match('kw', 1, 'w1 x moved')"), '{moved,w1,x}', 'standby: after VACUUM FULL of the sets');
like(FilteroptTest::error_of($standby, "SELECT filteropt.keyword_rebuild('kw')"), qr/^25006|^55000/, 'standby: writing is refused');
$reader->quit;

# 2. Crash: what was committed is right, what was not is gone.
my $open = $node->background_psql('postgres');
$open->query_safe("BEGIN; DELETE FROM kw WHERE user_id = 3; INSERT INTO kw (user_id, keyword) VALUES (4, 'moved')");
$node->safe_psql('postgres', "INSERT INTO kw (user_id, keyword) VALUES (5, 'moved')");
$node->stop('immediate');
$open->{run}->finish if $open->{run};
$node->start;
is_right($node, 'crash: right');
is($node->safe_psql('postgres', "SELECT filteropt.keyword_match('kw', 5, 'moved'), filteropt.keyword_match('kw', 4, 'moved')"),
	'{moved}|{}', 'crash: the committed change is there, the open one is not');
my $victim = $node->background_psql('postgres');
my $victim_pid = $victim->query_safe('SELECT pg_backend_pid()');
$victim->query_safe("BEGIN; INSERT INTO kw (user_id, keyword) VALUES (6, 'moved')");
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
my $logged = -s $node->logfile;
is(kill('KILL', $victim_pid), 1, 'a backend is killed with kill -9');
# Only then does the server accept connections that stay.
$node->wait_for_log(qr/reinitializing/, $logged);
$node->poll_query_until('postgres', "SELECT true") or die 'the server did not come back';
is_right($node, 'kill -9: right');

# 3. Many writers at once, at every isolation level, some of them failing; the
# owners are few, so that they meet.
my $script = PostgreSQL::Test::Utils::tempdir() . '/writers.sql';
append_to_file($script, <<'SQL');
\set u random(1, 8)
\set v random(1, 8)
\set n random(1, 400)
\set level random(1, :levels)
SELECT CASE :level WHEN 1 THEN 'READ COMMITTED' WHEN 2 THEN 'REPEATABLE READ' ELSE 'SERIALIZABLE' END AS isolation \gset
BEGIN ISOLATION LEVEL :isolation;
INSERT INTO kw (user_id, keyword) VALUES (:u, 'w' || :n);
SAVEPOINT s;
DELETE FROM kw WHERE id = (SELECT min(id) FROM kw WHERE user_id = :v);
ROLLBACK TO s;
DELETE FROM kw WHERE id = (SELECT max(id) - :n % 7 FROM kw WHERE user_id = :v);
END;
SQL
# The pgbench of 14 cannot try again what fails to serialize.
my @levels = $node->pg_version < 15 ? ('-D', 'levels=1') : ('-D', 'levels=3', '--max-tries=100');
$node->command_ok(
	[ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '60', @levels, '-f', $script, $node->connstr('postgres') ],
	'eight writers');
is_right($node, 'writers: right');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM (
			(SELECT user_id, array_agg(DISTINCT keyword COLLATE "C" ORDER BY keyword COLLATE "C") FROM kw GROUP BY 1
			 EXCEPT ALL
			 SELECT owner, ARRAY(SELECT jsonb_array_elements_text(compiled::text::jsonb->'keywords')) FROM filteropt.keywords_kw)
			UNION ALL
			(SELECT owner, ARRAY(SELECT jsonb_array_elements_text(compiled::text::jsonb->'keywords')) FROM filteropt.keywords_kw
			 EXCEPT ALL
			 SELECT user_id, array_agg(DISTINCT keyword COLLATE "C" ORDER BY keyword COLLATE "C") FROM kw GROUP BY 1)) AS d}),
	'0', 'writers: the stored sets have the keywords of the table, no more and no less');

# 4. Two-phase commit.
$node->safe_psql('postgres', q{BEGIN; INSERT INTO kw (user_id, keyword) VALUES (31, 'w9'); PREPARE TRANSACTION 'p1';
	BEGIN; INSERT INTO kw (user_id, keyword) VALUES (39, 'w9'); PREPARE TRANSACTION 'p2'});
is_right($node, 'prepared: right');
$node->restart;
$node->safe_psql('postgres', q{COMMIT PREPARED 'p1'; ROLLBACK PREPARED 'p2'});
is_right($node, 'prepared and committed after a restart: right');
is($node->safe_psql('postgres', "SELECT filteropt.keyword_match('kw', 31, 'w9'), filteropt.keyword_match('kw', 39, 'w9')"), '{w9}|{}', 'each as it ended');

# 5. Dump and restore: whole, in two steps, and of data alone.
my $dir = PostgreSQL::Test::Utils::tempdir();
sub dump_to
{
	my ($name, @options) = @_;
	$node->command_ok([ 'pg_dump', '-Fc', @options, '-f', "$dir/$name", '-d', $node->connstr('postgres') ], "dump $name");
	return;
}
my $parts_verdict = q{SELECT keyword_match('parts', 1, w), keyword_match('parts', 2, w), keyword_match('parts', 5, w)
	FROM (VALUES ('a1 a2 a3 a5')) AS texts (w)} =~ s/keyword_match/filteropt.keyword_match/gr;
sub restore_from
{
	my ($db, @files) = @_;
	$other->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', $other->connstr($db), "$dir/$_" ], "restore $_ into $db") for @files;
	is_right($other, "$db: right", $db);
	is($other->safe_psql($db, $parts_verdict), '{a1}|{}|{}', "$db: the partitioned table is right");
	$other->safe_psql($db, q{TRUNCATE parts_1; INSERT INTO parts VALUES (2, 'a2'); ALTER TABLE zz.parts_3 RENAME TO parts_4;
		CREATE TABLE parts_5 PARTITION OF parts FOR VALUES IN (5); INSERT INTO parts_5 VALUES (5, 'a5'); TRUNCATE zz.parts_4});
	is($other->safe_psql($db, $parts_verdict), '{}|{a2}|{a5}', "$db: the partitioned table is right after changes");
	$other->safe_psql($db, q{INSERT INTO kw (user_id, keyword) VALUES (1, 'added'), (40, 'moved'); DELETE FROM kw WHERE user_id = 7});
	is_right($other, "$db: right after changes", $db);
	is( $other->safe_psql($db, q{BEGIN; DROP TABLE kw, parts; SELECT count(*) FROM pg_class WHERE relname LIKE 'keywords\_%' AND relkind = 'r'; ROLLBACK}),
		'0', "$db: the sets go with the tables");
	is($other->safe_psql($db, 'SELECT count(*) FROM filteropt.keyword_sources WHERE store IS NOT NULL'), '2', "$db: listed");
	return;
}
# Partitions in other schemas and of other names, so that their triggers come in any order.
$node->safe_psql('postgres', q{
	CREATE SCHEMA aa; CREATE SCHEMA zz;
	CREATE TABLE parts (u int, k text) PARTITION BY LIST (u);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE aa.parts_2 PARTITION OF parts FOR VALUES IN (2);
	CREATE TABLE zz.parts_3 PARTITION OF parts FOR VALUES IN (3);
	INSERT INTO parts VALUES (1, 'a1'), (3, 'a3');
	SELECT filteropt.keyword_attach('parts', 'u', 'k')});
dump_to('whole');
dump_to('schema', '--schema-only');
dump_to('data', '--data-only');
restore_from('whole_dump', 'whole');
restore_from('two_steps', 'schema', 'data');
$other->safe_psql('whole_dump', 'TRUNCATE kw');
$other->command_ok([ 'pg_restore', '--data-only', '-t', 'kw', '-d', $other->connstr('whole_dump'), "$dir/data" ], 'data of the table alone');
is_right($other, 'data of the table alone: right', 'whole_dump');
$other->safe_psql('whole_dump', 'SELECT filteropt.keyword_detach(\'kw\')');
is($other->safe_psql('whole_dump', q{SELECT to_regclass('filteropt.keywords_kw') IS NULL}), 't', 'a restored source can be detached');
# A dump of the table alone has its triggers, but no sets: matching says what to do.
$node->command_ok([ 'pg_dump', '-Fc', '-t', 'kw', '-t', 'parts*', '-t', 'aa.*', '-t', 'zz.*', '-f', "$dir/alone", '-d', $node->connstr('postgres') ], 'dump of the tables alone');
$other->safe_psql('postgres', 'CREATE DATABASE alone TEMPLATE template0');
$other->safe_psql('alone', 'CREATE EXTENSION filteropt; CREATE SCHEMA aa; CREATE SCHEMA zz');
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', $other->connstr('alone'), "$dir/alone" ], 'restore of the tables alone');
is( FilteroptTest::error_of($other, "SELECT filteropt.keyword_match('kw', 1, 'x')", 'alone'),
	"42P01: table filteropt.keywords_kw with the compiled keywords of \"kw\" is missing\n"
	  . 'HINT:  Call filteropt.keyword_rebuild() to have them compiled anew.', 'tables alone: sets are missing');
$other->safe_psql('alone', q{SELECT filteropt.keyword_rebuild('kw'), filteropt.keyword_rebuild('parts')});
is_right($other, 'tables alone: right once compiled', 'alone');
is($other->safe_psql('alone', $parts_verdict), '{a1}|{}|{}', 'tables alone: the partitioned table is right');
$other->safe_psql('alone', q{INSERT INTO kw (user_id, keyword) VALUES (1, 'moved'); DROP TABLE parts_1, zz.parts_3});
is_right($other, 'tables alone: right after changes', 'alone');
is($other->safe_psql('alone', $parts_verdict), '{}|{}|{}', 'tables alone: the partitioned table is right after changes');
is( $other->safe_psql('alone', q{BEGIN; DROP TABLE kw, parts; SELECT count(*) FROM pg_class WHERE relname LIKE 'keywords\_%' AND relkind = 'r'; ROLLBACK}),
	'0', 'tables alone: the sets go with the tables');

# 6. Logical replication: rows that are applied count.
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE kw');
$other->safe_psql('postgres', q{CREATE TABLE kw (id bigint PRIMARY KEY, user_id int, keyword text); CREATE INDEX ON kw (user_id);
	SELECT filteropt.keyword_attach('kw', 'user_id', 'keyword')});
my $source = $node->connstr('postgres') =~ s{'}{''}gr;
$other->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$source' PUBLICATION p");
$other->wait_for_subscription_sync($node, 's');
is_right($other, 'subscriber: right after the first copy');
$node->safe_psql('postgres', q{INSERT INTO kw (user_id, keyword) VALUES (33, 'moved'); DELETE FROM kw WHERE user_id = 8; UPDATE kw SET keyword = 'x' WHERE user_id = 9});
$node->wait_for_catchup('s');
is_right($other, 'subscriber: right after changes');
is($other->safe_psql('postgres', "SELECT filteropt.keyword_match('kw', 33, 'moved'), filteropt.keyword_match('kw', 9, 'x')"), '{moved}|{x}', 'subscriber: as applied');
$node->safe_psql('postgres', q{TRUNCATE kw; INSERT INTO kw (user_id, keyword) VALUES (1, 'x')});
$node->wait_for_catchup('s');
is($other->safe_psql('postgres', $verdict), $right, 'subscriber: right after TRUNCATE');
$other->safe_psql('postgres', 'DROP SUBSCRIPTION s');

# 7. Dropping: what hangs on the extension is named, and goes with CASCADE.
like(FilteroptTest::error_of($node, 'DROP EXTENSION filteropt'), qr/^2BP01: cannot drop extension filteropt/, 'DROP EXTENSION refuses while a table is attached');
$node->safe_psql('postgres', 'DROP EXTENSION filteropt CASCADE; INSERT INTO kw (user_id, keyword) VALUES (1, \'y\')');
is($node->safe_psql('postgres', 'SELECT count(*) FROM kw'), '2', 'the table outlives the extension');

$standby->stop;
$node->stop;
$other->stop;
done_testing();
