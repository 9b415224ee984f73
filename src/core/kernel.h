/*
 * kernel.h
 *		The inner loops over ASCII bytes, in the widest form the processor has.
 */
#ifndef FO_KERNEL_H
#define FO_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that may be read and written behind the end of a working buffer. */
#define FO_KERNEL_SLACK 64

/*
 * A sieve: two hash tables of 2 048 bits over the first bytes of patterns.  A
 * position passes when in both tables the row selected by the hash of the bytes
 * there has the bit selected by it: see fo_sieve_add.  Sieves of few patterns
 * are halved, which is faster.  Since sets are kept and travel between machines,
 * a sieve holds the tables of all kinds of kernels.
 */
#define FO_SIEVE_LETTERS 4

/*
 * And how many bytes are looked at: those from the fifth on if they are over
 * 127, but for the seventh and the tenth, which say least where characters have
 * two or three bytes.
 */
#define FO_SIEVE_BYTES 12

typedef struct FoSieve
{
	uint8_t		rows[2][256];
	uint64_t	few;			/* 1: the upper half of each table is as the
								 * lower one */
	uint64_t	narrow_rows;	/* 16, 64, 128 or 256 */
	uint8_t		narrow[512];	/* for kernels that look up 16 bytes at a
								 * time: two tables of so many rows, or three
								 * of 16; a set keeps no more of it */
} FoSieve;

/* What was met in a text: the bits of all positions, ored. */
typedef struct FoSifted
{
	uint64_t	candidates;		/* 0: no position passed the sieve */
	uint64_t	high;			/* 0: the text is ASCII; FO_MANY_HIGH: so
								 * little of it is that it has not been gone
								 * through */
} FoSifted;

#define FO_MANY_HIGH UINT64_MAX

struct FoFold;
struct FoText;

typedef struct FoKernel
{
	const char *name;

	/*
	 * Has src no white space but single blanks, and no other control
	 * characters?
	 */
	bool		(*regular) (const uint8_t *src, size_t n);

	/*
	 * Copy ASCII bytes of src[0..n) to dst, lower-cased when lower is set, up
	 * to the first byte over 127; returns how many.  When collapse is set,
	 * white space is copied as blanks and the copy stops also before white
	 * space that follows white space; space_before says that src[0] does.
	 * Writes up to FO_KERNEL_SLACK bytes more.
	 */
	size_t		(*fold) (const uint8_t *src, size_t n, uint8_t *dst,
						 bool lower, bool collapse, bool space_before);

	/*
	 * Fold on until the text holds limit bytes, the source ends, or a
	 * character has to be folded on its own, without offsets.  Writes up to
	 * FO_KERNEL_SLACK bytes more, which may belong to the text.  NULL where
	 * there is no fast way.
	 */
	void		(*fold_text) (struct FoFold *fold, struct FoText *text, uint32_t limit);

	/*
	 * Set bit i of words when buf[i] is an ASCII letter or digit, or is over
	 * 127 and bit i of nonword (may be NULL: none) is not set.  Reads up to
	 * FO_KERNEL_SLACK bytes behind buf[len); bits from len on are zero.
	 */
	void		(*classify) (const uint8_t *buf, size_t len,
							 const uint64_t *nonword, uint64_t *words);

	/*
	 * Set bit i of out when a pattern of the sieve may begin at buf + i,
	 * going by that many letters (3 or 4); ASCII letters of buf may be of
	 * either case.  Sets bit i of leads when buf[i] is over 191: when a
	 * character of several bytes begins there; leads may be NULL for a folded
	 * text.  NULL where there is no fast way, like the next two.
	 */
	FoSifted	(*sieve) (const uint8_t *buf, size_t len, int letters, const FoSieve *sieve,
						  uint64_t *out, uint64_t *leads);

	/*
	 * The same, for words that begin at buf + i: bytes behind the end of a
	 * word count as zero.  Writes the bits of words as classify does.
	 */
	void		(*sieve_words) (const uint8_t *buf, size_t len, const uint64_t *nonword,
								const FoSieve *sieve, uint64_t *words, uint64_t *out);

	/* Both in one, for words of ASCII in a text that is not folded. */
	FoSifted	(*sift_words) (const uint8_t *src, size_t len, const FoSieve *sieve,
							   uint64_t *words, uint64_t *out, uint64_t *leads);

	/*
	 * Write the numbers of the set bits among n words of bits, increasing, to
	 * out, which has room for 16 more than there are; returns how many.
	 */
	size_t		(*positions) (const uint64_t *bits, size_t n, uint32_t *out);

	/* Are sieves looked up in their narrow tables? */
	bool		narrow;
} FoKernel;

extern uint32_t fo_sieve_rows(uint32_t npatterns, bool words);
extern size_t fo_sieve_size(uint64_t narrow_rows);
extern void fo_sieve_begin(FoSieve *sieve, uint32_t npatterns, bool words);
extern void fo_sieve_add(FoSieve *sieve, const uint8_t *p, uint32_t len);
extern const FoKernel *fo_kernel(void);
extern const FoKernel *fo_kernel_named(const char *name);

#endif							/* FO_KERNEL_H */
