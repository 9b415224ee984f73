/*
 * gunzip.h
 *		Decompression of gzip with a bound on what comes out.
 */
#ifndef FO_CORE_GUNZIP_H
#define FO_CORE_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

#include <libdeflate.h>

typedef enum FoGunzipStatus
{
	FO_GUNZIP_OK,
	FO_GUNZIP_BAD,				/* not gzip, damaged, or cut off */
	FO_GUNZIP_TOO_LARGE,		/* more than the limit would come out */
	FO_GUNZIP_NO_MEMORY,
} FoGunzipStatus;

/* Where the output goes. */
typedef struct FoGunzipOutput
{
	uint8_t    *block;			/* "head" bytes of the caller's, then the
								 * output */
	size_t		head;
	size_t		len;			/* of the output */
	size_t		limit;
	void	   *(*resize) (void *block, size_t size);	/* like realloc */
	void		(*poll) (void); /* called between members, may be NULL */
} FoGunzipOutput;

extern FoGunzipStatus fo_gunzip(struct libdeflate_decompressor *decompressor,
								const uint8_t *bytes, size_t len, FoGunzipOutput *out);

#endif							/* FO_CORE_GUNZIP_H */
