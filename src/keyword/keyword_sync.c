/*
 * keyword_sync.c
 *		Keeping compiled sets right while their source changes.
 *
 * Row triggers only note which owners have changed.  Before the transaction
 * commits (or is prepared), each of these owners is compiled once, from what is
 * committed by then and what this transaction changed.  Until then, a look-up
 * of such an owner in this transaction reads the source itself, so it is exact
 * in any snapshot; and nothing is to be undone when a savepoint is rolled back,
 * since compiling an owner that did not change after all does no harm.
 *
 * Two transactions that change the same owner must not both compile without
 * seeing the other's rows.  So committing transactions take one of LOCKS
 * advisory locks per source, chosen by the hash of the owner, in ascending
 * order, and read with a snapshot taken after that: the second one to come sees
 * what the first has committed, at every isolation level.  While it holds such
 * locks a transaction waits for nothing but further ones, so no deadlock can
 * arise from them.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "keyword/keyword_source.h"

#define LOCKS 64

/* Fourth field of our advisory locks; those of SQL functions have 1 or 2. */
#define LOCK_KIND 7

PG_FUNCTION_INFO_V1(fo_keyword_sync);
PG_FUNCTION_INFO_V1(fo_keyword_rebuild);

/* An owner whose keywords this transaction has changed. */
typedef struct PendingKey
{
	Oid			source;
	uint32		hash;
} PendingKey;

typedef struct PendingOwner
{
	struct PendingOwner *next;	/* of the same hash */
	Datum		owner;
} PendingOwner;

typedef struct Pending
{
	PendingKey	key;
	PendingOwner *owners;
} Pending;

/* All belong to the current transaction; NULL: nothing is pending. */
static MemoryContext pending_context = NULL;
static HTAB *pending = NULL;
static List *truncated = NIL;	/* sources of which every owner is pending */

/* Take the lock of the owners whose hash it is, to the end of the transaction. */
static void
lock_owner(const PendingKey *key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key->source, key->hash % LOCKS, LOCK_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Order in which locks are taken: by source, then by lock, then by hash. */
static int
compare_pending(const void *left, const void *right)
{
	const PendingKey *a = &(*(Pending *const *) left)->key;
	const PendingKey *b = &(*(Pending *const *) right)->key;

	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->hash % LOCKS != b->hash % LOCKS)
		return a->hash % LOCKS < b->hash % LOCKS ? -1 : 1;
	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* All that is pending, in the order of locks. */
static Pending **
sorted_pending(int *n)
{
	Size		size = (hash_get_num_entries(pending) + 1) * sizeof(Pending *);
	Pending   **all = MemoryContextAllocHuge(pending_context, size);
	HASH_SEQ_STATUS scan;
	Pending    *entry;

	*n = 0;
	hash_seq_init(&scan, pending);
	while ((entry = hash_seq_search(&scan)) != NULL)
		all[(*n)++] = entry;
	qsort(all, *n, sizeof(Pending *), compare_pending);
	return all;
}

/* The description of a source, or NULL when it was dropped or detached meanwhile. */
static FoKeywordSource *
still_attached(Oid oid)
{
	FoKeywordSource *source;
	Relation	relation;

	if (get_rel_name(oid) == NULL)
		return NULL;
	relation = table_open(oid, AccessShareLock);
	source = fo_keyword_source_find(relation);
	table_close(relation, NoLock);
	return source;
}

/* Compile and store all owners of the sources that were truncated. */
static void
flush_truncated(void)
{
	ListCell   *cell;

	foreach(cell, truncated)
	{
		FoKeywordSource *source;

		/*
		 * We hold a stronger lock, unless a savepoint before the TRUNCATE was
		 * rolled back to.
		 */
		LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
		source = still_attached(lfirst_oid(cell));
		if (source != NULL)
			fo_keyword_store_all(source);
	}
}

/* Compile and store the pending owners of one hash, unless their source was done as a whole. */
static void
flush_owners(const Pending *entry, MemoryContext context)
{
	FoKeywordSource *source;

	if (list_member_oid(truncated, entry->key.source))
		return;
	source = still_attached(entry->key.source);
	for (PendingOwner *p = entry->owners; source != NULL && p != NULL; p = p->next)
	{
		CHECK_FOR_INTERRUPTS();
		fo_keyword_store(source, p->owner);
		MemoryContextReset(context);
	}
}

/* Compile and store all that is pending. */
static void
flush_pending(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "filteropt keyword flush",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		read_only = XactReadOnly;
	int			n;
	Pending   **all = sorted_pending(&n);

	/* The transaction may have been made READ ONLY after it wrote. */
	XactReadOnly = false;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	flush_truncated();
	for (int i = 0; i < n; i++)
		lock_owner(&all[i]->key);
	for (int i = 0; i < n; i++)
		flush_owners(all[i], context);
	PopActiveSnapshot();
	XactReadOnly = read_only;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Transaction callback: store what is pending before commit, forget it at the end. */
static void
at_transaction_event(XactEvent event, void *arg)
{
	if (pending == NULL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
	{
		flush_pending();
		return;
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		/*
		 * The context is a child of TopTransactionContext, which is about to
		 * go.
		 */
		pending = NULL;
		pending_context = NULL;
		truncated = NIL;
	}
}

/* Make the table of pending owners of this transaction. */
static void
begin_pending(void)
{
	static bool registered = false;
	HASHCTL		control = {0};

	if (!registered)
		RegisterXactCallback(at_transaction_event, NULL);
	registered = true;
	pending_context = AllocSetContextCreate(TopTransactionContext, "filteropt pending keywords",
											ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(PendingKey);
	control.entrysize = sizeof(Pending);
	control.hcxt = pending_context;
	pending = hash_create("filteropt pending keywords", 256, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The pending owner, or NULL. */
static PendingOwner *
find_pending(FoKeywordSource *source, const Pending *entry, Datum owner)
{
	for (PendingOwner *p = entry->owners; p != NULL; p = p->next)
	{
		if (fo_keyword_owner_equal(source, p->owner, owner))
			return p;
	}
	return NULL;
}

/* Note that the keywords of an owner have changed. */
static void
add_pending(FoKeywordSource *source, Datum owner)
{
	PendingKey	key = {source->source, fo_keyword_owner_hash(source, owner)};
	Pending    *entry;
	PendingOwner *added;
	MemoryContext old;
	bool		found;

	if (pending == NULL)
		begin_pending();
	entry = hash_search(pending, &key, HASH_ENTER, &found);
	if (!found)
		entry->owners = NULL;
	if (find_pending(source, entry, owner) != NULL)
		return;
	old = MemoryContextSwitchTo(pending_context);
	added = palloc(sizeof(PendingOwner));
	if (source->owner_len == -1)
		added->owner = PointerGetDatum(PG_DETOAST_DATUM_COPY(owner));
	else
		added->owner = datumCopy(owner, source->owner_byval, source->owner_len);
	added->next = entry->owners;
	entry->owners = added;
	MemoryContextSwitchTo(old);
}

/* Has this transaction changed the keywords of the owner, so that its set is out of date? */
bool
fo_keyword_is_pending(FoKeywordSource *source, Datum owner)
{
	PendingKey	key = {source->source, 0};
	Pending    *entry;

	if (pending == NULL)
		return false;
	if (list_member_oid(truncated, source->source))
		return true;
	key.hash = fo_keyword_owner_hash(source, owner);
	entry = hash_search(pending, &key, HASH_FIND, NULL);
	return entry != NULL && find_pending(source, entry, owner) != NULL;
}

/* Raise an error if a strict source gets a keyword that cannot be compiled. */
static void
check_keyword(FoKeywordSource *source, HeapTuple tuple, TupleDesc desc)
{
	int			column = SPI_fnumber(desc, NameStr(source->keyword_column));
	bool		isnull;
	Datum		keyword = heap_getattr(tuple, column, desc, &isnull);
	FoBuilder	builder;

	fo_keyword_begin_set(&builder, source->fold, source->whole_word);
	fo_keyword_add(&builder, keyword, isnull, 1, false);
}

/* Note the owner of a changed row; a row without one has no effect. */
static void
note_row(FoKeywordSource *source, HeapTuple tuple, TupleDesc desc, bool is_new)
{
	int			column = SPI_fnumber(desc, NameStr(source->owner_column));
	bool		isnull;
	Datum		owner = heap_getattr(tuple, column, desc, &isnull);

	if (isnull)
		return;
	if (is_new && source->strict)
		check_keyword(source, tuple, desc);
	add_pending(source, owner);
}

/* Note that every owner of the source may have lost keywords. */
static void
note_all(FoKeywordSource *source)
{
	MemoryContext old;

	if (pending == NULL)
		begin_pending();
	old = MemoryContextSwitchTo(pending_context);
	truncated = list_append_unique_oid(truncated, source->source);
	MemoryContextSwitchTo(old);
}

/* Trigger function of a source and its partitions. */
Datum
fo_keyword_sync(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	FoKeywordSource *source;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function filteropt.keyword_sync() works only in triggers that "
						"filteropt.keyword_attach() makes")));
	source = fo_keyword_source_find(data->tg_relation);
	if (source == NULL)
		PG_RETURN_POINTER(NULL);
	desc = RelationGetDescr(data->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		note_all(source);
	else if (TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		PG_RETURN_POINTER(NULL);
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		note_row(source, data->tg_trigtuple, desc, false);
		note_row(source, data->tg_newtuple, desc, true);
	}
	else
		note_row(source, data->tg_trigtuple, desc, TRIGGER_FIRED_BY_INSERT(data->tg_event));
	PG_RETURN_POINTER(NULL);
}

/* keyword_rebuild(source regclass) returns bigint */
Datum
fo_keyword_rebuild(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	FoKeywordSource *source;

	fo_keyword_need_store(oid);
	/* Keep writers out, but not readers. */
	LockRelationOid(oid, ShareRowExclusiveLock);
	source = fo_keyword_source_get(oid);
	PG_RETURN_INT64(fo_keyword_store_all(source));
}
