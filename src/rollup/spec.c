/*
 * spec.c
 *		Load rollups for the triggers of a table, and cache them.
 *
 * The cache maps a table to the rollups that it feeds.  It lives as long as the
 * backend; an entry is rebuilt after a relcache invalidation of the table, of a
 * partition ancestor, or of a rollup's relations, and after any change of a
 * function (which may be inlined in an expression).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "base/compat_query.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "rollup/localtime.h"
#include "rollup/place.h"
#include "rollup/spec.h"
#include "rollup/stat.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static HTAB *bases = NULL;

/* The OID of the table filteropt.rollup, or InvalidOid. */
Oid
fo_rollup_config_relid(void)
{
	Oid			nsp = get_namespace_oid("filteropt", true);

	return OidIsValid(nsp) ? get_relname_relid("rollup", nsp) : InvalidOid;
}

/*
 * Read the rows of filteropt.rollup whose column equals the value; all rows for
 * InvalidOid.  Uses the catalog snapshot, so that a transaction with an old
 * snapshot maintains a rollup that was created after it.
 */
List *
fo_rollup_ids_by(int attnum, Oid value)
{
	Oid			relid = fo_rollup_config_relid();
	List	   *result = NIL;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	scan = systable_beginscan(rel, InvalidOid, false, NULL,
							  OidIsValid(value) ? 1 : 0, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FoRollupIds *ids = palloc(sizeof(FoRollupIds));
		Datum		values[FO_CONFIG_NATTS];
		bool		nulls[FO_CONFIG_NATTS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		ids->view = DatumGetObjectId(values[FO_CONFIG_VIEW - 1]);
		ids->query = DatumGetObjectId(values[FO_CONFIG_QUERY - 1]);
		ids->data = DatumGetObjectId(values[FO_CONFIG_DATA - 1]);
		ids->base = DatumGetObjectId(values[FO_CONFIG_BASE - 1]);
		result = lappend(result, ids);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Find the rollup that users read through the view. */
bool
fo_rollup_ids_of_view(Oid view, FoRollupIds *ids)
{
	List	   *found = fo_rollup_ids_by(FO_CONFIG_VIEW, view);

	if (found == NIL)
		return false;
	*ids = *(FoRollupIds *) linitial(found);
	return true;
}

/*
 * A copy of the query behind a rollup's query view; NULL if it is gone.  A restored
 * view has been analysed by the server, groups and all; ours has plain groups.
 */
Query *
fo_rollup_query(Oid queryview)
{
	Relation	rel = try_relation_open(queryview, AccessShareLock);
	Query	   *query = NULL;

	if (rel == NULL)
		return NULL;
	if (rel->rd_rel->relkind == RELKIND_VIEW)
		query = fo_plain_groups(copyObject(get_view_query(rel)));
	relation_close(rel, AccessShareLock);
	return query;
}

/* Prepare an expression of the layout for execution. */
static Expr *
plan(Node *node)
{
	return expression_planner((Expr *) fo_rollup_fast_zones(copyObject(node), NULL));
}

/* An input as one expression, null where FILTER says no: its argument is not evaluated then. */
static Node *
filtered(const FoInput *input)
{
	Node	   *arg = input->arg ? (Node *) input->arg : makeBoolConst(true, false);
	CaseWhen   *when;
	CaseExpr   *expr;

	if (input->filter == NULL)
		return arg;
	when = makeNode(CaseWhen);
	when->expr = input->filter;
	when->result = (Expr *) arg;
	when->location = -1;
	expr = makeNode(CaseExpr);
	expr->casetype = exprType(arg);
	expr->casecollid = exprCollation(arg);
	expr->args = list_make1(when);
	expr->defresult = (Expr *) makeNullConst(expr->casetype, -1, expr->casecollid);
	expr->location = -1;
	return (Node *) expr;
}

/* Compile the groups and inputs, to be evaluated in one go. */
static ProjectionInfo *
compile_look(FoRollup *rollup)
{
	FoLayout   *layout = rollup->layout;
	int			n = layout->ngroups + layout->ninputs;
	TupleDesc	desc = CreateTemplateTupleDesc(n);
	List	   *targets = NIL;

	for (int i = 0; i < n; i++)
	{
		Expr	   *expr = plan(i < layout->ngroups ? layout->groups[i] :
								filtered(&layout->inputs[i - layout->ngroups]));

		TupleDescInitEntry(desc, i + 1, NULL, exprType((Node *) expr), -1, 0);
		targets = lappend(targets, makeTargetEntry(expr, i + 1, NULL, false));
	}
	return ExecBuildProjectionInfo(targets, rollup->econtext,
								   MakeSingleTupleTableSlot(desc, &TTSOpsVirtual),
								   NULL, NULL);
}

/* Compile what the trigger evaluates; WHERE the parser leaves as one expression. */
static void
compile_expressions(FoRollup *rollup)
{
	rollup->econtext = CreateStandaloneExprContext();
	if (rollup->layout->where)
		rollup->where = ExecInitExpr(plan(rollup->layout->where), NULL);
	for (int i = 0; i < 2; i++)
		rollup->look[i] = compile_look(rollup);
}

/* Look up types and comparison functions of the data table's columns. */
static void
describe_columns(FoRollup *rollup)
{
	FoLayout   *layout = rollup->layout;

	rollup->natts = layout->ngroups + layout->ncolumns;
	rollup->types = palloc(sizeof(Oid) * rollup->natts);
	rollup->typlen = palloc(sizeof(int16) * rollup->natts);
	rollup->typbyval = palloc(sizeof(bool) * rollup->natts);
	rollup->better = palloc0(sizeof(FmgrInfo) * layout->ncolumns);
	for (int i = 0; i < rollup->natts; i++)
	{
		rollup->types[i] = i < layout->ngroups ? exprType(layout->groups[i]) :
			layout->columns[i - layout->ngroups].type;
		get_typlenbyval(rollup->types[i], &rollup->typlen[i],
						&rollup->typbyval[i]);
	}
	rollup->inlen = palloc0(sizeof(int16) * (layout->ninputs + 1));
	rollup->inbyval = palloc0(sizeof(bool) * (layout->ninputs + 1));
	for (int i = 0; i < layout->ninputs; i++)
	{
		if (layout->inputs[i].arg)
			get_typlenbyval(layout->inputs[i].type, &rollup->inlen[i],
							&rollup->inbyval[i]);
		else
			rollup->inbyval[i] = true;
	}
	rollup->only_integers = true;
	for (int i = 0; i < layout->ncolumns; i++)
	{
		if (OidIsValid(layout->columns[i].better))
			fmgr_info(get_opcode(layout->columns[i].better), &rollup->better[i]);
		if (layout->columns[i].type != INT8OID || OidIsValid(layout->columns[i].better))
			rollup->only_integers = false;
	}
}

/*
 * Load a rollup with one reference, held by the caller.  NULL when its query
 * view has been dropped, which leaves nothing to maintain.
 */
FoRollup *
fo_rollup_load(const FoRollupIds *ids)
{
	Query	   *query = fo_rollup_query(ids->query);
	MemoryContext cxt;
	MemoryContext old;
	FoRollup   *rollup;

	if (query == NULL)
		return NULL;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "filteropt rollup",
								ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	rollup = palloc0(sizeof(FoRollup));
	rollup->refcount = 1;
	rollup->cxt = cxt;
	rollup->ids = *ids;
	rollup->layout = fo_rollup_layout(query);
	describe_columns(rollup);
	compile_expressions(rollup);
	rollup->counters = fo_rollup_counters(ids->data);
	MemoryContextSwitchTo(old);
	/* From here on it cannot be lost by an error. */
	MemoryContextSetParent(cxt, CacheMemoryContext);
	return rollup;
}

/* Give up a reference; the last one frees the rollup. */
void
fo_rollup_release(FoRollup *rollup)
{
	if (--rollup->refcount > 0)
		return;
	FreeExprContext(rollup->econtext, false);
	fo_rollup_forget_places(rollup);
	MemoryContextDelete(rollup->cxt);
}

/* Drop what an outdated cache entry holds. */
static void
clear_base(FoBase *base)
{
	for (int i = 0; i < base->nrollups; i++)
		fo_rollup_release(base->rollups[i]);
	base->nrollups = 0;
	if (base->cxt)
		MemoryContextDelete(base->cxt);
	base->cxt = NULL;
	base->lineage = NIL;
}

/* Make the conversion of the table's rows into the shape of the base. */
static void
add_rollup(FoBase *base, Relation rel, FoRollup *rollup)
{
	int			i = base->nrollups;

	base->maps[i] = NULL;
	if (rollup->ids.base != base->relid)
	{
		Relation	parent = table_open(rollup->ids.base, AccessShareLock);
		TupleDesc	desc = CreateTupleDescCopy(RelationGetDescr(parent));

		table_close(parent, AccessShareLock);
		base->maps[i] = fo_build_attrmap(RelationGetDescr(rel), desc);
		if (base->maps[i])
		{
			base->slots[0][i] = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
			base->slots[1][i] = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		}
	}
	base->rollups[i] = rollup;
	base->nrollups++;
}

/* Load the rollups of all tables in the lineage, for rows of the relation. */
static void
load_base(FoBase *base, Relation rel, List *lineage)
{
	List	   *found = NIL;
	ListCell   *lc;
	MemoryContext old;
	int			count;

	base->cxt = AllocSetContextCreate(CacheMemoryContext, "filteropt rollup base",
									  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(base->cxt);
	base->lineage = list_copy(lineage);
	foreach(lc, lineage)
		found = list_concat(found, fo_rollup_ids_by(FO_CONFIG_BASE,
													lfirst_oid(lc)));
	count = list_length(found) + 1;
	base->rollups = palloc0(sizeof(FoRollup *) * count);
	base->maps = palloc0(sizeof(AttrMap *) * count);
	base->slots[0] = palloc0(sizeof(TupleTableSlot *) * count);
	base->slots[1] = palloc0(sizeof(TupleTableSlot *) * count);
	foreach(lc, found)
	{
		FoRollup   *rollup = fo_rollup_load(lfirst(lc));

		if (rollup)
			add_rollup(base, rel, rollup);
	}
	MemoryContextSwitchTo(old);
}

/* The table itself and its partition ancestors. */
List *
fo_rollup_lineage(Oid relid)
{
	List	   *result = NIL;

	if (get_rel_relispartition(relid))
		result = get_partition_ancestors(relid);
	return lappend_oid(result, relid);
}

/*
 * The rollups of the tables in the lineage, for rows of the relation: outside
 * the cache, to be freed by fo_rollup_free_base.
 */
FoBase *
fo_rollup_load_base(Relation rel, List *lineage)
{
	FoBase	   *base = palloc0(sizeof(FoBase));

	base->relid = RelationGetRelid(rel);
	load_base(base, rel, lineage);
	return base;
}

/* Free what fo_rollup_load_base returned. */
void
fo_rollup_free_base(FoBase *base)
{
	clear_base(base);
	pfree(base);
}

/*
 * The rollups fed by a table, from the cache.  The result is good until the
 * next catalog access.
 */
FoBase *
fo_rollup_base(Relation rel)
{
	static FoBase *last = NULL; /* entries are never removed */
	Oid			relid = RelationGetRelid(rel);
	bool		found;
	FoBase	   *base;

	if (last && last->relid == relid && last->valid)
		return last;
	base = last = hash_search(bases, &relid, HASH_ENTER, &found);
	if (found && base->valid)
		return base;
	if (!found)
	{
		base->cxt = NULL;
		base->nrollups = 0;
		base->lineage = NIL;
	}
	base->valid = false;
	clear_base(base);
	/* An invalidation while loading must not be forgotten. */
	base->valid = true;
	PG_TRY();
	{
		load_base(base, rel, fo_rollup_lineage(relid));
	}
	PG_CATCH();
	{
		base->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	return base;
}

/* Is the relation in the range table? */
static bool
is_read(List *rtable, Oid relid)
{
	ListCell   *lc;

	foreach(lc, rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->relid == relid)
			return true;
	}
	return false;
}

/*
 * Does the range table read a rollup that changes of the table, or through it of
 * its partitions, feed?  Knows the tables that this backend has changed.
 */
bool
fo_rollup_fed_by(Oid relid, List *rtable, Oid *data)
{
	HASH_SEQ_STATUS status;
	FoBase	   *base;
	bool		found = false;

	hash_seq_init(&status, bases);
	while ((base = hash_seq_search(&status)) != NULL)
	{
		if (!list_member_oid(base->lineage, relid))
			continue;
		for (int i = 0; i < base->nrollups && !found; i++)
		{
			*data = base->rollups[i]->ids.data;
			found = is_read(rtable, *data);
		}
	}
	return found;
}

/* Does an invalidation of the relation outdate the entry? */
static bool
concerns(FoBase *base, Oid relid)
{
	if (relid == InvalidOid || list_member_oid(base->lineage, relid))
		return true;
	for (int i = 0; i < base->nrollups; i++)
	{
		if (base->rollups[i]->ids.query == relid ||
			base->rollups[i]->ids.data == relid)
			return true;
	}
	return false;
}

/* Relcache callback. Entries are only marked: this runs at odd moments. */
static void
on_relation_change(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	FoBase	   *base;

	hash_seq_init(&status, bases);
	while ((base = hash_seq_search(&status)) != NULL)
	{
		if (base->valid && concerns(base, relid))
			base->valid = false;
	}
}

/* Syscache callback for functions. */
static void
on_function_change(Datum arg, int cacheid, uint32 hashvalue)
{
	on_relation_change(arg, InvalidOid);
}

/* Create the cache, once per backend (or in the postmaster). */
void
fo_rollup_spec_init(void)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(FoBase);
	bases = hash_create("filteropt rollup bases", 32, &ctl,
						HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, on_function_change, (Datum) 0);
}
