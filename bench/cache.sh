#!/bin/bash
# The cache beside its peers, in one run, with the targets: CPU and wall time a look-up
# from each level, from a table in PL/pgSQL and in C, from Redis, from memcached by
# pgmemcache, from a table that counts look-ups; puts beside INSERT ... ON CONFLICT;
# batches; pgbench; two backends at once; a hundred callers of one missing key; two servers
# on one Redis; the breaker, open; a server without shared memory.  100 000 keys of 36 bytes
# with values of 300 bytes, uniform.
# PG_LOCAL_CACHE names a source directory of that extension to measure it too.
# BENCH_QUICK=1 proves only that it runs.
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/deps build test bench
keys=100000 rounds=5 seconds=2 turns=15 changes=1000
[ -z "${BENCH_QUICK:-}" ] || keys=2000 rounds=1 seconds=1 turns=2 changes=20
workdir
. "$root/bench/cache/pair.sh"
stage
redis=$work/redis.sock
redis_port=$((RANDOM % 10000 + 40000))
memcached=$work/memcached.sock
daemons=()
stop_all()
{
	local status=$?
	others_stop || true
	[ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null || true
	return "$status"
}
trap 'stop_all && true; cleanup' EXIT
redis-server --port "$redis_port" --bind 127.0.0.1 --unixsocket "$redis" --unixsocketperm 777 --save '' \
	--dir "$work/tmp" --logfile "$work/redis.log" >/dev/null &
daemons+=($!)
as_user=()
[ "$(id -u)" != 0 ] || as_user=(-u postgres)
memcached "${as_user[@]}" -m 256 -s "$memcached" -a 777 &
daemons+=($!)
libraries="\$libdir/filteropt"
local_cache=false
if [ -n "${PG_LOCAL_CACHE:-}" ]; then
	cp -r "$PG_LOCAL_CACHE" "$work/local_cache"
	make -s -C "$work/local_cache" PGLC_BUILD_ID=bench "DESTDIR=$stagedir" install >"$work/local_cache.log" 2>&1
	libraries="$libraries, \$libdir/pg_local_cache"
	local_cache=true
fi
cc -std=gnu11 -O2 -fPIC -shared -I"$("$PG_CONFIG" --includedir-server)" -o "$work/peer.so" "$root/bench/cache/peer.c"
cc -std=gnu11 -O2 -o "$work/listen" "$root/bench/cache/listen.c" -lhiredis
cc -std=gnu11 -O2 -o "$work/redis" "$root/bench/cache/redis.c" -lhiredis
cc -std=gnu11 -O2 -I"$root/src" -o "$work/core" "$root/bench/cache/core.c" \
	"$root"/src/core/cache_{l1,log,policy,adapt}.c
chmod a+rx "$work"
settings=("shared_preload_libraries = '$libraries'" "shared_buffers = '512MB'" "max_connections = 150"
	"filteropt.cache_redis = '$redis'" "jit = off" "max_parallel_workers_per_gather = 0" "synchronous_commit = off")
[ "$local_cache" = false ] || settings+=("pg_local_cache.database = 'postgres'" "pg_local_cache.port = 0"
	"pg_local_cache.cache_entries = 200000")
cluster_start "${settings[@]}"

# put WHAT CPU WALL: keep a measurement, in ns; CPU or WALL may be NULL
put() { psql -Xqc "INSERT INTO measured VALUES ('$1', $2, $3)"; }

psql -Xqc 'CREATE EXTENSION filteropt' -v keys="$keys" -v module="$work/peer.so" \
	-v memcached="$memcached" -f "$root/bench/cache/setup.sql" >/dev/null
if [ "$local_cache" = true ] && ! psql -Xq -v ON_ERROR_STOP=1 -f "$root/bench/cache/local_cache.sql" >/dev/null; then
	say 'pg_local_cache does not work here: not measured'
	local_cache=false
fi

for _ in $(seq "$rounds"); do
	"$work/core" "$keys" | while read -r what ns; do
		put "in C, ${what/hot_1000/1 000 hot keys}" "$ns" NULL
	done
	for way in unix TCP; do
		address=$redis
		[ $way = unix ] || address=$redis_port
		"$work/redis" "$address" $((seconds * 5000)) | while read -r what ns; do
			case $what in
				get) put "Redis GET by hiredis, ${way/unix/unix socket}" NULL "$ns" ;;
				*) put "Redis MGET of 100 by hiredis, ${way/unix/unix socket}, a key" NULL "$ns" ;;
			esac
		done
	done
done

psql -Xq -v rounds="$rounds" -v local_cache="$local_cache" -v memcached="$memcached" \
	-f "$root/bench/cache/lookup.sql"

# pgbench, the statements in turn
statements=('the key alone' 'cache_get, L1' 'SELECT by key' 'the key and a constant value')
key="'user:' || left(md5(:i::text), 31)"
printf '%s\n' "\\set i random(1, $keys)" "SELECT $key" >"$work/0.sql"
printf '%s\n' "\\set i random(1, $keys)" "SELECT filteropt.cache_get('l1', $key)" >"$work/1.sql"
printf '%s\n' "\\set i random(1, $keys)" "SELECT v FROM peer WHERE k = $key AND expires > now()" >"$work/2.sql"
printf '%s\n' "\\set i random(1, $keys)" "SELECT $key, '\"$(printf '%0290d' 0)\"'::jsonb" >"$work/3.sql"
if [ "$local_cache" = true ]; then
	statements+=('pg_local_cache')
	printf '%s\n' "\\set i random(1, $keys)" "SELECT local_cache.mget('local_peer'::regclass, ARRAY[$key])" >"$work/4.sql"
fi
for _ in $(seq "$rounds"); do
	for i in "${!statements[@]}"; do
		tps=$(pgbench -n -M prepared -T "$seconds" -f "$work/$i.sql" 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
		put "pgbench, ${statements[$i]}" NULL "1e9 / $tps"
	done
done

# one backend, then two at once
for _ in $(seq "$rounds"); do
	psql -Xq -v turns="$turns" -v what='cache_get, L1, alone' -f "$root/bench/cache/together.sql"
	psql -Xq -v turns="$turns" -v what='cache_get, L1, two at once' -f "$root/bench/cache/together.sql" &
	other=$!
	psql -Xq -v turns="$turns" -v what='cache_get, L1, two at once' -f "$root/bench/cache/together.sql"
	wait "$other"
done

# a hundred callers of one missing key, whose computation takes 700 ms
psql -Xq >/dev/null <<-'SQL'
	CREATE TABLE served (value jsonb, at timestamptz);
	CREATE SEQUENCE computed;
	CREATE SEQUENCE finished;
	CREATE FUNCTION stub() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM nextval('public.computed'), pg_sleep(0.7);
		PERFORM setval('public.finished', (extract(epoch FROM clock_timestamp()) * 1e6)::bigint);
		RETURN 42;
	END $$;
SQL
echo "INSERT INTO served SELECT filteropt.cache_fill('analytics', 'missing', 'SELECT public.stub()'), clock_timestamp()" >"$work/fill.sql"
pgbench -n -c 100 -t 1 -f "$work/fill.sql" >/dev/null 2>&1
psql -Xq <<-'SQL'
	INSERT INTO measured SELECT 'computations', (SELECT last_value FROM computed), NULL;
	INSERT INTO measured SELECT 'last served', NULL, 1000 * (extract(epoch FROM max(at)) * 1e6 - (SELECT last_value FROM finished))
		FROM served WHERE value = '42' HAVING count(*) = 100;
SQL

measure_invalidation "$changes"

# Redis is gone: what does it cost to be told so by the breaker?
kill "${daemons[0]}"
psql -Xq >/dev/null <<-'SQL'
	ALTER SYSTEM SET filteropt.cache_redis_breaker_window = '1h';
	ALTER SYSTEM SET filteropt.cache_redis_shared = off;
	SELECT pg_reload_conf(), filteropt.cache_resource_add('l2l3', levels => '{L2,L3}', ttl => '1 day');
SQL
psql -Xq -v rounds="$rounds" -v keys=$((keys / 10)) -v a_resource=l2l3 -v b_resource=l3 \
	-v a='cache_get, L2 with breaker open, then L3' -v b='cache_get, L3, beside it' -f "$root/bench/cache/beside.sql"

# no shared memory: a segment of the size that L1 would have is not to be had
other_start alone "filteropt.cache_l1_size = '1000GB'" "jit = off"
psql -Xq -h "$work/alone" >/dev/null <<-SQL
	SELECT filteropt.cache_resource_add('l1', levels => '{L1,L3}'), filteropt.cache_resource_add('l3', levels => '{L3}');
	CREATE TABLE key AS SELECT 'user:' || left(md5(i::text), 31) AS k FROM generate_series(1, $keys / 10) i ORDER BY random();
SQL
psql -Xq -h "$work/alone" -v rounds="$rounds" -v keys=$((keys / 10)) -v a_resource=l1 -v b_resource=l3 \
	-v a='cache_get, private L1' -v b='cache_get, L3, no shared memory' -f "$root/bench/cache/beside.sql"
psql -Xqc 'COPY measured TO STDOUT' -h "$work/alone" | psql -Xqc 'COPY measured FROM STDIN'
psql -Xq -v rounds="$rounds" -f "$root/bench/cache/targets.sql"
