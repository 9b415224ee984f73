/*
 * feed_verdict.c
 *		What models say of posts: looking it up for all posts of a request at once,
 *		claiming what is missing, and deciding.
 *
 * The first step decides by the keywords, as far as mode and strategy let them.  For
 * the other posts the verdicts are looked up in one batch.  What is missing then is
 * claimed, if the request may write: so of all callers one asks the model.
 */
#include "postgres.h"

#include "cache/cache_shared.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "feed/feed_type.h"

/* The cache resource that keeps the verdicts of a feed. */
FoCacheResource *
fo_feed_resource(const FoFeed *feed)
{
	FoCacheResource *resource = fo_resource_find(VARDATA_ANY(feed->resource),
												 VARSIZE_ANY_EXHDR(feed->resource));

	return resource != NULL ? resource : fo_resource_get(feed->resource);
}

/* The score in a verdict, or NULL if it has none. */
Numeric
fo_feed_score(const FoFeed *feed, Jsonb *verdict)
{
	JsonbValue	value;

	if (verdict == NULL)
		return NULL;
	if (JB_ROOT_IS_SCALAR(verdict))
	{
		if (!JsonbExtractScalar(&verdict->root, &value) || value.type != jbvNumeric)
			return NULL;
	}
	else if (!JB_ROOT_IS_OBJECT(verdict) ||
			 getKeyJsonValueFromContainer(&verdict->root, feed->score, strlen(feed->score),
										  &value) == NULL || value.type != jbvNumeric)
		return NULL;
	return value.val.numeric;
}

/* Say in words what the keywords have decided. */
static char *
reason_of_keywords(const FoPost *post, FoDecision decision)
{
	if (post->nkeywords == 0)
		return "no keyword found";
	if (decision == FO_SHOW)
		return psprintf("%d keyword found, which is not enough", post->nkeywords);
	return psprintf("%d keyword%s found", post->nkeywords, post->nkeywords == 1 ? "" : "s");
}

/* Decide as far as keywords can; notes which posts depend on a verdict. */
void
fo_feed_first_step(FoRequest *request)
{
	const FoFeedConfig *config = &request->config;

	for (int i = 0; i < request->nposts; i++)
	{
		FoPost	   *post = &request->posts[i];

		CHECK_FOR_INTERRUPTS();
		if (post->body == NULL)
		{
			post->decision = FO_SHOW;
			post->method = "none";
			post->reason = "it has no text";
			continue;
		}
		post->decision = fo_feed_by_keywords(config->mode, config->strategy, post->nkeywords);
		post->method = post->decision == FO_ASK ? "ai" : "keyword";
		if (post->decision != FO_ASK)
		{
			post->reason = reason_of_keywords(post, post->decision);
			continue;
		}
		post->keyed = true;
		post->reason = "a verdict is needed";
		fo_class_make_key(&post->key, post->body, request->feed->model, config->prompt, NULL,
						  false);
	}
}

/* Decide by a verdict; NULL says that the model had no answer. */
void
fo_feed_judge(FoRequest *request, FoPost *post, Jsonb *verdict)
{
	const FoFeed *feed = request->feed;
	const FoFeedConfig *config = &request->config;
	Numeric		score = fo_feed_score(feed, verdict);

	post->verdict = verdict;
	if (score == NULL)
	{
		post->word = FO_VERDICT_NONE;
		post->reason = "the model gave no score";
	}
	else
	{
		bool		reached = fo_feed_reaches(score, config->threshold);

		post->word = reached ? FO_VERDICT_REACHED : FO_VERDICT_BELOW;
		post->reason = psprintf("%s %s %s %s", feed->score, fo_feed_write_number(score),
								reached ? "reaches" : "is below",
								fo_feed_write_number(config->threshold));
	}
	post->decision = fo_feed_by_verdict(config->mode, config->strategy, post->nkeywords,
										post->word);
}

/* Decide by a verdict that was found in the cache. */
void
fo_feed_take(FoRequest *request, FoPost *post, const FoCacheItem *item)
{
	JsonbValue	buffer;
	JsonbValue *verdict = NULL;

	post->level = item->level;
	if (item->value != NULL && JB_ROOT_IS_OBJECT(item->value))
		verdict = getKeyJsonValueFromContainer(&item->value->root, "verdict", strlen("verdict"),
											   &buffer);
	fo_feed_judge(request, post, verdict == NULL || verdict->type == jbvNull ? NULL
				  : JsonbValueToJsonb(verdict));
}

/* Order of keys, for qsort and bsearch of those that fo_keys_unique has sorted. */
static int
compare_key(const void *bytes, const void *key)
{
	return memcmp(bytes, ((const FoCacheKey *) key)->l1.bytes, FO_CLASS_KEY_BYTES);
}

/* Look the verdicts of all posts that need one up, in one batch. */
void
fo_feed_look(FoRequest *request)
{
	FoCacheKey *keys = palloc(sizeof(FoCacheKey) * Max(request->nposts, 1));
	FoCacheResource *resource;
	FoCacheItem *items;
	int			n = 0;

	for (int i = 0; i < request->nposts; i++)
		n += request->posts[i].keyed;
	if (n == 0)
		return;
	resource = fo_feed_resource(request->feed);
	n = 0;
	for (int i = 0; i < request->nposts; i++)
		if (request->posts[i].keyed)
			fo_key_make(&keys[n++], resource, request->posts[i].key.bytes, FO_CLASS_KEY_BYTES);
	n = fo_keys_unique(keys, n);
	items = palloc(sizeof(FoCacheItem) * n);
	fo_cache_look_many(keys, n, GetActiveSnapshot(), 0, items);
	for (int i = 0; i < request->nposts; i++)
	{
		FoPost	   *post = &request->posts[i];
		FoCacheItem *item;

		if (!post->keyed)
			continue;
		item = &items[(FoCacheKey *) bsearch(post->key.bytes, keys, n, sizeof(FoCacheKey),
											 compare_key) - keys];
		if (item->level == FO_LEVEL_NONE)
			continue;
		if (item->value != NULL && JB_ROOT_IS_OBJECT(item->value))
			fo_class_count_savings(resource, item->value);
		fo_feed_take(request, post, item);
	}
}

/* Claim the verdict of a post, or take the one that has come meanwhile. */
static void
claim(FoRequest *request, FoPost *post)
{
	FoCacheKey	key;
	FoCacheItem item;

	fo_key_make(&key, fo_feed_resource(request->feed), post->key.bytes, FO_CLASS_KEY_BYTES);
	switch (fo_claim(&key, 0, request->feed->lease, FO_LOOK_QUIET, &item, &post->token))
	{
		case FO_CLAIM_HIT:
		case FO_CLAIM_STALE:
			fo_feed_take(request, post, &item);
			break;
		case FO_CLAIM_CLAIMED:
			break;
		case FO_CLAIM_TIMEOUT:
			post->elsewhere = true;
			post->reason = "another caller is asking for the verdict";
			break;
	}
}

/*
 * Claim all verdicts that are missing.  Without shared memory a claim binds its session, and
 * the answer may come through another one of a pool: then nobody claims.
 */
void
fo_feed_claim(FoRequest *request)
{
	if (fo_cache_shared() == NULL)
		return;
	for (int i = 0; i < request->nposts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (request->posts[i].decision == FO_ASK)
			claim(request, &request->posts[i]);
	}
}

/* The request failed, so the caller does not learn what he has claimed. */
void
fo_feed_unclaim(FoRequest *request)
{
	for (int i = 0; i < request->nposts; i++)
		fo_claim_release(request->posts[i].token);
}
