/*
 * latency.c
 *		A histogram of times on a logarithmic scale, two buckets an octave.
 *
 * Example: 1000 us lie in bucket 19, of the times from 724 (2^9.5) to 1024 us.  If all of
 * a hundred times lie there, their median is taken to be 724 * sqrt(2)^0.5 = 861 us.
 * So a quantile is off by a factor of sqrt(2) at the very most, for any distribution.
 */
#include "core/latency.h"

#include <math.h>
#include <string.h>

/*
 * The bucket of a time in microseconds.  The exponent and the first bit of the mantissa
 * tell where 2^n and 1.5 * 2^n are; only those beside 2^(n + 1/2) are compared.
 */
int
fo_latency_bucket(double us)
{
	uint64_t	bits;
	int			octave;
	double		mantissa;

	if (!(us >= 1))
		return 0;
	memcpy(&bits, &us, sizeof(bits));
	octave = (int) (bits >> 52 & 0x7ff) - 1023;
	if (octave >= FO_LATENCY_BUCKETS / 2)
		return FO_LATENCY_BUCKETS - 1;
	bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
	memcpy(&mantissa, &bits, sizeof(mantissa));
	return octave * 2 + (mantissa >= M_SQRT2);
}

/* The time that a share q of all is below, in microseconds; 0 if there are none. */
double
fo_latency_quantile(const uint64_t *count, double q)
{
	double		total = 0;
	double		before = 0;

	for (int i = 0; i < FO_LATENCY_BUCKETS; i++)
		total += (double) count[i];
	for (int i = 0; i < FO_LATENCY_BUCKETS; i++)
	{
		if (count[i] > 0 && before + (double) count[i] >= q * total)
			return exp2((i + (q * total - before) / (double) count[i]) / 2);
		before += (double) count[i];
	}
	return 0;
}
