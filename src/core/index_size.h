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
} FoIndexContent;

/* The table of a GIN index. */
typedef struct FoGinTable
{
	double		tuples;			/* that are indexed */
	double		pages;			/* that they are in */
} FoGinTable;

/* What the keys of a GIN index take. */
typedef struct FoGinSize
{
	double		bytes;			/* of entries */
	double		pages;			/* of long lists of rows */
} FoGinSize;

/* What it will take. */
typedef struct FoIndexSize
{
	double		pages;
	int			height;			/* B-tree levels above the leaves */
} FoIndexSize;

extern FoIndexSize fo_index_size_btree(const FoIndexContent *content);
extern void fo_index_size_gin_add(FoGinSize *size, const FoGinTable *table, double keys,
								  double share, double width);
extern FoIndexSize fo_index_size_gin(const FoGinSize *gin);
extern FoIndexSize fo_index_size_gist(const FoIndexContent *content);
extern FoIndexSize fo_index_size_brin(double heap_pages, double width);

#endif							/* FO_CORE_INDEX_SIZE_H */
