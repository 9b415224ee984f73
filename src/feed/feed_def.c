/*
 * feed_def.c
 *		What the backend knows of feeds: their rows in filteropt.feed, and the tables
 *		and columns that they bind.
 *
 * A feed binds columns by a view, whose column "events_post", say, is the column of
 * the events in which the post goes.  Nobody reads the view: its definition is what
 * counts, in which PostgreSQL follows renames, and which it dumps, restores and
 * guards like any other.
 *
 * Each call reads the row for its snapshot; what is built from it is kept as long as
 * the row is the same one and nothing that it binds has been invalidated.  Calls can
 * nest (a trigger of the events may filter a feed), so what is outdated is freed only
 * when no call is under way.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "feed/feed_type.h"

PG_FUNCTION_INFO_V1(fo_feed_bindings);

/* Columns of filteropt.feed, in order. */
enum
{
	COL_NAME = 1, COL_BINDING, COL_RESOURCE, COL_MODEL, COL_PROMPT, COL_SCORE, COL_LEASE, COL_MODE,
	COL_STRATEGY, COL_THRESHOLD, COL_SHOWN, COL_HIDDEN, COL_HIT, COL_DAY_TZ
};

/* Part and field, which the binding's column names join by "_". */
static const char *const field_names[FO_FEED_FIELDS][2] = {
	[FO_USERS_ID] = {"users", "id"},
	[FO_KEYWORDS_OWNER] = {"keywords", "owner"},
	[FO_KEYWORDS_KEYWORD] = {"keywords", "keyword"},
	[FO_CONFIG_OWNER] = {"config", "owner"},
	[FO_CONFIG_MODE] = {"config", "mode"},
	[FO_CONFIG_STRATEGY] = {"config", "strategy"},
	[FO_CONFIG_THRESHOLD] = {"config", "threshold"},
	[FO_CONFIG_PROMPT] = {"config", "prompt"},
	[FO_EVENTS_OWNER] = {"events", "owner"},
	[FO_EVENTS_EVENT] = {"events", "event"},
	[FO_EVENTS_POST] = {"events", "post"},
	[FO_EVENTS_KEYWORD] = {"events", "keyword"},
	[FO_EVENTS_METHOD] = {"events", "method"},
	[FO_EVENTS_REASON] = {"events", "reason"},
	[FO_EVENTS_AUTHOR] = {"events", "author"},
	[FO_EVENTS_AT] = {"events", "at"},
	[FO_DAYS_OWNER] = {"days", "owner"},
	[FO_DAYS_DATE] = {"days", "date"},
	[FO_DAYS_TOTAL] = {"days", "total"},
	[FO_DAYS_SHOWN] = {"days", "shown"},
	[FO_DAYS_HIDDEN] = {"days", "hidden"},
	[FO_DAYS_HITS] = {"days", "hits"},
	[FO_HITS_OWNER] = {"hits", "owner"},
	[FO_HITS_KEYWORD] = {"hits", "keyword"},
	[FO_HITS_HITS] = {"hits", "hits"},
	[FO_HITS_LAST] = {"hits", "last"},
};

/* Those without which no feed works. */
static const FoFeedField needed[] = {
	FO_KEYWORDS_OWNER, FO_KEYWORDS_KEYWORD, FO_EVENTS_OWNER, FO_EVENTS_EVENT, FO_EVENTS_POST,
	FO_EVENTS_KEYWORD, FO_EVENTS_AT, FO_DAYS_OWNER, FO_DAYS_DATE, FO_DAYS_TOTAL, FO_DAYS_SHOWN,
	FO_DAYS_HIDDEN, FO_DAYS_HITS
};

typedef struct Known
{
	NameData	name;			/* hash key */
	FoFeed	   *feed;
} Known;

static HTAB *known = NULL;
static List *outdated = NIL;	/* feeds that calls under way may still use */
static int	depth = 0;			/* of calls */
static uint64 changes = 0;		/* of relations, that we were told of */

/* A relation was changed: forget the feeds that use it. */
static void
forget(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS scan;
	Known	   *entry;

	changes++;
	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		FoFeed	   *feed = entry->feed;
		bool		uses = relation == InvalidOid || relation == feed->binding;

		for (int i = 0; i < FO_FEED_FIELDS && !uses; i++)
			uses = feed->column[i].relation == relation;
		if (uses)
			feed->valid = false;
	}
}

/* A schema was changed, perhaps renamed: prepared statements spell its name. */
static void
forget_all(Datum arg, int cache, uint32 hash)
{
	forget(arg, InvalidOid);
}

/* Make the table of feeds at the first use. */
static void
init_known(void)
{
	HASHCTL		control = {.keysize = NAMEDATALEN, .entrysize = sizeof(Known),
		.hcxt = TopMemoryContext};

	if (known != NULL)
		return;
	known = hash_create("filteropt feeds", 16, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(forget, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, (Datum) 0);
}

static void
free_plan(SPIPlanPtr plan)
{
	if (plan != NULL)
		SPI_freeplan(plan);
}

/* A call begins: what nobody can be using any more goes. */
void
fo_feed_enter(void)
{
	if (depth++ > 0)
		return;
	while (outdated != NIL)
	{
		FoFeed	   *feed = linitial(outdated);

		outdated = list_delete_first(outdated);
		free_plan(feed->config_plan);
		free_plan(feed->record_plan);
		free_plan(feed->stats_plan);
		MemoryContextDelete(feed->context);
	}
}

/* A call ends, also by an error. */
void
fo_feed_leave(void)
{
	depth--;
}

/* Keep a plan. */
SPIPlanPtr
fo_feed_prepare(const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(sql, nargs, types);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\"", sql);
	return plan;
}

/* A column in SQL. */
char *
fo_feed_column_sql(const FoFeed *feed, const char *alias, FoFeedField field)
{
	const char *name = quote_identifier(NameStr(feed->column[field].name));

	return alias == NULL ? pstrdup(name) : psprintf("%s.%s", alias, name);
}

/* The table of a field in SQL. */
char *
fo_feed_table_sql(const FoFeed *feed, FoFeedField field)
{
	Oid			relation = feed->column[field].relation;

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* Note what a column of the binding stands for. */
static void
bind_column(FoFeed *feed, FoFeedField field, Query *query, TargetEntry *entry)
{
	FoFeedColumn *column = &feed->column[field];
	Var		   *var = (Var *) entry->expr;
	RangeTblEntry *rte;

	if (!IsA(var, Var))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of the binding of feed \"%s\" is not a column of a table",
						entry->resname, NameStr(feed->name)),
				 errhint("Drop the feed and create it again.")));
	rte = rt_fetch(var->varno, query->rtable);
	column->relation = rte->relid;
	namestrcpy(&column->name, get_attname(rte->relid, var->varattno, false));
	column->type = var->vartype;
	column->typmod = var->vartypmod;
}

/* Is the column of the binding that of a field? */
static bool
is_named(const char *resname, FoFeedField field)
{
	const char *part = field_names[field][0];
	size_t		len = strlen(part);

	return strncmp(resname, part, len) == 0 && resname[len] == '_' &&
		strcmp(resname + len + 1, field_names[field][1]) == 0;
}

/* Read the definition of the binding. */
static void
read_binding(FoFeed *feed)
{
	Relation	view = try_relation_open(feed->binding, AccessShareLock);
	Query	   *query;
	ListCell   *cell;

	if (view == NULL || view->rd_rel->relkind != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" has lost its tables", NameStr(feed->name)),
				 errdetail("The view that binds them has been dropped, perhaps along with one of "
						   "them."),
				 errhint("SELECT filteropt.feed_drop(%s), and create it again.",
						 quote_literal_cstr(NameStr(feed->name)))));
	query = get_view_query(view);
	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst(cell);

		for (int i = 0; i < FO_FEED_FIELDS; i++)
			if (is_named(entry->resname, i))
				bind_column(feed, i, query, entry);
	}
	table_close(view, AccessShareLock);
	for (size_t i = 0; i < lengthof(needed); i++)
		if (!OidIsValid(feed->column[needed[i]].relation))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the binding of feed \"%s\" has no column \"%s_%s\"",
							NameStr(feed->name), field_names[needed[i]][0],
							field_names[needed[i]][1]),
					 errhint("Drop the feed and create it again.")));
	feed->owner_type = feed->column[FO_KEYWORDS_OWNER].type;
}

/* A column of the row that is not null. */
static Datum
column_of(HeapTuple tuple, TupleDesc desc, int number)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, number, desc, &isnull);

	if (isnull)
		elog(ERROR, "column %d of a feed is null", number);
	return value;
}

/* Take a row over, in the current memory context. */
static void
read_row(FoFeed *feed, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		threshold = heap_getattr(tuple, COL_THRESHOLD, desc, &isnull);
	const char *whose = NameStr(feed->name);

	feed->place = tuple->t_self;
	feed->inserter = HeapTupleHeaderGetRawXmin(tuple->t_data);
	feed->binding = DatumGetObjectId(column_of(tuple, desc, COL_BINDING));
	feed->resource = DatumGetTextPCopy(column_of(tuple, desc, COL_RESOURCE));
	feed->model = DatumGetTextPCopy(column_of(tuple, desc, COL_MODEL));
	feed->prompt = DatumGetTextPCopy(column_of(tuple, desc, COL_PROMPT));
	feed->score = TextDatumGetCString(column_of(tuple, desc, COL_SCORE));
	feed->lease = fo_interval_us(DatumGetIntervalP(column_of(tuple, desc, COL_LEASE)), "lease");
	feed->mode = fo_feed_mode(TextDatumGetCString(column_of(tuple, desc, COL_MODE)), whose);
	feed->strategy = fo_feed_strategy(TextDatumGetCString(column_of(tuple, desc, COL_STRATEGY)),
									  whose);
	feed->threshold = isnull ? NULL : DatumGetNumericCopy(threshold);
	feed->shown = TextDatumGetCString(column_of(tuple, desc, COL_SHOWN));
	feed->hidden = TextDatumGetCString(column_of(tuple, desc, COL_HIDDEN));
	feed->hit = TextDatumGetCString(column_of(tuple, desc, COL_HIT));
	feed->day_tz = TextDatumGetCString(column_of(tuple, desc, COL_DAY_TZ));
}

/* Build what is known of a feed from its row. */
static FoFeed *
build(const NameData *name, HeapTuple tuple, TupleDesc desc)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "filteropt feed",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	FoFeed	   *feed = palloc0(sizeof(FoFeed));

	feed->context = context;
	feed->name = *name;
	read_row(feed, tuple, desc);
	MemoryContextSwitchTo(old);
	return feed;
}

/* Keep a feed that was built instead of the one known. */
static void
keep(Known *entry, FoFeed *feed)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (entry->feed != NULL)
		outdated = lappend(outdated, entry->feed);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(feed->context, TopMemoryContext);
	entry->feed = feed;
}

/* The feed of a row, known or built. */
static FoFeed *
feed_of_row(const NameData *name, HeapTuple tuple, TupleDesc desc)
{
	Known	   *entry = hash_search(known, NameStr(*name), HASH_FIND, NULL);
	uint64		before = changes;
	FoFeed	   *feed;
	bool		found;

	if (entry != NULL && entry->feed->valid &&
		ItemPointerEquals(&entry->feed->place, &tuple->t_self) &&
		entry->feed->inserter == HeapTupleHeaderGetRawXmin(tuple->t_data))
		return entry->feed;
	feed = build(name, tuple, desc);
	read_binding(feed);
	feed->valid = changes == before;
	entry = hash_search(known, NameStr(*name), HASH_ENTER, &found);
	if (!found)
		entry->feed = NULL;
	keep(entry, feed);
	return feed;
}

/* The OID of filteropt.feed, or of its primary key. */
static Oid
catalog(const char *name)
{
	Oid			relation = get_relname_relid(name, get_namespace_oid("filteropt", false));

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation filteropt.%s does not exist", name),
				 errhint("Create the extension in this database: CREATE EXTENSION filteropt.")));
	return relation;
}

/* The feed of that name in the current snapshot; between fo_feed_enter and fo_feed_leave. */
FoFeed *
fo_feed_get(text *name)
{
	Relation	rel = table_open(catalog("feed"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	FoFeed	   *feed = NULL;
	NameData	wanted;

	init_known();
	ScanKeyInit(&key, COL_NAME, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(name));
	key.sk_collation = C_COLLATION_OID;
	scan = systable_beginscan(rel, catalog("feed_pkey"), true, GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		namestrcpy(&wanted, text_to_cstring(name));
		feed = feed_of_row(&wanted, tuple, RelationGetDescr(rel));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (feed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\" does not exist", text_to_cstring(name)),
				 errhint("filteropt.feed lists the feeds; filteropt.feed_create() makes one.")));
	return feed;
}

/* feed_bindings(feed text) returns setof (part, field, relation, column) */
Datum
fo_feed_bindings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FoFeed	   *feed;

	fo_begin_rows(fcinfo);
	fo_feed_enter();
	PG_TRY();
	{
		feed = fo_feed_get(PG_GETARG_TEXT_PP(0));
		for (int i = 0; i < FO_FEED_FIELDS; i++)
		{
			Datum		values[4];
			bool		nulls[4] = {false};

			if (!OidIsValid(feed->column[i].relation))
				continue;
			values[0] = CStringGetTextDatum(field_names[i][0]);
			values[1] = CStringGetTextDatum(field_names[i][1]);
			values[2] = ObjectIdGetDatum(feed->column[i].relation);
			values[3] = NameGetDatum(&feed->column[i].name);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	PG_FINALLY();
	{
		fo_feed_leave();
	}
	PG_END_TRY();
	return (Datum) 0;
}
