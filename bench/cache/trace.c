/*
 * trace.c
 *		Hit ratios of the cache and of its peers on request traces: one integer key a
 *		line, plain text; or those of synthetic.c.
 *
 * Usage: trace [-s REQUESTS] FILE...  Prints a line for each trace and cache size (1, 5
 * and 20 % of the distinct keys), then the means, then whether the bounds hold.
 *
 * "filteropt" is the level-1 cache itself, of so many bytes that entries of one size
 * would fill it with as many as the peers have; "varied" is the same with values from a
 * quarter to three times the mean.  Below 130 entries no such cache can be made, and
 * the eviction policy runs alone, without memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_adapt.h"
#include "core/cache_l1.h"
#include "reference.h"
#include "synthetic.h"

#define LEAST_ENTRIES	130
#define ENTRY_HEADER	104		/* of the cache's 16-byte aligned entries, key
								 * included */
#define MAX_LEAD		1.0		/* points that a cell may be behind */

enum
{
	LRU, S3FIFO, WTINYLFU, FILTEROPT, VARIED, COLUMNS
};

static const FoCacheSeed seed = {1, 2};

typedef struct Trace
{
	uint32_t   *key;			/* renumbered 0 .. nkeys-1 */
	long		n;
	long		room;
	uint32_t	nkeys;
} Trace;

/* The number of each key met. */
typedef struct Numbers
{
	uint64_t   *table;
	uint32_t   *number;
	uint64_t	cap;
} Numbers;

/* Give each distinct key of a trace a number, by an open hash table. */
static uint32_t
renumber(uint64_t **table, uint32_t **number, uint64_t *cap, uint32_t *used, uint64_t key)
{
	uint64_t	at;

	if ((uint64_t) *used * 2 >= *cap)
	{
		uint64_t	old_cap = *cap;
		uint64_t   *old_table = *table;
		uint32_t   *old_number = *number;

		*cap *= 2;
		*table = calloc(*cap, sizeof(uint64_t));
		*number = calloc(*cap, sizeof(uint32_t));
		for (uint64_t i = 0; i < old_cap; i++)
		{
			if (old_table[i] == 0)
				continue;
			for (at = fo_cache_remix(old_table[i]) & (*cap - 1); (*table)[at] != 0;)
				at = (at + 1) & (*cap - 1);
			(*table)[at] = old_table[i];
			(*number)[at] = old_number[i];
		}
		free(old_table);
		free(old_number);
	}
	for (at = fo_cache_remix(key + 1) & (*cap - 1); (*table)[at] != 0 && (*table)[at] != key + 1;)
		at = (at + 1) & (*cap - 1);
	if ((*table)[at] == 0)
	{
		(*table)[at] = key + 1;
		(*number)[at] = (*used)++;
	}
	return (*number)[at];
}

static void
add_request(Trace *trace, Numbers *numbers, uint64_t key)
{
	if (trace->n == trace->room)
	{
		trace->room = trace->room * 2 + 1024;
		trace->key = realloc(trace->key, trace->room * sizeof(uint32_t));
	}
	trace->key[trace->n++] = renumber(&numbers->table, &numbers->number, &numbers->cap,
									  &trace->nkeys, key);
}

static Numbers
numbers_start(void)
{
	return (Numbers) {calloc(1024, sizeof(uint64_t)), calloc(1024, sizeof(uint32_t)), 1024};
}

static void
numbers_end(Numbers *numbers)
{
	free(numbers->table);
	free(numbers->number);
}

static Trace
load(const char *path)
{
	Trace		trace = {0};
	Numbers		numbers = numbers_start();
	FILE	   *file = fopen(path, "r");
	unsigned long long key;

	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	while (fscanf(file, "%llu", &key) == 1)
		add_request(&trace, &numbers, key);
	fclose(file);
	numbers_end(&numbers);
	return trace;
}

static Trace
make(int number, long n)
{
	Trace		trace = {0};
	Numbers		numbers = numbers_start();
	uint64_t   *key = malloc(n * sizeof(uint64_t));

	synthetic_trace(number, key, n);
	for (long i = 0; i < n; i++)
		add_request(&trace, &numbers, key[i]);
	free(key);
	numbers_end(&numbers);
	return trace;
}

/* The eviction policy alone, as level 1 runs it, over entries of size one. */
static long
run_policy(const Trace *trace, uint32_t size)
{
	FoCacheModel *cache = malloc(fo_cache_model_bytes(size));
	FoCacheAdapt *adapt = malloc(fo_cache_adapt_bytes(size));
	long		hits = 0;

	fo_cache_model_init(cache, size, FO_CACHE_LFU);
	fo_cache_adapt_init(adapt, size);
	for (long i = 0; i < trace->n; i++)
	{
		uint64_t	hash = fo_cache_hash(&seed, 0, &trace->key[i], sizeof(uint32_t));

		hits += fo_cache_model_access(cache, hash);
		if (!fo_cache_adapt_sampled(adapt->sample_mask, hash))
			continue;
		fo_cache_adapt_access(adapt, hash);
		fo_cache_model_set(cache, size, adapt->rule);
	}
	free(cache);
	free(adapt);
	return hits;
}

/* A cache that means to hold `payload` bytes of entries, or a little more. */
static FoL1 *
make_l1(uint64_t payload)
{
	size_t		low = FO_L1_MIN_BYTES;
	size_t		high = payload * 2 + 16 * FO_L1_MIN_BYTES;
	char	   *memory = aligned_alloc(64, high);
	FoL1Totals	totals;

	while (high - low > 4096)
	{
		size_t		middle = (low + high) / 2 & ~(size_t) 63;

		fo_l1_totals(fo_l1_init(memory, middle), &totals);
		if (totals.bytes_capacity < payload)
			low = middle;
		else
			high = middle;
	}
	return fo_l1_init(memory, high);
}

/* Bytes of a key's value: `mean`, or between a quarter and three times of it. */
static uint32_t
value_bytes(uint64_t hash, uint32_t mean, bool varied)
{
	uint32_t	tenth = (uint32_t) (hash >> 20) % 10;

	if (!varied)
		return mean;
	/* of ten values two are large, and the mean is what it should be */
	return tenth < 2 ? mean * 3 : tenth < 6 ? mean / 4 : mean * 3 / 4;
}

/* Level 1 itself, its hit counters, sampling, log and byte budget included. */
static long
run_l1(const Trace *trace, uint32_t size, bool varied)
{
	uint32_t	mean = (size >= 1000 ? 512 : varied ? 640 : size >= 260 ? 1024 : 2032) - ENTRY_HEADER;
	FoL1	   *l1 = make_l1((uint64_t) size * (mean + ENTRY_HEADER));
	static char value[8192];
	long		hits = 0;

	for (long i = 0; i < trace->n; i++)
	{
		const char *bytes = (const char *) &trace->key[i];
		FoL1Key		key = {fo_cache_hash(&seed, 0, bytes, 4), {1, 2, 3, 0}, bytes, 4};
		FoL1Meta	meta = {.stale_until = INT64_MAX};
		FoL1View	view;

		if (!fo_l1_find(l1, &key, &view))
			fo_l1_insert(l1, &key, &meta, value, value_bytes(key.hash, mean, varied), 0,
						 NULL, NULL);
		else
		{
			hits++;
			if (fo_l1_touch(l1, &key, &view))
				fo_l1_drain(l1);
		}
	}
	free(l1);
	return hits;
}

/* What all cells have in common. */
typedef struct Summary
{
	double		sum[COLUMNS];
	int			cells;
	int			behind;			/* by more than MAX_LEAD points */
	double		worst;
} Summary;

static void
run_cell(const char *name, const Trace *trace, double share, Summary *summary)
{
	uint32_t	size = (uint32_t) (trace->nkeys * share);
	double		r[COLUMNS];
	double		lead;
	bool		real;

	size = size > 0 ? size : 1;
	real = size >= LEAST_ENTRIES;
	r[LRU] = reference_lru(trace->key, trace->n, trace->nkeys, size);
	r[S3FIFO] = reference_s3fifo(trace->key, trace->n, trace->nkeys, size);
	r[WTINYLFU] = reference_wtinylfu(trace->key, trace->n, trace->nkeys, size);
	r[FILTEROPT] = real ? run_l1(trace, size, false) : run_policy(trace, size);
	r[VARIED] = size >= 2 * LEAST_ENTRIES ? run_l1(trace, size, true) : r[FILTEROPT];
	for (int i = 0; i < COLUMNS; i++)
	{
		r[i] *= 100.0 / trace->n;
		summary->sum[i] += r[i];
	}
	lead = r[FILTEROPT] - (r[S3FIFO] > r[WTINYLFU] ? r[S3FIFO] : r[WTINYLFU]);
	summary->worst = lead < summary->worst ? lead : summary->worst;
	summary->behind += lead < -MAX_LEAD;
	summary->cells++;
	printf("%-22s %8u %7.1f %8.1f %10.1f %10.1f%c %7.1f %+7.1f\n", name, size, r[LRU], r[S3FIFO],
		   r[WTINYLFU], r[FILTEROPT], real ? ' ' : '*', r[VARIED], lead);
}

static void
run_trace(const char *name, Trace *trace, Summary *summary)
{
	static const double share[] = {0.01, 0.05, 0.20};

	for (int s = 0; s < 3; s++)
		run_cell(name, trace, share[s], summary);
	free(trace->key);
}

static void
conclude(const char *what, const Summary *summary)
{
	double		mean[COLUMNS];
	double		peer;

	for (int i = 0; i < COLUMNS; i++)
		mean[i] = summary->sum[i] / summary->cells;
	peer = mean[S3FIFO] > mean[WTINYLFU] ? mean[S3FIFO] : mean[WTINYLFU];
	printf("%-22s %8d %7.1f %8.1f %10.1f %10.1f  %7.1f %+7.1f\n", what, summary->cells,
		   mean[LRU], mean[S3FIFO], mean[WTINYLFU], mean[FILTEROPT], mean[VARIED],
		   mean[FILTEROPT] - peer);
	printf("mean above both: %s; cells more than a point behind the better: %d of %d, "
		   "worst %+.1f: %s\n\n", mean[FILTEROPT] > peer ? "met" : "MISSED", summary->behind,
		   summary->cells, summary->worst, summary->behind == 0 ? "met" : "MISSED");
}

int
main(int argc, char **argv)
{
	long		made = argc > 2 && strcmp(argv[1], "-s") == 0 ? atol(argv[2]) : 0;
	Summary		summary = {.worst = 100};

	printf("%-22s %8s %7s %8s %10s %10s  %7s %7s\n", "trace", "entries", "LRU", "S3-FIFO",
		   "W-TinyLFU", "filteropt", "varied", "lead");
	for (int f = made > 0 ? 3 : 1; f < argc; f++)
	{
		Trace		trace = load(argv[f]);

		run_trace(strrchr(argv[f], '/') ? strrchr(argv[f], '/') + 1 : argv[f], &trace, &summary);
	}
	if (summary.cells > 0)
		conclude("mean, given traces", &summary);
	summary = (Summary) {.worst = 100};
	for (int i = 0; i < SYNTHETIC_TRACES && made > 0; i++)
	{
		Trace		trace = make(i, made);

		run_trace(synthetic_trace(i, NULL, 0), &trace, &summary);
	}
	if (summary.cells > 0)
		conclude("mean, made traces", &summary);
	return 0;
}
