/*
 * keyword_lookup.c
 *		Matching texts against the keywords of an owner of a source.
 *
 * A set is found by its version: the store has at most one row per owner that
 * a snapshot can see, so a row of that owner seen at the place and with the
 * inserting transaction of one that this backend has loaded before is that same
 * row, unless the store was rewritten, which makes what is known of the source
 * a new generation.  Checking that costs one visibility test and no index; only
 * when it fails is the index asked.  So the answer is that of the snapshot,
 * whatever was cached.
 *
 * The set is not used, and the source is read instead, when this transaction
 * has changed the owner's keywords, when the snapshot is older than the sets, or
 * when row-level security of the source applies to the current role.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "keyword/keyword_source.h"

PG_FUNCTION_INFO_V1(fo_keyword_match_owner);
PG_FUNCTION_INFO_V1(fo_keyword_match_feed);

int			fo_keyword_cache_size = 16384;

/* A set that this backend has loaded. */
typedef struct LoadedKey
{
	Oid			store;
	uint32		hash;			/* of the owner */
} LoadedKey;

typedef struct Loaded
{
	LoadedKey	key;
	dlist_node	node;			/* in order of use, the last used first */
	MemoryContext context;		/* holds owner and set */
	Datum		owner;
	const FoKeywordSet *set;
	ItemPointerData place;		/* of the row in the store ... */
	TransactionId inserter;		/* ... and who inserted it */
	uint64		generation;		/* of the source at that time */
	size_t		bytes;
} Loaded;

static HTAB *loaded = NULL;
static dlist_head by_use = DLIST_STATIC_INIT(by_use);
static size_t loaded_bytes = 0;

/* How the owner argument of a call site becomes a value of the owners' type. */
typedef struct Conversion
{
	Oid			source;
	Oid			type;
	enum
	{
		AS_IT_IS,
		BY_CAST,
		BY_INPUT,				/* an untyped literal */
		BY_TEXT					/* a text that spells it */
	}			way;
	FmgrInfo	cast;
	Oid			param;			/* of the input function */
} Conversion;

/* Remove a loaded set. */
static void
unload(Loaded *entry)
{
	MemoryContext context = entry->context;

	dlist_delete(&entry->node);
	loaded_bytes -= entry->bytes;
	hash_search(loaded, &entry->key, HASH_REMOVE, NULL);
	MemoryContextDelete(context);
}

/* Remove sets, those not used for longest first, to make room for so many bytes. */
static void
make_room(size_t bytes)
{
	size_t		limit = (size_t) fo_keyword_cache_size * 1024;

	while (!dlist_is_empty(&by_use) && loaded_bytes + bytes > limit)
		unload(dlist_container(Loaded, node, dlist_tail_node(&by_use)));
}

/* Make the table of loaded sets on first use. */
static void
init_loaded(void)
{
	HASHCTL		control = {0};

	if (loaded != NULL)
		return;
	control.keysize = sizeof(LoadedKey);
	control.entrysize = sizeof(Loaded);
	control.hcxt = TopMemoryContext;
	loaded = hash_create("filteropt loaded keyword sets", 256, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Copy an owner into the current memory context. */
static Datum
copy_owner(const FoKeywordSource *source, Datum owner)
{
	if (source->owner_len == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(owner));
	return datumCopy(owner, source->owner_byval, source->owner_len);
}

/*
 * Keep the set of a row of the store.  One that is larger than the cache is
 * kept alone until the next one comes.
 */
static Loaded *
load(FoKeywordSource *source, const LoadedKey *key, Datum owner, TupleTableSlot *slot)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "filteropt loaded keyword set",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		datum = slot_getattr(slot, FO_STORE_COMPILED, &isnull);
	Loaded	   *entry;
	Loaded		fresh = {.key = *key, .context = context};
	bool		found;

	fresh.owner = copy_owner(source, owner);
	fresh.set = fo_keyword_usable((struct varlena *) PG_DETOAST_DATUM_COPY(datum), context);
	fresh.place = slot->tts_tid;
	fresh.inserter = fo_slot_inserter(slot);
	fresh.generation = source->generation;
	fresh.bytes = MemoryContextMemAllocated(context, true);
	MemoryContextSwitchTo(old);
	make_room(fresh.bytes);
	entry = hash_search(loaded, key, HASH_ENTER, &found);
	if (found)
	{
		dlist_delete(&entry->node);
		loaded_bytes -= entry->bytes;
		MemoryContextDelete(entry->context);
	}
	*entry = fresh;
	dlist_push_head(&by_use, &entry->node);
	loaded_bytes += entry->bytes;
	return entry;
}

/* Is it the owner's tuple, inserted by the same transaction as the one loaded? */
static bool
same_row(FoKeywordSource *source, const Loaded *entry, Relation store, HeapTuple tuple)
{
	bool		isnull;
	Datum		owner;

	if (HeapTupleHeaderGetRawXmin(tuple->t_data) != entry->inserter)
		return false;
	owner = heap_getattr(tuple, FO_STORE_OWNER, RelationGetDescr(store), &isnull);
	return fo_keyword_owner_equal(source, owner, entry->owner);
}

/* Does the snapshot see the very row that a set was loaded from? */
static bool
still_seen(FoKeywordSource *source, const Loaded *entry, Relation store, Snapshot snapshot)
{
	HeapTupleData tuple;
	Buffer		buffer = InvalidBuffer;
	bool		seen;

	/* VACUUM may have cut the block off. */
	if (entry->generation != source->generation ||
		ItemPointerGetBlockNumber(&entry->place) >= RelationGetNumberOfBlocks(store))
		return false;
	tuple.t_self = entry->place;
	seen = fo_heap_fetch(store, snapshot, &tuple, &buffer) &&
		same_row(source, entry, store, &tuple);
	if (BufferIsValid(buffer))
		ReleaseBuffer(buffer);
	return seen;
}

/* Ask the index for the row of an owner that the snapshot sees, and load its set. */
static Loaded *
probe(FoKeywordSource *source, const LoadedKey *key, Relation store, Datum owner,
	  Snapshot snapshot)
{
	Relation	index = index_open(source->store_index, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(store, NULL);
	IndexScanDesc scan = fo_index_beginscan(store, index, snapshot, 1);
	ScanKeyData equal;
	Loaded	   *entry = NULL;

	ScanKeyEntryInitialize(&equal, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   source->owner_collation, get_opcode(source->owner_eq), owner);
	index_rescan(scan, &equal, 1, NULL, 0);
	if (index_getnext_slot(scan, ForwardScanDirection, slot))
		entry = load(source, key, owner, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return entry;
}

/* The set of an owner in a snapshot, or NULL when there is none. */
static const FoKeywordSet *
find_set(FoKeywordSource *source, Datum owner, Snapshot snapshot)
{
	LoadedKey	key = {source->store, fo_keyword_owner_hash(source, owner)};
	Relation	store = table_open(source->store, AccessShareLock);
	Loaded	   *entry;

	init_loaded();
	entry = hash_search(loaded, &key, HASH_FIND, NULL);
	if (entry != NULL && fo_keyword_owner_equal(source, entry->owner, owner) &&
		still_seen(source, entry, store, snapshot))
		dlist_move_head(&by_use, &entry->node);
	else
		entry = probe(source, &key, store, owner, snapshot);
	table_close(store, AccessShareLock);
	return entry == NULL ? NULL : entry->set;
}

/* Raise an error unless the current role may read owner, keyword and flag of the source. */
static void
check_privileges(const FoKeywordSource *source)
{
	const NameData *columns[] = {&source->owner_column, &source->keyword_column,
		&source->flag_column};

	if (pg_class_aclcheck(source->source, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return;
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		AttrNumber	number;

		if (NameStr(*columns[i])[0] == '\0')
			continue;
		number = get_attnum(source->source, NameStr(*columns[i]));
		if (pg_attribute_aclcheck(source->source, number, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(source->source));
	}
}

/* Is it a type of integers? */
static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* Find out how to convert owners of a type to that of the source's column. */
static void
find_conversion(Conversion *conversion, const FoKeywordSource *source, Oid type)
{
	Oid			function = InvalidOid;
	Oid			wanted = getBaseType(source->owner_type);

	/*
	 * Integers of another width will do; a number that would be rounded will
	 * not.
	 */
	CoercionContext allowed = is_integer(wanted) && is_integer(getBaseType(type))
		? COERCION_ASSIGNMENT : COERCION_IMPLICIT;
	CoercionPathType path;
	MemoryContext context = conversion->cast.fn_mcxt;

	conversion->source = source->source;
	conversion->type = type;
	path = type == UNKNOWNOID ? COERCION_PATH_NONE
		: find_coercion_pathway(wanted, getBaseType(type), allowed, &function);
	if (type == UNKNOWNOID || (getBaseType(type) == TEXTOID && path == COERCION_PATH_NONE))
	{
		getTypeInputInfo(source->owner_type, &function, &conversion->param);
		fmgr_info_cxt(function, &conversion->cast, context);
		conversion->way = type == UNKNOWNOID ? BY_INPUT : BY_TEXT;
	}
	else if (getBaseType(type) == wanted || path == COERCION_PATH_RELABELTYPE)
		conversion->way = AS_IT_IS;
	else if (path == COERCION_PATH_FUNC)
	{
		fmgr_info_cxt(function, &conversion->cast, context);
		conversion->way = BY_CAST;
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("owners of \"%s\" are of type %s, but the argument is of type %s",
						get_rel_name(source->source), format_type_be(source->owner_type),
						format_type_be(type)),
				 errhint("Cast the argument to the type of column \"%s\".",
						 NameStr(source->owner_column))));
}

/*
 * The owner argument of a function, the second one, as a value of the owners'
 * type.  Uses fn_extra of the call.
 */
Datum
fo_keyword_owner_arg(FunctionCallInfo fcinfo, FoKeywordSource *source)
{
	Conversion *conversion = fcinfo->flinfo->fn_extra;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	Datum		owner = PG_GETARG_DATUM(1);

	if (conversion == NULL)
	{
		conversion = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Conversion));
		fcinfo->flinfo->fn_extra = conversion;
	}
	if (conversion->source != source->source || conversion->type != type)
	{
		conversion->cast.fn_mcxt = fcinfo->flinfo->fn_mcxt;
		find_conversion(conversion, source, type);
	}
	if (conversion->way == BY_CAST)
		return fo_call_cast(&conversion->cast, owner, source->owner_typmod);
	if (conversion->way == BY_INPUT)
		return InputFunctionCall(&conversion->cast, DatumGetCString(owner), conversion->param,
								 source->owner_typmod);
	if (conversion->way == BY_TEXT)
		return InputFunctionCall(&conversion->cast, TextDatumGetCString(owner),
								 conversion->param, source->owner_typmod);
	return owner;
}

/*
 * Do the sets of the source say what the snapshot shows to the current role?
 * One from before "since" sees rows, or misses some, that the sets of its time
 * do not tell of.
 */
static bool
sets_apply(FoKeywordSource *source, Snapshot snapshot)
{
	return !source->detaching &&
		!(TransactionIdIsValid(source->since) && XidInMVCCSnapshot(source->since, snapshot)) &&
		check_enable_rls(source->source, InvalidOid, true) != RLS_ENABLED;
}

/*
 * The set of an owner in the current snapshot and for the current role; NULL
 * when the owner has none.
 */
const FoKeywordSet *
fo_keyword_owner_set(FoKeywordSource *source, Datum owner)
{
	check_privileges(source);
	if (sets_apply(source, GetActiveSnapshot()) && !fo_keyword_is_pending(source, owner))
		return find_set(source, owner, GetActiveSnapshot());
	return fo_keyword_compile(source, owner, GetActiveSnapshot()).set;
}

/* The set to match against for the arguments source and owner of a function. */
static const FoKeywordSet *
get_set(FunctionCallInfo fcinfo)
{
	FoKeywordSource *source = fo_keyword_source_get(PG_GETARG_OID(0));

	return fo_keyword_owner_set(source, fo_keyword_owner_arg(fcinfo, source));
}

/* keyword_match(source regclass, owner "any", body text) returns text[] */
Datum
fo_keyword_match_owner(PG_FUNCTION_ARGS)
{
	const FoKeywordSet *set = get_set(fcinfo);

	if (set == NULL)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));
	PG_RETURN_ARRAYTYPE_P(fo_keyword_list_of(set, fo_keyword_body(PG_GETARG_TEXT_PP(2))));
}

/* Add the row of one body to the result of keyword_match_feed. */
static void
put_post(ReturnSetInfo *result, const FoKeywordSet *set, int post, Datum body, bool isnull)
{
	Datum		values[2] = {Int32GetDatum(post), (Datum) 0};
	bool		nulls[2] = {false, isnull};

	if (!isnull && set == NULL)
		values[1] = PointerGetDatum(construct_empty_array(TEXTOID));
	else if (!isnull)
		values[1] = PointerGetDatum(fo_keyword_list_of(set,
													   fo_keyword_body(DatumGetTextPP(body))));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* keyword_match(source regclass, owner "any", bodies text[]) returns setof (post, keywords) */
Datum
fo_keyword_match_feed(PG_FUNCTION_ARGS)
{
	const FoKeywordSet *set = get_set(fcinfo);
	ArrayIterator bodies = array_create_iterator(PG_GETARG_ARRAYTYPE_P(2), 0, NULL);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "filteropt keyword post",
											  ALLOCSET_DEFAULT_SIZES);
	Datum		body;
	bool		isnull;

	fo_begin_rows(fcinfo);
	for (int post = 1; array_iterate(bodies, &body, &isnull); post++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		CHECK_FOR_INTERRUPTS();
		put_post((ReturnSetInfo *) fcinfo->resultinfo, set, post, body, isnull);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	array_free_iterator(bodies);
	MemoryContextDelete(row);
	PG_RETURN_NULL();
}
