# index_advise and gram_ops in databases that are not UTF-8, and with a query of a megabyte;
# and what a dump and the end of the extension make of an index with gram_ops.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('encodings', conf => "autovacuum = off\n");

foreach my $encoding (qw(LATIN1 SQL_ASCII UTF8))
{
	$node->safe_psql('postgres', "CREATE DATABASE $encoding TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	my $sql = sub { $node->safe_psql(lc $encoding, "SET client_encoding = '$encoding'; SET client_min_messages = warning; $_[0]") };
	# A u with two dots: a byte in LATIN1, and for SQL_ASCII any bytes.
	my $letter = $encoding eq 'UTF8' ? "\xc3\xbc" : "\xfc";

	$sql->(qq{CREATE EXTENSION filteropt;
		CREATE TABLE t AS SELECT i AS id, 'B' || '$letter' || 'ro ' || i AS title, repeat('x', 100) AS filler FROM generate_series(1, 20000) i});
	$sql->('VACUUM ANALYZE t');
	is($sql->(qq{SELECT ddl FROM filteropt.index_advise(ARRAY['SELECT filler FROM t WHERE title = ''B${letter}ro 7'''])}),
		'CREATE INDEX ON public.t (title)', "$encoding: equality");
	is($sql->(qq{SELECT ddl FROM filteropt.index_advise(ARRAY['SELECT * FROM t WHERE title ILIKE ''%b${letter}RO 77%'''])}),
		'CREATE INDEX ON public.t USING gin (title filteropt.gram_ops (buckets=128))', "$encoding: a search");
	$sql->('CREATE INDEX ON t USING gin (title filteropt.gram_ops (buckets=128))');
	is($sql->(qq{SET enable_seqscan = off; SELECT count(*) FROM t WHERE title ILIKE '%b${letter}RO 77%'}),
		$sql->(qq{SET enable_bitmapscan = off; SELECT count(*) FROM t WHERE title ILIKE '%b${letter}RO 77%'}), "$encoding: by the index as without");
	is($sql->(qq{SELECT reason LIKE 'skipped: %' FROM filteropt.index_advise(ARRAY['SELECT ''$letter'])}), 't', "$encoding: one that cannot be parsed");
}

my $long = q{repeat(' ', 500000) || 'SELECT filler FROM t WHERE id = 7 OR id IN (' || (SELECT string_agg(i::text, ',') FROM generate_series(1, 100000) i) || ')'};
is($node->safe_psql('utf8', "SELECT length($long) > 1000000"), 't', 'a query of a megabyte');
is($node->safe_psql('utf8', "SELECT count(*) FROM filteropt.index_advise(ARRAY[$long])"), '0', 'is looked at, and no index helps one that wants all rows');
is($node->safe_psql('utf8', "SELECT reason LIKE 'skipped: syntax error%' FROM filteropt.index_advise(ARRAY[repeat('(', 1000) || repeat('x', 1000000)])"), 't', 'one that is no query is skipped');

# A dump has the index, and the extension does not go without it.
my $dump = $node->basedir . '/utf8.sql';
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('utf8') ], 'a dump');
$node->safe_psql('postgres', q{CREATE DATABASE restored TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'is restored');
my $restored = sub { $node->safe_psql('restored', $_[0]) };
is($restored->(q{SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index WHERE indrelid = 't'::regclass}),
	q{CREATE INDEX t_title_idx ON public.t USING gin (title filteropt.gram_ops (buckets='128'))|t}, 'with the index and its option');
my $search = q{SELECT count(*), min(id), max(id) FROM t WHERE title ILIKE '%ro 77%'};
like($restored->("SET enable_seqscan = off; EXPLAIN $search"), qr/Bitmap Index Scan on t_title_idx/, 'which is used');
is($restored->("SET enable_seqscan = off; $search"), $restored->("SET enable_bitmapscan = off; $search"), 'and right');
like(FilteroptTest::error_of($node, 'DROP EXTENSION filteropt', 'restored'), qr/^2BP01: cannot drop extension filteropt because other objects depend on it/, 'the extension is needed');
$restored->('DROP INDEX t_title_idx; DROP EXTENSION filteropt');
is($restored->('SELECT count(*) FROM t'), '20000', 'and goes when it is not');

$node->stop;
done_testing();
