/*
 * keyword_set.h
 *		A compiled set of keywords: one flat, position-independent block.
 *
 * Offsets are in bytes from the start of the block, whose first word belongs
 * to the container (PostgreSQL's varlena length).  The block holds the keywords
 * as written, so that it can be rebuilt when the format or Unicode changes, and
 * up to four engines: for the keywords and for the allowed phrases, each over
 * the folded text and, at FO_FOLD_EVASION, over the undisguised text too.
 */
#ifndef FO_KEYWORD_SET_H
#define FO_KEYWORD_SET_H

#include "core/kernel.h"
#include "core/unicode.h"

#define FO_KEYWORD_MAGIC	0x46004B02	/* the last byte is the format version */
#define FO_KEYWORD_MAX_CHARS 1000
#define FO_KEYWORD_MAX_COUNT 10000000
#define FO_KEYWORD_MAX_BYTES 0x3FFFFFFF /* limit of a varlena */

/* Flags of a set. */
#define FO_SET_WHOLE_WORD	0x01	/* as asked for at creation */
#define FO_SET_COLLAPSE		0x02	/* has phrases or spaced words: runs of
									 * white space count as one */
#define FO_SET_OPAQUE		0x04	/* of a database without a known encoding */

/* Which engine of a set. */
enum
{
	FO_ENGINE_KEYWORDS,			/* keywords in the folded text */
	FO_ENGINE_DISGUISED,		/* keywords in the undisguised text */
	FO_ENGINE_ALLOW,			/* allowed phrases, likewise */
	FO_ENGINE_ALLOW_DISGUISED,
	FO_ENGINES
};

/* How a pattern is looked for, and so what its hash covers. */
enum
{
	FO_CLASS_TOKEN,				/* the whole word at its start */
	FO_CLASS_GRAM1,				/* its first 1, 2, 3 or 4 bytes */
	FO_CLASS_GRAM2,
	FO_CLASS_GRAM3,
	FO_CLASS_GRAM4,
	FO_CLASS_GRAM6,				/* its first 6, the first of them over 127 */
	FO_CLASSES
};

/* What a pattern asks of its surroundings. */
#define FO_PATTERN_START_WORD	0x01	/* begins with a letter and must begin
										 * a word */
#define FO_PATTERN_END_WORD		0x02	/* ends with a letter and must end a
										 * word */
#define FO_PATTERN_START_SIGIL	0x04	/* begins with # @ or $: no letter
										 * before it */
#define FO_PATTERN_END_N		0x08	/* ends with n: "don" is not in
										 * "don't" */
#define FO_PATTERN_REGIONAL		0x10	/* begins with half a flag: not inside
										 * another flag */
#define FO_PATTERN_OPEN_START	0x20	/* any text may come before */
#define FO_PATTERN_OPEN_END		0x40	/* any text may follow */

#define FO_NO_PATTERN UINT32_MAX

/* One folded keyword.  In a disguised engine, len attribute bytes follow its bytes. */
typedef struct FoPattern
{
	uint32_t	at;				/* offset of the folded bytes */
	uint32_t	keyword;		/* number in set order, from 0 */
	uint32_t	parent;			/* longest pattern of the bucket that begins
								 * this one */
	uint32_t	next;			/* the bytes behind the gram, or those of the
								 * token: see fo_next_bytes */
	uint16_t	len;			/* bytes */
	uint8_t		flags;			/* FO_PATTERN_* */
	uint8_t		unused;
} FoPattern;

typedef struct FoSlot
{
	uint32_t	tag;			/* hash of the token, or the bytes of the gram */
	uint32_t	bucket;			/* low 24 bits: number from 1, 0: free slot;
								 * high 8: fo_gram_next of what may follow */
} FoSlot;

/*
 * The patterns of one class: a bitmap tells most places apart from a hit, an
 * open-addressing table leads from a tag to a bucket, a run of patterns sorted
 * by their bytes.
 */
typedef struct FoClass
{
	uint64_t	multiplier;		/* of the hash function, odd */
	uint32_t	npatterns;		/* 0: class not present */
	uint32_t	nbuckets;
	uint32_t	bitmap;			/* offset of uint64_t[] */
	uint32_t	slots;			/* offset of FoSlot[] */
	uint32_t	buckets;		/* offset of uint32_t[nbuckets + 1]: first
								 * pattern of each */
	uint32_t	sieve;			/* offset of a FoSieve, 0: none */
	uint8_t		bitmap_shift;	/* 64 - log2(bits of the bitmap) */
	uint8_t		slot_shift;		/* 64 - log2(number of slots) */
	uint8_t		high;			/* 1: all patterns begin with a byte over 191 */
	uint8_t		reach;			/* of grams: bytes that the sieve looks at */
	uint8_t		unused[4];
} FoClass;

typedef struct FoEngine
{
	uint32_t	npatterns;		/* 0: engine not present */
	uint32_t	patterns;		/* offset of FoPattern[] */
	uint32_t	sieved;			/* 1: classes have sieves, to be used before
								 * folding */
	uint32_t	unused;
	uint8_t		gram_bytes[32]; /* bit for each byte that grams cover */
	FoClass		classes[FO_CLASSES];
} FoEngine;

/*
 * The members up to engines keep their places in every format, so that a block
 * of any format can be read back into keywords.
 */
typedef struct FoKeywordSet
{
	uint32_t	container;		/* not looked at here */
	uint32_t	magic;
	uint32_t	size;			/* of the block, bytes */
	uint32_t	unicode;		/* fo_keyword_unicode() of the maker */
	uint8_t		fold;			/* FoFoldLevel */
	uint8_t		flags;			/* FO_SET_* */
	uint16_t	unused;
	uint32_t	longest;		/* bytes of the longest folded pattern */
	uint32_t	nkeywords;
	uint32_t	nallow;
	uint32_t	ends;			/* offset of uint32_t[nkeywords + nallow]: end
								 * offset of each source */
	uint32_t	sources;		/* offset of the first source */
	uint64_t	digest;			/* of options and sources, whatever their
								 * order */
	FoEngine	engines[FO_ENGINES];
} FoKeywordSet;

/* What a block is good for. */
typedef enum FoSetState
{
	FO_SET_CURRENT,
	FO_SET_OUTDATED,			/* of another format or Unicode version: to be
								 * compiled anew */
	FO_SET_CORRUPT
} FoSetState;

/* Memory of the caller; may not return NULL (it may longjmp). */
typedef struct FoAlloc
{
	void	   *(*resize) (void *arg, void *block, size_t size);
	void		(*release) (void *arg, void *block);
	void	   *arg;
} FoAlloc;

/* Address of what lies at an offset of a set. */
static inline const void *
fo_at(const FoKeywordSet *set, uint32_t offset)
{
	return (const char *) set + offset;
}

/* Bytes as a number, the first one lowest on every machine. */
static inline uint32_t
fo_load32(const uint8_t *p)
{
	uint32_t	v;

	__builtin_memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

/*
 * The four bytes at p as a number that sorts like them; those from number n
 * on (n may be negative or large) count as zero.
 */
static inline uint32_t
fo_next_bytes(const uint8_t *p, int n)
{
	uint32_t	v = __builtin_bswap32(fo_load32(p));

	return n >= 4 ? v : n <= 0 ? 0 : v & ~(UINT32_MAX >> 8 * n);
}

static inline uint64_t
fo_load64(const uint8_t *p)
{
	uint64_t	v;

	__builtin_memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* Lower-case the ASCII letters among eight bytes. */
static inline uint64_t
fo_lower64(uint64_t v)
{
	uint64_t	seven = v & UINT64_C(0x7F7F7F7F7F7F7F7F);
	uint64_t	at_least_a = seven + UINT64_C(0x0101010101010101) * (0x80 - 'A');
	uint64_t	above_z = seven + UINT64_C(0x0101010101010101) * (0x7F - 'Z');

	return v | ((at_least_a & ~above_z & ~v & UINT64_C(0x8080808080808080)) >> 2);
}

/*
 * Mix of a word of len (at least 1) bytes, from eight bytes at its start (if
 * it has fewer, the rest is not looked at) and its last eight (if it has more).
 */
static inline uint64_t
fo_token_mix(uint64_t first, uint64_t last, uint32_t len)
{
	uint32_t	head = len < 8 ? len : 8;

	last = last * UINT64_C(0x9E3779B97F4A7C15) + len;
	return (first << (64 - 8 * head)) + (last & (len > 8 ? ~UINT64_C(0) : 0));
}

/* The same of a word at p; reads up to 8 bytes from p on. */
static inline uint64_t
fo_token_mix_at(const uint8_t *p, uint32_t len)
{
	return fo_token_mix(fo_load64(p), fo_load64(p + len - (len < 8 ? len : 8)), len);
}

/* Tag of a hash, the part that the table keeps. */
static inline uint32_t
fo_tag(uint64_t hash)
{
	return (uint32_t) (hash ^ hash >> 32);
}

/* The bit of a byte that follows a gram, among the high bits of a slot's bucket. */
static inline uint32_t
fo_next_bit(uint8_t byte)
{
	return UINT32_C(1) << (24 + byte % 8);
}

/* Bytes behind a gram of six that fo_gram_next looks at: one character, and all. */
#define FO_NEXT_CHAR 3
#define FO_NEXT_BYTES 8

/*
 * What follows a gram of class c at p, as bits among the high ones of a slot's
 * bucket, of which a text must have all: by the next byte, or for six bytes by
 * the next three and by the next eight.
 */
static inline uint32_t
fo_gram_next(int c, const uint8_t *p)
{
	uint64_t	next;

	if (c != FO_CLASS_GRAM6)
		return fo_next_bit(p[c - FO_CLASS_GRAM1 + 1]);
	next = fo_load64(p + 6);
	return UINT32_C(1) << (24 + (next * UINT64_C(0x9E3779B97F4A7C15) >> 62)) |
		UINT32_C(1) << (28 + ((next & 0xFFFFFF) * UINT64_C(0xD6E8FEB86659FD93) >> 62 & 3));
}

/* In a slot, all of these bits; of a text of which nothing is known, none. */
#define FO_NEXT_ANY UINT32_C(0xFF000000)
#define FO_NEXT_UNKNOWN 0
#define FO_BUCKET_NUMBER UINT32_C(0x00FFFFFF)

/* Slot at which the search for a tag begins. */
static inline uint32_t
fo_slot(const FoClass *class, uint32_t tag)
{
	return (uint32_t) ((tag * class->multiplier) >> class->slot_shift);
}

/* How many bytes the class of a gram covers. */
static inline uint32_t
fo_gram_bytes(int class)
{
	return class == FO_CLASS_GRAM6 ? 6 : (uint32_t) (class - FO_CLASS_GRAM1) + 1;
}

/* How many bytes all patterns of a bucket have in common: a tag that is a hash says nothing. */
static inline uint32_t
fo_sure_bytes(int class)
{
	return class == FO_CLASS_TOKEN || class == FO_CLASS_GRAM6 ? 0 : fo_gram_bytes(class);
}

/* The bytes of a gram as a mask of a little-endian word of eight bytes. */
static inline uint64_t
fo_gram_mask(int class)
{
	return ~UINT64_C(0) >> (64 - 8 * fo_gram_bytes(class));
}

/* Tag of a gram: its bytes, or their hash. */
static inline uint32_t
fo_gram_tag(const FoClass *class, int c, uint64_t gram)
{
	return c == FO_CLASS_GRAM6 ? fo_tag(gram * class->multiplier) : (uint32_t) gram;
}

extern uint32_t fo_keyword_unicode(void);
extern FoSetState fo_keyword_set_state(const FoKeywordSet *set, size_t size);
extern const uint8_t *fo_keyword_source(const FoKeywordSet *set, uint32_t i, uint32_t *len);
extern bool fo_keyword_set_equal(const FoKeywordSet *a, const FoKeywordSet *b,
								 const FoAlloc *alloc);

#endif							/* FO_KEYWORD_SET_H */
