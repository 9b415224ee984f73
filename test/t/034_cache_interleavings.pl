# Each dangerous interleaving of the Redis protocol, made by a proxy that holds, drops or
# delays the very command.  docs/cache.md names the moves.  The base table is the oracle:
# what is cached must equal it, or be missing.  Not preloaded, so that no worker erases
# what was missed before the test looks.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptRedisProxy;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $redis = FilteroptRedis->new('held');
my $proxy = FilteroptRedisProxy->new($redis->socket);
my $node = FilteroptTest::new_node('held', conf => "
filteropt.cache_redis = '" . $proxy->socket . "'
filteropt.cache_redis_timeout = 60000
filteropt.cache_redis_connect_timeout = 60000
filteropt.cache_redis_breaker_window = 10
filteropt.cache_expire_interval = 0
synchronous_commit = off
");

sub sql { my ($query) = @_; return $node->safe_psql('postgres', "SET search_path = filteropt, public; $query"); }

sql(q{CREATE TABLE public.base (k int PRIMARY KEY, v int NOT NULL, other int);
	ALTER DATABASE postgres SET search_path = filteropt, public});

my $levels;
my $key = 0;

# Next key, with a value in all levels.
sub fresh_key
{
	$key++;
	sql("INSERT INTO base VALUES ($key, 1); SELECT cache_put('r', 'k$key', '1')");
	is(sql("SELECT cache_get('r', 'k$key')"), '1', "$levels: a value to begin with");
	return $key;
}

# What is cached, if anything, is what the table says, now and after a fill.
sub is_right
{
	my ($k, $name) = @_;
	my $base = sql("SELECT v FROM base WHERE k = $k");
	for my $try (1 .. 2)
	{
		my $got = sql("SELECT cache_get('r', 'k$k')");
		ok($got eq '' || $got eq $base, "$levels: $name: base $base, cached '$got'");
	}
	$node->poll_query_until('postgres', q{SELECT cache_put('r', 'other', '0') AND redis_breaker = 'closed' FROM cache_status()})
	  or die 'the breaker did not close';
	is(sql("SELECT cache_fill('r', 'k$k', 'SELECT v FROM base WHERE k = \$1', $k)"), $base, "$levels: $name: filled");
	is(sql("SELECT cache_get('r', 'k$k')"), $base, "$levels: $name: and found");
	return;
}

sub session { return $node->background_psql('postgres'); }

# Start a statement that will be held, and wait until it is.
sub held
{
	my ($session, $rule, $pattern, $query) = @_;
	$proxy->rule($rule, $pattern);
	$session->query_until(qr/sent/, "\\echo sent\n$query;\n");
	$proxy->await;
	return;
}

my $fence = '^SET \S*:k%d FOC1F';
my $publish = '^EVALSHA \w+ 1 \S*:k%d FOC1F';
my $change = q{UPDATE base SET v = v + 1 WHERE k = %d; SELECT cache_delete('r', 'k%1$d');};

for my $l ('L2', 'L1,L2', 'L2,L3', 'L1,L3,L2')
{
	$levels = $l;
	sql("SELECT cache_resource_add('r', levels => '{$levels}')");

	# A fill that read the old row commits after the change of it (no L3: no row lock).
	my $k = fresh_key();
	sql("SELECT cache_delete('r', 'k$k')");
	my $one = session();
	my $token = $one->query_safe("SELECT token FROM cache_claim('r', 'k$k')");
	if ($levels !~ /L3/)
	{
		$one->query_safe("BEGIN; SELECT cache_put('r', 'k$k', (SELECT to_jsonb(v) FROM base WHERE k = $k), token => $token)");
		sql(sprintf $change, $k);
		$one->query_safe('COMMIT');
		is_right($k, 'fill committed after a change');

		# The same, the change being in progress when the fill commits.
		$k = fresh_key();
		$token = $one->query_safe("SELECT cache_delete('r', 'k$k'); SELECT token FROM cache_claim('r', 'k$k')");
		$token =~ s/^\s+//;
		$one->query_safe("BEGIN; SELECT cache_put('r', 'k$k', (SELECT to_jsonb(v) FROM base WHERE k = $k), token => $token)");
		my $two = session();
		held($two, 'before', sprintf($publish, $k), sprintf($change, $k) =~ s/^/BEGIN; /r . ' COMMIT');
		$one->query_safe('COMMIT');
		$proxy->release;
		$two->quit;
		is_right($k, 'fill committed within a change');
	}

	# A change is held before its fence: others go on, the old value is right till then.
	$k = fresh_key();
	held($one, 'before', sprintf($fence, $k), 'BEGIN;' . sprintf($change, $k) . 'COMMIT');
	is(sql("SELECT v FROM base WHERE k = $k"), '1', "$levels: not committed yet");
	like(sql("SELECT cache_get('r', 'k$k')"), qr/^1?$/, "$levels: old or nothing");
	$proxy->release;
	$one->query_safe('SELECT 1');
	is_right($k, 'held before the fence');

	# Committed, and held before publication: nobody sees the old value.
	$k = fresh_key();
	held($one, 'before', sprintf($publish, $k), 'BEGIN;' . sprintf($change, $k) . 'COMMIT');
	$node->poll_query_until('postgres', "SELECT v = 2 FROM base WHERE k = $k") or die;
	is(sql("SELECT cache_get('r', 'k$k')"), '', "$levels: committed, not published: missing");
	$proxy->release;
	$one->query_safe('SELECT 1');
	is_right($k, 'held before publication');

	# A put is held before publication while a change of the same key comes and goes.
	if ($levels !~ /L3/)
	{
		$k = fresh_key();
		held($one, 'before', sprintf($publish, $k), "SELECT cache_put('r', 'k$k', '1')");
		sql(sprintf $change, $k);
		is(sql("SELECT cache_get('r', 'k$k')"), '', "$levels: a put not yet published, a change: missing");
		$proxy->release;
		$one->query_safe('SELECT 1');
		is_right($k, 'a put published after a change');

		# The same; the change could not be told, was remembered, and erased meanwhile.
		$k = fresh_key();
		held($one, 'before', sprintf($publish, $k), "SELECT cache_put('r', 'k$k', '1')");
		$proxy->rule('error', sprintf $fence, $k);
		sql(sprintf $change, $k);
		is(sql('SELECT count(*) FROM cache_redis_missed'), '1', "$levels: remembered");
		sql(q{SELECT cache_put('r', 'other', '0')});
		is(sql('SELECT count(*) FROM cache_redis_missed'), '0', "$levels: erased");
		$proxy->release;
		$one->query_safe('SELECT 1');
		is_right($k, 'a put published after the erasure of a change that was missed');
	}

	# A publication is lost, or arrives late: after other changes.
	for my $how ('drop', 'late')
	{
		$k = fresh_key();
		$proxy->rule($how, sprintf $publish, $k);
		sql(sprintf $change, $k);
		is(sql("SELECT cache_get('r', 'k$k')"), '', "$levels: $how: missing");
		sql(sprintf $change, $k) if $how eq 'late';
		$proxy->release;
		is_right($k, "publication, $how");
	}
	$k = fresh_key();
	$proxy->rule('late', sprintf $publish, $k);
	sql("UPDATE base SET v = 2 WHERE k = $k; SELECT cache_put('r', 'k$k', '2')");
	sql("UPDATE base SET v = 3 WHERE k = $k; SELECT cache_put('r', 'k$k', '3')");
	$proxy->release;
	is_right($k, 'an older value published late');

	# A fence is lost, or late: the change is remembered and erased.
	for my $how ('drop', 'late', 'error')
	{
		$k = fresh_key();
		$proxy->rule($how, sprintf $fence, $k);
		sql(sprintf $change, $k);
		is(sql("SELECT cache_get('r', 'k$k')"), '', "$levels: fence, $how: missing");
		is(sql('SELECT count(*) FROM cache_redis_missed'), '1', "$levels: fence, $how: remembered");
		$proxy->release;
		is_right($k, "fence, $how");
	}

	# A name is missed again while its former miss is being erased.
	$k = fresh_key();
	$proxy->rule('error', sprintf $fence, $k);
	sql(sprintf $change, $k);
	held($one, 'before', '^EVALSHA \w+ 1 \S*:k' . $k . ' FOC1T', q{SELECT cache_put('r', 'other', '0')});
	$proxy->rule('error', sprintf $fence, $k);
	sql(sprintf $change, $k);
	$proxy->release;
	$one->query_safe('SELECT 1');
	is(sql('SELECT count(*) FROM cache_redis_missed'), '1', "$levels: missed again: remembered");
	is(sql("SELECT cache_get('r', 'k$k')"), '', "$levels: missed again: missing");
	sql(q{SELECT cache_put('r', 'other', '0')});
	is_right($k, 'missed again');

	# A reader is held at its look into Redis while the key changes.
	for my $how ('before', 'after')
	{
		last if $levels !~ /^L2/;
		$k = fresh_key();
		held($one, $how, "^MGET .*:k$k", "SELECT 'got ' || coalesce(cache_get('r', 'k$k')::text, 'nothing')");
		sql(sprintf $change, $k);
		$proxy->release;
		$one->query_safe('SELECT 1');
		is_right($k, "a reader held $how its look");
	}

	# A reader fills Redis, without writing the database, and is held or late while the
	# key changes.
	if ($levels =~ /^L2|^L1,L2$/)
	{
		my $read = $levels =~ /L3/ ? q{SELECT cache_get('r', 'k%d')}
		  : q{SELECT cache_fill('r', 'k%d', 'SELECT v FROM base WHERE k = $1', %1$d)};
		my $reading = "BEGIN READ ONLY; $read; COMMIT";
		my $lacking = sub {
			$k = fresh_key();
			sql("SELECT cache_delete('r', 'k$k')") if $levels !~ /L3/;
			$redis->cli('DEL', grep { /:k$k$/ } split /\n/, $redis->cli('KEYS', '*'));
		};
		my $in_redis = sub { return scalar grep { $redis->cli('GET', $_) =~ /^FOC1V/ }
			  grep { /:k$k$/ } split /\n/, $redis->cli('KEYS', '*'); };
		$lacking->();
		sql(sprintf $reading, $k);
		is($in_redis->(), 1, "$levels: a read-only reader fills Redis");
		is_right($k, 'filled by a reader');
		for my $case (['before', 'SET \S*:k%d FOC1L'], ['after', 'SET \S*:k%d FOC1L'],
			['before', 'EVALSHA \w+ 1 \S*:k%d FOC1L'], ['late', 'EVALSHA \w+ 1 \S*:k%d FOC1L'])
		{
			my ($how, $pattern) = @$case;
			my $name = "a reader's fill, $how " . $pattern =~ s/ .*//r;
			$lacking->();
			if ($how eq 'late') { $proxy->rule($how, '^' . sprintf $pattern, $k); sql(sprintf $reading, $k); }
			else { held($one, $how, '^' . sprintf($pattern, $k), sprintf $reading, $k); }
			sql(sprintf $change, $k);
			$proxy->release;
			$one->query_safe('SELECT 1');
			is($in_redis->(), 0, "$levels: $name: thrown away");
			is_right($k, $name);
		}
		$lacking->();
		is( $one->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; ' . ($levels =~ /L3/ ? '' : 'SET TRANSACTION READ ONLY')), '1',
			"$levels: a snapshot");
		sql("UPDATE base SET v = 2 WHERE k = $k; " . ($levels =~ /L3/ ? "SELECT cache_put('r', 'k$k', '2')" : "SELECT cache_delete('r', 'k$k')"));
		$redis->cli('DEL', grep { /:k$k$/ } split /\n/, $redis->cli('KEYS', '*'));
		is($one->query_safe(sprintf $read, $k), '1', "$levels: an old snapshot gets its value");
		is($in_redis->(), 0, "$levels: an old snapshot does not fill Redis");
		$one->query_safe('COMMIT');
		is_right($k, 'read under an old snapshot');
	}

	# The server crashes between fence and commit, and between commit and publication.
	for my $where (\$fence, \$publish)
	{
		my $when = $where == \$fence ? 'at the fence' : 'before publication';
		$k = fresh_key();
		held($one, $where == \$fence ? 'after' : 'before', sprintf($$where, $k), 'BEGIN;' . sprintf($change, $k) . 'COMMIT');
		$node->stop('immediate');
		$proxy->release;
		$node->start;
		eval { $one->quit; };
		$one = session();
		is_right($k, "crash $when");
	}
	$one->quit;
	sql(q{SELECT cache_resource_drop('r')});
}

# What was committed asynchronously may be lost in a crash: Redis never has more of it
# than the server keeps.
sql(q{SELECT cache_resource_add('r', levels => '{L2}')});
for (1 .. 5)
{
	$levels = 'L2';
	my $k = fresh_key();
	sql("UPDATE base SET v = 2 WHERE k = $k");
	sql("SELECT cache_put('r', 'k$k', '2')");
	$node->stop('immediate');
	$node->start;
	is_right($k, 'crash after an asynchronous commit');
}

$node->stop;
$redis->stop;
done_testing();
