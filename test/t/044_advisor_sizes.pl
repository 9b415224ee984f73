# The sizes that index_advise estimates beside those of the same indexes when they are built: of
# every candidate that it thinks of, which it tells at client_min_messages = debug1.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('sizes', conf => "autovacuum = off\n");

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trgm;
	CREATE TABLE t AS SELECT i AS uniq, i % 1000 AS few, (i * 7919::bigint % 30000)::int AS mid, i % 10 = 0 AS flag,
		md5(i::text) AS hash, 'Brand#' || i % 25 AS brand, ('Brand#' || i % 25)::char(10) AS padded,
		CASE WHEN i % 3 > 0 THEN i % 5000 END AS hole, ARRAY['t' || i % 500, 'u' || i % 700] AS tags,
		jsonb_build_object('a', i % 300, 'b', i % 7) AS doc, '2024-01-01'::timestamptz + i * interval '1 minute' AS at,
		(ARRAY['the quick', 'brown fox', 'jumps', 'over lazy', 'dogs and', 'cats'])[1 + i % 6] || ' ' || i % 9000 AS title,
		repeat('x', 200) AS filler
		FROM generate_series(1, 50000) i;
	ALTER TABLE t ADD words tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED;
	VACUUM FULL ANALYZE t});

# What each query makes candidates of, and the factor that estimates are within.
my @cases = (
	[ 'int, unique', 'SELECT filler FROM t WHERE uniq = 7', 1.15 ],
	[ 'int, many duplicates', 'SELECT filler FROM t WHERE few = 7', 1.15 ],
	[ 'int, some duplicates', 'SELECT filler FROM t WHERE mid = 7', 1.25 ],
	[ 'two columns', 'SELECT filler FROM t WHERE few = 7 ORDER BY uniq LIMIT 5', 1.15 ],
	[ 'nulls', 'SELECT filler FROM t WHERE hole = 7', 1.15 ],
	[ 'only nulls', 'SELECT filler FROM t WHERE hole IS NULL ORDER BY uniq LIMIT 5', 1.15 ],
	[ 'text, unique', q{SELECT filler FROM t WHERE hash = 'x'}, 1.15 ],
	[ 'text, many duplicates', q{SELECT filler FROM t WHERE brand = 'Brand#7' AND uniq < 9}, 1.15 ],
	[ 'char(n), many duplicates', q{SELECT filler FROM t WHERE padded = 'Brand#7'}, 1.15 ],
	[ 'expression', q{SELECT filler FROM t WHERE lower(hash) = 'x'}, 1.15 ],
	[ 'INCLUDE', 'SELECT uniq, hash FROM t WHERE few = 7', 1.15 ],
	[ 'partial', 'SELECT filler FROM t WHERE flag AND uniq < 700', 1.15 ],
	[ 'BRIN', q{SELECT filler FROM t WHERE at > '2024-02-01' AND at < '2024-02-03'}, 1.15 ],
	[ 'GIN over arrays', q{SELECT filler FROM t WHERE tags @> ARRAY['t7']}, 1.3 ],
	[ 'GIN over jsonb', q{SELECT filler FROM t WHERE doc @> '{"a": 7}'}, 1.3 ],
	[ 'GIN over tsvector', q{SELECT filler FROM t WHERE words @@ 'jumps & 77'}, 2.5 ],
	[ 'GIN over grams, hexadecimal', q{SELECT filler FROM t WHERE hash ILIKE '%abcdef%'}, 1.3 ],
	[ 'GIN over grams, words', q{SELECT filler FROM t WHERE title ILIKE '%fox 77%'}, 1.3 ]);

foreach my $case (@cases)
{
	my ($name, $query, $factor) = @$case;
	my ($out, $err);
	my $worst = 1;
	my $what = 'nothing';

	$query =~ s/'/''/g;
	$node->psql('postgres', "SET client_min_messages = debug1; SELECT FROM filteropt.index_advise(ARRAY['$query'])",
		stderr => \$err);
	my %estimated;
	$estimated{$2} //= $1 while $err =~ /(\d+) bytes are estimated for (CREATE INDEX .*)/g;
	foreach my $ddl (sort keys %estimated)
	{
		my $made = $ddl =~ s/INDEX ON/INDEX made ON/r;
		my $real = $node->safe_psql('postgres', "BEGIN; $made; SELECT pg_relation_size('made'); ROLLBACK");
		# Two pages are no matter.
		my $apart = abs($estimated{$ddl} - $real) <= 16384 ? 1 : $estimated{$ddl} / $real;
		$apart = 1 / $apart if $apart < 1;
		($worst, $what) = ($apart, "$ddl: $estimated{$ddl}, really $real") if $apart > $worst;
	}
	ok(%estimated && $worst <= $factor, "$name: " . keys(%estimated) . " sizes within a factor of $factor")
		or diag($what);
}
$node->stop;
done_testing();
