/*
 * latency.h
 *		A histogram of times on a logarithmic scale, two buckets an octave.  See latency.c.
 */
#ifndef FO_LATENCY_H
#define FO_LATENCY_H

#include <stdint.h>

#define FO_LATENCY_BUCKETS 64

extern int	fo_latency_bucket(double us);
extern double fo_latency_quantile(const uint64_t *count, double q);

#endif							/* FO_LATENCY_H */
