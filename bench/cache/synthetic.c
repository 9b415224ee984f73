/*
 * synthetic.c
 *		Made request traces.  Each is one pattern, or a few that alternate, of those
 *		on which eviction policies are known to differ: skew, scans, loops larger than
 *		the cache, popularity that shifts, keys asked for once, recency.
 */
#include "synthetic.h"

#include <math.h>
#include <stdlib.h>

#define KEYS	20000
#define PHASE	30000			/* requests between changes */
#define RECENT	50000			/* keys that a request can go back to */

static uint64_t state;
static double cumulative[KEYS];

static uint64_t
draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* 0 <= x < 1 */
static double
share(void)
{
	return (double) (draw() >> 11) / 9007199254740992.0;
}

static void
zipf_start(double exponent)
{
	double		sum = 0;

	for (int i = 0; i < KEYS; i++)
		cumulative[i] = sum += pow(i + 1, -exponent);
	for (int i = 0; i < KEYS; i++)
		cumulative[i] /= sum;
}

/* A rank, 0 the most frequent. */
static uint64_t
zipf(void)
{
	double		x = share();
	int			low = 0;
	int			high = KEYS - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (cumulative[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint64_t) low;
}

/* Parts of the key space, so that patterns of one trace share no key. */
static uint64_t
apart(int part, uint64_t key)
{
	return ((uint64_t) part << 40) + key;
}

static uint64_t
plain_zipf(long i)
{
	(void) i;
	return zipf();
}

/* Two of ten requests belong to scans of 2 000 keys that never return. */
static uint64_t
zipf_and_scans(long i)
{
	return i % 10000 < 2000 ? apart(1, (uint64_t) i) : zipf();
}

/* Scans of the same keys again and again among skewed requests. */
static uint64_t
zipf_and_loop(long i)
{
	return i % 3 == 0 ? apart(1, (uint64_t) (i / 3) % 8000) : zipf();
}

static uint64_t
loop(long i)
{
	return (uint64_t) i % 12000;
}

/* Back and forth over the same keys. */
static uint64_t
zigzag(long i)
{
	long		at = i % 12000;

	return (uint64_t) (at < 6000 ? at : 11999 - at);
}

/* Other keys are popular after each phase. */
static uint64_t
shifting(long i)
{
	return (zipf() + (uint64_t) (i / PHASE) * 3001) % KEYS;
}

/* What is popular drifts a little with each request. */
static uint64_t
drifting(long i)
{
	return (uint64_t) (i / 20) + zipf();
}

/* Half of the requests are for keys that come once. */
static uint64_t
wonders(long i)
{
	return i % 2 ? apart(1, (uint64_t) i) : zipf();
}

/* Programs that take turns: loops of several lengths and a skewed one. */
static uint64_t
programs(long i)
{
	long		turn = i / 500;

	switch (turn % 4)
	{
		case 0:
			return apart(1, (uint64_t) (turn / 4 * 500 + i % 500) % 900);
		case 1:
			return apart(2, (uint64_t) (turn / 4 * 500 + i % 500) % 5000);
		case 2:
			return zipf();
		default:
			return apart(3, (uint64_t) (turn / 4 * 500 + i % 500) % 15000);
	}
}

/* A new key each fifth time, else one of the last: the nearer, the likelier. */
static uint64_t
recency(long i)
{
	long		back = (long) (RECENT * pow(share(), 6));
	long		now = i / 5;

	return (uint64_t) (i % 5 == 0 || back > now ? now : now - back);
}

/* Each key some times within a short while, then never again. */
static uint64_t
bursts(long i)
{
	return (uint64_t) (i / 4) + draw() % 1500;
}

/* Phases of skew, of a loop and of recency. */
static uint64_t
phases(long i)
{
	switch (i / PHASE % 3)
	{
		case 0:
			return zipf();
		case 1:
			return apart(1, (uint64_t) i % 5000);
		default:
			return apart(2, recency(i));
	}
}

static const struct
{
	const char *name;
	uint64_t	(*request) (long i);
	double		exponent;
}			traces[SYNTHETIC_TRACES] =

{
	{"zipf 0.6", plain_zipf, 0.6},
	{"zipf 0.8", plain_zipf, 0.8},
	{"zipf 1.0", plain_zipf, 1.0},
	{"zipf 1.3", plain_zipf, 1.3},
	{"zipf 0.9, scans", zipf_and_scans, 0.9},
	{"zipf 0.9, loop", zipf_and_loop, 0.9},
	{"loop", loop, 1},
	{"zigzag", zigzag, 1},
	{"shifting zipf 0.9", shifting, 0.9},
	{"shifting zipf 1.2", shifting, 1.2},
	{"drifting zipf 1.1", drifting, 1.1},
	{"one-hit wonders", wonders, 0.9},
	{"programs", programs, 0.9},
	{"recency", recency, 1},
	{"bursts", bursts, 1},
	{"phases", phases, 0.9}
};

/* Fill in the `n` requests of a trace, if `key` is not NULL; returns its name. */
const char *
synthetic_trace(int number, uint64_t *key, long n)
{
	if (key != NULL)
	{
		state = 88172645463325252u + (uint64_t) number;
		zipf_start(traces[number].exponent);
		for (long i = 0; i < n; i++)
			key[i] = traces[number].request(i);
	}
	return traces[number].name;
}
