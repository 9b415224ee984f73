#!/bin/bash
# http.sh: the servers of examples/express-knex under load: the classic one, the same with
# one call per feed where it had one per post ("tuned"), and the one with filteropt, on the same
# PostgreSQL and Redis; and Express alone.  A report, not a test.
#
#   BENCH_QUICK=1          seconds instead of minutes; the figures mean little
#   BENCH_SECONDS=3        of each round
#   BENCH_ROUNDS=3         rounds of each server
#   BENCH_CONNECTIONS=10   requests at a time
#   BENCH_SECTIONS=feed    what to measure, a word of its title; default all
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
seconds=${BENCH_SECONDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
connections=${BENCH_CONNECTIONS:-10}
section=${BENCH_SECTIONS:-${quick:+keywords}}

scripts/deps build test bench
workdir
stage
cluster_start "shared_preload_libraries = '\$libdir/filteropt'" 'shared_buffers = 512MB' \
	'synchronous_commit = off' 'jit = off' 'max_wal_size = 4GB'
POSTGRES_PID=$(head -n 1 "$cluster/data/postmaster.pid")
export POSTGRES_PID
printf 'PostgreSQL %s, Redis %s, Node %s, %s cores\n' "$(psql -XAtc 'SHOW server_version')" \
	"$(redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/')" "$(node --version)" "$(nproc)"
"$work/tree/examples/express-knex/with-servers" \
	node bench/load.js "$seconds" "$rounds" "$connections" "$section"
