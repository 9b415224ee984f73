#!/bin/bash
# advisor.sh: what index_advise is worth, beside published figures of other advisors.
#
# "web" is an application's schema with some twenty queries of its own; cost and time are
# those of the workload with the advised indexes, as a share of those without.  "tpch" is
# the planner's cost of the 22 queries of TPC-H with primary keys and what is advised.
#
#   BENCH_SECTIONS="web write tpch"
#   BENCH_TPCH=DIR    the .tbl files of the kit's dbgen (-s 0.1), and in DIR/queries what
#                     its qgen -d prints for each query; without it tpch is left out
#   BENCH_SCALE=1     times as many rows in web
#   BENCH_QUICK=1     web without verification
#   BENCH_LOCK=FILE   hold a lock on it while measuring
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
sections=${BENCH_SECTIONS:-web write tpch}
here=$root/bench/advisor

wants() { case " $sections " in *" $1 "*) true ;; *) false ;; esac; }

locked()
{
	if [ -n "${BENCH_LOCK:-}" ]; then flock "$BENCH_LOCK" "$@"; else "$@"; fi
}

# advise NAME BUDGET VERIFY TIMED: one line of the database PGDATABASE.
advise()
{
	locked psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -c "SELECT * FROM bench_advise('$1', $2, $3, $4)" |
		awk -v name="$1" '{ printf "%-22s %3d indexes %6.1f MB (estimated %6.1f) in %5.1f s | cost %8d, %6.2f %%", name, $1, $2, $3, $4, $5, $6
			if ($7 != "") printf " | time %6.2f %%, at worst %s", $7, $8 == "" ? "none slower" : $8 " of before (query " $9 ")"
			print "" }'
}

web()
{
	createdb web
	export PGDATABASE=web
	psql -Xq -v ON_ERROR_STOP=1 -v scale="${BENCH_SCALE:-1}" -f "$here/web_setup.sql" \
		-f "$here/web_queries.sql" -c 'CREATE EXTENSION filteropt' -f "$here/measure.sql" >/dev/null
	advise 'planner' NULL false true
	for share in 100 50 25; do advise "planner, $share %" "'$share%'" false true; done
	[ -z "$quick" ] || return 0
	advise 'verified' NULL true true
	for share in 100 50 25; do advise "verified, $share %" "'$share%'" true true; done
	cat <<-'TEXT'
		elsewhere, on another web workload (cost % / CPU %): dexter 15 / 59; Supabase 15 / 57; pg_qualstats 8.9 / 57;
		Extend 14 / 56 at 100 %, 35 / 75 at 25 %; db2advis 13 / 56; by hand 3.5 / 1.3
	TEXT
}

# write_cost: what an index adds to inserting 200,000 rows, in cost units: milliseconds of the
# clock beside those of a sequential scan of the same rows, whose cost is known.
write_cost()
{
	createdb write_cost
	export PGDATABASE=write_cost
	locked psql -XqAt -v ON_ERROR_STOP=1 -f "$here/write_cost.sql"
}

tpch()
{
	if [ -z "${BENCH_TPCH:-}" ]; then
		echo 'left out: BENCH_TPCH names no directory'
		return
	fi
	createdb tpch
	export PGDATABASE=tpch
	"$here/tpch_load.sh" "$BENCH_TPCH"
	psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION filteropt' -f "$here/measure.sql"
	for share in 25 50 100; do advise "planner, $share %" "'$share%'" false false; done
	echo 'elsewhere: Extend 340 000, 308 000 and 260 000 at 25, 50 and 100 %; of width 3 243 000 at 100 %;'
	echo 'dexter 289 000 and 263 000; Supabase index_advisor 269 000'
}

scripts/deps build bench
workdir
stage
cluster_start 'shared_buffers = 1GB' 'fsync = off' 'autovacuum = off' 'max_wal_size = 8GB'
cd "$root"
printf 'PostgreSQL %s, %s cores\n' "$(psql -XAtc 'SHOW server_version' postgres)" "$(nproc)"
if wants web; then
	say 'a web application, primary keys and unique constraints only'
	web
fi
if wants write; then
	say 'what an index adds to inserting a row, in cost units of the planner'
	write_cost
fi
if wants tpch; then
	say 'TPC-H, primary keys only: the cost of 22 queries'
	tpch
fi
