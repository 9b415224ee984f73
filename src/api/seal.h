/*
 * seal.h
 *		Bytes that only this database can make, and nobody else can read.
 */
#ifndef FO_SEAL_H
#define FO_SEAL_H

#include "postgres.h"

/* What sealing adds. */
#define FO_SEAL_OVERHEAD 16

extern void fo_seal(const uint8 *bytes, size_t len, const void *bound, size_t bound_len,
					uint8 *out);
extern bool fo_unseal(const uint8 *sealed, size_t len, const void *bound, size_t bound_len,
					  uint8 *out);

#endif							/* FO_SEAL_H */
