/*
 * synthetic.h
 *		Made request traces, one for each pattern that eviction policies differ on.
 */
#ifndef FO_BENCH_SYNTHETIC_H
#define FO_BENCH_SYNTHETIC_H

#include <stdint.h>

#define SYNTHETIC_TRACES	16

/* Request `i` of `n`, or the name of the trace when key is NULL. */
extern const char *synthetic_trace(int number, uint64_t *key, long n);

#endif							/* FO_BENCH_SYNTHETIC_H */
