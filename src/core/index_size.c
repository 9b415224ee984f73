/*
 * index_size.c
 *		How large an index will be.
 *
 * A million different bigints: an entry of a B-tree leaf takes 8 bytes of
 * header, 8 of key and 4 of line pointer; 90 % of a page's 8,152 bytes hold
 * 366 of them, which makes 2,733 leaves.  With 1,000 keys of 1,000 rows each
 * an entry holds as many row addresses of 6 bytes as fit into a sixth of a
 * page, and the leaves shrink to 833.
 */
#include <math.h>

#include "core/index_size.h"

#define PAGE_ROOM		8152.0	/* without page header and special space */
#define LINE_POINTER	4.0
#define TUPLE_HEADER	8.0
#define ROW_ADDRESS		6.0
#define POSTING_HEADER	8.0		/* the first address, and the length */
#define POSTING_FILL	0.85	/* of the pages of a long list in a GIN index */
#define ENTRY_FILL		0.6		/* of its pages of entries */
#define SHARED_KEYS		0.8		/* of those that could be, keys with several
								 * rows */
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
	FoIndexSize size = {leaves + 1, 0}; /* the first page is about the index */
	double		fanout = fmax(2, floor(PAGE_ROOM * 0.7 / entry));

	for (double level = leaves; level > 1; size.height++)
	{
		level = ceil(level / fanout);
		size.pages += level;
	}
	return size;
}

/*
 * Bytes of a B-tree's entries if equal keys are stored once.  Where there are
 * little more rows than keys, some keys have several rows and most have one.
 */
static double
merged_bytes(const FoIndexContent *content, double entry)
{
	double		distinct = fmax(1, fmin(content->distinct, content->tuples));
	double		further = content->tuples - distinct;
	double		room = fmax(2, (POSTING_LIMIT - entry) / ROW_ADDRESS);
	double		entries = fmax(distinct, content->tuples / room);
	double		shared = fmin(fmin(distinct, further) * SHARED_KEYS, content->tuples);

	return entries * entry + (further + shared) * ROW_ADDRESS + shared * ROW_ADDRESS / 2;
}

/* A B-tree built at once, with the default fill factor. */
FoIndexSize
fo_index_size_btree(const FoIndexContent *content)
{
	double		entry = align8(TUPLE_HEADER + content->width) + LINE_POINTER;
	double		bytes = content->merges ? merged_bytes(content, entry) : content->tuples * entry;

	return with_upper_levels(fmax(1, ceil(bytes / (PAGE_ROOM * 0.89))), entry);
}

/*
 * Bytes of the list of a key's rows: each is stored as the distance to the one
 * before.  Within a page of the table that is a byte; to another page two, three
 * if it is 8 pages away, four from 1024 on.
 */
static double
posting_bytes(const FoGinTable *table, double share)
{
	double		rows = table->tuples * share;
	double		pages = table->pages * (1 - exp(-rows / table->pages));
	double		step = table->pages / pages;

	return (rows - pages) + pages * (2 + exp(-8 / step) + exp(-1024 / step));
}

/*
 * Add keys of a GIN index, each of which a share of the rows has.  A short list
 * of rows is part of the entry; one that exceeds a third of a page has pages
 * of its own, of which three quarters are used.
 */
void
fo_index_size_gin_add(FoGinSize *size, const FoGinTable *table, double keys, double share,
					  double width)
{
	double		list = posting_bytes(table, share);
	double		entry = align8(TUPLE_HEADER + align8(width)) + LINE_POINTER;

	if (list < PAGE_ROOM / 3 - entry)
		entry += align8(POSTING_HEADER + list);
	else if (list < PAGE_ROOM * POSTING_FILL)
		size->pages += keys;
	else
		size->pages += keys * (1 + ceil(list / (PAGE_ROOM * POSTING_FILL)));
	size->bytes += keys * entry;
}

/* A GIN index built at once; entries are inserted in order, in pages that split in halves. */
FoIndexSize
fo_index_size_gin(const FoGinSize *gin)
{
	FoIndexSize size;

	size.pages = 2 + ceil(gin->bytes / (PAGE_ROOM * ENTRY_FILL)) + gin->pages;
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
