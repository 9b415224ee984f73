# examples/express-knex: the classic server and the filteropt one are asked the same by its own
# tests, and its page is looked at in Chromium.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# with-servers: the packages cannot be had.
use constant EX_UNAVAILABLE => 69;

my $node = FilteroptTest::new_node('express', preload => 1, create => 0);
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
$ENV{PGDATABASE} = 'postgres';

my ($out, $err) = ('', '');
IPC::Run::run(
	[ 'sh', '-c', 'cd examples/express-knex && exec ./with-servers node --test --test-reporter=tap test/*.test.js' ],
	'>', \$out, '2>', \$err);
my $status = $? >> 8;
if ($status == EX_UNAVAILABLE)
{
	diag("SKIPPED, the example is NOT tested: $err");
	plan skip_all => 'npm could not fetch the packages of examples/express-knex';
}

# Node's tests are ours: those that have none of their own under them.
my $results = 0;
while ($out =~ /^ *(not )?ok \d+ - (.*?)(?: # SKIP(.*))?$/mg)
{
	my ($failed, $name, $skipped) = ($1, $2, $3);
	next if $name =~ /\.test\.js$/;
	$results++;
  SKIP:
	{
		skip "$name:$skipped", 1 if defined $skipped;
		ok(!$failed, $name);
	}
}
cmp_ok($results, '>', 0, 'there were tests');
is($status, 0, 'all of them passed') or diag($out, $err);
is($err, '', 'the servers had nothing to complain about');
$node->stop;
done_testing();
