/*
 * advise_foreign.c
 *		Searches that foreign keys make when a row they refer to goes away.
 *
 * DELETE FROM users WHERE id = 7, where posts (user_id) refers to users (id),
 * also runs SELECT FROM ONLY posts WHERE user_id = $1, or a DELETE that
 * searches the same way.  It is a query of the workload like any other.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "advisor/advise.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The columns at one end of a foreign key. */
static int
read_columns(HeapTuple tuple, TupleDesc desc, AttrNumber attnum, AttrNumber *columns)
{
	bool		null;
	ArrayType  *array = DatumGetArrayTypeP(heap_getattr(tuple, attnum, desc, &null));
	int			n = Min(ARR_DIMS(array)[0], INDEX_MAX_KEYS);

	/* One dimension, no nulls. */
	memcpy(columns, (char *) array + ARR_OVERHEAD_NONULLS(1), sizeof(AttrNumber) * (size_t) n);
	return n;
}

/* Is one of the columns in the set? */
static bool
is_any_in(const AttrNumber *attnums, int n, const Bitmapset *columns)
{
	for (int i = 0; i < n; i++)
	{
		if (bms_is_member(attnums[i], columns))
			return true;
	}
	return false;
}

/* The search for rows that refer to a given one. */
static char *
search_of(Oid relid, const AttrNumber *columns, int n)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT FROM %s%s WHERE",
					 get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					 fo_advise_table(relid));
	for (int i = 0; i < n; i++)
		appendStringInfo(&buf, "%s %s = $%d", i == 0 ? "" : " AND",
						 quote_identifier(get_attname(relid, columns[i], false)), i + 1);
	return buf.data;
}

/*
 * The searches that a change of the table's rows makes: of a deletion, or of
 * an update that sets the columns.
 */
List *
fo_advise_foreign_searches(Oid relid, bool deletes, const Bitmapset *columns)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *searches = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		AttrNumber	referring[INDEX_MAX_KEYS];
		AttrNumber	referred[INDEX_MAX_KEYS];
		int			n;

		if (form->contype != CONSTRAINT_FOREIGN || form->confrelid != relid ||
			OidIsValid(form->conparentid))
			continue;
		n = read_columns(tuple, RelationGetDescr(catalog), Anum_pg_constraint_confkey, referred);
		if (!deletes && !is_any_in(referred, n, columns))
			continue;
		n = read_columns(tuple, RelationGetDescr(catalog), Anum_pg_constraint_conkey, referring);
		searches = lappend(searches, search_of(form->conrelid, referring, n));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return searches;
}
