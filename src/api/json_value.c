/*
 * json_value.c
 *		Column values as JSON: the same as to_jsonb() makes, which looks up on each
 *		call how, and passes numbers through text.  Frequent types are converted
 *		here, the others by to_jsonb() with what it looks up kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "api/json_value.h"
#include "base/compat.h"

/* Find out how values of a type become JSON; what is kept lives in the current context. */
void
fo_json_type(FoJsonType *how, Oid type)
{
	Const	   *argument;

	how->type = getBaseType(type);
	switch (how->type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case JSONBOID:
			return;
		default:
			break;
	}
	/* to_jsonb() learns the type from the expression that calls it. */
	argument = makeNullConst(how->type, -1, InvalidOid);
	fmgr_info(F_TO_JSONB, &how->convert);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &how->convert);
}

/* Push a string, which is not copied. */
static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *string, size_t len)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, string);
	value.val.string.len = (int) len;
	(void) pushJsonbValue(state, token, &value);
}

/* Push a number; what JSON has no number for goes as a string. */
static void
push_numeric(JsonbParseState **state, JsonbIteratorToken token, Numeric number)
{
	JsonbValue	value;

	if (numeric_is_nan(number) || numeric_is_inf(number))
	{
		char	   *name = DatumGetCString(DirectFunctionCall1(numeric_out,
															   NumericGetDatum(number)));

		push_string(state, token, name, strlen(name));
		return;
	}
	value.type = jbvNumeric;
	value.val.numeric = number;
	(void) pushJsonbValue(state, token, &value);
}

/* Push a JSON value. */
void
fo_json_push_jsonb(JsonbParseState **state, JsonbIteratorToken token, Jsonb *json)
{
	JsonbValue	value;

	if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &value))
	{
		value.type = jbvBinary;
		value.val.binary.data = &json->root;
		value.val.binary.len = VARSIZE_ANY_EXHDR(json);
	}
	(void) pushJsonbValue(state, token, &value);
}

/* Push a value that to_jsonb() or a short way of one of these types makes of it. */
static void
push_other(JsonbParseState **state, JsonbIteratorToken token, FoJsonType *how, Datum datum)
{
	char		buffer[MAXDATELEN + 1];
	char	   *string;

	switch (how->type)
	{
		case NAMEOID:
			push_string(state, token, NameStr(*DatumGetName(datum)),
						strlen(NameStr(*DatumGetName(datum))));
			break;
		case UUIDOID:
			string = DatumGetCString(DirectFunctionCall1(uuid_out, datum));
			push_string(state, token, string, strlen(string));
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			string = pstrdup(JsonEncodeDateTime(buffer, datum, how->type, NULL));
			push_string(state, token, string, strlen(string));
			break;
		case JSONBOID:
			fo_json_push_jsonb(state, token, DatumGetJsonbP(datum));
			break;
		default:
			fo_json_push_jsonb(state, token, DatumGetJsonbP(FunctionCall1(&how->convert, datum)));
			break;
	}
}

/*
 * Push a value as an element of an array (WJB_ELEM) or as the value of a key
 * (WJB_VALUE).  What it points to must live until the document is finished.
 */
void
fo_json_push(JsonbParseState **state, JsonbIteratorToken token, FoJsonType *how, Datum datum,
			 bool isnull)
{
	JsonbValue	value;
	text	   *string;

	value.type = jbvNull;
	if (isnull)
	{
		(void) pushJsonbValue(state, token, &value);
		return;
	}
	switch (how->type)
	{
		case BOOLOID:
			value.type = jbvBool;
			value.val.boolean = DatumGetBool(datum);
			(void) pushJsonbValue(state, token, &value);
			break;
		case INT2OID:
			push_numeric(state, token, int64_to_numeric(DatumGetInt16(datum)));
			break;
		case INT4OID:
			push_numeric(state, token, int64_to_numeric(DatumGetInt32(datum)));
			break;
		case INT8OID:
			push_numeric(state, token, int64_to_numeric(DatumGetInt64(datum)));
			break;
		case NUMERICOID:
			push_numeric(state, token, DatumGetNumeric(datum));
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			string = DatumGetTextPP(datum);
			push_string(state, token, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
			break;
		default:
			push_other(state, token, how, datum);
			break;
	}
}

/* Push a key of an object; the string must live until the document is finished. */
void
fo_json_push_key(JsonbParseState **state, const char *key)
{
	push_string(state, WJB_KEY, key, strlen(key));
}

/* Push a key and a text, which may be NULL. */
void
fo_json_push_text(JsonbParseState **state, const char *key, text *value)
{
	FoJsonType	how = {.type = TEXTOID};

	fo_json_push_key(state, key);
	fo_json_push(state, WJB_VALUE, &how, PointerGetDatum(value), value == NULL);
}

/* Push a key and a boolean. */
void
fo_json_push_bool(JsonbParseState **state, const char *key, bool value)
{
	FoJsonType	how = {.type = BOOLOID};

	fo_json_push_key(state, key);
	fo_json_push(state, WJB_VALUE, &how, BoolGetDatum(value), false);
}

/* Push a key and a whole number. */
void
fo_json_push_int(JsonbParseState **state, const char *key, int64 value)
{
	FoJsonType	how = {.type = INT8OID};

	fo_json_push_key(state, key);
	fo_json_push(state, WJB_VALUE, &how, Int64GetDatum(value), false);
}
