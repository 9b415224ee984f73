/*
 * cache_policy.c
 *		Tests of the eviction rules, of the model caches and of the choice among
 *		them, on made request streams.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cache_adapt.h"
#include "core/cache_hash.h"

static int	tests;
static int	failures;

static void
ok(bool good, const char *what)
{
	tests++;
	if (!good)
		failures++;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

/* Request streams, by number of the request. */
static uint64_t
skewed(long i)
{
	uint64_t	r = next_random() % 1000000;

	(void) i;
	return 1000000 / (r + 1) + (r & 15);
}

static uint64_t
loop(long i)
{
	return (uint64_t) i % 300;
}

static uint64_t
scan_and_hot(long i)
{
	return i % 2 ? (uint64_t) i : next_random() % 80;
}

/* One of the last keys, the nearer the likelier. */
static uint64_t
recent(long i)
{
	return (uint64_t) i / 4 - next_random() % (next_random() % 600 + 1);
}

static double
hit_ratio(uint64_t (*stream) (long), uint32_t size, int rule, long n)
{
	FoCacheModel *model = malloc(fo_cache_model_bytes(size));
	FoCacheAdapt *adapt = malloc(fo_cache_adapt_bytes(size));
	long		hits = 0;

	random_state = 88172645463325252u;
	fo_cache_model_init(model, size, rule < FO_CACHE_RULES ? rule : FO_CACHE_LFU);
	fo_cache_adapt_init(adapt, size);
	for (long i = 0; i < n; i++)
	{
		uint64_t	hash = fo_cache_remix(stream(i) + 1);

		hits += fo_cache_model_access(model, hash);
		if (rule < FO_CACHE_RULES || !fo_cache_adapt_sampled(adapt->sample_mask, hash))
			continue;
		fo_cache_adapt_access(adapt, hash);
		fo_cache_model_set(model, size, adapt->rule);
	}
	ok(fo_cache_model_check(model), "queues, index and free list agree");
	free(model);
	free(adapt);
	return (double) hits / n;
}

/* The chosen rule does about as well as the best fixed one. */
static void
test_choice(const char *name, uint64_t (*stream) (long), uint32_t size)
{
	char		what[100];
	double		best = 0;
	double		chosen;

	for (int rule = 0; rule < FO_CACHE_RULES; rule++)
	{
		double		ratio = hit_ratio(stream, size, rule, 200000);

		best = ratio > best ? ratio : best;
	}
	chosen = hit_ratio(stream, size, FO_CACHE_RULES, 200000);
	snprintf(what, sizeof(what), "%s, %u entries: %.3f chosen, %.3f best", name, size,
			 chosen, best);
	ok(chosen > best - 0.02, what);
}

/* What each rule is there for. */
static void
test_rules(void)
{
	ok(hit_ratio(loop, 100, FO_CACHE_LFU_STRICT, 200000) > 0.3,
	   "strict TinyLFU keeps a third of a loop three times its size");
	ok(hit_ratio(loop, 100, FO_CACHE_CLOCK, 200000) == 0, "CLOCK keeps nothing of it");
	ok(hit_ratio(recent, 200, FO_CACHE_CLOCK, 200000) >
	   hit_ratio(recent, 200, FO_CACHE_LFU, 200000), "CLOCK is better where recency counts");
}

/* S3-FIFO step by step, as in the example that opens cache_policy.c. */
static void
test_s3fifo(void)
{
	FoCacheModel *model = malloc(fo_cache_model_bytes(10));

	fo_cache_model_init(model, 10, FO_CACHE_S3FIFO);
	for (uint64_t k = 100; k < 110; k++)
		ok(!fo_cache_model_access(model, fo_cache_remix(k)), "a new key misses");
	fo_cache_model_access(model, fo_cache_remix(100));
	fo_cache_model_access(model, fo_cache_remix(100));
	fo_cache_model_access(model, fo_cache_remix(110));
	ok(fo_cache_model_access(model, fo_cache_remix(100)), "twice hit, kept");
	ok(!fo_cache_model_access(model, fo_cache_remix(101)), "never hit, dropped");
	for (uint64_t k = 200; k < 208; k++)
		fo_cache_model_access(model, fo_cache_remix(k));
	ok(fo_cache_model_access(model, fo_cache_remix(101)), "came back as a ghost, kept in main");
	free(model);
}

static void
test_hash(void)
{
	FoCacheSeed seed = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	FoCacheSeed other = {1, 2};
	const char	text[] = "0123456789abcdef";
	bool		distinct = true;

	for (size_t len = 1; len < sizeof(text); len++)
	{
		distinct &= fo_cache_hash(&seed, 0, text, len) != fo_cache_hash(&seed, 0, text, len - 1);
		distinct &= fo_cache_hash(&seed, 0, text, len) != fo_cache_hash(&seed, 1, text, len);
		distinct &= fo_cache_hash(&seed, 0, text, len) != fo_cache_hash(&other, 0, text, len);
	}
	ok(distinct, "length, salt and seed change the hash");
}

int
main(void)
{
	test_hash();
	test_s3fifo();
	test_choice("skewed", skewed, 100);
	test_choice("skewed", skewed, 1000);
	test_choice("loop", loop, 200);
	test_choice("scan and hot", scan_and_hot, 100);
	test_choice("recent", recent, 200);
	test_rules();
	test_choice("loop", loop, 1);
	printf("1..%d\n", tests);
	return failures != 0;
}
