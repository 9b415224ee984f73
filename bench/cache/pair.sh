# shellcheck shell=bash
# Two servers on one Redis: how long after Redis has a change the other server still gives
# out what it had.  Sourced by bench/cache.sh, which has scripts/lib.sh's cluster running.
# shellcheck disable=SC2154

# Start a server beside the cluster, in $work/second, with lines for postgresql.conf.
second_start()
{
	local line
	mkdir "$work/second"
	give_to_server "$work/second"
	as_server "$bindir/initdb" -D "$work/second/data" -U postgres -A trust -E UTF8 \
		--locale=C.UTF-8 --no-sync >"$work/second/initdb.log" 2>&1
	{
		cat "$work/server.conf"
		printf "unix_socket_directories = '%s'\n" "$work/second"
		for line; do printf '%s\n' "$line"; done
	} >>"$work/second/data/postgresql.conf"
	as_server "$bindir/pg_ctl" -D "$work/second/data" -l "$work/second/log" -w -s \
		-o "-p 5432 -h ''" start >/dev/null
}

second_stop()
{
	[ ! -e "$work/second/data/postmaster.pid" ] ||
		as_server "$bindir/pg_ctl" -D "$work/second/data" -m immediate -s stop
}

# Wait until a server's worker listens to changes of others; the psql options follow.
until_listening()
{
	psql -Xq "$@" -c "DO \$\$ BEGIN
		WHILE NOT (SELECT redis_tracking FROM filteropt.cache_status()) LOOP
			PERFORM pg_sleep(0.05); COMMIT;
		END LOOP; END \$\$"
}

# Median and 99th percentile over $1 changes, into measured.
measure_invalidation()
{
	local rounds=$1 monitor reader
	psql -Xqc "ALTER SYSTEM SET filteropt.cache_redis_shared = on" -c 'SELECT pg_reload_conf()' >/dev/null
	second_start "shared_preload_libraries = '\$libdir/filteropt'" "filteropt.cache_redis = '$redis'" \
		"filteropt.cache_redis_shared = on" "synchronous_commit = off"
	psql -Xq -h "$work/second" -c 'CREATE EXTENSION filteropt'
	for host in "$cluster" "$work/second"; do
		psql -Xq -h "$host" -c "SELECT filteropt.cache_resource_add('pair', levels => '{L1,L2}', version => 7)" >/dev/null
		until_listening -h "$host"
	done
	psql -Xqc "SELECT filteropt.cache_put_many('pair', array_agg('round:' || i), array_agg('\"old\"'::jsonb))
		FROM generate_series(1, $rounds) i" >/dev/null
	redis-cli -s "$redis" monitor >"$work/monitor" &
	monitor=$!
	psql -Xq -h "$work/second" -v rounds="$rounds" -f "$root/bench/cache/spin.sql" >/dev/null &
	reader=$!
	sleep 1
	psql -Xq -v rounds="$rounds" -f "$root/bench/cache/change.sql"
	wait "$reader"
	kill "$monitor"
	wait "$monitor" 2>/dev/null || true
	# Redis' own clock when the first command of a change reached it
	awk '/"(SET|EVALSHA)"/ && match($0, /round:[0-9]+"/) {
		i = substr($0, RSTART + 6, RLENGTH - 7)
		if (!(i in at)) { at[i] = $1; print i "\t" $1 }
	}' "$work/monitor" >"$work/had"
	psql -XqAt -F "$(printf '\t')" -h "$work/second" -c 'SELECT i, extract(epoch FROM at) FROM seen' >"$work/seen"
	psql -Xq <<-SQL
		CREATE TABLE had (i int, at numeric);
		CREATE TABLE seen (i int, at numeric);
		\copy had FROM '$work/had'
		\copy seen FROM '$work/seen'
		INSERT INTO measured SELECT name, NULL, 1e9 * percentile_cont(share) WITHIN GROUP (ORDER BY seen.at - had.at)
			FROM had JOIN seen USING (i), (VALUES ('invalidation, p50', 0.5), ('invalidation, p99', 0.99)) v (name, share)
			GROUP BY name, share HAVING count(*) = $rounds;
	SQL
}
