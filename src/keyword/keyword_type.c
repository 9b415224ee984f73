/*
 * keyword_type.c
 *		The type keyword_set: constructor, input and output, equality.
 *
 * Text form: {"fold": "accent", "whole_word": true, "keywords": [...],
 * "allow": [...]}.  Binary form: a version byte, fold and whole_word a byte
 * each, the two counts, then every keyword and allowed phrase with its length.
 * Both carry keywords only; a set is always compiled by the server it enters.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "base/compat.h"
#include "keyword/keyword.h"

#define WIRE_VERSION 1

PG_FUNCTION_INFO_V1(fo_keyword_set_make);
PG_FUNCTION_INFO_V1(fo_keyword_set_final);
PG_FUNCTION_INFO_V1(fo_keyword_set_in);
PG_FUNCTION_INFO_V1(fo_keyword_set_out);
PG_FUNCTION_INFO_V1(fo_keyword_set_recv);
PG_FUNCTION_INFO_V1(fo_keyword_set_send);
PG_FUNCTION_INFO_V1(fo_keyword_set_eq);
PG_FUNCTION_INFO_V1(fo_keyword_set_ne);
PG_FUNCTION_INFO_V1(fo_keyword_set_hash);
PG_FUNCTION_INFO_V1(fo_keyword_set_hash_extended);
PG_FUNCTION_INFO_V1(fo_keyword_set_info);

/* Add all entries of a text[] to a set. */
static void
add_array(FoBuilder *builder, ArrayType *array, bool allow)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		fo_keyword_add(builder, values[i], nulls[i], i + 1, allow);
	pfree(values);
	pfree(nulls);
}

/* keyword_set(keywords text[], whole_word boolean, fold text, allow text[]) */
Datum
fo_keyword_set_make(PG_FUNCTION_ARGS)
{
	FoBuilder	builder;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("whole_word and fold of a keyword set must not be null")));
	fo_keyword_begin_set(&builder, fo_keyword_fold_level(text_to_cstring(PG_GETARG_TEXT_PP(2))),
						 PG_GETARG_BOOL(1));
	add_array(&builder, PG_GETARG_ARRAYTYPE_P(0), false);
	if (!PG_ARGISNULL(3))
		add_array(&builder, PG_GETARG_ARRAYTYPE_P(3), true);
	PG_RETURN_POINTER(fo_keyword_finish_set(&builder));
}

/* Final function of keyword_set_agg: the keywords with the options' defaults. */
Datum
fo_keyword_set_final(PG_FUNCTION_ARGS)
{
	FoBuilder	builder;

	fo_keyword_begin_set(&builder, FO_FOLD_ACCENT, true);
	if (!PG_ARGISNULL(0))
		add_array(&builder, PG_GETARG_ARRAYTYPE_P(0), false);
	PG_RETURN_POINTER(fo_keyword_finish_set(&builder));
}

/* Raise an error about the text form. */
static void
input_error(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", "keyword_set"),
			 errdetail("%s", detail),
			 errhint("Write {\"keywords\": [\"a\", \"b*\"]}, with \"fold\", \"whole_word\" and "
					 "\"allow\" if needed, or call filteropt.keyword_set(ARRAY['a', 'b*']).")));
}

/* The value of a key of the text form, or NULL. */
static JsonbValue *
find_key(Jsonb *json, const char *key)
{
	JsonbValue	wanted;

	wanted.type = jbvString;
	wanted.val.string.val = unconstify(char *, key);
	wanted.val.string.len = strlen(key);
	return findJsonbValueFromContainer(&json->root, JB_FOBJECT, &wanted);
}

/* Add the strings of the array under a key of the text form. */
static void
add_json(FoBuilder *builder, Jsonb *json, const char *key, bool allow)
{
	JsonbValue *list = find_key(json, key);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			entry = 0;

	if (list == NULL)
	{
		if (!allow)
			input_error("The key \"keywords\" is missing.");
		return;
	}
	if (list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data) ||
		JsonContainerIsScalar(list->val.binary.data))
		input_error(allow ? "\"allow\" is not an array." : "\"keywords\" is not an array.");
	it = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		text	   *keyword;

		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString)
			input_error("A keyword is not a string.");
		keyword = cstring_to_text_with_len(value.val.string.val, value.val.string.len);
		fo_keyword_add(builder, PointerGetDatum(keyword), false, ++entry, allow);
		pfree(keyword);
	}
}

/* Check that the text form has no keys but ours. */
static void
check_keys(Jsonb *json)
{
	static const char *const known[] = {"fold", "whole_word", "keywords", "allow"};
	int			present = 0;

	if (!JB_ROOT_IS_OBJECT(json))
		input_error("The value is not a JSON object.");
	for (size_t i = 0; i < lengthof(known); i++)
		present += find_key(json, known[i]) != NULL;
	if (present != (int) JB_ROOT_COUNT(json))
		input_error("Keys are \"fold\", \"whole_word\", \"keywords\" and \"allow\".");
}

/* Parse the text form as JSON; what is not even meant to be an object gets a better hint. */
static Jsonb *
parse_object(char *input)
{
	if (input[strspn(input, " \t\r\n")] != '{')
		input_error("The value is not a JSON object.");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(input)));
}

/* Input function: the text form. */
Datum
fo_keyword_set_in(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = parse_object(PG_GETARG_CSTRING(0));
	JsonbValue *value;
	FoFoldLevel fold = FO_FOLD_ACCENT;
	bool		whole_word = true;
	FoBuilder	builder;

	check_keys(json);
	value = find_key(json, "fold");
	if (value != NULL && value->type != jbvString)
		input_error("\"fold\" is not a string.");
	if (value != NULL)
		fold = fo_keyword_fold_level(pnstrdup(value->val.string.val, value->val.string.len));
	value = find_key(json, "whole_word");
	if (value != NULL && value->type != jbvBool)
		input_error("\"whole_word\" is not a boolean.");
	if (value != NULL)
		whole_word = value->val.boolean;
	fo_keyword_begin_set(&builder, fold, whole_word);
	add_json(&builder, json, "keywords", false);
	add_json(&builder, json, "allow", true);
	PG_RETURN_POINTER(fo_keyword_finish_set(&builder));
}

/* Append n sources from number first on as a JSON array. */
static void
append_sources(StringInfo buf, const FoKeywordSet *set, uint32_t first, uint32_t n)
{
	appendStringInfoChar(buf, '[');
	for (uint32_t i = first; i < first + n; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(set, i, &len);

		CHECK_FOR_INTERRUPTS();
		if (i > first)
			appendStringInfoString(buf, ", ");
		escape_json(buf, text_to_cstring(fo_keyword_text(source, len)));
	}
	appendStringInfoChar(buf, ']');
}

/* Output function: the text form, which the input function takes back. */
Datum
fo_keyword_set_out(PG_FUNCTION_ARGS)
{
	FoKeywordSet *set = fo_keyword_preamble(PG_GETARG_DATUM(0));
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"fold\": \"%s\", \"whole_word\": %s, \"keywords\": ",
					 fo_keyword_fold_name((FoFoldLevel) set->fold),
					 set->flags & FO_SET_WHOLE_WORD ? "true" : "false");
	append_sources(&buf, set, 0, set->nkeywords);
	if (set->nallow > 0)
	{
		appendStringInfoString(&buf, ", \"allow\": ");
		append_sources(&buf, set, set->nkeywords, set->nallow);
	}
	appendStringInfoChar(&buf, '}');
	PG_RETURN_CSTRING(buf.data);
}

/* Raise an error about the binary form. */
static void
wire_error(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary form of type %s", "keyword_set"),
			 errdetail("%s", detail)));
}

/* A count of the binary form; each item takes at least five more bytes. */
static int
receive_count(StringInfo buf)
{
	int32		n = pq_getmsgint(buf, 4);

	if (n < 0 || n > (buf->len - buf->cursor) / 5)
		wire_error("A count does not fit the length of the message.");
	return n;
}

/* Receive function: the binary form, from anybody, so nothing in it is trusted. */
Datum
fo_keyword_set_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	int			fold = pq_getmsgbyte(buf);
	int			whole_word = pq_getmsgbyte(buf);
	int			nkeywords = receive_count(buf);
	int			nallow = receive_count(buf);
	FoBuilder	builder;

	if (version != WIRE_VERSION)
		wire_error("The version is not known.");
	if (fold >= FO_FOLD_LEVELS || whole_word > 1)
		wire_error("An option is out of range.");
	fo_keyword_begin_set(&builder, (FoFoldLevel) fold, whole_word);
	for (int i = 0; i < nkeywords + nallow; i++)
	{
		int			len = pq_getmsgint(buf, 4);
		int			decoded;
		char	   *keyword;
		text	   *value;

		if (len < 0)
			wire_error("A length is negative.");
		keyword = pq_getmsgtext(buf, len, &decoded);
		value = cstring_to_text_with_len(keyword, decoded);
		fo_keyword_add(&builder, PointerGetDatum(value), false,
					   i < nkeywords ? i + 1 : i - nkeywords + 1, i >= nkeywords);
		pfree(keyword);
		pfree(value);
	}
	pq_getmsgend(buf);
	PG_RETURN_POINTER(fo_keyword_finish_set(&builder));
}

/* Send function: the binary form. */
Datum
fo_keyword_set_send(PG_FUNCTION_ARGS)
{
	FoKeywordSet *set = fo_keyword_preamble(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, WIRE_VERSION);
	pq_sendbyte(&buf, set->fold);
	pq_sendbyte(&buf, (set->flags & FO_SET_WHOLE_WORD) != 0);
	pq_sendint32(&buf, set->nkeywords);
	pq_sendint32(&buf, set->nallow);
	for (uint32_t i = 0; i < set->nkeywords + set->nallow; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(set, i, &len);
		text	   *value = fo_keyword_text(source, len);

		CHECK_FOR_INTERRUPTS();
		fo_send_counted(&buf, value);
		pfree(value);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Are two sets equal, whatever the order of their keywords? */
static bool
sets_equal(FunctionCallInfo fcinfo)
{
	FoAlloc		alloc = fo_keyword_alloc(CurrentMemoryContext);

	return fo_keyword_set_equal(fo_keyword_preamble(PG_GETARG_DATUM(0)),
								fo_keyword_preamble(PG_GETARG_DATUM(1)), &alloc);
}

/* Operator = */
Datum
fo_keyword_set_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sets_equal(fcinfo));
}

/* Operator <> */
Datum
fo_keyword_set_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!sets_equal(fcinfo));
}

/* Hash function that goes with =: the digest depends on keywords and options only. */
Datum
fo_keyword_set_hash(PG_FUNCTION_ARGS)
{
	uint64_t	digest = fo_keyword_preamble(PG_GETARG_DATUM(0))->digest;

	PG_RETURN_UINT32((uint32) (digest ^ digest >> 32));
}

/* The same with a seed. */
Datum
fo_keyword_set_hash_extended(PG_FUNCTION_ARGS)
{
	uint64_t	digest = fo_keyword_preamble(PG_GETARG_DATUM(0))->digest;
	uint64_t	seed = (uint64_t) PG_GETARG_INT64(1);

	PG_RETURN_UINT64(seed == 0 ? digest : (digest ^ seed) * UINT64CONST(0x9E3779B97F4A7C15));
}

/* keyword_set_info(set): one row that describes it */
Datum
fo_keyword_set_info(PG_FUNCTION_ARGS)
{
	FoKeywordSet *set = fo_keyword_preamble(PG_GETARG_DATUM(0));
	TupleDesc	desc;
	Datum		values[8];
	bool		nulls[8] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int32GetDatum((int32) set->nkeywords);
	values[1] = Int32GetDatum((int32) set->nallow);
	values[2] = CStringGetTextDatum(fo_keyword_fold_name((FoFoldLevel) set->fold));
	values[3] = BoolGetDatum((set->flags & FO_SET_WHOLE_WORD) != 0);
	values[4] = Int32GetDatum((int32) VARSIZE(set));
	values[5] = Int32GetDatum((int32) (set->magic & 0xFF));
	values[6] = BoolGetDatum(fo_keyword_set_state(set, VARSIZE(set)) == FO_SET_CURRENT);
	values[7] = CStringGetTextDatum(fo_unicode_version());
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
