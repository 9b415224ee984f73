/*
 * hyperscan.h
 *		The peer: a keyword list as a Hyperscan database, plain C.
 *
 * Used by the microbenchmark (core.c) and by the SQL wrapper (module.c), so
 * that both measure the same thing.
 */
#ifndef BENCH_HYPERSCAN_H
#define BENCH_HYPERSCAN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct HsList HsList;

/* How a list asks for whole words. */
typedef enum HsBoundary
{
	HS_SUBSTRING,				/* not at all */
	HS_WORD_CHECKED,			/* literals, boundaries checked at each match */
	HS_WORD_PATTERN				/* patterns with \b */
} HsBoundary;

/* What a list is compiled for. */
typedef struct HsOptions
{
	HsBoundary	boundary;
	bool		first_only;		/* stop at the first match of a text */
	bool		unicode;		/* UTF-8 patterns, Unicode case and boundaries */
	bool		avx2;			/* as for a processor without AVX-512 */
} HsOptions;

/* Called for each match with the index of the keyword; nonzero stops. */
typedef int (*HsVisit) (unsigned int keyword, void *context);

extern HsList *hs_list_build(const char *const *keywords, const size_t *lengths,
							 size_t n, HsOptions options,
							 char *error, size_t error_size);
extern void hs_list_free(HsList *list);
extern size_t hs_list_bytes(const HsList *list);
extern bool hs_list_any(const HsList *list, const char *body, size_t length);
extern size_t hs_list_all(const HsList *list, const char *body, size_t length);
extern void hs_list_visit(const HsList *list, const char *body, size_t length,
						  HsVisit visit, void *context);

#endif							/* BENCH_HYPERSCAN_H */
