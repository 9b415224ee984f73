#!/bin/bash
# feed.sh: one feed of 20 posts, 50 keywords, verdicts known: feed_filter beside its
# parts, the one statement that an expert would write, and a loop of statements.
#
# Every figure is processor time of the one backend that does the work, each request in a
# transaction of its own, the median of several rounds in which the ways take turns.
# A loop pays no round trips here, which flatters it.  A report, not a test.
#
#   BENCH_QUICK=1         seconds instead of a minute; the figures mean little
#   BENCH_REQUESTS=400    requests of each way and round
#   BENCH_ROUNDS=5        rounds
#   BENCH_LOCK=FILE       hold a lock on it while measuring
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
requests=${BENCH_REQUESTS:-$([ -n "$quick" ] && echo 40 || echo 400)}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 5)}
here=$root/bench/feed

locked()
{
	if [ -n "${BENCH_LOCK:-}" ]; then flock "$BENCH_LOCK" "$@"; else "$@"; fi
}

scripts/deps build bench
workdir
stage
cluster_start 'shared_buffers = 512MB' 'fsync = off' 'synchronous_commit = off' 'jit = off' \
	"shared_preload_libraries = '\$libdir/filteropt'"
cd "$root"
psql -XqAt -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION filteropt' -f "$here/setup.sql" -f "$here/ways.sql"
printf 'PostgreSQL %s, %s cores\n' "$(psql -XAtc 'SHOW server_version')" "$(nproc)"
say "a request of 20 posts, 50 keywords, microseconds of processor time"
locked psql -Xq -v ON_ERROR_STOP=1 -v requests="$requests" -v rounds="$rounds" -P footer=off -f "$here/measure.sql"
