# Cursors beyond one backend: on a standby, after a restart, after a crash, after
# dump and restore, in transaction-pooled connections; and a walk through a table
# that others insert into and delete from.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('primary', streaming => 1);
$node->safe_psql('postgres', q{
	CREATE TABLE feed (id int PRIMARY KEY, kind int, at timestamptz NOT NULL);
	INSERT INTO feed SELECT i, nullif(i % 3, 0), timestamptz '2024-01-01' + i / 5 * interval '1 microsecond'
	FROM generate_series(1, 1000) AS i;
	CREATE INDEX ON feed (kind, at DESC, id DESC);
	VACUUM ANALYZE feed});
my $standby = FilteroptTest::new_standby($node, 'standby');
$node->wait_for_catchup($standby);

my $order = q{ARRAY['kind', 'at DESC']};

sub page
{
	my ($on, $cursor, $dbname) = @_;
	return $on->safe_psql($dbname // 'postgres',
		"SELECT page ->> 'next', page -> 'items' FROM filteropt.page('feed', $order, 4, "
		  . (defined $cursor ? "'$cursor'" : 'NULL') . ", fields => '{id}') AS page");
}

sub next_of { my ($page) = @_; return (split /\|/, $page, 2)[0]; }

my $first = page($node);
my $second = page($node, next_of($first));
is(page($standby), $first, 'a standby gives the same first page, with the same cursor');
is(page($standby, next_of($first)), $second, 'it takes a cursor of the primary');
is(page($node, next_of(page($standby))), $second, 'the primary takes a cursor of a standby');

$node->stop('immediate');
$node->start;
is(page($node, next_of($first)), $second, 'cursors outlive a crash');

# A restored database has a secret of its own.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
my $text = slurp_file($dump);
my $secret = $node->safe_psql('postgres', "SELECT encode(secret, 'hex') FROM filteropt.page_secret");
is(length $secret, 128, 'there is a secret');
unlike($text, qr/\Q$secret\E/, 'the dump does not hold it');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ],
	'restore');
isnt($node->safe_psql('restored', "SELECT encode(secret, 'hex') FROM filteropt.page_secret"),
	$secret, 'the restored database has another');
is((split /\|/, page($node, undef, 'restored'), 2)[1], (split /\|/, $first, 2)[1],
	'its pages are the same');
like(
	FilteroptTest::error_of($node,
		"SELECT filteropt.page('feed', $order, 4, '" . next_of($first) . "')", 'restored'),
	qr/^22023: the cursor does not belong to this source/,
	'and it refuses cursors of the old one');

# A backend that has used the old secret notices the new one, on the standby, too.
my ($stdin, $stdout, $stderr) = ('', '', '');
my $session = IPC::Run::start(
	[ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
	'<', \$stdin, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
my $call = "SELECT filteropt.page('feed', $order, 4, '" . next_of($first) . "') -> 'items';";
$stdin .= "$call\n\\echo ready\n";
$session->pump until $stdout =~ /ready/;
like($stdout, qr/"id": 988/, 'an open session has read the secret');
$node->safe_psql('postgres', 'SELECT filteropt.page_secret_renew()');
$stdin .= "$call\n\\echo refused\n";
$session->pump until $stdout =~ /refused/;
$stdin .= "\\q\n";
$session->finish;
like($stderr, qr/the cursor does not belong to this source/, 'it notices that there is a new one');
$node->wait_for_catchup($standby);
like(FilteroptTest::error_of($standby, "SELECT filteropt.page('feed', $order, 4, '" . next_of($first) . "')"),
	qr/^22023: /, 'so does the standby');

# Walk while others insert everywhere and delete what they inserted.
my $churn = $node->basedir . '/churn.sql';
append_to_file($churn, q{
\set id random(1001, 100000)
\set old random(1001, 100000)
INSERT INTO feed VALUES (:id, nullif(:id % 3, 0), timestamptz '2024-01-01' + :id % 250 * interval '1 microsecond') ON CONFLICT DO NOTHING;
DELETE FROM feed WHERE id BETWEEN :old AND :old + 500 AND id > 1000;
});
my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '180', '-f', $churn, $node->connstr('postgres') ],
	'>', \my $bench_out, '2>', \my $bench_err);
$node->poll_query_until('postgres', 'SELECT count(*) > 1100 FROM feed') or die 'nothing is inserted';
my $result = $node->safe_psql('postgres', qq{
	CREATE TABLE seen (walk int, back boolean, id int);
	DO \$\$
	DECLARE
		p jsonb;
		mark text;
		back boolean;
	BEGIN
		FOR walk IN 1..6 LOOP
			back := walk % 2 = 0;
			mark := NULL;
			LOOP
				p := filteropt.page('feed', $order, 37, mark, NULL, '{id}', back);
				INSERT INTO seen SELECT walk, back, (i ->> 'id')::int FROM jsonb_array_elements(p -> 'items') AS i;
				EXIT WHEN NOT (p ->> CASE WHEN back THEN 'has_previous' ELSE 'has_next' END)::boolean;
				mark := p ->> CASE WHEN back THEN 'previous' ELSE 'next' END;
				COMMIT;
			END LOOP;
		END LOOP;
	END \$\$;
	SELECT walk, count(*) FILTER (WHERE id <= 1000), count(DISTINCT id) FILTER (WHERE id <= 1000),
		count(*) > 1000, count(*) = count(DISTINCT id) FROM seen GROUP BY walk ORDER BY walk});
$bench->signal('INT');
$bench->finish;
is($result, join("\n", map { "$_|1000|1000|t|t" } 1 .. 6),
	'each original row comes once in each walk, and none twice, while others come and go');

$standby->stop;
$node->stop;
done_testing();
