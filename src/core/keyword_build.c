/*
 * keyword_build.c
 *		Collecting keywords: each is parsed, folded and kept as a draft pattern.
 *
 * The block itself is laid out by keyword_layout.c.
 */
#include "core/keyword_build.h"

#include <string.h>

#include "core/disguise.h"
#include "core/keyword_layout.h"
#include "core/keyword_pattern.h"

/* Bytes of one folded keyword: FO_KEYWORD_MAX_CHARS of the longest expansion. */
#define FOLDED_LIMIT (FO_KEYWORD_MAX_CHARS * FO_FOLDED_MAX)
#define FOLDED_ROOM (FOLDED_LIMIT + FO_FOLD_SLACK)

/* Make room for n more items and return the first of them, not yet counted as used. */
void *
fo_vector_reserve(const FoAlloc *alloc, FoVector *vector, size_t n, size_t item)
{
	if (vector->used + n > vector->size)
	{
		size_t		size = vector->size * 2 < 64 ? 64 : vector->size * 2;

		if (size < vector->used + n)
			size = vector->used + n;
		vector->items = alloc->resize(alloc->arg, vector->items, size * item);
		vector->size = size;
	}
	return (char *) vector->items + vector->used * item;
}

/* Append bytes and return where they begin. */
static uint32_t
append_bytes(const FoAlloc *alloc, FoVector *vector, const void *bytes, size_t len)
{
	uint32_t	at = (uint32_t) vector->used;

	memcpy(fo_vector_reserve(alloc, vector, len, 1), bytes, len);
	vector->used += len;
	return at;
}

/* Zeroed block for a text of one keyword. */
static void
make_text(const FoAlloc *alloc, FoText *text, bool opaque)
{
	size_t		bits = (FOLDED_ROOM / 64 + 1) * sizeof(uint64_t);

	memset(text, 0, sizeof(*text));
	text->buf = alloc->resize(alloc->arg, NULL, FOLDED_ROOM);
	text->nonword = alloc->resize(alloc->arg, NULL, bits);
	memset(text->nonword, 0, bits);
	text->opaque = opaque;
}

/* Start a set.  All memory comes from alloc; it is the caller's to release. */
void
fo_builder_begin(FoBuilder *builder, FoFoldLevel fold, bool whole_word, bool opaque,
				 FoAlloc alloc, void (*poll) (void))
{
	memset(builder, 0, sizeof(*builder));
	builder->alloc = alloc;
	builder->poll = poll;
	builder->fold = fold;
	builder->whole_word = whole_word;
	builder->opaque = opaque;
	make_text(&alloc, &builder->text, opaque);
	/* Whoever chooses keywords sees no addresses. */
	builder->secret = (uintptr_t) builder->text.buf * UINT64_C(0x9E3779B97F4A7C15) ^
		(uintptr_t) builder;
	if (fold == FO_FOLD_EVASION)
	{
		make_text(&alloc, &builder->undisguised, opaque);
		builder->attributes = alloc.resize(alloc.arg, NULL, FOLDED_ROOM);
	}
}

/* 64-bit hash of bytes, for telling keywords of one set apart (FNV-1a by words). */
static uint64_t
hash_bytes(const uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t	h = seed ^ (len * UINT64_C(0x9E3779B97F4A7C15));

	for (; len >= 8; p += 8, len -= 8)
	{
		h = (h ^ fo_load64(p)) * UINT64_C(0xD6E8FEB86659FD93);
		h ^= h >> 32;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * UINT64_C(0x100000001B3);
	h ^= h >> 29;
	h *= UINT64_C(0xBF58476D1CE4E5B9);
	return h ^ h >> 32;
}

/* The i-th source of the builder, keywords first. */
static const uint8_t *
source_at(const FoBuilder *builder, uint32_t i, uint32_t *len)
{
	const uint32_t *ends = builder->ends.items;
	uint32_t	start = i == 0 ? 0 : ends[i - 1];

	*len = ends[i] - start;
	return (const uint8_t *) builder->sources.items + start;
}

/* What a keyword or an allowed phrase adds to the digest. */
static uint64_t
source_hash(const uint8_t *source, size_t len, bool allow)
{
	return hash_bytes(source, len, allow ? UINT64_C(0x5851F42D4C957F2D) : 1);
}

/*
 * Where a source belongs in the table of those seen.  Unlike the digest, which
 * must be the same everywhere, this hash has a secret in it, so that nobody can
 * choose keywords that all belong in one place.
 */
static size_t
seen_slot(const FoBuilder *builder, const uint8_t *source, size_t len, bool allow)
{
	return hash_bytes(source, len, builder->secret + allow) & (builder->seen.size - 1);
}

/* Enter source number i into the table of those seen, which has room. */
static void
remember(FoBuilder *builder, uint32_t i)
{
	uint32_t   *seen = builder->seen.items;
	size_t		mask = builder->seen.size - 1;
	uint32_t	len;
	const uint8_t *source = source_at(builder, i, &len);
	size_t		slot = seen_slot(builder, source, len, i >= builder->nkeywords);

	while (seen[slot] != 0)
		slot = (slot + 1) & mask;
	seen[slot] = i + 1;
}

/* Double the table of sources seen. */
static void
grow_seen(FoBuilder *builder)
{
	size_t		size = builder->seen.size == 0 ? 128 : builder->seen.size * 2;

	builder->seen.items = builder->alloc.resize(builder->alloc.arg, builder->seen.items,
												size * sizeof(uint32_t));
	memset(builder->seen.items, 0, size * sizeof(uint32_t));
	builder->seen.size = size;
	for (uint32_t i = 0; i < builder->ends.used; i++)
	{
		if (i % 4096 == 4095)
			builder->poll();
		remember(builder, i);
	}
}

/* Has this very keyword (or allowed phrase) been added before? */
static bool
is_duplicate(const FoBuilder *builder, const uint8_t *source, size_t len, bool allow)
{
	const uint32_t *seen = builder->seen.items;
	size_t		mask = builder->seen.size - 1;
	uint32_t	probes = 0;

	if (builder->seen.size == 0)
		return false;
	for (size_t slot = seen_slot(builder, source, len, allow); seen[slot] != 0;
		 slot = (slot + 1) & mask)
	{
		uint32_t	other_len;
		uint32_t	i = seen[slot] - 1;
		const uint8_t *other = source_at(builder, i, &other_len);

		if (other_len == len && (i >= builder->nkeywords) == allow &&
			memcmp(other, source, len) == 0)
			return true;
		if (++probes % 4096 == 0)
			builder->poll();
	}
	return false;
}

/* Bytes at the start of a pattern that fold to nothing or to white space. */
static uint32_t
leading_nothing(const FoBuilder *builder, const FoParsed *parsed)
{
	uint32_t	at = 0;

	/* Parsing has removed white space, and no other ASCII is dropped. */
	while (at < parsed->len && parsed->bytes[at] >= 0x80 && !builder->opaque)
	{
		const FoFolded *folded;
		uint32_t	cp;
		int			len = fo_utf8_decode(parsed->bytes + at, parsed->bytes + parsed->len, &cp);

		if (cp == FO_INVALID_CHAR)
			break;
		folded = fo_unicode_fold(builder->fold, cp);
		if (folded->len > 0 && !(folded->cls & FO_CH_SPACE))
			break;
		at += (uint32_t) len;
		while (at < parsed->len && fo_ascii_space(parsed->bytes[at]))
			at++;
	}
	return at;
}

/* Fold parsed into builder->text, white space at the ends removed; false: nothing is left. */
static bool
fold_pattern(FoBuilder *builder, const FoParsed *parsed)
{
	FoText	   *text = &builder->text;
	uint32_t	skip = leading_nothing(builder, parsed);
	FoFold		fold = {fo_kernel(), parsed->bytes + skip, parsed->len - skip, 0,
		builder->fold, true};

	if (text->has_nonword)
		memset(text->nonword, 0, (text->len / 64 + 1) * sizeof(uint64_t));
	text->len = 0;
	text->has_nonword = false;
	fo_fold_fill(&fold, text, FOLDED_LIMIT);
	while (text->len > 0 && text->buf[text->len - 1] == ' ')
		text->len--;
	memset(text->buf + text->len, 0, FO_KERNEL_SLACK);
	return text->len > 0;
}

/* Add a pattern found in text to the draft of an engine. */
static void
draft_pattern(FoBuilder *builder, int engine, const FoText *text, const uint8_t *attributes,
			  const FoParsed *parsed, uint32_t keyword, uint32_t source_at_byte)
{
	FoDraft    *draft = &builder->drafts[engine];
	FoDraftPattern *pattern = fo_vector_reserve(&builder->alloc, &draft->patterns, 1,
												sizeof(FoDraftPattern));
	uint32_t	token_len;
	uint8_t		flags = fo_pattern_flags(text,
										 parsed->open_start || !builder->whole_word,
										 parsed->open_end || !builder->whole_word);
	int			class = fo_pattern_class(text, flags, &token_len);

	if (class == FO_CLASS_TOKEN && attributes != NULL)
		class = FO_CLASS_GRAM1 + (text->len >= 4 ? 3 : (int) text->len - 1);
	memset(pattern, 0, sizeof(*pattern));
	pattern->pattern.keyword = keyword;
	pattern->pattern.len = (uint16_t) text->len;
	pattern->pattern.flags = flags;
	pattern->class = (uint8_t) class;
	if (class == FO_CLASS_TOKEN)
	{
		pattern->known = (uint8_t) (token_len < FO_SIEVE_BYTES ? token_len : FO_SIEVE_BYTES);
		pattern->key = fo_token_mix_at(text->buf, token_len);
	}
	else
	{
		pattern->known = (uint8_t) fo_gram_bytes(class);
		pattern->key = fo_load64(text->buf) & fo_gram_mask(class);
	}
	pattern->in_source = source_at_byte != UINT32_MAX;
	if (pattern->in_source)
		pattern->pattern.at = source_at_byte;
	else
		pattern->pattern.at = append_bytes(&builder->alloc, &builder->folded, text->buf, text->len);
	if (attributes != NULL)
		append_bytes(&builder->alloc, &builder->folded, attributes, text->len);
	draft->patterns.used++;
	draft->per_class[class]++;
	if (text->len > builder->longest)
		builder->longest = text->len;
	builder->has_phrase |= memchr(text->buf, ' ', text->len) != NULL;
}

/* Where the folded text lies in the source itself, or UINT32_MAX. */
static uint32_t
find_in_source(const FoText *text, const uint8_t *source, size_t len, uint32_t source_start)
{
	size_t		skip = 0;

	while (skip < len && (source[skip] == '*' || source[skip] == ' '))
		skip++;
	if (len - skip < text->len || memcmp(source + skip, text->buf, text->len) != 0)
		return UINT32_MAX;
	return source_start + (uint32_t) skip;
}

/*
 * Add a keyword, or an allowed phrase once all keywords are in.  A duplicate is
 * kept once.  On any status but FO_BUILD_OK the set is as before.  Cost about
 * 0.3 microseconds for a short ASCII keyword.
 */
FoBuildStatus
fo_builder_add(FoBuilder *builder, const uint8_t *source, size_t len, bool allow)
{
	FoParsed	parsed;
	FoBuildStatus status = fo_pattern_parse(source, len, builder->opaque, &parsed);
	uint32_t	number = allow ? builder->nallow : builder->nkeywords;
	uint32_t	start;
	int			engine = allow ? FO_ENGINE_ALLOW : FO_ENGINE_KEYWORDS;

	if (status != FO_BUILD_OK)
		return status;
	if (is_duplicate(builder, source, len, allow))
		return FO_BUILD_OK;
	if (builder->ends.used >= FO_KEYWORD_MAX_COUNT)
		return FO_BUILD_TOO_MANY;
	if (builder->sources.used + builder->folded.used + len > FO_KEYWORD_MAX_BYTES)
		return FO_BUILD_TOO_BIG;
	if (!fold_pattern(builder, &parsed))
		return FO_BUILD_VANISHES;

	start = append_bytes(&builder->alloc, &builder->sources, source, len);
	*(uint32_t *) fo_vector_reserve(&builder->alloc, &builder->ends, 1, sizeof(uint32_t)) =
		(uint32_t) builder->sources.used;
	builder->ends.used++;
	if (allow)
		builder->nallow++;
	else
		builder->nkeywords++;
	builder->digest += source_hash(source, len, allow);
	if (builder->ends.used * 2 > builder->seen.size)
		grow_seen(builder);
	else
		remember(builder, (uint32_t) builder->ends.used - 1);

	draft_pattern(builder, engine, &builder->text, NULL, &parsed, number,
				  find_in_source(&builder->text, source, len, start));
	if (builder->fold == FO_FOLD_EVASION)
	{
		FoText	   *plain = &builder->undisguised;

		memset(plain->nonword, 0, (plain->len / 64 + 1) * sizeof(uint64_t));
		fo_undisguise(&builder->text, plain, builder->attributes);
		memset(plain->buf + plain->len, 0, FO_KERNEL_SLACK);
		draft_pattern(builder, engine + 1, plain, builder->attributes, &parsed, number,
					  UINT32_MAX);
	}
	return FO_BUILD_OK;
}

/*
 * Make the block, in memory of the builder's allocator.  Its cost is linear in
 * the number of keywords.
 */
FoBuildStatus
fo_builder_finish(FoBuilder *builder, FoKeywordSet **set)
{
	return fo_layout_set(builder, set);
}
