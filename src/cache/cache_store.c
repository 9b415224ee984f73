/*
 * cache_store.c
 *		Level 3: the table filteropt.cache_entry.
 *
 * Reads go straight to the primary key's index with the reader's snapshot, which
 * costs two thirds of a planned query, and check the whole key besides its digest.
 * Writes are saved plans, run as the table's owner: the right to call the function is
 * what the caller needs.
 *
 * Deleting a key that another transaction may be inserting unseen takes an upsert of
 * a dead row instead, which waits for that transaction; see fo_store_delete.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_internal.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of filteropt.cache_entry, in order. */
enum
{
	COL_DIGEST = 1, COL_RESOURCE, COL_VERSION, COL_ROLE, COL_KEY, COL_VALUE, COL_CREATED,
	COL_EXPIRES, COL_STALE_UNTIL, COL_WRITER, COL_TAGS, NCOLS = COL_TAGS
};

static SPIPlanPtr put_plan = NULL;
static SPIPlanPtr fill_plan = NULL;
static SPIPlanPtr delete_plan = NULL;

static Datum
slot_value(TupleTableSlot *slot, int column, bool *isnull)
{
	return slot_getattr(slot, column, isnull);
}

/* Is the row in the slot that of the key, and not of another with its digest? */
static bool
row_is_of(TupleTableSlot *slot, const FoCacheKey *key)
{
	bool		isnull;
	text	   *stored = DatumGetTextPP(slot_value(slot, COL_KEY, &isnull));

	return DatumGetInt32(slot_value(slot, COL_RESOURCE,
									&isnull)) == (int32) key->l1.owner.resource &&
		DatumGetInt32(slot_value(slot, COL_VERSION, &isnull)) == (int32) key->l1.owner.version &&
		DatumGetObjectId(slot_value(slot, COL_ROLE, &isnull)) == key->l1.owner.role &&
		VARSIZE_ANY_EXHDR(stored) == key->l1.len &&
		memcmp(VARDATA_ANY(stored), key->l1.bytes, key->l1.len) == 0;
}

/* The transaction that wrote a row, FrozenTransactionId if that was long ago. */
static TransactionId
slot_writer(TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);

	Assert(!should_free);
	return HeapTupleHeaderGetXmin(tuple->t_data);
}

/* Copy a row into memory of the caller. */
static void
read_row(TupleTableSlot *slot, FoCacheItem *item, ItemPointer tid)
{
	bool		isnull;
	Datum		value;

	item->level = FO_LEVEL_3;
	item->stale = false;
	item->hits = 0;
	value = slot_value(slot, COL_VALUE, &isnull);
	item->value = isnull ? NULL : DatumGetJsonbPCopy(value);
	item->created = DatumGetTimestampTz(slot_value(slot, COL_CREATED, &isnull));
	item->expires = DatumGetTimestampTz(slot_value(slot, COL_EXPIRES, &isnull));
	item->stale_until = DatumGetTimestampTz(slot_value(slot, COL_STALE_UNTIL, &isnull));
	item->writer = DatumGetObjectId(slot_value(slot, COL_WRITER, &isnull));
	value = slot_value(slot, COL_TAGS, &isnull);
	item->tags = isnull ? NULL : DatumGetArrayTypePCopy(value);
	item->xid = slot_writer(slot);
	item->xid_is_bound = false;
	*tid = slot->tts_tid;
}

static bytea *
digest_datum(FoCacheKey *key)
{
	bytea	   *digest = palloc(VARHDRSZ + sizeof(key->digest));

	SET_VARSIZE(digest, VARHDRSZ + sizeof(key->digest));
	memcpy(VARDATA(digest), fo_key_digest(key), sizeof(key->digest));
	return digest;
}

/* Can the table be read here?  An unlogged one cannot on a standby. */
static bool
readable(Relation rel)
{
	return !RecoveryInProgress() || rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT;
}

static int
compare_digests(const void *a, const void *b)
{
	return memcmp((*(FoCacheKey *const *) a)->digest, (*(FoCacheKey *const *) b)->digest, 32);
}

/* Scan key for the digests of some keys, which get sorted. */
static void
digest_scankey(ScanKey scankey, FoCacheKey **keys, int n)
{
	Datum	   *digests;

	if (n == 1)
	{
		ScanKeyInit(scankey, 1, BTEqualStrategyNumber, F_BYTEAEQ,
					PointerGetDatum(digest_datum(keys[0])));
		return;
	}
	digests = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
		fo_key_digest(keys[i]);
	qsort(keys, n, sizeof(FoCacheKey *), compare_digests);
	for (int i = 0; i < n; i++)
		digests[i] = PointerGetDatum(digest_datum(keys[i]));
	ScanKeyEntryInitialize(scankey, SK_SEARCHARRAY, 1, BTEqualStrategyNumber, BYTEAOID, InvalidOid,
						   F_BYTEAEQ,
						   PointerGetDatum(construct_array(digests, n, BYTEAOID, -1, false,
														   TYPALIGN_INT)));
}

/* The key of a row, by its digest. */
static FoCacheKey **
match_row(TupleTableSlot *slot, FoCacheKey **keys, int n)
{
	FoCacheKey	probe;
	FoCacheKey *probe_at = &probe;
	bool		isnull;
	bytea	   *digest;

	if (n == 1)
		return row_is_of(slot, keys[0]) ? keys : NULL;
	digest = DatumGetByteaPP(slot_value(slot, COL_DIGEST, &isnull));
	memcpy(probe.digest, VARDATA_ANY(digest), sizeof(probe.digest));
	keys = bsearch(&probe_at, keys, n, sizeof(FoCacheKey *), compare_digests);
	return keys != NULL && row_is_of(slot, *keys) ? keys : NULL;
}

/*
 * Look distinct keys up by one index scan.  The keys may be put into another order;
 * items and tids go by the new one; items[i].level tells what was found.
 */
int
fo_store_get_many(FoCacheKey **keys, int n, Snapshot snapshot, FoCacheItem *items,
				  ItemPointerData *tids)
{
	Relation	rel = table_open(fo_cache_relation("cache_entry"), AccessShareLock);
	int			found = 0;

	for (int i = 0; i < n; i++)
		items[i].level = FO_LEVEL_NONE;
	if (n > 0 && readable(rel))
	{
		Relation	index = index_open(fo_cache_relation("cache_entry_pkey"), AccessShareLock);
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		ScanKeyData scankey;
		IndexScanDesc scan = fo_index_beginscan(rel, index, snapshot, 1);

		digest_scankey(&scankey, keys, n);
		index_rescan(scan, &scankey, 1, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, slot))
		{
			FoCacheKey **key = match_row(slot, keys, n);

			CHECK_FOR_INTERRUPTS();
			if (key == NULL)
				continue;
			read_row(slot, &items[key - keys], &tids[key - keys]);
			found++;
		}
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* Will the rows, and with them the tags of values, be there after a crash? */
bool
fo_store_is_logged(void)
{
	return get_rel_persistence(fo_cache_relation("cache_entry")) == RELPERSISTENCE_PERMANENT;
}

/* Look one key up. */
bool
fo_store_get(FoCacheKey *key, Snapshot snapshot, FoCacheItem *item, ItemPointer tid)
{
	return fo_store_get_many(&key, 1, snapshot, item, tid) == 1;
}

/* Is there such a block?  The relation cannot shrink, being locked. */
static bool
block_exists(Relation rel, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	/*
	 * what was known before it shrank is forgotten by the time we have the
	 * lock
	 */
	return (known != InvalidBlockNumber && block < known) ||
		block < RelationGetNumberOfBlocks(rel);
}

/*
 * Look a key up where its row was found before.  True if the snapshot sees a row of the
 * key just there, which is then the only one that it sees.
 */
bool
fo_store_get_at(FoCacheKey *key, Snapshot snapshot, ItemPointer tid, FoCacheItem *item)
{
	Relation	rel = table_open(fo_cache_relation("cache_entry"), AccessShareLock);
	bool		found = false;

	if (readable(rel) && ItemPointerIsValid(tid) &&
		block_exists(rel, ItemPointerGetBlockNumber(tid)))
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);

		found = table_tuple_fetch_row_version(rel, tid, snapshot, slot) && row_is_of(slot, key);
		if (found)
			read_row(slot, item, tid);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* Is a row that was read still the newest committed version? */
bool
fo_store_still(ItemPointer tid)
{
	Relation	rel;
	TupleTableSlot *slot;
	bool		still;

	if (!ItemPointerIsValid(tid) || IsInParallelMode())
		return false;
	rel = table_open(fo_cache_relation("cache_entry"), AccessShareLock);
	slot = table_slot_create(rel, NULL);
	still = table_tuple_fetch_row_version(rel, tid, GetLatestSnapshot(), slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return still;
}

/*
 * Work as the owner of the feature's tables until restored.  The caller's search_path
 * stays, so whatever runs in between names the schema of its operators and functions.
 */
void
fo_store_as_owner(Oid *saved_user, int *saved_context)
{
	Relation	rel = table_open(fo_cache_relation("cache_entry"), AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;

	table_close(rel, NoLock);
	GetUserIdAndSecContext(saved_user, saved_context);
	SetUserIdAndSecContext(owner, *saved_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
}

/* Run a saved plan as the owner; prepares it first if need be. */
uint64
fo_store_run(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types, Datum *values,
			 const char *nulls)
{
	Oid			user;
	int			context;
	int			result;
	uint64		processed;

	SPI_connect();
	fo_store_as_owner(&user, &context);
	if (*plan == NULL)
	{
		SPIPlanPtr	fresh = SPI_prepare(sql, nargs, types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			elog(ERROR, "could not prepare \"%s\"", sql);
		*plan = fresh;
	}
	result = SPI_execute_plan(*plan, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
	processed = SPI_processed;
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	return processed;
}

#define UPSERT \
	"INSERT INTO filteropt.cache_entry AS e" \
	" (digest, resource, version, role, key, value," \
	" created, expires, stale_until, writer, tags)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)" \
	" ON CONFLICT (digest) DO UPDATE SET value = EXCLUDED.value," \
	" created = EXCLUDED.created," \
	" expires = EXCLUDED.expires, stale_until = EXCLUDED.stale_until," \
	" writer = EXCLUDED.writer, tags = EXCLUDED.tags"

/* Run an upsert of the row of a key, with a horizon as one more argument if there is one. */
static bool
upsert(SPIPlanPtr *plan, const char *sql, FoCacheKey *key, const FoCacheItem *item,
	   TransactionId horizon)
{
	Oid			types[NCOLS + 1] = {BYTEAOID, INT4OID, INT4OID, OIDOID, TEXTOID, JSONBOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, OIDOID, TEXTARRAYOID, XIDOID};
	Datum		values[NCOLS + 1];
	char		nulls[NCOLS + 2] = "            ";

	values[COL_DIGEST - 1] = PointerGetDatum(digest_datum(key));
	values[COL_RESOURCE - 1] = Int32GetDatum(key->l1.owner.resource);
	values[COL_VERSION - 1] = Int32GetDatum(key->l1.owner.version);
	values[COL_ROLE - 1] = ObjectIdGetDatum(key->l1.owner.role);
	values[COL_KEY - 1] = PointerGetDatum(cstring_to_text_with_len(key->l1.bytes, key->l1.len));
	values[COL_VALUE - 1] = PointerGetDatum(item->value);
	nulls[COL_VALUE - 1] = item->value ? ' ' : 'n';
	values[COL_CREATED - 1] = TimestampTzGetDatum(item->created);
	values[COL_EXPIRES - 1] = TimestampTzGetDatum(item->expires);
	values[COL_STALE_UNTIL - 1] = TimestampTzGetDatum(item->stale_until);
	values[COL_WRITER - 1] = ObjectIdGetDatum(item->writer);
	values[COL_TAGS - 1] = PointerGetDatum(item->tags);
	nulls[COL_TAGS - 1] = item->tags ? ' ' : 'n';
	values[NCOLS] = TransactionIdGetDatum(horizon);
	return fo_store_run(plan, sql, TransactionIdIsValid(horizon) ? NCOLS + 1 : NCOLS, types,
						values, nulls) > 0;
}

/* Insert or replace the row of a key. */
void
fo_store_put(FoCacheKey *key, const FoCacheItem *item)
{
	(void) upsert(&put_plan, UPSERT, key, item, InvalidTransactionId);
}

/* The same, unless a transaction of the horizon or later has written it: then false. */
bool
fo_store_fill(FoCacheKey *key, const FoCacheItem *item, TransactionId horizon)
{
	return upsert(&fill_plan, UPSERT " WHERE pg_catalog.age(e.xmin) OPERATOR(pg_catalog.>)"
				  " pg_catalog.age($12)", key, item, horizon);
}

/* Upsert a row that is dead from the start: nobody will ever read it. */
void
fo_store_put_dead(FoCacheKey *key)
{
	FoCacheItem item = {.created = DT_NOBEGIN, .expires = DT_NOBEGIN, .stale_until = DT_NOBEGIN,
		.writer = GetUserId()};

	fo_store_put(key, &item);
}

/*
 * Delete the row of a key, whose cell the caller has marked; true if there was one to
 * see.  A row that this statement cannot see may yet come to be valid: one that a
 * transaction in progress inserts, or, under REPEATABLE READ, one committed since the
 * snapshot.  The unique index sees both: an upsert waits for the one and raises a
 * serialization failure for the other.
 */
bool
fo_store_delete(FoCacheKey *key)
{
	Oid			types[1] = {BYTEAOID};
	Datum		values[1];
	bool		unseen = key->cell == NULL || fo_fence_others(key->cell) ||
		(IsolationUsesXactSnapshot() && !fo_fence_settled(key->cell, GetTransactionSnapshot()));

	if (unseen)
	{
		fo_store_put_dead(key);
		return true;
	}
	values[0] = PointerGetDatum(digest_datum(key));
	return fo_store_run(&delete_plan, "DELETE FROM filteropt.cache_entry"
						" WHERE digest OPERATOR(pg_catalog.=) $1",
						1, types, values, NULL) > 0;
}
