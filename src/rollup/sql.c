/*
 * sql.c
 *		Running SQL from the rollup's functions: with a pinned search_path, as the
 *		caller or as a chosen role, past the guard of the data tables.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "rollup/sql.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* True while the extension itself runs statements on data tables. */
bool		fo_rollup_internal = false;

/*
 * Pin search_path and connect to SPI; become the role unless it is InvalidOid.
 * An error undoes all of this by ending the (sub)transaction; the guard flag is
 * reset by fo_rollup_run itself.
 */
void
fo_rollup_enter(FoSqlState *state, Oid role)
{
	GetUserIdAndSecContext(&state->user, &state->security);
	if (OidIsValid(role) && role != state->user)
		SetUserIdAndSecContext(role, state->security |
							   SECURITY_LOCAL_USERID_CHANGE);
	state->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* Undo fo_rollup_enter. */
void
fo_rollup_leave(const FoSqlState *state)
{
	SPI_finish();
	AtEOXact_GUC(true, state->guc_level);
	SetUserIdAndSecContext(state->user, state->security);
}

/* Run one statement made like by printf. */
void
fo_rollup_run(const char *format,...)
{
	StringInfoData buf;
	bool		outer = fo_rollup_internal;
	volatile int result = 0;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&buf, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	fo_rollup_internal = true;
	PG_TRY();
	{
		result = SPI_execute(buf.data, false, 0);
	}
	PG_FINALLY();
	{
		fo_rollup_internal = outer;
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	pfree(buf.data);
}

/* A relation's name with its schema, quoted. */
char *
fo_rollup_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}
