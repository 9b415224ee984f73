/*
 * advise_index.c
 *		Indexes that do not exist: what they consist of, and how they are written.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "advisor/advise.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_opclass.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* Any operator class of the family that takes the type; invalid if none does. */
static Oid
opclass_in_family(Oid am, Oid family, Oid type)
{
	CatCList   *list = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(am));
	Oid			found = InvalidOid;

	for (int i = 0; i < list->n_members && !OidIsValid(found); i++)
	{
		Form_pg_opclass form = (Form_pg_opclass) GETSTRUCT(&list->members[i]->tuple);

		if (form->opcfamily == family && IsBinaryCoercible(type, form->opcintype))
			found = form->oid;
	}
	ReleaseSysCacheList(list);
	return found;
}

/* Fill in the operator class of a key of a family; the default one if it fits. */
bool
fo_advise_key_for(Oid am, Oid family, Oid type, FoAdviseKey *key)
{
	Oid			opclass = GetDefaultOpClass(type, am);

	if (!OidIsValid(opclass) || get_opclass_family(opclass) != family)
		opclass = opclass_in_family(am, family, getBaseType(type));
	if (!OidIsValid(opclass))
		return false;
	key->type = type;
	key->opclass = opclass;
	key->opfamily = family;
	key->opcintype = get_opclass_input_type(opclass);
	return true;
}

/* Do the keys index the same values in the same way, in some direction? */
bool
fo_advise_same_key(const FoAdviseKey *a, const FoAdviseKey *b)
{
	return a->attnum == b->attnum && a->opfamily == b->opfamily &&
		a->opcintype == b->opcintype && a->collation == b->collation && equal(a->expr, b->expr);
}

/* Are the keys in the same direction as well, or are all of them reversed? */
static bool
same_directions(const FoAdviseKey *a, const FoAdviseKey *b, int n)
{
	bool		same = true;
	bool		reversed = true;

	for (int i = 0; i < n; i++)
	{
		same &= a[i].descending == b[i].descending && a[i].nulls_first == b[i].nulls_first;
		reversed &= a[i].descending != b[i].descending && a[i].nulls_first != b[i].nulls_first;
	}
	return same || reversed;
}

/* Are the two the same index? */
static bool
same_index(const FoAdviseIndex *a, const FoAdviseIndex *b)
{
	if (a->relid != b->relid || a->am != b->am || a->nkeys != b->nkeys ||
		!bms_equal(a->include, b->include) || !equal(a->predicate, b->predicate))
		return false;
	for (int i = 0; i < a->nkeys; i++)
	{
		if (!fo_advise_same_key(&a->keys[i], &b->keys[i]))
			return false;
	}
	return a->am != BTREE_AM_OID || same_directions(a->keys, b->keys, a->nkeys);
}

/* A key of an index that exists. */
static void
existing_key(Relation index, List **exprs, int i, FoAdviseKey *key)
{
	int16		option = index->rd_indoption[i];

	memset(key, 0, sizeof(*key));
	key->attnum = index->rd_index->indkey.values[i];
	if (key->attnum == 0)
	{
		key->expr = linitial(*exprs);
		*exprs = list_delete_first(*exprs);
	}
	key->opfamily = index->rd_opfamily[i];
	key->opcintype = index->rd_opcintype[i];
	key->collation = index->rd_indcollation[i];
	key->descending = (option & INDOPTION_DESC) != 0;
	key->nulls_first = (option & INDOPTION_NULLS_FIRST) != 0;
}

/* The columns that an index stores, as a set. */
static Bitmapset *
existing_columns(Relation index)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < index->rd_index->indnatts; i++)
		columns = bms_add_member(columns, index->rd_index->indkey.values[i]);
	return columns;
}

/*
 * Does an existing index do what the candidate would?  It does if it begins
 * with the same keys, stores the other columns and holds the same rows; and
 * also if the candidate begins with all keys of a unique index, which leave
 * it at most one row to find.
 */
static bool
covered_by(const FoAdviseIndex *candidate, Relation index)
{
	Form_pg_index form = index->rd_index;
	List	   *exprs = list_copy(RelationGetIndexExpressions(index));
	List	   *predicate = RelationGetIndexPredicate(index);
	FoAdviseKey keys[INDEX_MAX_KEYS];
	int			shared = 0;

	if (!form->indisvalid || index->rd_rel->relam != candidate->am ||
		!predicate_implied_by(predicate, candidate->predicate, false))
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
		existing_key(index, &exprs, i, &keys[i]);
	while (shared < Min(form->indnkeyatts, candidate->nkeys) &&
		   fo_advise_same_key(&keys[shared], &candidate->keys[shared]))
		shared++;
	if (form->indisunique && form->indimmediate && shared == form->indnkeyatts)
		return true;
	return shared == candidate->nkeys &&
		(candidate->am != BTREE_AM_OID || same_directions(keys, candidate->keys, shared)) &&
		bms_is_subset(candidate->include, existing_columns(index)) &&
		(predicate != NIL || candidate->predicate == NIL);
}

/* Does any index of the table do what the candidate would? */
static bool
is_covered(const FoAdviseIndex *candidate)
{
	Relation	table = relation_open(candidate->relid, AccessShareLock);
	List	   *list = RelationGetIndexList(table);
	ListCell   *lc;
	bool		covered = false;

	foreach(lc, list)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		covered |= covered_by(candidate, index);
		index_close(index, AccessShareLock);
	}
	relation_close(table, AccessShareLock);
	return covered;
}

/* Do values for these columns leave at most one row, as a unique index says? */
bool
fo_advise_finds_one(Oid relid, const Bitmapset *columns)
{
	Relation	table = relation_open(relid, AccessShareLock);
	List	   *list = RelationGetIndexList(table);
	ListCell   *lc;
	bool		unique = false;

	foreach(lc, list)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool		all = form->indisunique && form->indisvalid && form->indimmediate &&
			RelationGetIndexPredicate(index) == NIL;

		for (int i = 0; i < form->indnkeyatts && all; i++)
			all = form->indkey.values[i] != 0 && bms_is_member(form->indkey.values[i], columns);
		unique |= all;
		index_close(index, AccessShareLock);
	}
	relation_close(table, AccessShareLock);
	return unique;
}

/* The candidate of this form, made if it is new; NULL if it is not needed. */
FoAdviseIndex *
fo_advise_add_index(FoAdvise *advise, const FoAdviseIndex *index)
{
	MemoryContext old;
	FoAdviseIndex *added;

	for (int i = 0; i < advise->nindexes; i++)
	{
		if (same_index(advise->indexes[i], index))
			return advise->indexes[i];
	}
	if (advise->nindexes >= FO_PICK_MAX || is_covered(index))
		return NULL;
	old = MemoryContextSwitchTo(advise->context);
	added = palloc(sizeof(FoAdviseIndex));
	*added = *index;
	added->include = bms_copy(index->include);
	added->predicate = copyObject(index->predicate);
	for (int i = 0; i < added->nkeys; i++)
		added->keys[i].expr = copyObject(index->keys[i].expr);
	added->number = advise->nindexes;

	/*
	 * The planner tells indexes by OID.  Relations of users have none below
	 * FirstNormalObjectId; the catalog's own are far below these.
	 */
	added->oid = FirstNormalObjectId - FO_PICK_MAX + added->number;
	fo_advise_estimate(advise, added);
	advise->indexes[advise->nindexes++] = added;
	if (message_level_is_interesting(DEBUG1))
		elog(DEBUG1, "index_advise: %.0f bytes are estimated for %s", added->bytes,
			 fo_advise_ddl(added, NULL));
	MemoryContextSwitchTo(old);
	return added;
}

/* What names the columns of the table. */
static List *
context_of(const FoAdviseIndex *index)
{
	return deparse_context_for(get_rel_name(index->relid), index->relid);
}

/* Write a key as CREATE INDEX wants it, without operator class and direction. */
char *
fo_advise_key_text(const FoAdviseIndex *index, int key)
{
	const FoAdviseKey *k = &index->keys[key];
	char	   *text;

	if (k->attnum != 0)
		return pstrdup(quote_identifier(get_attname(index->relid, k->attnum, false)));
	text = deparse_expression(k->expr, context_of(index), false, false);

	if (IsA(k->expr, FuncExpr) && ((FuncExpr *) k->expr)->funcformat == COERCE_EXPLICIT_CALL)
		return text;

	return psprintf("(%s)", text);
}

/* Append what makes a key different from a plain ascending one. */
static void
append_key_options(StringInfo buf, const FoAdviseIndex *index, const FoAdviseKey *key)
{
	Oid			plain = key->attnum ? get_typcollation(key->type) : exprCollation(key->expr);

	if (key->attnum)
	{
		int32		typmod;
		Oid			type;

		get_atttypetypmodcoll(index->relid, key->attnum, &type, &typmod, &plain);
	}
	if (OidIsValid(key->collation) && key->collation != plain)
		appendStringInfo(buf, " COLLATE %s", generate_collation_name(key->collation));
	if (GetDefaultOpClass(key->type, index->am) != key->opclass)
		appendStringInfo(buf, " %s", generate_opclass_name(key->opclass));
	if (key->buckets)
		appendStringInfo(buf, " (buckets=%d)", key->buckets);
	if (key->descending)
		appendStringInfoString(buf, key->nulls_first ? " DESC" : " DESC NULLS LAST");
	else if (key->nulls_first)
		appendStringInfoString(buf, " NULLS FIRST");
}

/* The name of a table with its schema. */
char *
fo_advise_table(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* The statement that makes the index, with a name or without. */
char *
fo_advise_ddl(const FoAdviseIndex *index, const char *name)
{
	StringInfoData buf;
	int			attnum = -1;
	const char *separator = " INCLUDE (";

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE INDEX %s%sON %s ", name ? name : "", name ? " " : "",
					 fo_advise_table(index->relid));
	if (index->am != BTREE_AM_OID)
		appendStringInfo(&buf, "USING %s ", quote_identifier(get_am_name(index->am)));
	for (int i = 0; i < index->nkeys; i++)
	{
		appendStringInfo(&buf, "%s%s", i == 0 ? "(" : ", ", fo_advise_key_text(index, i));
		append_key_options(&buf, index, &index->keys[i]);
	}
	appendStringInfoChar(&buf, ')');
	while ((attnum = bms_next_member(index->include, attnum)) >= 0)
	{
		appendStringInfo(&buf, "%s%s", separator,
						 quote_identifier(get_attname(index->relid, (AttrNumber) attnum, false)));
		separator = ", ";
	}
	if (index->include)
		appendStringInfoChar(&buf, ')');
	if (index->predicate)
		appendStringInfo(&buf, " WHERE %s",
						 deparse_expression((Node *) make_ands_explicit(index->predicate),
											context_of(index), false, false));
	return buf.data;
}
