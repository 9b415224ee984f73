# The extension can be created, dropped and created again, preloaded or not,
# and refuses to live in another schema than its own.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($version) =
  slurp_file('filteropt.control') =~ /^default_version = '(.+)'$/m;

for my $preload (0, 1)
{
	my $how = $preload ? 'preloaded' : 'not preloaded';
	my $node = FilteroptTest::new_node("preload_$preload", preload => $preload);

	is( $node->safe_psql(
			'postgres', q{
			DROP EXTENSION filteropt;
			CREATE EXTENSION filteropt;
			LOAD '$libdir/filteropt';
			SELECT extnamespace::regnamespace FROM pg_extension
				WHERE extname = 'filteropt'}),
		'filteropt',
		"$how: created, dropped and created in its schema");
	is( $node->safe_psql(
			'postgres',
			"SELECT extversion FROM pg_extension WHERE extname = 'filteropt'"),
		$version,
		"$how: the version is the control file's");
	like(
		FilteroptTest::error_of(
			$node, 'CREATE SCHEMA other; DROP EXTENSION filteropt;
				CREATE EXTENSION filteropt SCHEMA other'),
		qr/^0A000: extension "filteropt" must be installed in schema "filteropt"/,
		"$how: another schema is refused");
	$node->stop;
}

done_testing();
