/*
 * cache_adapt.h
 *		Chooses the eviction rule on line: small model caches, one for each rule,
 *		replay a sample of the requests; the rule whose model hits most is used.
 */
#ifndef FO_CACHE_ADAPT_H
#define FO_CACHE_ADAPT_H

#include "core/cache_policy.h"

/* Entries that a model cache may have at most; larger caches are sampled. */
#define FO_CACHE_MODEL_ENTRIES	2048
#define FO_CACHE_MIN_MODEL		256

/* A cache of entries of size one that holds hashes only, in the caller's memory. */
typedef struct FoCacheModel FoCacheModel;

extern size_t fo_cache_model_bytes(uint32_t max_entries);
extern void fo_cache_model_init(FoCacheModel *model, uint32_t max_entries, FoCacheRule rule);
extern void fo_cache_model_set(FoCacheModel *model, uint32_t entries, FoCacheRule rule);
extern bool fo_cache_model_access(FoCacheModel *model, uint64_t hash);
extern bool fo_cache_model_check(const FoCacheModel *model);

/* The chooser: one model a rule, and their hits, fading with time. */
typedef struct FoCacheAdapt
{
	double		hits[FO_CACHE_RULES];
	double		seen;			/* sampled requests, fading alike */
	double		decay;
	double		unrest;			/* changes of the rule, fading alike */
	uint32_t	rule;			/* the best so far */
	uint32_t	sample_mask;	/* of 2^n keys one is sampled: 2^n - 1 */
	uint32_t	switches;
	uint32_t	model_entries;	/* most entries of a model */
	uint64_t	models[];
} FoCacheAdapt;

extern size_t fo_cache_adapt_bytes(uint32_t max_entries);
extern void fo_cache_adapt_init(FoCacheAdapt *adapt, uint32_t max_entries);
extern void fo_cache_adapt_resize(FoCacheAdapt *adapt, uint32_t entries);
extern void fo_cache_adapt_access(FoCacheAdapt *adapt, uint64_t hash);

/* Is this key one that the models replay? */
static inline bool
fo_cache_adapt_sampled(uint32_t sample_mask, uint64_t hash)
{
	return ((uint32_t) (hash >> 40) & sample_mask) == 0;
}

#endif							/* FO_CACHE_ADAPT_H */
