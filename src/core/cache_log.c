/*
 * cache_log.c
 *		The log of the shared-memory cache: pages in two queues, and eviction.
 *
 * Values of any size are appended to the newest page of a queue; nothing is freed in
 * the middle, so memory cannot fragment.  Eviction scans the oldest page entry by
 * entry: what the policy keeps is copied to the newest page of main, and a page that
 * was scanned to its end is free again.  An entry is alive while its bucket's slot
 * refers to it; removing or replacing one only changes the slot.
 *
 * Example: page 3 is oldest in main with entries A (credit 1), B (removed), C (no
 * credit).  Making room copies A to the newest page, skips B, drops C, frees page 3.
 *
 * Each insertion evicts as many bytes as it brought, so that entries duel one by one
 * as the policy means them to.  Some pages are kept free besides, so that copying never
 * fails.  Kept entries of a page fit into one page, and at most one page of each queue
 * is scanned part-way: two suffice for them, and one for the page that each queue
 * appends to.
 *
 * Everything here runs under the caller's log lock.
 */
#include "core/cache_log.h"

#include <string.h>
#include <time.h>

#define SPINS_BEFORE_YIELD	64
#define PARTIAL_PAGES		2	/* scanned or filled part-way, on average */
#define FILL_WEIGHT			16	/* pages over which their fill is averaged */
#define FULL_SHARE			64	/* full is within such a part of the capacity */

static FoL1Page *
page_meta(FoL1 *l1, uint32_t page)
{
	return (FoL1Page *) ((char *) l1 + l1->pages_at) + page;
}

/* Unit number of a byte of a page. */
static uint32_t
page_ref(const FoL1 *l1, uint32_t page, uint32_t at)
{
	return (uint32_t) (((uint64_t) page * l1->page_bytes + at) / FO_L1_UNIT);
}

/* Make the slots of a bucket this process's to change; short, never nested. */
void
fo_l1_lock_bucket(FoL1Bucket *bucket)
{
	for (int spins = 1;; spins++)
	{
		uint32_t	seq = atomic_load_explicit(&bucket->seq, memory_order_relaxed);

		if ((seq & 1) == 0 &&
			atomic_compare_exchange_weak_explicit(&bucket->seq, &seq, seq + 1,
												  memory_order_acquire, memory_order_relaxed))
			break;
		/* its owner was interrupted: let it run */
		if (spins % SPINS_BEFORE_YIELD == 0)
			nanosleep(&(struct timespec) {0, 1000}, NULL);
	}
	/* later stores must not be seen before the odd sequence number */
	atomic_thread_fence(memory_order_release);
}

void
fo_l1_unlock_bucket(FoL1Bucket *bucket)
{
	atomic_fetch_add_explicit(&bucket->seq, 1, memory_order_release);
}

/* Empty a slot, whose bucket is locked, and account for it. */
void
fo_l1_clear_slot(FoL1 *l1, FoL1Slot *slot)
{
	FoL1Entry  *entry = fo_l1_entry(l1, slot->ref);

	atomic_fetch_sub(&l1->entries, 1);
	atomic_fetch_sub(&l1->live_bytes, entry->bytes);
	atomic_fetch_sub(&l1->account_entries[entry->meta.account], 1);
	atomic_fetch_sub(&l1->account_bytes[entry->meta.account], entry->bytes);
	memset(slot, 0, sizeof(FoL1Slot));
}

/* Chain all pages as free.  Unit 0 means "no entry", so page 0 starts at unit 1. */
void
fo_l1_log_init(FoL1 *l1)
{
	for (uint32_t i = 0; i < l1->npages; i++)
		*page_meta(l1, i) = (FoL1Page) {i + 1 < l1->npages ? i + 1 : FO_L1_NO_PAGE, 0, 0};
	l1->free_page = 0;
	l1->free_pages = l1->npages;
	l1->page_fill = l1->page_bytes;
	for (int queue = 0; queue < 2; queue++)
		l1->queue[queue] = (FoL1Queue) {FO_L1_NO_PAGE, FO_L1_NO_PAGE, 0};
}

/*
 * Bytes of entries that the cache means to hold: of the pages that are not kept free
 * and not scanned or filled part-way, as much as entries have lately filled of a page.
 */
uint64_t
fo_l1_log_capacity(const FoL1 *l1)
{
	return (uint64_t) (l1->npages - FO_L1_RESERVE - PARTIAL_PAGES) * l1->page_fill;
}

/* Learn what part of a page entries of the present sizes fill. */
static void
note_fill(FoL1 *l1, uint32_t used)
{
	l1->page_fill += (int32_t) (used - l1->page_fill) / FILL_WEIGHT;
}

/* Append a free page to a queue; false if there is none. */
static bool
open_page(FoL1 *l1, FoL1Queue *queue)
{
	uint32_t	page = l1->free_page;
	FoL1Page   *meta;

	if (page == FO_L1_NO_PAGE)
		return false;
	meta = page_meta(l1, page);
	l1->free_page = meta->newer;
	l1->free_pages--;
	*meta = (FoL1Page) {FO_L1_NO_PAGE, page == 0 ? FO_L1_UNIT : 0, page == 0 ? FO_L1_UNIT : 0};
	if (queue->newest == FO_L1_NO_PAGE)
		queue->oldest = page;
	else
	{
		note_fill(l1, page_meta(l1, queue->newest)->used);
		page_meta(l1, queue->newest)->newer = page;
	}
	queue->newest = page;
	return true;
}

/* Room for an entry at the newest end of a queue; 0 if no page is free. */
uint32_t
fo_l1_log_alloc(FoL1 *l1, FoCacheQueue queue, uint32_t bytes)
{
	FoL1Queue  *q = &l1->queue[queue];
	FoL1Page   *page;
	uint32_t	ref;

	if (q->newest == FO_L1_NO_PAGE || page_meta(l1, q->newest)->used + bytes > l1->page_bytes)
	{
		if (!open_page(l1, q))
			return 0;
	}
	page = page_meta(l1, q->newest);
	ref = page_ref(l1, q->newest, page->used);
	page->used += bytes;
	q->bytes += bytes;
	return ref;
}

/* The slot that refers to an entry of the log, or NULL if it is dead. */
static FoL1Slot *
slot_of(FoL1 *l1, const FoL1Entry *entry, uint32_t ref)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, entry->hash);

	for (int i = 0; i < FO_L1_SLOTS; i++)
		if (bucket->slot[i].ref == ref)
			return &bucket->slot[i];
	return NULL;
}

/* The entry at the scan position of a queue; frees pages that are done. */
static FoL1Entry *
scan_position(FoL1 *l1, FoL1Queue *queue, uint32_t *ref)
{
	while (queue->oldest != FO_L1_NO_PAGE)
	{
		uint32_t	page = queue->oldest;
		FoL1Page   *meta = page_meta(l1, page);

		if (meta->scan < meta->used)
		{
			*ref = page_ref(l1, page, meta->scan);
			return fo_l1_entry(l1, *ref);
		}
		queue->oldest = meta->newer;
		if (queue->oldest == FO_L1_NO_PAGE)
			queue->newest = FO_L1_NO_PAGE;
		meta->newer = l1->free_page;
		l1->free_page = page;
		l1->free_pages++;
	}
	return NULL;
}

/* Step over the entry at the scan position. */
static void
advance(FoL1 *l1, FoL1Queue *queue, const FoL1Entry *entry)
{
	page_meta(l1, queue->oldest)->scan += entry->bytes;
	queue->bytes -= entry->bytes;
}

/* Take an entry out of its bucket if it is still there. */
static bool
unlink_entry(FoL1 *l1, FoL1Entry *entry, uint32_t ref)
{
	FoL1Bucket *bucket = fo_l1_bucket(l1, entry->hash);
	FoL1Slot   *slot;

	fo_l1_lock_bucket(bucket);
	slot = slot_of(l1, entry, ref);
	if (slot != NULL)
		fo_l1_clear_slot(l1, slot);
	fo_l1_unlock_bucket(bucket);
	return slot != NULL;
}

static uint64_t
log_size(void *store, FoCacheQueue queue)
{
	return ((FoL1 *) store)->queue[queue].bytes;
}

/* Oldest live entry of a queue.  Dead and wholly expired ones are passed over. */
static bool
log_tail(void *store, FoCacheQueue queue, FoCacheTail *tail)
{
	FoL1	   *l1 = store;
	FoL1Queue  *q = &l1->queue[queue];
	FoL1Entry  *entry;
	uint32_t	ref;

	while ((entry = scan_position(l1, q, &ref)) != NULL)
	{
		FoL1Slot   *slot = slot_of(l1, entry, ref);

		if (slot != NULL && entry->meta.stale_until > l1->now)
		{
			tail->hash = entry->hash;
			tail->credit = slot->hits & 3;
			tail->recent = (slot->hits >> 2) & 3;
			slot->hits &= 3;
			return true;
		}
		if (slot != NULL)
			unlink_entry(l1, entry, ref);
		advance(l1, q, entry);
	}
	return false;
}

static void
log_drop(void *store, FoCacheQueue queue)
{
	FoL1	   *l1 = store;
	uint32_t	ref;
	FoL1Entry  *entry = scan_position(l1, &l1->queue[queue], &ref);

	if (unlink_entry(l1, entry, ref))
	{
		atomic_fetch_add(&l1->evictions, 1);
		atomic_fetch_add(&l1->account_evictions[entry->meta.account], 1);
	}
	advance(l1, &l1->queue[queue], entry);
}

/* Copy the oldest entry of a queue to the newest end of main. */
static void
log_keep(void *store, FoCacheQueue queue, uint8_t credit)
{
	FoL1	   *l1 = store;
	uint32_t	ref;
	uint32_t	copy;
	FoL1Entry  *entry = scan_position(l1, &l1->queue[queue], &ref);
	FoL1Bucket *bucket = fo_l1_bucket(l1, entry->hash);
	FoL1Slot   *slot;

	copy = fo_l1_log_alloc(l1, FO_CACHE_MAIN, entry->bytes);
	if (copy == 0)
	{
		log_drop(store, queue);
		return;
	}
	memcpy(fo_l1_entry(l1, copy), entry, entry->bytes);
	fo_l1_lock_bucket(bucket);
	slot = slot_of(l1, entry, ref);
	if (slot != NULL)
	{
		slot->ref = copy;
		slot->hits = credit;
	}
	fo_l1_unlock_bucket(bucket);
	advance(l1, &l1->queue[queue], entry);
}

static const FoCacheStore log_ops = {log_size, log_tail, log_keep, log_drop};

static uint64_t
queued_bytes(const FoL1 *l1)
{
	return l1->queue[FO_CACHE_SMALL].bytes + l1->queue[FO_CACHE_MAIN].bytes;
}

/*
 * After an insertion: evict until the capacity is kept and enough pages are free for the
 * next one.  While the cache fills, entries that leave the window join main unasked.
 */
void
fo_l1_make_room(FoL1 *l1)
{
	uint64_t	capacity = fo_l1_log_capacity(l1);
	FoCacheTail tail;

	while (queued_bytes(l1) > capacity || l1->free_pages < FO_L1_RESERVE)
	{
		if (queued_bytes(l1) == 0)
		{
			/* nothing left but scanned pages: looking frees them */
			log_tail(l1, FO_CACHE_SMALL, &tail);
			log_tail(l1, FO_CACHE_MAIN, &tail);
			return;
		}
		fo_cache_policy_evict(fo_l1_policy(l1), &log_ops, l1, capacity, l1->page_bytes);
	}
	if (queued_bytes(l1) < capacity - capacity / FULL_SHARE)
		fo_cache_policy_settle(fo_l1_policy(l1), &log_ops, l1, capacity);
}
