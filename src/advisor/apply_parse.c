/*
 * apply_parse.c
 *		Read a CREATE, DROP or REINDEX INDEX statement and write it anew.
 *
 * What runs is never the text that came in.  "create index on posts (lower(title))"
 * is parsed, its names are looked up with the caller's search_path, and
 *
 *		CREATE INDEX CONCURRENTLY posts_lower_idx ON public.posts
 *			USING btree ((lower(title)))
 *
 * is written from that: one statement, every name qualified, and concurrently.
 */
#include "postgres.h"

#include "advisor/apply.h"
#include "base/compat.h"
#include "base/compat_query.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "parser/parse_target.h"
#include "parser/parse_utilcmd.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

/* The relation's name with its schema's, quoted. */
char *
fo_index_qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/*
 * Have every name written with its schema's, but for those of pg_catalog, until
 * AtEOXact_GUC ends that level.
 */
static int
qualify_names(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Refuse tables that the worker cannot or may not work on; locks the table. */
static void
check_table(Oid relation, bool may_be_partitioned)
{
	char		kind;

	LockRelationOid(relation, AccessShareLock);
	kind = get_rel_relkind(relation);
	if (kind == RELKIND_PARTITIONED_TABLE && !may_be_partitioned)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" is partitioned: only CREATE INDEX on all of it can be applied",
						get_rel_name(relation)),
				 errhint("DROP INDEX locks it and all partitions: execute it yourself, with a "
						 "lock_timeout. REINDEX can be applied to each partition.")));
	if (kind == RELKIND_PARTITIONED_TABLE)
		fo_index_check_parts(relation);
	else if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or materialized view", get_rel_name(relation))));
	if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" is temporary: only this session can index it",
						get_rel_name(relation)),
				 errhint("Execute the statement itself.")));
	if (!fo_owns_relation(relation))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), get_rel_name(relation));
}

/* Append options, "(name='value', ...)". */
static void
put_options(StringInfo buf, List *options)
{
	ListCell   *lc;
	const char *separator = "(";

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		appendStringInfoString(buf, separator);
		if (option->defnamespace)
			appendStringInfo(buf, "%s.", quote_identifier(option->defnamespace));
		appendStringInfoString(buf, quote_identifier(option->defname));
		if (option->arg)
			appendStringInfo(buf, "=%s", quote_literal_cstr(defGetString(option)));
		separator = ", ";
	}
	appendStringInfoChar(buf, ')');
}

/* An expression as text, with every name qualified. */
static char *
write_expression(Node *expr, List *context)
{
	int			level = qualify_names();
	char	   *text = deparse_expression(expr, context, false, false);

	AtEOXact_GUC(true, level);
	return text;
}

/* A collation that the caller's search_path finds, qualified. */
static char *
write_collation(List *name)
{
	Oid			collation = get_collation_oid(name, false);
	int			level = qualify_names();
	char	   *text = generate_collation_name(collation);

	AtEOXact_GUC(true, level);
	return text;
}

/* An operator class that the caller's search_path finds, qualified. */
static char *
write_opclass(List *name, Oid method)
{
	Oid			opclass = get_opclass_oid(method, name, false);
	int			level = qualify_names();
	char	   *text = generate_opclass_name(opclass);

	AtEOXact_GUC(true, level);
	return text;
}

/* Append a column or expression with what it is indexed by. */
static void
put_element(StringInfo buf, IndexElem *element, Oid method, List *context)
{
	if (element->expr)
		appendStringInfo(buf, "(%s)", write_expression(element->expr, context));
	else
		appendStringInfoString(buf, quote_identifier(element->name));
	if (element->collation)
		appendStringInfo(buf, " COLLATE %s", write_collation(element->collation));
	if (element->opclass)
		appendStringInfo(buf, " %s", write_opclass(element->opclass, method));
	if (element->opclassopts)
		put_options(buf, element->opclassopts);
	if (element->ordering != SORTBY_DEFAULT)
		appendStringInfoString(buf, element->ordering == SORTBY_DESC ? " DESC" : " ASC");
	if (element->nulls_ordering != SORTBY_NULLS_DEFAULT)
		appendStringInfoString(buf, element->nulls_ordering == SORTBY_NULLS_FIRST ?
							   " NULLS FIRST" : " NULLS LAST");
}

/* Append a list of columns in parentheses. */
static void
put_elements(StringInfo buf, List *elements, Oid method, List *context)
{
	ListCell   *lc;

	foreach(lc, elements)
	{
		appendStringInfoString(buf, lc == list_head(elements) ? "(" : ", ");
		put_element(buf, lfirst_node(IndexElem, lc), method, context);
	}
	appendStringInfoChar(buf, ')');
}

/* What follows the table in an analysed CREATE INDEX; names not of pg_catalog are qualified. */
static char *
write_tail(IndexStmt *stmt, Oid relation)
{
	StringInfoData buf;
	Oid			method = get_index_am_oid(stmt->accessMethod, false);
	List	   *context = deparse_context_for(get_rel_name(relation), relation);

	initStringInfo(&buf);
	appendStringInfo(&buf, "USING %s ", quote_identifier(stmt->accessMethod));
	put_elements(&buf, stmt->indexParams, method, context);
	if (stmt->indexIncludingParams)
	{
		appendStringInfoString(&buf, " INCLUDE ");
		put_elements(&buf, stmt->indexIncludingParams, method, context);
	}
	if (fo_index_nulls_not_distinct(stmt))
		appendStringInfoString(&buf, " NULLS NOT DISTINCT");
	if (stmt->options)
	{
		appendStringInfoString(&buf, " WITH ");
		put_options(&buf, stmt->options);
	}
	if (stmt->tableSpace)
		appendStringInfo(&buf, " TABLESPACE %s", quote_identifier(stmt->tableSpace));
	if (stmt->whereClause)
		appendStringInfo(&buf, " WHERE %s", write_expression(stmt->whereClause, context));
	return buf.data;
}

/*
 * Write the CREATE INDEX of a statement for its table and index; of a partitioned table
 * for the table alone.
 */
void
fo_index_write_create(FoIndexStatement *statement)
{
	bool		only = statement->action == FO_INDEX_CREATE_ONLY;

	statement->ddl = psprintf("CREATE %sINDEX %s%s ON %s%s %s",
							  statement->unique ? "UNIQUE " : "", only ? "" : "CONCURRENTLY ",
							  quote_identifier(statement->index), only ? "ONLY " : "",
							  fo_index_qualified_name(statement->relation), statement->tail);
}

/* What a column or expression adds to the name of an index. */
static const char *
column_name(const IndexElem *element)
{
	const char *name = element->name ? element->name : FigureIndexColname(element->expr);

	return name ? name : "expr";
}

/* What an index's name says of its columns, as CREATE INDEX would choose it. */
static char *
name_columns(const IndexStmt *stmt)
{
	StringInfoData columns;
	ListCell   *lc;

	initStringInfo(&columns);
	foreach(lc, stmt->indexParams)
	{
		IndexElem  *element = lfirst_node(IndexElem, lc);

		if (columns.len > 0)
			appendStringInfoChar(&columns, '_');
		appendStringInfoString(&columns, column_name(element));
		if (columns.len >= NAMEDATALEN)
			break;
	}
	return columns.data;
}

/* Is a key of the index an expression? */
static bool
has_expressions(const IndexStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->indexParams)
		if (lfirst_node(IndexElem, lc)->expr != NULL)
		return true;
	return false;
}

/* Analyse CREATE INDEX and write it anew. */
static void
write_create(FoIndexStatement *result, IndexStmt *stmt, const char *text)
{
	stmt = transformIndexStmt(result->relation, stmt, text);
	result->unique = stmt->unique;
	result->has_expressions = has_expressions(stmt);
	result->tail = write_tail(stmt, result->relation);
	fo_index_write_create(result);
	if (result->action == FO_INDEX_CREATE_ONLY)
		fo_index_find_begun(result, stmt->idxname);
	else if (result->has_expressions)	/* they have statistics after that
										 * only */
		result->ddl = psprintf("%s;\nANALYZE %s", result->ddl,
							   fo_index_qualified_name(result->relation));
	result->undo = psprintf("DROP INDEX %s%s",
							result->action == FO_INDEX_CREATE_ONLY ? "" : "CONCURRENTLY ",
							quote_qualified_identifier(result->schema, result->index));
}

/* CREATE INDEX */
static void
read_create(FoIndexStatement *result, IndexStmt *stmt, const char *text)
{
	Oid			namespace;
	Oid			existing;

	result->relation = RangeVarGetRelid(stmt->relation, NoLock, false);
	check_table(result->relation, stmt->relation->inh);
	result->action = get_rel_relkind(result->relation) == RELKIND_PARTITIONED_TABLE ?
		FO_INDEX_CREATE_ONLY : FO_INDEX_CREATE;
	namespace = get_rel_namespace(result->relation);
	result->schema = get_namespace_name(namespace);
	result->columns = name_columns(stmt);
	result->index = stmt->idxname ? stmt->idxname :
		ChooseRelationName(get_rel_name(result->relation), result->columns, "idx", namespace,
						   false);
	existing = get_relname_relid(result->index, namespace);
	if (OidIsValid(existing) && stmt->if_not_exists && get_index_isvalid(existing))
		ereport(NOTICE, (errmsg("index \"%s\" exists", result->index)));
	else
		write_create(result, stmt, text);
}

/* Find the index that a statement names, and its table; false if it is missing and may be. */
static bool
find_index(FoIndexStatement *result, const RangeVar *name, bool missing_ok, Oid *index)
{
	char		kind;

	*index = RangeVarGetRelid(name, NoLock, missing_ok);
	if (!OidIsValid(*index))
	{
		ereport(NOTICE, (errmsg("index \"%s\" does not exist", name->relname)));
		return false;
	}
	kind = get_rel_relkind(*index);
	if (kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", name->relname)));
	result->relation = IndexGetRelation(*index, false);
	check_table(result->relation, false);
	result->schema = get_namespace_name(get_rel_namespace(*index));
	result->index = get_rel_name(*index);
	return true;
}

/* The definition of an index, with CONCURRENTLY where CREATE INDEX wants it. */
static char *
definition(Oid index)
{
	int			level = qualify_names();
	const char *text = pg_get_indexdef_string(index);
	const char *after = strstr(text, "INDEX ") + strlen("INDEX ");

	AtEOXact_GUC(true, level);
	return psprintf("%.*sCONCURRENTLY %s", (int) (after - text), text, after);
}

/* DROP INDEX */
static void
read_drop(FoIndexStatement *result, DropStmt *stmt)
{
	Oid			index;

	if (list_length(stmt->objects) != 1 || stmt->behavior == DROP_CASCADE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("only one index can be dropped at a time, and not with CASCADE")));
	result->action = FO_INDEX_DROP;
	if (!find_index(result, makeRangeVarFromNameList(linitial(stmt->objects)),
					stmt->missing_ok, &index))
		return;
	result->ddl = psprintf("DROP INDEX CONCURRENTLY %s", fo_index_qualified_name(index));
	result->undo = definition(index);
}

/* REINDEX INDEX or TABLE */
static void
read_reindex(FoIndexStatement *result, ReindexStmt *stmt)
{
	Oid			index;
	StringInfoData options;
	ListCell   *lc;

	initStringInfo(&options);
	foreach(lc, stmt->params)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "tablespace") == 0)
			appendStringInfo(&options, ", TABLESPACE %s", quote_identifier(defGetString(option)));
	}
	result->action = FO_INDEX_REINDEX;
	if (stmt->kind == REINDEX_OBJECT_INDEX)
	{
		(void) find_index(result, stmt->relation, false, &index);
		result->ddl = psprintf("REINDEX (CONCURRENTLY%s) INDEX %s", options.data,
							   fo_index_qualified_name(index));
		return;
	}
	result->relation = RangeVarGetRelid(stmt->relation, NoLock, false);
	check_table(result->relation, false);
	result->schema = get_namespace_name(get_rel_namespace(result->relation));
	result->ddl = psprintf("REINDEX (CONCURRENTLY%s) TABLE %s", options.data,
						   fo_index_qualified_name(result->relation));
}

/* Is it REINDEX of one index or one table? */
static bool
is_small_reindex(const Node *node)
{
	return IsA(node, ReindexStmt) &&
		(((const ReindexStmt *) node)->kind == REINDEX_OBJECT_INDEX ||
		 ((const ReindexStmt *) node)->kind == REINDEX_OBJECT_TABLE);
}

/*
 * Read a statement, check that the caller may execute it, and write it anew.
 * The result lives in the current memory context.
 */
FoIndexStatement *
fo_index_parse(const char *ddl)
{
	FoIndexStatement *result = palloc0(sizeof(FoIndexStatement));
	List	   *parsed = raw_parser(ddl, RAW_PARSE_DEFAULT);
	Node	   *node = list_length(parsed) == 1 ? linitial_node(RawStmt, parsed)->stmt : NULL;

	if (node != NULL && IsA(node, IndexStmt))
		read_create(result, (IndexStmt *) node, ddl);
	else if (node != NULL && IsA(node, DropStmt) && ((DropStmt *) node)->removeType == OBJECT_INDEX)
		read_drop(result, (DropStmt *) node);
	else if (node != NULL && is_small_reindex(node))
		read_reindex(result, (ReindexStmt *) node);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a single CREATE INDEX, DROP INDEX or REINDEX INDEX statement"),
				 errhint("Others, ALTER TABLE for example, are for you to execute.")));
	return result;
}
