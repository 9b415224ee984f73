/*
 * cache_l1.c
 *		The shared-memory cache: look-up, insertion, removal.
 *
 * Memory, all by offsets, so that any process may map it anywhere:
 *
 *		FoL1 | buckets | page table | policy | models | log pages
 *
 * A bucket is one cache line: a sequence number and seven slots, each with 16 bits
 * of the hash and the place of an entry in the log.  A reader notes the sequence
 * number, compares the key, copies the value, and believes what it copied only if
 * the number did not change: whoever removes or replaces an entry changes the number
 * first, and memory is reused only after that.  So a hit writes nothing but, three
 * times at most, a hit counter.
 *
 * Example: a reader of "k" finds tag 0xbeef in slot 2, copies 300 bytes, sees
 * sequence 8 before and after: a hit.  Had an eviction made it 10 meanwhile, it
 * would look again.
 */
#include "core/cache_l1.h"

#include <string.h>

#include "core/cache_log.h"

#define FIND_ATTEMPTS		64	/* then a busy bucket counts as a miss */
#define BYTES_A_BUCKET		512 /* of log, for one bucket */
#define BYTES_AN_ENTRY		256 /* least mean size that the policy's tables
								 * fit */
#define ESTIMATE_EVERY		256 /* inserts between estimates of the capacity */
#define PREFETCH_LINES		6
#define DRAIN_EVERY			64	/* sampled hits between calls for a drain */

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t) 63;
}

static uint32_t
floor_power(uint64_t n)
{
	uint32_t	power = 1;

	while ((uint64_t) power * 2 <= n && power < UINT32_C(1) << 30)
		power <<= 1;
	return power;
}

/*
 * Lay an empty cache out in zeroed or dirty memory, 64-byte aligned.  NULL when
 * `bytes` is below FO_L1_MIN_BYTES.
 */
FoL1 *
fo_l1_init(void *memory, size_t bytes)
{
	FoL1	   *l1 = memory;
	size_t		at = align64(sizeof(FoL1));
	uint32_t	buckets;

	if (bytes < FO_L1_MIN_BYTES)
		return NULL;
	memset(l1, 0, sizeof(FoL1));
	l1->bytes = bytes;
	l1->page_bytes = floor_power(bytes / 128);
	if (l1->page_bytes > 256 * 1024)
		l1->page_bytes = 256 * 1024;
	buckets = floor_power(bytes / BYTES_A_BUCKET);
	l1->bucket_mask = buckets - 1;
	l1->max_entries = (uint32_t) (bytes / BYTES_AN_ENTRY);

	l1->buckets_at = at;
	at += sizeof(FoL1Bucket) * buckets;
	l1->pages_at = at;
	at = align64(at + sizeof(FoL1Page) * (bytes / l1->page_bytes));
	l1->policy_at = at;
	at = align64(at + fo_cache_policy_bytes(l1->max_entries));
	l1->adapt_at = at;
	at = align64(at + fo_cache_adapt_bytes(l1->max_entries));
	l1->log_at = at;
	l1->npages = (uint32_t) ((bytes - at) / l1->page_bytes);

	memset((char *) l1 + l1->buckets_at, 0, sizeof(FoL1Bucket) * buckets);
	fo_cache_policy_init(fo_l1_policy(l1), l1->max_entries);
	fo_cache_adapt_init(fo_l1_adapt(l1), l1->max_entries);
	atomic_store(&l1->sample_mask, fo_l1_adapt(l1)->sample_mask);
	fo_l1_log_init(l1);
	return l1;
}

/* Largest entry (header, key and value) that is stored. */
uint32_t
fo_l1_max_entry(const FoL1 *l1)
{
	return l1->page_bytes / 2;
}

/* Bytes of an entry in the log; 0 if it would be too large. */
static uint32_t
entry_bytes(const FoL1 *l1, uint32_t keylen, uint32_t len)
{
	uint64_t	bytes = sizeof(FoL1Entry) + (((uint64_t) keylen + 7) & ~UINT64_C(7)) + len;

	bytes = (bytes + FO_L1_UNIT - 1) & ~(uint64_t) (FO_L1_UNIT - 1);
	return bytes <= fo_l1_max_entry(l1) ? (uint32_t) bytes : 0;
}

/* May be asked of an entry that is being overwritten, so lengths are checked. */
static bool
entry_is(FoL1 *l1, uint32_t ref, const FoL1Key *key)
{
	FoL1Entry  *entry = fo_l1_entry(l1, ref);
	const char *end = (char *) l1 + l1->bytes;

	return entry->hash == key->hash &&
		memcmp(&entry->owner, &key->owner, sizeof(FoL1Owner)) == 0 &&
		entry->keylen == key->len &&
		(size_t) (end - fo_l1_entry_key(entry)) >= key->len &&
		memcmp(fo_l1_entry_key(entry), key->bytes, key->len) == 0;
}

/* The slot of a key in a bucket, or NULL. */
static FoL1Slot *
find_slot(FoL1 *l1, FoL1Bucket *bucket, const FoL1Key *key)
{
	uint16_t	tag = fo_l1_tag(key->hash);

	for (int i = 0; i < FO_L1_SLOTS; i++)
	{
		FoL1Slot   *slot = &bucket->slot[i];
		uint32_t	ref = slot->ref;

		if (slot->tag != tag || ref == 0)
			continue;

		/*
		 * header, key and a short value lie on a few lines: fetch them
		 * together
		 */
		for (int line = 1; line < PREFETCH_LINES; line++)
			__builtin_prefetch((char *) fo_l1_entry(l1, ref) + 64 * line);
		if (entry_is(l1, ref, key))
			return slot;
	}
	return NULL;
}

static bool
unchanged(const FoL1Bucket *bucket, uint32_t seq)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&bucket->seq, memory_order_relaxed) == seq;
}

/* Fill in what a reader found; false if its length cannot be right. */
static bool
describe(FoL1 *l1, const FoL1Slot *slot, const FoL1Key *key, FoL1View *view)
{
	FoL1Entry  *entry = fo_l1_entry(l1, slot->ref);
	const char *end = (char *) l1 + l1->bytes;

	view->meta = entry->meta;
	view->len = entry->len;
	view->value = fo_l1_entry_value(entry, key->len);
	view->hits = (slot->hits >> 2) & 3;
	return view->value < end && (size_t) (end - view->value) >= view->len;
}

/* Bring the bucket of a key nearer, while the caller still does something else. */
void
fo_l1_prefetch(FoL1 *l1, uint64_t hash)
{
	__builtin_prefetch(fo_l1_bucket(l1, hash));
}

/* Find an entry, expired or not.  Takes no lock. */
bool
fo_l1_find(FoL1 *l1, const FoL1Key *key, FoL1View *view)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, key->hash);

	for (int attempt = 0; attempt < FIND_ATTEMPTS; attempt++)
	{
		uint32_t	seq = atomic_load_explicit(&bucket->seq, memory_order_acquire);
		FoL1Slot   *slot;
		bool		sane;

		if (seq & 1)
			continue;
		slot = find_slot(l1, bucket, key);
		sane = slot != NULL && describe(l1, slot, key, view);
		if (!unchanged(bucket, seq))
			continue;
		view->seq = seq;
		view->bucket = bucket;
		return sane;
	}
	return false;
}

/* Copy the value out.  False: the bucket changed meanwhile, find it again. */
bool
fo_l1_copy(const FoL1View *view, void *to)
{
	memcpy(to, view->value, view->len);
	return unchanged(view->bucket, view->seq);
}

/*
 * Count a hit for the policy.  True now and then: the caller should try to get the
 * log lock, without waiting, and call fo_l1_drain.
 */
bool
fo_l1_touch(FoL1 *l1, const FoL1Key *key, const FoL1View *view)
{
	FoL1Bucket *bucket = view->bucket;
	uint16_t	tag = fo_l1_tag(key->hash);
	uint32_t	mask = atomic_load_explicit(&l1->sample_mask, memory_order_relaxed);
	uint32_t	head;

	for (int i = 0; i < FO_L1_SLOTS; i++)
	{
		FoL1Slot   *slot = &bucket->slot[i];
		uint8_t		hits = slot->hits;
		uint8_t		more = hits;

		if (slot->tag != tag)
			continue;
		if ((hits & 3) < FO_CACHE_MAX_HITS)
			more += 1;
		if (((hits >> 2) & 3) < FO_CACHE_MAX_HITS)
			more += 4;
		/* a lost or misplaced count does no harm; a needless store would */
		if (more != hits)
			slot->hits = more;
		break;
	}
	if (!fo_cache_adapt_sampled(mask, key->hash))
		return false;
	head = atomic_fetch_add_explicit(&l1->ring_head, 1, memory_order_relaxed);
	atomic_store_explicit(&l1->ring[head % FO_L1_RING], key->hash, memory_order_relaxed);
	return (head + 1) % DRAIN_EVERY == 0;
}

/* Replay sampled hits in the models.  Under the log lock. */
void
fo_l1_drain(FoL1 *l1)
{
	FoCacheAdapt *adapt = fo_l1_adapt(l1);
	uint32_t	head = atomic_load_explicit(&l1->ring_head, memory_order_relaxed);

	if (head - l1->ring_tail > FO_L1_RING)
		l1->ring_tail = head - FO_L1_RING;
	for (; l1->ring_tail != head; l1->ring_tail++)
		fo_cache_adapt_access(adapt, atomic_load_explicit(&l1->ring[l1->ring_tail % FO_L1_RING],
														  memory_order_relaxed));
	fo_l1_policy(l1)->rule = adapt->rule;
}

/* Tell policy and models how many entries of the present mean size would fit. */
static void
estimate_capacity(FoL1 *l1)
{
	int64_t		entries = atomic_load(&l1->entries);
	int64_t		bytes = atomic_load(&l1->live_bytes);
	uint64_t	fit;

	/* removals go on meanwhile: the two need not fit each other */
	if (entries < 16 || bytes < entries)
		return;
	fit = fo_l1_log_capacity(l1) / ((uint64_t) bytes / (uint64_t) entries);
	if (fit > l1->max_entries)
		fit = l1->max_entries;
	if (fit < 1)
		fit = 1;
	fo_l1_policy(l1)->entries = (uint32_t) fit;
	fo_cache_adapt_resize(fo_l1_adapt(l1), (uint32_t) fit);
	atomic_store(&l1->sample_mask, fo_l1_adapt(l1)->sample_mask);
}

/* Count the request for a missing key; says in which queue it belongs. */
static FoCacheQueue
count_miss(FoL1 *l1, uint64_t hash)
{
	fo_l1_drain(l1);
	if (fo_cache_adapt_sampled(fo_l1_adapt(l1)->sample_mask, hash))
		fo_cache_adapt_access(fo_l1_adapt(l1), hash);
	fo_l1_policy(l1)->rule = fo_l1_adapt(l1)->rule;
	if (++l1->inserts >= ESTIMATE_EVERY)
	{
		l1->inserts = 0;
		estimate_capacity(l1);
	}
	return fo_cache_policy_admit(fo_l1_policy(l1), hash);
}

/* Write an entry's bytes into the log. */
static void
fill_entry(FoL1Entry *entry, const FoL1Key *key, const FoL1Meta *meta, const void *value,
		   uint32_t len)
{
	entry->hash = key->hash;
	entry->owner = key->owner;
	entry->meta = *meta;
	entry->keylen = key->len;
	entry->len = len;
	memcpy(fo_l1_entry_key(entry), key->bytes, key->len);
	memcpy(fo_l1_entry_value(entry, key->len), value, len);
}

/* A slot for a new entry: an empty one, else that of the least hit. */
static FoL1Slot *
choose_slot(FoL1 *l1, FoL1Bucket *bucket)
{
	FoL1Slot   *least = &bucket->slot[0];

	for (int i = 0; i < FO_L1_SLOTS; i++)
	{
		if (bucket->slot[i].ref == 0)
			return &bucket->slot[i];
		if ((bucket->slot[i].hits & 3) < (least->hits & 3))
			least = &bucket->slot[i];
	}
	atomic_fetch_add(&l1->evictions, 1);
	atomic_fetch_add(&l1->account_evictions[fo_l1_entry(l1, least->ref)->meta.account], 1);
	fo_l1_clear_slot(l1, least);
	return least;
}

/* Account for an entry and let a slot of a locked bucket refer to it. */
static void
link_entry(FoL1 *l1, FoL1Slot *slot, uint32_t ref, uint8_t hits)
{
	FoL1Entry  *entry = fo_l1_entry(l1, ref);

	slot->ref = ref;
	slot->tag = fo_l1_tag(entry->hash);
	slot->hits = hits;
	atomic_fetch_add(&l1->entries, 1);
	atomic_fetch_add(&l1->live_bytes, entry->bytes);
	atomic_fetch_add(&l1->account_entries[entry->meta.account], 1);
	atomic_fetch_add(&l1->account_bytes[entry->meta.account], entry->bytes);
}

/* Replace the value of a resident entry where it is, if it fits. */
static bool
overwrite(FoL1 *l1, const FoL1Key *key, const FoL1Meta *meta, const void *value, uint32_t len,
		  uint32_t bytes, FoL1Guard guard, void *guard_arg, bool *done)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, key->hash);
	FoL1Slot   *slot;
	FoL1Entry  *entry;
	bool		fits = false;

	fo_l1_lock_bucket(bucket);
	slot = find_slot(l1, bucket, key);
	if (slot != NULL)
	{
		entry = fo_l1_entry(l1, slot->ref);
		fits = entry->bytes >= bytes && entry->bytes / 2 <= bytes &&
			entry->meta.account == meta->account;
		*done = fits && (guard == NULL || guard(guard_arg));
		if (*done)
			fill_entry(entry, key, meta, value, len);
	}
	fo_l1_unlock_bucket(bucket);
	return fits;
}

/*
 * Store a value, in place of the key's present one.  `guard` is asked under the
 * bucket's lock whether the value is still right.  False: too large, no room, or the
 * guard said no.  Under the log lock; the key must not be in the log already dying.
 */
bool
fo_l1_insert(FoL1 *l1, const FoL1Key *key, const FoL1Meta *meta, const void *value, uint32_t len,
			 int64_t now, FoL1Guard guard, void *guard_arg)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, key->hash);
	uint32_t	bytes = entry_bytes(l1, key->len, len);
	FoL1Slot   *slot;
	uint32_t	ref;
	uint8_t		hits = 0;
	bool		done = false;

	if (bytes == 0)
		return false;
	l1->now = now;
	if (overwrite(l1, key, meta, value, len, bytes, guard, guard_arg, &done))
		return done;

	ref = fo_l1_log_alloc(l1, count_miss(l1, key->hash), bytes);
	if (ref == 0)
		return false;
	fo_l1_entry(l1, ref)->bytes = bytes;
	fill_entry(fo_l1_entry(l1, ref), key, meta, value, len);

	fo_l1_lock_bucket(bucket);
	done = guard == NULL || guard(guard_arg);
	if (done)
	{
		slot = find_slot(l1, bucket, key);
		if (slot != NULL)
		{
			hits = slot->hits;
			fo_l1_clear_slot(l1, slot);
		}
		link_entry(l1, choose_slot(l1, bucket), ref, hits);
	}
	fo_l1_unlock_bucket(bucket);

	fo_l1_make_room(l1);
	return done;
}

/* Forget a key.  Needs no lock of the caller; true if it was there. */
bool
fo_l1_remove(FoL1 *l1, const FoL1Key *key)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, key->hash);
	FoL1Slot   *slot;

	fo_l1_lock_bucket(bucket);
	slot = find_slot(l1, bucket, key);
	if (slot != NULL)
		fo_l1_clear_slot(l1, slot);
	fo_l1_unlock_bucket(bucket);
	return slot != NULL;
}

/* Sizes and counts of the whole cache, each read on its own. */
void
fo_l1_totals(FoL1 *l1, FoL1Totals *totals)
{
	totals->bytes_total = l1->bytes;
	totals->bytes_capacity = fo_l1_log_capacity(l1);
	totals->bytes_used = l1->queue[0].bytes + l1->queue[1].bytes;
	totals->entries = (uint64_t) atomic_load(&l1->entries);
	totals->evictions = atomic_load(&l1->evictions);
	totals->rule = fo_l1_adapt(l1)->rule;
	totals->switches = fo_l1_adapt(l1)->switches;
}

/* Live bytes, entries and evictions of one account. */
void
fo_l1_account(FoL1 *l1, uint16_t account, int64_t *bytes, int64_t *entries, uint64_t *evictions)
{
	*bytes = atomic_load(&l1->account_bytes[account % FO_L1_ACCOUNTS]);
	*entries = atomic_load(&l1->account_entries[account % FO_L1_ACCOUNTS]);
	*evictions = atomic_load(&l1->account_evictions[account % FO_L1_ACCOUNTS]);
}

/* For tests, under the log lock: do buckets, pages and counters agree? */
bool
fo_l1_check(FoL1 *l1)
{
	const FoL1Page *pages = (const FoL1Page *) ((char *) l1 + l1->pages_at);
	int64_t		entries = 0;
	int64_t		bytes = 0;
	uint32_t	chained = 0;

	for (uint64_t b = 0; b <= l1->bucket_mask; b++)
	{
		FoL1Bucket *bucket = fo_l1_bucket(l1, b);

		for (int i = 0; i < FO_L1_SLOTS; i++)
		{
			FoL1Entry  *entry = fo_l1_entry(l1, bucket->slot[i].ref);

			if (bucket->slot[i].ref == 0)
				continue;
			if ((entry->hash & l1->bucket_mask) != b ||
				bucket->slot[i].tag != fo_l1_tag(entry->hash))
				return false;
			entries++;
			bytes += entry->bytes;
		}
	}
	for (uint32_t p = l1->free_page; p != FO_L1_NO_PAGE && chained <= l1->npages; p =
		 pages[p].newer)
		chained++;
	if (chained != l1->free_pages)
		return false;
	for (int q = 0; q < 2; q++)
	{
		uint64_t	rest = 0;

		for (uint32_t p = l1->queue[q].oldest; p != FO_L1_NO_PAGE && chained <= l1->npages;
			 p = pages[p].newer, chained++)
			rest += pages[p].used - pages[p].scan;
		if (rest != l1->queue[q].bytes)
			return false;
	}
	return chained == l1->npages && entries == atomic_load(&l1->entries) &&
		bytes == atomic_load(&l1->live_bytes);
}
