/*
 * keyword_store.c
 *		Making the tables that hold compiled keywords.
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

PG_FUNCTION_INFO_V1(fo_keyword_make_store);
PG_FUNCTION_INFO_V1(fo_keyword_guard);
PG_FUNCTION_INFO_V1(fo_keyword_link_store);

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

/* A name for the store of a table that is free in schema filteropt. */
static char *
choose_name(Oid source)
{
	Oid			schema = get_namespace_oid("filteropt", false);
	char	   *base = psprintf("keywords_%s", get_rel_name(source));
	char	   *name;
	int			n = 0;

	base[pg_mbcliplen(base, strlen(base), NAMEDATALEN - 12)] = '\0';
	name = base;
	while (OidIsValid(get_relname_relid(name, schema)))
		name = psprintf("%s_%d", base, ++n);
	return name;
}

/* Let the store go when the source is dropped. */
static void
depend_on_source(Oid source, const char *name)
{
	Oid			store = get_relname_relid(name, get_namespace_oid("filteropt", false));
	ObjectAddress from;
	ObjectAddress to;

	CommandCounterIncrement();
	ObjectAddressSet(from, RelationRelationId, store);
	ObjectAddressSet(to, RelationRelationId, source);
	recordDependencyOn(&from, &to, DEPENDENCY_AUTO);
}

/* keyword_link_store(source regclass) */
Datum
fo_keyword_link_store(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);

	check_owner(source);
	/* The description is of a store that has the same owner. */
	depend_on_source(source, get_rel_name(fo_keyword_source_get(source)->store));
	PG_RETURN_VOID();
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

/* keyword_make_store(source regclass, owner name) returns name */
Datum
fo_keyword_make_store(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);
	AttrNumber	column = get_attnum(source, NameStr(*PG_GETARG_NAME(1)));
	char	   *name;
	NameData   *result = palloc0(sizeof(NameData));

	check_owner(source);
	if (column == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						NameStr(*PG_GETARG_NAME(1)), get_rel_name(source))));
	name = choose_name(source);
	run_as_schema_owner(store_definition(source, column_type(source, column), name));
	depend_on_source(source, name);
	namestrcpy(result, name);
	PG_RETURN_NAME(result);
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
