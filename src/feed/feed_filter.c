/*
 * feed_filter.c
 *		The whole request: feed_filter decides on posts, feed_classified finishes
 *		what a model was asked about, feed_stats reads the numbers.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "feed/feed_type.h"

PG_FUNCTION_INFO_V1(fo_feed_filter);
PG_FUNCTION_INFO_V1(fo_feed_classified);
PG_FUNCTION_INFO_V1(fo_feed_stats);

/* Days that feed_stats gives at most. */
#define MAX_DAYS	3660

typedef void (*Answering) (FunctionCallInfo fcinfo);

/* What a decision is called. */
static const char *
decision_name(const FoPost *post)
{
	if (post->decision == FO_ASK)
		return post->elsewhere ? "waiting" : "pending";
	return post->decision == FO_HIDE ? "hide" : "show";
}

/* Add the row of a post to the result. */
static void
put_post(ReturnSetInfo *result, const FoPost *post)
{
	Datum		values[9];
	bool		nulls[9] = {false};

	values[0] = PointerGetDatum(post->id);
	values[1] = CStringGetTextDatum(decision_name(post));
	values[2] = CStringGetTextDatum(post->method);
	values[3] = CStringGetTextDatum(post->reason);
	values[4] = PointerGetDatum(post->keywords);
	values[5] = PointerGetDatum(post->spans);
	values[6] = PointerGetDatum(post->verdict);
	nulls[6] = post->verdict == NULL;
	nulls[7] = post->level == FO_LEVEL_NONE;
	values[7] = nulls[7] ? (Datum) 0 : CStringGetTextDatum(fo_cache_level_name[post->level]);
	values[8] = Int64GetDatum((int64) post->token);
	nulls[8] = post->token == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Begin a request for the arguments feed and owner of a function. */
static void
begin_request(FoRequest *request, FunctionCallInfo fcinfo)
{
	FoFeed	   *feed = fo_feed_get(PG_GETARG_TEXT_PP(0));
	Oid			source = feed->column[FO_KEYWORDS_OWNER].relation;

	*request = (FoRequest) {.feed = feed};
	request->owner = fo_keyword_owner_arg(fcinfo, fo_keyword_source_get(source));
	fo_feed_config_of(feed, request->owner, &request->config);
}

/* Claim what is missing, and record the rest; claims are given back if that fails. */
static void
write_request(FoRequest *request)
{
	PG_TRY();
	{
		fo_feed_claim(request);
		fo_feed_record(request);
	}
	PG_CATCH();
	{
		fo_feed_unclaim(request);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* Run a function that answers with rows. */
static Datum
answer(FunctionCallInfo fcinfo, Answering answering)
{
	fo_begin_rows(fcinfo);
	fo_feed_enter();
	PG_TRY();
	{
		answering(fcinfo);
	}
	PG_FINALLY();
	{
		fo_feed_leave();
	}
	PG_END_TRY();
	return (Datum) 0;
}

/* Give the rows of a request. */
static void
put_posts(FunctionCallInfo fcinfo, const FoRequest *request)
{
	for (int i = 0; i < request->nposts; i++)
		put_post((ReturnSetInfo *) fcinfo->resultinfo, &request->posts[i]);
}

/* The work of feed_filter. */
static void
filter(FunctionCallInfo fcinfo)
{
	FoRequest	request;
	bool		record = PG_GETARG_BOOL(3);

	if (record)
		fo_change_require_writable("filteropt.feed_filter(..., record => true)");
	begin_request(&request, fcinfo);
	fo_feed_read_posts(&request, PG_GETARG_JSONB_P(2), "post");
	fo_feed_match(&request);
	fo_feed_first_step(&request);
	fo_feed_look(&request);
	if (record)
		write_request(&request);
	put_posts(fcinfo, &request);
}

/* feed_filter(feed, owner, posts, record) returns setof (post_id, decision, ...) */
Datum
fo_feed_filter(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, filter);
}

/* The work of feed_classified. */
static void
classified(FunctionCallInfo fcinfo)
{
	FoRequest	request;

	fo_change_require_writable("filteropt.feed_classified()");
	begin_request(&request, fcinfo);
	fo_feed_read_posts(&request, PG_GETARG_JSONB_P(2), "verdict");
	fo_feed_match(&request);
	fo_feed_first_step(&request);
	fo_feed_keep_answers(&request);
	fo_feed_record(&request);
	put_posts(fcinfo, &request);
}

/* feed_classified(feed, owner, verdicts) returns setof (post_id, decision, ...) */
Datum
fo_feed_classified(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, classified);
}

/* The statement of feed_stats: owner $1, days $2, time zone $3. */
static char *
stats_statement(const FoFeed *feed)
{
	static const FoFeedField numbers[] = {FO_DAYS_TOTAL, FO_DAYS_SHOWN, FO_DAYS_HIDDEN,
		FO_DAYS_HITS};
	FoKeywordSource *source = fo_keyword_source_get(feed->column[FO_KEYWORDS_OWNER].relation);
	char	   *today = feed->column[FO_EVENTS_AT].type == TIMESTAMPTZOID ?
		"pg_catalog.date(pg_catalog.timezone($3, pg_catalog.now()))" :
		"pg_catalog.date(LOCALTIMESTAMP)";
	char	   *date = fo_feed_column_sql(feed, "d", FO_DAYS_DATE);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT (%s - i)::pg_catalog.date", today);
	for (size_t i = 0; i < lengthof(numbers); i++)
		appendStringInfo(&sql, ", COALESCE(%s, 0)::pg_catalog.int8",
						 fo_feed_column_sql(feed, "s", numbers[i]));
	appendStringInfo(&sql, " FROM pg_catalog.generate_series($2 - 1, 0, -1) AS i"
					 " LEFT JOIN (SELECT * FROM %s d WHERE %s %s $1 AND %s > %s - $2 AND %s <= %s) s"
					 " ON %s = (%s - i) ORDER BY i DESC",
					 fo_feed_table_sql(feed, FO_DAYS_DATE),
					 fo_feed_column_sql(feed, "d", FO_DAYS_OWNER),
					 fo_keyword_operator(source->owner_eq), date, today, date, today,
					 fo_feed_column_sql(feed, "s", FO_DAYS_DATE), today);
	return sql.data;
}

/* Copy the rows that SPI has read to the result. */
static void
put_rows(ReturnSetInfo *result)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}

/* The work of feed_stats. */
static void
stats(FunctionCallInfo fcinfo)
{
	FoFeed	   *feed = fo_feed_get(PG_GETARG_TEXT_PP(0));
	Oid			source = feed->column[FO_KEYWORDS_OWNER].relation;
	Oid			types[] = {feed->owner_type, INT4OID, TEXTOID};
	Datum		values[] = {(Datum) 0, PG_GETARG_DATUM(2), CStringGetTextDatum(feed->day_tz)};
	int32		days = PG_GETARG_INT32(2);
	int			result;

	if (days < 1 || days > MAX_DAYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d days cannot be given", days),
				 errhint("Ask for 1 to %d days.", MAX_DAYS)));
	values[0] = fo_keyword_owner_arg(fcinfo, fo_keyword_source_get(source));
	SPI_connect();
	if (feed->stats_plan == NULL)
		feed->stats_plan = fo_feed_prepare(stats_statement(feed), lengthof(types), types);
	result = SPI_execute_plan(feed->stats_plan, values, NULL, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not read the numbers of days: %s", SPI_result_code_string(result));
	put_rows((ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
}

/* feed_stats(feed, owner, days) returns setof (date, total, shown, hidden, hits) */
Datum
fo_feed_stats(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, stats);
}
