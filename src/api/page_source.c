/*
 * page_source.c
 *		Resolving what is paged through: the relation, the columns that order it,
 *		and the columns that break ties.
 *
 * Rows that compare equal in the ordering could be lost or repeated where a page
 * ends, so the ordering is made unique: unless it holds all columns of a unique
 * index already, the missing ones of the primary key (or of the smallest unique
 * index over NOT NULL columns) are appended, in the direction of the last column,
 * so that (created_at DESC) is served by an index on (created_at, id).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "api/page_source.h"
#include "base/compat.h"
#include "core/order_term.h"

/* Columns of an ordering; an index cannot hold more. */
#define MAX_KEYS INDEX_MAX_KEYS

/* The columns, for a hint. */
static char *
list_columns(TupleDesc desc)
{
	StringInfoData buf;
	int			listed = 0;

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (listed++ == 20)
		{
			appendStringInfoString(&buf, ", ...");
			break;
		}
		appendStringInfo(&buf, "%s%s", listed == 1 ? "" : ", ",
						 NameStr(TupleDescAttr(desc, i)->attname));
	}
	return buf.data;
}

/* The number of the column of that very name, or InvalidAttrNumber. */
AttrNumber
fo_page_find_column(const FoPageSource *source, const char *name)
{
	for (int i = 0; i < source->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(source->desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/* Likewise, but it is an error if there is none. */
AttrNumber
fo_page_column(const FoPageSource *source, const char *name)
{
	AttrNumber	attnum = fo_page_find_column(source, name);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of %s does not exist", name, source->name),
				 errhint("The columns are: %s.", list_columns(source->desc))));
	return attnum;
}

/* The type of a column; of a domain, the type below it. */
Oid
fo_page_column_type(const FoPageSource *source, AttrNumber attnum)
{
	return getBaseType(TupleDescAttr(source->desc, attnum - 1)->atttypid);
}

/* A column as it stands in statements. */
const char *
fo_page_column_sql(const FoPageSource *source, AttrNumber attnum)
{
	return psprintf("%s.%s", source->alias,
					quote_identifier(NameStr(TupleDescAttr(source->desc, attnum - 1)->attname)));
}

/*
 * The operator by which the type's default btree ordering compares, as
 * "OPERATOR(schema.name)": whatever the search_path, and also for types whose
 * operators do not lie in pg_catalog.  NULL if the type has none.
 */
const char *
fo_page_operator_sql(Oid type, StrategyNumber strategy)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY |
											  TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);
	HeapTuple	tuple;
	Form_pg_operator form;
	Oid			operator;
	const char *sql;

	if (strategy == BTEqualStrategyNumber)
		operator = entry->eq_opr;
	else if (OidIsValid(entry->lt_opr))
		operator = get_opfamily_member(entry->btree_opf, entry->btree_opintype,
									   entry->btree_opintype, strategy);
	else
		operator = InvalidOid;
	if (!OidIsValid(operator))
		return NULL;
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql = psprintf("OPERATOR(%s.%s)",
				   quote_identifier(get_namespace_name(form->oprnamespace)),
				   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return sql;
}

/*
 * The test for a null: of a composite type, IS NULL would also find rows of nulls,
 * and IS NOT NULL not find rows with a null.
 */
const char *
fo_page_null_sql(Oid type, bool is_null)
{
	if (type_is_rowtype(type))
		return is_null ? "IS NOT DISTINCT FROM NULL" : "IS DISTINCT FROM NULL";
	return is_null ? "IS NULL" : "IS NOT NULL";
}

/*
 * Open the relation, with a lock that keeps its columns as they are until the end
 * of the transaction.  Who may read it is decided when a statement does.
 */
void
fo_page_source_open(FoPageSource *source, Oid relid)
{
	char		kind = get_rel_relkind(relid);
	char	   *schema;

	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
		kind != RELKIND_VIEW && kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is neither a table nor a view", get_rel_name(relid))));
	memset(source, 0, sizeof(*source));
	source->relation = relation_open(relid, AccessShareLock);
	source->desc = RelationGetDescr(source->relation);
	source->alias = "t";
	schema = get_namespace_name(RelationGetNamespace(source->relation));
	source->name = quote_qualified_identifier(schema,
											  RelationGetRelationName(source->relation));
}

/* Close the relation; the lock stays. */
void
fo_page_source_close(FoPageSource *source)
{
	relation_close(source->relation, NoLock);
}

/* The key over a column, or NULL. */
static FoPageKey *
find_key(const FoPageSource *source, AttrNumber attnum)
{
	for (int i = 0; i < source->nkeys; i++)
	{
		if (source->keys[i].attnum == attnum)
			return &source->keys[i];
	}
	return NULL;
}

/* Append a column to the ordering. */
static void
add_key(FoPageSource *source, AttrNumber attnum, bool descending, bool nulls_first)
{
	Form_pg_attribute att = TupleDescAttr(source->desc, attnum - 1);
	FoPageKey  *key = &source->keys[source->nkeys];

	if (source->nkeys == MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("an ordering has at most %d columns", MAX_KEYS)));
	key->attnum = attnum;
	key->type = getBaseType(att->atttypid);
	key->collation = att->attcollation;
	key->descending = descending;
	key->nulls_first = nulls_first;
	key->not_null = fo_attribute_not_null(source->desc, attnum);
	if (fo_page_operator_sql(key->type, BTLessStrategyNumber) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s has no ordering", NameStr(att->attname),
						format_type_be(att->atttypid)),
				 errhint("Order by columns whose type has a btree operator class.")));
	source->nkeys++;
}

/* Complain about an entry that could not be parsed. */
static void
refuse_term(const char *text, const FoOrderTerm *term, FoOrderStatus status)
{
	const char *why = status == FO_ORDER_EMPTY ? "it names no column" :
		status == FO_ORDER_OPEN_QUOTE ? "a double quote is not closed" :
		psprintf("it cannot be understood at \"%s\"", term->bad);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid entry \"%s\" of order_by: %s", text, why),
			 errhint("Write each entry as: column [ASC|DESC] [NULLS FIRST|NULLS LAST] [UNIQUE].")));
}

/*
 * Add the column of an entry; true if the entry ends with UNIQUE.  The name is
 * taken as it is spelt; a name without quotes may also be one in lower case.
 */
static bool
add_term(FoPageSource *source, const char *text)
{
	char	   *name = palloc(strlen(text) + 1);
	FoOrderTerm term;
	FoOrderStatus status = fo_order_parse(text, name, &term);
	AttrNumber	attnum;

	if (status != FO_ORDER_OK)
		refuse_term(text, &term, status);
	attnum = fo_page_find_column(source, name);
	if (attnum == InvalidAttrNumber && !term.quoted)
		attnum = fo_page_find_column(source, asc_tolower(name, strlen(name)));
	if (attnum == InvalidAttrNumber)
		attnum = fo_page_column(source, name);
	if (find_key(source, attnum) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("column \"%s\" occurs twice in order_by", name)));
	add_key(source, attnum, term.descending, term.nulls_first);
	return term.unique;
}

/*
 * Are rows that differ in the index always different in the ordering, too?  Not
 * if the index compares by another equality, which may be finer.
 */
static bool
index_column_agrees(const FoPageSource *source, Relation index, int column)
{
	AttrNumber	attnum = index->rd_index->indkey.values[column];
	Form_pg_attribute att;
	Oid			type;
	Oid			eq;

	if (attnum <= 0 || !fo_attribute_not_null(source->desc, attnum))
		return false;
	att = TupleDescAttr(source->desc, attnum - 1);
	type = index->rd_opcintype[column];
	eq = get_opfamily_member(index->rd_opfamily[column], type, type, BTEqualStrategyNumber);
	if (eq != lookup_type_cache(getBaseType(att->atttypid), TYPECACHE_EQ_OPR)->eq_opr)
		return false;
	return !OidIsValid(att->attcollation) ||
		index->rd_indcollation[column] == att->attcollation ||
		get_collation_isdeterministic(att->attcollation);
}

/* Does the index keep rows apart, at every moment and whatever they hold? */
static bool
index_is_key(const FoPageSource *source, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		index->rd_rel->relam != BTREE_AM_OID ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		if (!index_column_agrees(source, index, i))
			return false;
	}
	return true;
}

/* How many columns of an index the ordering lacks. */
static int
count_missing(const FoPageSource *source, Form_pg_index form)
{
	int			missing = 0;

	for (int i = 0; i < form->indnkeyatts; i++)
		missing += find_key(source, form->indkey.values[i]) == NULL;
	return missing;
}

/*
 * The columns to append: none if the ordering is unique as it is, else those of
 * the primary key, else those of the unique index that adds fewest.  Returns
 * false if there is no such index.
 */
static bool
find_tie_breaker(const FoPageSource *source, List **columns)
{
	List	   *indexes = RelationGetIndexList(source->relation);
	int			best = INT_MAX;
	ListCell   *cell;

	*columns = NIL;
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;
		int			missing = index_is_key(source, index) ? count_missing(source, form) : INT_MAX;
		int			rank = missing == INT_MAX || missing == 0 ? missing :
			form->indisprimary ? 1 : missing + 1;

		if (rank < best)
		{
			best = rank;
			list_free(*columns);
			*columns = NIL;
			for (int i = 0; i < form->indnkeyatts; i++)
			{
				if (find_key(source, form->indkey.values[i]) == NULL)
					*columns = lappend_int(*columns, form->indkey.values[i]);
			}
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return best < INT_MAX;
}

/* Make the ordering unique; if that cannot be, it is an error when it is to be total. */
static void
break_ties(FoPageSource *source, bool total)
{
	bool		children = source->relation->rd_rel->relkind == RELKIND_RELATION &&
		has_subclass(RelationGetRelid(source->relation)) &&
		find_inheritance_children(RelationGetRelid(source->relation), NoLock) != NIL;
	bool		descending = source->nkeys > 0 && source->keys[source->nkeys - 1].descending;
	List	   *columns = NIL;
	ListCell   *cell;

	if ((children || !find_tie_breaker(source, &columns)) && total)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("%s has no key that breaks ties in the ordering", source->name),
				 children ? errdetail("Its indexes do not cover its child tables.") : 0,
				 errhint("Add a primary key or a unique index over NOT NULL columns; or, if the "
						 "ordering is unique already, as it may be in a view, end its last entry "
						 "with UNIQUE.")));
	foreach(cell, columns)
		add_key(source, (AttrNumber) lfirst_int(cell), descending, descending);
}

/*
 * Resolve order_by, which may be NULL for the order of the key alone.  A total
 * ordering lets no rows tie.
 */
void
fo_page_source_order(FoPageSource *source, ArrayType *order_by, bool total)
{
	bool		unique = false;
	Datum	   *entries = NULL;
	bool	   *nulls = NULL;
	int			count = 0;

	source->keys = palloc0(sizeof(FoPageKey) * MAX_KEYS);
	if (order_by != NULL)
		deconstruct_array(order_by, TEXTOID, -1, false, TYPALIGN_INT, &entries, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("entry %d of order_by is null", i + 1)));
		if (unique)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("only the last entry of order_by may end with UNIQUE")));
		unique = add_term(source, TextDatumGetCString(entries[i]));
	}
	if (!unique)
		break_ties(source, total);
}
