/*
 * cache_redis_missed.c
 *		Changes that Redis could not be told: the table cache_redis_missed.
 *
 * A row goes in with the transaction whose commit Redis did not hear of, so the two
 * live or die together, crash or not.  While there are rows nobody on this server reads
 * Redis; whoever can write and finds Redis back erases the names there, then the rows.
 *
 * Two counters in shared memory save looking.  `missed` counts the commits that added
 * rows, each once it is visible and before its fences are lifted.  Whoever finds the
 * table empty raises `settled` to what `missed` was before the look; while the two
 * are equal there is nothing in the table.
 *
 * Rows are only added and deleted, never updated or shared: a commit that found a row
 * of its name there already could lose it to someone who is erasing that name just then.
 * What the same name left more than once is thinned out by fo_redis_thin_missed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define DRAIN_ROWS	1000
#define THIN_PAGES	64
#define LOOK_EVERY	(100 * 1000)	/* microseconds */

/* The transaction that added rows has committed. */
void
fo_redis_missed_again(void)
{
	pg_atomic_fetch_add_u64(&fo_cache_shared()->breaker.missed, 1);
}

/* May the table hold rows? */
bool
fo_redis_may_miss(void)
{
	FoCacheBreaker *breaker = &fo_cache_shared()->breaker;

	return pg_atomic_read_u64(&breaker->settled) != pg_atomic_read_u64(&breaker->missed);
}

/* Does the table hold no row that is committed now? */
static bool
table_is_empty(void)
{
	Relation	rel = table_open(fo_cache_relation("cache_redis_missed"), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	bool		empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return empty;
}

/*
 * Is nothing kept from Redis?  A primary looks into the table ten times a second a
 * backend at most.  A standby, whose counters no replayed row raises, looks always.
 */
bool
fo_redis_outbox_empty(void)
{
	static TimestampTz last = 0;
	FoCacheBreaker *breaker = &fo_cache_shared()->breaker;
	uint64		missed = pg_atomic_read_u64(&breaker->missed);
	uint64		settled = pg_atomic_read_u64(&breaker->settled);
	TimestampTz now;

	if (IsInParallelMode())
		return settled == missed && !RecoveryInProgress();
	if (RecoveryInProgress())
		return table_is_empty();
	if (settled == missed)
		return true;
	now = GetCurrentTimestamp();
	if (now >= last && now - last < LOOK_EVERY)
		return false;
	last = now;
	/* missed was read before the look: what is added since makes it differ */
	pg_read_barrier();
	if (!table_is_empty())
		return false;
	while (settled < missed &&
		   !pg_atomic_compare_exchange_u64(&breaker->settled, &settled, missed))
		;
	return true;
}

/* Names as the array that SPI takes. */
Datum
fo_redis_name_array(FoRedisChange *changes, int n)
{
	Datum	   *names = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		bytea	   *name = palloc(VARHDRSZ + changes[i].name_len);

		SET_VARSIZE(name, VARHDRSZ + changes[i].name_len);
		memcpy(VARDATA(name), changes[i].name, changes[i].name_len);
		names[i] = PointerGetDatum(name);
	}
	return PointerGetDatum(construct_array(names, n, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* Keep names with the present transaction, to be erased from Redis later. */
void
fo_redis_miss(FoRedisChange *changes, int n)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {BYTEAARRAYOID};
	Datum		values[] = {fo_redis_name_array(changes, n)};

	for (int i = 0; i < n; i++)
		changes[i].full_name = NULL;
	PushActiveSnapshot(GetTransactionSnapshot());
	fo_store_run(&plan,
				 "INSERT INTO filteropt.cache_redis_missed (name) SELECT pg_catalog.unnest($1)",
				 1, types, values, NULL);
	PopActiveSnapshot();
}

/*
 * Erase some of the kept names from Redis, if it is back, and the rows with this
 * transaction.  Returns how many; the caller has a snapshot.
 */
int
fo_redis_drain(void)
{
	FoRedisChange *changes;
	Datum	   *ids;
	Oid			types[] = {INT8ARRAYOID};
	Datum		values[1];
	Oid			user;
	int			context;
	int			n;

	if (!fo_redis_configured() || fo_cache_shared() == NULL || !fo_redis_may_miss())
		return 0;
	SPI_connect();
	fo_store_as_owner(&user, &context);
	SPI_execute("SELECT id, name FROM filteropt.cache_redis_missed ORDER BY id"
				" LIMIT " CppAsString2(DRAIN_ROWS) " FOR UPDATE SKIP LOCKED", false, 0);
	n = SPI_processed;
	changes = palloc0(sizeof(FoRedisChange) * Max(n, 1));
	ids = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		bytea	   *name = DatumGetByteaPP(SPI_getbinval(row, desc, 2, &isnull));

		ids[i] = SPI_getbinval(row, desc, 1, &isnull);
		changes[i].name = VARDATA_ANY(name);
		changes[i].name_len = VARSIZE_ANY_EXHDR(name);
		changes[i].in_table = true;
	}
	if (n > 0 && fo_redis_kill(changes, n, false))
	{
		/* the others hear of it now, unless Redis restarts before they do */
		if (fo_redis_keeps_told())
			fo_redis_tell(changes, n);
		values[0] = PointerGetDatum(construct_array(ids, n, INT8OID, 8, FLOAT8PASSBYVAL,
													TYPALIGN_DOUBLE));
		SPI_execute_with_args("DELETE FROM filteropt.cache_redis_missed"
							  " WHERE id OPERATOR(pg_catalog.=) ANY ($1)",
							  1, types, values, NULL, false, 0);
	}
	else
		n = 0;
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	return n;
}

/*
 * Leave one row of each name: in a long absence of Redis the table shall grow with the
 * names that change, not with the changes.  Within SPI, as the owner.
 */
void
fo_redis_thin_missed(void)
{
	Relation	rel;
	BlockNumber pages;

	if (fo_cache_shared() == NULL || !fo_redis_may_miss())
		return;
	rel = table_open(fo_cache_relation("cache_redis_missed"), AccessShareLock);
	pages = RelationGetNumberOfBlocks(rel);
	table_close(rel, AccessShareLock);
	if (pages < THIN_PAGES)
		return;
	/* rows that someone is erasing are passed over */
	SPI_execute("DELETE FROM filteropt.cache_redis_missed"
				" WHERE id OPERATOR(pg_catalog.=) ANY ("
				"  SELECT id FROM filteropt.cache_redis_missed"
				"  WHERE NOT id OPERATOR(pg_catalog.=) ANY ("
				"   SELECT pg_catalog.max(id) FROM filteropt.cache_redis_missed GROUP BY name)"
				"  FOR UPDATE SKIP LOCKED)", false, 0);
}
