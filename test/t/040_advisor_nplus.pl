# N+1 loops and what only looks like one, replayed through psql: which are reported, with
# which queries to replace them, and that those give what the loop gave.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('nplus', preload => 1, conf => "filteropt.advisor_queries = 400\n");

$node->safe_psql('postgres', q{
	CREATE TABLE users (id int PRIMARY KEY, name text, team text);
	CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users, total int, made date);
	CREATE TABLE accounts (number uuid PRIMARY KEY, email varchar(40), owner_ref int);
	CREATE TABLE logins (account uuid, at timestamptz);
	CREATE TABLE letters (id serial PRIMARY KEY, recipient text, "Sender Id" int);
	CREATE TABLE numbers (n int PRIMARY KEY, word text);
	INSERT INTO users SELECT i, 'user ' || i, 'team ' || i % 4 FROM generate_series(1, 60) i;
	INSERT INTO orders SELECT i, 1 + i * 7 % 60, i * 3, '2024-01-01'::date + i % 30 FROM generate_series(1, 300) i;
	INSERT INTO accounts SELECT md5(i::text)::uuid, 'a' || i || '@x.org', i * i * 17 % 1009 FROM generate_series(1, 40) i;
	INSERT INTO logins SELECT md5((1 + i % 40)::text)::uuid, '2024-01-01'::timestamptz + i * interval '1 hour'
		FROM generate_series(1, 200) i;
	INSERT INTO letters (recipient, "Sender Id") SELECT 'a' || 1 + i % 40 || '@x.org', 1 + i % 60 FROM generate_series(1, 120) i;
	INSERT INTO numbers SELECT i, 'word ' || i FROM generate_series(1, 2000) i;
});

# Run a script in one session and return the loops that it makes known, a line each.
sub loops_of
{
	my ($script, $columns) = @_;
	$node->safe_psql('postgres', 'SELECT filteropt.n_plus_one_reset()');
	$node->safe_psql('postgres', $script);
	$columns //= 'parent_column, child_column, loops, calls';
	return $node->safe_psql('postgres', "SELECT $columns FROM filteropt.n_plus_one ORDER BY child_query");
}

# The SQL for each value of a list, %s being the value.
sub each_of { my ($sql, @values) = @_; return join '', map { sprintf "$sql;\n", $_ } @values; }

sub column { my ($sql) = @_; return split /\n/, $node->safe_psql('postgres', $sql); }

my $list = 'SELECT id, name FROM users ORDER BY id LIMIT 10';
my @ids = 1 .. 10;
my @uuids = column('SELECT number FROM accounts ORDER BY owner_ref LIMIT 12');
my @mails = column('SELECT email FROM accounts ORDER BY number LIMIT 12');
my @refs = column('SELECT owner_ref FROM accounts ORDER BY number LIMIT 12');
my $orders = 'SELECT total FROM orders WHERE user_id = %s ORDER BY total';

# Loops.  A DO block fetches row by row, and a result counts from its second row on: so
# the first execution there is not counted.
my @loops = (
	[ 'literals, each statement a transaction', "$list;\n" . each_of($orders, @ids), 'id|user_id|1|10' ],
	[ 'literals in a transaction, backwards', "BEGIN; $list;\n" . each_of($orders, reverse @ids) . 'COMMIT', 'id|user_id|1|10' ],
	[ 'a prepared statement', "PREPARE o AS SELECT total FROM orders WHERE user_id = \$1;\n$list;\n" . each_of('EXECUTE o(%s)', @ids),
		'id|user_id|1|10' ],
	[ 'both prepared', "PREPARE l AS $list; PREPARE o AS SELECT total FROM orders WHERE user_id = \$1;\nEXECUTE l;\n"
		. each_of('EXECUTE o(%s)', @ids), 'id|user_id|1|10' ],
	[ 'PL/pgSQL, FOR over a query', "DO \$\$ DECLARE r record; t int; BEGIN FOR r IN $list LOOP
		SELECT sum(total) INTO t FROM orders WHERE user_id = r.id; END LOOP; END \$\$", 'id|user_id|1|9' ],
	[ 'PL/pgSQL, dynamic SQL', "DO \$\$ DECLARE r record; t int; BEGIN FOR r IN $list LOOP
		EXECUTE 'SELECT sum(total) FROM orders WHERE user_id = ' || r.id INTO t; END LOOP; END \$\$", 'id|user_id|1|9' ],
	[ 'PL/pgSQL, dynamic SQL with USING', "DO \$\$ DECLARE r record; t int; BEGIN FOR r IN $list LOOP
		EXECUTE 'SELECT sum(total) FROM orders WHERE user_id = \$1' INTO t USING r.id; END LOOP; END \$\$", 'id|user_id|1|9' ],
	[ 'keys of type uuid', "SELECT number, email FROM accounts ORDER BY owner_ref LIMIT 12;\n"
		. each_of(q{SELECT max(at) FROM logins WHERE account = '%s'}, @uuids), 'number|account|1|12' ],
	[ 'keys that are texts, varchar to text', "SELECT email FROM accounts ORDER BY number LIMIT 12;\n"
		. each_of(q{SELECT id FROM letters WHERE recipient = '%s'}, @mails), 'email|recipient|1|12' ],
	[ 'numbers that nothing relates, in the order of the rows', "SELECT owner_ref FROM accounts ORDER BY number LIMIT 12;\n"
		. each_of('SELECT word FROM numbers WHERE n = %s', @refs), 'owner_ref|n|1|12' ],
	[ 'a second condition that stays', "$list;\n" . each_of(q{SELECT total FROM orders WHERE user_id = %s AND made = '2024-01-05'}, @ids),
		'id|user_id|1|10' ],
	[ 'LIMIT 1 of each', "$list;\n" . each_of('SELECT total FROM orders WHERE user_id = %s ORDER BY made DESC LIMIT 1', @ids),
		'id|user_id|1|10' ],
	[ 'the parent by its own id again', "SELECT id FROM users WHERE team = 'team 1' ORDER BY id;\n"
		. each_of('SELECT name FROM users WHERE id = %s', 1, 5, 9, 13, 17, 21), 'id|id|1|6' ],
	[ 'the other direction of the foreign key', "SELECT id, user_id FROM orders ORDER BY id LIMIT 9;\n"
		. each_of('SELECT name FROM users WHERE id = %s', 8, 15, 22, 29, 36, 43, 50, 57, 4), 'user_id|id|1|9' ],
	[ 'a cursor that fetches as it goes', "BEGIN; DECLARE c CURSOR FOR $list;\n" . each_of("FETCH 2 FROM c;\nSELECT total FROM orders WHERE user_id = %s", @ids) . 'COMMIT',
		'id|user_id|1|10' ],
	[ 'three times the loop', join('', map { "$list;\n" . each_of($orders, @ids) } 1 .. 3), 'id|user_id|3|30' ],
	[ 'more rows than are remembered', "SELECT n FROM numbers ORDER BY word LIMIT 300;\n"
		. each_of('SELECT word FROM numbers WHERE n = %s', column('SELECT n FROM numbers ORDER BY word LIMIT 300')), 'n|n|1|300' ],
);
for my $loop (@loops)
{
	my ($name, $script, $wanted) = @$loop;
	is(loops_of($script), $wanted, "loop: $name");
}
is(loops_of("$list;\n" . join('', map { sprintf "$orders;\nSELECT id FROM letters WHERE \"Sender Id\" = %s;\n", $_, $_ } @ids),
		'child_column, calls'), "user_id|10", 'loop: two queries a row, one of which nothing relates');

# What is none.
my @random = map { 1 + $_ * 37 % 60 } 1 .. 40;
my @innocent = (
	[ 'batched by ANY', "$list;\n" . each_of(q{SELECT total FROM orders WHERE user_id = ANY ('{%s}')}, map { "$_,2,3,4,5" } @ids) ],
	[ 'batched by IN', "$list;\n" . each_of('SELECT total FROM orders WHERE user_id IN (%s)', map { "$_, 2, 3" } @ids) ],
	[ 'a join', "SELECT u.id, o.total FROM users u JOIN orders o ON o.user_id = u.id;\n" x 12 ],
	[ 'four of them', "$list;\n" . each_of($orders, 1 .. 4) ],
	[ 'a loop over keys from elsewhere', each_of($orders, @random) ],
	[ 'small numbers that nothing relates', "$list;\n" . each_of('SELECT word FROM numbers WHERE n = %s', @ids) ],
	[ 'the same, at random, in a transaction', "BEGIN; SELECT id FROM users;\n" . each_of('SELECT word FROM numbers WHERE n = %s', @random) . 'COMMIT' ],
	[ 'details of a list picked by many, each a transaction', "SELECT id FROM users;\n" . each_of($orders, @random) ],
	[ 'fetch one, fetch its rows', join('', map { "SELECT id, name FROM users WHERE id = $_;\n" . sprintf("$orders;\n", $_) } @random) ],
	[ 'a page after a page', join('', map { my $from = $_ * 6; "SELECT id, total FROM orders WHERE id > $from ORDER BY id LIMIT 6;\n" } 0 .. 30) ],
	[ 'the same key all the time', "$list;\n" . each_of($orders, (3) x 40) ],
	[ 'two keys change', "SELECT user_id, id FROM orders ORDER BY id LIMIT 20;\n" . join('', map { sprintf "SELECT total FROM orders WHERE user_id = %d AND id = %d;\n", 1 + $_ * 7 % 60, $_ } 1 .. 20) ],
	[ 'writes in a loop', "$list;\n" . each_of('UPDATE users SET name = name WHERE id = %s', @ids) ],
	[ 'checks of foreign keys', "$list;\n" . each_of(q{INSERT INTO orders VALUES (1000 + %1$s, %1$s, 1, '2024-01-01')}, @ids) ],
	[ 'queries of the catalogs', "SELECT oid FROM pg_class ORDER BY oid LIMIT 20;\n" . each_of('SELECT relname FROM pg_class WHERE oid = %s', column('SELECT oid FROM pg_class ORDER BY oid LIMIT 20')) ],
	[ 'no equality', "$list;\n" . each_of('SELECT count(*) FROM orders WHERE user_id > %s', @ids) ],
	[ 'EXPLAIN only', "$list;\n" . each_of("EXPLAIN $orders", @ids) ],
);
for my $innocent (@innocent)
{
	my ($name, $script) = @$innocent;
	is(loops_of($script), '', "no loop: $name");
}
$node->safe_psql('postgres', 'SELECT filteropt.n_plus_one_reset()');
$node->command_ok([ 'pgbench', '-qi', '-s', '1', $node->connstr('postgres') ], 'pgbench -i');
for my $protocol (qw(simple prepared))
{
	for my $script (qw(tpcb-like simple-update select-only))
	{
		$node->command_ok([ 'pgbench', '-n', '-c', '2', '-t', '300', '-M', $protocol, '-b', $script, $node->connstr('postgres') ],
			"pgbench -b $script, $protocol");
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM filteropt.n_plus_one'), '0', "no loop in pgbench's scripts");

# A pause is longer than the window.
is(loops_of("SET filteropt.advisor_n_plus_one_window = 0; $list;\n" . each_of($orders, @ids)), '', 'no loop: outside of the window');
is(loops_of("SET filteropt.advisor_n_plus_one_window = 0; BEGIN; $list;\n" . each_of($orders, @ids) . 'COMMIT'), 'id|user_id|1|10',
	'loop: in a transaction there is no window');
is(loops_of("SET filteropt.advisor_watch = off; $list;\n" . each_of($orders, @ids)), '', 'switched off');
is(loops_of("SET filteropt.advisor_n_plus_one_min = 11; $list;\n" . each_of($orders, @ids)), '', 'the least number of a loop');
is(loops_of("SET compute_query_id = off; $list;\n" . each_of($orders, @ids)), '', 'no query identifiers: nothing is seen, nothing fails');

# What is suggested gives what the loop gave.
sub check_suggestions
{
	my ($name, $script, $child, $keys, $type, %opt) = @_;
	is(loops_of($script, 'loops'), '1', "$name: reported");
	my ($batch, $join, $embed) = split /\x1f/,
	  $node->safe_psql('postgres', q{SELECT concat_ws(chr(31), batch_query, join_query, coalesce(embed_call, '')) FROM filteropt.n_plus_one});
	like($batch, $opt{like}, "$name: $batch") if $opt{like};
	my $args = join ', ', @{ $opt{args} // [] };
	my $array = "ARRAY[$keys]::${type}[]";
	my $loop = "SELECT k, c.* FROM unnest($array) AS k CROSS JOIN LATERAL (" . sprintf($child, 'k') . ') AS c';
	my $got = $node->safe_psql('postgres', "PREPARE b AS $batch; EXECUTE b($array" . ($args ne '' ? ", $args" : '') . ')');
	my $want = $node->safe_psql('postgres', $loop);
	is(join("\n", sort split /\n/, $got), join("\n", sort split /\n/, $want), "$name: the batch query gives the rows of the loop");
	my $joined = $node->safe_psql('postgres', "PREPARE j AS $join; EXECUTE j(" . join(', ', @{ $opt{parent_args} // [] }, @{ $opt{args} // [] }) . ')')
	  =~ s/^\n+//r;
	cmp_ok(scalar(split /\n/, $joined), '>=', scalar(split /\n/, $want), "$name: the joined query runs");
	return $embed;
}

my $keys = join ', ', @ids;
my $embed = check_suggestions('plain', "SELECT id, name FROM users ORDER BY id LIMIT 10;\n" . each_of('SELECT total, made FROM orders WHERE user_id = %s', @ids),
	'SELECT total, made FROM orders WHERE user_id = %s', $keys, 'bigint', parent_args => [10],
	like => qr/^SELECT user_id, total, made FROM orders WHERE user_id = ANY \(\$1\)$/);
is($embed, q{SELECT filteropt.embed($1, 'orders', 'public.orders', foreign_key => 'user_id', key => 'id')}, 'the call of embed');
my $parents = '(SELECT jsonb_agg(to_jsonb(u)) FROM (SELECT id FROM users WHERE id < 3 ORDER BY id) AS u)';
is($node->safe_psql('postgres', "SELECT jsonb_path_query_array(e, '\$[*].orders[*].total') FROM (" . ($embed =~ s/\$1/$parents/r) . ') AS q(e)'),
	$node->safe_psql('postgres', 'SELECT jsonb_agg(total ORDER BY user_id, id) FROM orders WHERE user_id < 3'), 'and it runs');
check_suggestions('a condition that stays', "$list;\n" . each_of(q{SELECT total FROM orders WHERE user_id = %s AND made > date '2024-01-03'}, @ids),
	q{SELECT total FROM orders WHERE user_id = %s AND made > date '2024-01-03'}, $keys, 'bigint', parent_args => [10],
	args => ["'2024-01-03'"], like => qr/ WHERE user_id = ANY \(\$1\) AND made > \$2::date$/);
check_suggestions('aggregate', "$list;\n" . each_of('SELECT count(*), sum(total) FROM orders WHERE user_id = %s', @ids),
	'SELECT count(*), sum(total) FROM orders WHERE user_id = %s', $keys, 'int', parent_args => [10], like => qr/LATERAL/);
check_suggestions('limit', "$list;\n" . each_of('SELECT o.id FROM orders o WHERE %s = o.user_id ORDER BY total DESC LIMIT 2', @ids),
	'SELECT o.id FROM orders o WHERE %s = o.user_id ORDER BY total DESC LIMIT 2', $keys, 'int', parent_args => [10], args => [2], like => qr/LATERAL/);
check_suggestions('prepared, key used twice', "PREPARE o(int) AS SELECT id FROM orders WHERE user_id = \$1 AND id > \$1;\n$list;\n" . each_of('EXECUTE o(%s)', @ids),
	'SELECT id FROM orders WHERE user_id = %1$s AND id > %1$s', $keys, 'int', parent_args => [10], like => qr/LATERAL/);
check_suggestions('PL/pgSQL variable', "DO \$\$ DECLARE r record; t int; BEGIN FOR r IN $list LOOP
		SELECT total INTO t FROM orders o WHERE o.user_id = r.id AND o.id > 100; END LOOP; END \$\$",
	'SELECT total FROM orders o WHERE o.user_id = %s AND o.id > 100', $keys, 'int', parent_args => [10], args => [100],
	like => qr/SELECT o\.user_id, total FROM orders o WHERE o\.user_id = ANY \(\$1\) AND o\.id > \$2/);
check_suggestions('uuid with a cast', "SELECT number, email FROM accounts ORDER BY owner_ref LIMIT 12;\n" . each_of(q{SELECT at FROM logins WHERE account = '%s'::uuid}, @uuids),
	'SELECT at FROM logins WHERE account = %s::uuid', join(', ', map { "'$_'" } @uuids), 'uuid', parent_args => [12], like => qr/LATERAL/);
check_suggestions('quoted column', "SELECT id FROM users ORDER BY name DESC LIMIT 10;\n" . each_of(q{SELECT l.id FROM letters AS l WHERE l."Sender Id" = %s},
		column('SELECT id FROM users ORDER BY name DESC LIMIT 10')),
	'SELECT l.id FROM letters AS l WHERE l."Sender Id" = %s', join(', ', column('SELECT id FROM users ORDER BY name DESC LIMIT 10')), 'int', parent_args => [10],
	like => qr/SELECT l\."Sender Id", l\.id FROM letters AS l WHERE l\."Sender Id" = ANY \(\$1\)/);

# Applications and roles; who may read what.
$node->safe_psql('postgres', 'SELECT filteropt.n_plus_one_reset(); CREATE ROLE app LOGIN; CREATE ROLE other LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app; GRANT USAGE ON SCHEMA filteropt TO PUBLIC');
$node->safe_psql('postgres', "SET application_name = 'shop'; SET ROLE app; $list;\n" . each_of("SELECT 'secret', total FROM orders WHERE user_id = %s", @ids));
my $who = q{SELECT role, calls, applications, coalesce(child_query, '-') FROM filteropt.n_plus_one};
is($node->safe_psql('postgres', "SET ROLE other; $who"), 'app|10||-', 'another role sees numbers only');
my $mine = q{app|10|{shop}|SELECT $1, total FROM orders WHERE user_id = $2};
is($node->safe_psql('postgres', "SET ROLE app; $who"), $mine, 'the role itself sees its own');
is($node->safe_psql('postgres', "SET ROLE watcher; $who"), $mine, 'and a member of pg_read_all_stats all; no constant is shown');
$node->safe_psql('postgres', 'DROP OWNED BY app; DROP ROLE app');
like($node->safe_psql('postgres', $who), qr/^\d+\|10\|/, 'a dropped role is a number');
like(FilteroptTest::error_of($node, 'SET ROLE other; SELECT filteropt.n_plus_one_reset()'), qr/^42501/, 'not for everybody to reset');

$node->stop;
done_testing();
