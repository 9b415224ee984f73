/*
 * feed_record.c
 *		Writing the events of a request, all by one INSERT with the rights of the
 *		caller: whether each post was shown or hidden, and each keyword found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "feed/feed_type.h"

/* Columns of an event besides its owner and time; $2 and so on of the statement. */
enum
{
	EVENT, POST, KEYWORD, METHOD, REASON, AUTHOR, EVENT_COLUMNS
};

static const FoFeedField fields[EVENT_COLUMNS] = {
	FO_EVENTS_EVENT, FO_EVENTS_POST, FO_EVENTS_KEYWORD, FO_EVENTS_METHOD, FO_EVENTS_REASON,
	FO_EVENTS_AUTHOR
};

/* Events being collected. */
typedef struct Events
{
	int			n;
	Datum	   *values[EVENT_COLUMNS];
	bool	   *nulls[EVENT_COLUMNS];
} Events;

/* The statement that inserts what arrays tell. */
static char *
statement(const FoFeed *feed)
{
	StringInfoData into;
	StringInfoData from;
	StringInfoData arrays;

	initStringInfo(&into);
	initStringInfo(&from);
	initStringInfo(&arrays);
	appendStringInfo(&into, "%s, %s", fo_feed_column_sql(feed, NULL, FO_EVENTS_OWNER),
					 fo_feed_column_sql(feed, NULL, FO_EVENTS_AT));
	appendStringInfoString(&from, "$1, pg_catalog.now()");
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		const FoFeedColumn *column = &feed->column[fields[i]];

		appendStringInfo(&arrays, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 2);
		if (!OidIsValid(column->relation))
			continue;
		appendStringInfo(&into, ", %s", fo_feed_column_sql(feed, NULL, fields[i]));
		appendStringInfo(&from, ", e.c%d::%s", i,
						 format_type_extended(column->type, column->typmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN |
											  FORMAT_TYPE_FORCE_QUALIFY));
	}
	return psprintf("INSERT INTO %s (%s) SELECT %s FROM ROWS FROM (%s) "
					"AS e (c0, c1, c2, c3, c4, c5)", fo_feed_table_sql(feed, FO_EVENTS_OWNER),
					into.data, from.data, arrays.data);
}

/* Add an event; what is NULL becomes NULL. */
static void
add_event(Events *events, const char *event, const FoPost *post, Datum keyword)
{
	const Datum values[EVENT_COLUMNS] = {
		CStringGetTextDatum(event), PointerGetDatum(post->id), keyword,
		CStringGetTextDatum(post->method), CStringGetTextDatum(post->reason),
		PointerGetDatum(post->author)
	};

	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		events->values[i][events->n] = values[i];
		events->nulls[i][events->n] = values[i] == (Datum) 0;
	}
	events->n++;
}

/* Add the events of a post. */
static void
add_post(Events *events, const FoFeed *feed, const FoPost *post)
{
	Datum	   *keywords;
	int			n;

	add_event(events, post->decision == FO_HIDE ? feed->hidden : feed->shown, post, (Datum) 0);
	deconstruct_array(post->keywords, TEXTOID, -1, false, TYPALIGN_INT, &keywords, NULL, &n);
	for (int i = 0; i < n; i++)
		add_event(events, feed->hit, post, keywords[i]);
}

/* Is the post to be recorded?  Of repeated ones the first is. */
static bool
is_recorded(const FoRequest *request, const FoPost *post)
{
	return post->decision != FO_ASK && !post->unrecorded &&
		post == &request->posts[post->first];
}

/* Run the statement. */
static void
insert_events(FoRequest *request, Events *events)
{
	FoFeed	   *feed = request->feed;
	Oid			types[EVENT_COLUMNS + 1] = {feed->owner_type};
	Datum		values[EVENT_COLUMNS + 1] = {request->owner};
	int			low = 1;
	int			result;

	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		types[i + 1] = TEXTARRAYOID;
		values[i + 1] = PointerGetDatum(construct_md_array(events->values[i], events->nulls[i], 1,
														   &events->n, &low, TEXTOID, -1, false,
														   TYPALIGN_INT));
	}
	SPI_connect();
	if (feed->record_plan == NULL)
		feed->record_plan = fo_feed_prepare(statement(feed), EVENT_COLUMNS + 1, types);
	result = SPI_execute_plan(feed->record_plan, values, NULL, false, 0);
	if (result != SPI_OK_INSERT)
		elog(ERROR, "could not record events: %s", SPI_result_code_string(result));
	SPI_finish();
}

/* Record all posts that are decided. */
void
fo_feed_record(FoRequest *request)
{
	Events		events = {0};
	int			room = 0;

	for (int i = 0; i < request->nposts; i++)
		if (is_recorded(request, &request->posts[i]))
			room += 1 + request->posts[i].nkeywords;
	if (room == 0)
		return;
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		events.values[i] = palloc(sizeof(Datum) * room);
		events.nulls[i] = palloc(sizeof(bool) * room);
	}
	for (int i = 0; i < request->nposts; i++)
		if (is_recorded(request, &request->posts[i]))
			add_post(&events, request->feed, &request->posts[i]);
	insert_events(request, &events);
}
