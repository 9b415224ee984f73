/*
 * cache_redis_missed.c
 *		Changes that Redis could not be told: the table cache_redis_missed.
 *
 * A row goes in with the transaction whose commit Redis did not hear of, so the two
 * live or die together, crash or not.  While there are rows nobody on this server reads
 * Redis; whoever can write and finds Redis back erases the names there, then the rows.
 *
 * The flag breaker.missed in shared memory saves looking: 0 means that the table was
 * empty.  It is raised before and again after each commit that adds rows, so that a
 * look in between cannot lower it for good.
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
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define DRAIN_ROWS	1000
#define LOOK_EVERY	(100 * 1000)	/* microseconds */

static void
raise_flag(void)
{
	pg_atomic_fetch_add_u32(&fo_cache_shared()->breaker.missed, 1);
}

/* The transaction that added rows has committed. */
void
fo_redis_missed_again(void)
{
	raise_flag();
}

/* Is nothing kept from Redis?  Looks into the table ten times a second at most. */
bool
fo_redis_outbox_empty(void)
{
	static TimestampTz last = 0;
	FoCacheBreaker *breaker = &fo_cache_shared()->breaker;
	uint32		seen = pg_atomic_read_u32(&breaker->missed);
	TimestampTz now;
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;
	bool		empty;

	if (seen == 0)
		return true;
	now = GetCurrentTimestamp();
	if ((now >= last && now - last < LOOK_EVERY) || IsInParallelMode())
		return false;
	last = now;
	rel = table_open(fo_cache_relation("cache_redis_missed"), AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, RegisterSnapshot(GetLatestSnapshot()), 0, NULL);
	empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);
	UnregisterSnapshot(scan->rs_snapshot);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	/* rows that a standby replays do not raise its flag: it looks every time */
	if (empty && !RecoveryInProgress())
		pg_atomic_compare_exchange_u32(&breaker->missed, &seen, 0);
	return empty;
}

/* Names as the array that SPI takes. */
static Datum
name_array(FoRedisChange *changes, int n)
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
	Oid			types[] = {BYTEAARRAYOID};
	Datum		values[1];
	Oid			user;
	int			context;

	raise_flag();
	for (int i = 0; i < n; i++)
		changes[i].full_name = NULL;
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	fo_store_as_owner(&user, &context);
	values[0] = name_array(changes, n);
	if (SPI_execute_with_args("INSERT INTO filteropt.cache_redis_missed (name)"
							  " SELECT DISTINCT n FROM unnest($1) n ORDER BY n"
							  " ON CONFLICT DO NOTHING",
							  1, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not keep changes that Redis has missed");
	SetUserIdAndSecContext(user, context);
	SPI_finish();
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
	Datum	   *names;
	Oid			types[] = {BYTEAARRAYOID};
	Datum		values[1];
	Oid			user;
	int			context;
	int			n;

	if (!fo_redis_configured() || fo_cache_shared() == NULL ||
		pg_atomic_read_u32(&fo_cache_shared()->breaker.missed) == 0)
		return 0;
	SPI_connect();
	fo_store_as_owner(&user, &context);
	SPI_execute("SELECT name FROM filteropt.cache_redis_missed ORDER BY name"
				" LIMIT " CppAsString2(DRAIN_ROWS) " FOR UPDATE SKIP LOCKED", false, 0);
	n = SPI_processed;
	changes = palloc0(sizeof(FoRedisChange) * Max(n, 1));
	names = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		bool		isnull;
		bytea	   *name = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 1, &isnull));

		names[i] = PointerGetDatum(name);
		changes[i].name = VARDATA_ANY(name);
		changes[i].name_len = VARSIZE_ANY_EXHDR(name);
	}
	if (n > 0 && fo_redis_kill(changes, n))
	{
		values[0] = PointerGetDatum(construct_array(names, n, BYTEAOID, -1, false, TYPALIGN_INT));
		SPI_execute_with_args("DELETE FROM filteropt.cache_redis_missed WHERE name = ANY ($1)",
							  1, types, values, NULL, false, 0);
	}
	else
		n = 0;
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	return n;
}
