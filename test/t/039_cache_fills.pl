# Fills that race with changes, one interleaving after the other: each way to fill against
# each way to tell of a change, for each order of levels, preloaded or not.  The base table
# is the oracle: what is cached afterwards equals it, or is missing, and the key can be
# filled again.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $redis = FilteroptRedis->new('fills');
my ($node, $name, $filler, $changer, $holder, $reader);
my $key = 0;
my $steps = 0;

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

sub session
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->{pid} = $session->query('SELECT pg_backend_pid()');
	return $session;
}

# Start statements in a session and wait until they have been executed, or wait for a lock
# or a claim.
sub start
{
	my ($session, $statements) = @_;
	$steps++;
	$session->query_until(qr/sent/, "\\echo sent\n$statements;\nSET application_name = 'done $steps';\n");
	$node->poll_query_until('postgres', qq{
		SELECT application_name = 'done $steps' OR wait_event_type IN ('Lock', 'Extension')
		FROM pg_stat_activity WHERE pid = $session->{pid}}) or die "not done: $statements";
	return;
}

# How a key is spelled, looked up, claimed and put, by the resource it belongs to.
my %resource = (
	r => {
		look => q{cache_get('r', 'kKEY')},
		claim => q{cache_claim('r', 'kKEY', '1 min')},
		put => q{cache_put('r', 'kKEY', to_jsonb(VALUE), tags => tags(KEY), token => TOKEN)},
		fill => q{cache_fill('r', 'kKEY', 'SELECT v FROM base WHERE k = $1', KEY)},
		key => q{cache_delete('r', 'kKEY')},
		tag => q{cache_delete_tag('r', 'tKEY')},
		clear => q{cache_clear('r')}
	},
	classification => {
		look => q{classification_get('post KEY', 'm')},
		claim => q{classification_claim('post KEY', 'm', wait => '1 min')},
		put => q{classification_put('post KEY', 'm', to_jsonb(VALUE), author => 'KEY', token => TOKEN)},
		key => q{cache_delete('classification', classification_key('post KEY', 'm'))},
		tag => q{classification_purge_author('KEY')},
		clear => q{classification_purge('m')}
	});
my $of;    # the resource under test

# The SQL of one of these for the present key; a put takes a token and a value, or reads it.
sub call
{
	my ($what, $token, $value) = @_;
	my %word = (KEY => $key, TOKEN => $token, VALUE => $value // "(SELECT v FROM base WHERE k = $key)");
	return $of->{$what} =~ s/(KEY|TOKEN|VALUE)/$word{$1}/gr;
}

sub fresh_key { $key++; sql("INSERT INTO base VALUES ($key, 1)"); return; }

# Ways to tell of a change of the present key.
my $update = 'UPDATE base SET v = v + 1 WHERE k = %d';
my %change = (
	key => sub { return 'BEGIN; ' . sprintf($update, $key) . '; SELECT ' . call('key') . '; COMMIT' },
	later => sub { return sprintf($update, $key) . '; SELECT ' . call('key') },
	clear => sub { return 'BEGIN; ' . sprintf($update, $key) . '; SELECT ' . call('clear') . '; COMMIT' },
	tag => sub { return 'BEGIN; ' . sprintf($update, $key) . '; SELECT ' . call('tag') . '; COMMIT' },
	tag_later => sub { return sprintf($update, $key) . '; SELECT ' . call('tag') },
	truncate => sub { return 'BEGIN; ' . sprintf($update, $key) . '; TRUNCATE filteropt.cache_entry; COMMIT' },
	watch => sub { return sprintf $update, $key });

# Ways to fill the present key while a change goes on; the argument is the latter.
# A snapshot to keep, with its transaction.
sub freeze
{
	my ($session) = @_;
	my $level = $key % 2 ? 'REPEATABLE READ' : 'SERIALIZABLE';
	$session->query("BEGIN ISOLATION LEVEL $level; SELECT 1");
	return;
}

sub token { my ($session) = @_; return $session->query('SELECT token FROM ' . call('claim')) || 'NULL'; }
my %fill = (
	'before the put' => sub {
		my ($change) = @_;
		my $token = token($filler);
		my $value = sql("SELECT v FROM base WHERE k = $key");
		$changer->query($change);
		$filler->query('SELECT ' . call('put', $token, $value));
	},
	'before the commit' => sub {
		my ($change) = @_;
		my $token = token($filler);
		$filler->query('BEGIN; SELECT ' . call('put', $token));
		start($changer, $change);
		$filler->query('COMMIT');
	},
	'before the claim of a frozen transaction' => sub {
		my ($change) = @_;
		freeze($filler);
		$changer->query($change);
		my $token = token($filler);
		$filler->query('SELECT ' . call('put', $token));
		$filler->query('COMMIT');
	},
	'before a frozen transaction claims for another' => sub {
		my ($change) = @_;
		freeze($filler);
		$changer->query($change);
		my $token = token($filler);
		my $value = $filler->query("SELECT v FROM base WHERE k = $key; COMMIT");
		$filler->query('SELECT ' . call('put', $token, $value));
	},
	'before cache_fill of a frozen transaction' => sub {
		my ($change) = @_;
		freeze($filler);
		$changer->query($change);
		$filler->query('SELECT ' . call('fill'));
		$filler->query('COMMIT');
	},
	'within a statement that waits for the claim' => sub {
		my ($change) = @_;
		my $token = token($holder);
		start($filler, 'SELECT ' . call('put', 'c.token') . ' FROM ' . call('claim') . ' c');
		$changer->query($change);
		$holder->query("SELECT cache_unclaim($token)");
	});

# What is cached, if anything, is what the table says, now and for a snapshot of before,
# and the key can be filled again.
sub is_right
{
	my ($how, $snapshots) = @_;
	$_->query('SELECT 1') for $filler, $changer, $holder;
	my $base = sql("SELECT v FROM base WHERE k = $key");
	is($base, '2', "$name: $how: changed once");
	my $got = sql('SELECT ' . call('look'));
	ok($got eq '' || $got eq $base, "$name: $how: cached '$got'");
	my $token = $filler->query('SELECT token FROM ' . call('claim'));
	$filler->query('SELECT ' . call('put', $token)) if $token;
	is(sql('SELECT ' . call('look')), $base, "$name: $how: found after another fill");
	$got = $reader->query('SELECT ' . call('look') . '; COMMIT');
	like($got, qr/^1?$/, "$name: $how: not for a snapshot of before") if $snapshots;
	return;
}

sub interleave
{
	my (@changes) = @_;
	for my $change (@changes)
	{
		for my $fill (sort keys %fill)
		{
			next if $fill =~ /cache_fill/ && (!$of->{fill} || $change =~ /^tag/);
			# an SQL function does not tell under which snapshot its arguments were computed
			next if $fill =~ /within a statement/ && !$of->{fill};
			fresh_key();
			freeze($reader);
			$fill{$fill}->($change{$change}->());
			is_right("$change, $fill", $change !~ /later/);
		}
	}
	return;
}

# A commit is found between the new clock and the ids on the fences, of which it has so many
# that publishing takes a while.  The frozen transaction claims in that moment.
sub within_publication
{
	my $keys = 20;
	fresh_key() for 1 .. $keys;
	my $first = $key - $keys + 1;
	my $range = "k BETWEEN $first AND $key";
	$filler->query("CREATE TEMP TABLE claimed (k int, token bigint, v int); BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
	my $xid = $changer->query("BEGIN; UPDATE base SET v = v + 1 WHERE $range; SELECT pg_current_xact_id()");
	$changer->query("SELECT count(cache_delete('many', 'm' || i)) FROM generate_series(1, 70000) i;
		SELECT count(cache_delete('r', 'k' || k)) FROM base WHERE $range");
	$filler->query_until(qr/sent/, "\\echo sent\nDO \$\$ BEGIN
		WHILE pg_xact_status('$xid') = 'in progress' LOOP END LOOP;
		INSERT INTO claimed SELECT k, (cache_claim('r', 'k' || k)).token, v FROM base WHERE $range;
		END \$\$;\n");
	$changer->query('COMMIT');
	$filler->query("SELECT cache_put('r', 'k' || k, to_jsonb(v), token => token) FROM claimed; COMMIT; DROP TABLE claimed");
	is(sql("SELECT count(*) FROM base WHERE $range AND cache_get('r', 'k' || k) <> to_jsonb(v)"), '0',
		"$name: claimed within a publication");
	return;
}

# While a delete by tag waits for one who puts with the tag, the resource gets a new version,
# and that one puts another value.
sub a_tag_of_a_newer_version
{
	fresh_key();
	$filler->query("BEGIN; SELECT cache_put('r', 'other', '0', tags => tags($key))");
	start($changer, $change{tag}->());
	sql(q{SELECT cache_clear('r')});
	my $token = token($filler);
	$filler->query('SELECT ' . call('put', $token) . '; COMMIT');
	freeze($reader);
	is_right('a tag of a newer version');
	return;
}

# A claim that no put can fulfil is given up all the same.
sub a_refused_claim_is_given_up
{
	fresh_key();
	freeze($filler);
	$changer->query($change{key}->());
	my $token = token($filler);
	$filler->query('COMMIT');
	$filler->query("SELECT cache_unclaim($token)");
	my $next = token($changer);
	isnt($next, 'NULL', "$name: the next one gets it");
	is($filler->query('SELECT ' . call('put', $token, 1)), 'f', "$name: the first is refused");
	$changer->query("SELECT cache_unclaim($next)");
	return;
}

# A put with a token that fails leaves no subtransaction to its session.
sub a_fill_that_fails
{
	fresh_key();
	sql("SELECT cache_put('r', 'k$key', '0', ttl => '1 us')");
	my $token = token($filler);
	my $put = call('put', $token);
	$holder->query("BEGIN; SELECT 1 FROM filteropt.cache_entry WHERE key = 'k$key' FOR UPDATE");
	$filler->query("SET lock_timeout = '10ms'");
	$filler->query("SELECT $put");
	is($filler->query('SELECT 1'), '1', "$name: a fill failed, the session goes on");
	$filler->query("DO \$\$ BEGIN INSERT INTO base VALUES (-$key, 0); PERFORM $put; EXCEPTION WHEN lock_not_available THEN NULL; END \$\$");
	is(sql("SELECT count(*) FROM base WHERE k = -$key"), '0', "$name: caught, with all that was in its block");
	$holder->query('ROLLBACK');
	$filler->query('RESET lock_timeout');
	$filler->query("SELECT cache_unclaim($token)");
	is($filler->query('SELECT ' . call('put', token($filler))), 't', "$name: another fill");
	is(sql('SELECT ' . call('look')), '1', "$name: is committed");
	return;
}

# What is kept while a level is not used must not be found when it is used again.
sub a_change_of_levels
{
	my ($levels) = @_;
	my $other = $levels =~ /L3/ ? 'L1' : 'L3';
	fresh_key();
	sql('SELECT ' . call('put', 'NULL'));
	sql("UPDATE cache_resource SET levels = '{$other}' WHERE name = 'r'");
	$changer->query($change{key}->());
	sql("UPDATE cache_resource SET levels = '{$levels}' WHERE name = 'r'");
	freeze($reader);
	is_right('levels that were left and taken up again');
	return;
}

# Without keys a change drops all values, those too that this transaction has put before.
sub watched_as_a_whole
{
	$name .= ', watched as a whole';
	sql(q{SELECT cache_watch('base', 'r')});
	interleave('watch');

	fresh_key();
	is($filler->query('BEGIN; SELECT ' . call('fill')), '1', "$name: filled");
	is($filler->query($change{watch}->() . '; SELECT ' . call('look')), '', "$name: and changed by the same transaction");
	$filler->query('COMMIT');
	is_right('filled and changed by one transaction');

	# before the triggers fire a function looks at what its own statement has written
	fresh_key();
	my $query = "SELECT cached_query('r', 'SELECT v FROM base WHERE k = $key') ->> 'v'";
	sql("CREATE FUNCTION peek() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RETURN ($query); END \$\$");
	is($filler->query("BEGIN; UPDATE base SET v = 99 WHERE k = $key RETURNING peek(); ROLLBACK"), '99', "$name: looked at");
	is(sql($query), '1', "$name: never committed, not kept");
	sql(q{DROP FUNCTION peek; SELECT cache_unwatch('base', 'r')});

	# nor is what a transaction has written before it became read only
	fresh_key();
	is($filler->query('BEGIN; ' . $change{watch}->() . '; SET TRANSACTION READ ONLY; SELECT ' . call('fill') . '; ROLLBACK'),
		'2', "$name: filled, read only");
	is(sql('SELECT ' . call('look')), '', "$name: never committed, not kept by a read-only fill");
	return;
}

# A claim is fulfilled after a restart of the server, which forgets what was changed.
sub across_a_restart
{
	$of = $resource{r};
	for my $levels ('L1', 'L1,L3')
	{
		$name = "$levels, restart";
		sql("SELECT cache_resource_add('r', levels => '{$levels}')");
		fresh_key();
		my $token = token($filler);
		$changer->query($change{key}->());
		$_->quit for $filler, $changer, $holder, $reader;
		$node->restart;
		($filler, $changer, $holder, $reader) = map { session() } 1 .. 4;
		is($filler->query('SELECT ' . call('put', $token, 1)), 'f', "$name: claimed before it");
		freeze($reader);
		is_right('claimed before it');
		sql(q{SELECT cache_resource_drop('r')});
	}
	return;
}

# An unlogged table loses its rows in a crash, and with them the tags by which a value that
# Redis kept would have to be found.
sub tags_without_log
{
	for my $levels ('L1,L3,L2', 'L2,L3')
	{
		$name = "$levels, unlogged";
		sql("SELECT cache_resource_add('r', levels => '{$levels}'); ALTER TABLE filteropt.cache_entry SET UNLOGGED");
		sql(q{SELECT cache_put('r', 'tagged', '1', tags => '{t}'), cache_put('r', 'free', '1')});
		is(sql(q{SELECT cache_get('r', 'tagged'), cache_get('r', 'free')}), '1|1', "$name: two values");
		$_->quit for $filler, $changer, $holder, $reader;
		$node->stop('immediate');
		$node->start;
		($filler, $changer, $holder, $reader) = map { session() } 1 .. 4;
		is(sql(q{SELECT count(*) FROM filteropt.cache_entry}), '0', "$name: lost in a crash");
		is(sql(q{SELECT cache_get('r', 'free')}), '1', "$name: Redis still has one");
		sql(q{SELECT cache_delete_tag('r', 't')});
		is(sql(q{SELECT cache_get('r', 'tagged')}), '', "$name: deleted by tag after a crash");
		sql(q{SELECT cache_resource_drop('r'); ALTER TABLE filteropt.cache_entry SET LOGGED});
	}
	return;
}

# The extension is dropped and created again, and counts its resources from one again.
sub across_two_lives_of_the_extension
{
	my $make = q{SET client_min_messages = error; DROP EXTENSION IF EXISTS filteropt CASCADE; CREATE EXTENSION filteropt;
		SELECT cache_resource_set('keywords', levels => '{L1}', version => 1); SELECT cache_resource_add('r', levels => '{L1}')};
	my $put = q{SELECT cache_put('keywords', 'a', '1'), cache_put('r', 'a', '1')};
	my $get = q{SELECT cache_get('keywords', 'a'), cache_get('r', 'a')};
	sql($make);
	sql($put);
	is(sql($get), '1|1', 'values of an extension');
	sql($make);
	is(sql($get), '|', 'are not those of the next');
	return;
}

for my $preload (1, 0)
{
	my $how = $preload ? 'preloaded' : 'not preloaded';
	$node = FilteroptTest::new_node("fills_$preload",
		preload => $preload,
		conf => "filteropt.cache_redis = '" . $redis->socket . "'\nfilteropt.cache_expire_interval = 0\n");
	sql(q{CREATE TABLE base (k int PRIMARY KEY, v int NOT NULL);
		SELECT filteropt.cache_resource_add('many', levels => '{L1}');
		ALTER DATABASE postgres SET search_path = public, filteropt;
		-- NULL where there can be no tags
		CREATE FUNCTION tags(k int) RETURNS text[] LANGUAGE sql AS
			$$SELECT ARRAY['t' || k] FROM filteropt.cache_resource WHERE name = 'r' AND 'L3' = ANY (levels)$$});
	($filler, $changer, $holder, $reader) = map { session() } 1 .. 4;
	for my $levels ('L1', 'L3', 'L1,L3', 'L1,L2', 'L2,L1,L3')
	{
		$name = "$how, $levels";
		$of = $resource{r};
		sql("SELECT cache_resource_add('r', levels => '{$levels}')");
		interleave('key', 'later', 'clear', $levels =~ /L3/ ? ('tag', 'tag_later', 'truncate') : ());
		within_publication();
		a_tag_of_a_newer_version() if $levels =~ /L3/;
		a_change_of_levels($levels);
		a_refused_claim_is_given_up();
		a_fill_that_fails() if $levels =~ /L3/;
		watched_as_a_whole() if $levels eq 'L1';
		sql(q{SELECT cache_resource_drop('r')});
	}
	$name = "$how, classification";
	$of = $resource{classification};
	interleave('key', 'later', 'clear', 'tag', 'tag_later');
	across_a_restart();
	tags_without_log();
	across_two_lives_of_the_extension();
	$_->quit for $filler, $changer, $holder, $reader;
	$node->stop;
}
$redis->stop;
done_testing();
