/*
 * cache_resource.c
 *		Resources: the rows of filteropt.cache_resource as the backend knows them.
 *
 * They are in two tables, cache_resource_own and, for names that this has no row of,
 * cache_resource_default, which never changes.
 *
 * Each backend keeps the rows it has used.  A row's config cell in shared memory tells
 * whether it has changed since; a trigger on the table (fo_cache_resource_changed)
 * marks the cell and sends an invalidation of the table besides, which is what a
 * standby or a server without shared memory hears.  So one atomic read a call keeps
 * the copies right, however long a transaction lasts.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "cache/cache_internal.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of either table, in order. */
enum
{
	COL_ID = 1, COL_NAME, COL_TTL, COL_JITTER, COL_STALE_FOR, COL_NEGATIVE_TTL, COL_MAX_BYTES,
	COL_OVERSIZE, COL_LEVELS, COL_SCOPE, COL_VERSION, COL_DROPPED
};

static HTAB *resources = NULL;
static FoCacheResource *last_used = NULL;
static Oid	resource_relid = InvalidOid;

/* OID of one of the feature's tables. */
Oid
fo_cache_relation(const char *name)
{
	Oid			namespace = get_namespace_oid("filteropt", false);
	Oid			relid = get_relname_relid(name, namespace);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table filteropt.%s does not exist", name),
				 errhint("Create the extension in this database: CREATE EXTENSION filteropt.")));
	return relid;
}

/* The table changed, or everything may have: read rows anew. */
static void
forget_resources(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	FoCacheResource *resource;

	if (relid != InvalidOid && relid != resource_relid)
		return;
	resource_relid = InvalidOid;
	hash_seq_init(&scan, resources);
	while ((resource = hash_seq_search(&scan)) != NULL)
		resource->valid = false;
}

/* Prepare the backend's copies; at the first use. */
void
fo_resource_init(void)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(FoCacheResource),
		.hcxt = TopMemoryContext};

	resources = hash_create("filteropt cache resources", 16, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(forget_resources, (Datum) 0);
}

/* Microseconds of an interval, which months and days do not make vague. */
int64
fo_interval_us(const Interval *interval, const char *what)
{
	int64		days;
	int64		us;

	if (pg_mul_s64_overflow(interval->month, 30, &days) ||
		pg_add_s64_overflow(days, interval->day, &days) ||
		pg_mul_s64_overflow(days, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, interval->time, &us) ||
		us > INT64CONST(1000) * 365 * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW),
				 errmsg("%s is out of range", what),
				 errhint("Use at most 1000 years.")));
	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", what)));
	return us;
}

static Datum
column(HeapTuple tuple, TupleDesc desc, int number)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, number, desc, &isnull);

	if (isnull)
		elog(ERROR, "column %d of a cache resource is null", number);
	return value;
}

/* The levels of a resource, in order; the table's check has seen to their names. */
static void
read_levels(FoCacheResource *resource, ArrayType *levels)
{
	Datum	   *names;
	int			n;

	deconstruct_array(levels, TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	resource->nlevels = 0;
	memset(resource->uses, 0, sizeof(resource->uses));
	for (int i = 0; i < n && i < FO_MAX_LEVELS; i++)
	{
		int			level = VARDATA_ANY(DatumGetPointer(names[i]))[1] - '0';

		resource->level[resource->nlevels++] = level;
		resource->uses[level] = true;
	}
}

/* Take a row over into the backend's copy. */
static void
read_row(FoCacheResource *resource, HeapTuple tuple, TupleDesc desc)
{
	resource->id = DatumGetInt32(column(tuple, desc, COL_ID));
	resource->xid = HeapTupleHeaderGetXmin(tuple->t_data);
	resource->version = DatumGetInt32(column(tuple, desc, COL_VERSION));
	resource->name_hash = hash_bytes((unsigned char *) resource->name, strlen(resource->name));
	resource->ttl = fo_interval_us(DatumGetIntervalP(column(tuple, desc, COL_TTL)), "ttl");
	resource->jitter = DatumGetFloat4(column(tuple, desc, COL_JITTER));
	resource->stale_for = fo_interval_us(DatumGetIntervalP(column(tuple, desc, COL_STALE_FOR)),
										 "stale_for");
	resource->negative_ttl = fo_interval_us(DatumGetIntervalP(column(tuple, desc,
																	 COL_NEGATIVE_TTL)),
											"negative_ttl");
	resource->max_bytes = DatumGetInt32(column(tuple, desc, COL_MAX_BYTES));
	resource->skip_oversize =
		strcmp(TextDatumGetCString(column(tuple, desc, COL_OVERSIZE)), "skip") == 0;
	resource->per_role = strcmp(TextDatumGetCString(column(tuple, desc, COL_SCOPE)), "role") == 0;
	read_levels(resource, DatumGetArrayTypeP(column(tuple, desc, COL_LEVELS)));
}

/*
 * Take the row of a resource over from one of the tables, as it is now, whatever the
 * transaction's snapshot.  Says in *has_row whether the table knows the name; false
 * also if it is marked as dropped.
 */
static bool
read_table(FoCacheResource *resource, Oid relid, bool *has_row)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		good;

	ScanKeyInit(&key, COL_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(resource->name));
	key.sk_collation = DEFAULT_COLLATION_OID;
	/* no index: the table is small, and read once a change */
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	*has_row = HeapTupleIsValid(tuple);
	good = *has_row && !DatumGetBool(column(tuple, desc, COL_DROPPED));
	if (good)
		read_row(resource, tuple, desc);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return good;
}

/* Read a resource; false if there is none of its name. */
static bool
load_resource(FoCacheResource *resource)
{
	FoCacheShared *shared = fo_cache_shared();
	Oid			own = fo_cache_relation("cache_resource_own");
	Oid			defaults = fo_cache_relation("cache_resource_default");
	bool		has_row;
	bool		found;
	int32		id;

	resource->id = 0;
	do
	{
		id = resource->id;
		resource->slot = id == 0 ? 0 : fo_cache_slot(id);
		/* the cell's state from before the row was read for good */
		if (shared != NULL)
			resource->seen = pg_atomic_read_u64(&shared->slot[resource->slot].config.state);
		found = read_table(resource, own, &has_row) ||
			(!has_row && read_table(resource, defaults, &has_row));
	} while (found && resource->id != id);
	resource_relid = own;
	resource->valid = found;
	return found;
}

/* Is the backend's copy what the table says now? */
static inline bool
still_valid(FoCacheResource *resource)
{
	FoCacheShared *shared = fo_cache_shared();

	if (unlikely(shared == NULL))
		AcceptInvalidationMessages();
	else if (pg_atomic_read_u64(&shared->slot[resource->slot].config.state) != resource->seen ||
			 fo_cell_dirty(resource->seen) != 0)
		return false;
	return resource->valid;
}

/* A resource by name, NULL if there is none. */
FoCacheResource *
fo_resource_find(const char *name, int len)
{
	char		key[NAMEDATALEN];
	FoCacheResource *resource;
	bool		found;

	if (len >= NAMEDATALEN)
		return NULL;
	if (unlikely(resources == NULL))
		fo_resource_init();
	if (unlikely(RecoveryInProgress()))
		AcceptInvalidationMessages();
	if (likely(last_used != NULL && memcmp(last_used->name, name, len) == 0 &&
			   last_used->name[len] == '\0' && still_valid(last_used)))
		return last_used;

	memset(key, 0, sizeof(key));
	memcpy(key, name, len);
	last_used = NULL;
	resource = hash_search(resources, key, HASH_ENTER, &found);
	if (!found)
	{
		resource->valid = false;
		resource->id = 0;
		resource->slot = 0;
	}
	if (!(found && resource->valid && still_valid(resource)) && !load_resource(resource))
	{
		hash_search(resources, key, HASH_REMOVE, NULL);
		return NULL;
	}
	last_used = resource;
	return resource;
}

/* A resource by name, or an error. */
FoCacheResource *
fo_resource_get(text *name)
{
	FoCacheResource *resource = fo_resource_find(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	if (unlikely(resource == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("cache resource \"%s\" does not exist", text_to_cstring(name)),
				 errhint("filteropt.cache_resource lists the resources; "
						 "filteropt.cache_resource_add adds one.")));
	return resource;
}

/* The shared slot of a resource, NULL without shared memory. */
FoCacheSlot *
fo_resource_slot(const FoCacheResource *resource)
{
	FoCacheShared *shared = fo_cache_shared();

	return shared == NULL ? NULL : &shared->slot[resource->slot];
}

/* When a value put now expires; the resource's jitter shortens its own ttl only. */
TimestampTz
fo_resource_expiry(const FoCacheResource *resource, TimestampTz now, Interval *ttl, bool negative)
{
	int64		us = negative ? resource->negative_ttl : resource->ttl;

	if (ttl != NULL)
	{
		us = fo_interval_us(ttl, "ttl");
		if (us == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("ttl must be positive"),
					 errhint("Use filteropt.cache_delete to forget a value, NULL for the "
							 "resource's ttl.")));
	}
	else if (resource->jitter > 0)
		us -= (int64) (us * resource->jitter * FO_RANDOM_DOUBLE());
	return now + us;
}

PG_FUNCTION_INFO_V1(fo_cache_resource_changed);

/*
 * Row trigger on filteropt.cache_resource_own: all backends must read the row anew.  What
 * comes and goes takes all values along: the extension may have been dropped and created
 * again, its ids and versions beginning anew.
 */
Datum
fo_cache_resource_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("fo_cache_resource_changed must be called as a row trigger")));
	desc = RelationGetDescr(data->tg_relation);
	fo_change_config(DatumGetInt32(column(data->tg_trigtuple, desc, COL_ID)),
					 !TRIGGER_FIRED_BY_UPDATE(data->tg_event));
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		fo_change_config(DatumGetInt32(column(data->tg_newtuple, desc, COL_ID)), false);
	CacheInvalidateRelcache(data->tg_relation);
	return PointerGetDatum(NULL);
}
