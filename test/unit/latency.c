/*
 * latency.c
 *		Buckets of times, and quantiles within a factor of sqrt(2) of the true ones.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/latency.h"
#include "support/tap.h"

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(void)
{
	static double time[10000];
	uint64_t	count[FO_LATENCY_BUCKETS] = {0};
	bool		right = true;
	static const double q[] = {0.01, 0.5, 0.95, 0.99, 1};

	is(fo_latency_bucket(-1), 0, "negative");
	is(fo_latency_bucket(NAN), 0, "not a number");
	is(fo_latency_bucket(0.99), 0, "below one");
	is(fo_latency_bucket(1), 0, "one");
	is(fo_latency_bucket(1000), 19, "a millisecond");
	is(fo_latency_bucket(1e300), FO_LATENCY_BUCKETS - 1, "beyond the last");
	is(fo_latency_bucket(INFINITY), FO_LATENCY_BUCKETS - 1, "infinite");
	for (double us = 1; us < 4e9; us *= 1.01)
	{
		int			b = fo_latency_bucket(us);

		right = right && exp2(b / 2.0) <= us * 1.0000001 && us < exp2((b + 1) / 2.0) * 1.0000001;
	}
	ok(right, "every time lies between the bounds of its bucket");

	ok(fo_latency_quantile(count, 0.5) == 0, "of nothing");
	srand(1);
	for (int i = 0; i < 10000; i++)
	{
		time[i] = exp(rand() * 15.0 / RAND_MAX);
		count[fo_latency_bucket(time[i])]++;
	}
	qsort(time, 10000, sizeof(time[0]), compare);
	for (int i = 0; i < 5; i++)
	{
		double		true_one = time[(int) (q[i] * 10000) - 1];
		double		got = fo_latency_quantile(count, q[i]);

		ok(got / true_one < 1.4143 && true_one / got < 1.4143, "quantile %g: %g for %g", q[i],
		   got, true_one);
	}
	return tap_done();
}
