/*
 * json_fields.c
 *		The chosen parts of a JSON document.
 *
 * Paths are made a tree, so that each part of the document is looked at once:
 *		{id, author.name, author.mail}  is  id, author - name
 *		                                             \\ mail
 * An array is passed through: the path goes on in each of its elements.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(fo_api_fields_jsonb);

/* A member that is wanted, as a whole or in part. */
typedef struct PathNode
{
	char	   *key;
	int			len;
	bool		whole;
	struct PathNode *child;		/* the first */
	struct PathNode *next;		/* of the same parent */
} PathNode;

/* The child of that key, made if there is none. */
static PathNode *
child_of(PathNode *parent, const char *key, int len)
{
	PathNode   *child;

	for (child = parent->child; child != NULL; child = child->next)
	{
		if (child->len == len && memcmp(child->key, key, len) == 0)
			return child;
	}
	child = palloc0(sizeof(PathNode));
	child->key = pnstrdup(key, len);
	child->len = len;
	child->next = parent->child;
	parent->child = child;
	return child;
}

/* Add a path: keys with dots between them; a backslash before a dot or backslash keeps it. */
static void
add_path(PathNode *root, const char *path)
{
	PathNode   *node = root;
	StringInfoData key;

	initStringInfo(&key);
	for (const char *p = path;; p++)
	{
		if (*p == '\\' && (p[1] == '.' || p[1] == '\\'))
		{
			appendStringInfoChar(&key, *++p);
			continue;
		}
		if (*p != '.' && *p != '\0')
		{
			appendStringInfoChar(&key, *p);
			continue;
		}
		if (key.len == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("path \"%s\" has an empty key", path),
					 errhint("Write keys with single dots between them; \\. is a dot in a key.")));
		node = child_of(node, key.data, key.len);
		if (*p == '\0')
			break;
		resetStringInfo(&key);
	}
	node->whole = true;
}

/* The tree of the wanted paths. */
static PathNode *
make_tree(ArrayType *wanted)
{
	PathNode   *root = palloc0(sizeof(PathNode));
	Datum	   *paths;
	bool	   *nulls;
	int			count;

	deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT, &paths, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("entry %d of the wanted fields is null", i + 1)));
		add_path(root, TextDatumGetCString(paths[i]));
	}
	return root;
}

static JsonbValue *push_part(JsonbParseState **state, JsonbContainer *container,
							 const PathNode *node);

/* Push an array with the wanted parts of its elements; scalars have none. */
static JsonbValue *
push_array(JsonbParseState **state, JsonbContainer *array, const PathNode *node)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;

	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && value.type == jbvBinary)
			(void) push_part(state, value.val.binary.data, node);
	}
	return pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Push the wanted part of an object or array. */
static JsonbValue *
push_part(JsonbParseState **state, JsonbContainer *container, const PathNode *node)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (JsonContainerIsArray(container))
		return push_array(state, container, node);
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (const PathNode *child = node->child; child != NULL; child = child->next)
	{
		JsonbValue	key;
		JsonbValue	value;

		if (getKeyJsonValueFromContainer(container, child->key, child->len, &value) == NULL ||
			(!child->whole && value.type != jbvBinary))
			continue;
		key.type = jbvString;
		key.val.string.val = child->key;
		key.val.string.len = child->len;
		(void) pushJsonbValue(state, WJB_KEY, &key);
		if (child->whole)
			(void) pushJsonbValue(state, WJB_VALUE, &value);
		else
			(void) push_part(state, value.val.binary.data, child);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* fields(document, wanted) */
Datum
fo_api_fields_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb	   *document;
	JsonbParseState *state = NULL;
	PathNode   *tree;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	document = PG_GETARG_JSONB_P(0);
	if (PG_ARGISNULL(1))
		PG_RETURN_JSONB_P(document);
	tree = make_tree(PG_GETARG_ARRAYTYPE_P(1));
	if (JB_ROOT_IS_SCALAR(document))
		PG_RETURN_JSONB_P(document);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(push_part(&state, &document->root, tree)));
}
