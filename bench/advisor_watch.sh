#!/bin/bash
# advisor_watch.sh: what the watch over queries costs the queries.
#
# One client of pgbench runs its select-only script with the watch on and off in turns,
# in one server. CPU is what the backend used (user and system time, by getrusage of the
# finished backends, in /proc), a transaction; the figure is the median over pairs of
# turns of on / off. "loop" is a loop of 100 that the watch reports, "rows" a query of
# 100 rows.
#
#   BENCH_QUICK=1   seconds instead of minutes; the figures mean little
#   BENCH_ROUNDS=15  BENCH_SECONDS=3  BENCH_PROTOCOLS="prepared simple"
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 15)}
seconds=${BENCH_SECONDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
protocols=${BENCH_PROTOCOLS:-prepared simple}

# Nanoseconds of CPU that the statements of a backend used: pgbench's only backend says
# itself at its end, as the server's statistics of finished children count hundredths.
measure()
{
	local watch=$1 protocol=$2 script=$3 out
	out=$(PGOPTIONS="-c filteropt.advisor_watch=$watch" pgbench -n -M "$protocol" -c 1 -T "$seconds" \
		-f "$script" postgres 2>/dev/null)
	awk '/actually processed/ { n = $NF; sub("/.*", "", n); print n }' <<<"$out"
}

cpu() { awk '{ print $16 + $17 }' "/proc/$(head -1 "$cluster/data/postmaster.pid")/stat"; }

once()
{
	local before after n
	before=$(cpu)
	n=$(measure "$@")
	sleep 0.2
	after=$(cpu)
	awk -v t=$((after - before)) -v n="$n" 'BEGIN { printf "%.3f\n", t * 10000 / n }'
}

median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

compare()
{
	local name=$1 protocol=$2 script=$3 r on off
	: >"$work/tmp/pairs"
	for ((r = 0; r < rounds; r++)); do
		if ((r % 2)); then
			on=$(once on "$protocol" "$script") off=$(once off "$protocol" "$script")
		else
			off=$(once off "$protocol" "$script") on=$(once on "$protocol" "$script")
		fi
		echo "$on $off" >>"$work/tmp/pairs"
	done
	printf '%-10s %-9s off %7.2f us | on %7.2f us | ratio %.4f\n' "$name" "$protocol" \
		"$(cut -d' ' -f2 "$work/tmp/pairs" | median)" "$(cut -d' ' -f1 "$work/tmp/pairs" | median)" \
		"$(awk '{ print $1 / $2 }' "$work/tmp/pairs" | median)"
}

scripts/deps build test bench
workdir
stage
cluster_start "shared_preload_libraries = '\$libdir/filteropt'" 'shared_buffers = 256MB' 'jit = off' \
	'compute_query_id = on' 'autovacuum = off'
cd "$root"
pgbench -qi -s 5 postgres >/dev/null 2>&1
printf '%s\n' '\set aid random(1, 500000)' 'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;' \
	>"$work/tmp/select.sql"
printf '%s\n' '\set aid random(1, 400000)' \
	'SELECT aid, bid, abalance FROM pgbench_accounts WHERE aid BETWEEN :aid AND :aid + 99;' >"$work/tmp/rows.sql"
{
	echo 'SELECT aid FROM pgbench_accounts WHERE aid > 1000 ORDER BY aid LIMIT 100;'
	for ((i = 1001; i <= 1100; i++)); do
		printf '\\set aid %d\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n' "$i"
	done
} >"$work/tmp/loop.sql"
printf 'PostgreSQL %s, %s cores; CPU of the backend a transaction, %s turns of %s s each\n' \
	"$(psql -XAtc 'SHOW server_version')" "$(nproc)" "$rounds" "$seconds"
for protocol in $protocols; do
	compare select "$protocol" "$work/tmp/select.sql"
	compare rows "$protocol" "$work/tmp/rows.sql"
	compare loop "$protocol" "$work/tmp/loop.sql"
done
