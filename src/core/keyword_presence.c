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
 * Length of the character over 127 at byte at if folding leaves it as it is,
 * else 0.  No character that would join it is in the text: see high_harmless.
 */
static uint32_t
unchanged_at(const FoKeywordSet *set, const FoRaw *raw, size_t at)
{
	uint32_t	cp;
	uint32_t	len = (uint32_t) fo_utf8_decode(raw->body + at, raw->body + raw->len, &cp);
	const FoFolded *folded;

	if (cp == FO_INVALID_CHAR)
		return 0;
	folded = fo_unicode_fold((FoFoldLevel) set->fold, cp);
	return !(folded->cls & FO_CH_LONG) && folded->pool == FO_FOLDS_TO_ITSELF ? len : 0;
}

/*
 * May the pattern be at byte at?  As far as folding leaves the text as it is,
 * but for case and white space of ASCII, the answer is exact; what else it
 * holds there may become anything.
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
		{
			uint32_t	len = unchanged_at(set, raw, at);

			if (len == 0)
				return true;
			if (len > pattern->len - i || memcmp(raw->body + at, p + i, len) != 0)
				return false;
			at += len - 1;
			i += len - 1;
		}
		else if (p[i] == ' ' && fo_ascii_space(c))
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

/*
 * How many of the eight bytes at byte at, given as text, does folding leave as
 * they are, but for the case of ASCII?
 */
static uint32_t
known_bytes(const FoRaw *raw, size_t at, uint64_t text)
{
	uint64_t	every = UINT64_C(0x0101010101010101);
	uint64_t	controls = (text - every * 0x21) & ~text & every * 0x80;
	uint32_t	n = controls == 0 ? 8 : (uint32_t) __builtin_ctzll(controls) / 8;
	uint64_t	changed = UINT64_C(1) << 8;

	if (text & every * 0x80)
	{
		changed |= raw->changed[at / 64] >> at % 64;
		if (at % 64 > 56)
			changed |= raw->changed[at / 64 + 1] << (64 - at % 64);
	}
	return (uint32_t) __builtin_ctzll(changed) < n ? (uint32_t) __builtin_ctzll(changed) : n;
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
	known = known_bytes(raw, at, text);
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
		tag_fits(set, engine, class, raw, fo_tag(hash), FO_NEXT_ANY, at);
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
				 fo_ascii_word(next) ? fo_next_bit(next) : FO_NEXT_ANY, at);
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

/* How far fold_before looks back. */
#define LOOK_BACK 32

/*
 * Fold what ends right before p until there are three bytes of it in out, or
 * the text begins; zeros precede.  *word tells whether it ends in a word.
 * False when that takes more than a look.
 */
static bool
fold_before(const FoKeywordSet *set, const FoRaw *raw, const uint8_t *p, uint8_t *out, bool *word)
{
	const uint8_t *start = p - raw->body > LOOK_BACK ? p - LOOK_BACK : raw->body;
	int			room = 3;

	memset(out, 0, 3);
	*word = false;
	while (room > 0 && p > start)
	{
		const FoFolded *folded;
		const uint8_t *bytes;
		const uint8_t *at = p - 1;
		uint32_t	cp;

		while (at > start && fo_utf8_continues(*at))
			at--;
		if (at + fo_utf8_decode(at, p, &cp) != p || cp == FO_INVALID_CHAR)
			return false;
		folded = fo_unicode_fold((FoFoldLevel) set->fold, cp);
		bytes = folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes;
		if (room == 3 && folded->len > 0)
			*word = folded->cls & FO_CH_WORD;
		for (int i = folded->len; i > 0 && room > 0; i--)
			out[--room] = bytes[i - 1];
		p = at;
	}
	return room == 0 || start == raw->body;
}

/*
 * Fold what begins at p until there are at least three bytes of it in out, or
 * the text ends; zeros follow.  False when that takes more than a look.
 */
static bool
fold_next(const FoKeywordSet *set, const uint8_t *p, const uint8_t *end, uint8_t *out)
{
	uint32_t	n = 0;

	memset(out, 0, 8);
	while (n < 3 && p < end)
	{
		uint32_t	cp;
		int			len = fo_utf8_decode(p, end, &cp);
		const FoFolded *folded;

		p += len;
		if (cp < 0x80)
		{
			out[n++] = fold_byte(set, (uint8_t) cp);
			continue;
		}
		if (cp == FO_INVALID_CHAR)
			return false;
		folded = fo_unicode_fold((FoFoldLevel) set->fold, cp);
		if (folded->cls & (FO_CH_LONG | FO_CH_JOINS | FO_CH_SPACE))
			return false;
		memcpy(out + n, folded->bytes, 4);
		n += folded->len;
	}
	return true;
}

/* May a gram of the engine begin at one of the n bytes at p? */
static bool
gram_among(const FoKeywordSet *set, const FoEngine *engine, const uint8_t *p, uint32_t n)
{
	for (int c = FO_CLASS_GRAM1; c < FO_CLASSES; c++)
	{
		const FoClass *class = &engine->classes[c];

		for (uint32_t i = 0; class->npatterns > 0 && i < n; i++)
		{
			uint32_t	gram = fo_load32(p + i) & fo_gram_mask(c);

			if (fo_may_occur(class, fo_at(set, class->bitmap), gram * class->multiplier) &&
				fo_find_bucket(class, fo_at(set, class->slots), gram, FO_NEXT_ANY) != FO_NO_BUCKET)
				return true;
		}
	}
	return false;
}

/*
 * Does it matter that the character of len bytes at p is folded to something
 * else, or to nothing, which joins what is around it?
 */
static bool
change_matters(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw,
			   const uint8_t *p, int len, const FoFolded *folded)
{
	const uint8_t *to = folded->cls & FO_CH_LONG ? fo_unicode_long(folded) : folded->bytes;
	uint8_t		around[3 + FO_FOLDED_MAX + 8];
	bool		word;
	bool		covered = false;

	for (uint32_t i = 0; i < folded->len; i++)
		covered |= in_grams(engine, to[i]);
	if (folded->len > 0 && !covered)
		return false;
	if (folded->cls & FO_CH_SPACE || !fold_before(set, raw, p, around, &word) ||
		(folded->len == 0 && word))
		return true;
	if (folded->len == 0 && !in_grams(engine, around[2]))
		return false;
	memcpy(around + 3, to, folded->len);
	return !fold_next(set, p + len, raw->body + raw->len, around + 3 + folded->len) ||
		gram_among(set, engine, around, 3 + folded->len);
}

/*
 * Does none of the characters over 127 matter?  *grams is set when grams may
 * begin with one of those that stay as they are; raw->changed gets the bits of
 * the others.
 */
static bool
high_harmless(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw, bool *grams)
{
	bool		tokens = engine->classes[FO_CLASS_TOKEN].npatterns > 0;
	uint8_t		harmful = FO_CH_JOINS | (tokens ? FO_CH_WORD : 0);

	if (set->flags & FO_SET_OPAQUE)
		return false;
	memset(raw->changed, 0, (raw->len / 64 + 2) * sizeof(uint64_t));
	for (size_t w = 0; w * 64 < raw->len; w++)
	{
		for (uint64_t bits = raw->leads[w]; bits != 0; bits &= bits - 1)
		{
			const uint8_t *p = raw->body + w * 64 + __builtin_ctzll(bits);
			const FoFolded *folded;
			uint32_t	cp;
			int			len = fo_utf8_decode(p, raw->body + raw->len, &cp);
			bool		same;

			if (cp == FO_INVALID_CHAR)
				return false;
			folded = fo_unicode_fold((FoFoldLevel) set->fold, cp);
			same = !(folded->cls & FO_CH_LONG) && folded->pool == FO_FOLDS_TO_ITSELF;
			if (!same)
				raw->changed[w] |= UINT64_C(1) << (p - raw->body) % 64;
			if (folded->cls & harmful ||
				(!same && change_matters(set, engine, raw, p, len, folded)))
				return false;
			*grams |= in_grams(engine, *p);
		}
	}
	return true;
}

/*
 * Does none of the engine's patterns occur in the text, for certain?  The text
 * is not empty; false means nothing.  Cost: some 0.1 ns a byte.
 */
bool
fo_keywords_absent(const FoKeywordSet *set, const FoEngine *engine, const FoRaw *raw)
{
	bool		looked = false;
	bool		high_grams = false;

	if (raw->kernel->sieve == NULL || !engine->sieved ||
		(set->flags & FO_SET_COLLAPSE && in_grams(engine, ' ') &&
		 !raw->kernel->regular(raw->body, raw->len)))
		return false;
	for (int c = 0; c < FO_CLASSES; c++)
	{
		const FoClass *class = &engine->classes[c];
		const FoSieve *sieve = fo_at(set, class->sieve);
		FoSifted	sifted;

		if (class->npatterns == 0 || (looked && class->high && !high_grams))
			continue;
		if (c == FO_CLASS_TOKEN)
			sifted = raw->kernel->sift_words(raw->body, raw->len, sieve, raw->words,
											 raw->candidates, raw->leads);
		else
			sifted = raw->kernel->sieve(raw->body, raw->len, c - FO_CLASS_GRAM1 + 1, sieve,
										raw->candidates, raw->leads);
		if (!looked && sifted.high != 0 && !high_harmless(set, engine, raw, &high_grams))
			return false;
		looked = true;
		if (sifted.candidates != 0 && candidate_known(set, engine, c, raw))
			return false;
	}
	return true;
}
