/*
 * cache_fill.c
 *		cache_fill: get a value, or compute it by a query and keep it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/cache_internal.h"
#include "cache/cache_args.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#define FILL_WAIT	(10 * USECS_PER_SEC)
#define FILL_LEASE	(60 * USECS_PER_SEC)

/* First column of the first row of a query as jsonb, NULL if there is no row. */
static Jsonb *
compute(text *query, FoQueryArgs *args, bool read_only)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *value = NULL;
	int			result;

	SPI_connect();
	result = SPI_execute_with_args(text_to_cstring(query), args->n, args->types, args->values,
								   args->nulls, read_only, 2);
	if (result < 0 || SPI_tuptable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query of cache_fill must return a row")));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the query of cache_fill returned more than one row"),
				 errhint("Aggregate the rows, for example by jsonb_agg.")));
	if (SPI_processed == 1)
		value = fo_value_as_jsonb(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, context);
	SPI_finish();
	return value;
}

/*
 * Compute a value where no table can be written.  Shared memory and Redis can hold it
 * nevertheless, for a resource that lives there alone.
 */
static Jsonb *
compute_read_only(FoCacheKey *key, text *query, FoQueryArgs *args)
{
	FoCacheItem item = {.level = FO_LEVEL_NONE};
	FoToken		token = fo_cache_token(key);

	if (IsolationUsesXactSnapshot() || IsInParallelMode())
		item.value = compute(query, args, true);
	else
	{
		PushActiveSnapshot(GetLatestSnapshot());
		item.value = compute(query, args, true);
		fo_cache_keep(key, &item, &token);
		PopActiveSnapshot();
	}
	return item.value;
}

PG_FUNCTION_INFO_V1(fo_cache_fill);

/*
 * cache_fill(resource, key, query, args) returns jsonb.  The query runs with the
 * caller's rights.  Where no table can be written the value is computed, and kept in
 * shared memory and Redis at most.
 */
Datum
fo_cache_fill(PG_FUNCTION_ARGS)
{
	FoCacheResource *resource = fo_resource_get(PG_GETARG_TEXT_PP(0));
	text	   *bytes = PG_GETARG_TEXT_PP(1);
	text	   *query = PG_GETARG_TEXT_PP(2);
	FoQueryArgs args;
	FoCacheKey	key;
	FoCacheItem item;
	uint64		token = 0;
	Jsonb	   *value = NULL;

	fo_key_make(&key, resource, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	fo_query_args(fcinfo, 3, &args);
	if (XactReadOnly || RecoveryInProgress() || IsInParallelMode())
	{
		if (!fo_cache_look(&key, GetActiveSnapshot(), 0, &item))
			item.value = compute_read_only(&key, query, &args);
		if (item.value == NULL)
			PG_RETURN_NULL();
		PG_RETURN_JSONB_P(item.value);
	}
	switch (fo_claim(&key, FILL_WAIT, FILL_LEASE, 0, &item, &token))
	{
		case FO_CLAIM_HIT:
		case FO_CLAIM_STALE:
			value = item.value;
			break;
		case FO_CLAIM_TIMEOUT:

			/*
			 * whoever computes is slow: do not depend on it, nor store beside
			 * it
			 */
			value = compute(query, &args, false);
			break;
		case FO_CLAIM_CLAIMED:
			PG_TRY();
			{
				Jsonb	   *fresh = compute(query, &args, false);

				(void) fo_cache_put(fo_resource_get(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(bytes),
									VARSIZE_ANY_EXHDR(bytes), fresh, NULL, NULL, token);
				item.value = fresh;
			}
			PG_CATCH();
			{
				fo_claim_release(token);
				PG_RE_THROW();
			}
			PG_END_TRY();
			value = item.value;
			break;
	}
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(value);
}
