/*
 * page_filter.c
 *		Conditions on columns from JSON.
 *
 * A filter is an object.  Each member names a column and what its value must be:
 *		{"user_id": 7, "deleted_at": null, "kind": ["news", "post"],
 *		 "created_at": {"gte": "2024-01-01", "lt": "2024-02-01"}}
 * All of it must hold.  Values become parameters, by the input function of the
 * column's type, so a value that the type does not have is that type's error, and
 * no text of a filter is ever SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "api/page_sql.h"

/* Conditions of a filter, elements of lists included: far beyond any use. */
#define MAX_CONDITIONS 1000

typedef struct Column
{
	const FoPageSource *source;
	FoSqlArgs  *args;
	StringInfo	where;
	const char *name;
	const char *sql;
	Oid			type;
	int			left;			/* conditions that may still come */
} Column;

static const struct
{
	const char *name;
	StrategyNumber strategy;
}			comparisons[] =

{
	{"eq", BTEqualStrategyNumber},
	{"lt", BTLessStrategyNumber},
	{"lte", BTLessEqualStrategyNumber},
	{"gt", BTGreaterStrategyNumber},
	{"gte", BTGreaterEqualStrategyNumber},
};

/* Complain about a part of the filter. */
static void
refuse(const Column *column, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid filter on column \"%s\": %s", column->name, what),
			 errhint("%s", hint)));
}

static void
take_one(Column *column)
{
	if (column->left-- == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the filter has more than %d conditions", MAX_CONDITIONS)));
}

/* A scalar as the text that an input function reads; JSON as such for jsonb columns. */
static char *
scalar_text(const Column *column, JsonbValue *value)
{
	bool		as_json = column->type == JSONBOID || column->type == JSONOID;

	if (as_json || value->type == jbvBinary)
	{
		if (!as_json)
			refuse(column, "an array or object where a single value is needed",
				   "Write arrays of an array column as text, like \"{a,b}\".");
		return JsonbToCString(NULL, &JsonbValueToJsonb(value)->root, -1);
	}
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			refuse(column, "a null where a value is needed",
				   "Write {\"column\": null} or {\"column\": {\"null\": true}} to find nulls.");
	}
	return NULL;
}

/* Error context: which column's value it is that the type refuses. */
static void
tell_column(void *arg)
{
	errcontext("filter on column \"%s\"", ((const Column *) arg)->name);
}

/* A scalar as a value of the column's type. */
static Datum
scalar_datum(Column *column, JsonbValue *value)
{
	ErrorContextCallback context = {error_context_stack, tell_column, column};
	Oid			input;
	Oid			param;
	Datum		datum;

	getTypeInputInfo(column->type, &input, &param);
	error_context_stack = &context;
	datum = OidInputFunctionCall(input, scalar_text(column, value), param, -1);
	error_context_stack = context.previous;
	return datum;
}

/* A comparison of the column, in SQL; an error if its type has no such. */
static const char *
comparison(const Column *column, StrategyNumber strategy)
{
	const char *operator = fo_page_operator_sql(column->type, strategy);

	if (operator == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot be compared", column->name,
						format_type_be(column->type)),
				 errhint("Filter by columns whose type has a btree operator class.")));
	return operator;
}

/* "t.column op $n", or "NOT (...)" */
static void
add_comparison(Column *column, StrategyNumber strategy, JsonbValue *value, bool negated)
{
	const char *operator = comparison(column, strategy);

	take_one(column);
	appendStringInfo(column->where, negated ? " AND NOT (%s %s $%d)" : " AND %s %s $%d",
					 column->sql, operator,
					 fo_sql_add_arg(column->args, column->type, scalar_datum(column, value),
									false));
}

/* "t.column IS [NOT] NULL" */
static void
add_null_test(Column *column, bool is_null)
{
	take_one(column);
	appendStringInfo(column->where, " AND %s %s", column->sql,
					 fo_page_null_sql(column->type, is_null));
}

/* "t.column = ANY ($n)", or "NOT (...)" */
static void
add_list(Column *column, JsonbContainer *list, bool negated)
{
	const char *operator = comparison(column, BTEqualStrategyNumber);
	Oid			array_type = get_array_type(column->type);
	int			n = JsonContainerSize(list);
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));
	int16		len;
	bool		byval;
	char		align;

	if (!OidIsValid(array_type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot be looked up in a list", column->name,
						format_type_be(column->type))));
	for (int i = 0; i < n; i++)
	{
		take_one(column);
		elements[i] = scalar_datum(column, getIthJsonbValueFromContainer(list, i));
	}
	get_typlenbyvalalign(column->type, &len, &byval, &align);
	appendStringInfo(column->where, negated ? " AND NOT (%s %s ANY ($%d))" : " AND %s %s ANY ($%d)",
					 column->sql, operator,
					 fo_sql_add_arg(column->args, array_type,
									PointerGetDatum(construct_array(elements, n, column->type,
																	len, byval, align)),
									false));
}

/* One member of an object of operators, such as "gte": 7. */
static void
add_operation(Column *column, const char *name, JsonbValue *value)
{
	bool		is_list = value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);

	for (int i = 0; i < (int) lengthof(comparisons); i++)
	{
		if (strcmp(name, comparisons[i].name) == 0)
		{
			add_comparison(column, comparisons[i].strategy, value, false);
			return;
		}
	}
	if (strcmp(name, "ne") == 0)
		add_comparison(column, BTEqualStrategyNumber, value, true);
	else if (strcmp(name, "null") == 0 && value->type == jbvBool)
		add_null_test(column, value->val.boolean);
	else if ((strcmp(name, "in") == 0 || strcmp(name, "not_in") == 0) && is_list)
		add_list(column, value->val.binary.data, name[0] == 'n');
	else
		refuse(column, psprintf("\"%s\" is no operator for such a value", name),
			   "Use eq, ne, lt, lte, gt or gte with a value, in or not_in with an array, or null "
			   "with true or false.");
}

/* The conditions of one member of the filter. */
static void
add_member(Column *column, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (value->type == jbvNull)
		add_null_test(column, true);
	else if (value->type != jbvBinary)
		add_comparison(column, BTEqualStrategyNumber, value, false);
	else if (JsonContainerIsArray(value->val.binary.data))
		add_list(column, value->val.binary.data, false);
	else
	{
		iterator = JsonbIteratorInit(value->val.binary.data);
		while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
		{
			char	   *name;

			if (token != WJB_KEY)
				continue;
			name = pnstrdup(item.val.string.val, item.val.string.len);
			JsonbIteratorNext(&iterator, &item, true);
			add_operation(column, name, &item);
		}
	}
}

/*
 * Append " AND condition" for each condition of a filter, which may be NULL, and
 * its values to the parameters.
 */
void
fo_page_filter(const FoPageSource *source, Jsonb *filter, FoSqlArgs *args, StringInfo where)
{
	Column		column = {source, args, where, .left = MAX_CONDITIONS};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (filter == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(filter))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the filter is not a JSON object"),
				 errhint("Write it like {\"column\": value}.")));
	iterator = JsonbIteratorInit(&filter->root);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		AttrNumber	attnum;

		if (token != WJB_KEY)
			continue;
		column.name = pnstrdup(item.val.string.val, item.val.string.len);
		attnum = fo_page_column(source, column.name);
		column.sql = fo_page_column_sql(source, attnum);
		column.type = fo_page_column_type(source, attnum);
		JsonbIteratorNext(&iterator, &item, true);
		add_member(&column, &item);
	}
}
