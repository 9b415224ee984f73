/*
 * feed_answer.c
 *		Keeping what a model has said of posts.
 *
 * A verdict with the token of a claim is kept only if nobody has said anything of
 * the text since; one without replaces what is kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "feed/feed_type.h"

/* What came with a verdict. */
typedef struct Answer
{
	FoPost	   *post;
	Jsonb	   *verdict;		/* NULL: the model had no answer */
	uint64		token;			/* 0: none */
} Answer;

/* A member of the object of a post, or NULL if it is null or missing. */
static JsonbValue *
member(const FoPost *post, const char *name, JsonbValue *buffer)
{
	JsonbValue *value = getKeyJsonValueFromContainer(post->object, name, strlen(name), buffer);

	return value == NULL || value->type == jbvNull ? NULL : value;
}

/* Complain of a member. */
static void
refuse(const FoRequest *request, const FoPost *post, const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of verdict %d is missing or malformed", name,
					(int) (post - request->posts) + 1),
			 errhint("%s", hint)));
}

/* A member that is a number, at least 0, or a text that spells one; NULL if there is none. */
static Numeric
number_of(const FoRequest *request, const FoPost *post, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = member(post, name, &buffer);
	Numeric		number;

	if (value == NULL)
		return NULL;
	if (value->type == jbvString)
		number = fo_feed_read_number(pnstrdup(value->val.string.val, value->val.string.len));
	else if (value->type == jbvNumeric)
		number = value->val.numeric;
	else
		number = NULL;
	if (number == NULL || numeric_is_nan(number) ||
		!fo_feed_reaches(number, int64_to_numeric(0)))
		refuse(request, post, name, "It is a number, at least 0.");
	return number;
}

/* The verdict of a post; NULL if the model gave none. */
static Jsonb *
verdict_of(const FoRequest *request, const FoPost *post)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(post->object, "verdict", strlen("verdict"),
													 &buffer);
	char	   *hint = psprintf("It is an object with the score \"%s\" from 0 to 1, such a number, "
								"or null if the model had no answer.", request->feed->score);
	Jsonb	   *verdict;
	Numeric		score;

	if (value == NULL)
		refuse(request, post, "verdict", hint);
	else if (value->type == jbvNull)
		return NULL;
	verdict = JsonbValueToJsonb(value);
	score = fo_feed_score(request->feed, verdict);
	if (score == NULL || numeric_is_nan(score) || !fo_feed_reaches(score, int64_to_numeric(0)) ||
		!fo_feed_reaches(int64_to_numeric(1), score))
		refuse(request, post, "verdict", hint);
	return verdict;
}

/* A text as a value. */
static JsonbValue
text_value(const text *value)
{
	return (JsonbValue) {.type = jbvString,
						 .val.string = {VARSIZE_ANY_EXHDR(value), VARDATA_ANY(value)}};
}

/* When the transaction began, as a value. */
static JsonbValue
time_value(void)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	return text_value(cstring_to_text(JsonEncodeDateTime(NULL, TimestampTzGetDatum(now),
														 TIMESTAMPTZOID, NULL)));
}

/* A verdict as a value; null if the model had no answer. */
static JsonbValue
verdict_value(Jsonb *verdict)
{
	JsonbValue	value = {.type = jbvNull};

	if (verdict != NULL && !JsonbExtractScalar(&verdict->root, &value))
		value = (JsonbValue) {.type = jbvBinary,
							  .val.binary = {VARSIZE(verdict) - VARHDRSZ, &verdict->root}};
	return value;
}

/* What is kept of a verdict, in the form of classification_put. */
static Jsonb *
kept_value(const FoRequest *request, const Answer *answer)
{
	static const char *const numbers[][2] = {{"cost", "cost"}, {"elapsed_ms", "ms"}};
	JsonbParseState *state = NULL;
	JsonbValue	buffer;
	JsonbValue *version = member(answer->post, "version", &buffer);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		Numeric		number = number_of(request, answer->post, numbers[i][0]);

		if (number != NULL)
			fo_feed_put_member(&state, numbers[i][1],
							   (JsonbValue) {.type = jbvNumeric,.val.numeric = number});
	}
	fo_feed_put_member(&state, "model", text_value(request->feed->model));
	if (version != NULL)
		fo_feed_put_member(&state, "version", *version);
	fo_feed_put_member(&state, "at", time_value());
	fo_feed_put_member(&state, "verdict", verdict_value(answer->verdict));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The tags by which classification_purge and classification_purge_author find it. */
static ArrayType *
tags_of(const FoRequest *request, const FoPost *post)
{
	char	   *model = text_to_cstring(request->feed->model);
	JsonbValue	buffer;
	JsonbValue *version = member(post, "version", &buffer);
	Datum		tags[3];
	int			n = 0;

	tags[n++] = CStringGetTextDatum(psprintf("model:%s", model));
	if (version != NULL && version->type == jbvString)
		tags[n++] = CStringGetTextDatum(psprintf("model:%s %.*s", model, version->val.string.len,
												 version->val.string.val));
	if (post->author != NULL)
		tags[n++] = CStringGetTextDatum(psprintf("author:%s", text_to_cstring(post->author)));
	return construct_array(tags, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Keep an answer; false if it came too late. */
static bool
keep(FoRequest *request, const Answer *answer)
{
	FoCacheResource *resource = fo_feed_resource(request->feed);
	Jsonb	   *value = kept_value(request, answer);
	Interval   *ttl = answer->verdict != NULL ? NULL :
		DatumGetIntervalP(fo_interval_datum(resource->negative_ttl));
	ArrayType  *tags = resource->uses[FO_LEVEL_3] ? tags_of(request, answer->post) : NULL;

	return fo_cache_put(resource, answer->post->key.bytes, FO_CLASS_KEY_BYTES, value, ttl, tags,
						answer->token);
}

/* Decide by what is kept of a text already; nothing is to be recorded. */
static void
defer(FoRequest *request, FoPost *post)
{
	FoCacheKey	key;
	FoCacheItem item;

	post->unrecorded = true;
	fo_key_make(&key, fo_feed_resource(request->feed), post->key.bytes, FO_CLASS_KEY_BYTES);
	PushActiveSnapshot(GetLatestSnapshot());
	if (fo_cache_look(&key, GetActiveSnapshot(), FO_LOOK_QUIET, &item))
		fo_feed_take(request, post, &item);
	PopActiveSnapshot();
}

/* qsort comparator: by key, answers on one text in the order of their posts. */
static int
compare_answers(const void *a, const void *b)
{
	const Answer *x = a;
	const Answer *y = b;
	int			cmp = memcmp(x->post->key.bytes, y->post->key.bytes, FO_CLASS_KEY_BYTES);

	return cmp != 0 ? cmp : (x->post > y->post) - (x->post < y->post);
}

/* Decide on a post that has been answered; keywords may have decided already. */
static void
judge(FoRequest *request, FoPost *post, Jsonb *verdict)
{
	if (post->keyed)
		fo_feed_judge(request, post, verdict);
	else
		post->verdict = verdict;
}

/* Read what came with a post. */
static Answer
read_answer(FoRequest *request, FoPost *post)
{
	Answer		answer = {.post = post};
	Numeric		token = number_of(request, post, "token");

	if (post->body == NULL)
		refuse(request, post, "body",
			   "Pass the text of the post, by which the verdict is found again.");
	answer.verdict = verdict_of(request, post);
	if (token != NULL)
		answer.token = (uint64) DatumGetInt64(DirectFunctionCall1(numeric_int8,
																  NumericGetDatum(token)));
	fo_class_make_key(&post->key, post->body, request->feed->model, request->config.prompt,
					  NULL, false);
	return answer;
}

/* Keep all answers, of each text the first one, and decide by them. */
void
fo_feed_keep_answers(FoRequest *request)
{
	Answer	   *answers = palloc(sizeof(Answer) * Max(request->nposts, 1));
	bool		kept = false;

	for (int i = 0; i < request->nposts; i++)
		answers[i] = read_answer(request, &request->posts[i]);
	/* in the order of keys, so that two calls cannot deadlock */
	qsort(answers, request->nposts, sizeof(Answer), compare_answers);
	for (int i = 0, first = 0; i < request->nposts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || memcmp(answers[i].post->key.bytes, answers[first].post->key.bytes,
							 FO_CLASS_KEY_BYTES) != 0)
		{
			first = i;
			kept = keep(request, &answers[i]);
		}
		if (kept)
			judge(request, answers[i].post, answers[first].verdict);
		else
			defer(request, answers[i].post);
	}
}
