#!/bin/bash
# advisor_health.sh: what index_health costs in databases of many indexes, and how soon a
# cancellation ends it.
#
# A table has ten indexes: a primary key, plain ones, of which some are a prefix of another,
# a unique, a partial and one on an expression.  Each table refers to the one before by a
# foreign key, and one in ten has two partitions, whose indexes count too.  CPU is the
# backend's, from the scheduler's account.
#
#   BENCH_INDEXES="1000 10000"
#   BENCH_ROUNDS=5
#   BENCH_QUICK=1     one round of 1000
cd "$(dirname "$0")/.."
. scripts/lib.sh

quick=${BENCH_QUICK:-}
sizes=${BENCH_INDEXES:-$([ -n "$quick" ] && echo 1000 || echo 1000 10000)}
rounds=${BENCH_ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 5)}

run() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# make_tables INDEXES
make_tables()
{
	run <<-SQL
		CREATE PROCEDURE make_tables(wanted int) LANGUAGE plpgsql AS \$\$
		DECLARE
			n int := 0; have int := 0;
		BEGIN
			WHILE have < wanted LOOP
				n := n + 1;
				EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int, b int, c text, d timestamptz, e int%s)%s', n,
					CASE WHEN n > 1 THEN format(' REFERENCES t%s', n - 1) END,
					CASE WHEN n % 10 = 0 THEN ' PARTITION BY RANGE (id)' END);
				IF n % 10 = 0 THEN
					EXECUTE format('CREATE TABLE t%1\$s_1 PARTITION OF t%1\$s FOR VALUES FROM (0) TO (10);
						CREATE TABLE t%1\$s_2 PARTITION OF t%1\$s FOR VALUES FROM (10) TO (20)', n);
				END IF;
				EXECUTE format('CREATE INDEX ON t%1\$s (a); CREATE INDEX ON t%1\$s (a, b); CREATE INDEX ON t%1\$s (c);
					CREATE INDEX ON t%1\$s (d DESC); CREATE UNIQUE INDEX ON t%1\$s (id, c); CREATE INDEX ON t%1\$s (a) WHERE b > 0;
					CREATE INDEX ON t%1\$s (lower(c)); CREATE INDEX ON t%1\$s USING brin (d); CREATE INDEX ON t%1\$s (b) INCLUDE (c)', n);
				have := have + CASE WHEN n % 10 = 0 THEN 30 ELSE 10 END;
				COMMIT;
			END LOOP;
		END \$\$;
		CALL make_tables($1);
		VACUUM ANALYZE pg_class, pg_index, pg_attribute, pg_constraint, pg_depend, pg_inherits;
	SQL
}

call='SELECT count(*) FROM filteropt.index_health(unused_after => $$0$$)'

# Milliseconds of CPU of a call in a new session.
cpu()
{
	local account="SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)"
	run -c "$account" -c "$call" -c "$account" | awk 'NR == 1 { from = $1 } NR == 3 { printf "%.1f\n", ($1 - from) / 1e6 }'
}

# Milliseconds that pass until a call that is cancelled after 50 is over.
cancelled()
{
	{ psql -XqAt -c 'SET statement_timeout = 50' -c '\timing on' -c "$call" 2>/dev/null || true; } |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

scripts/deps build bench
workdir
stage
cluster_start 'max_locks_per_transaction = 1000' 'fsync = off' 'autovacuum = off' 'jit = off'
cd "$root"
printf 'PostgreSQL %s, %s cores; medians of %s calls\n' "$(run -c 'SHOW server_version')" "$(nproc)" "$rounds"
for size in $sizes; do
	createdb "health_$size"
	export PGDATABASE=health_$size
	run -c 'CREATE EXTENSION filteropt'
	make_tables "$size"
	run -c "SELECT format('%6s indexes, %6s findings', (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = 'public'::regnamespace), (SELECT count(*) FROM filteropt.index_health(unused_after => '0')))" | tr '\n' ' '
	ms=$(for ((i = 0; i < rounds; i++)); do cpu; done | median)
	stopped=$(for ((i = 0; i < rounds; i++)); do cancelled; done | sort -g | tail -n 1)
	awk -v ms="$ms" -v n="$size" -v stopped="$stopped" 'BEGIN { printf "| CPU %8.1f ms, %6.1f for 1000 | " \
		"cancelled after 50 ms: over after %.1f at worst\n", ms, ms / n * 1000, stopped }'
done
