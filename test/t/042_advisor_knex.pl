# N+1 loops and what only looks like one, through knex and pg, whose packages are those of
# examples/express-knex.
use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $packages = 'examples/express-knex';
my $dir = PostgreSQL::Test::Utils::tempdir();

# Fetch the packages into a directory of our own; the reason if that fails.
sub fetch_packages
{
	return "there is no $packages/package-lock.json" unless -e "$packages/package-lock.json";
	copy("$packages/$_", "$dir/$_") or return "cannot copy $_: $!" for qw(package.json package-lock.json);
	my $log = "$dir/npm.log";
	return if system("cd '$dir' && npm ci --omit=dev --no-audit --no-fund --loglevel=error >'$log' 2>&1") == 0;
	return 'npm could not fetch the packages: ' . slurp_file($log);
}

my $reason = fetch_packages();
if (defined $reason)
{
	diag("SKIPPED, loops of knex are NOT tested: $reason");
	plan skip_all => $reason =~ s/\n.*//sr;
}
copy('test/t/nplus_replay.mjs', "$dir/nplus_replay.mjs") or die "cannot copy: $!";

my $node = FilteroptTest::new_node('knex', preload => 1);
$node->safe_psql('postgres', q{
	CREATE TABLE users (id int PRIMARY KEY, name text);
	CREATE TABLE orders (id bigint PRIMARY KEY, user_id int REFERENCES users, total int);
	CREATE TABLE items (order_id bigint REFERENCES orders, line int, what text);
	CREATE TABLE accounts (number uuid PRIMARY KEY, email text);
	CREATE TABLE logins (account uuid, at timestamptz);
	CREATE TABLE numbers (n int PRIMARY KEY, word text);
	INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 60) i;
	INSERT INTO orders SELECT i, 1 + i * 7 % 60, i FROM generate_series(1, 300) i;
	INSERT INTO items SELECT 1 + i % 300, i, 'thing' FROM generate_series(1, 600) i;
	INSERT INTO accounts SELECT md5(i::text)::uuid, i || '@x.org' FROM generate_series(1, 40) i;
	INSERT INTO logins SELECT md5((1 + i % 40)::text)::uuid, now() FROM generate_series(1, 200) i;
	INSERT INTO numbers SELECT i, 'word ' || i FROM generate_series(1, 2000) i;
});

local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
my ($out, $err) = run_command([ 'node', "$dir/nplus_replay.mjs" ]);
is($err, '', 'the replay runs');
is("$out\n" =~ s/ $//gmr, <<'END', 'the loops and nothing else are reported');
where in a loop: id|user_id|12
first of each in a loop: user_id|id|12
Promise.all over a map: id|user_id|12
in a transaction: id|user_id|12
bigint keys, which are strings here: id|order_id|12
uuid keys: number|account|12
knex.raw with a binding: id|user_id|12
a named statement of pg: id|user_id|12
interpolated text: id|user_id|12
no: whereIn:
no: = ANY of an array:
no: a join:
no: requests, one user and its orders:
no: pages by keyset:
no: keys from elsewhere:
no: numbers that nothing relates:
no: inserts:
END
$node->stop;
done_testing();
