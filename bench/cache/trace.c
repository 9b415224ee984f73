/*
 * trace.c
 *		Hit ratios of the cache's eviction policy and of its peers on request
 *		traces: one integer key a line, plain text.
 *
 * Usage: trace FILE...  Prints a line for each file and cache size (1, 5 and 20 %
 * of the distinct keys), then the means, then whether the bounds hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_adapt.h"
#include "core/cache_hash.h"
#include "reference.h"

typedef struct Trace
{
	uint32_t   *key;			/* renumbered 0 .. nkeys-1 */
	long		n;
	uint32_t	nkeys;
} Trace;

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

static Trace
load(const char *path)
{
	Trace		trace = {NULL, 0, 0};
	FILE	   *file = fopen(path, "r");
	uint64_t	cap = 1024;
	uint64_t   *table = calloc(cap, sizeof(uint64_t));
	uint32_t   *number = calloc(cap, sizeof(uint32_t));
	unsigned long long key;
	long		room = 0;

	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	while (fscanf(file, "%llu", &key) == 1)
	{
		if (trace.n == room)
		{
			room = room * 2 + 1024;
			trace.key = realloc(trace.key, room * sizeof(uint32_t));
		}
		trace.key[trace.n++] = renumber(&table, &number, &cap, &trace.nkeys, key);
	}
	fclose(file);
	free(table);
	free(number);
	return trace;
}

/* The policy as the server runs it, over entries of size one. */
static long
run_adaptive(const Trace *trace, uint32_t size)
{
	FoCacheModel *cache = malloc(fo_cache_model_bytes(size));
	FoCacheAdapt *adapt = malloc(fo_cache_adapt_bytes());
	FoCacheSeed seed = {1, 2};
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

int
main(int argc, char **argv)
{
	static const double share[] = {0.01, 0.05, 0.20};
	double		sum[4] = {0};
	double		worst = 100;
	int			cells = 0;

	printf("%-24s %8s %7s %8s %10s %10s %8s\n",
		   "trace", "entries", "LRU", "S3-FIFO", "W-TinyLFU", "filteropt", "lead");
	for (int f = 1; f < argc; f++)
	{
		Trace		trace = load(argv[f]);
		const char *name = strrchr(argv[f], '/') ? strrchr(argv[f], '/') + 1 : argv[f];

		for (int s = 0; s < 3; s++)
		{
			uint32_t	size = (uint32_t) (trace.nkeys * share[s]);
			double		r[4];
			double		lead;

			size = size > 0 ? size : 1;
			r[0] = 100.0 * reference_lru(trace.key, trace.n, trace.nkeys, size) / trace.n;
			r[1] = 100.0 * reference_s3fifo(trace.key, trace.n, trace.nkeys, size) / trace.n;
			r[2] = 100.0 * reference_wtinylfu(trace.key, trace.n, trace.nkeys, size) / trace.n;
			r[3] = 100.0 * run_adaptive(&trace, size) / trace.n;
			lead = r[3] - (r[1] > r[2] ? r[1] : r[2]);
			worst = lead < worst ? lead : worst;
			for (int i = 0; i < 4; i++)
				sum[i] += r[i];
			cells++;
			printf("%-24s %8u %7.1f %8.1f %10.1f %10.1f %+8.1f\n",
				   name, size, r[0], r[1], r[2], r[3], lead);
		}
		free(trace.key);
	}
	if (cells == 0)
		return 1;
	printf("%-24s %8d %7.1f %8.1f %10.1f %10.1f\n", "mean", cells,
		   sum[0] / cells, sum[1] / cells, sum[2] / cells, sum[3] / cells);
	printf("worst cell against the better of S3-FIFO and W-TinyLFU: %+.1f points\n", worst);
	return 0;
}
