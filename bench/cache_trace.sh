#!/bin/bash
# Hit ratios of the cache's eviction policy beside LRU, S3-FIFO and W-TinyLFU.  TRACES
# names trace files (plain or .gz, one integer key a line); without it those of the shared
# data are used, or made ones.
cd "$(dirname "$0")/.."
. scripts/lib.sh

workdir
cc -std=gnu11 -O2 -I"$root/src" -I"$root/bench/cache" -o "$work/trace" \
	"$root"/bench/cache/{trace,reference}.c "$root"/src/core/cache_{adapt,policy}.c

files=${TRACES:-$(ls "$root"/../shared/data/traces/*.gz 2>/dev/null || true)}
if [ -z "$files" ]; then
	# a loop, a skewed stream and a scan through a hot set
	awk 'BEGIN { for (i = 0; i < 200000; i++) print i % 3000 }' >"$work/loop.txt"
	awk 'BEGIN { srand(1); for (i = 0; i < 200000; i++) print int(exp(rand() * 10)) }' >"$work/skewed.txt"
	awk 'BEGIN { srand(2); for (i = 0; i < 200000; i++) print i % 2 ? i : int(rand() * 500) }' >"$work/scan.txt"
	files="$work/loop.txt $work/skewed.txt $work/scan.txt"
fi
plain=()
for file in $files; do
	name=$work/$(basename "${file%.gz}")
	case $file in
		*.gz) gzip -dc "$file" >"$name" ;;
		*) [ "$file" = "$name" ] || cp "$file" "$name" ;;
	esac
	plain+=("$name")
done
"$work/trace" "${plain[@]}"
