/*
 * cache_l1.c
 *		Tests of the shared-memory cache: against a list of the last values put,
 *		under eviction, and with threads that read while others write.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_adapt.h"
#include "core/cache_l1.h"

#define KEYS		4000
#define MAX_VALUE	3000

static int	tests;
static int	failures;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static const FoL1Owner owner = {1, 2, 3, 4};
static const FoCacheSeed seed = {11, 22};

static void
ok(bool good, const char *what)
{
	tests++;
	if (!good)
		failures++;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static FoL1 *
make(size_t bytes)
{
	void	   *memory = aligned_alloc(64, bytes);

	memset(memory, 0x5a, bytes);
	return fo_l1_init(memory, bytes);
}

static FoL1Key
make_key(char *buffer, uint32_t n)
{
	FoL1Key		key = {0, owner, buffer, 0};

	key.len = (uint32_t) sprintf(buffer, "key:%u", n);
	key.hash = fo_cache_hash(&seed, 0, buffer, key.len);
	return key;
}

/* A value that tells its key and version, and whose every byte can be checked. */
static uint32_t
make_value(unsigned char *value, uint32_t key, uint32_t version)
{
	uint32_t	len = 8 + (key * 7 + version * 13) % (MAX_VALUE - 8);

	memcpy(value, &key, 4);
	memcpy(value + 4, &version, 4);
	for (uint32_t i = 8; i < len; i++)
		value[i] = (unsigned char) (key + version + i);
	return len;
}

static bool
value_is_whole(const unsigned char *value, uint32_t len, uint32_t key, uint32_t *version)
{
	unsigned char expected[MAX_VALUE];

	memcpy(version, value + 4, 4);
	return make_value(expected, key, *version) == len && memcmp(expected, value, len) == 0;
}

static bool
put(FoL1 *l1, uint32_t n, uint32_t version, int64_t now, int64_t stale_until)
{
	char		buffer[32];
	unsigned char value[MAX_VALUE];
	FoL1Key		key = make_key(buffer, n);
	FoL1Meta	meta = {.expires = stale_until, .stale_until = stale_until, .account = n % 5};
	bool		done;

	pthread_mutex_lock(&log_lock);
	done = fo_l1_insert(l1, &key, &meta, value, make_value(value, n, version), now, NULL, NULL);
	pthread_mutex_unlock(&log_lock);
	return done;
}

/* 1: whole value, its version returned; 0: missing; -1: a broken value. */
static int
get(FoL1 *l1, uint32_t n, uint32_t *version)
{
	char		buffer[32];
	unsigned char value[MAX_VALUE];
	FoL1Key		key = make_key(buffer, n);
	FoL1View	view;

	while (fo_l1_find(l1, &key, &view))
	{
		if (view.len > MAX_VALUE || !fo_l1_copy(&view, value))
			continue;
		if (fo_l1_touch(l1, &key, &view) && pthread_mutex_trylock(&log_lock) == 0)
		{
			fo_l1_drain(l1);
			pthread_mutex_unlock(&log_lock);
		}
		return value_is_whole(value, view.len, n, version) ? 1 : -1;
	}
	return 0;
}

/* Random puts, gets and removals against the list of what was put last. */
static void
test_oracle(size_t bytes)
{
	FoL1	   *l1 = make(bytes);
	uint32_t	last[KEYS] = {0};
	uint32_t	state = 1;
	bool		right = true;
	bool		sound = true;
	long		hits = 0;

	for (uint32_t i = 1; i <= 60000; i++)
	{
		char		buffer[32];
		uint32_t	version = 0;
		uint32_t	n;

		state = state * 1664525 + 1013904223;
		n = (state >> 8) % KEYS;
		n = (state >> 30) ? n % (KEYS / 20) : n;
		switch ((state >> 4) % 8)
		{
			case 0:
			case 1:
			case 2:
				if (put(l1, n, i, 0, INT64_MAX))
					last[n] = i;
				break;
			case 3:
				{
					FoL1Key		key = make_key(buffer, n);

					fo_l1_remove(l1, &key);
					last[n] = 0;
					break;
				}
			default:
				switch (get(l1, n, &version))
				{
					case 1:
						hits++;
						right &= version == last[n];
						break;
					case -1:
						right = false;
				}
		}
		if (i % 5000 == 0)
			sound &= fo_l1_check(l1);
	}
	ok(right, "every hit is the last value put, and none was removed");
	ok(sound, "buckets, pages and counters agree");
	ok(hits > 5000, "there were hits");
	free(l1);
}

static void
test_limits(void)
{
	FoL1	   *l1 = make(1024 * 1024);
	char	   *big = calloc(1, 1024 * 1024);
	char		buffer[32];
	FoL1Key		key = make_key(buffer, 1);
	FoL1Key		other;
	FoL1Meta	meta = {.stale_until = INT64_MAX};
	FoL1View	view;
	FoL1Totals	totals;
	bool		all = true;

	ok(fo_l1_init(big, FO_L1_MIN_BYTES - 1) == NULL, "too little memory is refused");
	ok(!fo_l1_insert(l1, &key, &meta, big, 1024 * 1024 - 1000, 0, NULL, NULL),
	   "too large a value is refused");
	ok(fo_l1_insert(l1, &key, &meta, big, 0, 0, NULL, NULL), "an empty value is stored");
	ok(fo_l1_find(l1, &key, &view) && view.len == 0 && fo_l1_copy(&view, big), "and found");
	other = key;
	other.owner.role = 99;
	ok(!fo_l1_find(l1, &other, &view), "another owner does not see it");
	ok(fo_l1_remove(l1, &key) && !fo_l1_remove(l1, &key), "removed once");
	for (uint32_t i = 0; i < 200000; i++)
		all &= put(l1, i, 1, 0, INT64_MAX);
	ok(all && fo_l1_check(l1), "200 000 puts into 1 MB");
	fo_l1_totals(l1, &totals);
	ok(totals.bytes_used <= 1024 * 1024 && totals.entries > 100 && totals.evictions > 150000,
	   "memory is bounded");
	for (uint32_t i = 0; i < 3000; i++)
		put(l1, 500000 + i, 1, 1000, 1);
	ok(fo_l1_check(l1), "entries that expired are passed over");
	free(big);
	free(l1);
}

/* Ask for a key, and store `len` bytes for it on a miss; true on a hit. */
static bool
request(FoL1 *l1, uint32_t n, uint32_t len)
{
	static char value[MAX_VALUE];
	char		buffer[32];
	FoL1Key		key = make_key(buffer, n);
	FoL1Meta	meta = {.stale_until = INT64_MAX};
	FoL1View	view;

	if (!fo_l1_find(l1, &key, &view))
	{
		fo_l1_insert(l1, &key, &meta, value, len, 0, NULL, NULL);
		return false;
	}
	if (fo_l1_touch(l1, &key, &view))
		fo_l1_drain(l1);
	return true;
}

/* Half skewed, half a scan that comes round again and again. */
static uint32_t
next_request(uint32_t *state, uint32_t i)
{
	*state = *state * 1664525 + 1013904223;
	return i % 2 ? 100000 + i / 2 % 6000 : 200000 / ((*state >> 12) % 100000 + 1);
}

/* The capacity follows how well entries fill pages, hence the margin. */
static bool
is_bounded(FoL1 *l1)
{
	FoL1Totals	totals;

	fo_l1_totals(l1, &totals);
	return totals.bytes_used <= totals.bytes_capacity + totals.bytes_capacity / 32;
}

/*
 * Level 1 evicts as the policy alone does: of a loop larger than the cache it keeps a
 * part, and requests of two kinds hit about as often as in a model of as many entries.
 */
static void
test_policy(uint32_t len)
{
	FoL1	   *l1 = make(1024 * 1024);
	FoCacheModel *model;
	FoL1Totals	totals;
	uint32_t	state = 1;
	long		hits = 0;
	long		model_hits = 0;
	bool		bounded = true;
	char		what[100];

	for (uint32_t i = 0; i < 5000; i++)
		request(l1, 500000 + i, len);
	fo_l1_totals(l1, &totals);
	model = malloc(fo_cache_model_bytes((uint32_t) totals.entries));
	fo_cache_model_init(model, (uint32_t) totals.entries, FO_CACHE_LFU_STRICT);
	for (uint32_t i = 0; i < 300000; i++)
	{
		char		buffer[32];
		uint32_t	n = next_request(&state, i);

		hits += request(l1, n, len);
		model_hits += fo_cache_model_access(model, make_key(buffer, n).hash);
		bounded &= is_bounded(l1);
	}
	snprintf(what, sizeof(what), "values of %u bytes: %ld hits, %ld of the policy alone", len, hits,
			 model_hits);
	ok(hits > model_hits * 0.93, what);
	ok(bounded, "never more bytes than the capacity");

	hits = 0;
	for (uint32_t i = 0; i < 200000; i++)
		hits += request(l1, i % 3000, len);
	fo_l1_totals(l1, &totals);
	snprintf(what, sizeof(what), "a loop of 3 000 keys, %d entries: %ld hits of 200 000",
			 (int) totals.entries, hits);
	ok(hits > 200000 * (totals.entries / 3000.0) * 0.5, what);
	ok(fo_l1_check(l1), "the log is sound");
	free(model);
	free(l1);
}

/* Values of all sizes: the budget holds, and pages are filled. */
static void
test_sizes(void)
{
	FoL1	   *l1 = make(2 * 1024 * 1024);
	FoL1Totals	totals;
	uint32_t	state = 7;
	bool		bounded = true;

	for (uint32_t i = 0; i < 200000; i++)
	{
		uint32_t	n = next_request(&state, i);

		request(l1, n, n * 7919 % MAX_VALUE);
		bounded &= is_bounded(l1);
	}
	fo_l1_totals(l1, &totals);
	ok(bounded, "sizes from 0 to 3 000: never more bytes than the capacity");
	ok(totals.bytes_used > totals.bytes_total / 2, "and more than half of the memory is used");
	ok(fo_l1_check(l1), "the log is sound");
	free(l1);
}

static bool
refuse(void *arg)
{
	++*(int *) arg;
	return false;
}

static void
test_guard(void)
{
	FoL1	   *l1 = make(1024 * 1024);
	char		buffer[32];
	unsigned char value[MAX_VALUE];
	FoL1Key		key = make_key(buffer, 7);
	FoL1Meta	meta = {.stale_until = INT64_MAX};
	uint32_t	version = 0;
	int			asked = 0;
	uint32_t	len = make_value(value, 7, 2);

	ok(!fo_l1_insert(l1, &key, &meta, value, len, 0, refuse, &asked) && asked == 1 &&
	   get(l1, 7, &version) == 0, "a refused fill is not stored");
	put(l1, 7, 1, 0, INT64_MAX);
	ok(!fo_l1_insert(l1, &key, &meta, value, len, 0, refuse, &asked) && asked == 2 &&
	   get(l1, 7, &version) == 1 && version == 1, "and leaves the value there was");
	ok(fo_l1_check(l1), "the log is sound");
	free(l1);
}

/* Threads: versions of a key only grow, and no value is ever torn. */
typedef struct Worker
{
	FoL1	   *l1;
	uint32_t	seed;
	bool		writer;
	bool		good;
	long		hits;
} Worker;

static _Atomic uint32_t versions[64];

static void *
work(void *arg)
{
	Worker	   *w = arg;
	uint32_t	state = w->seed;
	uint32_t	seen[64] = {0};

	w->good = true;
	for (int i = 0; i < 60000; i++)
	{
		uint32_t	version = 0;
		uint32_t	n;

		state = state * 1664525 + 1013904223;
		n = (state >> 9) % 64;
		if (w->writer)
		{
			if (n % 2 == w->seed % 2)
				put(w->l1, n, ++versions[n], 0, INT64_MAX);
			else
				put(w->l1, 1000 + state % 5000, 1, 0, INT64_MAX);
			continue;
		}
		switch (get(w->l1, n, &version))
		{
			case 1:
				w->hits++;
				w->good &= version >= seen[n];
				seen[n] = version;
				break;
			case -1:
				w->good = false;
		}
	}
	return NULL;
}

static void
test_threads(void)
{
	FoL1	   *l1 = make(1024 * 1024);
	pthread_t	thread[4];
	Worker		worker[4];
	bool		good = true;

	for (int i = 0; i < 4; i++)
	{
		worker[i] = (Worker) {l1, (uint32_t) i, i < 2, true, 0};
		pthread_create(&thread[i], NULL, work, &worker[i]);
	}
	for (int i = 0; i < 4; i++)
	{
		pthread_join(thread[i], NULL);
		good &= worker[i].good;
	}
	ok(good, "concurrent readers see whole values that never go back");
	ok(worker[2].hits + worker[3].hits > 0, "and they see some");
	ok(fo_l1_check(l1), "the log is sound afterwards");
	free(l1);
}

int
main(void)
{
	test_oracle(512 * 1024);
	test_oracle(4 * 1024 * 1024);
	test_oracle(32 * 1024 * 1024);
	test_limits();
	test_policy(250);
	test_policy(1000);
	test_sizes();
	test_guard();
	test_threads();
	printf("1..%d\n", tests);
	return failures != 0;
}
