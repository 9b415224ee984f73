/*
 * cache_redis_told.c
 *		What Redis was told, kept for the case that it forgets.
 *
 * Servers that share a Redis hear of each other's changes from it.  What one told it
 * just before it died, another that was not listening at that moment would never hear:
 * neither the message nor the trace is left.  So a transaction that changes a key of
 * levels L2 and L3 leaves its name in the table cache_redis_told as well, and when the
 * worker meets another run of Redis, or one that was emptied, it tells all these names
 * again, as tombstones, where Redis has no value or fence.  A name that two servers tell
 * becomes nobody's tombstone, which both take for news: which of their changes came
 * later is not known any more.
 *
 * How long a name is needed: a server that did not listen for more than
 * FO_REDIS_DEAF_MS gives all its rows up.  So whatever it may have missed and still wants
 * to know was told to Redis less than that before Redis died, and Redis was alive when our
 * worker last heard it.  Names of transactions that had ended before that can go.
 *
 * A transaction that told the run of before and has not ended when the worker looks has
 * its number already, so the worker looks again until all of that time have ended.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define TELL_ROWS		1000
#define THIN_PAGES		64

/* Are names to be kept?  Only if there is a worker that will drop them again. */
bool
fo_redis_keeps_told(void)
{
	return fo_cache_redis_shared && strcmp(fo_cache_shared_place(), "preloaded") == 0;
}

/* Keep names with the present transaction. */
void
fo_redis_tell(FoRedisChange *changes, int n)
{
	static SPIPlanPtr plan = NULL;
	FoRedisChange *in_table = palloc(sizeof(FoRedisChange) * n);
	Oid			types[] = {BYTEAARRAYOID};
	Datum		values[1];
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (changes[i].in_table)
			in_table[kept++] = changes[i];
	if (kept == 0)
		return;
	values[0] = fo_redis_name_array(in_table, kept);
	PushActiveSnapshot(GetTransactionSnapshot());
	fo_store_run(&plan,
				 "INSERT INTO filteropt.cache_redis_told (name) SELECT pg_catalog.unnest($1)",
				 1, types, values, NULL);
	PopActiveSnapshot();
}

/* Tell Redis the names of some rows that SPI has fetched. */
static bool
tell_rows(void)
{
	int			n = SPI_processed;
	FoRedisChange *changes = palloc0(sizeof(FoRedisChange) * n);

	for (int i = 0; i < n; i++)
	{
		bool		isnull;
		bytea	   *name = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 1, &isnull));

		changes[i].name = VARDATA_ANY(name);
		changes[i].name_len = VARSIZE_ANY_EXHDR(name);
	}
	return fo_redis_kill(changes, n, true);
}

/*
 * Tell Redis all names again, or those of transactions from a number on.  False if it
 * could not be told all.  The caller has a snapshot.
 */
bool
fo_redis_tell_again(TransactionId since)
{
	Oid			types[] = {XIDOID};
	Datum		values[] = {TransactionIdGetDatum(since)};
	Portal		portal;
	bool		good = true;

	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, "SELECT name FROM filteropt.cache_redis_told"
									   " WHERE $1 IS NULL OR age(xmin) <= age($1)",
									   1, types, values,
									   TransactionIdIsValid(since) ? " " : "n", true, 0);
	while (good)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, TELL_ROWS);
		if (SPI_processed == 0)
			break;
		good = tell_rows();
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return good;
}

/* Drop names of transactions older than one, that nobody will ask for. */
void
fo_redis_forget_told(TransactionId horizon)
{
	Oid			types[] = {XIDOID};
	Datum		values[] = {TransactionIdGetDatum(horizon)};

	SPI_connect();
	SPI_execute_with_args("DELETE FROM filteropt.cache_redis_told WHERE age(xmin) > age($1)",
						  1, types, values, NULL, false, 0);
	SPI_finish();
}

/*
 * Leave one row of each name, that of the youngest transaction, whenever the table has
 * doubled.  Within SPI, as the owner.
 */
void
fo_redis_thin_told(void)
{
	static BlockNumber thinned = THIN_PAGES / 2;
	Relation	rel = table_open(fo_cache_relation("cache_redis_told"), AccessShareLock);
	BlockNumber pages = RelationGetNumberOfBlocks(rel);

	table_close(rel, AccessShareLock);
	if (pages < 2 * thinned)
	{
		thinned = Max(Min(thinned, pages), THIN_PAGES / 2);
		return;
	}
	thinned = pages;
	SPI_execute("DELETE FROM filteropt.cache_redis_told"
				" WHERE NOT id OPERATOR(pg_catalog.=) ANY ("
				"  SELECT DISTINCT ON (name) id FROM filteropt.cache_redis_told"
				"  ORDER BY name, pg_catalog.age(xmin), id DESC)", false, 0);
}

/* How far this server had listened, and to which place; "" and 0 if never. */
void
fo_redis_load_heard(char *run, Size run_size, TimestampTz *at, uint64 *place)
{
	run[0] = '\0';
	*at = 0;
	*place = 0;
	SPI_connect();
	SPI_execute("SELECT run, at, place FROM filteropt.cache_redis_heard", true, 1);
	if (SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		bool		isnull;

		strlcpy(run, SPI_getvalue(row, SPI_tuptable->tupdesc, 1), run_size);
		*at = DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
		*place = (uint64) DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull));
	}
	SPI_finish();
}

/* Remember it, behind the changes that were made for what was heard. */
void
fo_redis_save_heard(const char *run, TimestampTz at)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[] = {CStringGetTextDatum(run), TimestampTzGetDatum(at),
		Int64GetDatum((int64) fo_redis_place())};

	SPI_connect();
	SPI_execute_with_args("INSERT INTO filteropt.cache_redis_heard (run, at, place)"
						  " VALUES ($1, $2, $3)"
						  " ON CONFLICT (one) DO UPDATE SET run = EXCLUDED.run,"
						  " at = EXCLUDED.at, place = EXCLUDED.place", 3, types, values, NULL, false, 0);
	SPI_finish();
}
