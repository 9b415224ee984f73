#!/bin/bash
# Hit ratios of the cache beside LRU, S3-FIFO and W-TinyLFU, on recorded traces and on
# made ones.  TRACES names trace files (plain or .gz, one integer key a line); without it
# those of the shared data are used if there are any.
# BENCH_QUICK=1 proves only that it runs.
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/deps build
workdir
cc -std=gnu11 -O2 -I"$root/src" -I"$root/bench/cache" -o "$work/trace" \
	"$root"/bench/cache/{trace,reference,synthetic}.c \
	"$root"/src/core/cache_{adapt,policy,l1,log}.c -lm

plain=()
for file in ${TRACES-$(ls "$root"/../shared/data/traces/*.gz 2>/dev/null || true)}; do
	name=$work/$(basename "${file%.gz}")
	case $file in
		*.gz) gzip -dc "$file" >"$name" ;;
		*) cp "$file" "$name" ;;
	esac
	plain+=("$name")
done
requests=300000
[ -z "${BENCH_QUICK:-}" ] || requests=3000
"$work/trace" -s "$requests" "${plain[@]}"
