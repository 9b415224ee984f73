#!/bin/bash
# tpch_load.sh DIR: load the .tbl files of DIR, with primary keys only, and the queries
# DIR/queries/1.sql to 22.sql as the kit's qgen prints them (qgen -d N) into bench_query.
set -euo pipefail
dir=$1
run() { psql -Xq -v ON_ERROR_STOP=1 "$@"; }

run <<'SQL'
CREATE TABLE region (r_regionkey int NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (n_nationkey int NOT NULL, n_name char(25) NOT NULL, n_regionkey int NOT NULL, n_comment varchar(152));
CREATE TABLE part (p_partkey int NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL,
	p_type varchar(25) NOT NULL, p_size int NOT NULL, p_container char(10) NOT NULL, p_retailprice decimal(15, 2) NOT NULL,
	p_comment varchar(23) NOT NULL);
CREATE TABLE supplier (s_suppkey int NOT NULL, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey int NOT NULL,
	s_phone char(15) NOT NULL, s_acctbal decimal(15, 2) NOT NULL, s_comment varchar(101) NOT NULL);
CREATE TABLE customer (c_custkey int NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey int NOT NULL,
	c_phone char(15) NOT NULL, c_acctbal decimal(15, 2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE partsupp (ps_partkey int NOT NULL, ps_suppkey int NOT NULL, ps_availqty int NOT NULL,
	ps_supplycost decimal(15, 2) NOT NULL, ps_comment varchar(199) NOT NULL);
CREATE TABLE orders (o_orderkey int NOT NULL, o_custkey int NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice decimal(15, 2) NOT NULL,
	o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority int NOT NULL,
	o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (l_orderkey int NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
	l_quantity decimal(15, 2) NOT NULL, l_extendedprice decimal(15, 2) NOT NULL, l_discount decimal(15, 2) NOT NULL,
	l_tax decimal(15, 2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
	l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
	l_comment varchar(44) NOT NULL);
CREATE TABLE bench_query (n int NOT NULL, weight float8 NOT NULL DEFAULT 1, q text NOT NULL);
SQL
for table in region nation part supplier customer partsupp orders lineitem; do
	sed 's/|$//' "$dir/$table.tbl" | run -c "COPY $table FROM STDIN WITH (DELIMITER '|')"
done
run <<'SQL'
ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
ALTER TABLE nation ADD PRIMARY KEY (n_nationkey);
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey);
ALTER TABLE customer ADD PRIMARY KEY (c_custkey);
ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey);
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey);
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
VACUUM ANALYZE;
SQL

# One statement each: a view becomes a WITH query, and ";limit n" a LIMIT.
for n in $(seq 22); do
	q=$(perl -0777 -pe '
		s/^--.*\n//mg;
		s/interval \x2790\x27 day \(3\)/interval \x2790\x27 day/;
		s/create view (\w+) (\(.*?\)) as(.*?);(.*?);\s*drop view.*/with $1 $2 as ($3) $4/s;
		s/;\s*limit -1;?\s*$//; s/;\s*limit (\d+);?\s*$/\nlimit $1/; s/;?\s*$//' "$dir/queries/$n.sql")
	run -v n="$n" -v q="$q" <<<"INSERT INTO bench_query (n, q) VALUES (:n, :'q')"
done

# By hand: foreign keys and the dates.
run <<'SQL'
INSERT INTO bench_hand VALUES
('CREATE INDEX ON lineitem (l_partkey, l_suppkey) INCLUDE (l_quantity)'), ('CREATE INDEX ON lineitem (l_suppkey)'),
('CREATE INDEX ON lineitem (l_shipdate)'), ('CREATE INDEX ON orders (o_custkey)'), ('CREATE INDEX ON orders (o_orderdate)'),
('CREATE INDEX ON partsupp (ps_suppkey)'), ('CREATE INDEX ON customer (c_nationkey)'), ('CREATE INDEX ON supplier (s_nationkey)');
SQL
