#!/bin/bash
# advisor_watch.sh: CPU that the watch over queries costs the backend, a query; see
# bench/advisor/watch.c.  "select" is pgbench's select-only query, "rows" one of 100 rows
# of three columns, neither in a loop.  "no ids" is with compute_query_id off, "ids" with
# it on, which is the server's part of the price, "watch" with the watch besides; each
# ratio is to the state before.  A prepared query has its identifier from when it was prepared.
#
#   BENCH_QUICK=1   seconds instead of minutes; the figures mean little
#   BENCH_PAIRS=300
cd "$(dirname "$0")/.."
. scripts/lib.sh

pairs=${BENCH_PAIRS:-$([ -n "${BENCH_QUICK:-}" ] && echo 3 || echo 300)}

scripts/deps build test bench
workdir
stage
cluster_start "shared_preload_libraries = '\$libdir/filteropt'" 'shared_buffers = 256MB' 'jit = off' \
	'autovacuum = off'
cc -O2 -Wall -I"$("$PG_CONFIG" --includedir)" -o "$work/watch" "$root/bench/advisor/watch.c" \
	-L"$("$PG_CONFIG" --libdir)" -lpq
cd "$root"
pgbench -qi -s 5 postgres >/dev/null 2>&1
printf 'PostgreSQL %s, %s cores; CPU of the backend a query, medians of %s pairs of turns\n' \
	"$(psql -XAtc 'SHOW server_version')" "$(nproc)" "$pairs"
for protocol in prepared simple; do
	printf '%-9s select  ' "$protocol"
	"$work/watch" "$protocol" "$pairs" 500 'SELECT abalance FROM pgbench_accounts WHERE aid = $1' 1 500000
	printf '%-9s rows    ' "$protocol"
	"$work/watch" "$protocol" "$pairs" 100 \
		'SELECT aid, bid, abalance FROM pgbench_accounts WHERE aid >= $1 ORDER BY aid LIMIT 100' 1 400000
done
