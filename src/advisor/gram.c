/*
 * gram.c
 *		The GIN operator class gram_ops: LIKE and ILIKE '%...%' in little space.
 *
 * pg_trgm's index has an entry for each group of three characters that occurs
 * anywhere, and takes about as much space as the texts; keys that fill
 * less than half a page take a whole one.  This one has an entry for each of
 * some hundred buckets of such groups (core/gram.c), whose lists of rows are
 * dense and so compress well; it finds some rows too many, which are compared.
 *
 * Texts and patterns are lowered as ILIKE does that: as a whole, by the
 * collation.  How a letter is lowered may depend on the letters around it,
 * though not for ASCII; as LIKE compares what is not lowered, its patterns are
 * searched for by ASCII letters only.
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/reloptions.h"
#include "access/stratnum.h"
#include "advisor/gram.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "core/gram.h"
#include "fmgr.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"

#define GRAM_LIKE		1		/* the strategies */
#define GRAM_ILIKE		2
#define GRAM_BUCKETS	512
#define FEWEST_ADVISED	128

PG_FUNCTION_INFO_V1(fo_gram_extract_value);
PG_FUNCTION_INFO_V1(fo_gram_extract_query);
PG_FUNCTION_INFO_V1(fo_gram_consistent);
PG_FUNCTION_INFO_V1(fo_gram_triconsistent);
PG_FUNCTION_INFO_V1(fo_gram_options_of);

/* The options of a key. */
typedef struct GramOptions
{
	int32		vl_len_;		/* of a varlena */
	int			buckets;
} GramOptions;

/* How many buckets the index has. */
static uint32
buckets_of(FunctionCallInfo fcinfo)
{
	if (!PG_HAS_OPCLASS_OPTIONS())
		return GRAM_BUCKETS;
	return (uint32) ((GramOptions *) PG_GET_OPCLASS_OPTIONS())->buckets;
}

/* The keys of a set of buckets. */
static Datum *
keys_of(const uint8 *set, uint32 buckets, int32 *nkeys)
{
	uint32	   *list = palloc(sizeof(uint32) * fo_gram_list(set, buckets, NULL));
	Datum	   *keys;

	*nkeys = (int32) fo_gram_list(set, buckets, list);
	keys = palloc(sizeof(Datum) * (size_t) *nkeys);
	for (int i = 0; i < *nkeys; i++)
		keys[i] = Int32GetDatum((int32) list[i]);
	pfree(list);
	return keys;
}

/* A text in lower case, as ILIKE sees it. */
static char *
lowered(text *value, Oid collation)
{
	return str_tolower(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), collation);
}

/* extract_value(text, internal): the buckets of a text. */
Datum
fo_gram_extract_value(PG_FUNCTION_ARGS)
{
	char	   *value = lowered(PG_GETARG_TEXT_PP(0), PG_GET_COLLATION());
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	uint32		buckets = buckets_of(fcinfo);
	uint8	   *set = palloc0(FO_GRAM_SET_BYTES(buckets));

	fo_gram_text(value, strlen(value), buckets, set);
	PG_RETURN_POINTER(keys_of(set, buckets, nkeys));
}

/*
 * extract_query(text, internal, int2, internal, internal, internal, internal):
 * the buckets of a pattern; everything is searched if it has none.
 */
Datum
fo_gram_extract_query(PG_FUNCTION_ARGS)
{
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	StrategyNumber strategy = PG_GETARG_UINT16(2);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	Oid			collation = PG_GET_COLLATION();
	uint32		buckets = buckets_of(fcinfo);
	uint8	   *set = palloc0(FO_GRAM_SET_BYTES(buckets));

	/* What is equal without being the same bytes cannot be found by bytes. */
	if (get_collation_isdeterministic(collation))
	{
		char	   *pattern = lowered(PG_GETARG_TEXT_PP(0), collation);

		fo_gram_pattern(pattern, strlen(pattern), strategy == GRAM_LIKE, buckets, set);
	}
	if (fo_gram_list(set, buckets, NULL) == 0)
		*mode = GIN_SEARCH_MODE_ALL;
	PG_RETURN_POINTER(keys_of(set, buckets, nkeys));
}

/*
 * consistent(internal, int2, text, int4, internal, internal, internal,
 * internal): rows have to have all buckets, and are compared then.
 */
Datum
fo_gram_consistent(PG_FUNCTION_ARGS)
{
	const bool *check = (const bool *) PG_GETARG_POINTER(0);
	int32		nkeys = PG_GETARG_INT32(3);
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);

	*recheck = true;
	for (int i = 0; i < nkeys; i++)
	{
		if (!check[i])
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

/* triconsistent(internal, int2, text, int4, internal, internal, internal): likewise. */
Datum
fo_gram_triconsistent(PG_FUNCTION_ARGS)
{
	const GinTernaryValue *check = (const GinTernaryValue *) PG_GETARG_POINTER(0);
	int32		nkeys = PG_GETARG_INT32(3);

	for (int i = 0; i < nkeys; i++)
	{
		if (check[i] == GIN_FALSE)
			PG_RETURN_GIN_TERNARY_VALUE(GIN_FALSE);
	}
	PG_RETURN_GIN_TERNARY_VALUE(GIN_MAYBE);
}

/* options(internal): what may be written behind the operator class. */
Datum
fo_gram_options_of(PG_FUNCTION_ARGS)
{
	local_relopts *options = (local_relopts *) PG_GETARG_POINTER(0);

	init_local_reloptions(options, sizeof(GramOptions));
	add_local_int_reloption(options, "buckets", "groups of three bytes that are told apart",
							GRAM_BUCKETS, FO_GRAM_FEWEST, FO_GRAM_MOST,
							offsetof(GramOptions, buckets));
	PG_RETURN_VOID();
}

/* The operator class; invalid where the extension is not created. */
Oid
fo_gram_opclass(void)
{
	return get_opclass_oid(GIN_AM_OID,
						   list_make2(makeString("filteropt"), makeString("gram_ops")), true);
}

/*
 * Buckets for texts of some width: four times as many, so that a text is in
 * about a fifth of them, and a pattern with four groups finds a row in 400.
 */
int
fo_gram_buckets_for(double width)
{
	int			buckets = FEWEST_ADVISED;

	while (buckets < FO_GRAM_MOST && buckets < 3.5 * width)
		buckets *= 2;
	return buckets;
}

/* The options as the planner has them. */
bytea *
fo_gram_options(int buckets)
{
	GramOptions *options = palloc0(sizeof(GramOptions));

	SET_VARSIZE(options, sizeof(GramOptions));
	options->buckets = buckets;
	return (bytea *) options;
}
