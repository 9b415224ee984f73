/*
 * advise_whatif.c
 *		What a query would cost if certain indexes existed.
 *
 * The planner asks get_relation_info_hook about each table, and is told of
 * indexes as if they were in the catalog; nothing is written.  Of indexes that
 * a verification has built, those that are not given are hidden.
 *
 * A plan made with the indexes A and B that uses only A is also the plan for A
 * alone: so plans are remembered with what they were given and what they use.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/attmap.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "advisor/advise.h"
#include "advisor/gram.h"
#include "base/compat_query.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static get_relation_info_hook_type previous_relation_info;
static set_rel_pathlist_hook_type previous_pathlist;

/* The run that is planning, and the indexes that its planner sees. */
static FoAdvise *active;
static const FoPickSet *visible;

/* An expression of a candidate in terms of the table as the query has it. */
static Node *
for_table(Node *node, RelOptInfo *rel, const AttrMap *map)
{
	bool		whole_row;

	node = copyObject(node);
	if (map)
		node = map_variable_attnos(node, 1, 0, map, InvalidOid, &whole_row);
	ChangeVarNodes(node, 1, (int) rel->relid, 0);
	return node;
}

static AttrNumber
column_of_table(AttrNumber attnum, const AttrMap *map)
{
	return map && attnum ? map->attnums[attnum - 1] : attnum;
}

/* Fill in the keys of an index. */
static void
describe_keys(IndexOptInfo *info, const FoAdviseIndex *index, const AttrMap *map)
{
	IndexAmRoutine *routine = GetIndexAmRoutineByAmId(index->am, false);

	for (int i = 0; i < index->nkeys; i++)
	{
		const FoAdviseKey *key = &index->keys[i];

		info->indexkeys[i] = column_of_table(key->attnum, map);
		info->indexcollations[i] = key->collation;
		info->opfamily[i] = key->opfamily;
		info->opcintype[i] = key->opcintype;
		info->canreturn[i] = index->am == BTREE_AM_OID;
		if (key->buckets)
			info->opclassoptions[i] = fo_gram_options(key->buckets);
		if (key->expr)
			info->indexprs = lappend(info->indexprs, for_table(key->expr, info->rel, map));
		if (routine->amcanorder)
		{
			info->sortopfamily[i] = key->opfamily;
			info->reverse_sort[i] = key->descending;
			info->nulls_first[i] = key->nulls_first;
		}
	}
	info->amcanorderbyop = routine->amcanorderbyop;
	info->amoptionalkey = routine->amoptionalkey;
	info->amsearcharray = routine->amsearcharray;
	info->amsearchnulls = routine->amsearchnulls;
	info->amhasgettuple = routine->amgettuple != NULL;
	info->amhasgetbitmap = routine->amgetbitmap != NULL;
	info->amcanparallel = routine->amcanparallel;
	info->amcanmarkpos = routine->ammarkpos != NULL && routine->amrestrpos != NULL;
	info->amcostestimate = routine->amcostestimate;
}

/* What index-only scans return: the columns and expressions of the index. */
static List *
index_target_list(const IndexOptInfo *info, Oid relid)
{
	List	   *list = NIL;
	ListCell   *expr = list_head(info->indexprs);

	for (int i = 0; i < info->ncolumns; i++)
	{
		AttrNumber	attnum = (AttrNumber) info->indexkeys[i];
		Expr	   *value;

		if (attnum)
		{
			Oid			type;
			int32		typmod;
			Oid			collation;

			get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
			value = (Expr *) makeVar(info->rel->relid, attnum, type, typmod, collation, 0);
		}
		else
		{
			value = lfirst(expr);
			expr = lnext(info->indexprs, expr);
		}
		list = lappend(list, makeTargetEntry(value, (AttrNumber) (i + 1), NULL, false));
	}
	return list;
}

/* The arrays of an index, empty. */
static IndexOptInfo *
new_index_info(int ncolumns, int nkeys)
{
	IndexOptInfo *info = makeNode(IndexOptInfo);

	info->ncolumns = ncolumns;
	info->nkeycolumns = nkeys;
	info->indexkeys = palloc0(sizeof(int) * ncolumns);
	info->canreturn = palloc0(sizeof(bool) * ncolumns);
	info->indexcollations = palloc0(sizeof(Oid) * nkeys);
	info->opfamily = palloc0(sizeof(Oid) * nkeys);
	info->opcintype = palloc0(sizeof(Oid) * nkeys);
	info->opclassoptions = palloc0(sizeof(bytea *) * nkeys);
	return info;
}

/* Describe a candidate as the planner wants it, for a table or a partition. */
static IndexOptInfo *
describe(const FoAdviseIndex *index, Oid relid, RelOptInfo *rel, const AttrMap *map)
{
	int			n = index->nkeys + bms_num_members(index->include);
	IndexOptInfo *info = new_index_info(n, index->nkeys);
	double		part = index->relid == relid ? 1 : rel->tuples * index->share / index->tuples;
	int			attnum = -1;

	info->indexoid = index->oid;
	info->rel = rel;
	info->relam = index->am;
	info->pages = (BlockNumber) Max(1, index->pages * Min(1, part));
	info->tuples = index->tuples * Min(1, part);
	info->tree_height = index->height;
	info->immediate = true;
	info->hypothetical = true;
	if (index->am == BTREE_AM_OID)
	{
		info->sortopfamily = palloc0(sizeof(Oid) * index->nkeys);
		info->reverse_sort = palloc0(sizeof(bool) * index->nkeys);
		info->nulls_first = palloc0(sizeof(bool) * index->nkeys);
	}
	describe_keys(info, index, map);
	for (int i = index->nkeys; (attnum = bms_next_member(index->include, attnum)) >= 0; i++)
	{
		info->indexkeys[i] = column_of_table((AttrNumber) attnum, map);
		info->canreturn[i] = true;
	}
	info->indpred = (List *) for_table((Node *) index->predicate, rel, map);
	info->indextlist = index_target_list(info, relid);
	return info;
}

/* Show the planner a candidate if it is one of the table or of its parent. */
static void
show_candidate(const FoAdviseIndex *index, Oid relid, RelOptInfo *rel, List *ancestors)
{
	AttrMap    *map = NULL;
	Relation	parent;
	Relation	child;

	if (index->relid != relid)
	{
		if (!list_member_oid(ancestors, index->relid))
			return;
		parent = relation_open(index->relid, AccessShareLock);
		child = relation_open(relid, AccessShareLock);
		map = fo_build_attrmap(RelationGetDescr(child), RelationGetDescr(parent));
		relation_close(child, NoLock);
		relation_close(parent, NoLock);
	}
	rel->indexlist = lappend(rel->indexlist, describe(index, relid, rel, map));
}

/* The candidate with the OID, itself or as the part of a partition; -1 if none. */
static int
candidate_of(const FoAdvise *advise, Oid oid)
{
	List	   *owners = list_make1_oid(oid);
	ListCell   *lc;

	if (oid >= FirstNormalObjectId && get_rel_relispartition(oid))
		owners = list_concat(owners, get_partition_ancestors(oid));
	foreach(lc, owners)
	{
		for (int i = 0; i < advise->nindexes; i++)
		{
			if (advise->indexes[i]->oid == lfirst_oid(lc))
				return i;
		}
	}
	return -1;
}

/* Hide the indexes that were built for a verification and are not given. */
static void
hide_built(RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *info = lfirst(lc);
		int			number = candidate_of(active, info->indexoid);

		if (number >= 0 && !fo_pick_has(visible, number))
			rel->indexlist = foreach_delete_current(rel->indexlist, lc);
	}
}

static void
relation_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	if (previous_relation_info)
		previous_relation_info(root, relid, inhparent, rel);
	if (active && !inhparent && relid >= FirstNormalObjectId)
	{
		List	   *ancestors = get_rel_relispartition(relid) ?
			get_partition_ancestors(relid) : NIL;

		hide_built(rel);
		for (int i = 0; i < active->nindexes; i++)
		{
			if (fo_pick_has(visible, i) && !active->indexes[i]->built)
				show_candidate(active->indexes[i], relid, rel, ancestors);
		}
	}
}

static void
pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (previous_pathlist)
		previous_pathlist(root, rel, rti, rte);
	if (active)
		fo_advise_look(root, rel, rte);
}

/* Take the planner's hooks. */
void
fo_advise_init(void)
{
	previous_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;
	previous_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = pathlist;
}

/* Is the error one that ends the whole run? */
static bool
is_fatal(int code)
{
	return code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN ||
		code == ERRCODE_CRASH_SHUTDOWN || code == ERRCODE_OUT_OF_MEMORY;
}

/*
 * Run something in a subtransaction.  If it fails, say why, in the memory of
 * the run; a cancellation is passed on.
 */
bool
fo_advise_guarded(FoAdvise *advise, void (*run) (void *), void *arg, const char **problem)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		run(arg);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		bool		passed_on = is_fatal(geterrcode()) &&
			!(advise->run_ended && *advise->run_ended);
		ErrorData  *error;

		active = NULL;
		fo_advise_needs_stop();
		/* whoever catches the error knows of no subtransaction but his own */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(advise->context);
		CurrentResourceOwner = owner;
		if (passed_on)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		*problem = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return done;
}

/* Plan a query as if the given candidates existed. */
PlannedStmt *
fo_advise_plan_query(FoAdvise *advise, const FoAdviseQuery *query, const FoPickSet *given)
{
	PlannedStmt *plan;

	active = advise;
	visible = given;
	PG_TRY();
	{
		plan = planner(copyObject(query->query), query->text, CURSOR_OPT_PARALLEL_OK, NULL);
	}
	PG_FINALLY();
	{
		active = NULL;
	}
	PG_END_TRY();
	advise->plannings++;
	return plan;
}

/* What walks a plan for the candidates that it uses. */
typedef struct Users
{
	const FoAdvise *advise;
	FoPickSet	used;
} Users;

static void
add_user(Users *users, Oid indexid)
{
	int			number = candidate_of(users->advise, indexid);

	if (number >= 0)
		fo_pick_add(&users->used, number);
}

static void find_users(Users *users, Plan *plan);

static void
find_in_list(Users *users, List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
		find_users(users, lfirst(lc));
}

/* Note the candidates that a plan's nodes scan. */
static void
find_users(Users *users, Plan *plan)
{
	if (plan == NULL)
		return;
	find_users(users, plan->lefttree);
	find_users(users, plan->righttree);
	switch (nodeTag(plan))
	{
		case T_IndexScan:
			add_user(users, ((IndexScan *) plan)->indexid);
			break;
		case T_IndexOnlyScan:
			add_user(users, ((IndexOnlyScan *) plan)->indexid);
			break;
		case T_BitmapIndexScan:
			add_user(users, ((BitmapIndexScan *) plan)->indexid);
			break;
		case T_BitmapAnd:
			find_in_list(users, ((BitmapAnd *) plan)->bitmapplans);
			break;
		case T_BitmapOr:
			find_in_list(users, ((BitmapOr *) plan)->bitmapplans);
			break;
		case T_Append:
			find_in_list(users, ((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			find_in_list(users, ((MergeAppend *) plan)->mergeplans);
			break;
		case T_SubqueryScan:
			find_users(users, ((SubqueryScan *) plan)->subplan);
			break;
		case T_CustomScan:
			find_in_list(users, ((CustomScan *) plan)->custom_plans);
			break;
		default:
			break;
	}
}

/* What plans and looks at the result, in a subtransaction. */
typedef struct Planning
{
	FoAdvise   *advise;
	FoAdviseQuery *query;
	FoPickSet	given;
	FoAdvisePlan *plan;
} Planning;

/* A number that tells plans apart. */
static uint64
fingerprint_of(PlannedStmt *stmt)
{
	char	   *text = nodeToString(stmt);

	return DatumGetUInt64(hash_any_extended((unsigned char *) text, (int) strlen(text), 0));
}

static void
plan_it(void *arg)
{
	Planning   *planning = arg;
	FoAdvise   *advise = planning->advise;
	PlannedStmt *stmt = fo_advise_plan_query(advise, planning->query, &planning->given);
	Users		users = {advise, {{0}}};

	fo_check_permissions(stmt);
	find_users(&users, stmt->planTree);
	find_in_list(&users, stmt->subplans);
	planning->plan = MemoryContextAllocZero(advise->context, sizeof(FoAdvisePlan));
	planning->plan->given = planning->given;
	planning->plan->used = users.used;
	planning->plan->cost = stmt->planTree->total_cost;
	planning->plan->ms = -1;
	if (advise->measured)
		planning->plan->fingerprint = fingerprint_of(stmt);
}

/* A plan made before that is the one for the given candidates. */
static FoAdvisePlan *
known_plan(const FoAdviseQuery *query, const FoPickSet *given)
{
	ListCell   *lc;

	foreach(lc, query->plans)
	{
		FoAdvisePlan *plan = lfirst(lc);

		if (fo_pick_within(given, &plan->given) && fo_pick_within(&plan->used, given))
			return plan;
	}
	return NULL;
}

/*
 * The plan of a query for the given candidates; NULL if it cannot be planned,
 * and then the query is skipped from here on.
 */
FoAdvisePlan *
fo_advise_plan(FoAdvise *advise, FoAdviseQuery *query, const FoPickSet *given)
{
	Planning	planning = {advise, query, fo_pick_common(given, &query->relevant), NULL};
	FoAdvisePlan *known = known_plan(query, &planning.given);
	MemoryContext old;

	if (known || query->skipped)
		return known;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(advise->scratch);
	if (fo_advise_guarded(advise, plan_it, &planning, &query->skipped))
	{
		MemoryContextSwitchTo(advise->context);
		query->plans = lappend(query->plans, planning.plan);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(advise->scratch);
	return planning.plan;
}
