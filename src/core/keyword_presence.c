/*
 * keyword_presence.c
 *		Telling from a text as it stands that no keyword occurs in it.
 *
 * Most texts have none of a user's keywords, and need not be folded to find
 * that out: folding changes ASCII only in the case of letters and in white
 * space, and most other characters of a text in ASCII (emoji, quotation marks,
 * an ellipsis) change nothing about its words.  So the kernel sieves the text
 * as it stands, and what passes is looked up, letters lower-cased on the way.
 * Only when that finds something, or when a character could matter after
 * folding, is the text folded and matched.
 *
 * Example: the set {cafe} at level FO_FOLD_ACCENT.  "Tea!" is done with here.
 * So is "Tea \xE2\x98\x95!" with the emoji of a hot beverage, which stays what it
 * is; "caf\xC3\xA9" is not, since its last letter becomes an e.
 */
#include "core/keyword_presence.h"

#include <string.h>

#include "core/fold_rows.h"
#include "core/keyword_probe.h"

/* Buckets with more patterns are not gone through here. */
#define MAX_BUCKET 16

/* Eight bytes of the text from byte at on, continued with zeros. */
static inline uint64_t
load_text(const FoRaw *raw, size_t at)
{
	uint8_t		bytes[8] = {0};

	if (at + 8 <= raw->len)
		return fo_load64(raw->body + at);
	if (raw->len >= 8)
		return fo_load64(raw->body + raw->len - 8) >> 8 * (at + 8 - raw->len);
	memcpy(bytes, raw->body + at, raw->len - at);
	return fo_load64(bytes);
}

/* The same, folded. */
static inline uint64_t
load_folded(const FoKeywordSet *set, const FoRaw *raw, size_t at)
{
	uint64_t	bytes = load_text(raw, at);

	return set->fold == FO_FOLD_NONE ? bytes : fo_lower64(bytes);
}

/*
 * May the pattern be at byte at?  As far as the text is ASCII the answer is
 * exact; what else it holds there may become anything.
 */
static bool
pattern_fits(const FoKeywordSet *set, const FoPattern *pattern, const FoRaw *raw, size_t at)
{
	const uint8_t *p = fo_at(set, pattern->at);
	uint8_t		lower = set->fold == FO_FOLD_NONE ? 0 : 0x20;

	for (uint32_t i = 0; i < pattern->len; i++, at++)
	{
		uint8_t		c = at < raw->len ? raw->body[at] : 0;

		if (c >= 0x80)
			return true;
		if (p[i] == ' ' && fo_ascii_space(c))
		{
			while (at + 1 < raw->len && fo_ascii_space(raw->body[at + 1]))
				at++;
		}
		else if (p[i] != ((uint8_t) (c - 'A') < 26 ? c | lower : c))
			return false;
	}
	return !(pattern->flags & FO_PATTERN_END_WORD) || at >= raw->len ||
		!fo_ascii_word(raw->body[at]);
}

/* How many of the eight bytes of text does folding leave as they are, but for their case? */
static uint32_t
known_bytes(uint64_t text)
{
	uint64_t	every = UINT64_C(0x0101010101010101);
	uint64_t	others = ((text - every * 0x21) | text) & every * 0x80;

	return others == 0 ? 8 : (uint32_t) __builtin_ctzll(others) / 8;
}

/*
 * May one of the patterns of the tag be at byte at?  Most are told apart by
 * their first eight bytes.
 */
static bool
tag_fits(const FoKeywordSet *set, const FoEngine *engine, const FoClass *class,
		 const FoRaw *raw, uint32_t tag, uint32_t next, size_t at)
{
	const FoPattern *patterns = fo_at(set, engine->patterns);
	const uint32_t *buckets = fo_at(set, class->buckets);
	uint32_t	bucket = fo_find_bucket(class, fo_at(set, class->slots), tag, next);
	uint64_t	text;
	uint32_t	known;

	if (bucket == FO_NO_BUCKET)
		return false;
	if (buckets[bucket + 1] - buckets[bucket] > MAX_BUCKET)
		return true;
	text = load_folded(set, raw, at);
	known = known_bytes(text);
	for (uint32_t i = buckets[bucket]; i < buckets[bucket + 1]; i++)
	{
		uint64_t	differing = text ^ fo_load64(fo_at(set, patterns[i].at));
		uint32_t	n = known < patterns[i].len ? known : patterns[i].len;

		if ((n == 0 || differing << (64 - 8 * n) == 0) &&
			pattern_fits(set, &patterns[i], raw, at))
			return true;
	}
	return false;
}

/* Is the word of len bytes at byte at the token of a pattern that may be there? */
static bool
token_known(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw,
			uint32_t at, uint32_t len)
{
	const FoClass *class = &engine->classes[FO_CLASS_TOKEN];
	uint64_t	first = load_folded(set, raw, at);
	uint64_t	last = len > 8 ? load_folded(set, raw, at + len - 8) : 0;
	uint64_t	hash = fo_token_mix(first, last, len) * class->multiplier;

	return fo_may_occur(class, fo_at(set, class->bitmap), hash) &&
		tag_fits(set, engine, class, raw, fo_tag(hash), FO_NEXT_UNKNOWN, at);
}

/* The same of the gram at byte at. */
static bool
gram_known(const FoKeywordSet *set, const FoEngine *engine, int c, const FoRaw *raw, uint32_t at)
{
	const FoClass *class = &engine->classes[c];
	uint64_t	text = load_folded(set, raw, at);
	uint32_t	gram = (uint32_t) text & fo_gram_mask(c);
	uint8_t		next = (uint8_t) (text >> 8 * c);

	/* What follows is known only if it is a letter or digit of ASCII. */
	return fo_may_occur(class, fo_at(set, class->bitmap), gram * class->multiplier) &&
		tag_fits(set, engine, class, raw, gram,
				 fo_ascii_word(next) ? fo_next_bit(next) : FO_NEXT_UNKNOWN, at);
}

/* Is one of the candidates in the tables of class c? */
static bool
candidate_known(const FoKeywordSet *set, const FoEngine *engine, int c, const FoRaw *raw)
{
	for (uint32_t base = 0; base < raw->len; base += 64)
	{
		for (uint64_t bits = raw->candidates[base / 64]; bits != 0; bits &= bits - 1)
		{
			uint32_t	at = base + (uint32_t) __builtin_ctzll(bits);

			if (c == FO_CLASS_TOKEN
				? token_known(set, engine, raw, at,
							  fo_run_length(raw->words, at, (uint32_t) raw->len))
				: gram_known(set, engine, c, raw, at))
				return true;
		}
	}
	return false;
}

/* Do the grams of the engine cover such a byte? */
static inline bool
in_grams(const FoEngine *engine, uint8_t byte)
{
	return engine->gram_bytes[byte / 8] >> byte % 8 & 1;
}

/* The folded form of an ASCII byte. */
static inline uint8_t
fold_byte(const FoKeywordSet *set, uint8_t c)
{
	if (fo_ascii_space(c))
		return ' ';
	return set->fold > FO_FOLD_NONE && (uint8_t) (c - 'A') < 26 ? c | 0x20 : c;
}

/* May a gram of the engine begin at one of the n bytes at p, all ASCII? */
static bool
gram_among(const FoKeywordSet *set, const FoEngine *engine, const uint8_t *p, uint32_t n)
{
	for (int c = FO_CLASS_GRAM1; c <= FO_CLASS_GRAM4; c++)
	{
		const FoClass *class = &engine->classes[c];

		for (uint32_t i = 0; class->npatterns > 0 && i < n; i++)
		{
			uint64_t	gram = fo_load32(p + i) & fo_gram_mask(c);

			if (fo_may_occur(class, fo_at(set, class->bitmap), gram * class->multiplier) &&
				fo_find_bucket(class, fo_at(set, class->slots), (uint32_t) gram,
							   FO_NEXT_UNKNOWN) != FO_NO_BUCKET)
				return true;
		}
	}
	return false;
}

/* A character over 127, folded. */
typedef struct High
{
	const uint8_t *p;
	uint32_t	len;			/* bytes in the text; 0: not to be told here */
	uint32_t	n;				/* bytes when folded */
	uint8_t		to[4];
	bool		quiet;			/* it has no letter or digit of any kind */
} High;

/* The character over 127 that begins at p. */
static inline High
high_at(FoFoldRows *rows, const uint8_t *p, const uint8_t *end)
{
	High		high = {p, p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4, 0, {0}, true};
	const FoFoldRow *row;
	int			last;

	if (p[0] < 0xC0 || (size_t) (end - p) < high.len)
		return (High) {p, 0, 0, {0}, false};
	for (uint32_t i = 1; i < high.len; i++)
	{
		if (!fo_utf8_continues(p[i]))
			return (High) {p, 0, 0, {0}, false};
	}
	if (high.len == 4)
	{
		/* U+1F300 to U+1FAFF are emoji, U+1F1E6 to U+1F1FF make flags. */
		if (p[0] != 0xF0 || p[1] != 0x9F ||
			!((p[2] >= 0x8C && p[2] < 0xAC) || (p[2] == 0x87 && p[3] >= 0xA6)))
			return (High) {p, 0, 0, {0}, false};
		memcpy(high.to, p, 4);
		high.n = 4;
		return high;
	}
	row = fo_fold_row(rows, p);
	last = p[high.len - 1] & 0x3F;
	for (; high.n < 3 && row->bytes[high.n][last] != 0; high.n++)
		high.to[high.n] = row->bytes[high.n][last];
	high.quiet = row->quiet >> last & 1;
	if (high.to[0] == FO_ROW_STOP)
		high.len = 0;
	return high;
}

/* Does no gram have a part of the character, and so none go beyond it? */
static inline bool
bars_grams(const FoEngine *engine, const High *high)
{
	if (high->len == 0 || high->n == 0)
		return false;
	for (uint32_t i = 0; i < high->n; i++)
	{
		if (!fo_utf8_continues(high->to[i]) && in_grams(engine, high->to[i]))
			return false;
	}
	return true;
}

/* Bytes of a gram that can come before or behind one of its bytes. */
#define AROUND 3

/*
 * May a gram cover a byte of what the character is folded to, which is ASCII, or
 * the place where it was?
 */
static bool
in_gram(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw, FoFoldRows *rows,
		const High *high)
{
	uint8_t		around[AROUND + 4 + AROUND + 8] = {0};
	uint8_t    *to = around + AROUND;
	const uint8_t *p = high->p;
	const uint8_t *end = raw->body + raw->len;

	for (int i = 1; i <= AROUND && p - i >= raw->body; i++)
	{
		if (p[-i] >= 0x80)
			return true;
		to[-i] = fold_byte(set, p[-i]);
	}
	memcpy(to, high->to, high->n);
	to += high->n;
	p += high->len;
	/* Two blanks that only this character parts become one. */
	if (to[-1] == ' ' && p < end && fo_ascii_space(*p))
		p++;
	for (int i = 0; i < AROUND && p < end; i++, p++)
	{
		if (*p >= 0x80)
		{
			High		next = high_at(rows, p, end);

			if (!bars_grams(engine, &next))
				return true;
			break;
		}
		to[i] = fold_byte(set, *p);
	}
	return gram_among(set, engine, around, AROUND + high->n);
}

/* Is it certain that the character over 127 is no part of a word or a gram, and joins none? */
static inline bool
is_harmless(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw,
			FoFoldRows *rows, const uint8_t *p)
{
	High		high = high_at(rows, p, raw->body + raw->len);

	if (high.len == 0)
		return false;
	if (high.n > 0)
		return high.quiet && (bars_grams(engine, &high) ||
							  (high.to[0] < 0x80 && !in_gram(set, engine, raw, rows, &high)));

	/*
	 * What is dropped joins what is around it; what is over 127 there joins
	 * nothing.
	 */
	if (p == raw->body || p[-1] >= 0x80)
		return true;
	return !fo_ascii_word(p[-1]) &&
		(!in_grams(engine, fold_byte(set, p[-1])) || !in_gram(set, engine, raw, rows, &high));
}

/* Is none of the characters over 127 of any account? */
static bool
high_harmless(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw)
{
	FoFoldRows *rows = fo_fold_rows((FoFoldLevel) set->fold);

	if (set->flags & FO_SET_OPAQUE)
		return false;
	for (size_t w = 0; w * 64 < raw->len; w++)
	{
		for (uint64_t bits = raw->leads[w]; bits != 0; bits &= bits - 1)
		{
			if (!is_harmless(set, engine, raw, rows,
							 raw->body + w * 64 + __builtin_ctzll(bits)))
				return false;
		}
	}
	return true;
}

/* Can the text be taken for ASCII? */
static bool
like_ascii(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw, uint64_t high)
{
	return high == 0 || (high != FO_MANY_HIGH && high_harmless(set, engine, raw));
}

/*
 * Does none of the engine's patterns occur in the text, for certain?  The text
 * is not empty; false means nothing.  Cost: some 0.1 ns a byte.
 */
bool
fo_keywords_absent(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw)
{
	bool		looked = false;

	if (raw->kernel->sieve == NULL || !engine->sieved ||
		(set->flags & FO_SET_COLLAPSE && in_grams(engine, ' ') &&
		 !raw->kernel->regular(raw->body, raw->len)))
		return false;
	for (int c = 0; c < FO_CLASSES; c++)
	{
		const FoClass *class = &engine->classes[c];
		const FoSieve *sieve = fo_at(set, class->sieve);
		FoSifted	sifted;

		if (class->npatterns == 0 || (looked && class->high))
			continue;
		if (class->sieve == 0)
			return false;
		if (c == FO_CLASS_TOKEN)
			sifted = raw->kernel->sift_words(raw->body, raw->len, sieve, raw->words,
											 raw->candidates, raw->leads);
		else
			sifted = raw->kernel->sieve(raw->body, raw->len, class->reach, sieve,
										raw->candidates, raw->leads);
		if (!looked && !like_ascii(set, engine, raw, sifted.high))
			return false;
		looked = true;
		if (sifted.candidates != 0 && candidate_known(set, engine, c, raw))
			return false;
	}
	return true;
}
