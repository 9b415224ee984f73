/*
 * feed_type.h
 *		What the files of the feed feature share.
 */
#ifndef FO_FEED_TYPE_H
#define FO_FEED_TYPE_H

#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "cache/cache_class.h"
#include "feed/feed_decide.h"
#include "keyword/keyword_source.h"

/* Columns that a feed uses, in the order of names in feed_def.c. */
typedef enum FoFeedField
{
	FO_USERS_ID,
	FO_KEYWORDS_OWNER,
	FO_KEYWORDS_KEYWORD,
	FO_CONFIG_OWNER,
	FO_CONFIG_MODE,
	FO_CONFIG_STRATEGY,
	FO_CONFIG_THRESHOLD,
	FO_CONFIG_PROMPT,
	FO_EVENTS_OWNER,
	FO_EVENTS_EVENT,
	FO_EVENTS_POST,
	FO_EVENTS_KEYWORD,
	FO_EVENTS_METHOD,
	FO_EVENTS_REASON,
	FO_EVENTS_AUTHOR,
	FO_EVENTS_AT,
	FO_DAYS_OWNER,
	FO_DAYS_DATE,
	FO_DAYS_TOTAL,
	FO_DAYS_SHOWN,
	FO_DAYS_HIDDEN,
	FO_DAYS_HITS,
	FO_HITS_OWNER,
	FO_HITS_KEYWORD,
	FO_HITS_HITS,
	FO_HITS_LAST,
	FO_FEED_FIELDS
} FoFeedField;

/* One column, as it is now. */
typedef struct FoFeedColumn
{
	Oid			relation;		/* InvalidOid: the feed does not use it */
	NameData	name;
	Oid			type;
	int32		typmod;
} FoFeedColumn;

/* A row of filteropt.feed with what it binds; lives until it has changed and is asked for again. */
typedef struct FoFeed
{
	NameData	name;			/* key of the backend's table of feeds */
	bool		valid;
	MemoryContext context;		/* holds what is below, and this */
	ItemPointerData place;		/* of the row ... */
	TransactionId inserter;		/* ... and who inserted it */
	Oid			binding;
	text	   *resource;
	text	   *model;
	text	   *prompt;
	char	   *score;
	int64		lease;			/* microseconds */
	FoFeedMode	mode;
	FoFeedStrategy strategy;
	Numeric		threshold;		/* NULL: by strategy */
	char	   *shown;
	char	   *hidden;
	char	   *hit;
	char	   *day_tz;
	FoFeedColumn column[FO_FEED_FIELDS];
	Oid			owner_type;		/* that of the keywords' owners */
	SPIPlanPtr	config_plan;
	SPIPlanPtr	record_plan;
	SPIPlanPtr	stats_plan;
} FoFeed;

/* How the posts of an owner are filtered. */
typedef struct FoFeedConfig
{
	FoFeedMode	mode;
	FoFeedStrategy strategy;
	Numeric		threshold;
	text	   *prompt;
	bool		own;			/* has the owner a row? */
} FoFeedConfig;

/* A post of a request, and what became of it. */
typedef struct FoPost
{
	text	   *id;
	text	   *body;			/* NULL: it has no text */
	text	   *author;			/* or NULL */
	int			first;			/* the first post of this id in the request */
	JsonbContainer *object;		/* as it was passed */
	ArrayType  *keywords;
	int			nkeywords;
	Jsonb	   *spans;
	FoClassKey	key;
	bool		keyed;			/* does the decision depend on a verdict? */
	FoCacheLevel level;			/* where the verdict was found */
	Jsonb	   *verdict;		/* NULL: none was found, or the model gave
								 * none */
	FoVerdict	word;			/* what that says */
	FoDecision	decision;
	const char *method;
	char	   *reason;
	bool		elsewhere;		/* is another caller asking the model? */
	uint64		token;			/* of the claim, 0 for none */
	bool		unrecorded;		/* it is decided, but not by this call */
} FoPost;

/* A request. */
typedef struct FoRequest
{
	FoFeed	   *feed;
	Datum		owner;
	FoFeedConfig config;
	FoPost	   *posts;
	int			nposts;
	bool		record;
} FoRequest;

/* feed_json.c */
extern void fo_feed_put_member(JsonbParseState **state, const char *name, JsonbValue value);
extern Numeric fo_feed_read_number(const char *spelled);
extern char *fo_feed_write_number(Numeric number);
extern bool fo_feed_reaches(Numeric number, Numeric least);

/* feed_def.c */
extern FoFeed *fo_feed_get(text *name);
extern void fo_feed_enter(void);
extern void fo_feed_leave(void);
extern SPIPlanPtr fo_feed_prepare(const char *sql, int nargs, Oid *types);
extern char *fo_feed_column_sql(const FoFeed *feed, const char *alias, FoFeedField field);
extern char *fo_feed_table_sql(const FoFeed *feed, FoFeedField field);

/* feed_config.c */
extern void fo_feed_config_of(FoFeed *feed, Datum owner, FoFeedConfig *config);

/* feed_posts.c */
extern void fo_feed_read_posts(FoRequest *request, Jsonb *document, const char *what);
extern void fo_feed_match(FoRequest *request);

/* feed_verdict.c */
extern FoCacheResource *fo_feed_resource(const FoFeed *feed);
extern void fo_feed_first_step(FoRequest *request);
extern void fo_feed_look(FoRequest *request);
extern void fo_feed_claim(FoRequest *request);
extern void fo_feed_unclaim(FoRequest *request);
extern void fo_feed_take(FoRequest *request, FoPost *post, const FoCacheItem *item);
extern void fo_feed_judge(FoRequest *request, FoPost *post, Jsonb *verdict);
extern Numeric fo_feed_score(const FoFeed *feed, Jsonb *verdict);

/* feed_answer.c */
extern void fo_feed_keep_answers(FoRequest *request);

/* feed_record.c */
extern void fo_feed_record(FoRequest *request);

#endif							/* FO_FEED_TYPE_H */
