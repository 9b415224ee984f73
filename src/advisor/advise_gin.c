/*
 * advise_gin.c
 *		How large a GIN index would be, by the keys of some values.
 *
 * The statistics of a column hold its common values and a hundred or so from
 * all over its range.  The operator class itself says which keys those have.
 * A key that several of them have is as frequent in the table as among them.
 * How many different rare keys there are follows from how many were seen once
 * and how many twice (Chao 1984): of 100 values with a tag each, 80 tags seen
 * once and 10 twice make 80 * 80 / (2 * 10) = 320 that were not seen.
 */
#include "postgres.h"

#include <math.h>

#include "access/gin.h"
#include "access/htup_details.h"
#include "advisor/advise.h"
#include "advisor/gram.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define COMMON			3		/* values that a common key is seen in */
#define COMMON_SHARE	0.03	/* of the rows */
#define MOST_KEYS		200000	/* that are looked at */
#define VOCABULARY		0.8		/* texts of n words have some power of n
								 * different ones */
#define RARE_WIDTH		12.0	/* bytes of a key where nothing is known */

/* A key of a sampled value. */
typedef struct SampledKey
{
	uint64		hash;
	double		share;			/* of the rows that the value stands for */
} SampledKey;

/* The keys of a column's sampled values. */
typedef struct KeySample
{
	FmgrInfo	extract;
	Oid			collation;
	int16		keylen;
	bool		keybyval;
	SampledKey *keys;
	int			nkeys;
	int			nvalues;
	double		items;			/* of a row, on average */
	double		bytes;			/* of all keys */
} KeySample;

/* The type of an index's keys. */
static Oid
key_type(const FoAdviseKey *key)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(key->opclass));
	Oid			type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", key->opclass);
	type = ((Form_pg_opclass) GETSTRUCT(tuple))->opckeytype;
	ReleaseSysCache(tuple);
	if (type == ANYELEMENTOID)
		return get_base_element_type(getBaseType(key->type));
	return OidIsValid(type) ? type : key->opcintype;
}

/* Get ready to extract keys; false if there is no function for it. */
static bool
start_sample(KeySample *sample, const FoAdviseKey *key)
{
	Oid			function = get_opfamily_proc(key->opfamily, key->opcintype, key->opcintype,
											 GIN_EXTRACTVALUE_PROC);
	Oid			type = key_type(key);

	if (!OidIsValid(function) || !OidIsValid(type))
		return false;
	memset(sample, 0, sizeof(*sample));
	fmgr_info(function, &sample->extract);
	if (key->buckets)
		set_fn_opclass_options(&sample->extract, fo_gram_options(key->buckets));
	sample->collation = OidIsValid(key->collation) ? key->collation : DEFAULT_COLLATION_OID;
	get_typlenbyval(type, &sample->keylen, &sample->keybyval);
	sample->keys = palloc_extended(sizeof(SampledKey) * MOST_KEYS, MCXT_ALLOC_HUGE);
	return true;
}

/* A number for a key. */
static uint64
hash_of(const KeySample *sample, Datum key)
{
	if (sample->keybyval)
		return hash_bytes_extended((unsigned char *) &key, sizeof(key), 0);
	return hash_bytes_extended((unsigned char *) DatumGetPointer(key),
							   (int) datumGetSize(key, false, sample->keylen), 0);
}

/* Add the keys of a value that stands for a share of the rows. */
static void
add_value(KeySample *sample, Datum value, double share)
{
	int32		nkeys = 0;
	bool	   *nulls = NULL;
	Datum	   *keys = (Datum *) DatumGetPointer(FunctionCall3Coll(&sample->extract,
																   sample->collation, value,
																   PointerGetDatum(&nkeys),
																   PointerGetDatum(&nulls)));

	sample->nvalues++;
	for (int i = 0; i < nkeys && sample->nkeys < MOST_KEYS; i++)
	{
		if (nulls && nulls[i])
			continue;
		sample->keys[sample->nkeys++] = (SampledKey) {hash_of(sample, keys[i]), share};
		sample->items += share;
		sample->bytes += sample->keybyval ? sample->keylen :
			(double) datumGetSize(keys[i], false, sample->keylen);
	}
}

/* Add the values of a slot of the statistics, which have the given shares or one each. */
static double
add_slot(KeySample *sample, HeapTuple statistics, int kind, double rest)
{
	AttStatsSlot slot;
	double		sum = 0;

	if (!get_attstatsslot(&slot, statistics, kind, InvalidOid,
						  ATTSTATSSLOT_VALUES |
						  (kind == STATISTIC_KIND_MCV ? ATTSTATSSLOT_NUMBERS : 0)))
		return 0;
	for (int i = 0; i < slot.nvalues; i++)
	{
		double		share = kind == STATISTIC_KIND_MCV && i < slot.nnumbers ?
			slot.numbers[i] : rest / slot.nvalues;

		add_value(sample, slot.values[i], share);
		sum += share;
	}
	free_attstatsslot(&slot);
	return sum;
}

static int
by_hash(const void *a, const void *b)
{
	uint64		x = ((const SampledKey *) a)->hash;
	uint64		y = ((const SampledKey *) b)->hash;

	return (x > y) - (x < y);
}

/*
 * How many different rare keys there are; all are if none was seen twice.
 */
static double
rare_keys(double once, double twice, double most)
{
	if (twice == 0)
		return once > 0 ? most : 0;
	return Min(most, once + twice + once * once / (2 * twice));
}

/* Add all keys, common and rare, to the size of the index. */
static FoIndexSize
size_of_sample(KeySample *sample, const FoGinTable *table, double distinct)
{
	FoGinSize	size = {0, 0};
	double		width = sample->bytes / Max(1, sample->nkeys);
	double		seen[COMMON] = {0};
	double		rare = 0;		/* rows of rare keys, as a share of all */
	double		keys;

	pg_qsort(sample->keys, (size_t) sample->nkeys, sizeof(SampledKey), by_hash);
	for (int i = 0, n; i < sample->nkeys; i += n)
	{
		double		share = 0;

		for (n = 0; i + n < sample->nkeys && sample->keys[i + n].hash == sample->keys[i].hash; n++)
			share += sample->keys[i + n].share;
		if (n >= COMMON || share > COMMON_SHARE)
			fo_index_size_gin_add(&size, table, 1, Min(1, share), width);
		else
		{
			rare += share;
			seen[n]++;
		}
	}
	keys = rare_keys(seen[1], seen[2], Max(1, rare * Min(distinct, table->tuples)));
	if (keys > 0)
		fo_index_size_gin_add(&size, table, keys, Min(1, rare / keys), width);
	return fo_index_size_gin(&size);
}

/*
 * Add the elements of a tsvector that the statistics know, of which there are
 * hundreds; returns how many of them a row has.
 */
static double
add_elements(FoGinSize *size, const FoGinTable *table, HeapTuple statistics)
{
	AttStatsSlot slot;
	double		items = 0;

	if (statistics == NULL ||
		!get_attstatsslot(&slot, statistics, STATISTIC_KIND_MCELEM, InvalidOid,
						  ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return 0;
	for (int i = 0; i < Min(slot.nvalues, slot.nnumbers); i++)
	{
		fo_index_size_gin_add(size, table, 1, slot.numbers[i], RARE_WIDTH);
		items += slot.numbers[i];
	}
	free_attstatsslot(&slot);
	return items;
}

/* The size where no value is known: by elements, or so many rare keys a row. */
static FoIndexSize
size_by_width(FoAdviseIndex *index, const FoGinTable *table, HeapTuple statistics, double width)
{
	FoGinSize	size = {0, 0};
	Oid			type = getBaseType(index->keys[0].type);
	double		known = add_elements(&size, table, statistics);
	double		keys;

	index->items = Max(known, type == TSVECTOROID || type == JSONBOID ? width / 14 : width);
	keys = Max(1, (index->items - known) * pow(table->tuples, VOCABULARY));
	fo_index_size_gin_add(&size, table, keys, Min(1, (index->items - known) / keys), RARE_WIDTH);
	return fo_index_size_gin(&size);
}

/* The size of a GIN index, and how many keys it makes of a row. */
FoIndexSize
fo_advise_size_gin(FoAdviseIndex *index, double heap_pages, double width)
{
	const FoAdviseKey *key = &index->keys[0];
	FoGinTable	table = {index->tuples, Max(1, Min(heap_pages, index->tuples))};
	HeapTuple	statistics = key->attnum ? fo_advise_statistics(index->relid, key->attnum) : NULL;
	KeySample	sample;
	FoIndexSize size;
	double		common;

	sample.nkeys = 0;
	sample.keys = NULL;
	if (statistics && start_sample(&sample, key))
	{
		common = add_slot(&sample, statistics, STATISTIC_KIND_MCV, 1);
		(void) add_slot(&sample, statistics, STATISTIC_KIND_HISTOGRAM,
						1 - common - ((Form_pg_statistic) GETSTRUCT(statistics))->stanullfrac);
	}
	if (sample.nkeys == 0)
		size = size_by_width(index, &table, statistics, width);
	else
	{
		index->items = sample.items;
		size = size_of_sample(&sample, &table,
							  fo_advise_distinct(index->relid, key->attnum, index->tuples));
	}
	if (sample.keys)
		pfree(sample.keys);
	if (statistics)
		ReleaseSysCache(statistics);
	return size;
}
