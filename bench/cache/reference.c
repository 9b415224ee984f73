/*
 * reference.c
 *		The peers of the eviction policy, written after their papers: LRU; S3-FIFO
 *		(small queue 10 %, ghosts 90 %); W-TinyLFU (LRU window of 1 % that a hill
 *		climber resizes, segmented LRU, exact 4-bit counters that are halved each
 *		10 * size requests, which a count-min sketch can only approach).
 */
#include "reference.h"

#include <stdlib.h>
#include <string.h>

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

/* FIRST is the window, SECOND probation, THIRD protected. */
typedef struct Lfu
{
	Sim			sim;
	uint32_t	size;
	uint32_t	nkeys;
	double		window;
	double		step;
	double		last_ratio;
	long		adds;
	long		seen;
	long		hits;
} Lfu;

static void
lfu_count(Lfu *lfu, uint32_t k)
{
	if (lfu->sim.freq[k] < 15)
		lfu->sim.freq[k]++;
	if (++lfu->adds < 10L * lfu->size)
		return;
	lfu->adds /= 2;
	for (uint32_t i = 0; i < lfu->nkeys; i++)
		lfu->sim.freq[i] /= 2;
}

static void
lfu_demote(Lfu *lfu)
{
	uint32_t	most = (uint32_t) (0.8 * (lfu->size - (uint32_t) lfu->window));

	while (lfu->sim.list[THIRD].n > most)
		sim_move_oldest(&lfu->sim, THIRD, SECOND);
}

/* Move the window's size along while that helps (Caffeine's hill climber). */
static void
lfu_climb(Lfu *lfu)
{
	double		ratio;
	double		change;
	double		amount;

	if (lfu->seen < 10L * lfu->size)
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
	lfu->window += amount;
	if (lfu->window < 1)
		lfu->window = 1;
	if (lfu->window > 0.8 * lfu->size)
		lfu->window = 0.8 * lfu->size;
	lfu_demote(lfu);
}

static void
lfu_hit(Lfu *lfu, uint32_t k)
{
	int			to = lfu->sim.where[k] == FIRST ? FIRST : THIRD;

	sim_remove(&lfu->sim, k);
	sim_push(&lfu->sim, to, k);
	lfu_demote(lfu);
}

static void
lfu_miss(Lfu *lfu, uint32_t k)
{
	Sim		   *sim = &lfu->sim;
	uint32_t	window = (uint32_t) lfu->window;

	sim_push(sim, FIRST, k);
	while (sim->list[FIRST].n > window)
	{
		uint32_t	candidate = sim_move_oldest(sim, FIRST, SECOND);
		uint32_t	victim;

		if (sim->list[FIRST].n + sim->list[SECOND].n + sim->list[THIRD].n <= lfu->size)
			continue;
		victim = sim->list[SECOND].tail != candidate ? sim->list[SECOND].tail
			: sim->list[THIRD].tail;
		if (victim == NIL || sim->freq[candidate] <= sim->freq[victim])
			victim = candidate;
		sim_remove(sim, victim);
	}
	while (sim->list[FIRST].n + sim->list[SECOND].n + sim->list[THIRD].n > lfu->size)
		sim_move_oldest(sim, sim->list[SECOND].n > 0 ? SECOND : FIRST, OUT);
}

long
reference_wtinylfu(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size)
{
	Lfu			lfu = {.size = size, .nkeys = nkeys};
	long		hits = 0;

	sim_start(&lfu.sim, nkeys);
	lfu.window = size / 100 > 0 ? size / 100 : 1;
	lfu.step = -0.0625 * size;
	for (long i = 0; i < n; i++)
	{
		uint32_t	k = trace[i];

		lfu_count(&lfu, k);
		lfu.seen++;
		if (lfu.sim.where[k] == OUT)
			lfu_miss(&lfu, k);
		else
		{
			hits++;
			lfu.hits++;
			lfu_hit(&lfu, k);
		}
		lfu_climb(&lfu);
	}
	sim_end(&lfu.sim);
	return hits;
}
