/*
 * stat.c
 *		What maintaining a rollup has cost since the server started.
 *
 * Counters live in shared memory, one slot for each rollup in use, whatever its
 * database.  A backend finds the slot when it loads the rollup and adds to it with
 * atomic instructions; the spinlock guards which rollup has which slot.  There is
 * room for so many rollups; those that come later are not counted.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/shmem.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rollup/spec.h"
#include "rollup/stat.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(fo_rollup_cost);

#define SLOTS	256

/* Whose counters these are; database and data table are zero in a free slot. */
typedef struct Slot
{
	Oid			database;
	Oid			data;
	FoRollupCounters counters;
} Slot;

typedef struct Shared
{
	slock_t		lock;			/* of the slots' database and data */
	Slot		slots[SLOTS];
} Shared;

static Size
shared_size(void)
{
	return PG_CACHE_LINE_SIZE + sizeof(Shared);
}

/* Set all counters of a slot to zero. */
static void
clear(FoRollupCounters *counters)
{
	pg_atomic_init_u64(&counters->writes, 0);
	pg_atomic_init_u64(&counters->folded, 0);
	pg_atomic_init_u64(&counters->appended, 0);
	pg_atomic_init_u64(&counters->nanoseconds, 0);
	pg_atomic_init_u64(&counters->merges, 0);
	pg_atomic_init_u64(&counters->saved, 0);
}

static void
shared_init(void *memory, Size size)
{
	SpinLockInit(&((Shared *) memory)->lock);
}

static FoShmemRegion region = {
	.name = "filteropt_rollup", .size = shared_size, .init = shared_init
};

/* The slot of the data table, or of InvalidOid: a free one.  The lock is held. */
static Slot *
find_slot(Shared *shared, Oid data)
{
	Oid			database = OidIsValid(data) ? MyDatabaseId : InvalidOid;

	for (int i = 0; i < SLOTS; i++)
	{
		if (shared->slots[i].data == data && shared->slots[i].database == database)
			return &shared->slots[i];
	}
	return NULL;
}

/* The slot of the data table, taken if need be; NULL if all are. */
static Slot *
take_slot(Shared *shared, Oid data)
{
	Slot	   *slot;

	SpinLockAcquire(&shared->lock);
	slot = find_slot(shared, data);
	if (slot == NULL && (slot = find_slot(shared, InvalidOid)) != NULL)
	{
		slot->database = MyDatabaseId;
		slot->data = data;
		clear(&slot->counters);
	}
	SpinLockRelease(&shared->lock);
	return slot;
}

/* Free the slots of rollups of this database that went with their tables. */
static void
free_slots(Shared *shared)
{
	for (int i = 0; i < SLOTS; i++)
	{
		Oid			data = shared->slots[i].data;

		if (OidIsValid(data) && shared->slots[i].database == MyDatabaseId &&
			!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(data)))
			fo_rollup_forget_counters(data);
	}
}

/* The counters of a rollup; NULL if there is no room for them. */
FoRollupCounters *
fo_rollup_counters(Oid data)
{
	Shared	   *shared = fo_shmem_attach(&region);
	Slot	   *slot;

	if (shared == NULL)
		return NULL;
	slot = take_slot(shared, data);
	if (slot == NULL)
	{
		free_slots(shared);
		slot = take_slot(shared, data);
	}
	return slot ? &slot->counters : NULL;
}

/*
 * Free the slot of a rollup that is being dropped.  If the drop is rolled back, or
 * another backend still writes, some counts are lost; nothing else depends on them.
 */
void
fo_rollup_forget_counters(Oid data)
{
	Shared	   *shared = fo_shmem_attach(&region);
	Slot	   *slot;

	if (shared == NULL)
		return;
	SpinLockAcquire(&shared->lock);
	slot = find_slot(shared, data);
	if (slot)
		slot->data = slot->database = InvalidOid;
	SpinLockRelease(&shared->lock);
}

/* A transaction has written the deltas of so many groups. */
void
fo_rollup_count_write(FoRollupCounters *counters, int ndeltas, int appended,
					  uint64 nanoseconds)
{
	if (counters == NULL)
		return;
	pg_atomic_fetch_add_u64(&counters->writes, 1);
	pg_atomic_fetch_add_u64(&counters->nanoseconds, nanoseconds);
	if (ndeltas > appended)
		pg_atomic_fetch_add_u64(&counters->folded, ndeltas - appended);
	if (appended > 0)
		pg_atomic_fetch_add_u64(&counters->appended, appended);
}

/* A merge has saved so many rows. */
void
fo_rollup_count_merge(FoRollupCounters *counters, int64 saved)
{
	if (counters == NULL || saved <= 0)
		return;
	pg_atomic_fetch_add_u64(&counters->merges, 1);
	pg_atomic_fetch_add_u64(&counters->saved, saved);
}

/*
 * filteropt.rollup_cost(rollup regclass): the counters; null without SELECT on the
 * rollup, or if there was no room for them.
 */
Datum
fo_rollup_cost(PG_FUNCTION_ARGS)
{
	FoRollupIds ids;
	FoRollupCounters *counters = NULL;
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (fo_rollup_ids_of_view(PG_GETARG_OID(0), &ids) &&
		pg_class_aclcheck(ids.view, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		counters = fo_rollup_counters(ids.data);
	memset(nulls, counters == NULL, sizeof(nulls));
	if (counters)
	{
		values[0] = Int64GetDatum(pg_atomic_read_u64(&counters->writes));
		values[1] = Int64GetDatum(pg_atomic_read_u64(&counters->folded));
		values[2] = Int64GetDatum(pg_atomic_read_u64(&counters->appended));
		values[3] = Float8GetDatum(pg_atomic_read_u64(&counters->nanoseconds) / 1e3);
		values[4] = Int64GetDatum(pg_atomic_read_u64(&counters->merges));
		values[5] = Int64GetDatum(pg_atomic_read_u64(&counters->saved));
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Announce the region; from _PG_init. */
void
fo_rollup_stat_init(void)
{
	fo_shmem_register(&region);
}
