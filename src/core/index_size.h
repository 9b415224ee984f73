/*
 * index_size.h
 *		How large an index will be.
 */
#ifndef FO_CORE_INDEX_SIZE_H
#define FO_CORE_INDEX_SIZE_H

#include <stdbool.h>

/* What an index will hold. */
typedef struct FoIndexContent
{
	double		tuples;
	double		distinct;		/* different keys among them */
	double		width;			/* bytes of a key with alignment, values
								 * included */
	bool		merges;			/* equal keys are stored once */
	double		items;			/* GIN: keys of a tuple */
} FoIndexContent;

/* What it will take. */
typedef struct FoIndexSize
{
	double		pages;
	int			height;			/* B-tree levels above the leaves */
} FoIndexSize;

extern FoIndexSize fo_index_size_btree(const FoIndexContent *content);
extern FoIndexSize fo_index_size_gin(const FoIndexContent *content);
extern FoIndexSize fo_index_size_gist(const FoIndexContent *content);
extern FoIndexSize fo_index_size_brin(double heap_pages, double width);

#endif							/* FO_CORE_INDEX_SIZE_H */
