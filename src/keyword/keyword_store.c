/*
 * keyword_store.c
 *		Making the tables that hold compiled keywords, and keeping them with their sources.
 *
 * They live in schema filteropt, where ordinary roles cannot create tables, so
 * that is done as the schema's owner, for a caller who owns the source; the
 * owner of the source then owns the store, and may drop it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/deparse_utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "keyword/keyword_source.h"

/* Names of stores begin so: nothing else is made in the schema for ordinary owners. */
#define PREFIX "keywords_"

PG_FUNCTION_INFO_V1(fo_keyword_name_store);
PG_FUNCTION_INFO_V1(fo_keyword_guard);
PG_FUNCTION_INFO_V1(fo_keyword_renew);
PG_FUNCTION_INFO_V1(fo_keyword_moves_partitions);

/* Run a statement as the owner of schema filteropt. */
static void
run_as_schema_owner(const char *sql)
{
	Oid			schema = get_namespace_oid("filteropt", false);
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	Oid			role;
	int			context;
	int			result;

	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	result = SPI_execute(sql, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
	SPI_finish();
	SetUserIdAndSecContext(role, context);
}

/* Raise an error unless the current role owns the source. */
static void
check_owner(Oid source)
{
	if (get_rel_name(source) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", source)));
	if (!fo_owns_relation(source))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(source));
}

/* Type and collation of a column, as SQL. */
static char *
column_type(Oid source, AttrNumber column)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	const char *name;

	get_atttypetypmodcoll(source, column, &type, &typmod, &collation);
	name = format_type_extended(type, typmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	if (!OidIsValid(collation))
		return pstrdup(name);
	return psprintf("%s COLLATE %s", name, generate_collation_name(collation));
}

/* keyword_name_store(source regclass, owner name) returns name */
Datum
fo_keyword_name_store(PG_FUNCTION_ARGS)
{
	Oid			schema = get_namespace_oid("filteropt", false);
	char	   *table = get_rel_name(PG_GETARG_OID(0));
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	Oid			type = get_atttype(PG_GETARG_OID(0), get_attnum(PG_GETARG_OID(0), column));
	NameData   *result = palloc0(sizeof(NameData));
	char	   *base;
	char	   *name;
	int			n = 0;

	if (table == NULL || !OidIsValid(type))
		PG_RETURN_NULL();
	fo_keyword_owner_type(type, column);
	base = psprintf(PREFIX "%s", table);
	base[pg_mbcliplen(base, strlen(base), NAMEDATALEN - 12)] = '\0';
	name = base;
	while (OidIsValid(get_relname_relid(name, schema)))
		name = psprintf("%s_%d", base, ++n);
	namestrcpy(result, name);
	PG_RETURN_NAME(result);
}

/* Let the store go when the source is dropped. */
static void
depend_on_source(Oid source, Oid store)
{
	ObjectAddress from;
	ObjectAddress to;

	ObjectAddressSet(from, RelationRelationId, store);
	ObjectAddressSet(to, RelationRelationId, source);
	deleteDependencyRecordsForSpecific(RelationRelationId, store, DEPENDENCY_AUTO,
									   RelationRelationId, source);
	recordDependencyOn(&from, &to, DEPENDENCY_AUTO);
}

/* keyword_renew(source regclass), which event triggers call for a store of the same owner */
Datum
fo_keyword_renew(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);
	NameData	name;
	AttrNumber	owner;

	if (fo_keyword_source_marker(source, &name, &owner))
		depend_on_source(source, get_relname_relid(NameStr(name),
												   get_namespace_oid("filteropt", false)));
	fo_keyword_source_renew(source);
	PG_RETURN_VOID();
}

/* Does a part of ALTER TABLE add or remove a partition? */
static bool
moves_partition(Node *part)
{
	AlterTableCmd *command = (AlterTableCmd *) part;

	return IsA(part, AlterTableCmd) &&
		(command->subtype == AT_AttachPartition || command->subtype == AT_DetachPartition ||
		 command->subtype == AT_DetachPartitionFinalize);
}

/* keyword_moves_partitions(command pg_ddl_command) returns boolean */
Datum
fo_keyword_moves_partitions(PG_FUNCTION_ARGS)
{
	CollectedCommand *command = (CollectedCommand *) PG_GETARG_POINTER(0);
	ListCell   *cell;

	if (command->type == SCT_Simple)
		PG_RETURN_BOOL(IsA(command->parsetree, CreateStmt) ||
					   IsA(command->parsetree, CreateForeignTableStmt));
	if (command->type != SCT_AlterTable)
		PG_RETURN_BOOL(false);
	foreach(cell, command->d.alterTable.subcmds)
	{
		if (moves_partition(((CollectedATSubcmd *) lfirst(cell))->parsetree))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* The statements that make a store of that name for owners of that type. */
static char *
store_definition(Oid source, const char *type, const char *name)
{
	const char *store = quote_identifier(name);
	const char *role = GetUserNameFromId(fo_relation_owner(source), false);
	const char *comment = psprintf("compiled keywords of table %s, kept by its triggers",
								   get_rel_name(source));

	return psprintf("CREATE TABLE filteropt.%s (owner %s PRIMARY KEY, "
					"compiled filteropt.keyword_set NOT NULL, rejected jsonb); "
					"CREATE TRIGGER filteropt_keyword_guard BEFORE INSERT ON filteropt.%s "
					"FOR EACH ROW EXECUTE FUNCTION filteropt.keyword_guard(); "
					"COMMENT ON TABLE filteropt.%s IS %s; "
					"ALTER TABLE filteropt.%s OWNER TO %s",
					store, type, store, store, quote_literal_cstr(comment), store,
					quote_identifier(role));
}

/*
 * Make the store that the marker of a source names, unless it is there, for a
 * caller who owns the source.
 */
void
fo_keyword_need_store(Oid source)
{
	Oid			schema = get_namespace_oid("filteropt", false);
	NameData	name;
	AttrNumber	owner;

	check_owner(source);
	if (!fo_keyword_source_marker(source, &name, &owner) ||
		OidIsValid(get_relname_relid(NameStr(name), schema)))
		return;
	if (strncmp(NameStr(name), PREFIX, strlen(PREFIX)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is no name for a table of compiled keywords", NameStr(name)),
				 errhint("Call filteropt.keyword_detach() and filteropt.keyword_attach() again.")));
	run_as_schema_owner(store_definition(source, column_type(source, owner), NameStr(name)));
	CommandCounterIncrement();
	depend_on_source(source, get_relname_relid(NameStr(name), schema));
}

/* Does a store have a row of the owner of this tuple, as committed by now? */
static bool
has_owner(Relation store, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(store);
	Oid			type = SPI_gettypeid(desc, FO_STORE_OWNER);
	bool		isnull = true;
	Datum		owner = desc->natts == 0 ? (Datum) 0
		: heap_getattr(tuple, FO_STORE_OWNER, desc, &isnull);
	Oid			equal = isnull ? InvalidOid : lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	char	   *sql;
	bool		found;

	if (!OidIsValid(equal))
		return false;
	sql = psprintf("SELECT FROM filteropt.%s WHERE owner %s $1",
				   quote_identifier(RelationGetRelationName(store)), fo_keyword_operator(equal));
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	found = SPI_execute_with_args(sql, 1, &type, &owner, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed > 0;
	PopActiveSnapshot();
	SPI_finish();
	return found;
}

/*
 * Trigger function of a store: what is not written by us comes from a dump of
 * data alone, when the triggers of the source may have compiled that owner.
 */
Datum
fo_keyword_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function filteropt.keyword_guard() works only in triggers that "
						"filteropt.keyword_attach() makes")));
	if (!fo_keyword_storing && has_owner(data->tg_relation, data->tg_trigtuple))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(data->tg_trigtuple);
}
