#!/bin/bash
# rollup.sh: what a rollup costs its writers, and what it gives its readers.
#
# The bare table and the same table with something that follows it take turns in one
# cluster; figures are medians over the rounds:
#
#   floor      a row trigger in C that does nothing (bench/rollup/floor.c)
#   rollup     the design's daily_stats
#   append     the same with filteropt.rollup_fold off: a row for each delta, which is
#              what folding is compared with; to merge them is not counted
#   plappend   a row trigger in PL/pgSQL that appends a row (bench/rollup/peers.sql)
#   upsert     one that counts in the group's row
#
# CPU is what the backends used (user and system time, from /proc), without the client;
# it jitters less than throughput.  Where there are groups before, every user has a row.
# "findable", in the batches, is the bare statement and the deltas of the batch appended
# by COPY, sorted, to a bare table of their shape with an index: so much it costs to make
# every delta findable, without any trigger.
#
#   BENCH_QUICK=1     seconds instead of minutes; the figures mean little
#   BENCH_SECTIONS="single batch read steady"
#   BENCH_CLIENTS="1 2 8 32"  BENCH_SECONDS=1  BENCH_ROUNDS=3
#   BENCH_PEERS="8"         clients with which the last three are measured, too
#   BENCH_PROTOCOL=prepared (or simple, extended: of pgbench)
#   BENCH_TIMES=100         transactions of each batch (ten times as many of 100 rows)
#   BENCH_COPY=1000000      rows of the COPY
#   BENCH_ROWS=10000000     base rows of the read section
#   BENCH_STEADY_SECONDS=600   length of the steady section, which is not a default
#   BENCH_LOCK=FILE   hold a lock on it in each stretch of measuring
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
sections=${BENCH_SECTIONS:-single batch read}
clients=${BENCH_CLIENTS:-$([ -n "$quick" ] && echo 2 || echo 1 2 8 32)}
seconds=${BENCH_SECONDS:-1}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
peers=${BENCH_PEERS:-$([ -n "$quick" ] && echo 2 || echo 8)}
protocol=${BENCH_PROTOCOL:-prepared}
rows=${BENCH_ROWS:-$([ -n "$quick" ] && echo 20000 || echo 10000000)}
steady=${BENCH_STEADY_SECONDS:-$([ -n "$quick" ] && echo 5 || echo 600)}

view="SELECT user_id, DATE(created_at) AS date, COUNT(*) AS total_events,
	SUM(CASE WHEN event_type = 'POST_SHOWN' THEN 1 ELSE 0 END) AS posts_shown,
	SUM(CASE WHEN event_type = 'POST_FILTERED' THEN 1 ELSE 0 END) AS posts_filtered"

ways='bare floor rollup append plappend upsert'

wants() { case " $sections " in *" $1 "*) true ;; *) false ;; esac; }
run() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# Hold the lock of benchmarks, if there is one, around a stretch of measuring.
lock() { [ -z "${BENCH_LOCK:-}" ] || { exec 9>"$BENCH_LOCK" && flock 9; }; }
unlock() { [ -z "${BENCH_LOCK:-}" ] || exec 9>&-; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Make the table NAME as the design has it.
make_table()
{
	run -c "DROP TABLE IF EXISTS $1 CASCADE" -c "CREATE TABLE $1 (
		id bigserial PRIMARY KEY, user_id int NOT NULL, event_type text,
		created_at timestamptz NOT NULL DEFAULT now())" \
		-c "CREATE INDEX ON $1 (user_id, created_at)" 2>/dev/null
}

add_rollup()
{
	run -c "SET client_min_messages = warning; SELECT filteropt.rollup_create('stats_$1',
		\$\$$view FROM $1 GROUP BY user_id, DATE(created_at)\$\$, day_tz => 'UTC')" >/dev/null
}

is_exact()
{
	[ "$(run -c "SELECT count(*) FROM filteropt.rollup_check('stats_rollup')")" = 0 ] || die 'rollup is wrong'
}

fresh()
{
	local t
	for t in $ways; do
		make_table "$t"
		run -c "INSERT INTO $t (user_id, event_type) SELECT i, 'POST_SHOWN' FROM generate_series(1, 10000) i"
	done
	run -c "CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON floor FOR EACH ROW
		EXECUTE FUNCTION floor_nothing()"
	add_rollup rollup
	add_rollup append
	run -f bench/rollup/peers.sql 2>/dev/null
	run -c "INSERT INTO upsert_stats SELECT user_id, created_at::date, 1, 1, 0 FROM upsert"
}

# Hundredths of seconds of CPU that finished backends have used.
cpu() { awk '{ print $16 + $17 }' "/proc/$(head -1 "$cluster/data/postmaster.pid")/stat"; }

# options TABLE: settings of the sessions that write to it.
options() { [ "$1" != append ] || echo '-c filteropt.rollup_fold=off'; }

# One run of pgbench: prints "tps cpu_us".
bench_once()
{
	local table=$1 n=$2 script=$3 before after out
	before=$(cpu)
	out=$(PGOPTIONS=$(options "$table") pgbench -n -M "$protocol" -c "$n" -j 1 -T "$seconds" \
		-f "$script" postgres 2>/dev/null)
	sleep 0.15
	after=$(cpu)
	awk -v c=$((after - before)) '/actually processed/ { n = $NF; sub("/.*", "", n) }
		/^tps/ { tps = $3 } END { print tps, c * 10000 / n }' <<<"$out"
}

# Print a way's shares of the bare table from a line "name tps cpu".
shares='function shares(w) {
	printf " | %s %4.2f %4.2f", w, tps[w] / tps["bare"], cpu[w] / cpu["bare"]
	if (w == "rollup") printf " (of floor %4.2f %4.2f)", tps[w] / tps["floor"], cpu[w] / cpu["floor"]
}'

# Compare the tables for a number of clients and a choice of users.
single()
{
	local n=$1 name=$2 user=$3 some='bare floor rollup' r t
	case " $peers " in *" $n "*) some=$ways ;; esac
	for t in $some; do
		printf '%s\n' "\\set u $user" \
			"INSERT INTO $t (user_id, event_type) VALUES (:u, 'POST_SHOWN');" >"$work/tmp/$t.sql"
		: >"$work/tmp/$t.out"
	done
	for ((r = 0; r < rounds; r++)); do
		run -c CHECKPOINT
		for t in $some; do
			bench_once "$t" "$n" "$work/tmp/$t.sql" >>"$work/tmp/$t.out"
		done
	done
	for t in $some; do
		echo "$t" "$(cut -d' ' -f1 "$work/tmp/$t.out" | median)" \
			"$(cut -d' ' -f2 "$work/tmp/$t.out" | median)"
	done | awk -v n="$n" -v name="$name" "$shares"'
		{ way[NR] = $1; tps[$1] = $2; cpu[$1] = $3 }
		END { printf "%3d %-7s %6.0f tps %5.1f us", n, name, tps["bare"], cpu["bare"]
			for (i = 2; i <= NR; i++) shares(way[i])
			print "" }'
}

# findable_ticks GROUPS TIMES: CPU of appending so many delta rows so often.
findable_ticks()
{
	local a b
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print int(i * 10000 / n) "\t2024-01-01\t1\t1\t0" }' \
		>"$work/tmp/findable"
	give_to_server "$work/tmp/findable"
	a=$(cpu)
	run -c "DO \$\$ BEGIN FOR i IN 1..$2 LOOP COPY findable FROM '$work/tmp/findable'; COMMIT; END LOOP; END \$\$"
	sleep 0.2
	b=$(cpu)
	echo $((b - a))
}

# Run a statement for each table; TBL is its name.  Prints CPU shares.  It makes
# GROUPS deltas in each of TIMES transactions.
batch()
{
	local name=$1 sql=$2 before=$3 groups=$4 times=$5 r t a b
	for t in bare floor append rollup findable; do : >"$work/tmp/$t.out"; done
	for ((r = 0; r < rounds; r++)); do
		for t in bare floor append rollup; do
			[ -z "$before" ] || run -c "${before//TBL/$t}"
			run -c CHECKPOINT
			a=$(cpu)
			PGOPTIONS=$(options $t) run -c "${sql//TBL/$t}" >/dev/null
			sleep 0.2
			b=$(cpu)
			echo $((b - a)) >>"$work/tmp/$t.out"
		done
		findable_ticks "$groups" "$times" >>"$work/tmp/findable.out"
	done
	for t in bare floor append rollup findable; do
		median <"$work/tmp/$t.out"
	done | awk -v name="$name" '{ v[NR] = $1 ? $1 : 1 } END {
		printf "%-34s %6d ms | floor %4.2f | append %4.2f | rollup %4.2f (of floor %4.2f) | findable %4.2f\n",
			name, v[1] * 10, v[1] / v[2], v[1] / v[3], v[1] / v[4], v[2] / v[4], v[1] / (v[1] + v[5]) }'
}

# So many transactions of a statement; lo is the least id.
loop()
{
	echo "DO \$\$ DECLARE lo bigint := (SELECT min(id) FROM TBL);
		BEGIN FOR i IN 0..$(($1 - 1)) LOOP $2; COMMIT; END LOOP; END \$\$"
}

batches()
{
	local k m
	k=${BENCH_TIMES:-$([ -n "$quick" ] && echo 5 || echo 100)}
	m=${BENCH_COPY:-$([ -n "$quick" ] && echo 20000 || echo 1000000)}
	local ten='(10000 * power(random(), 3))::int' all='(random() * 1000000)::int'
	fresh
	run -c 'CREATE TABLE findable (g1 int, g2 date, n bigint, c1 bigint, c2 bigint)' \
		-c 'CREATE INDEX ON findable (g1, g2) WITH (deduplicate_items = off)'
	batch 'INSERT 100 rows, zipf-like users' "$(loop $((k * 10)) "INSERT INTO TBL (user_id, event_type)
		SELECT $ten, 'POST_SHOWN' FROM generate_series(1, 100)")" '' 85 $((k * 10))
	batch 'INSERT 1000 rows, zipf-like users' "$(loop "$k" "INSERT INTO TBL (user_id, event_type)
		SELECT $ten, 'POST_SHOWN' FROM generate_series(1, 1000)")" '' 550 "$k"
	batch 'INSERT 1000 rows, 50 users' "$(loop "$k" "INSERT INTO TBL (user_id, event_type)
		SELECT (50 * random())::int, 'POST_SHOWN' FROM generate_series(1, 1000)")" '' 51 "$k"
	batch 'INSERT 1000 rows, all other users' "$(loop "$k" "INSERT INTO TBL (user_id, event_type)
		SELECT $all, 'POST_SHOWN' FROM generate_series(1, 1000)")" '' 1000 "$k"
	run -c "COPY (SELECT $ten, 'POST_SHOWN', '2024-01-01'::timestamptz + random() * interval '1 day'
		FROM generate_series(1, $m)) TO STDOUT" >"$work/tmp/copy"
	give_to_server "$work/tmp/copy"
	batch "COPY $m rows, one day, 10 000 users" "COPY TBL (user_id, event_type, created_at) FROM '$work/tmp/copy'" \
		'TRUNCATE TBL' 10000 1
	local range='id >= lo + i * 1000 AND id < lo + (i + 1) * 1000' tidy='VACUUM ANALYZE TBL'
	batch 'UPDATE of 1000 rows' "$(loop "$k" "UPDATE TBL SET event_type =
		CASE event_type WHEN 'POST_SHOWN' THEN 'POST_FILTERED' ELSE 'POST_SHOWN' END WHERE $range")" "$tidy" 550 "$k"
	batch 'DELETE of 1000 rows, a range' "$(loop "$k" "DELETE FROM TBL WHERE $range")" "$tidy" 550 "$k"
	batch 'DELETE of the 1000 oldest rows' "$(loop "$k" "DELETE FROM TBL
		WHERE id IN (SELECT id FROM TBL ORDER BY id LIMIT 1000)")" "$tidy" 550 "$k"
	is_exact
}

# Compare a query with that of the plain table, in turns: medians of the server's
# CPU and of the latency, both in microseconds per query.
compare_reads()
{
	local name=$1 r q
	printf '%s\n' "$user" "SELECT * FROM plain $range;" >"$work/tmp/plain.sql"
	printf '%s\n' "$user" "$2" >"$work/tmp/other.sql"
	for q in plain other; do : >"$work/tmp/$q.out"; done
	for ((r = 0; r < rounds; r++)); do
		for q in plain other; do
			bench_once read 1 "$work/tmp/$q.sql" >>"$work/tmp/$q.out"
		done
	done
	for q in plain other; do
		printf '%s %s ' "$(cut -d' ' -f2 "$work/tmp/$q.out" | median)" \
			"$(cut -d' ' -f1 "$work/tmp/$q.out" | median)"
	done | awk -v name="$name" '{
		printf "%-32s plain %5.0f us CPU %6.0f us | %8.0f us CPU %8.0f us | %6.2f %6.2f times\n",
			name, $1, 1e6 / $2, $3, 1e6 / $4, $3 / $1, $2 / $4 }'
}

reads()
{
	local user="\\set u random(1, 1000)" protocol=prepared
	local range="WHERE user_id = :u AND date > '2024-03-01' ORDER BY date"
	local set='SET filteropt.rollup_fold = off'
	make_table rollup
	run -c "INSERT INTO rollup (user_id, event_type, created_at)
		SELECT 1 + i % 1000, 'POST_SHOWN', '2024-03-31 00:00+00'::timestamptz - (i / 1000 % 90) * interval '1 day'
		FROM generate_series(1, $rows) i"
	add_rollup rollup
	run -c "ALTER SYSTEM SET filteropt.rollup_merge_interval = 0" -c 'SELECT pg_reload_conf()' >/dev/null
	run -c 'VACUUM ANALYZE rollup' -c 'VACUUM ANALYZE stats_rollup_data' -c 'DROP TABLE IF EXISTS plain' \
		-c 'CREATE TABLE plain AS TABLE stats_rollup' -c 'ALTER TABLE plain ADD PRIMARY KEY (user_id, date)' \
		-c 'VACUUM ANALYZE plain' 2>/dev/null
	printf '30 days of a user out of %s base rows, prepared, beside a plain table by primary key\n' "$rows"
	compare_reads 'merged' "SELECT * FROM stats_rollup $range;"
	compare_reads 'raw aggregate, its index' "SELECT user_id, date(created_at AT TIME ZONE 'UTC'), count(*),
 sum(CASE WHEN event_type = 'POST_SHOWN' THEN 1 ELSE 0 END) FROM rollup
 WHERE user_id = :u AND created_at > '2024-03-01' GROUP BY 1, 2 ORDER BY 2;"
	run -c "$set" -c "DO \$\$ BEGIN FOR i IN 1..24 LOOP
		INSERT INTO rollup (user_id, event_type, created_at) SELECT u, 'POST_SHOWN', '2024-03-31 00:00+00' FROM generate_series(1, 1000) u;
		COMMIT; END LOOP; END \$\$" -c 'VACUUM ANALYZE stats_rollup_data'
	compare_reads '24 pending today' "SELECT * FROM stats_rollup $range;"
	run -c "$set" -c "DO \$\$ BEGIN FOR i IN 1..24 LOOP
		INSERT INTO rollup (user_id, event_type, created_at) SELECT u, 'POST_SHOWN', d FROM generate_series(1, 1000) u,
			generate_series('2024-03-02 00:00+00'::timestamptz, '2024-03-30 00:00+00', '1 day') d;
		COMMIT; END LOOP; END \$\$" -c 'VACUUM ANALYZE stats_rollup_data'
	compare_reads '24 pending in each of 30 groups' "SELECT * FROM stats_rollup $range;"
	is_exact
}

# Eight writers for a long time: backlog, sizes and throughput over time.
steady_state()
{
	local bench
	make_table rollup
	add_rollup rollup
	printf '%s\n' '\set u random_zipfian(1, 10000, 1.2)' \
		"INSERT INTO rollup (user_id, event_type) VALUES (:u, 'POST_SHOWN');" >"$work/tmp/steady.sql"
	pgbench -n -M prepared -c 8 -j 1 -T "$steady" -P $((steady / 10 > 0 ? steady / 10 : 1)) \
		-f "$work/tmp/steady.sql" postgres 2>&1 | grep --line-buffered '^progress' &
	bench=$!
	while kill -0 $bench 2>/dev/null; do
		sleep $((steady / 10 > 0 ? steady / 10 : 1))
		run -F' ' -c "SELECT groups || ' groups, ' || pending || ' pending, at most ' || most_rows_in_group
			|| ' in a group; table ' || pg_size_pretty(table_bytes) || ', index ' || pg_size_pretty(index_bytes)
			FROM filteropt.rollup_stat WHERE rollup = 'stats_rollup'::regclass"
	done
	wait $bench || true
}

scripts/deps build bench
workdir
stage
cc -O2 -fPIC -shared -I"$("$PG_CONFIG" --includedir-server)" -o "$work/floor.so" "$root/bench/rollup/floor.c"
cluster_start "shared_buffers = '$([ -n "$quick" ] && echo 128MB || echo 1GB)'" 'max_wal_size = 8GB' \
	'synchronous_commit = off' 'max_connections = 50' 'autovacuum_naptime = 10s' \
	"shared_preload_libraries = '\$libdir/filteropt'" 'filteropt.rollup_merge_interval = 10s'
cd "$root"
run -c 'CREATE EXTENSION filteropt' -c "ALTER DATABASE postgres SET timezone = 'UTC'" \
	-c "CREATE FUNCTION floor_nothing() RETURNS trigger LANGUAGE c AS '$work/floor.so'"
printf 'PostgreSQL %s, %s cores\n' "$(run -c 'SHOW server_version')" "$(nproc)"
if wants single; then
	say "single-row transactions, pgbench -M $protocol; shares of throughput, multiples of CPU"
	for n in $clients; do
		fresh
		lock
		single "$n" uniform 'random(1, 10000)'
		single "$n" zipf 'random_zipfian(1, 10000, 1.2)'
		single "$n" hot 1
		is_exact
		unlock
	done
fi
if wants batch; then
	say 'batches; CPU of the bare table, and its share of the CPU with a rollup'
	lock
	batches
	unlock
fi
if wants read; then
	say 'reading'
	lock
	reads
	unlock
fi
if wants steady; then
	say "steady state, 8 writers, $steady s"
	steady_state
fi
