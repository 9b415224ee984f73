/*
 * reference.c
 *		The peers of the eviction policy, written after their papers: LRU; S3-FIFO
 *		(small queue 10 %, ghosts 90 %); W-TinyLFU as Caffeine does it (LRU window of
 *		1 % that a hill climber resizes, segmented LRU, a sketch of 4-bit counters
 *		that are halved each 10 * size requests).
 */
#include "reference.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_hash.h"

#define NIL UINT32_MAX

enum
{
	OUT, FIRST, SECOND, THIRD
};

typedef struct List
{
	uint32_t	head;			/* newest */
	uint32_t	tail;			/* oldest */
	uint32_t	n;
} List;

typedef struct Sim
{
	uint32_t   *next;
	uint32_t   *prev;
	uint8_t    *where;
	uint8_t    *freq;
	List		list[4];		/* by place; list[OUT] is unused */
} Sim;

static void
sim_start(Sim *sim, uint32_t nkeys)
{
	sim->next = malloc(nkeys * sizeof(uint32_t));
	sim->prev = malloc(nkeys * sizeof(uint32_t));
	sim->where = calloc(nkeys, 1);
	sim->freq = calloc(nkeys, 1);
	for (int i = 0; i < 4; i++)
		sim->list[i] = (List) {NIL, NIL, 0};
}

static void
sim_end(Sim *sim)
{
	free(sim->next);
	free(sim->prev);
	free(sim->where);
	free(sim->freq);
}

static void
sim_remove(Sim *sim, uint32_t k)
{
	List	   *list = &sim->list[sim->where[k]];

	if (sim->prev[k] == NIL)
		list->head = sim->next[k];
	else
		sim->next[sim->prev[k]] = sim->next[k];
	if (sim->next[k] == NIL)
		list->tail = sim->prev[k];
	else
		sim->prev[sim->next[k]] = sim->prev[k];
	list->n--;
	sim->where[k] = OUT;
}

static void
sim_push(Sim *sim, int place, uint32_t k)
{
	List	   *list = &sim->list[place];

	sim->where[k] = (uint8_t) place;
	sim->prev[k] = NIL;
	sim->next[k] = list->head;
	if (list->head == NIL)
		list->tail = k;
	else
		sim->prev[list->head] = k;
	list->head = k;
	list->n++;
}

static uint32_t
sim_move_oldest(Sim *sim, int from, int to)
{
	uint32_t	k = sim->list[from].tail;

	sim_remove(sim, k);
	if (to != OUT)
		sim_push(sim, to, k);
	return k;
}

long
reference_lru(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size)
{
	Sim			sim;
	long		hits = 0;

	sim_start(&sim, nkeys);
	for (long i = 0; i < n; i++)
	{
		uint32_t	k = trace[i];

		if (sim.where[k] != OUT)
		{
			hits++;
			sim_remove(&sim, k);
		}
		else if (sim.list[FIRST].n >= size)
			sim_move_oldest(&sim, FIRST, OUT);
		sim_push(&sim, FIRST, k);
	}
	sim_end(&sim);
	return hits;
}

/* FIRST is the small queue, SECOND main, THIRD the ghosts. */
static void
s3fifo_make_room(Sim *sim, uint32_t size, uint32_t small)
{
	while (sim->list[FIRST].n + sim->list[SECOND].n >= size)
	{
		uint32_t	k;

		if (sim->list[FIRST].n >= small || sim->list[SECOND].n == 0)
		{
			k = sim->list[FIRST].tail;
			if (sim->freq[k] >= 2)
			{
				sim->freq[k] = 0;
				sim_move_oldest(sim, FIRST, SECOND);
				continue;
			}
			sim_move_oldest(sim, FIRST, THIRD);
			if (sim->list[THIRD].n > size - small)
				sim_move_oldest(sim, THIRD, OUT);
			continue;
		}
		k = sim->list[SECOND].tail;
		sim_move_oldest(sim, SECOND, sim->freq[k] > 0 ? SECOND : OUT);
		if (sim->freq[k] > 0)
			sim->freq[k]--;
	}
}

long
reference_s3fifo(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size)
{
	Sim			sim;
	long		hits = 0;
	uint32_t	small = size / 10 > 0 ? size / 10 : 1;

	sim_start(&sim, nkeys);
	for (long i = 0; i < n; i++)
	{
		uint32_t	k = trace[i];
		int			place = FIRST;

		if (sim.where[k] == FIRST || sim.where[k] == SECOND)
		{
			hits++;
			if (sim.freq[k] < 3)
				sim.freq[k]++;
			continue;
		}
		if (sim.where[k] == THIRD)
		{
			sim_remove(&sim, k);
			place = SECOND;
		}
		s3fifo_make_room(&sim, size, small);
		sim.freq[k] = 0;
		sim_push(&sim, place, k);
	}
	sim_end(&sim);
	return hits;
}

/*
 * W-TinyLFU.  FIRST is the window, SECOND probation, THIRD protected.  The sketch has
 * 16 counters of 4 bits an entry, in blocks of 128: of each of a block's four rows of
 * 32 a key owns one.
 */
#define LFU_BLOCK	128

typedef struct Lfu
{
	Sim			sim;
	uint32_t	size;
	uint8_t    *counter;
	uint32_t	blocks;
	long		counted;		/* since the counters were halved */
	long		period;			/* halve them then */
	double		step;
	double		last_ratio;
	double		carry;			/* of the window's change, less than an entry */
	uint32_t	window;			/* most entries there */
	uint32_t	guarded;		/* most entries in protected */
	long		seen;
	long		hits;
	bool		warm;			/* half full: the sketch counts from then on */
} Lfu;

static void
lfu_start(Lfu *lfu, uint32_t nkeys, uint32_t size)
{
	uint32_t	entries = size > 256 ? size : 256;
	uint32_t	main_size = (uint32_t) (0.99 * size);

	sim_start(&lfu->sim, nkeys);
	lfu->size = size;
	lfu->window = size - main_size;
	lfu->guarded = (uint32_t) (0.8 * main_size);
	lfu->step = -0.0625 * size;
	for (lfu->blocks = 1; lfu->blocks * (LFU_BLOCK / 16) < entries;)
		lfu->blocks *= 2;
	lfu->counter = calloc(lfu->blocks, LFU_BLOCK);
	lfu->period = 10L * entries;
}

static uint8_t *
lfu_counter(const Lfu *lfu, uint32_t k, int row)
{
	uint64_t	block = fo_cache_remix(k + UINT64_C(0x9e3779b97f4a7c15));
	uint64_t	place = fo_cache_remix(block) >> (8 * row) & 31;

	return lfu->counter + (block & (lfu->blocks - 1)) * LFU_BLOCK + row * 32 + place;
}

static void
lfu_count(Lfu *lfu, uint32_t k)
{
	bool		added = false;
	long		odd = 0;

	for (int row = 0; row < 4; row++)
	{
		uint8_t    *counter = lfu_counter(lfu, k, row);

		added |= *counter < 15;
		*counter += *counter < 15;
	}
	if (!added || ++lfu->counted < lfu->period)
		return;
	for (uint32_t i = 0; i < lfu->blocks * LFU_BLOCK; i++)
	{
		odd += lfu->counter[i] & 1;
		lfu->counter[i] /= 2;
	}
	lfu->counted = (lfu->counted - odd / 4) / 2;
}

static int
lfu_frequency(const Lfu *lfu, uint32_t k)
{
	int			least = 15;

	for (int row = 0; row < 4; row++)
		if (*lfu_counter(lfu, k, row) < least)
			least = *lfu_counter(lfu, k, row);
	return least;
}

static void
lfu_demote(Lfu *lfu)
{
	while (lfu->sim.list[THIRD].n > lfu->guarded)
		sim_move_oldest(&lfu->sim, THIRD, SECOND);
}

/* Move so many entries' worth of room from protected to the window, or back. */
static void
lfu_resize_window(Lfu *lfu, long change)
{
	if (change > (long) lfu->guarded)
		change = lfu->guarded;
	if (change < 1 - (long) lfu->window)
		change = 1 - (long) lfu->window;
	lfu->window += change;
	lfu->guarded -= change;
	lfu_demote(lfu);
	for (; change > 0 && lfu->sim.list[SECOND].n + lfu->sim.list[THIRD].n > 0; change--)
		sim_move_oldest(&lfu->sim, lfu->sim.list[SECOND].n > 0 ? SECOND : THIRD, FIRST);
	while (lfu->sim.list[FIRST].n > lfu->window)
		sim_move_oldest(&lfu->sim, FIRST, SECOND);
}

/* Move the window's size along while that helps (Caffeine's hill climber). */
static void
lfu_climb(Lfu *lfu)
{
	double		ratio;
	double		change;
	double		amount;

	if (lfu->seen < lfu->period)
		return;
	ratio = (double) lfu->hits / lfu->seen;
	change = ratio - lfu->last_ratio;
	amount = change >= 0 ? lfu->step : -lfu->step;
	if (change >= 0.05 || change <= -0.05)
		lfu->step = 0.0625 * lfu->size * (amount >= 0 ? 1 : -1);
	else
		lfu->step = 0.98 * amount;
	lfu->last_ratio = ratio;
	lfu->seen = lfu->hits = 0;
	lfu->carry += amount;
	lfu_resize_window(lfu, (long) lfu->carry);
	lfu->carry -= (long) lfu->carry;
}

static void
lfu_hit(Lfu *lfu, uint32_t k)
{
	int			to = lfu->sim.where[k] == FIRST ? FIRST : THIRD;

	sim_remove(&lfu->sim, k);
	sim_push(&lfu->sim, to, k);
	lfu_demote(lfu);
}

/* One entry too many: the candidate from the window duels with the oldest of main. */
static void
lfu_evict(Lfu *lfu, uint32_t candidate)
{
	Sim		   *sim = &lfu->sim;
	uint32_t	victim = sim->list[SECOND].tail;
	int			want;

	if (victim == NIL)
		victim = sim->list[THIRD].tail;
	if (candidate == NIL)
		candidate = sim->list[FIRST].tail;
	if (victim == NIL || candidate == NIL || victim == candidate)
	{
		sim_remove(sim, victim == NIL ? candidate : victim);
		return;
	}
	want = lfu_frequency(lfu, candidate);
	if (want > lfu_frequency(lfu, victim) || (want >= 6 && rand() % 128 == 0))
		sim_remove(sim, victim);
	else
		sim_remove(sim, candidate);
}

static void
lfu_miss(Lfu *lfu, uint32_t k)
{
	Sim		   *sim = &lfu->sim;
	uint32_t	candidate = NIL;
	uint32_t	held;

	sim_push(sim, FIRST, k);
	if (sim->list[FIRST].n > lfu->window)
		candidate = sim_move_oldest(sim, FIRST, SECOND);
	held = sim->list[FIRST].n + sim->list[SECOND].n + sim->list[THIRD].n;
	lfu->warm |= held >= lfu->size / 2;
	if (held > lfu->size)
		lfu_evict(lfu, candidate);
}

long
reference_wtinylfu(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size)
{
	Lfu			lfu = {0};
	long		hits = 0;

	srand(1);
	lfu_start(&lfu, nkeys, size);
	for (long i = 0; i < n; i++)
	{
		uint32_t	k = trace[i];
		bool		hit = lfu.sim.where[k] != OUT;

		hits += hit;
		lfu.seen += lfu.warm;
		lfu.hits += lfu.warm && hit;
		if (lfu.warm)
			lfu_count(&lfu, k);
		if (hit)
			lfu_hit(&lfu, k);
		else
			lfu_miss(&lfu, k);
		lfu_climb(&lfu);
	}
	free(lfu.counter);
	sim_end(&lfu.sim);
	return hits;
}
