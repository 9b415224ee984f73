# shellcheck shell=bash
# Two servers on one Redis: how long after Redis has a change the other server still gives
# out what it had, and how long a bare client takes to hear of it.  Sourced by bench/cache.sh, which has scripts/lib.sh's cluster running.
# shellcheck disable=SC2154

# Start a server beside the cluster, in $work/NAME: NAME, lines for postgresql.conf.
other_start()
{
	local line other=$work/$1
	shift
	mkdir "$other"
	give_to_server "$other"
	as_server "$bindir/initdb" -D "$other/data" -U postgres -A trust -E UTF8 \
		--locale=C.UTF-8 --no-sync >"$other/initdb.log" 2>&1
	{
		cat "$work/server.conf"
		printf "unix_socket_directories = '%s'\n" "$other"
		for line; do printf '%s\n' "$line"; done
	} >>"$other/data/postgresql.conf"
	as_server "$bindir/pg_ctl" -D "$other/data" -l "$other/log" -w -s \
		-o "-p 5432 -h ''" start >/dev/null
	psql -Xq -h "$other" -c 'CREATE EXTENSION filteropt'
}

others_stop()
{
	local pidfile
	for pidfile in "$work"/*/data/postmaster.pid; do
		[ ! -e "$pidfile" ] || [ "$pidfile" = "$cluster/data/postmaster.pid" ] ||
			as_server "$bindir/pg_ctl" -D "${pidfile%/*}" -m immediate -s stop
	done
}

# Wait until a server's worker listens to changes of others; the psql options follow.
until_listening()
{
	psql -Xq "$@" -c "DO \$\$ BEGIN
		WHILE NOT (SELECT redis_tracking FROM filteropt.cache_status()) LOOP
			PERFORM pg_sleep(0.05); COMMIT;
		END LOOP; END \$\$"
}

# had PREFIX: Redis' own clock when the first command of each change reached it.
had()
{
	awk -v prefix="$1" '/"(SET|EVALSHA)"/ && match($0, prefix ":[0-9]+\"") {
		i = substr($0, RSTART + length(prefix) + 1, RLENGTH - length(prefix) - 2)
		if (!(i in at)) { at[i] = $1; print i "\t" $1 }
	}' "$work/monitor"
}

# Median and 99th percentile over $1 changes, into measured: of the time until a reader on
# the other server sees it, then of that until a process that spins beside a bare client does.
measure_invalidation()
{
	local rounds=$1 monitor reader
	psql -Xqc "ALTER SYSTEM SET filteropt.cache_redis_shared = on" -c 'SELECT pg_reload_conf()' >/dev/null
	other_start second "shared_preload_libraries = '\$libdir/filteropt'" "filteropt.cache_redis = '$redis'" \
		"filteropt.cache_redis_shared = on" "synchronous_commit = off"
	for host in "$cluster" "$work/second"; do
		psql -Xq -h "$host" -c "SELECT filteropt.cache_resource_add('pair', levels => '{L1,L2}', version => 7)" >/dev/null
		until_listening -h "$host"
	done
	psql -Xqc "SELECT filteropt.cache_put_many('pair', array_agg(k || i), array_agg('\"old\"'::jsonb))
		FROM generate_series(1, $rounds) i, unnest('{round:,floor round:}'::text[]) k" >/dev/null
	psql -Xq -f "$root/bench/cache/change.sql"
	redis-cli -s "$redis" monitor >"$work/monitor" &
	monitor=$!
	psql -Xq -h "$work/second" -v rounds="$rounds" -f "$root/bench/cache/spin.sql" >/dev/null &
	reader=$!
	sleep 1
	psql -Xqc "CALL change('round:', $rounds)"
	wait "$reader"
	"$work/listen" "$redis" "$rounds" >"$work/floor" &
	reader=$!
	sleep 1
	psql -Xqc "CALL change('floor round:', $rounds)"
	wait "$reader"
	kill "$monitor"
	wait "$monitor" 2>/dev/null || true
	psql -XqAt -F "$(printf '\t')" -h "$work/second" -c 'SELECT i, extract(epoch FROM at) FROM seen' >"$work/seen"
	summarize 'invalidation' 'round' "$work/seen"
	summarize 'a bare client hears' 'floor round' "$work/floor"
}

# summarize WHAT PREFIX FILE: into measured, if all changes were seen
summarize()
{
	had "$2" >"$work/had"
	psql -Xq <<-SQL
		CREATE TEMP TABLE had (i int, at numeric);
		CREATE TEMP TABLE seen (i int, at numeric);
		\copy had FROM '$work/had'
		\copy seen FROM '$3'
		INSERT INTO measured SELECT '$1, ' || name, NULL, 1e9 * percentile_cont(share) WITHIN GROUP (ORDER BY seen.at - had.at)
			FROM had JOIN seen USING (i), (VALUES ('p50', 0.5), ('p99', 0.99)) v (name, share)
			GROUP BY name, share HAVING count(*) = $changes;
	SQL
}
