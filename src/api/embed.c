/*
 * embed.c
 *		Parents with their children, read by one statement for all of them.
 *
 * Children are looked up by the distinct keys of the parents: joined as a whole,
 * or, when only the first few of each are wanted, by one short index scan a key.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "api/api.h"
#include "api/page_request.h"

PG_FUNCTION_INFO_V1(fo_api_embed);

/* A parent, and where its children are. */
typedef struct Parent
{
	char	   *key;			/* NULL: it has no children */
	int			position;		/* among the parents */
	int			number;			/* of its key among the distinct ones, from 1
								 * on */
} Parent;

typedef struct Embedding
{
	FoPageRequest request;
	char	   *name;			/* of the new member */
	char	   *key;			/* member of the parents */
	AttrNumber	foreign_key;	/* column of the children */
	int			limit;			/* children of a parent, 0 for all */
	bool		single;			/* an object instead of an array */
	Parent	   *parents;
	int			nparents;
	int			room;
	int			nkeys;			/* distinct */
	HeapTuple  *rows;			/* in the order of the keys */
	uint64		nrows;
	TupleDesc	desc;
	uint64	   *first;			/* of each key's rows; and behind the last */
	int			done;			/* parents written */
} Embedding;

/* Note the key of a parent, as the text of a value. */
static void
collect_parent(Embedding *embedding, JsonbContainer *object)
{
	JsonbValue	value;
	Parent	   *parent;

	if (getKeyJsonValueFromContainer(object, embedding->key, (int) strlen(embedding->key),
									 &value) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parent %d has no member \"%s\"", embedding->nparents + 1, embedding->key),
				 errhint("Ask for that field when reading the parents, or name another key.")));
	if (embedding->nparents == embedding->room)
	{
		embedding->room = Max(64, embedding->room * 2);
		embedding->parents = embedding->parents == NULL ?
			palloc(sizeof(Parent) * embedding->room) :
			repalloc_huge(embedding->parents, sizeof(Parent) * embedding->room);
	}
	parent = &embedding->parents[embedding->nparents];
	*parent = (Parent) {NULL, embedding->nparents++, 0};
	if (value.type == jbvString)
		parent->key = pnstrdup(value.val.string.val, value.val.string.len);
	else if (value.type == jbvNumeric)
		parent->key = DatumGetCString(DirectFunctionCall1(numeric_out,
														  NumericGetDatum(value.val.numeric)));
	else if (value.type == jbvBool)
		parent->key = value.val.boolean ? "true" : "false";
	else if (value.type != jbvNull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member \"%s\" of parent %d is an array or object", embedding->key,
						embedding->nparents)));
}

/* The array of parents in the document, or NULL if it is one parent itself. */
static JsonbContainer *
find_parents(Jsonb *document)
{
	JsonbValue	items;

	if (JB_ROOT_IS_ARRAY(document) && !JB_ROOT_IS_SCALAR(document))
		return &document->root;
	if (!JB_ROOT_IS_OBJECT(document))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parents are neither an array nor an object"),
				 errhint("Pass an array of objects, a page, or one object.")));
	if (getKeyJsonValueFromContainer(&document->root, "items", 5, &items) != NULL &&
		items.type == jbvBinary && JsonContainerIsArray(items.val.binary.data))
		return items.val.binary.data;
	return NULL;
}

/* Note all parents. */
static void
collect(Embedding *embedding, Jsonb *document)
{
	JsonbContainer *parents = find_parents(document);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (parents == NULL)
	{
		collect_parent(embedding, &document->root);
		return;
	}
	iterator = JsonbIteratorInit(parents);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parent %d is not an object", embedding->nparents + 1)));
		collect_parent(embedding, value.val.binary.data);
	}
}

/* qsort comparator: by key, those without one first. */
static int
compare_keys(const void *a, const void *b)
{
	const char *x = ((const Parent *) a)->key;
	const char *y = ((const Parent *) b)->key;

	if (x == NULL || y == NULL)
		return (x != NULL) - (y != NULL);
	return strcmp(x, y);
}

/* qsort comparator: by position. */
static int
compare_positions(const void *a, const void *b)
{
	return ((const Parent *) a)->position - ((const Parent *) b)->position;
}

/* Number the distinct keys, and make them an array of the foreign key's type. */
static Datum
number_keys(Embedding *embedding, Oid type)
{
	Datum	   *keys = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Datum) * Max(embedding->nparents, 1));
	const char *last = NULL;
	Oid			input;
	Oid			param;
	int16		len;
	bool		byval;
	char		align;

	getTypeInputInfo(type, &input, &param);
	qsort(embedding->parents, embedding->nparents, sizeof(Parent), compare_keys);
	for (int i = 0; i < embedding->nparents; i++)
	{
		Parent	   *parent = &embedding->parents[i];

		if (parent->key == NULL)
			continue;
		if (last == NULL || strcmp(last, parent->key) != 0)
			keys[embedding->nkeys++] = OidInputFunctionCall(input, parent->key, param, -1);
		last = parent->key;
		parent->number = embedding->nkeys;
	}
	qsort(embedding->parents, embedding->nparents, sizeof(Parent), compare_positions);
	get_typlenbyvalalign(type, &len, &byval, &align);
	return PointerGetDatum(construct_array(keys, embedding->nkeys, type, len, byval, align));
}

/* The statement that reads the children of the keys in $n, in the order of keys. */
static char *
statement(Embedding *embedding, int keys)
{
	const FoPageRequest *request = &embedding->request;
	const FoPageSource *source = &request->source;
	const char *order = fo_page_order_sql(source, false);
	const char *foreign = fo_page_column_sql(source, embedding->foreign_key);
	const char *equal = fo_page_operator_sql(fo_page_column_type(source, embedding->foreign_key),
											 BTEqualStrategyNumber);
	StringInfoData columns;
	StringInfoData buf;

	if (equal == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the foreign key has a type that cannot be compared")));
	initStringInfo(&columns);
	for (int i = 0; i < request->ncolumns; i++)
		appendStringInfo(&columns, ", %s", fo_page_column_sql(source, request->columns[i]));
	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT p.n%s FROM pg_catalog.unnest($%d) WITH ORDINALITY AS p (key, n)",
					 columns.data, keys);
	if (embedding->limit == 0)
		appendStringInfo(&buf, " JOIN %s t ON %s %s p.key WHERE true%s", source->name, foreign,
						 equal, request->where.data);
	else
		appendStringInfo(&buf, ", LATERAL (SELECT %s FROM %s t WHERE %s %s p.key%s%s%s "
						 "LIMIT %d) t",
						 columns.len > 0 ? columns.data + 2 : "", source->name, foreign, equal,
						 request->where.data, order[0] == '\0' ? "" : " ORDER BY ", order,
						 embedding->limit);
	appendStringInfo(&buf, " ORDER BY p.n%s%s", order[0] == '\0' ? "" : ", ", order);
	return buf.data;
}

/* Read the children, and find where those of each key begin. */
static void
read_children(Embedding *embedding)
{
	FoPageRequest *request = &embedding->request;
	Oid			type = fo_page_column_type(&request->source, embedding->foreign_key);
	Oid			array_type = get_array_type(type);
	uint64		row = 0;
	int			arg;

	if (!OidIsValid(array_type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no array of type %s", format_type_be(type))));
	arg = fo_sql_add_arg(&request->args, array_type, number_keys(embedding, type), false);
	embedding->first = palloc0(sizeof(uint64) * (embedding->nkeys + 2));
	if (embedding->nkeys == 0)
		return;
	embedding->nrows = fo_sql_run(statement(embedding, arg), &request->args, 0);
	embedding->rows = SPI_tuptable->vals;
	embedding->desc = SPI_tuptable->tupdesc;
	for (int key = 1; key <= embedding->nkeys + 1; key++)
	{
		bool		isnull;

		while (row < embedding->nrows &&
			   DatumGetInt64(heap_getattr(embedding->rows[row], 1, embedding->desc,
										  &isnull)) < key)
			row++;
		embedding->first[key] = row;
	}
}

/* Push the children of a parent: an array, or one of them, or null. */
static void
push_children(Embedding *embedding, JsonbParseState **state, const Parent *parent)
{
	uint64		row = parent->number == 0 ? 0 : embedding->first[parent->number];
	uint64		end = parent->number == 0 ? 0 : embedding->first[parent->number + 1];
	int			natts = embedding->request.ncolumns + 1;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	JsonbValue	null = {.type = jbvNull};

	fo_json_push_key(state, embedding->name);
	if (embedding->single && end - row > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("parent %d has %llu children, where a single one is wanted",
						parent->position + 1, (unsigned long long) (end - row)),
				 errhint("Name a unique column as foreign_key, or leave out single.")));
	if (!embedding->single)
		(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	else if (row == end)
		(void) pushJsonbValue(state, WJB_VALUE, &null);
	for (; row < end; row++)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(embedding->rows[row], embedding->desc, values, nulls);
		fo_page_push_row(&embedding->request, state, values + 1, nulls + 1);
	}
	if (!embedding->single)
		(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Push a parent with its children, which replace a member of that name. */
static JsonbValue *
push_parent(Embedding *embedding, JsonbParseState **state, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue *result = NULL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_END_OBJECT)
			push_children(embedding, state, &embedding->parents[embedding->done++]);
		result = pushJsonbValue(state, token, token < WJB_BEGIN_ARRAY ? &value : NULL);
	}
	return result;
}

/* Push an array of parents. */
static JsonbValue *
push_parents(Embedding *embedding, JsonbParseState **state, JsonbContainer *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;

	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			(void) push_parent(embedding, state, value.val.binary.data);
	}
	return pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Push a page, whose items are the parents. */
static JsonbValue *
push_page(Embedding *embedding, JsonbParseState **state, JsonbContainer *page,
		  JsonbContainer *parents)
{
	JsonbIterator *iterator = JsonbIteratorInit(page);
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue *result = NULL;
	bool		is_items = false;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && is_items)
			(void) push_parents(embedding, state, parents);
		else
			result = pushJsonbValue(state, token, token < WJB_BEGIN_ARRAY ? &value : NULL);
		is_items = token == WJB_KEY && value.val.string.len == 5 &&
			memcmp(value.val.string.val, "items", 5) == 0;
	}
	return result;
}

/* The document with its parents' children, in the caller's memory context. */
static Jsonb *
rebuild(Embedding *embedding, Jsonb *document, MemoryContext caller)
{
	JsonbParseState *state = NULL;
	JsonbContainer *parents = find_parents(document);
	JsonbValue *value;
	MemoryContext old;
	Jsonb	   *result;

	if (parents == NULL)
		value = push_parent(embedding, &state, &document->root);
	else if (parents == &document->root)
		value = push_parents(embedding, &state, parents);
	else
		value = push_page(embedding, &state, &document->root, parents);
	old = MemoryContextSwitchTo(caller);
	result = JsonbValueToJsonb(value);
	MemoryContextSwitchTo(old);
	return result;
}

/* An argument that must be given. */
static char *
text_arg(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s is null", what)));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* embed(parents, name, child, foreign_key, key, order_by, per_parent, fields, filter, single) */
Datum
fo_api_embed(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Embedding	embedding = {0};
	Jsonb	   *document;
	Jsonb	   *result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	document = PG_GETARG_JSONB_P(0);
	SPI_connect();
	embedding.name = text_arg(fcinfo, 1, "the name of the new member");
	embedding.key = text_arg(fcinfo, 4, "the key");
	if (!PG_ARGISNULL(6))
		embedding.limit = fo_page_size_arg(fcinfo, 6);
	embedding.single = !PG_ARGISNULL(9) && PG_GETARG_BOOL(9);
	fo_page_request(&embedding.request, fcinfo, 2, 5, -1, 8, 7, false);
	embedding.foreign_key = fo_page_column(&embedding.request.source,
										   text_arg(fcinfo, 3, "the foreign key"));
	collect(&embedding, document);
	read_children(&embedding);
	result = rebuild(&embedding, document, caller);
	SPI_finish();
	fo_page_source_close(&embedding.request.source);
	PG_RETURN_JSONB_P(result);
}
