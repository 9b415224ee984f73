/*
 * feed_posts.c
 *		The posts of a request: reading them from jsonb, and finding the owner's
 *		keywords in them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed/feed_type.h"

/* Occurrences of keywords that are told for a post. */
#define MAX_SPANS	100

/* Posts of one request; a page has 20 to 100. */
#define MAX_POSTS	10000

/* A member of an object as text; numbers as they are written.  NULL if null or missing. */
static text *
member_text(JsonbContainer *object, const char *name, int number, const char *what)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, name, strlen(name), &value) == NULL ||
		value.type == jbvNull)
		return NULL;
	if (value.type == jbvString)
		return cstring_to_text_with_len(value.val.string.val, value.val.string.len);
	if (value.type == jbvNumeric && strcmp(name, "body") != 0 && strcmp(name, "content") != 0)
		return cstring_to_text(fo_feed_write_number(value.val.numeric));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of %s %d is not a text", name, what, number)));
}

/* Read a post, and what a verdict says besides. */
static void
read_post(FoPost *post, JsonbContainer *object, int number, const char *what)
{
	post->object = object;
	post->id = member_text(object, "id", number, what);
	if (post->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %d has no \"id\"", what, number),
				 errhint("Each one is an object such as {\"id\": 1, \"body\": \"...\"}.")));
	post->body = member_text(object, "body", number, what);
	if (post->body == NULL)
		post->body = member_text(object, "content", number, what);
	if (post->body != NULL && VARSIZE_ANY_EXHDR(post->body) == 0)
		post->body = NULL;
	post->author = member_text(object, "author", number, what);
	post->first = number - 1;
}

/* Order of texts by their bytes; NULL first. */
static int
compare_texts(const text *a, const text *b)
{
	size_t		x;
	size_t		y;
	int			cmp;

	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	x = VARSIZE_ANY_EXHDR(a);
	y = VARSIZE_ANY_EXHDR(b);
	cmp = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(x, y));
	return cmp != 0 ? cmp : (x > y) - (x < y);
}

/* qsort comparator of pointers to posts: by id, equal ones in their order. */
static int
compare_ids(const void *a, const void *b)
{
	const FoPost *x = *(FoPost *const *) a;
	const FoPost *y = *(FoPost *const *) b;
	int			cmp = compare_texts(x->id, y->id);

	return cmp != 0 ? cmp : (x > y) - (x < y);
}

/* Find the posts that are there more than once: the first one is recorded. */
static void
find_repeated(FoRequest *request, const char *what)
{
	FoPost	  **sorted = palloc(sizeof(FoPost *) * Max(request->nposts, 1));

	for (int i = 0; i < request->nposts; i++)
		sorted[i] = &request->posts[i];
	qsort(sorted, request->nposts, sizeof(FoPost *), compare_ids);
	for (int i = 1; i < request->nposts; i++)
	{
		FoPost	   *first = &request->posts[sorted[i - 1]->first];

		if (compare_texts(first->id, sorted[i]->id) != 0)
			continue;
		if (compare_texts(first->body, sorted[i]->body) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%ss %d and %d have the id \"%s\" and different texts", what,
							(int) (first - request->posts) + 1,
							(int) (sorted[i] - request->posts) + 1, text_to_cstring(first->id))));
		sorted[i]->first = first - request->posts;
	}
	pfree(sorted);
}

/* Take the posts of a document over, which are called "what" in messages. */
void
fo_feed_read_posts(FoRequest *request, Jsonb *document, const char *what)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			n = 0;

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %ss are not an array", what),
				 errhint("Pass an array of objects such as [{\"id\": 1, \"body\": \"...\"}].")));
	request->nposts = JB_ROOT_COUNT(document);
	if (request->nposts > MAX_POSTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d %ss are too many for one call", request->nposts, what),
				 errhint("Pass at most %d at a time.", MAX_POSTS)));
	request->posts = palloc0(sizeof(FoPost) * Max(request->nposts, 1));
	iterator = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s %d is not an object", what, n + 1),
					 errhint("Each one is an object such as {\"id\": 1, \"body\": \"...\"}.")));
		read_post(&request->posts[n], value.val.binary.data, n + 1, what);
		n++;
	}
	find_repeated(request, what);
}

/* Occurrences of keywords, becoming jsonb. */
typedef struct Spans
{
	const FoKeywordSet *set;
	FoBody		body;
	uint32_t	byte;			/* a place in the body ... */
	int32		character;		/* ... and how many characters are before it */
	JsonbParseState *state;
	int			n;
} Spans;

/* The value of a number. */
static JsonbValue
number(int32 n)
{
	return (JsonbValue) {.type = jbvNumeric,.val.numeric = int64_to_numeric(n)};
}

/* FoMatchFound that adds an occurrence. */
static void
add_span(void *arg, const FoMatch *match)
{
	Spans	   *spans = arg;
	uint32_t	len;
	const uint8_t *source;
	text	   *keyword;
	JsonbValue	value = {.type = jbvString};

	if (spans->n++ >= MAX_SPANS)
		return;
	source = fo_keyword_source(spans->set, match->keyword, &len);
	keyword = fo_keyword_text(source, len);
	value.val.string.val = VARDATA(keyword);
	value.val.string.len = VARSIZE(keyword) - VARHDRSZ;
	spans->character += fo_keyword_characters(spans->set, spans->body, spans->byte, match->start);
	spans->byte = match->start;
	pushJsonbValue(&spans->state, WJB_BEGIN_OBJECT, NULL);
	fo_feed_put_member(&spans->state, "keyword", value);
	fo_feed_put_member(&spans->state, "start", number(spans->character + 1));
	fo_feed_put_member(&spans->state, "length",
					   number(fo_keyword_characters(spans->set, spans->body, match->start,
													match->end)));
	pushJsonbValue(&spans->state, WJB_END_OBJECT, NULL);
}

/* Where the keywords of a set are in a body. */
static Jsonb *
spans_of(const FoKeywordSet *set, FoBody body)
{
	Spans		spans = {.set = set, .body = body};

	pushJsonbValue(&spans.state, WJB_BEGIN_ARRAY, NULL);
	fo_keyword_each_match(set, body, add_span, &spans);
	return JsonbValueToJsonb(pushJsonbValue(&spans.state, WJB_END_ARRAY, NULL));
}

/* Find the owner's keywords in all posts. */
void
fo_feed_match(FoRequest *request)
{
	FoKeywordSource *source =
	fo_keyword_source_get(request->feed->column[FO_KEYWORDS_OWNER].relation);
	const FoKeywordSet *set = fo_keyword_owner_set(source, request->owner);
	ArrayType  *none = construct_empty_array(TEXTOID);
	JsonbParseState *state = NULL;
	Jsonb	   *nowhere;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	nowhere = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	for (int i = 0; i < request->nposts; i++)
	{
		FoPost	   *post = &request->posts[i];
		FoBody		body;

		CHECK_FOR_INTERRUPTS();
		post->keywords = none;
		post->spans = nowhere;
		if (set == NULL || post->body == NULL)
			continue;
		body = fo_keyword_body(post->body);
		post->keywords = fo_keyword_list_of(set, body);
		post->nkeywords = ArrayGetNItems(ARR_NDIM(post->keywords), ARR_DIMS(post->keywords));
		if (post->nkeywords > 0)
			post->spans = spans_of(set, body);
	}
}
