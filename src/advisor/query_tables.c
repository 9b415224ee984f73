/*
 * query_tables.c
 *		Which tables a statement names, and which columns it sets.
 *
 * The text is parsed, not analysed: pg_stat_statements' texts have $1 for
 * constants, may be cut off, and may name what is gone by now.
 */
#include "postgres.h"

#include "base/compat.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(fo_index_query_tables);

/* Is an error one that says nothing of the text: cancellation, lack of memory, a bug? */
static bool
is_trouble(int category)
{
	return category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_INTERNAL_ERROR;
}

/* Parse; NIL if the text is no statement. */
static List *
parse_quietly(const char *query)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *volatile parsed = NIL;

	PG_TRY();
	{
		parsed = raw_parser(query, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		if (is_trouble(ERRCODE_TO_CATEGORY(geterrcode())))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return parsed;
}

/* The names that a list of assignments sets, as text[]. */
static Datum
assigned_columns(List *targets)
{
	ArrayBuildState *names = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ListCell   *lc;

	foreach(lc, targets)
		names = accumArrayResult(names, CStringGetTextDatum(lfirst_node(ResTarget, lc)->name),
								 false, TEXTOID, CurrentMemoryContext);
	return makeArrayResult(names, CurrentMemoryContext);
}

/* Return a row: a table, and what is set in it if it is updated. */
static void
put_table(ReturnSetInfo *rsinfo, const RangeVar *table, List *targets)
{
	Datum		values[3] = {0};
	bool		nulls[3] = {table->schemaname == NULL, false, targets == NIL};

	if (table->schemaname != NULL)
		values[0] = CStringGetTextDatum(table->schemaname);
	values[1] = CStringGetTextDatum(table->relname);
	if (targets != NIL)
		values[2] = assigned_columns(targets);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Walk a raw parse tree and return the tables in it. */
static bool
find_tables(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		put_table(context, (RangeVar *) node, NIL);
	else if (IsA(node, UpdateStmt))
		put_table(context, ((UpdateStmt *) node)->relation, ((UpdateStmt *) node)->targetList);
	else if (IsA(node, InsertStmt) && ((InsertStmt *) node)->onConflictClause != NULL)
		put_table(context, ((InsertStmt *) node)->relation,
				  ((InsertStmt *) node)->onConflictClause->targetList);
	return raw_expression_tree_walker(node, find_tables, context);
}

/* Can the walker look into this kind of statement? */
static bool
is_query(const Node *statement)
{
	return IsA(statement, SelectStmt) || IsA(statement, InsertStmt) ||
		IsA(statement, UpdateStmt) || IsA(statement, DeleteStmt);
}

/*
 * index_query_tables(query text): one row for each mention of a table, and one
 * more with the columns for each that is updated.
 */
Datum
fo_index_query_tables(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "filteropt query tables",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	ListCell   *lc;

	fo_begin_rows(fcinfo);
	old = MemoryContextSwitchTo(cxt);
	foreach(lc, parse_quietly(text_to_cstring(PG_GETARG_TEXT_PP(0))))
	{
		Node	   *statement = lfirst_node(RawStmt, lc)->stmt;

		if (is_query(statement))
			(void) find_tables(statement, fcinfo->resultinfo);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return (Datum) 0;
}
