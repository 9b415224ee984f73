#!/bin/bash
# keyword.sh: keyword matching beside Hyperscan and what PostgreSQL has built in.
#
# Every figure is CPU time of one process; ways that are compared take turns
# over several rounds, and medians are reported beside the targets.  A report,
# not a test: it fails only when something cannot be run.
#
#   BENCH_QUICK=1       seconds instead of minutes; the figures mean little
#   BENCH_SECTIONS="core languages builtin value functions build attached"
#                       what to measure, default all
#   BENCH_SIZES="10 100 1000 10000 100000"
#                       sizes of the keyword lists
#   BENCH_ROUNDS=5      rounds of turns
#   BENCH_MS=20         milliseconds of a turn, at least one pass over the texts
#   BENCH_DATA=DIR      texts and lists: tweets.txt.gz, posts.txt.gz and
#                       keywords/kN.txt; default ../shared/data when it is
#                       there and time is not short, else Debian's fortunes
#                       and word list
#   BENCH_RESULTS=FILE  keep the raw figures there
#   BENCH_LOCK=FILE     hold a lock on it in each stretch of measuring, so that
#                       benchmarks on one machine do not disturb each other
#   BENCH_PEERS=1       measure peers only, without filteropt
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
sections=${BENCH_SECTIONS:-core languages builtin value functions build attached}
sizes=${BENCH_SIZES:-$([ -n "$quick" ] && echo 10 || echo 10 100 1000 10000 100000)}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 5)}
ms=${BENCH_MS:-$([ -n "$quick" ] && echo 2 || echo 20)}
data=${BENCH_DATA:-$([ -n "$quick" ] || echo "$root/../shared/data")}
patterns=$([ -n "$quick" ] && echo 100 || echo 1000)
peers_only=${BENCH_PEERS:-}
here=$root/bench/keyword

wants() { case " $sections " in *" $1 "*) true ;; *) false ;; esac; }

# Run a command under the lock, if there is one.
locked()
{
	if [ -n "${BENCH_LOCK:-}" ]; then flock "$BENCH_LOCK" "$@"; else "$@"; fi
}

bench_psql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# Run SQL with the stopwatch in one backend, which compiles the sets it needs.
measure()
{
	locked psql -XqAt -v ON_ERROR_STOP=1 -c 'SET search_path = bench' \
		-c 'SET jit = off' "$@" -c "CALL measure($rounds, $ms)"
}

# Word lists in many languages: a package of npm, if it can be had.
fetch_naughty_words()
{
	naughty=
	command -v npm >/dev/null || return 0
	say 'fetching the npm package naughty-words into a temporary directory'
	if (cd "$work" && npm pack --silent naughty-words >/dev/null 2>&1 && tar xzf naughty-words-*.tgz); then
		naughty=$work/package
	else
		echo 'not to be had: scripts that Debian has no fortunes in are left out'
	fi
}

prepare_data()
{
	[ -e "$data/tweets.txt.gz" ] || data=
	wants languages && fetch_naughty_words
	say "texts: ${data:-fortunes}"
	mkdir "$work/data"
	perl "$here/prepare.pl" "$work/data" "$data" "${naughty:-}"
}

# The microbenchmark, linked with the core's sources as the extension builds
# them, or without them when only peers are asked for.
build_core()
{
	local sources=("$here/core.c" "$here/hyperscan.c") flags
	read -ra flags <<<"$("$PG_CONFIG" --cflags)"
	if [ -n "$peers_only" ]; then
		echo '#include "engine.h"
			const Engine *const filteropt_engines[] = {NULL};' >"$work/none.c"
		sources+=("$work/none.c")
	else
		sources+=("$here/engine.c" "$root"/src/core/*.c)
	fi
	gcc "${flags[@]}" -Wno-declaration-after-statement -D_GNU_SOURCE -I"$here" -I"$root/src" \
		-o "$work/core" "${sources[@]}" -lhs -lutf8proc -ldeflate -lm
}

build_module()
{
	local flags
	read -ra flags <<<"$("$PG_CONFIG" --cflags)"
	gcc "${flags[@]}" -Wno-declaration-after-statement -D_GNU_SOURCE -fPIC -shared \
		-I"$("$PG_CONFIG" --includedir-server)" -o "$work/keyword_bench.so" \
		"$here/module.c" "$here/hyperscan.c" -lhs
	give_to_server "$work/keyword_bench.so"
}

# The microbenchmark on some texts, its lines put into a group of results.
core()
{
	local group=$1
	shift
	locked "$work/core" -m "$ms" -r "$rounds" -p "$patterns" "$@" |
		sed "s|^|core	$group/|" >>"$results"
}

# Folding levels are compared on texts that are the same at each of them.
run_core()
{
	local n
	say 'engines alone (C)'
	for n in $sizes; do
		core "k$n" -k "$work/data/k$n.txt" \
			-e floor,hyperscan,hyperscan-b,hyperscan-avx2,filteropt,case,avx512,avx2,portable,places \
			tweets="$work/data/tweets.txt" posts="$work/data/posts.txt"
		[ -n "$peers_only" ] || core "k$n" -k "$work/data/k$n.txt" \
			-e none,case,filteropt,evasion -t word/any,substring/any \
			ascii-tweets="$work/data/ascii-tweets.txt" \
			ascii-posts="$work/data/ascii-posts.txt"
	done
}

# Bytes and characters of the texts go along, for costs per byte.
run_languages()
{
	local file language
	say 'languages (C)'
	for file in "$work"/data/lang-*-k100.txt; do
		language=$(basename "$file" -k100.txt)
		for length in short long; do
			printf 'size\t%s-%s\t%s\n' "$language" "$length" \
				"$(LC_ALL=C.UTF-8 wc -lmc <"$work/data/$language-$length.txt" | xargs | tr ' ' '\t')"
		done >>"$results"
		core k100 -k "$file" -e floor,filteropt,case -t word/any,substring/any \
			"$language-short=$work/data/$language-short.txt" \
			"$language-long=$work/data/$language-long.txt"
	done
}

# Load lines of a file into a column.
load()
{
	bench_psql -c "COPY bench.$1 FROM STDIN (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')" <"$2"
}

start_database()
{
	local n
	cluster_start 'shared_buffers = 512MB' 'jit = off' 'max_parallel_workers_per_gather = 0' \
		'fsync = off' 'autovacuum = off' 'work_mem = 64MB' 'max_stack_depth = 6MB'
	bench_psql -v module="$work/keyword_bench" -f "$here/setup.sql" -f "$here/ways.sql"
	load 'tweets(body)' "$work/data/tweets.txt"
	load 'posts(body)' "$work/data/posts.txt"
	bench_psql -c 'INSERT INTO bench.tweets_few SELECT * FROM bench.tweets LIMIT 200' \
		-c 'INSERT INTO bench.posts_few SELECT * FROM bench.posts LIMIT 100'
	for n in $(tr " " "\n" <<<"100 $sizes" | sort -nu); do
		bench_psql -c 'TRUNCATE bench.line'
		load 'line(line)' "$work/data/k$n.txt"
		bench_psql -c "INSERT INTO bench.list SELECT $n, array_agg(line ORDER BY n) FROM bench.line"
	done
	bench_psql -c 'TRUNCATE bench.line'
	load 'line(line)' "$work/data/lists.txt"
	bench_psql -c "INSERT INTO bench.owned (keywords) SELECT string_to_array(line, E'\t') FROM bench.line" \
		-c 'VACUUM ANALYZE'
	if [ -z "$peers_only" ]; then
		bench_psql -c 'CREATE EXTENSION filteropt' -f "$here/own.sql"
	fi
}

run_builtin()
{
	local n texts
	say 'what PostgreSQL has built in'
	for n in $sizes; do
		[ "$n" -le 1000 ] || continue
		measure -c "CALL add_builtin('tweets', $n)"
		[ -n "$quick" ] || measure -c "CALL add_builtin('posts', $n)"
	done
}

run_value()
{
	local n texts
	say 'a set as a value, beside Hyperscan'
	for n in $sizes; do
		for texts in tweets posts; do
			measure -c "CALL add_value('$texts', $n, true, true)" \
				-c "CALL add_value('$texts', $n, true, false)"
			measure -c "CALL add_value('$texts', $n, false, true)" \
				-c "CALL add_value('$texts', $n, false, false)"
		done
	done
}

run_functions()
{
	say 'functions and folding levels'
	measure -c "CALL add_functions('tweets', 100)" -c "CALL add_functions('posts', 100)"
}

run_build()
{
	say 'building sets'
	measure -c 'CALL add_build()'
}

run_attached()
{
	local _
	if [ "$(bench_psql -c "SELECT to_regproc('filteropt.keyword_attach') IS NULL")" = t ]; then
		say 'attached: filteropt.keyword_attach does not exist yet'
		return
	fi
	say 'attached to a table'
	bench_psql -f "$here/attached.sql"
	for _ in $(seq "$rounds"); do
		locked psql -XqAt -f "$here/cold.sql"
	done
	measure -c 'CALL add_attached()'
	bench_psql -c 'SET synchronous_commit = off' -c 'CALL bench.measure_insert(5, 200)'
}

scripts/deps build test bench
[ -e /usr/include/hs/hs.h ] || die 'the peer is missing: install libhyperscan-dev'
workdir
results=$work/results.tsv
: >"$results"
prepare_data
if [ -n "$peers_only" ]; then
	bindir=$("$PG_CONFIG" --bindir)
	: >"$work/server.conf"
else
	stage
fi
if wants core || wants languages; then build_core; fi
if wants core; then run_core; fi
if wants languages; then run_languages; fi
case $sections in
	*builtin* | *value* | *functions* | *build* | *attached*)
		build_module
		start_database
		if wants builtin; then run_builtin; fi
		if wants value; then run_value; fi
		if [ -z "$peers_only" ]; then
			if wants functions; then run_functions; fi
			if wants build; then run_build; fi
			if wants attached; then run_attached; fi
		fi
		bench_psql -F $'\t' -c 'SELECT * FROM bench.result' >>"$results"
		;;
esac
[ -z "${BENCH_RESULTS:-}" ] || cp "$results" "$BENCH_RESULTS"
perl "$here/report.pl" "$results"
