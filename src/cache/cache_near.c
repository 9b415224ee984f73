/*
 * cache_near.c
 *		Verdicts on texts that are only similar: opt-in, with the distance shown.
 *
 * classification_put with near => true notes the SimHash of the text in the table
 * classification_near, under the numbers of its bands (core/cache_simhash.c), which a
 * GIN index finds.  The table only leads to keys: whether there is a verdict, for whom and
 * how fresh, is the cache's to say, so what is left here of a key that is gone does no
 * harm, and cache_expire removes it.
 *
 * Reading writes nothing.
 */
#include "postgres.h"

#include "cache/cache_class.h"
#include "catalog/pg_type.h"
#include "core/cache_simhash.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#define CANDIDATES	"100"		/* nearest ones that are looked at */

/* How many bits of a row's hash differ from $2. */
#define DISTANCE	"pg_catalog.bit_count((n.simhash OPERATOR(pg_catalog.#) $2)::bit(64))"

static const FoCacheSeed band_seed = {UINT64CONST(0x6e65617262616e64),
UINT64CONST(0x66696c7465726f70)};

/* A column of bytes. */
static Datum
bytes_datum(const uint8 *bytes, size_t len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), bytes, len);
	return PointerGetDatum(result);
}

/* The index's numbers of bands of a key within a distance: those of each scope differ. */
static Datum
band_array(const FoClassKey *key, int bits)
{
	uint32		probes[FO_SIMHASH_PROBES];
	Datum		numbers[FO_SIMHASH_PROBES];
	int			n = fo_simhash_probes(key->simhash, bits, probes);

	for (int i = 0; i < n; i++)
		numbers[i] = Int64GetDatum((int64) fo_cache_hash(&band_seed, probes[i], key->scope,
														 sizeof(key->scope)));
	return PointerGetDatum(construct_array(numbers, n, INT8OID, 8, FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(fo_classification_note);

/* classification_note(body, model, prompt, params): let near texts find this one */
Datum
fo_classification_note(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {BYTEAOID, TEXTOID, BYTEAOID, INT8OID, INT8ARRAYOID};
	Datum		values[5];
	FoClassKey	key;
	FoCacheKey	place;

	fo_change_require_writable("filteropt.classification_note()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	fo_class_key(&key, fcinfo, 2, true);
	fo_key_make(&place, fo_class_resource(), key.bytes, FO_CLASS_KEY_BYTES);
	values[0] = bytes_datum(fo_key_digest(&place), sizeof(place.digest));
	values[1] = PointerGetDatum(cstring_to_text_with_len(key.bytes, FO_CLASS_KEY_BYTES));
	values[2] = bytes_datum(key.scope, sizeof(key.scope));
	values[3] = Int64GetDatum((int64) key.simhash);
	values[4] = band_array(&key, 0);
	fo_store_run(&plan, "INSERT INTO filteropt.classification_near"
				 " (digest, key, scope, simhash, bands) VALUES ($1, $2, $3, $4, $5)"
				 " ON CONFLICT (digest) DO NOTHING",
				 5, types, values, NULL);
	PG_RETURN_VOID();
}

/* Fetch the keys within a distance, the nearest first, as the owner; within SPI. */
static void
fetch_candidates(const FoClassKey *key, int bits)
{
	Oid			types[] = {BYTEAOID, INT8OID, INT8ARRAYOID, INT4OID};
	Datum		values[4];
	Oid			user;
	int			context;

	values[0] = bytes_datum(key->scope, sizeof(key->scope));
	values[1] = Int64GetDatum((int64) key->simhash);
	values[2] = band_array(key, bits);
	values[3] = Int32GetDatum(bits);
	fo_store_as_owner(&user, &context);
	if (SPI_execute_with_args("SELECT n.key, " DISTANCE "::int AS distance"
							  " FROM filteropt.classification_near n"
							  " WHERE n.bands OPERATOR(pg_catalog.&&) $3"
							  " AND n.scope OPERATOR(pg_catalog.=) $1"
							  " AND " DISTANCE " OPERATOR(pg_catalog.<=) $4"
							  " ORDER BY distance, n.key LIMIT " CANDIDATES,
							  4, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for near texts");
	SetUserIdAndSecContext(user, context);
}

/* The nearest key that has a verdict for the current user; NULL if there is none. */
static Jsonb *
nearest_verdict(FoClassKey *key, int bits, int *distance)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *verdict = NULL;

	SPI_connect();
	fetch_candidates(key, bits);
	for (uint64 i = 0; i < SPI_processed && verdict == NULL; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		isnull;
		char	   *bytes = SPI_getvalue(row, SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(context);

		if (strlen(bytes) == FO_CLASS_KEY_BYTES)
			verdict = fo_class_verdict(bytes);
		MemoryContextSwitchTo(old);
		if (verdict == NULL)
			continue;
		memcpy(key->bytes, bytes, FO_CLASS_KEY_BYTES);
		*distance = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_finish();
	return verdict;
}

PG_FUNCTION_INFO_V1(fo_classification_similar);

/*
 * classification_get(body, model, similar, prompt, params) returns (verdict, distance,
 * key): of the same text, or else of the nearest one within so many bits.
 */
Datum
fo_classification_similar(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	FoClassKey	key;
	Jsonb	   *verdict;
	int			bits;
	int			distance = 0;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	bits = PG_GETARG_INT32(2);
	if (bits < 0 || bits > FO_SIMHASH_MAX_BITS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("similar is out of range: %d", bits),
				 errhint("Texts can be found that differ in 0 to %d bits.", FO_SIMHASH_MAX_BITS)));
	(void) fo_class_resource();
	fo_class_key(&key, fcinfo, 3, true);
	verdict = fo_class_verdict(key.bytes);
	if (verdict == NULL)
		verdict = nearest_verdict(&key, bits, &distance);
	if (verdict == NULL)
		PG_RETURN_NULL();
	values[0] = JsonbPGetDatum(verdict);
	values[1] = Int32GetDatum(distance);
	values[2] = PointerGetDatum(cstring_to_text_with_len(key.bytes, FO_CLASS_KEY_BYTES));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
