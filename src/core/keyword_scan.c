/*
 * keyword_scan.c
 *		Finding the patterns of an engine in folded text.
 *
 * Whole words are found by one probe for each word of the text: where words
 * begin and end comes from a bitmap, a hash of a word's bytes selects one bit
 * of another; only what passes looks into the table.  Other patterns are found
 * by their first bytes, at every position, the same way.  Sets that are not
 * large have a sieve, by which the kernel thins the positions out first, 64 at
 * a time.  Loops that decide something for each word or position do so without
 * branches and leave a list of what passed to a second loop.
 *
 * Example: the set {cat, "hot dog"} and the text "the hot dog": the words
 * "the", "hot" and "dog" are hashed; "hot" is in the table, and its bucket has
 * "hot dog", which the text continues with.
 */
#include "core/keyword_scan.h"

#include <string.h>

#include "core/boundary.h"
#include "core/disguise.h"
#include "core/keyword_probe.h"

#define LINEAR_BUCKET 4
#define POLL_EVERY 4096
#define BATCH 256

/* A class of the engine at work. */
typedef struct Work
{
	const FoKeywordSet *set;
	const FoPattern *patterns;
	const FoClass *class;
	const uint64_t *bitmap;
	const FoSlot *slots;
	const uint32_t *buckets;
	const FoField *field;
	int			c;				/* number of the class */
	int			sure;			/* bytes that its buckets have in common */
} Work;

/* Are the bits of a hash set in the bitmap of the class? */
static inline bool
may_occur(const Work *work, uint64_t hash)
{
	return fo_may_occur(work->class, work->bitmap, hash);
}

/*
 * Is the text at byte at, which has the gram of the class there, equal to the
 * pattern's bytes?  Both have room for 8 bytes more.
 */
static inline bool
same_bytes(const Work *work, const FoPattern *pattern, uint32_t at)
{
	const FoText *text = work->field->text;
	const uint8_t *p = text->buf + at;

	if (fo_next_bytes(p + work->sure, pattern->len - work->sure) != pattern->next ||
		pattern->len > text->len - at)
		return false;
	return pattern->len <= work->sure + 4 ||
		memcmp(p, fo_at(work->set, pattern->at), pattern->len) == 0;
}

/* Report the pattern, whose bytes are at byte at, if its surroundings allow it. */
static bool
report(const Work *work, const FoPattern *pattern, uint32_t at)
{
	const FoField *field = work->field;
	const uint8_t *attributes = field->attributes;

	if (attributes != NULL &&
		!fo_attributes_match(field->text->buf + at,
							 (const uint8_t *) fo_at(work->set, pattern->at) + pattern->len,
							 attributes + at, pattern->len, pattern->flags))
		return false;
	if (!fo_boundary_start(field->text, attributes, at, pattern->flags) ||
		!fo_boundary_end(field->text, attributes, at + pattern->len, pattern->flags,
						 (FoFoldLevel) work->set->fold))
		return false;
	return field->found(field->arg, pattern, at);
}

/*
 * Does the pattern come after the text at byte at, in order of bytes?  They
 * have the gram of the class in common.
 */
static bool
comes_after(const Work *work, const FoPattern *pattern, uint32_t at)
{
	const FoText *text = work->field->text;
	uint32_t	rest = text->len - at;
	uint32_t	len = pattern->len < rest ? pattern->len : rest;
	uint32_t	next = fo_next_bytes(text->buf + at + work->sure, pattern->len - work->sure);
	int			order;

	if (next != pattern->next)
		return pattern->next > next;
	order = memcmp(fo_at(work->set, pattern->at), text->buf + at, len);
	return order > 0 || (order == 0 && pattern->len > rest);
}

/*
 * Try the patterns lo..hi of a bucket at byte at.  All that begin the text
 * there are ancestors of the last pattern that is not after the text.
 */
static bool
try_bucket(const Work *work, uint32_t lo, uint32_t hi, uint32_t at)
{
	uint32_t	first = lo;
	uint32_t	end = hi;
	bool		sure = false;

	if (hi - lo <= LINEAR_BUCKET)
	{
		for (uint32_t i = lo; i < hi; i++)
		{
			if (same_bytes(work, &work->patterns[i], at) &&
				report(work, &work->patterns[i], at))
				return true;
		}
		return false;
	}
	while (lo < end)
	{
		uint32_t	mid = lo + (end - lo) / 2;

		if (comes_after(work, &work->patterns[mid], at))
			end = mid;
		else
			lo = mid + 1;
	}
	if (lo == first)
		return false;
	for (uint32_t i = lo - 1; i != FO_NO_PATTERN; i = work->patterns[i].parent)
	{
		/*
		 * There can be many: spellings of one word that all fold to the same,
		 * or parts of one another at every position.
		 */
		if (++*work->field->tried % POLL_EVERY == 0)
			work->field->poll();
		sure = sure || same_bytes(work, &work->patterns[i], at);
		if (sure && report(work, &work->patterns[i], at))
			return true;
	}
	return false;
}

/* Look a tag up and try its bucket at byte at; next as in fo_find_bucket. */
static bool
try_tag(const Work *work, uint32_t tag, uint32_t next, uint32_t at)
{
	uint32_t	bucket = fo_find_bucket(work->class, work->slots, tag, next);

	return bucket != FO_NO_BUCKET &&
		try_bucket(work, work->buckets[bucket], work->buckets[bucket + 1], at);
}

/* Try the n words that begin at starts and end before ends; true when stopped. */
static bool
try_words(const Work *work, uint32_t *starts, const uint32_t *ends, size_t n)
{
	const uint8_t *buf = work->field->text->buf;
	uint64_t	multiplier = work->class->multiplier;
	uint32_t	tags[BATCH];

	for (size_t base = 0; base < n; base += BATCH)
	{
		size_t		last = n - base < BATCH ? n : base + BATCH;
		size_t		passed = 0;

		for (size_t i = base; i < last; i++)
		{
			uint32_t	at = starts[i];
			uint64_t	hash = fo_token_mix_at(buf + at, ends[i] - at) * multiplier;

			starts[base + passed] = at;
			tags[passed] = fo_tag(hash);
			passed += may_occur(work, hash);
		}
		for (size_t i = 0; i < passed; i++)
			__builtin_prefetch(&work->slots[fo_slot(work->class, tags[i])]);
		for (size_t i = 0; i < passed; i++)
		{
			if (try_tag(work, tags[i], FO_NEXT_UNKNOWN, starts[base + i]))
				return true;
		}
	}
	return false;
}

/* Bits of the words' beginnings, and of the bytes behind their ends. */
static void
find_edges(const FoField *field, uint64_t *starts, uint64_t *ends)
{
	const uint64_t *words = field->words;
	uint64_t	carry = field->from == 0 ? 0 : words[field->from / 64 - 1] >> 63;

	for (uint32_t w = field->from / 64; w * 64 < field->to; w++)
	{
		starts[w] = words[w] & ~(words[w] << 1 | carry);
		ends[w] = ~words[w] & (words[w] << 1 | carry);
		carry = words[w] >> 63;
	}
}

/* Find the whole words of the class among all words of the text. */
static bool
scan_tokens(const Work *work)
{
	const FoField *field = work->field;
	uint32_t	first = field->from / 64;
	uint32_t	nwords = (field->to + 63) / 64 - first;
	uint64_t   *ends = field->candidates + (field->text->len / 64 + 1);
	size_t		nstarts;
	size_t		nends;
	size_t		skip;

	find_edges(field, field->candidates, ends);
	nstarts = field->kernel->positions(field->candidates + first, nwords, field->starts);
	nends = field->kernel->positions(ends + first, nwords, field->ends);
	/* The first end may be that of a word which began before this window. */
	skip = nends > 0 && (nstarts == 0 || field->ends[0] <= field->starts[0]);
	for (size_t i = 0; i < nstarts; i++)
		field->starts[i] += first * 64;
	for (size_t i = skip; i < nends; i++)
		field->ends[i] += first * 64;
	if (nends - skip < nstarts)
	{
		uint32_t	last = field->starts[nstarts - 1];

		field->ends[nstarts - 1 + skip] = last +
			fo_run_length(field->words, last, field->text->len);
	}
	return try_words(work, field->starts, field->ends + skip, nstarts);
}

/* Find the whole words of the class among those that the sieve let pass. */
static bool
scan_sieved_tokens(const Work *work)
{
	const FoField *field = work->field;
	uint32_t	first = field->from / 64;
	uint32_t   *starts = field->starts;
	size_t		n = field->kernel->positions(field->candidates + first,
											 (field->to + 63) / 64 - first, starts);

	for (size_t i = 0; i < n; i++)
	{
		starts[i] += first * 64;
		field->ends[i] = starts[i] + fo_run_length(field->words, starts[i], field->text->len);
	}
	return try_words(work, starts, field->ends, n);
}

/*
 * Of the n places of grams, keep those that the first slot looked at does not
 * speak against, with their buckets, as far as that slot has them; returns how
 * many.
 */
static uint32_t
keep_known(const Work *work, uint32_t *places, uint32_t *buckets, uint32_t n)
{
	const uint8_t *buf = work->field->text->buf;
	uint64_t	mask = fo_gram_mask(work->c);
	uint32_t	kept = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		const uint8_t *p = buf + places[i];
		uint32_t	tag = fo_gram_tag(work->class, work->c, fo_load64(p) & mask);
		FoSlot		slot = work->slots[fo_slot(work->class, tag)];
		uint32_t	other = 0 - (uint32_t) (slot.tag != tag);
		uint32_t	wanted = fo_gram_next(work->c, p) & ~other;

		places[kept] = places[i];
		buckets[kept] = ((slot.bucket & FO_BUCKET_NUMBER) - 1) | other;
		kept += (slot.bucket & wanted) == wanted && slot.bucket != 0;
	}
	return kept;
}

/* The bucket of the gram at byte at, or FO_NO_BUCKET. */
static uint32_t
gram_bucket(const Work *work, uint32_t at)
{
	const uint8_t *p = work->field->text->buf + at;

	return fo_find_bucket(work->class, work->slots,
						  fo_gram_tag(work->class, work->c, fo_load64(p) & fo_gram_mask(work->c)),
						  fo_gram_next(work->c, p));
}

/*
 * Of these, keep those with a bucket whose first pattern is there as far as can
 * be told at once, or that has others; returns how many.
 */
static uint32_t
keep_likely(const Work *work, uint32_t *places, uint32_t *buckets, uint32_t n)
{
	const uint8_t *buf = work->field->text->buf;
	uint32_t	kept = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	at = places[i];
		uint32_t	bucket = buckets[i];
		const FoPattern *pattern;
		uint32_t	next;

		if (bucket == FO_NO_BUCKET)
			bucket = gram_bucket(work, at);
		if (bucket == FO_NO_BUCKET)
			continue;
		pattern = &work->patterns[work->buckets[bucket]];
		next = fo_next_bytes(buf + at + work->sure, pattern->len - work->sure);
		places[kept] = at;
		buckets[kept] = bucket;
		kept += (next == pattern->next) |
			(work->buckets[bucket + 1] - work->buckets[bucket] > 1);
	}
	return kept;
}

/*
 * Of these, drop those with a bucket of one pattern that ends otherwise than the
 * text there: what begins alike more often ends differently.
 */
static uint32_t
keep_ending(const Work *work, uint32_t *places, uint32_t *buckets, uint32_t n)
{
	const FoText *text = work->field->text;
	uint32_t	kept = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		const uint32_t *bucket = &work->buckets[buckets[i]];
		const FoPattern *pattern = &work->patterns[bucket[0]];
		uint32_t	tail = pattern->len < 8 ? 0 : pattern->len - 8u;
		uint32_t	head = pattern->len < 8 ? 64 - 8u * pattern->len : 0;
		bool		inside = pattern->len <= text->len - places[i];
		const uint8_t *end = text->buf + places[i] + (inside ? tail : 0);
		uint64_t	differing = fo_load64(end) ^
			fo_load64((const uint8_t *) fo_at(work->set, pattern->at) + tail);
		bool		fits = inside & ((differing << head) == 0);

		places[kept] = places[i];
		buckets[kept] = buckets[i];
		kept += fits | (bucket[1] - bucket[0] != 1);
	}
	return kept;
}

/* Try the grams at n places, which are overwritten. */
static bool
try_grams(const Work *work, uint32_t *places, uint32_t n)
{
	uint32_t   *buckets = work->field->ends;

	n = keep_known(work, places, buckets, n);
	n = keep_likely(work, places, buckets, n);
	if (work->c == FO_CLASS_GRAM6)
		n = keep_ending(work, places, buckets, n);
	for (uint32_t i = 0; i < n; i++)
	{
		const uint32_t *bucket = &work->buckets[buckets[i]];

		if (try_bucket(work, bucket[0], bucket[1], places[i]))
			return true;
	}
	return false;
}

/* Find the patterns of a gram class at the positions that the sieve let pass. */
static bool
scan_sieved_grams(const Work *work)
{
	const FoField *field = work->field;
	const uint8_t *buf = field->text->buf;
	uint64_t	mask = fo_gram_mask(work->c);
	uint32_t	first = field->from / 64;
	uint32_t   *places = field->starts;
	size_t		n = field->kernel->positions(field->candidates + first,
											 (field->to + 63) / 64 - first, places);
	uint32_t	kept = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t	at = places[i] + first * 64;

		places[kept] = at;
		kept += may_occur(work, (fo_load64(buf + at) & mask) * work->class->multiplier);
	}
	return try_grams(work, places, kept);
}

/* Find the patterns of a gram class by trying every position. */
static bool
scan_grams(const Work *work)
{
	uint64_t	mask = fo_gram_mask(work->c);
	const FoField *field = work->field;
	const uint8_t *buf = field->text->buf;
	uint64_t	multiplier = work->class->multiplier;
	uint32_t   *hits = field->starts;

	for (uint32_t base = field->from; base < field->to; base += BATCH)
	{
		uint32_t	end = field->to - base < BATCH ? field->to : base + BATCH;
		uint32_t	n = 0;

		for (uint32_t at = base; at < end; at++)
		{
			hits[n] = at;
			n += may_occur(work, (fo_load64(buf + at) & mask) * multiplier);
		}
		if (try_grams(work, hits, n))
			return true;
	}
	return false;
}

/* Run class c of an engine over a field; returns true when stopped. */
static bool
run_class(const FoKeywordSet *set, const FoEngine *engine, int c, const FoField *field)
{
	const FoClass *class = &engine->classes[c];
	const FoText *text = field->text;
	const uint64_t *nonword = text->has_nonword ? text->nonword : NULL;
	bool		sieved = class->sieve != 0 && field->kernel->sieve != NULL;
	Work		work = {set, fo_at(set, engine->patterns), class,
		fo_at(set, class->bitmap), fo_at(set, class->slots), fo_at(set, class->buckets), field,
		c, (int) fo_sure_bytes(c)};

	if (class->high && !text->has_high)
		return false;
	if (c == FO_CLASS_TOKEN && sieved)
	{
		field->kernel->sieve_words(text->buf, text->len, nonword, fo_at(set, class->sieve),
								   field->words, field->candidates);
		return scan_sieved_tokens(&work);
	}
	if (c == FO_CLASS_TOKEN)
	{
		field->kernel->classify(text->buf, text->len, nonword, field->words);
		return scan_tokens(&work);
	}
	if (!sieved)
		return scan_grams(&work);
	field->kernel->sieve(text->buf, text->len, class->reach, fo_at(set, class->sieve),
						 field->candidates, NULL);
	return scan_sieved_grams(&work);
}

/*
 * Run an engine over a field; returns true when field->found stopped it.  The
 * text must be followed by FO_KERNEL_SLACK readable bytes.
 */
bool
fo_engine_run(const FoKeywordSet *set, const FoEngine *engine, const FoField *field)
{
	for (int c = 0; c < FO_CLASSES; c++)
	{
		if (engine->classes[c].npatterns > 0 && run_class(set, engine, c, field))
			return true;
	}
	return false;
}
