/*
 * keyword_source.c
 *		What is known of the tables to which filteropt is attached.
 *
 * The triggers of a source are its only description: pg_dump carries them, and
 * they follow renames.  The one that never fires, MARKER, has the columns in
 * its UPDATE OF list (owner, keyword and, if there is one, the flag of allowed
 * phrases); its arguments are the store's name in schema filteropt, whole_word,
 * fold and on_bad.
 *
 * Descriptions are kept for the backend and made anew when the relation cache
 * says that the source or its store has changed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "keyword/keyword_source.h"

#define MARKER "filteropt_keyword_columns"
#define MARKER_ARGS 4

int			fo_keyword_depth = 0;

static HTAB *sources = NULL;
static uint64 invalidations = 0;

/* Relation cache callback: what is known of that relation may be wrong. */
static void
invalidate(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS all;
	FoKeywordSource *source;

	invalidations++;
	hash_seq_init(&all, sources);
	while ((source = hash_seq_search(&all)) != NULL)
	{
		if (!OidIsValid(relation) || source->source == relation || source->store == relation ||
			list_member_oid(source->parents, relation))
			source->valid = false;
	}
}

/* Transaction callback: nothing is executed any more, also after an error. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		fo_keyword_depth = 0;
}

/* Make the table of sources on first use. */
static void
init_sources(void)
{
	HASHCTL		control = {0};

	if (sources != NULL)
		return;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(FoKeywordSource);
	control.hcxt = TopMemoryContext;
	sources = hash_create("filteropt keyword sources", 16, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
	RegisterXactCallback(at_transaction_end, NULL);
}

/* The trigger that describes a source, or NULL when the relation is not one. */
static Trigger *
find_marker(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, MARKER) == 0 && trigger->tgnargs == MARKER_ARGS &&
			(trigger->tgnattr == 2 || trigger->tgnattr == 3))
			return trigger;
	}
	return NULL;
}

/* Forget saved plans; one that may be running is not released. */
static void
free_plans(FoKeywordSource *source)
{
	SPIPlanPtr *plans[] = {&source->select[0], &source->select[1], &source->update,
		&source->insert, &source->delete};

	for (size_t i = 0; i < lengthof(plans); i++)
	{
		if (*plans[i] != NULL && fo_keyword_depth == 0)
			SPI_freeplan(*plans[i]);
		*plans[i] = NULL;
	}
}

/* Copy the name of a column of the relation. */
static void
column_name(Relation relation, AttrNumber number, NameData *name)
{
	*name = TupleDescAttr(RelationGetDescr(relation), number - 1)->attname;
}

/* What is known of a type of owners; error if they cannot be compared, hashed and sorted. */
TypeCacheEntry *
fo_keyword_owner_type(Oid type, const char *column)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_EQ_OPR_FINFO |
											  TYPECACHE_HASH_PROC_FINFO | TYPECACHE_LT_OPR);

	if (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->hash_proc) || !OidIsValid(entry->lt_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("type %s of column \"%s\" has no equality that can be hashed and sorted",
						format_type_be(type), column),
				 errhint("Owners may be of types such as bigint, uuid and text.")));
	return entry;
}

/* Note the type of the owners and how to compare and hash them. */
static void
describe_owner(FoKeywordSource *source, Form_pg_attribute column)
{
	TypeCacheEntry *type = fo_keyword_owner_type(column->atttypid, NameStr(column->attname));

	source->owner_type = column->atttypid;
	source->owner_typmod = column->atttypmod;
	source->owner_collation = column->attcollation;
	source->owner_len = column->attlen;
	source->owner_byval = column->attbyval;
	source->owner_eq = type->eq_opr;
	fmgr_info_cxt(type->eq_opr_finfo.fn_oid, &source->equal, TopMemoryContext);
	fmgr_info_cxt(type->hash_proc_finfo.fn_oid, &source->hash, TopMemoryContext);
}

/* Is it our guard, the only trigger that a store may have? */
static bool
is_guard(const Trigger *trigger, Oid schema)
{
	return get_func_namespace(trigger->tgfoid) == schema &&
		strcmp(get_func_name(trigger->tgfoid), "keyword_guard") == 0;
}

/*
 * Is the table as keyword_attach() made it?  Its owner could have altered it so
 * that code of his runs when others compile or look up sets, or so that other
 * values are taken for sets.
 */
static bool
is_store(FoKeywordSource *source, Relation store)
{
	TupleDesc	desc = RelationGetDescr(store);
	Oid			schema = RelationGetNamespace(store);
	Oid			set = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									  CStringGetDatum("keyword_set"), ObjectIdGetDatum(schema));
	List	   *indexes = RelationGetIndexList(store);
	bool		good = store->rd_rel->relkind == RELKIND_RELATION &&
		store->rd_rel->relam == HEAP_TABLE_AM_OID && store->rd_rules == NULL &&
		store->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		!store->rd_rel->relhassubclass && !store->rd_rel->relrowsecurity &&
		list_length(indexes) == 1 && OidIsValid(store->rd_pkindex) &&
		desc->natts == FO_STORE_REJECTED &&
		TupleDescAttr(desc, FO_STORE_OWNER - 1)->atttypid == source->owner_type &&
		TupleDescAttr(desc, FO_STORE_COMPILED - 1)->atttypid == set &&
		TupleDescAttr(desc, FO_STORE_REJECTED - 1)->atttypid == JSONBOID &&
		(desc->constr == NULL || (desc->constr->num_defval == 0 && desc->constr->num_check == 0));

	for (int i = 0; good && store->trigdesc != NULL && i < store->trigdesc->numtriggers; i++)
		good = is_guard(&store->trigdesc->triggers[i], schema);
	list_free(indexes);
	return good;
}

/*
 * Find the store and the index on its owners.  Whoever may make triggers can
 * name any store in one, so a store counts only for a source of its own owner.
 */
static void
describe_store(FoKeywordSource *source, const char *name)
{
	Oid			schema = get_namespace_oid("filteropt", false);
	Relation	store;

	source->store = get_relname_relid(name, schema);
	if (!OidIsValid(source->store))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table filteropt.%s with the compiled keywords of \"%s\" is missing",
						quote_identifier(name), get_rel_name(source->source)),
				 errhint("Call filteropt.keyword_rebuild() to have them compiled anew.")));
	store = table_open(source->store, AccessShareLock);
	if (store->rd_rel->relowner != source->role)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table filteropt.%s with the compiled keywords of \"%s\" has another owner",
						quote_identifier(name), get_rel_name(source->source)),
				 errhint("Give both tables the same owner.")));
	if (!is_store(source, store))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table filteropt.%s is not as filteropt.keyword_attach() made it",
						quote_identifier(name)),
				 errhint("Call filteropt.keyword_detach() and filteropt.keyword_attach() again.")));
	source->store_index = store->rd_pkindex;
	table_close(store, AccessShareLock);
}

/* A copy of a trigger's row, with the place where it is. */
static HeapTuple
trigger_row(Relation triggers, Oid trigger)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

/* The transaction that wrote a trigger's row, or an invalid one when all snapshots see it. */
static TransactionId
trigger_writer(Oid trigger)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	HeapTuple	tuple = trigger_row(triggers, trigger);
	TransactionId writer = HeapTupleIsValid(tuple) ? HeapTupleHeaderGetXmin(tuple->t_data)
		: InvalidTransactionId;

	table_close(triggers, AccessShareLock);
	return TransactionIdIsNormal(writer) ? writer : InvalidTransactionId;
}

/* Name of the store and number of the owner column that a source's marker tells, if it has one. */
bool
fo_keyword_source_marker(Oid oid, NameData *store, AttrNumber *owner)
{
	Relation	relation = table_open(oid, AccessShareLock);
	Trigger    *marker = find_marker(relation);

	if (marker != NULL)
	{
		namestrcpy(store, marker->tgargs[0]);
		*owner = marker->tgattr[0];
	}
	table_close(relation, NoLock);
	return marker != NULL;
}

/*
 * Let snapshots from before now read the source itself instead of its sets, by
 * writing the marker's row anew: rows came or went in a way that is no matter of
 * snapshots (truncated, rewritten, with a partition), or sets were mended.
 */
void
fo_keyword_source_renew(Oid oid)
{
	Relation	relation = table_open(oid, AccessShareLock);
	Relation	triggers = table_open(TriggerRelationId, RowExclusiveLock);
	Trigger    *marker = find_marker(relation);
	HeapTuple	tuple = marker == NULL ? NULL : trigger_row(triggers, marker->tgoid);

	if (HeapTupleIsValid(tuple))
	{
		CatalogTupleUpdate(triggers, &tuple->t_self, tuple);
		CacheInvalidateRelcache(relation);
	}
	table_close(triggers, RowExclusiveLock);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

/*
 * Note which tables of a partitioned source have partitions, and whether one of
 * these is being detached concurrently: which snapshots see it no set can tell.
 */
static void
describe_partitions(FoKeywordSource *source, Relation relation)
{
	List	   *members;
	ListCell   *cell;

	list_free(source->parents);
	source->parents = NIL;
	source->detaching = false;
	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	members = find_all_inheritors(source->source, NoLock, NULL);
	foreach(cell, members)
	{
		MemoryContext old;

		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_PARTITIONED_TABLE)
			continue;
		list_free(find_inheritance_children_extended(lfirst_oid(cell), false, NoLock,
													 &source->detaching, NULL));
		old = MemoryContextSwitchTo(TopMemoryContext);
		source->parents = lappend_oid(source->parents, lfirst_oid(cell));
		MemoryContextSwitchTo(old);
	}
	list_free(members);
}

/* Fill in the description of a relation from its marker. */
static void
describe(FoKeywordSource *source, Relation relation, const Trigger *marker)
{
	static uint64 generations = 0;
	AttrNumber	owner = marker->tgattr[0];

	free_plans(source);
	source->since = trigger_writer(marker->tgoid);
	source->generation = ++generations;
	source->role = relation->rd_rel->relowner;
	column_name(relation, owner, &source->owner_column);
	column_name(relation, marker->tgattr[1], &source->keyword_column);
	memset(&source->flag_column, 0, sizeof(NameData));
	if (marker->tgnattr == 3)
		column_name(relation, marker->tgattr[2], &source->flag_column);
	describe_partitions(source, relation);
	describe_owner(source, TupleDescAttr(RelationGetDescr(relation), owner - 1));
	describe_store(source, marker->tgargs[0]);
	source->whole_word = strcmp(marker->tgargs[1], "true") == 0;
	source->fold = fo_keyword_fold_level(marker->tgargs[2]);
	source->strict = strcmp(marker->tgargs[3], "error") == 0;
}

/* The description of an open relation, or NULL when it is not a source. */
static FoKeywordSource *
get_described(Relation relation)
{
	Oid			key = RelationGetRelid(relation);
	FoKeywordSource *source;
	Trigger    *marker;
	uint64		before;
	bool		found;

	init_sources();
	source = hash_search(sources, &key, HASH_FIND, NULL);
	if (source != NULL && source->valid)
		return source;
	marker = find_marker(relation);
	if (marker == NULL)
		return NULL;
	source = hash_search(sources, &key, HASH_ENTER, &found);
	if (!found)
	{
		memset(source, 0, sizeof(*source));
		source->source = key;
	}
	source->valid = false;
	before = invalidations;
	describe(source, relation, marker);
	/* What was invalidated meanwhile is described again the next time. */
	source->valid = invalidations == before;
	return source;
}

/*
 * The description of a source; error if filteropt is not attached to it.  It
 * takes no lock when the description is at hand: what invalidates it was done
 * under a lock that conflicts with those of our callers' statements.
 */
FoKeywordSource *
fo_keyword_source_get(Oid oid)
{
	FoKeywordSource *source;
	Relation	relation;

	init_sources();
	AcceptInvalidationMessages();
	source = hash_search(sources, &oid, HASH_FIND, NULL);
	if (source != NULL && source->valid)
		return source;
	if (get_rel_name(oid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid)));
	relation = table_open(oid, AccessShareLock);
	source = get_described(relation);
	table_close(relation, NoLock);
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no keywords are attached to table \"%s\"", get_rel_name(oid)),
				 errhint("Call filteropt.keyword_attach() first.")));
	return source;
}

/* The source that a relation with our triggers is, or is a partition of. */
FoKeywordSource *
fo_keyword_source_find(Relation relation)
{
	FoKeywordSource *source = get_described(relation);
	List	   *ancestors;
	ListCell   *cell;

	if (source != NULL || !relation->rd_rel->relispartition)
		return source;
	ancestors = get_partition_ancestors(RelationGetRelid(relation));
	foreach(cell, ancestors)
	{
		Relation	ancestor = table_open(lfirst_oid(cell), AccessShareLock);

		source = get_described(ancestor);
		table_close(ancestor, NoLock);
		if (source != NULL)
			break;
	}
	list_free(ancestors);
	return source;
}

/* Hash of an owner, by the hash function of its type. */
uint32
fo_keyword_owner_hash(FoKeywordSource *source, Datum owner)
{
	return DatumGetUInt32(FunctionCall1Coll(&source->hash, source->owner_collation, owner));
}

/* Are two owners equal? */
bool
fo_keyword_owner_equal(FoKeywordSource *source, Datum a, Datum b)
{
	return DatumGetBool(FunctionCall2Coll(&source->equal, source->owner_collation, a, b));
}
