# What keyword sets do beyond one UTF-8 database: other encodings, size, cancel,
# memory, dumps, copies between servers, blocks of another version and corrupt ones.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('value');
my $other = FilteroptTest::new_node('other');

# 1. Encodings.
for my $encoding (qw(LATIN1 EUC_JP SQL_ASCII))
{
	my $db = lc $encoding;
	$node->safe_psql('postgres',
		"CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql($db, 'CREATE EXTENSION filteropt');
	for my $fold (qw(accent evasion))
	{
		is( FilteroptTest::error_of(
				$node, "SELECT filteropt.keyword_set(ARRAY['a'], fold => '$fold')", $db),
			qq(0A000: fold level "$fold" needs a database with encoding UTF8
DETAIL:  The encoding of this database is $encoding.
HINT:  Use fold => 'case' or fold => 'none'.),
			"$encoding: $fold is refused");
	}
	like(
		FilteroptTest::error_of($node, "SELECT filteropt.keyword_set(ARRAY['a'])", $db),
		qr/^0A000: fold level "accent"/,
		"$encoding: and so is the default");
	is( $node->safe_psql($db, q{
			SELECT 'A Cat' OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY['cat'], fold => 'none'),
				'A Cat' OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY['cat'], fold => 'case'),
				'Concat' OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY['cat'], fold => 'case')}),
		'f|t|f', "$encoding: none and case work");
}

# Run SQL given in bytes of the database's own encoding.
sub in_encoding
{
	my ($db, $client, $sql) = @_;
	return $node->safe_psql($db, "SET client_encoding = '$client';\n$sql");
}
my $find = q{SELECT keyword, start, length, matched = substr(body, start, length)
	FROM (SELECT %s::text AS body) AS b,
	filteropt.keyword_find(body, filteropt.keyword_set(ARRAY[%s], fold => 'case'))};
is( in_encoding('latin1', 'UTF8', sprintf($find, "'d\xc3\xa9j\xc3\xa0 CAF\xc3\xa9 caf\xc3\xa9s'", "'caf\xc3\xa9'")),
	"caf\xc3\xa9|6|4|t", 'LATIN1: offsets count characters');
is( $node->safe_psql('latin1', q{SELECT E'\xc9T\xc9' OPERATOR(filteropt.@@) filteropt.keyword_set(ARRAY[E'\xe9t\xe9'], fold => 'case')}),
	't', 'LATIN1: case is that of its characters');
is( in_encoding('latin1', 'UTF8',
		"SELECT filteropt.keyword_redact('na\xc3\xafve caf\xc3\xa9', filteropt.keyword_set(ARRAY['caf\xc3\xa9'], fold => 'none'))"),
	"na\xc3\xafve ****", 'LATIN1: text comes back in its encoding');
is( in_encoding('euc_jp', 'UTF8',
		sprintf($find, "'\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd Tokyo \xe6\x9d\xb1'", "'\xe6\x9d\xb1', 'tokyo'")),
	"\xe6\x9d\xb1|1|1|t\ntokyo|5|5|t\n\xe6\x9d\xb1|11|1|t",
	'EUC_JP: offsets count characters');
is( $node->safe_psql('sql_ascii', sprintf($find, q{E'\xff\xfe cat\xe9 CAT'}, q{'cat'})),
	'cat|9|3|t', 'SQL_ASCII: bytes are characters, and over 127 letters');
is( $node->safe_psql('latin1', q{SELECT filteropt.keyword_set(ARRAY[E'caf\xe9'], fold => 'case')
		OPERATOR(filteropt.=) filteropt.keyword_set(ARRAY[E'caf\xe9'], fold => 'case')::text::filteropt.keyword_set}),
	't', 'LATIN1: the text form round-trips');

# 2. Long texts and lists.
is( $node->safe_psql('postgres', q{
		SELECT fold, count(*), count(*) FILTER (WHERE substr(body, start, length) <> matched), min(start), max(start)
		FROM unnest(ARRAY['none', 'case', 'accent', 'evasion']) AS fold,
			(SELECT repeat('lorem ipsum ', 87382) || 'needle' || repeat(' dolor', 1000) || ' needle.' AS body) AS b,
			filteropt.keyword_find(body, filteropt.keyword_set(ARRAY['needle', 'dolors'], fold => fold))
		GROUP BY fold ORDER BY fold}),
	join("\n", map { "$_|2|0|1048585|1054592" } qw(accent case evasion none)),
	'texts of 1 MB');
$node->safe_psql('postgres', q{
	CREATE TABLE list AS SELECT filteropt.keyword_set(ARRAY(SELECT 'term' || n FROM generate_series(1, 100000) AS n)) AS s});
is( $node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE filteropt.keyword_list('a term' || n, s) <> ARRAY['term' || n])
		FROM list, generate_series(1, 100000, 97) AS n}),
	'1031|0', 'a list of 100 000 keywords');

# 3. Cancelling: a statement that has begun to work stops when it is told to.
sub cancels
{
	my ($what, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->query_until(qr/started/, "\\echo started\n$sql;\n");
	$node->poll_query_until('postgres',
		"SELECT state = 'active' AND query LIKE '%filteropt.%' FROM pg_stat_activity WHERE pid = $pid")
	  or die "$what: did not start";
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	ok($node->poll_query_until('postgres',
			"SELECT state <> 'active' FROM pg_stat_activity WHERE pid = $pid"), "$what: is cancelled");
	is($session->query('SELECT 1'), '1', "$what: the session goes on");
	$session->quit;
	like($session->{stderr}, qr/canceling statement due to user request/, "$what: says so");
	return;
}
cancels('a long build',
	'SELECT filteropt.keyword_set(ARRAY(SELECT md5(n::text) FROM generate_series(1, 5000000) AS n)) IS NULL');
# A thousand parts of one another at each place: millions of matches in a window.
cancels('a search with nested matches', q{SELECT length(filteropt.keyword_highlight(repeat('a', 10000000), s))
	FROM (SELECT filteropt.keyword_set(array_agg(repeat('a', n)), whole_word => false) AS s
		FROM generate_series(1, 1000) AS n) AS nested});
# statement_timeout cancels at any point; what is slow must look for it.
for my $case (
	[ 'build', q{SELECT filteropt.keyword_set(words) IS NULL FROM generate_series(1, 1000) AS n,
		(SELECT array_agg(md5(w::text)) AS words FROM generate_series(1, 300000) AS w) AS x} ],
	[ 'find', q{SELECT count(*) FROM (SELECT repeat('a ', 50000000) AS body OFFSET 0) AS b,
		filteropt.keyword_find(body, filteropt.keyword_set(ARRAY['a'], fold => 'evasion'))} ],
	[ 'match', q{SELECT count(*) FROM generate_series(1, 1000) AS n, (SELECT repeat('b ', 50000000) AS body OFFSET 0) AS b
		WHERE filteropt.keyword_match(body || n, filteropt.keyword_set(ARRAY['a'], fold => 'evasion'))} ])
{
	is( FilteroptTest::error_of($node, "SET statement_timeout = '500ms'; $case->[1]"),
		'57014: canceling statement due to statement timeout',
		"a long $case->[0] stops at its timeout");
}

# 4. Memory does not grow with calls.
my $growth = q{
	CREATE TEMP TABLE before AS SELECT sum(total_bytes) AS bytes FROM pg_backend_memory_contexts;
	%s
	SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) - bytes < 1000000 FROM before};
my $warm = q{DO $$ BEGIN FOR i IN 1..10 LOOP
	PERFORM count(*) FROM filteropt.keyword_find('x v1agr@ été 日本 ' || i, filteropt.keyword_set(ARRAY['viagra', i::text], fold => 'evasion')); END LOOP; END $$;};
for my $case (
	[ 'a million matches in a scan', q{SELECT count(*) FILTER (WHERE filteropt.keyword_match('text ' || n, s))
		FROM generate_series(1, 1000000) AS n, (SELECT filteropt.keyword_set(ARRAY['1', 'été'], allow => ARRAY['text 1']) AS s) AS x;} ],
	[ '100 000 sets made and used in a function', q{DO $$ DECLARE s filteropt.keyword_set; BEGIN FOR i IN 1..100000 LOOP
		s := filteropt.keyword_set(ARRAY['w' || i, 'x']); PERFORM filteropt.keyword_list('w' || i, s); END LOOP; END $$;} ],
	[ '10 000 finds with many rows', q{SELECT count(*) FROM generate_series(1, 10000) AS n,
		filteropt.keyword_find(repeat('a b c ', 20), filteropt.keyword_set(ARRAY['a', 'b'], fold => 'evasion'));} ],
	[ 'a set from the table, again and again', q{DO $$ BEGIN FOR i IN 1..200 LOOP
		PERFORM filteropt.keyword_match('term' || i, s) FROM list; END LOOP; END $$;} ])
{
	my $answer = $node->safe_psql('postgres', $warm . sprintf($growth, $case->[1]));
	like($answer, qr/^t\z/m, "memory after $case->[0]");
}

# 5. Dump, restore and copies between servers.
$node->safe_psql('postgres', q{
	CREATE TABLE kept (id int PRIMARY KEY, s filteropt.keyword_set DEFAULT '{"keywords": ["default"]}',
		CHECK (NOT 'bad' OPERATOR(filteropt.@@) s));
	INSERT INTO kept SELECT n, filteropt.keyword_set(ARRAY(SELECT E'k\\\\' || k || '" é*' FROM generate_series(1, n * n) AS k),
			n % 2 = 0, (ARRAY['none', 'case', 'accent', 'evasion'])[1 + n % 4], ARRAY['ok ' || n]) FROM generate_series(0, 30) AS n;
	INSERT INTO kept VALUES (99, NULL);
	CREATE TABLE body (b text);
	CREATE INDEX ON body (b) WHERE b OPERATOR(filteropt.@@) '{"keywords": ["x"]}'::filteropt.keyword_set});
my $sums = q{SELECT count(*), md5(string_agg(s::text, ',' ORDER BY id)),
	md5(string_agg(filteropt.keyword_set_send(s)::text, ',' ORDER BY id)) FROM kept};
my $expected = $node->safe_psql('postgres', $sums);
my $dir = PostgreSQL::Test::Utils::tempdir();
for my $format (qw(plain custom))
{
	my $file = "$dir/$format";
	$other->safe_psql('postgres', "DROP DATABASE IF EXISTS back");
	$other->safe_psql('postgres', "CREATE DATABASE back TEMPLATE template0");
	$node->command_ok([ 'pg_dump', "--format=$format", '-f', $file, '-d', $node->connstr('postgres') ], "$format dump");
	if ($format eq 'plain')
	{
		$other->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $other->connstr('back'), '-f', $file ], 'plain restore');
	}
	else
	{
		$other->command_ok([ 'pg_restore', '-d', $other->connstr('back'), $file ], 'custom restore');
	}
	is($other->safe_psql('back', $sums), $expected, "$format dump and restore keep every set");
}
$node->safe_psql('postgres', "COPY kept TO '$dir/binary' (FORMAT binary)");
$other->safe_psql('postgres', "CREATE TABLE kept (id int, s filteropt.keyword_set); COPY kept FROM '$dir/binary' (FORMAT binary)");
is($other->safe_psql('postgres', $sums), $expected, 'binary COPY between servers keeps every set');

# 6. Blocks of another format or Unicode version are compiled anew, corrupt ones
# refused.  Offsets in the block, see FoKeywordSet in src/core/keyword_set.h:
# magic at 4, its format in the low byte; size at 8; unicode at 12.
my %patch = (
	format => sub { substr($_[0], 4, 1) = chr(ord(substr($_[0], 4, 1)) + 1) },
	unicode => sub { substr($_[0], 12, 4) = "\x01\x02\x03\x04" },
	magic => sub { substr($_[0], 5, 3) = "\0\0\0" },
	size => sub { substr($_[0], 8, 4) = "\xff\xff\xff\x7f" },
	nkeywords => sub { substr($_[0], 24, 4) = "\xff\xff\xff\x7f" },
	ends => sub { substr($_[0], 32, 4) = "\xf0\xff\xff\xff" });
for my $what (sort keys %patch)
{
	$node->safe_psql('postgres', "CREATE TABLE old_$what (s filteropt.keyword_set);
		ALTER TABLE old_$what ALTER s SET STORAGE plain;
		INSERT INTO old_$what VALUES (filteropt.keyword_set(ARRAY['cat', 'café'], allow => ARRAY['cat food']))");
}
# 18 has checksums by default, which a page written to by hand does not match.
$node->append_conf('postgresql.conf', 'ignore_checksum_failure = on');
my %path = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_filepath('old_$_')") } keys %patch;
$node->stop;
my $magic = "\x02\x4b\x00\x46";
for my $what (sort keys %patch)
{
	my $file = $node->data_dir . "/$path{$what}";
	my $page = slurp_file($file);
	my $at = index($page, $magic);
	die "no block in $file" if $at < 4 || index($page, $magic, $at + 4) >= 0;
	my $block = substr($page, $at - 4);
	$patch{$what}->($block);
	substr($page, $at - 4) = $block;
	open my $fh, '+<:raw', $file or die "$file: $!";
	print $fh $page;
	close $fh;
}
$node->start;
for my $what (qw(format unicode))
{
	is( $node->safe_psql('postgres', "SELECT (filteropt.keyword_set_info(s)).current, filteropt.keyword_list('Cat, cat food, CAFE', s),
			'cat food' OPERATOR(filteropt.@@) s, s OPERATOR(filteropt.=) filteropt.keyword_set(ARRAY['café', 'cat'], allow => ARRAY['cat food']),
			(SELECT count(*) FROM filteropt.keyword_find('cat cafe', s)) FROM old_$what"),
		'f|{cat,café}|f|t|2', "a block of another $what is compiled anew");
	is( $node->safe_psql('postgres', "UPDATE old_$what SET s = s::text::filteropt.keyword_set;
			SELECT (filteropt.keyword_set_info(s)).current FROM old_$what"),
		't', "... and current once it is stored again");
}
for my $what (qw(magic size nkeywords ends))
{
	for my $call ("filteropt.keyword_match('cat', s)", 's::text', 'filteropt.keyword_set_info(s)', 's OPERATOR(filteropt.=) s', 'filteropt.keyword_set_send(s)')
	{
		is(FilteroptTest::error_of($node, "SELECT $call FROM old_$what"),
			'XX001: keyword set is corrupt', "corrupt $what: $call");
	}
}
is($node->safe_psql('postgres', "SELECT count(*) FROM kept"), '32', 'the server goes on');

$node->stop;
$other->stop;
done_testing();
