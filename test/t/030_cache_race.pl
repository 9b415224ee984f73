# The race harness: sessions that read, fill, change, roll back and claim the same few
# keys at once, with delays between their steps, each order of levels in turn.  Every
# read compares the cached value with the base table in the same snapshot.  Redis is
# frozen, killed and restarted with old data in between.  Stale reads and lost
# invalidations must be 0 of all.
use strict;
use warnings FATAL => 'all';

use FilteroptRedis;
use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{RACE_SECONDS} // 6;
my $redis = FilteroptRedis->new('race', '--save', '1 1', '--dbfilename', 'old.rdb');

# What the sessions do; :k is a key, :d a delay in microseconds.
my $set = "\\set k random(1, 4)\n\\set d random(0, 2000)\n";
my %script = (
	read => "${set}SELECT race_check(:k);\n",
	read_batch => "SELECT race_check_all();\n",
	read_frozen => "${set}BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT race_check(:k);\n\\sleep :d us\nSELECT race_check(:k);
		SELECT race_check_all();\nCOMMIT;\n",
	read_serializable => "${set}BEGIN ISOLATION LEVEL SERIALIZABLE;
		SELECT race_check(:k);\n\\sleep :d us\nSELECT race_check(:k);\nCOMMIT;\n",
	fill => "${set}SELECT cache_fill('race', 'k' || :k, 'SELECT v FROM base WHERE k = \$1', :k);\n",
	claim => "${set}SELECT coalesce(token, 0) AS token FROM cache_claim('race', 'k' || :k, '5 ms', '1 s') \\gset
		SELECT v FROM base WHERE k = :k \\gset\n\\sleep :d us
		SELECT CASE WHEN :token <> 0 THEN cache_put('race', 'k' || :k, to_jsonb(:v), token => :token) END;\n",
	claim_frozen => "${set}BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT v FROM base WHERE k = :k \\gset\n\\sleep :d us
		SELECT coalesce(token, 0) AS token FROM cache_claim('race', 'k' || :k, '0', '1 s') \\gset
		SELECT CASE WHEN :token <> 0 THEN cache_put('race', 'k' || :k, to_jsonb(:v), token => :token) END;
		COMMIT;\n",
	change_delete => "${set}BEGIN;\nUPDATE base SET v = v + 1 WHERE k = :k;\n\\sleep :d us
		SELECT cache_delete('race', 'k' || :k);\n\\sleep :d us\nCOMMIT;\n",
	delete_change => "${set}BEGIN;\nSELECT cache_delete('race', 'k' || :k);\n\\sleep :d us
		UPDATE base SET v = v + 1 WHERE k = :k;\nSELECT cache_delete('race', 'k' || :k);\nCOMMIT;\n",
	change_put => "${set}BEGIN;\nUPDATE base SET v = v + 1 WHERE k = :k RETURNING v \\gset
		SELECT cache_put('race', 'k' || :k, to_jsonb(:v));\n\\sleep :d us\nCOMMIT;\n",
	change_frozen => "${set}BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1;\n\\sleep :d us
		UPDATE base SET v = v + 1 WHERE k = :k;\nSELECT cache_delete('race', 'k' || :k);\nCOMMIT;\n",
	roll_back => "${set}BEGIN;\nUPDATE base SET v = -1 WHERE k = :k;
		SELECT cache_put('race', 'k' || :k, '-1');\n\\sleep :d us\nROLLBACK;\n",
	savepoint => "${set}BEGIN;\nUPDATE base SET v = v + 1 WHERE k = :k RETURNING v \\gset
		SELECT cache_put('race', 'k' || :k, to_jsonb(:v));\nSAVEPOINT s;
		UPDATE base SET v = -1 WHERE k = :k;\nSELECT cache_put('race', 'k' || :k, '-1');\n\\sleep :d us
		ROLLBACK TO s;\nCOMMIT;\n",
	watched => "${set}UPDATE base SET v = v + 1, w = w + 1 WHERE k = :k;\n",
	clear => "\\set r random(1, 20)\nSELECT CASE WHEN :r = 1 THEN cache_clear('race') END;\n");

my $schema = q{
	CREATE TABLE base (k int PRIMARY KEY, v bigint NOT NULL, w int NOT NULL DEFAULT 0);
	INSERT INTO base SELECT k, 1 FROM generate_series(1, 4) k;
	CREATE TABLE stale (how text, k int, base bigint, cached jsonb);
	ALTER DATABASE postgres SET search_path = public, filteropt;
	-- one statement, one snapshot; a wrong value ends the script with an error
	CREATE FUNCTION race_check(key int) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE r record;
	BEGIN
		SELECT b.v, filteropt.cache_get('race', 'k' || b.k) AS cached INTO r FROM base b WHERE b.k = key;
		IF r.cached <> to_jsonb(r.v) THEN
			RAISE EXCEPTION 'stale: key % is %, cached % (%)', key, r.v, r.cached,
				(SELECT string_agg(e::text, ' ') FROM filteropt.cache_explain('race', 'k' || key) e);
		END IF;
	END $$;
	CREATE FUNCTION race_check_all() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE r record;
	BEGIN
		FOR r IN SELECT b.k, b.v, c.value AS cached, c.level FROM base b
			JOIN filteropt.cache_get('race', ARRAY['k1', 'k2', 'k3', 'k4']) c ON c.key = 'k' || b.k
			WHERE c.value <> to_jsonb(b.v) LOOP
			RAISE EXCEPTION 'stale: key % is %, % has %', r.k, r.v, r.level, r.cached;
		END LOOP;
	END $$;
};

# Run the scripts against each other; returns how many transactions were made.
sub race
{
	my ($node, $name, $disturb, @scripts) = @_;
	my @files;
	for my $script (@scripts)
	{
		my $file = $node->basedir . "/$script.sql";
		open my $fh, '>', $file or die "$file: $!";
		(my $text = $script{$script}) =~ s/\n[ \t]+/\n/g;
		print $fh $text;
		close $fh;
		push @files, '-f', $file;
	}
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '10', '-j', '2', '-T', $seconds, '--max-tries=100', @files,
			$node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	$disturb->() if $disturb;
	my $good = $run->finish;
	my ($done) = $out =~ /number of transactions actually processed: (\d+)/;
	ok($good && $err !~ /stale|ERROR/, "$name: no stale read, no error")
	  or diag(join "\n", grep { /ERROR|stale|abort/ } split /\n/, $err);
	return $done // 0;
}

# After all have finished: what is cached is what the table says.
sub check_rest
{
	my ($node, $name) = @_;
	is( $node->safe_psql(
			'postgres', q{
			SELECT b.k, b.v, c.value, c.level FROM base b JOIN cache_get('race', ARRAY['k1', 'k2', 'k3', 'k4']) c
				ON c.key = 'k' || b.k WHERE c.value <> to_jsonb(b.v)}),
		'', "$name: no invalidation was lost");
	is( $node->safe_psql(
			'postgres', q{
			SELECT count(*) FROM base b, LATERAL cache_fill('race', 'k' || b.k, 'SELECT v FROM base WHERE k = $1', b.k) f
				WHERE f <> to_jsonb(b.v)}),
		'0', "$name: every key can be filled again");
	return;
}

my $total = 0;
my @changes = qw(change_delete delete_change change_put change_frozen roll_back savepoint);
my @reads = qw(read read_batch read_frozen read_serializable fill fill claim claim_frozen);

for my $preload (1, 0)
{
	my $how = $preload ? 'preloaded' : 'not preloaded';
	my $node = FilteroptTest::new_node("race_$preload",
		preload => $preload,
		conf => "filteropt.cache_redis = '" . $redis->socket . "'\n"
		  . "filteropt.cache_redis_breaker_window = 100\nmax_connections = 40\n"
		  . "filteropt.cache_l1_size = '4MB'\n");
	$node->safe_psql('postgres', $schema);

	for my $levels ($preload ? ('L1,L3', 'L1,L3,L2', 'L2,L1,L3', 'L3', 'L1', 'L1,L2') : ('L1,L3', 'L1,L2,L3'))
	{
		my $name = "$how, $levels";
		$node->safe_psql('postgres', qq{
			DELETE FROM filteropt.cache_resource WHERE name = 'race';
			SELECT cache_resource_add('race', levels => '{$levels}')});
		$total += race($node, $name, undef, @reads, @changes);
		check_rest($node, $name);
		$total += race($node, "$name, watched and cleared", undef, @reads, 'watched', 'change_put', 'clear')
		  if $levels eq 'L1,L3' && $node->safe_psql('postgres',
			q{SELECT cache_watch('base', 'race', 'k{k}')}) eq '';
		next if $levels !~ /L2/;
		$total += race($node, "$name, Redis frozen and killed", sub {
				for (1 .. $seconds - 2)
				{
					$redis->freeze;
					select undef, undef, undef, 0.3;
					$redis->thaw;
					select undef, undef, undef, 0.3;
					$redis->kill9;
					select undef, undef, undef, 0.2;
					$redis->start;
				}
			}, @reads, @changes);
		check_rest($node, "$name, Redis frozen and killed");
	}
	my $hits = $node->safe_psql('postgres', 'SELECT sum(l1_hits) FROM cache_counters()');
	cmp_ok($hits, '>', 1000, "$how: level 1 gave values ($hits)");
	my $refused = $node->safe_psql('postgres', 'SELECT sum(fills_refused) FROM cache_counters()');
	cmp_ok($refused, '>', 0, "$how: there were races, fills were thrown away ($refused)");
	$node->stop;
}

cmp_ok($total, '>=', 10_000, "at least 10 000 interleaved transactions ($total)");
$redis->stop;
done_testing();
