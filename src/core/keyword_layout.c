/*
 * keyword_layout.c
 *		Laying out the block of a keyword set.
 *
 * Patterns of one class are spread over buckets by the hash of their token or
 * the bytes of their gram.  Example, class GRAM4: "class*", "classic*" and
 * "clan*" have the grams "clas", "clas" and "clan", so there are two buckets;
 * in the first, "class" is the parent of "classic".  A text that reads
 * "classics" leads to the largest pattern of its bucket that is not greater
 * ("classic"); from there the parents are all the patterns that begin it.
 *
 * The multiplier of the hash comes from the set's own digest and is changed
 * when the table comes out badly, so nobody can choose keywords to make probes
 * long without finding a fixed point of it.
 */
#include "core/keyword_layout.h"

#include "core/keyword_probe.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TRIES 6

/*
 * Slots that a probe may pass for each bit of their number.  In tables up to
 * 80 % full the longest of all probes takes about seven.
 */
#define PROBES_PER_BIT 16

#define POLL_EVERY 4096

/* Number of patterns up to which a sieve pays: about a third of positions pass it. */
#define SIEVE_MAX_PATTERNS 1700

/*
 * Number of grams up to which it pays to look for them before folding: more of
 * them are found in nearly every text, one way or another.
 */
#define RAW_MAX_GRAMS 300

/* Number of grams up to which telling them by three bytes is as good as by four. */
#define MERGE_MAX_PATTERNS 20

/* Where the parts of the block go. */
typedef struct Layout
{
	FoBuilder  *builder;
	FoKeywordSet *set;
	uint8_t    *block;
	uint32_t	folded;			/* offset of the folded bytes */
	uint32_t   *bucket_of;		/* bucket of each draft pattern of an engine */
	FoSlot	   *slots;			/* of the class being built */
} Layout;

/* A pattern being sorted. */
typedef struct Sorted
{
	const uint8_t *bytes;
	uint32_t	len;
	FoPattern	pattern;
} Sorted;

/* Round up to a multiple of 8. */
static uint64_t
align8(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

/* Smallest n with 1 << n at least value. */
static int
log2_ceil(uint64_t value)
{
	int			n = 0;

	while ((UINT64_C(1) << n) < value)
		n++;
	return n;
}

/* Grams of six, which often occur, have twice the slots. */
static int
slot_bits(int c, uint32_t npatterns)
{
	return log2_ceil((uint64_t) npatterns * 5 / (c == FO_CLASS_GRAM6 ? 2 : 4) + 4);
}

static int
bitmap_bits(uint32_t npatterns)
{
	int			bits = log2_ceil((uint64_t) npatterns * 12);

	return bits < 9 ? 9 : bits;
}

/* Bytes that the tables of a class need at most. */
static uint64_t
class_size(int c, uint32_t npatterns)
{
	if (npatterns == 0)
		return 0;
	return (UINT64_C(1) << (bitmap_bits(npatterns) - 3)) +
		(sizeof(FoSlot) << slot_bits(c, npatterns)) +
		align8(((uint64_t) npatterns + 1) * sizeof(uint32_t)) +
		(npatterns <= SIEVE_MAX_PATTERNS ? sizeof(FoSieve) : 0);
}

/* Bytes that the whole set needs at most. */
static uint64_t
total_size(const FoBuilder *builder)
{
	uint64_t	size = align8(sizeof(FoKeywordSet));

	size += align8(builder->ends.used * sizeof(uint32_t));
	size += align8(builder->sources.used + builder->folded.used + FO_KERNEL_SLACK);
	for (int e = 0; e < FO_ENGINES; e++)
	{
		size += align8(builder->drafts[e].patterns.used * sizeof(FoPattern));
		for (int c = 0; c < FO_CLASSES; c++)
			size += class_size(c, builder->drafts[e].per_class[c]);
	}
	return size;
}

/* Take size bytes of the block, padding zeroed, and return their offset. */
static uint32_t
take(Layout *layout, uint64_t size)
{
	uint32_t	at = layout->set->size;

	layout->set->size += (uint32_t) align8(size);
	if (size > 0)
		memset(layout->block + layout->set->size - 8, 0, 8);
	return at;
}

/* Call the caller's poll function once in a while. */
static void
poll_at(const FoBuilder *builder, size_t i)
{
	if (i % POLL_EVERY == POLL_EVERY - 1)
		builder->poll();
}

/* The tag of a draft pattern under a class's multiplier. */
static uint32_t
tag_of(const FoClass *class, const FoDraftPattern *draft)
{
	if (draft->class == FO_CLASS_TOKEN)
		return fo_tag(draft->key * class->multiplier);
	return fo_gram_tag(class, draft->class, draft->key);
}

/* The bytes of a draft pattern, in the block. */
static const uint8_t *
bytes_of(const Layout *layout, const FoDraftPattern *draft)
{
	return layout->block + draft->pattern.at +
		(draft->in_source ? layout->set->sources : layout->folded);
}

/* What may follow the gram of a draft pattern, as bits of a slot. */
static uint32_t
next_bits(const Layout *layout, const FoDraftPattern *draft)
{
	uint32_t	following;
	uint32_t	next;

	if (draft->class == FO_CLASS_TOKEN)
		return FO_NEXT_ANY;
	following = draft->pattern.len - fo_gram_bytes(draft->class);
	if (following == 0 || (draft->class == FO_CLASS_GRAM6 && following < FO_NEXT_CHAR))
		return FO_NEXT_ANY;
	next = fo_gram_next(draft->class, bytes_of(layout, draft));
	if (draft->class == FO_CLASS_GRAM6 && following < FO_NEXT_BYTES)
		next |= UINT32_C(0x0F000000);
	return next;
}

/*
 * Enter the patterns of class number c into its slots, numbering the buckets
 * from 1; returns the longest probe.
 */
static uint32_t
fill_slots(Layout *layout, const FoDraft *draft, int c, FoClass *class)
{
	const FoDraftPattern *patterns = draft->patterns.items;
	uint32_t	mask = (UINT32_C(1) << (64 - class->slot_shift)) - 1;
	uint32_t	longest = 0;

	memset(layout->slots, 0, (mask + (size_t) 1) * sizeof(FoSlot));
	class->nbuckets = 0;
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		uint32_t	tag;
		uint32_t	slot;
		uint32_t	probes = 0;

		poll_at(layout->builder, i);
		if (patterns[i].class != c)
			continue;
		tag = tag_of(class, &patterns[i]);
		slot = fo_slot(class, tag);
		while (layout->slots[slot].bucket != 0 && layout->slots[slot].tag != tag)
		{
			slot = (slot + 1) & mask;
			poll_at(layout->builder, ++probes);
		}
		if (layout->slots[slot].bucket == 0)
		{
			layout->slots[slot].tag = tag;
			layout->slots[slot].bucket = ++class->nbuckets;
		}
		layout->slots[slot].bucket |= next_bits(layout, &patterns[i]);
		layout->bucket_of[i] = (layout->slots[slot].bucket & FO_BUCKET_NUMBER) - 1;
		if (probes > longest)
			longest = probes;
	}
	return longest;
}

/* Set the bits of the class's bitmap. */
static void
fill_bitmap(Layout *layout, const FoDraft *draft, int c, const FoClass *class)
{
	const FoDraftPattern *patterns = draft->patterns.items;
	uint64_t   *bitmap = (uint64_t *) (layout->block + class->bitmap);

	memset(bitmap, 0, (size_t) 1 << (64 - class->bitmap_shift - 3));
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		uint64_t	hash = patterns[i].key * class->multiplier;

		poll_at(layout->builder, i);
		if (patterns[i].class == c)
			bitmap[fo_bitmap_word(class, hash)] |= UINT64_C(1) << fo_first_bit(class, hash) |
				UINT64_C(1) << fo_second_bit(class, hash);
	}
}

/* Order by bytes, then by length, then by number, so that the block is reproducible. */
static int
compare_sorted(const void *left, const void *right)
{
	const Sorted *a = left;
	const Sorted *b = right;
	int			order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);

	if (order == 0)
		order = (a->len > b->len) - (a->len < b->len);
	if (order == 0)
		order = (a->pattern.keyword > b->pattern.keyword) -
			(a->pattern.keyword < b->pattern.keyword);
	return order;
}

/* Sort the n patterns at first and link each to the longest one that begins it. */
static void
finish_bucket(Layout *layout, FoPattern *patterns, uint32_t first, uint32_t n)
{
	const FoAlloc *alloc = &layout->builder->alloc;
	Sorted	   *sorted = alloc->resize(alloc->arg, NULL, n * sizeof(Sorted));

	for (uint32_t i = 0; i < n; i++)
		sorted[i] = (Sorted) {layout->block + patterns[first + i].at,
							  patterns[first + i].len, patterns[first + i]};
	qsort(sorted, n, sizeof(Sorted), compare_sorted);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	parent = i == 0 ? FO_NO_PATTERN : first + i - 1;

		poll_at(layout->builder, i);
		patterns[first + i] = sorted[i].pattern;
		while (parent != FO_NO_PATTERN &&
			   (patterns[parent].len > sorted[i].len ||
				memcmp(layout->block + patterns[parent].at, sorted[i].bytes,
					   patterns[parent].len) != 0))
			parent = patterns[parent].parent;
		patterns[first + i].parent = parent;
	}
	alloc->release(alloc->arg, sorted);
}

/* Put the patterns of class c in place, bucket by bucket, from pattern number base on. */
static void
fill_buckets(Layout *layout, const FoDraft *draft, int c, const FoClass *class,
			 FoPattern *patterns, uint32_t base)
{
	const FoDraftPattern *drafts = draft->patterns.items;
	uint32_t   *starts = (uint32_t *) (layout->block + class->buckets);
	uint32_t	sum = base;

	memset(starts, 0, (class->nbuckets + (size_t) 1) * sizeof(uint32_t));
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		if (drafts[i].class == c)
			starts[layout->bucket_of[i]]++;
	}

	/*
	 * starts[b] becomes the end of bucket b, and then, filling from behind,
	 * its start.
	 */
	for (uint32_t b = 0; b <= class->nbuckets; b++)
	{
		sum += starts[b];
		starts[b] = sum;
	}
	for (size_t i = draft->patterns.used; i-- > 0;)
	{
		FoPattern  *to;

		poll_at(layout->builder, i);
		if (drafts[i].class != c)
			continue;
		to = &patterns[--starts[layout->bucket_of[i]]];
		*to = drafts[i].pattern;
		to->at += drafts[i].in_source ? layout->set->sources : layout->folded;
		to->parent = FO_NO_PATTERN;
		to->next = fo_next_bytes(bytes_of(layout, &drafts[i]) + fo_sure_bytes(c),
								 to->len - (int) fo_sure_bytes(c));
	}
	for (uint32_t b = 0; b < class->nbuckets; b++)
	{
		poll_at(layout->builder, b);
		if (starts[b + 1] - starts[b] > 1)
			finish_bucket(layout, patterns, starts[b], starts[b + 1] - starts[b]);
	}
}

/* How many bytes of a gram can a sieve look at: those of the class, or more when all have more. */
static uint8_t
sieve_reach(const FoDraft *draft, int c)
{
	const FoDraftPattern *drafts = draft->patterns.items;

	if (c != FO_CLASS_GRAM6)
		return (uint8_t) fo_gram_bytes(c);
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		if (drafts[i].class == c && drafts[i].pattern.len < FO_SIEVE_BYTES)
			return (uint8_t) fo_gram_bytes(c);
	}
	return FO_SIEVE_BYTES;
}

/* Make the sieve of a class; grams of under three bytes are too common for one. */
static void
fill_sieve(Layout *layout, const FoDraft *draft, int c, FoClass *class)
{
	const FoDraftPattern *drafts = draft->patterns.items;
	FoSieve    *sieve;

	if (class->npatterns > SIEVE_MAX_PATTERNS || c == FO_CLASS_GRAM1 || c == FO_CLASS_GRAM2)
		return;
	class->sieve = take(layout, fo_sieve_size(fo_sieve_rows(class->npatterns,
															c == FO_CLASS_TOKEN)));
	sieve = (FoSieve *) (layout->block + class->sieve);
	fo_sieve_begin(sieve, class->npatterns, c == FO_CLASS_TOKEN);
	if (c != FO_CLASS_TOKEN)
		class->reach = sieve_reach(draft, c);
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		if (drafts[i].class == c)
			fo_sieve_add(sieve, bytes_of(layout, &drafts[i]),
						 c == FO_CLASS_TOKEN ? drafts[i].known : class->reach);
	}
}

/*
 * When a set is small, look for all its longer grams by three bytes if some
 * have no more: one pass over the text instead of two.
 */
static void
merge_grams(FoDraft *draft)
{
	FoDraftPattern *drafts = draft->patterns.items;

	if (draft->per_class[FO_CLASS_GRAM3] == 0 ||
		draft->per_class[FO_CLASS_GRAM3] + draft->per_class[FO_CLASS_GRAM4] > MERGE_MAX_PATTERNS)
		return;
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		if (drafts[i].class != FO_CLASS_GRAM4)
			continue;
		drafts[i].class = FO_CLASS_GRAM3;
		drafts[i].known = 3;
		drafts[i].key &= fo_gram_mask(FO_CLASS_GRAM3);
		draft->per_class[FO_CLASS_GRAM4]--;
		draft->per_class[FO_CLASS_GRAM3]++;
	}
}

/* A number made from the digest of the set and how often we tried, odd. */
static uint64_t
choose_multiplier(uint64_t digest, int try)
{
	uint64_t	x = digest + (uint64_t) (try + 1) * UINT64_C(0x9E3779B97F4A7C15);

	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return (x ^ x >> 31) | 1;
}

/* Build class c of an engine, its patterns numbered from base on. */
static void
layout_class(Layout *layout, const FoDraft *draft, int c, FoEngine *engine, uint32_t base)
{
	FoClass    *class = &engine->classes[c];
	uint32_t	n = draft->per_class[c];
	FoPattern  *patterns = (FoPattern *) (layout->block + engine->patterns);

	class->npatterns = n;
	class->bitmap_shift = (uint8_t) (64 - bitmap_bits(n));
	class->slot_shift = (uint8_t) (64 - slot_bits(c, n));
	class->bitmap = take(layout, UINT64_C(1) << (bitmap_bits(n) - 3));
	class->slots = take(layout, sizeof(FoSlot) << slot_bits(c, n));
	layout->slots = (FoSlot *) (layout->block + class->slots);
	for (int try = 0; try < MAX_TRIES; try++)
	{
		class->multiplier = choose_multiplier(layout->set->digest, try);
		if (fill_slots(layout, draft, c, class) <= PROBES_PER_BIT * (uint32_t) slot_bits(c, n))
			break;
	}
	class->buckets = take(layout, ((uint64_t) class->nbuckets + 1) * sizeof(uint32_t));
	fill_bitmap(layout, draft, c, class);
	fill_buckets(layout, draft, c, class, patterns, base);
	fill_sieve(layout, draft, c, class);
}

/* Set what the engine's classes have in common. */
static void
describe_engine(const Layout *layout, FoEngine *engine, const FoDraft *draft)
{
	const FoDraftPattern *drafts = draft->patterns.items;

	engine->sieved = 1;
	for (int c = 0; c < FO_CLASSES; c++)
	{
		engine->classes[c].high = 1;
		if (engine->classes[c].npatterns == 0 || c == FO_CLASS_GRAM6)
			continue;
		if (engine->classes[c].sieve == 0)
			engine->sieved = 0;
		if (c != FO_CLASS_TOKEN && engine->classes[c].npatterns > RAW_MAX_GRAMS)
			engine->sieved = 0;
	}
	for (size_t i = 0; i < draft->patterns.used; i++)
	{
		const uint8_t *bytes = bytes_of(layout, &drafts[i]);

		if (bytes[0] < 0xC0)
			engine->classes[drafts[i].class].high = 0;
		for (int k = 0; drafts[i].class != FO_CLASS_TOKEN &&
			 k < (int) fo_gram_bytes(drafts[i].class); k++)
			engine->gram_bytes[bytes[k] / 8] |= (uint8_t) (1 << bytes[k] % 8);
	}
}

/* Build one engine from its draft. */
static void
layout_engine(Layout *layout, int e)
{
	const FoDraft *draft = &layout->builder->drafts[e];
	FoEngine   *engine = &layout->set->engines[e];
	const FoAlloc *alloc = &layout->builder->alloc;
	uint32_t	base = 0;

	if (draft->patterns.used == 0)
		return;
	engine->npatterns = (uint32_t) draft->patterns.used;
	engine->patterns = take(layout, draft->patterns.used * sizeof(FoPattern));
	layout->bucket_of = alloc->resize(alloc->arg, NULL, draft->patterns.used * sizeof(uint32_t));
	for (int c = 0; c < FO_CLASSES; c++)
	{
		if (draft->per_class[c] > 0)
			layout_class(layout, draft, c, engine, base);
		base += draft->per_class[c];
	}
	describe_engine(layout, engine, draft);
	alloc->release(alloc->arg, layout->bucket_of);
}

/* Copy bytes that may be none. */
static void
copy(void *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
}

/* Make the block of a set in memory of the builder's allocator. */
FoBuildStatus
fo_layout_set(FoBuilder *builder, FoKeywordSet **result)
{
	Layout		layout = {.builder = builder};
	FoKeywordSet *set;
	uint64_t	size;

	for (int e = 0; e < FO_ENGINES; e++)
		merge_grams(&builder->drafts[e]);
	size = total_size(builder);
	if (size > FO_KEYWORD_MAX_BYTES)
		return FO_BUILD_TOO_BIG;
	set = builder->alloc.resize(builder->alloc.arg, NULL, size);
	memset(set, 0, sizeof(*set));
	layout.set = set;
	layout.block = (uint8_t *) set;
	set->magic = FO_KEYWORD_MAGIC;
	set->unicode = fo_keyword_unicode();
	set->fold = (uint8_t) builder->fold;
	set->flags = (uint8_t) ((builder->whole_word ? FO_SET_WHOLE_WORD : 0) |
							(builder->has_phrase || builder->fold == FO_FOLD_EVASION
							 ? FO_SET_COLLAPSE : 0) |
							(builder->opaque ? FO_SET_OPAQUE : 0));
	set->longest = builder->longest;
	set->nkeywords = builder->nkeywords;
	set->nallow = builder->nallow;
	set->digest = builder->digest + set->fold * UINT64_C(0x2545F4914F6CDD1D) + builder->whole_word;
	set->size = (uint32_t) align8(sizeof(*set));
	set->ends = take(&layout, builder->ends.used * sizeof(uint32_t));
	set->sources = take(&layout, builder->sources.used + builder->folded.used + FO_KERNEL_SLACK);
	layout.folded = set->sources + (uint32_t) builder->sources.used;
	copy(layout.block + set->ends, builder->ends.items, builder->ends.used * sizeof(uint32_t));
	copy(layout.block + set->sources, builder->sources.items, builder->sources.used);
	copy(layout.block + layout.folded, builder->folded.items, builder->folded.used);
	memset(layout.block + layout.folded + builder->folded.used, 0, FO_KERNEL_SLACK);
	for (int e = 0; e < FO_ENGINES; e++)
		layout_engine(&layout, e);
	*result = set;
	return FO_BUILD_OK;
}
