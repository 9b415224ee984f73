/*
 * synthetic.h
 *		Made request traces, one for each pattern that eviction policies differ on.
 */
#ifndef FO_BENCH_SYNTHETIC_H
#define FO_BENCH_SYNTHETIC_H

#include <stdint.h>

#define SYNTHETIC_TRACES	16

/* Fill in the requests of a trace, if key is not NULL; returns its name. */
extern const char *synthetic_trace(int number, uint64_t *key, long n);

#endif							/* FO_BENCH_SYNTHETIC_H */
