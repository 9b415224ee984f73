/*
 * apply_part.c
 *		CREATE INDEX on a partitioned table, in steps none of which blocks writers for long.
 *
 * The server has no concurrent way to do it at once, but one step by step:
 *
 *		CREATE INDEX parts_a_idx ON ONLY parts USING btree (a);
 *		CREATE INDEX CONCURRENTLY part_1_a_idx ON part_1 USING btree (a);
 *		ALTER INDEX parts_a_idx ATTACH PARTITION part_1_a_idx;
 *
 * and so on.  The first is invalid until the last partition is attached; partitions that
 * are made meanwhile have it from the start.  Which step is next is read from the catalogs
 * each time, so a call that failed goes on where it was when it is repeated.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "advisor/apply.h"
#include "base/compat_query.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Has index_apply made this index by this statement?  Then the number of its record, or 0. */
static int64
find_record(Oid index, const char *ddl)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(index), CStringGetTextDatum(ddl)};
	bool		isnull;
	int64		id;

	SPI_connect();
	if (SPI_execute_with_args("SELECT coalesce(max(id), 0) FROM filteropt.index_applied "
							  "WHERE index = $1 AND ddl = $2", 2, types, values, NULL,
							  true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read what was applied");
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

/*
 * Find the index that an earlier call began to make by this statement and did not finish,
 * one of that name if name is not NULL.  The statement gets its name then.
 */
void
fo_index_find_begun(FoIndexStatement *statement, const char *name)
{
	Relation	table = table_open(statement->relation, AccessShareLock);
	FoIndexStatement begun = *statement;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(table))
	{
		begun.begun = lfirst_oid(lc);
		begun.index = get_rel_name(begun.begun);
		if (get_index_isvalid(begun.begun) || (name && strcmp(name, begun.index) != 0))
			continue;
		fo_index_write_create(&begun);
		begun.begun_id = find_record(begun.begun, begun.ddl);
		if (begun.begun_id != 0)
			*statement = begun;
	}
	table_close(table, NoLock);
}

/* Of a table in the tree of the whole: its index there, if it is attached already. */
static Oid
attached_index(Oid table, const FoIndexStatement *whole, Oid index)
{
	Oid			parent_index;
	Relation	rel;
	Oid			result;

	if (table == whole->relation)
		return index;
	parent_index = attached_index(get_partition_parent(table, false), whole, index);
	if (!OidIsValid(parent_index))
		return InvalidOid;
	rel = table_open(table, AccessShareLock);
	result = index_get_partition(rel, parent_index);
	table_close(rel, NoLock);
	return result;
}

/* Would ATTACH PARTITION take a table's index for its parent's? */
static bool
is_same(Relation table, Relation index, Relation parent, Relation parent_index)
{
	AttrMap    *map = fo_build_full_attrmap(RelationGetDescr(table), RelationGetDescr(parent));
	bool		same = CompareIndexInfo(BuildIndexInfo(index), BuildIndexInfo(parent_index),
										index->rd_indcollation, parent_index->rd_indcollation,
										index->rd_opfamily, parent_index->rd_opfamily, map);

	free_attrmap(map);
	return same;
}

/*
 * An index of a partition that can be attached: a valid one rather than the leftover of a
 * build, which is then to be made anew under its name.
 */
static Oid
find_same(Oid table, Oid parent_index)
{
	Relation	rel = table_open(table, AccessShareLock);
	Relation	parent_index_rel = index_open(parent_index, AccessShareLock);
	Relation	parent = table_open(parent_index_rel->rd_index->indrelid, AccessShareLock);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (!index->rd_rel->relispartition &&
			(!OidIsValid(result) || index->rd_index->indisvalid) &&
			is_same(rel, index, parent, parent_index_rel))
			result = lfirst_oid(lc);
		index_close(index, NoLock);
	}
	table_close(parent, NoLock);
	index_close(parent_index_rel, NoLock);
	table_close(rel, NoLock);
	return result;
}

static FoIndexStatement *make_step(Oid table, const FoIndexStatement *whole, Oid index);

/* The qualified name of a table's index in the tree, as it is or will be. */
static char *
name_of_index(Oid table, const FoIndexStatement *whole, Oid index)
{
	Oid			attached = attached_index(table, whole, index);
	const FoIndexStatement *step = whole;

	if (OidIsValid(attached))
		return fo_index_qualified_name(attached);
	if (table != whole->relation)
		step = make_step(table, whole, index);
	return quote_qualified_identifier(step->schema, step->index);
}

/* Append a statement. */
static void
put(StringInfo buf, const char *statement)
{
	appendStringInfo(buf, "%s%s", buf->len > 0 ? ";\n" : "", statement);
}

/* The statements that give a partition its index. */
static char *
write_step(FoIndexStatement *step, bool is_made, const char *parent_name)
{
	StringInfoData ddl;

	initStringInfo(&ddl);
	if (!is_made)
	{
		fo_index_write_create(step);
		put(&ddl, step->ddl);
	}
	put(&ddl, psprintf("ALTER INDEX %s ATTACH PARTITION %s", parent_name,
					   quote_qualified_identifier(step->schema, step->index)));
	if (step->has_expressions && step->action == FO_INDEX_CREATE)
		put(&ddl, psprintf("ANALYZE %s", fo_index_qualified_name(step->relation)));
	return ddl.data;
}

/* What gives a partition its index; index is InvalidOid if the whole is not begun. */
static FoIndexStatement *
make_step(Oid table, const FoIndexStatement *whole, Oid index)
{
	FoIndexStatement *step = palloc(sizeof(FoIndexStatement));
	Oid			parent = get_partition_parent(table, false);
	Oid			parent_index = attached_index(parent, whole, index);
	Oid			same = OidIsValid(parent_index) ? find_same(table, parent_index) : InvalidOid;
	bool		is_parent = get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE;
	bool		is_made = OidIsValid(same) && (is_parent || get_index_isvalid(same));

	*step = *whole;
	step->action = is_made ? FO_INDEX_ATTACH : is_parent ? FO_INDEX_CREATE_ONLY : FO_INDEX_CREATE;
	step->relation = table;
	step->schema = get_namespace_name(get_rel_namespace(table));
	step->index = OidIsValid(same) ? get_rel_name(same) :
		ChooseRelationName(get_rel_name(table), whole->columns, "idx", get_rel_namespace(table),
						   false);
	step->ddl = write_step(step, is_made, name_of_index(parent, whole, index));
	step->undo = NULL;
	return step;
}

/*
 * The steps that are left for an index of a partitioned table, the first so many of them;
 * index is InvalidOid if it is not begun.  Parents come before their partitions.
 */
List *
fo_index_steps(const FoIndexStatement *whole, Oid index, int most)
{
	List	   *steps = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(whole->relation, AccessShareLock, NULL))
	{
		Oid			table = lfirst_oid(lc);

		CHECK_FOR_INTERRUPTS();
		if (list_length(steps) < most && table != whole->relation &&
			!OidIsValid(attached_index(table, whole, index)))
			steps = lappend(steps, make_step(table, whole, index));
	}
	return steps;
}

/* Refuse a tree that cannot be indexed in steps: the whole would stay invalid. */
void
fo_index_check_parts(Oid relation)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relation, AccessShareLock, NULL))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partition \"%s\" is a foreign table", get_rel_name(lfirst_oid(lc))),
				 errhint("Apply it to each other partition, then execute CREATE INDEX on the "
						 "table, which takes over what they have.")));
}
