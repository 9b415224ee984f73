/*
 * nplus_relate.c
 *		Whether two columns have to do with each other: what makes a loop of equal small
 *		numbers believable.
 *
 * They do if they are the same column, if foreign keys lead from both to one column (or
 * from one to the other), or if names say so: user_id beside users.id, or user_id twice.
 * Only catalogs are read, without locks: a table may be gone by now, then nothing is found.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "advisor/watch.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define MAX_HOPS 4				/* of foreign keys, which may go round */

/* The columns in a field of a constraint; returns how many. */
static int
read_columns(Relation catalog, HeapTuple tuple, int field, AttrNumber *columns)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, field, RelationGetDescr(catalog), &isnull);
	Datum	   *element;
	int			count;

	if (isnull)
		return 0;
	deconstruct_array(DatumGetArrayTypeP(datum), INT2OID, sizeof(int16), true, TYPALIGN_SHORT,
					  &element, NULL, &count);
	count = Min(count, INDEX_MAX_KEYS);
	for (int i = 0; i < count; i++)
		columns[i] = DatumGetInt16(element[i]);
	return count;
}

/* Replace a column by what a foreign key says that it refers to; false if it is none's. */
static bool
refer(Relation catalog, HeapTuple tuple, Oid *relation, AttrNumber *attribute)
{
	Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);
	AttrNumber	from[INDEX_MAX_KEYS];
	AttrNumber	to[INDEX_MAX_KEYS];
	int			count;

	if (constraint->contype != CONSTRAINT_FOREIGN)
		return false;
	count = read_columns(catalog, tuple, Anum_pg_constraint_conkey, from);
	if (read_columns(catalog, tuple, Anum_pg_constraint_confkey, to) != count)
		return false;
	for (int i = 0; i < count; i++)
		if (from[i] == *attribute)
		{
			*relation = constraint->confrelid;
			*attribute = to[i];
			return true;
		}
	return false;
}

/* Step from a column to what a foreign key of it refers to; false if it has none. */
static bool
follow_foreign_key(Oid *relation, AttrNumber *attribute)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(*relation));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = refer(catalog, tuple, relation, attribute);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* Copy a name in lower case without underscores; returns its length. */
static int
plain_name(const char *name, char *out)
{
	int			len = 0;

	for (; *name != '\0' && len < NAMEDATALEN - 1; name++)
		if (*name != '_')
			out[len++] = pg_tolower((unsigned char) *name);
	out[len] = '\0';
	return len;
}

/* Is "name" that of a reference to a column of a table: user_id, userId to users.id? */
static bool
refers_by_name(const char *name, Oid relation, const char *column)
{
	static const struct
	{
		const char *plural;
		const char *singular;
	}			endings[] = {{"", ""}, {"s", ""}, {"es", ""}, {"ies", "y"}};
	char	   *table = OidIsValid(relation) ? get_rel_name(relation) : NULL;
	char		reference[NAMEDATALEN];
	char		stem[NAMEDATALEN];
	char		target[NAMEDATALEN];
	int			len;

	if (table == NULL)
		return false;
	plain_name(name, reference);
	plain_name(column, target);
	len = plain_name(table, stem);
	pfree(table);
	for (int i = 0; i < (int) lengthof(endings); i++)
	{
		int			cut = len - (int) strlen(endings[i].plural);
		char		whole[2 * NAMEDATALEN];

		if (cut <= 0 || strcmp(stem + cut, endings[i].plural) != 0)
			continue;
		snprintf(whole, sizeof(whole), "%.*s%s%s", cut, stem, endings[i].singular, target);
		if (strcmp(whole, reference) == 0)
			return true;
	}
	return false;
}

/* Is a name that of an id, and not just "id", which every table has? */
static bool
names_an_id(const char *name)
{
	char		plain[NAMEDATALEN];
	int			len = plain_name(name, plain);

	return len > 2 && strcmp(plain + len - 2, "id") == 0;
}

/* Has a column, that a key is compared with, to do with a column of a result? */
bool
fo_nplus_related(Oid relation, AttrNumber attribute, const FoNplusResult *result, int column)
{
	Oid			from = result->relation[column];
	AttrNumber	from_attribute = result->attribute[column];
	const char *from_name = result->name[column];
	char	   *name;
	bool		related;

	if (!OidIsValid(relation) || (name = get_attname(relation, attribute, true)) == NULL)
		return false;
	related = (strcmp(name, from_name) == 0 && names_an_id(name)) ||
		refers_by_name(name, from, from_name) || refers_by_name(from_name, relation, name);
	pfree(name);
	if (related || !OidIsValid(from))
		return related;
	for (int i = 0; i < MAX_HOPS && follow_foreign_key(&relation, &attribute); i++)
		;
	for (int i = 0; i < MAX_HOPS && follow_foreign_key(&from, &from_attribute); i++)
		;
	return relation == from && attribute == from_attribute;
}
