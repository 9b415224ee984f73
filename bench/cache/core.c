/*
 * core.c
 *		CPU time of a hit of the shared-memory cache in C, hash and copy included:
 *		core NKEYS prints the nanoseconds for all keys and for a thousand hot ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cache_l1.h"

#define MEMORY	((size_t) 128 * 1024 * 1024)
#define LOOKUPS 1000000

static char (*keys)[40];
static const FoCacheSeed seed = {1, 2};
static const FoL1Owner owner = {1, 2, 3, 0};

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static FoL1Key
key_of(long i)
{
	FoL1Key		key = {fo_cache_hash(&seed, 0, keys[i], 36), owner, keys[i], 36};

	return key;
}

static double
run(FoL1 *l1, long nkeys)
{
	char		value[400];
	unsigned	state = 1;
	long		hits = 0;
	double		start = cpu_ns();

	for (long i = 0; i < LOOKUPS; i++)
	{
		FoL1Key		key;
		FoL1View	view;

		state = state * 1664525 + 1013904223;
		key = key_of((state >> 8) % nkeys);
		if (!fo_l1_find(l1, &key, &view) || !fo_l1_copy(&view, value))
			continue;
		fo_l1_touch(l1, &key, &view);
		hits++;
	}
	if (hits < LOOKUPS * 0.99)
		exit(1);
	return (cpu_ns() - start) / LOOKUPS;
}

int
main(int argc, char **argv)
{
	long		nkeys = argc > 1 ? atol(argv[1]) : 100000;
	FoL1	   *l1 = fo_l1_init(aligned_alloc(64, MEMORY), MEMORY);
	char		value[300];

	keys = calloc(nkeys, sizeof(*keys));
	memset(value, 'x', sizeof(value));
	for (long i = 0; i < nkeys; i++)
	{
		FoL1Meta	meta = {.stale_until = INT64_MAX};
		FoL1Key		key;

		snprintf(keys[i], sizeof(keys[i]), "user:%031ld", i * 7919 % nkeys);
		key = key_of(i);
		fo_l1_insert(l1, &key, &meta, value, sizeof(value), 0, NULL, NULL);
	}
	printf("uniform %.1f\n", run(l1, nkeys));
	printf("hot_1000 %.1f\n", run(l1, nkeys < 1000 ? nkeys : 1000));
	return 0;
}
