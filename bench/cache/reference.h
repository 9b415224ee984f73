/*
 * reference.h
 *		Textbook S3-FIFO, W-TinyLFU and LRU over unit-size entries: the peers
 *		that the eviction policy is compared with.
 */
#ifndef FO_BENCH_REFERENCE_H
#define FO_BENCH_REFERENCE_H

#include <stdint.h>

/* Keys are 0 .. nkeys-1.  Each returns the number of hits of the whole trace. */
extern long reference_lru(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size);
extern long reference_s3fifo(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size);
extern long reference_wtinylfu(const uint32_t *trace, long n, uint32_t nkeys, uint32_t size);

#endif							/* FO_BENCH_REFERENCE_H */
