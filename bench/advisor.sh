#!/bin/bash
# advisor.sh: what index_advise is worth, beside published figures of other advisors.
#
# "web" and "shop" are applications' schemas with some twenty or thirty queries each, "tpch" is
# TPC-H with its 22 queries, all with primary keys and unique constraints only.  A line tells of an
# advice: how many indexes; how large they are and were estimated to be; how long it took; what the
# workload's own writes pay for them, in cost units; the workload's cost by the planner, and cost and
# CPU time as a share of those without any index; and the query that became slower by most.
#
#   BENCH_SECTIONS="web shop write tpch"
#   BENCH_TPCH=DIR    the .tbl files of the kit's dbgen (-s 0.1), and in DIR/queries what
#                     its qgen -d prints for each query; without it tpch is left out
#   BENCH_SCALE=1     times as many rows in web and shop
#   BENCH_QUICK=1     nothing is verified
#   BENCH_LOCK=FILE   hold a lock on it while measuring
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
sections=${BENCH_SECTIONS:-web shop write tpch}
here=$root/bench/advisor

wants() { case " $sections " in *" $1 "*) true ;; *) false ;; esac; }

locked()
{
	if [ -n "${BENCH_LOCK:-}" ]; then flock "$BENCH_LOCK" "$@"; else "$@"; fi
}

# advise NAME BUDGET VERIFY: one line of the database PGDATABASE.
advise()
{
	locked psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' \
		-c "SELECT * FROM bench_advise('$1', $2, $3, true)" |
		awk -v name="$1" '{ printf "%-16s | %2d | %6.1f | %6.1f | %5.1f | %6.1f | %8d | %6.2f | %6.2f | %s\n",
			name, $1, $2, $3, $4, $5, $6, $7, $8, $9 == "" ? "none slower" : $9 " of before (query " $10 ")" }'
}

# advise_all: a table of the database PGDATABASE.
advise_all()
{
	echo 'advice           | n  |     MB | est.MB |     s | writes |     cost | cost % |  CPU % | worst query'
	advise 'by hand' NULL false
	advise 'planner' NULL false
	for share in 100 50 25; do advise "planner, $share %" "'$share%'" false; done
	[ -z "$quick" ] || return 0
	advise 'verified' NULL true
	for share in 100 50 25; do advise "verified, $share %" "'$share%'" true; done
}

# application NAME: the tables and queries of NAME_setup.sql and NAME_queries.sql.
application()
{
	createdb "$1"
	export PGDATABASE=$1
	psql -Xq -v ON_ERROR_STOP=1 -v scale="${BENCH_SCALE:-1}" -c 'CREATE EXTENSION filteropt' \
		-f "$here/measure.sql" -f "$here/$1_setup.sql" -f "$here/$1_queries.sql" >/dev/null
	advise_all
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
	psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION filteropt' -f "$here/measure.sql"
	"$here/tpch_load.sh" "$BENCH_TPCH"
	quick=1 advise_all
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
	say 'a web application'
	application web
fi
if wants shop; then
	say 'a shop with its help desk'
	application shop
fi
if wants write; then
	say 'what an index adds to inserting a row, in cost units of the planner'
	write_cost
fi
if wants tpch; then
	say 'TPC-H, primary keys only: the cost of 22 queries'
	tpch
fi
