# The watch beside pg_stat_statements and auto_explain, before them and behind them: results
# are those of a server without any of it, counts are exact, and the same loops are found,
# whatever ends an execution, nests it, suspends it or is in its text.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Test::More;

my $libraries = `pg_config --pkglibdir` =~ s/\n//r;
my @neighbours = grep { -e "$libraries/$_.so" } qw(pg_stat_statements auto_explain);
plan skip_all => 'neither pg_stat_statements nor auto_explain is there' unless @neighbours;
note "beside @neighbours";
my $neighbours = join ', ', @neighbours;
my $statements = grep { $_ eq 'pg_stat_statements' } @neighbours;
my %preloaded = (
	none => '',
	first => "\$libdir/filteropt, $neighbours",
	last => "$neighbours, \$libdir/filteropt");

# What counts can be compared of: each query is run twice or more in its session.
my $setup = q{
	CREATE TABLE parent (id int PRIMARY KEY, name text);
	CREATE TABLE child (parent_id int REFERENCES parent, word text);
	INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 2000) i;
	INSERT INTO child SELECT 1 + i % 50, 'w' || i FROM generate_series(1, 500) i;
	ANALYZE parent, child;
	CREATE FUNCTION inner_count(n int) RETURNS bigint LANGUAGE plpgsql AS $$
	BEGIN RETURN (SELECT count(*) FROM child WHERE parent_id = n); END $$;
	CREATE FUNCTION failing(n int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM name FROM parent WHERE id = n;
		PERFORM 1 / (n - n);
		RETURN 0;
	EXCEPTION WHEN division_by_zero THEN
		RETURN (SELECT count(*) FROM parent WHERE id < n);
	END $$};
my $loop = "SELECT id, name FROM parent ORDER BY id LIMIT 10;\n"
  . join '', map { "SELECT word FROM child WHERE parent_id = $_;\n" } 1 .. 10;

# Sessions: a name, statements, and for queries in advisor_queries() their calls.
my @sessions = (
	[ 'plain', "SELECT name FROM parent WHERE id = 7;\nSELECT name FROM parent WHERE id = 8;\n",
		{ 'SELECT name FROM parent WHERE id = $1' => 2 } ],
	[ 'a query that fails', "SELECT id / 0 AS broken FROM parent;\n" x 3 . "SELECT 2 AS after;\n" x 2,
		{ 'SELECT id / $1 AS broken FROM parent' => undef, 'SELECT $1 AS after' => 2 } ],
	[ 'a query that is cancelled',
		"SET statement_timeout = '20ms';\n" . "SELECT pg_sleep(60) AS cancelled;\n" x 2 . "RESET statement_timeout;\nSELECT 3 AS after_cancel;\n" x 2,
		{ 'SELECT pg_sleep($1) AS cancelled' => undef, 'SELECT $1 AS after_cancel' => 2 } ],
	[ 'nested in PL/pgSQL', "SELECT inner_count(i) AS nested FROM generate_series(1, 6) i;\n" x 2,
		{ 'SELECT inner_count(i) AS nested FROM generate_series($1, $2) i' => 2,
			'(SELECT count(*) FROM child WHERE parent_id = $1)' => 12 } ],
	[ 'errors that are caught', "SELECT failing(i) AS caught FROM generate_series(1, 5) i;\n" x 2,
		{ 'SELECT failing(i) AS caught FROM generate_series($1, $2) i' => 2 } ],
	[ 'parallel workers', "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;\n"
		  . "SET max_parallel_workers_per_gather = 2;\n" . "SELECT count(*) AS parallel FROM parent WHERE length(name) > 3;\n" x 3,
		{ 'SELECT count(*) AS parallel FROM parent WHERE length(name) > $1' => 3 } ],
	[ 'COPY', "COPY (SELECT word AS copied FROM child WHERE parent_id = 3 ORDER BY word) TO STDOUT;\n" x 2,
		{ 'SELECT word AS copied FROM child WHERE parent_id = $1 ORDER BY word' => 2 } ],
	[ 'cursors', "BEGIN; DECLARE c CURSOR FOR SELECT id AS fetched FROM parent ORDER BY id; FETCH 2 FROM c; FETCH 3 FROM c; MOVE 5 FROM c; FETCH 1 FROM c;"
		  . " DECLARE d CURSOR FOR SELECT word FROM child ORDER BY word; FETCH 1 FROM d; CLOSE c; FETCH 1 FROM d; COMMIT;\n" x 1, {} ],
	[ 'a cursor that is left open', "BEGIN; DECLARE e CURSOR FOR SELECT id FROM parent; FETCH 1 FROM e; COMMIT;\nBEGIN; DECLARE f CURSOR FOR SELECT 1 / 0; FETCH 1 FROM f;\nROLLBACK;\n", {} ],
	[ 'EXPLAIN ANALYZE', "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT name AS explained FROM parent WHERE id = 5;\n" x 2,
		{ 'SELECT name AS explained FROM parent WHERE id = $1' => 2 } ],
	[ 'EXPLAIN', "EXPLAIN (COSTS off) SELECT name AS only_explained FROM parent WHERE id = 5;\n" x 3,
		{ 'SELECT name AS only_explained FROM parent WHERE id = $1' => undef } ],
	[ 'DO', "DO \$\$ BEGIN FOR n IN 1 .. 5 LOOP PERFORM word AS done FROM child WHERE parent_id = 40; END LOOP; END \$\$;\n" x 2,
		{ 'SELECT word AS done FROM child WHERE parent_id = $1' => 10 } ],
	[ 'a text of 1 MB', ("SELECT length('" . 'x' x 1_000_000 . "') AS huge;\n") x 2 . ("SELECT 1 AS padded /* " . 'y' x 1_000_000 . " */;\n") x 2,
		{ 'SELECT $1 AS padded' => 2 } ],
	[ 'data changes', join('', map { "INSERT INTO child VALUES (50, 'new $_');\nUPDATE child SET word = 'changed' WHERE word = 'new $_';\n" } 1 .. 3) . "DELETE FROM child WHERE parent_id = 50 RETURNING 1;\n" x 2,
		{ 'INSERT INTO child VALUES ($1, $2)' => 3, 'UPDATE child SET word = $1 WHERE word = $2' => 3,
			'DELETE FROM child WHERE parent_id = $1 RETURNING $2' => 2 } ],
	[ 'a loop', $loop, { 'SELECT word FROM child WHERE parent_id = $1' => 10 } ]);

# Minimal client of the extended protocol: a portal that is suspended every few rows.
sub read_message
{
	my ($socket) = @_;
	read($socket, my $head, 5) == 5 or die 'the server has gone';
	my ($type, $len) = unpack 'aN', $head;
	my $body = '';
	read($socket, $body, $len - 4) == $len - 4 or die 'the server has gone' if $len > 4;
	return ($type, $body);
}

sub send_message { my ($socket, $type, $body) = @_; print {$socket} $type, pack('N', 4 + length $body), $body; return; }

# Run a query in portals of so many rows; "row row s row row s row C" with s for suspensions.
sub suspended
{
	my ($node, $query, $most, $fetches) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
	my $user = getpwuid $>;
	my $start = pack('N', 196608) . "user\0$user\0database\0postgres\0\0";
	print {$socket} pack('N', 4 + length $start), $start;
	$socket->flush;
	my ($type, $body);
	do { ($type, $body) = read_message($socket); die $body if $type eq 'E' } until $type eq 'Z';
	send_message($socket, 'P', "\0$query\0" . pack('n', 0));
	send_message($socket, 'B', "\0\0" . pack('nnn', 0, 0, 0));
	send_message($socket, 'E', "\0" . pack('N', $most)) for 1 .. $fetches;
	send_message($socket, 'S', '');
	$socket->flush;
	my @seen;
	while (1)
	{
		($type, $body) = read_message($socket);
		push @seen, substr($body, 6) if $type eq 'D';
		push @seen, $type if $type =~ /[sCE]/;
		last if $type eq 'Z';
	}
	send_message($socket, 'X', '');
	close $socket;
	return "@seen";
}

# The calls of a query, once as many are known as there should be: a session tells of the last
# ones as it ends, and psql does not wait for that.
sub calls_of
{
	my ($node, $query, $expected, $database) = @_;
	my $calls = "SELECT calls FROM filteropt.advisor_queries() WHERE query = '" . $query =~ s/'/''/gr . "'";
	$node->poll_query_until($database // 'postgres', "SELECT (SELECT coalesce(sum(calls), 0) FROM ($calls) AS c) >= $expected")
	  or diag("never $expected calls of $query");
	return $node->safe_psql($database // 'postgres', $calls);
}

# Databases whose encoding is not UTF-8, and clients with another one than the server.
sub encodings
{
	my ($node, $order) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $_ ENCODING '$_' LOCALE 'C' TEMPLATE template0") for qw(latin1 sql_ascii);
	$node->safe_psql($_, 'CREATE EXTENSION filteropt') for qw(latin1 sql_ascii);
	my ($e, $n) = ("\xe9", 'caf');

	# a client of LATIN1, a server of UTF8 or LATIN1: the text arrives converted
	for my $database (qw(postgres latin1))
	{
		local $ENV{PGCLIENTENCODING} = 'LATIN1';
		my $names = "CREATE TABLE \"${n}s$e\" (id int, \"n$e\" text); INSERT INTO \"${n}s$e\" SELECT i, 'v$e' || i * i FROM generate_series(1, 9) i; "
		  . "CREATE TABLE \"k$e\" AS SELECT \"n$e\" AS \"r$e\" FROM \"${n}s$e\";";
		$node->safe_psql($database, $names);
		$node->safe_psql($database, "SELECT id, \"n$e\" FROM \"${n}s$e\";\n" . join '', map { "SELECT 1 AS \"o$e\" FROM \"k$e\" WHERE \"r$e\" = 'v$e" . $_ * $_ . "';\n" } 1 .. 9);
		is(calls_of($node, "SELECT \$1 AS \"o$e\" FROM \"k$e\" WHERE \"r$e\" = \$2", 9, $database), 9, "$order, $database: a client of LATIN1");
		is($node->safe_psql($database, "SELECT parent_query, parent_column, child_column, calls FROM filteropt.n_plus_one WHERE child_query ~ '\"o$e\"'"),
			"SELECT id, \"n$e\" FROM \"${n}s$e\"|n$e|r$e|9", "$order, $database: and its loop");
		local $ENV{PGCLIENTENCODING} = 'UTF8';
		is($node->safe_psql($database, q{SELECT child_column FROM filteropt.n_plus_one WHERE child_query ~ '"o.+"'}), "r\xc3\xa9", "$order, $database: read by one of UTF8");
	}

	# any bytes at all; a text that is cut off
	local $ENV{PGCLIENTENCODING} = 'SQL_ASCII';
	$node->safe_psql('sql_ascii', "SELECT '\xff\xc3' AS \"\xfe\xe9\" /* \xff\xff */;\n" x 2);
	is(calls_of($node, "SELECT \$1 AS \"\xfe\xe9\"", 2, 'sql_ascii'), 2, "$order: bytes that are no characters");
	my $long = 'SELECT ' . join ', ', map { "'\xff' AS \"\xc3$_\"" } 1 .. 400;
	$node->safe_psql('sql_ascii', "$long;\n" x 2);
	ok($node->poll_query_until('sql_ascii', q{SELECT calls = 2 AND octet_length(query) = 2048 FROM filteropt.advisor_queries() WHERE truncated}), "$order: many of them, cut off");
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	$long = 'SELECT ' . join ', ', map { "1 AS \"\xe2\x82\xac$_\"" } 1 .. 400;
	$node->safe_psql('postgres', "$long;\n" x 2);
	ok($node->poll_query_until('postgres', q{SELECT calls = 2 AND octet_length(query) BETWEEN 2045 AND 2048 AND convert_from(convert_to(query, 'UTF8'), 'UTF8') = query
		FROM filteropt.advisor_queries() WHERE truncated AND query ~ U&'\20AC'}), "$order: characters, cut off between two");
	return;
}

my $loops = q{SELECT parent_query, child_query, parent_column, child_column, loops, calls, batch_query FROM filteropt.n_plus_one ORDER BY 1, 2};
my (%results, %loops);

for my $order (qw(none first last))
{
	my $node = FilteroptTest::new_node($order, create => $order ne 'none',
		conf => "shared_preload_libraries = '$preloaded{$order}'\nmax_connections = 20\nautovacuum = off\n"
		  . ($order eq 'none' ? '' : "pg_stat_statements.track = all\nauto_explain.log_min_duration = 0\nauto_explain.log_analyze = on\n"
			  . "auto_explain.log_nested_statements = on\nauto_explain.log_buffers = on\n"));
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements') if $statements && $order ne 'none';
	$node->safe_psql('postgres', $setup);
	for my $session (@sessions)
	{
		my ($name, $script, $counts) = @$session;
		my ($out, $err) = ('', '');
		$node->safe_psql('postgres', 'SELECT filteropt.slow_query_reset(); SELECT filteropt.n_plus_one_reset()'
			  . ($statements ? '; SELECT pg_stat_statements_reset()' : '')) if $order ne 'none';
		$node->psql('postgres', $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
		$err =~ s/^psql:<stdin>:\d+: //gm;
		$results{$name} //= "$out\n$err";
		next if $order eq 'none';
		is("$out\n$err", $results{$name}, "$order, $name: the same results");
		for my $query (sort keys %$counts)
		{
			my $literal = "'" . $query =~ s/'/''/gr . "'";
			is(calls_of($node, $query, $counts->{$query} // 0), $counts->{$query} // '', "$order, $name: counted exactly");
			# the neighbour's texts differ in constants of functions, so only those that it has are compared
			next unless $statements;
			my $theirs = $node->safe_psql('postgres', "SELECT sum(calls) FROM pg_stat_statements WHERE query = $literal");
			is($theirs, $counts->{$query}, "$order, $name: as pg_stat_statements does") if $theirs ne '';
		}
		my $found = $node->safe_psql('postgres', $loops);
		$loops{$name} //= $found;
		is($found, $loops{$name}, "$order, $name: the same loops");
	}
	# what takes a millisecond is told at once
	my $query = 'SELECT id AS portal FROM parent WHERE id <= 7 AND pg_sleep(0.0005) IS NOT NULL ORDER BY id';
	is(suspended($node, $query, 3, 3), '1 2 3 s 4 5 6 s 7 C', "$order: a portal that is suspended");
	ok($node->poll_query_until('postgres', q{SELECT calls = 1 AND rows = 7 FROM filteropt.advisor_queries() WHERE query ~ 'AS portal'}), "$order: is one call")
	  if $order ne 'none';
	is(suspended($node, 'SELECT 10 / (3 - id) AS broken FROM parent WHERE id <= 4 ORDER BY id', 2, 2), '5 10 s E', "$order: one that fails later");
	encodings($node, $order) if $order ne 'none';
	$node->stop;
}
like($loops{'a loop'}, qr/\|id\|parent_id\|1\|10\|/, 'the loop is found');
done_testing();
