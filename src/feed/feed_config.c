/*
 * feed_config.c
 *		How the feed of an owner is filtered: what the config table has for him, and
 *		the feed's defaults where it has nothing.
 *
 * The statement runs with the rights of the caller, so his privileges and policies
 * decide what he sees.  Where the feed has a table of users, an owner who is not
 * seen in it does not exist.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "feed/feed_type.h"

PG_FUNCTION_INFO_V1(fo_feed_config);

/* Columns of the statement's result. */
enum
{
	GOT_OWN = 1, GOT_MODE, GOT_STRATEGY, GOT_THRESHOLD, GOT_PROMPT
};

/* Is the config in the table of users itself, or is there no table of users? */
static bool
is_one_table(const FoFeed *feed)
{
	Oid			users = feed->column[FO_USERS_ID].relation;

	return !OidIsValid(users) || users == feed->column[FO_CONFIG_OWNER].relation;
}

/* The statement that reads the config of the owner in $1. */
static char *
statement(const FoFeed *feed, const char *equal)
{
	static const FoFeedField fields[] = {FO_CONFIG_MODE, FO_CONFIG_STRATEGY, FO_CONFIG_THRESHOLD,
		FO_CONFIG_PROMPT};
	static const char *const types[] = {"text", "text", "numeric", "text"};
	bool		has_config = OidIsValid(feed->column[FO_CONFIG_OWNER].relation);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s", has_config ?
					 psprintf("%s IS NOT NULL", fo_feed_column_sql(feed, "c", FO_CONFIG_OWNER)) :
					 "false");
	for (size_t i = 0; i < lengthof(fields); i++)
		appendStringInfo(&sql, ", %s::pg_catalog.%s",
						 OidIsValid(feed->column[fields[i]].relation) ?
						 fo_feed_column_sql(feed, "c", fields[i]) : "NULL", types[i]);
	if (is_one_table(feed))
		appendStringInfo(&sql, " FROM %s c WHERE %s %s $1",
						 fo_feed_table_sql(feed, FO_CONFIG_OWNER),
						 fo_feed_column_sql(feed, "c", FO_CONFIG_OWNER), equal);
	else
	{
		appendStringInfo(&sql, " FROM %s u", fo_feed_table_sql(feed, FO_USERS_ID));
		if (has_config)
			appendStringInfo(&sql, " LEFT JOIN %s c ON %s %s $1",
							 fo_feed_table_sql(feed, FO_CONFIG_OWNER),
							 fo_feed_column_sql(feed, "c", FO_CONFIG_OWNER), equal);
		appendStringInfo(&sql, " WHERE %s %s $1", fo_feed_column_sql(feed, "u", FO_USERS_ID),
						 equal);
	}
	return sql.data;
}

/* The owner as text, for messages. */
static char *
owner_name(const FoFeed *feed, Datum owner)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(feed->owner_type, &output, &is_varlena);
	return OidOutputFunctionCall(output, owner);
}

/* A text column of the row that was read, or NULL. */
static char *
text_of(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* Take the row over; what it allocates lives in context. */
static void
take_row(FoFeed *feed, Datum owner, FoFeedConfig *config, MemoryContext context)
{
	bool		isnull;
	Datum		own = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, GOT_OWN, &isnull);
	Datum		threshold = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
										  GOT_THRESHOLD, &isnull);
	char	   *mode = text_of(GOT_MODE);
	char	   *strategy = text_of(GOT_STRATEGY);
	char	   *prompt = text_of(GOT_PROMPT);
	char	   *whose = psprintf("owner %s", owner_name(feed, owner));
	MemoryContext old = MemoryContextSwitchTo(context);

	config->own = DatumGetBool(own);
	if (mode != NULL)
		config->mode = fo_feed_mode(mode, whose);
	if (strategy != NULL)
		config->strategy = fo_feed_strategy(strategy, whose);
	if (!isnull)
		config->threshold = DatumGetNumericCopy(threshold);
	if (prompt != NULL)
		config->prompt = cstring_to_text(prompt);
	MemoryContextSwitchTo(old);
}

/* Read the owner's row, if there is one. */
static void
read_config(FoFeed *feed, Datum owner, FoFeedConfig *config)
{
	MemoryContext context = CurrentMemoryContext;
	FoKeywordSource *source = fo_keyword_source_get(feed->column[FO_KEYWORDS_OWNER].relation);
	int			result;

	SPI_connect();
	if (feed->config_plan == NULL)
		feed->config_plan = fo_feed_prepare(statement(feed, fo_keyword_operator(source->owner_eq)),
											1, &feed->owner_type);
	result = SPI_execute_plan(feed->config_plan, &owner, NULL, true, 2);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not read a filter config: %s", SPI_result_code_string(result));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("owner %s has several rows in the filter config", owner_name(feed, owner)),
				 errhint("Make the column of owners unique.")));
	if (SPI_processed == 1)
		take_row(feed, owner, config, context);
	else if (OidIsValid(feed->column[FO_USERS_ID].relation))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("owner %s does not exist", owner_name(feed, owner)),
				 errdetail("Table %s has no such row that the current user can see.",
						   fo_feed_table_sql(feed, FO_USERS_ID))));
	SPI_finish();
}

/* The config that holds for an owner. */
void
fo_feed_config_of(FoFeed *feed, Datum owner, FoFeedConfig *config)
{
	*config = (FoFeedConfig) {.mode = feed->mode, .strategy = feed->strategy,
							  .threshold = feed->threshold, .prompt = feed->prompt};
	if (OidIsValid(feed->column[FO_USERS_ID].relation) ||
		OidIsValid(feed->column[FO_CONFIG_OWNER].relation))
		read_config(feed, owner, config);
	if (config->threshold == NULL)
		config->threshold = fo_feed_read_number(fo_feed_default_threshold(config->strategy));
}

/* The row of feed_config. */
static Datum
config_row(FunctionCallInfo fcinfo)
{
	FoFeed	   *feed = fo_feed_get(PG_GETARG_TEXT_PP(0));
	FoKeywordSource *source = fo_keyword_source_get(feed->column[FO_KEYWORDS_OWNER].relation);
	FoFeedConfig config;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	fo_feed_config_of(feed, fo_keyword_owner_arg(fcinfo, source), &config);
	values[0] = CStringGetTextDatum(fo_feed_mode_name(config.mode));
	values[1] = CStringGetTextDatum(fo_feed_strategy_name(config.strategy));
	values[2] = NumericGetDatum(config.threshold);
	values[3] = PointerGetDatum(config.prompt);
	values[4] = BoolGetDatum(config.own);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* feed_config(feed, owner) returns (mode, strategy, threshold, prompt, own) */
Datum
fo_feed_config(PG_FUNCTION_ARGS)
{
	Datum		result = (Datum) 0;

	fo_feed_enter();
	PG_TRY();
	{
		result = config_row(fcinfo);
	}
	PG_FINALLY();
	{
		fo_feed_leave();
	}
	PG_END_TRY();
	return result;
}
