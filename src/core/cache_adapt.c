/*
 * cache_adapt.c
 *		Model caches, and the choice of an eviction rule by them.
 *
 * No single rule is best: S3-FIFO wins on most request streams, TinyLFU admission
 * on skewed ones and, strict, on loops and scans, its wide window on bursts, CLOCK
 * where only recency counts.  So every rule runs in a model: a cache of hashes, at most
 * 2048 entries large.  A cache of n entries is modelled by a sample of 1 in 2^k keys
 * (chosen by hash) with n / 2^k entries, which has about the same hit ratio.  The hits
 * of each model fade with a half-life of 16 times its capacity in requests.  Another
 * rule takes over when it is ahead by 0.1 % of the requests and by a standard deviation
 * of its hits, and by more after recent changes: each costs some hits, as the entries
 * of one rule are not those that another would have kept.
 *
 * Example: 100 000 entries are modelled with 1 key in 64 and 1 562 entries; after
 * 25 000 sampled requests a lead counts half.
 *
 * Everything is written under the lock of the caller (the cache's log lock); the
 * fields rule and sample_mask may be read without.
 */
#include "core/cache_adapt.h"

#include <string.h>

#define NONE			UINT32_MAX
#define LN2				0.6931471805599453
#define HALF_LIFE		16.0	/* times the capacity of a model */
#define LEAD_SHARE		0.001
#define UNREST_SIGMAS	2.0
#define LEAD_SIGMAS		1.0

typedef struct ModelEntry
{
	uint64_t	hash;
	uint32_t	newer;			/* next in its queue, or in the free list */
	uint32_t	chain;			/* next in its hash chain */
	uint8_t		credit;
	uint8_t		recent;
	uint8_t		queue;
} ModelEntry;

struct FoCacheModel
{
	uint32_t	max_entries;
	uint32_t	index_mask;
	uint32_t	free;
	uint32_t	oldest[2];
	uint32_t	newest[2];
	uint32_t	count[2];
	/* followed by the policy, the entries (one spare) and the hash index */
	uint64_t	parts[];
};

static size_t
align8(size_t n)
{
	return (n + 7) & ~(size_t) 7;
}

static uint32_t
index_size(uint32_t max_entries)
{
	uint32_t	size = 16;

	while (size < max_entries)
		size <<= 1;
	return size;
}

static FoCachePolicy *
model_policy(const FoCacheModel *model)
{
	return (FoCachePolicy *) model->parts;
}

static ModelEntry *
model_entries(const FoCacheModel *model)
{
	return (ModelEntry *) ((char *) model->parts +
						   align8(fo_cache_policy_bytes(model->max_entries)));
}

static uint32_t *
model_index(const FoCacheModel *model)
{
	return (uint32_t *) (model_entries(model) + model->max_entries + 1);
}

size_t
fo_cache_model_bytes(uint32_t max_entries)
{
	return align8(sizeof(FoCacheModel) +
				  align8(fo_cache_policy_bytes(max_entries)) +
				  sizeof(ModelEntry) * ((size_t) max_entries + 1) +
				  sizeof(uint32_t) * index_size(max_entries));
}

void
fo_cache_model_init(FoCacheModel *model, uint32_t max_entries, FoCacheRule rule)
{
	ModelEntry *entries;

	memset(model, 0, sizeof(FoCacheModel));
	model->max_entries = max_entries;
	model->index_mask = index_size(max_entries) - 1;
	fo_cache_policy_init(model_policy(model), max_entries);
	model_policy(model)->rule = rule;
	for (int queue = 0; queue < 2; queue++)
		model->oldest[queue] = model->newest[queue] = NONE;
	entries = model_entries(model);
	for (uint32_t i = 0; i <= max_entries; i++)
		entries[i].newer = i < max_entries ? i + 1 : NONE;
	memset(model_index(model), 0xff, sizeof(uint32_t) * (model->index_mask + 1));
}

/* Change the capacity (at most what it was made for) or the rule of a model. */
void
fo_cache_model_set(FoCacheModel *model, uint32_t entries, FoCacheRule rule)
{
	if (entries > model->max_entries)
		entries = model->max_entries;
	model_policy(model)->entries = entries > 0 ? entries : 1;
	model_policy(model)->rule = rule;
}

static uint64_t
model_size(void *store, FoCacheQueue queue)
{
	return ((FoCacheModel *) store)->count[queue];
}

static bool
model_tail(void *store, FoCacheQueue queue, FoCacheTail *tail)
{
	FoCacheModel *model = store;
	ModelEntry *entry;

	if (model->count[queue] == 0)
		return false;
	entry = &model_entries(model)[model->oldest[queue]];
	tail->hash = entry->hash;
	tail->credit = entry->credit;
	tail->recent = entry->recent;
	entry->recent = 0;
	return true;
}

/* Take the oldest entry out of a queue. */
static uint32_t
model_pop(FoCacheModel *model, FoCacheQueue queue)
{
	uint32_t	slot = model->oldest[queue];

	model->oldest[queue] = model_entries(model)[slot].newer;
	if (--model->count[queue] == 0)
		model->oldest[queue] = model->newest[queue] = NONE;
	return slot;
}

/* Put an entry at the newest end of a queue. */
static void
model_push(FoCacheModel *model, FoCacheQueue queue, uint32_t slot)
{
	ModelEntry *entries = model_entries(model);

	entries[slot].newer = NONE;
	entries[slot].queue = (uint8_t) queue;
	if (model->count[queue]++ == 0)
		model->oldest[queue] = slot;
	else
		entries[model->newest[queue]].newer = slot;
	model->newest[queue] = slot;
}

static void
model_keep(void *store, FoCacheQueue queue, uint8_t credit)
{
	FoCacheModel *model = store;
	uint32_t	slot = model_pop(model, queue);

	model_entries(model)[slot].credit = credit;
	model_push(model, FO_CACHE_MAIN, slot);
}

static void
model_drop(void *store, FoCacheQueue queue)
{
	FoCacheModel *model = store;
	ModelEntry *entries = model_entries(model);
	uint32_t	slot = model_pop(model, queue);
	uint32_t   *link = &model_index(model)[entries[slot].hash & model->index_mask];

	while (*link != slot)
		link = &entries[*link].chain;
	*link = entries[slot].chain;
	entries[slot].newer = model->free;
	model->free = slot;
}

static const FoCacheStore model_ops = {model_size, model_tail, model_keep, model_drop};

/* One request: true on a hit; a missing key is stored. */
bool
fo_cache_model_access(FoCacheModel *model, uint64_t hash)
{
	FoCachePolicy *policy = model_policy(model);
	ModelEntry *entries = model_entries(model);
	uint32_t   *link = &model_index(model)[hash & model->index_mask];
	uint32_t	slot;
	bool		evicted = false;

	for (slot = *link; slot != NONE; slot = entries[slot].chain)
	{
		if (entries[slot].hash != hash)
			continue;
		if (entries[slot].credit < FO_CACHE_MAX_HITS)
			entries[slot].credit++;
		if (entries[slot].recent < FO_CACHE_MAX_HITS)
			entries[slot].recent++;
		return true;
	}

	slot = model->free;
	model->free = entries[slot].newer;
	entries[slot].hash = hash;
	entries[slot].credit = entries[slot].recent = 0;
	entries[slot].chain = *link;
	*link = slot;
	model_push(model, fo_cache_policy_admit(policy, hash), slot);
	while (model->count[0] + model->count[1] > policy->entries)
	{
		fo_cache_policy_evict(policy, &model_ops, model, policy->entries, 1);
		evicted = true;
	}
	if (!evicted)
		fo_cache_policy_settle(policy, &model_ops, model, policy->entries);
	return false;
}

/* For tests: do queues, index and free list hold each entry exactly once? */
bool
fo_cache_model_check(const FoCacheModel *model)
{
	const ModelEntry *entries = model_entries(model);
	uint32_t	found = 0;
	uint32_t	unused = 0;

	for (int queue = 0; queue < 2; queue++)
	{
		uint32_t	count = 0;

		for (uint32_t i = model->oldest[queue]; i != NONE; i = entries[i].newer, count++)
			if (entries[i].queue != queue || count > model->max_entries)
				return false;
		if (count != model->count[queue])
			return false;
	}
	for (uint32_t b = 0; b <= model->index_mask; b++)
		for (uint32_t i = model_index(model)[b]; i != NONE; i = entries[i].chain, found++)
			if ((entries[i].hash & model->index_mask) != b || found > model->max_entries)
				return false;
	for (uint32_t i = model->free; i != NONE && unused <= model->max_entries + 1; i =
		 entries[i].newer)
		unused++;
	return found == model->count[0] + model->count[1] && found + unused == model->max_entries + 1;
}

/* Entries of a model: an eighth of the cache's suffices, for little memory. */
static uint32_t
model_entries_for(uint32_t max_entries)
{
	uint32_t	entries = max_entries / 8;

	if (entries > FO_CACHE_MODEL_ENTRIES)
		return FO_CACHE_MODEL_ENTRIES;
	return entries > FO_CACHE_MIN_MODEL ? entries : FO_CACHE_MIN_MODEL;
}

static FoCacheModel *
adapt_model(FoCacheAdapt *adapt, int rule)
{
	return (FoCacheModel *) ((char *) adapt->models +
							 rule * fo_cache_model_bytes(adapt->model_entries));
}

/* Bytes of a chooser for a cache of at most so many entries. */
size_t
fo_cache_adapt_bytes(uint32_t max_entries)
{
	return sizeof(FoCacheAdapt) +
		FO_CACHE_RULES * fo_cache_model_bytes(model_entries_for(max_entries));
}

/* Start choosing for a cache of at most so many entries. */
void
fo_cache_adapt_init(FoCacheAdapt *adapt, uint32_t max_entries)
{
	memset(adapt, 0, sizeof(FoCacheAdapt));
	adapt->rule = FO_CACHE_LFU;
	adapt->model_entries = model_entries_for(max_entries);
	for (int rule = 0; rule < FO_CACHE_RULES; rule++)
		fo_cache_model_init(adapt_model(adapt, rule), adapt->model_entries, rule);
	fo_cache_adapt_resize(adapt, max_entries);
}

/* The cache holds about so many entries now: set sample rate and model sizes. */
void
fo_cache_adapt_resize(FoCacheAdapt *adapt, uint32_t entries)
{
	uint32_t	rate = 1;
	uint32_t	size;

	while (entries / rate > adapt->model_entries)
		rate <<= 1;
	size = entries / rate > 0 ? entries / rate : 1;
	adapt->sample_mask = rate - 1;
	adapt->decay = 1.0 - LN2 / (HALF_LIFE * size > 8 ? HALF_LIFE * size : 8);
	for (int rule = 0; rule < FO_CACHE_RULES; rule++)
		fo_cache_model_set(adapt_model(adapt, rule), size, rule);
}

/* Replay a sampled request in all models, and choose anew. */
void
fo_cache_adapt_access(FoCacheAdapt *adapt, uint64_t hash)
{
	uint32_t	best = adapt->rule;
	double		lead;
	double		sigmas;

	adapt->seen = adapt->seen * adapt->decay + 1;
	for (int rule = 0; rule < FO_CACHE_RULES; rule++)
	{
		adapt->hits[rule] *= adapt->decay;
		if (fo_cache_model_access(adapt_model(adapt, rule), hash))
			adapt->hits[rule] += 1;
		if (adapt->hits[rule] > adapt->hits[best])
			best = rule;
	}
	adapt->unrest *= adapt->decay;
	lead = adapt->hits[best] - adapt->hits[adapt->rule];
	sigmas = LEAD_SIGMAS + UNREST_SIGMAS * adapt->unrest;
	if (lead > LEAD_SHARE * adapt->seen && lead * lead > sigmas * sigmas * adapt->hits[best])
	{
		adapt->unrest += 1;
		adapt->rule = best;
		adapt->switches++;
	}
}
