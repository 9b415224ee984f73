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
 * there has the bit selected by it: see fo_sieve_hash.
 */
#define FO_SIEVE_LETTERS 4

typedef struct FoSieve
{
	uint8_t		rows[2][256];
} FoSieve;

/* Where bytes lie in a sieve. */
typedef struct FoSieveHash
{
	uint8_t		row[2];
	uint8_t		bit[2];			/* 0 to 7 */
} FoSieveHash;

typedef struct FoKernel
{
	const char *name;

	/* Are all bytes of src ASCII? */
	bool		(*ascii) (const uint8_t *src, size_t n);

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
	 * Set bit i of words when buf[i] is an ASCII letter or digit, or is over
	 * 127 and bit i of nonword (may be NULL: none) is not set.  Reads up to
	 * FO_KERNEL_SLACK bytes behind buf[len); bits from len on are zero.
	 */
	void		(*classify) (const uint8_t *buf, size_t len,
							 const uint64_t *nonword, uint64_t *words);

	/*
	 * Set bit i of out when a pattern of the sieve may begin at buf + i,
	 * going by that many letters (3 or 4); ASCII letters of buf may be of
	 * either case.  NULL where there is no fast way, like the next one.
	 */
	void		(*sieve) (const uint8_t *buf, size_t len, int letters,
						  const FoSieve *sieve, uint64_t *out);

	/*
	 * The same, for words that begin at buf + i: bytes behind the end of a
	 * word count as zero.  Writes the bits of words as classify does.
	 */
	void		(*sieve_words) (const uint8_t *buf, size_t len, const uint64_t *nonword,
								const FoSieve *sieve, uint64_t *words, uint64_t *out);

	/*
	 * Write the numbers of the set bits among n words of bits, increasing, to
	 * out, which has room for 16 more than there are; returns how many.
	 */
	size_t		(*positions) (const uint64_t *bits, size_t n, uint32_t *out);
} FoKernel;

extern FoSieveHash fo_sieve_hash(const uint8_t *p, uint32_t len);
extern const FoKernel *fo_kernel(void);
extern const FoKernel *fo_kernel_named(const char *name);

#endif							/* FO_KERNEL_H */
