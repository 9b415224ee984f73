# Feeds of many callers at once, on a standby, after a crash, after dump and restore.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = FilteroptTest::new_node('main', preload => 1, streaming => 1, conf => "max_connections = 60\n");
my $sql = sub { return $node->safe_psql('postgres', "SET search_path = app, filteropt, public; $_[0]"); };

$sql->(q{CREATE SCHEMA app;
	SELECT feed_create('main', 'app', options => '{"model": "m", "mode": "ai", "lease": "1 hour"}');
	INSERT INTO users (id) SELECT generate_series(1, 50);
	INSERT INTO keywords (user_id, keyword) SELECT i, w FROM generate_series(1, 50) i, unnest('{tea,crypto*}'::text[]) w;
	CREATE TABLE claimed (pid int DEFAULT pg_backend_pid(), post_id text, token bigint);
	CREATE TABLE finished (pid int DEFAULT pg_backend_pid());
	CREATE TABLE page AS SELECT jsonb_agg(jsonb_build_object('id', i, 'body', 'post of crypto ' || i)) AS posts FROM generate_series(1, 40) i});

# Callers of the same posts at the same time: each post is claimed by one of them.  They
# stay until all have called, since a claim ends with its session.
my $script = $node->basedir . '/filter.sql';
open my $fh, '>', $script or die;
print $fh q{INSERT INTO app.claimed (post_id, token) SELECT post_id, token
	FROM app.page, filteropt.feed_filter('main', 1 + :client_id, posts) WHERE decision = 'pending';
INSERT INTO app.finished DEFAULT VALUES;
DO $$ BEGIN WHILE (SELECT count(*) < 20 FROM app.finished) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
};
close $fh;
command_ok([ 'pgbench', '-n', '-c', '20', '-j', '2', '-t', '1', '-f', $script, $node->connstr('postgres') ],
	'twenty callers of one page');
is($sql->('SELECT count(*), count(DISTINCT post_id) FROM claimed'), '40|40', 'each post is claimed by one caller');
is($sql->('SELECT count(*) FROM analytics_events'), '0', 'nothing is decided yet');

# The claims of sessions that have ended are free again.
my $first = $node->background_psql('postgres');
my $claims = q{SELECT count(*) FILTER (WHERE decision = 'pending'), count(*) FILTER (WHERE decision = 'waiting')
	FROM app.page, filteropt.feed_filter('main', 1, posts)};
like($first->query_safe($claims), qr/40\|0/, 'they pass on when their sessions end');
is($sql->($claims), '0|40', 'another caller waits');

# Verdicts without tokens are taken from anyone, and those who waited find them.
$sql->(q{SELECT count(*) FROM page, feed_classified('main', 1,
	(SELECT jsonb_agg(p || '{"verdict": 0.8, "cost": 0.01}') FROM jsonb_array_elements(posts) p))});
is($sql->(q{SELECT decision, count(*) FROM page, feed_filter('main', 2, posts) GROUP BY 1}), 'hide|40',
	'the verdicts decide for another owner');
$first->quit;
is($sql->(q{SELECT user_id, posts_filtered, keyword_hits FROM daily_stats ORDER BY 1}), "1|40|40\n2|40|40", 'the numbers are right at once');

# Two owners who record at the same moment, and one who rolls back.
my ($a, $b) = map { $node->background_psql('postgres') } 1, 2;
my $filter = sub { return "SELECT count(*) FROM app.page, filteropt.feed_filter('main', $_[0], posts)"; };
$_->query_safe('BEGIN') for $a, $b;
$a->query_safe($filter->(3));
$b->query_safe($filter->(3));
$a->query_safe('ROLLBACK');
$b->query_safe('COMMIT');
$_->quit for $a, $b;
is($sql->('SELECT posts_filtered FROM daily_stats WHERE user_id = 3'), '40', 'a rollback takes back its own part');

# A standby filters, explains and counts, and records nothing.
my $standby = FilteroptTest::new_standby($node, 'standby');
$node->wait_for_catchup($standby);
my $look = q{SELECT post_id, decision, keywords, spans, classification FROM app.page, filteropt.feed_filter('main', 4, posts, record => false)};
is($standby->safe_psql('postgres', $look), $node->safe_psql('postgres', $look), 'a standby decides alike');
is($standby->safe_psql('postgres', q{SELECT DISTINCT level FROM app.page, filteropt.feed_filter('main', 4, posts, false)}), 'L3',
	'from the table');
is($standby->safe_psql('postgres', q{SELECT decision, token FROM filteropt.feed_filter('main', 4, '[{"id": 99, "body": "never seen"}]', false)}),
	'pending|', 'it claims nothing');
is($standby->safe_psql('postgres', q{SELECT total, hidden FROM filteropt.feed_stats('main', 2, 1)}), '80|40', 'it has the numbers');
is($standby->safe_psql('postgres', q{SELECT result FROM filteropt.feed_explain('main', 2, '{"body": "post of crypto 7"}') WHERE step = 'decision'}),
	'hide', 'it explains');
like(FilteroptTest::error_of($standby, q{SELECT filteropt.feed_filter('main', 4, '[]')}),
	qr/^25006: cannot execute filteropt.feed_filter/, 'it refuses to record');
like(FilteroptTest::error_of($standby, q{SELECT filteropt.feed_classified('main', 4, '[]')}), qr/^25006/, 'and to keep verdicts');
$standby->stop;

# kill -9: what was committed is there.
my $before = $sql->('TABLE daily_stats ORDER BY 1');
$node->stop('immediate');
$node->start;
is($sql->('TABLE daily_stats ORDER BY 1'), $before, 'the numbers survive a crash');
is($sql->(q{SELECT DISTINCT decision, level FROM page, feed_filter('main', 5, posts, false)}), 'hide|L3', 'and so do verdicts');

# Dump and restore, after renames.  What the cache keeps is not in a dump, so keywords decide.
$sql->(q{INSERT INTO filter_config (user_id, mode) VALUES (6, 'keyword'), (7, 'keyword');
	ALTER TABLE analytics_events RENAME TO happened; ALTER TABLE happened RENAME post_id TO post;
	ALTER TABLE keywords RENAME keyword TO "the word"; ALTER SCHEMA app RENAME TO "App two"});
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dump');
command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dump.out", '-f', $dump, $node->connstr('restored') ], 'restore');
my $all = q{SELECT * FROM filteropt.feed_bindings('main'); SELECT name, model, mode, lease FROM filteropt.feed;
	SELECT post_id, decision, keywords FROM "App two".page, filteropt.feed_filter('main', 6, posts, false);
	SELECT * FROM "App two".daily_stats ORDER BY 1; SELECT * FROM "App two".keyword_stats ORDER BY 1, 2};
is($node->safe_psql('restored', $all), $node->safe_psql('postgres', $all), 'a restored feed says the same');
is($node->safe_psql('restored', q{SELECT count(*) FROM "App two".page, filteropt.feed_filter('main', 7, posts);
	SELECT posts_filtered, keyword_hits FROM "App two".daily_stats WHERE user_id = 7;
	SELECT count(*) FROM filteropt.rollup_check('"App two".daily_stats');
	SELECT count(*) FROM filteropt.rollup_check('"App two".keyword_stats')}), "40\n40|40\n0\n0", 'and goes on recording');
is($node->safe_psql('restored', q{SELECT filteropt.feed_drop('main'); SELECT count(*) FROM filteropt.feed, "App two".happened WHERE false;
	SELECT count(*) FROM filteropt.feed}), "\n0\n0", 'it can be dropped');

$node->stop;

# Without shared memory nobody claims, and the verdict may come through any session.
my $alone = FilteroptTest::new_node('alone', conf => "filteropt.cache_l1_size = '1000GB'\n");
$alone->safe_psql('postgres', q{SELECT l1_place FROM filteropt.cache_status();
	CREATE SCHEMA app; SELECT filteropt.feed_create('main', 'app', options => '{"model": "m", "mode": "ai"}');
	INSERT INTO app.users (id) VALUES (1), (2)});
my $asked = q{SELECT decision, token IS NULL FROM filteropt.feed_filter('main', USER, '[{"id": 1, "body": "a post"}]')};
for my $user (1, 2)
{
	is($alone->safe_psql('postgres', $asked =~ s/USER/$user/r), 'pending|t', "alone: user $user is told to ask, without a token");
}
is($alone->safe_psql('postgres', q{SELECT decision FROM filteropt.feed_classified('main', 1,
	'[{"id": 1, "body": "a post", "token": null, "verdict": 0.9}]')}), 'hide', 'alone: another session answers');
is($alone->safe_psql('postgres', $asked =~ s/USER/2/r), 'hide|t', 'alone: the verdict is kept for all');
$alone->stop;

done_testing();
