# index_health with what pg_stat_statements knows: indexes that keep updates
# from being heap-only; index_impact by statement.

use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('health',
	conf => "shared_preload_libraries = 'pg_stat_statements'\nautovacuum = off\n");
plan skip_all => 'pg_stat_statements is not there'
  if $node->psql('postgres', 'CREATE EXTENSION pg_stat_statements');

# Each table has 1000 updates of one column, and the index that is named.
my @cases = (
	[ 'moved', 'CREATE INDEX %I ON %I (seen)', 'seen = seen + 1', 'never HOT' ],
	[ 'in_predicate', 'CREATE INDEX %I ON %I (a) WHERE seen > 0', 'seen = seen + 1', 'never HOT' ],
	[ 'in_expression', 'CREATE INDEX %I ON %I ((seen + 1))', 'seen = seen + 1', 'never HOT' ],
	[ 'included', 'CREATE INDEX %I ON %I (a) INCLUDE (seen)', 'a = 1, seen = seen + 1', 'never HOT' ],
	[ 'elsewhere', 'CREATE INDEX %I ON %I (a)', 'seen = seen + 1', undef ],
	[ 'same_value', 'CREATE INDEX %I ON %I (seen)', 'seen = seen', undef ],
	[ 'other_predicate', 'CREATE INDEX %I ON %I (a) WHERE b > 0', 'seen = seen + 1', undef ]);
for my $case (@cases)
{
	my ($name, $index, $set) = @$case;
	$node->safe_psql('postgres', qq{
		CREATE TABLE $name (id int PRIMARY KEY, a int, b int, seen int) WITH (fillfactor = 10);
		INSERT INTO $name SELECT i, 0, 1, 0 FROM generate_series(1, 1000) i;
		SELECT format('$index', '${name}_index', '$name') \\gexec
		UPDATE $name SET $set;
		UPDATE $name SET $set WHERE id > 500;});
}
$node->poll_query_until('postgres', q{SELECT count(*) = 7 FROM pg_stat_user_tables WHERE n_tup_upd = 1500})
  or die 'the counters did not arrive';
my $expected = join "\n", sort map { "$_->[0]_index|$_->[3]" } grep { defined $_->[3] } @cases;
my $found = q{SELECT index, kind FROM filteropt.index_health() WHERE kind = 'never HOT' ORDER BY index::text};
is($node->safe_psql('postgres', $found), $expected, 'indexes that keep updates from being heap-only');
is($node->safe_psql('postgres', q{SELECT fix, evidence ->> 'updated_columns' FROM filteropt.index_health()
		WHERE index = 'moved_index'::regclass AND kind = 'never HOT'}),
	'DROP INDEX CONCURRENTLY public.moved_index|{"seen": 1500}', 'one that nothing scans can go');

# Who may not read the statements sees none of it, and no error.
$node->safe_psql('postgres', 'CREATE ROLE visitor; CREATE ROLE monitor IN ROLE pg_monitor');
is($node->safe_psql('postgres', "SET ROLE visitor;\n$found"), '', 'a visitor sees no statements');
is($node->safe_psql('postgres', "SET ROLE monitor;\n$found"), $expected, 'a monitor does');

# Before and after an index, by statement.
$node->safe_psql('postgres', q{
	CREATE TABLE posts AS SELECT i AS id, i % 1000 AS author FROM generate_series(1, 50000) i;
	ANALYZE posts});
my $query = "SELECT count(*) FROM posts WHERE author = 7;\n" x 5;
$node->safe_psql('postgres', $query);
$node->safe_psql('postgres', q{CALL filteropt.index_apply('create index on posts (author)')});
$node->safe_psql('postgres', $query);
is( $node->safe_psql('postgres', q{
	SELECT subject, evidence ->> 'calls_before', evidence ->> 'calls_after',
		(evidence ->> 'blocks_per_call_after')::int < (evidence ->> 'blocks_per_call_before')::int, after > 0, undo
	FROM filteropt.index_impact() WHERE measure = 'ms per call' AND subject LIKE 'SELECT count%'}),
	'SELECT count(*) FROM posts WHERE author = $1|5|5|t|t|DROP INDEX CONCURRENTLY public.posts_author_idx',
	'calls before and after');
$node->poll_query_until('postgres', q{SELECT after = 5 FROM filteropt.index_impact() WHERE measure = 'scans of the index'})
  or die 'the scans did not arrive';
$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
$node->safe_psql('postgres', "SELECT count(*) FROM posts WHERE author = 7;\n" x 3);
is($node->safe_psql('postgres', q{SELECT evidence ->> 'calls_after' FROM filteropt.index_impact()
		WHERE measure = 'ms per call' AND subject LIKE 'SELECT count%'}),
	'3', 'a reset of the statements begins anew');

# It waits for no lock, and says nothing of a table that is being dropped.
$node->safe_psql('postgres', q{CREATE TABLE doomed (a int, b text);
	CREATE INDEX doomed_first ON doomed (a) WHERE b IS NULL; CREATE INDEX doomed_second ON doomed (a) WHERE b IS NULL;
	CREATE INDEX doomed_third ON doomed (lower(b)); CREATE INDEX doomed_fourth ON doomed (lower(b))});
my $doomed = "SELECT count(*) FROM filteropt.index_health() WHERE kind = 'duplicate' AND relation::text = 'doomed'";
is($node->safe_psql('postgres', $doomed), '2', 'duplicates');
my $dropper = $node->background_psql('postgres');
$dropper->query_safe('BEGIN; DROP TABLE doomed');
is($node->safe_psql('postgres', "SET lock_timeout = '5s'; $doomed"), '0', 'while the table is being dropped');
$dropper->query_safe('ROLLBACK');
$dropper->quit;
is($node->safe_psql('postgres', $doomed), '2', 'and when it was not');

# Created and not preloaded: as if it were not there.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is($node->safe_psql('postgres', $found), '', 'pg_stat_statements that is not preloaded is no error');

$node->stop;
done_testing();
