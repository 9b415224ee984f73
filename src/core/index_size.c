/*
 * index_size.c
 *		How large an index will be.
 *
 * A million different bigints: an entry of a B-tree leaf takes 8 bytes of
 * header, 8 of key and 4 of line pointer; 90 % of a page's 8,152 bytes hold
 * 366 of them, which makes 2,733 leaves.  With 1,000 keys of 1,000 rows each
 * an entry holds as many row addresses of 6 bytes as a third of a page has
 * room for, and the leaves shrink to 826.
 */
#include <math.h>

#include "core/index_size.h"

#define PAGE_ROOM		8152.0	/* without page header and special space */
#define LINE_POINTER	4.0
#define TUPLE_HEADER	8.0
#define ROW_ADDRESS		6.0
#define POSTING_LIMIT	1352.0	/* bytes that a merged B-tree entry reaches */

static double
align8(double bytes)
{
	return ceil(bytes / 8) * 8;
}

/* Pages above so many leaves, and how many levels they make. */
static FoIndexSize
with_upper_levels(double leaves, double entry)
{
	FoIndexSize size = {leaves + 1, 0};	/* the first page is about the index */
	double		fanout = fmax(2, floor(PAGE_ROOM * 0.7 / entry));

	for (double level = leaves; level > 1; size.height++)
	{
		level = ceil(level / fanout);
		size.pages += level;
	}
	return size;
}

/* A B-tree built at once, with the default fill factor. */
FoIndexSize
fo_index_size_btree(const FoIndexContent *content)
{
	double		entry = align8(TUPLE_HEADER + content->width) + LINE_POINTER;
	double		per_key = content->tuples / fmax(1, content->distinct);
	double		bytes = content->tuples * entry;

	if (content->merges && per_key >= 2)
	{
		double		room = fmax(2, (POSTING_LIMIT - entry) / ROW_ADDRESS);
		double		merged = fmin(per_key, room);

		bytes = content->tuples / merged * (entry + align8(merged * ROW_ADDRESS));
	}
	return with_upper_levels(fmax(1, ceil(bytes / (PAGE_ROOM * 0.89))), entry);
}

/*
 * A GIN index built at once: entries with the rows of each key, whose
 * addresses are compressed to the distance to the previous one: the byte or
 * two of a dense list, four of a sparse one.
 */
FoIndexSize
fo_index_size_gin(const FoIndexContent *content)
{
	double		addresses = content->tuples * content->items;
	double		distinct = fmax(1, fmin(content->distinct, addresses));
	double		per_key = addresses / distinct;
	double		gap = fmax(1, content->tuples / fmax(1, per_key));
	double		address = fmin(6, fmax(1, (log2(gap) + 4) / 7));
	double		entry = align8(TUPLE_HEADER + content->width) + LINE_POINTER;
	double		bytes = distinct * entry + addresses * address;
	FoIndexSize size;

	size.pages = ceil(bytes / (PAGE_ROOM * 0.9)) + 2;
	size.height = 0;
	return size;
}

/* A GiST or SP-GiST index, whose pages are about two thirds full. */
FoIndexSize
fo_index_size_gist(const FoIndexContent *content)
{
	double		entry = align8(TUPLE_HEADER + content->width) + LINE_POINTER;

	return with_upper_levels(fmax(1, ceil(content->tuples * entry / (PAGE_ROOM * 0.66))), entry);
}

/* A BRIN index with the default 128 pages a range. */
FoIndexSize
fo_index_size_brin(double heap_pages, double width)
{
	double		ranges = ceil(fmax(1, heap_pages) / 128);
	double		entry = align8(TUPLE_HEADER + 2 * width) + LINE_POINTER;
	FoIndexSize size;

	size.pages = 1 + ceil(ranges / (PAGE_ROOM / ROW_ADDRESS)) + ceil(ranges * entry / PAGE_ROOM);
	size.height = 0;
	return size;
}
