#!/bin/bash
# The cache beside its peers, in one run: CPU and wall time a look-up from level 1, from
# the table by primary key in PL/pgSQL, and from Redis; puts beside INSERT ... ON CONFLICT;
# batches beside MGET.  100 000 keys of 36 bytes with values of 300 bytes, uniform.
# BENCH_QUICK=1 proves only that it runs.
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/deps build test
keys=${BENCH_QUICK:+2000}
keys=${keys:-100000}
rounds=${BENCH_QUICK:+1}
rounds=${rounds:-7}
workdir
stage
redis=$work/redis.sock
redis-server --port 0 --unixsocket "$redis" --unixsocketperm 777 --save '' --daemonize yes \
	--dir "$work/tmp" --pidfile "$work/redis.pid" >/dev/null
trap 'kill "$(cat "$work/redis.pid")" 2>/dev/null || true; cleanup' EXIT
cluster_start "shared_preload_libraries = '\$libdir/filteropt'" "shared_buffers = '512MB'" \
	"filteropt.cache_redis = '$redis'" "jit = off" "max_parallel_workers_per_gather = 0"
psql -Xqc 'CREATE EXTENSION filteropt' -v keys="$keys" -f "$root/bench/cache/setup.sql" >/dev/null

# Core alone: look-ups in C, without a server.
cc -std=gnu11 -O2 -I"$root/src" -o "$work/core" "$root/bench/cache/core.c" \
	"$root"/src/core/cache_{l1,log,policy,adapt}.c
say "in C, without a server (CPU, median of $rounds)"
for _ in $(seq "$rounds"); do "$work/core" "$keys"; done |
	awk '{ v[$1] = v[$1] " " $2 } END { for (k in v) print k, v[k] }' |
	while read -r name list; do
		printf '%-34s %6.0f ns\n' "$name" "$(tr ' ' '\n' <<<"$list" | sort -n |
			awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }')"
	done

say "in the server (CPU of the backend, median of $rounds interleaved rounds)"
psql -Xq -v rounds="$rounds" -f "$root/bench/cache/lookup.sql"
