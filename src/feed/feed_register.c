/*
 * feed_register.c
 *		Writing filteropt.feed for those who own the tables of a feed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/compat.h"

PG_FUNCTION_INFO_V1(fo_feed_register);
PG_FUNCTION_INFO_V1(fo_feed_unregister);

/* The binding of the feed in $1, if there is such a feed; runs as any role. */
static Oid
binding_of(Datum name)
{
	Oid			type = TEXTOID;
	bool		isnull;

	if (SPI_execute_with_args("SELECT f.binding FROM filteropt.feed f WHERE f.name = $1", 1, &type,
							  &name, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read filteropt.feed");
	return SPI_processed == 0 ? InvalidOid :
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Refuse unless the caller owns the binding; one that has been dropped is anybody's. */
static void
check_owner(Oid binding)
{
	char	   *name = get_rel_name(binding);

	if (name != NULL && !fo_owns_relation(binding))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of view %s, which binds the feed", name)));
}

/* Run a statement as the owner of filteropt.feed. */
static void
run_as_owner(const char *sql, Oid type, Datum value)
{
	Oid			catalog = get_relname_relid("feed", get_namespace_oid("filteropt", false));
	Oid			user;
	int			context;
	int			result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(fo_relation_owner(catalog), context | SECURITY_LOCAL_USERID_CHANGE);
	result = SPI_execute_with_args(sql, 1, &type, &value, NULL, false, 0);
	SetUserIdAndSecContext(user, context);
	if (result < 0)
		elog(ERROR, "could not write filteropt.feed: %s", SPI_result_code_string(result));
}

/* feed_register(feed filteropt.feed) */
Datum
fo_feed_register(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	bool		no_name;
	bool		no_binding;
	Datum		name = GetAttributeByName(row, "name", &no_name);
	Datum		binding = GetAttributeByName(row, "binding", &no_binding);
	Oid			known;

	if (no_name || no_binding)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a feed has a name and a binding")));
	SPI_connect();
	known = binding_of(name);
	if (OidIsValid(known))
		check_owner(known);
	if (get_rel_relkind(DatumGetObjectId(binding)) != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the binding of a feed is a view")));
	check_owner(DatumGetObjectId(binding));
	run_as_owner("INSERT INTO filteropt.feed SELECT ($1).* ON CONFLICT (name) DO UPDATE SET"
				 " binding = EXCLUDED.binding, resource = EXCLUDED.resource, model = EXCLUDED.model,"
				 " prompt = EXCLUDED.prompt, score = EXCLUDED.score, lease = EXCLUDED.lease,"
				 " mode = EXCLUDED.mode, strategy = EXCLUDED.strategy,"
				 " threshold = EXCLUDED.threshold, shown = EXCLUDED.shown,"
				 " hidden = EXCLUDED.hidden, hit = EXCLUDED.hit, day_tz = EXCLUDED.day_tz",
				 HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetDatum(row));
	SPI_finish();
	PG_RETURN_VOID();
}

/* feed_unregister(feed text) */
Datum
fo_feed_unregister(PG_FUNCTION_ARGS)
{
	Datum		name = PG_GETARG_DATUM(0);
	Oid			binding;

	SPI_connect();
	binding = binding_of(name);
	if (OidIsValid(binding))
		check_owner(binding);
	run_as_owner("DELETE FROM filteropt.feed WHERE name = $1", TEXTOID, name);
	SPI_finish();
	PG_RETURN_VOID();
}
