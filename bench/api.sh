#!/bin/bash
# api.sh: pages beside OFFSET, the usual keyset condition and ranges written by hand; chosen
# fields, embedded children, compression and entity tags beside what one writes without them.
#
# Every figure is the median of several executions in one backend, by the server's
# clock; ways take turns.  A report, not a test.
#
#   BENCH_QUICK=1             seconds instead of a minute; the figures mean little
#   BENCH_ROWS=5000000        rows of the table
#   BENCH_ROUNDS=21           executions of each way
#   BENCH_SECTIONS="page fields embed gzip http"   what to measure, default all
#   BENCH_LOCK=FILE           hold a lock on it while measuring
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
rows=${BENCH_ROWS:-$([ -n "$quick" ] && echo 50000 || echo 5000000)}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 5 || echo 21)}
sections=${BENCH_SECTIONS:-page fields embed gzip http}
here=$root/bench/api

wants() { case " $sections " in *" $1 "*) true ;; *) false ;; esac; }

locked()
{
	if [ -n "${BENCH_LOCK:-}" ]; then flock "$BENCH_LOCK" "$@"; else "$@"; fi
}

run() { psql -XqAt -v ON_ERROR_STOP=1 -v rows="$rows" -v rounds="$rounds" "$@"; }

scripts/deps build bench
workdir
stage
cluster_start 'shared_buffers = 2GB' 'fsync = off' 'jit = off' 'autovacuum = off' \
	'max_wal_size = 8GB' 'max_parallel_workers_per_gather = 0'
cd "$root"
run -c 'CREATE EXTENSION filteropt' -f "$here/common.sql"
printf 'PostgreSQL %s, %s cores\n' "$(run -c 'SHOW server_version')" "$(nproc)"
if wants page; then
	say "pages of 20 of $rows rows, microseconds (median of $rounds)"
	run -f "$here/page_setup.sql"
	locked psql -Xq -v ON_ERROR_STOP=1 -v rows="$rows" -v rounds="$rounds" -f "$here/page.sql"
fi

# One of the smaller sections: its title, its file and variables for it.
section()
{
	local name=$1 title=$2
	shift 2
	wants "$name" || return 0
	say "$title, microseconds (median of $rounds)"
	locked psql -Xq -v ON_ERROR_STOP=1 -v rounds="$rounds" -P footer=off "$@" -f "$here/$name.sql"
}

section fields 'chosen fields'
section embed 'parents with their children'
run -f "$here/body_setup.sql"
if wants gzip; then
	run -F $'\t' -c 'SELECT kb, body FROM body WHERE n = 1' >"$work/tmp/bodies"
	node=$(locked node "$here/node.mjs" "$rounds" <"$work/tmp/bodies")
	section gzip "compression, Node's zlib beside it" -v node="$node"
fi
section http 'entity tags and headers'
