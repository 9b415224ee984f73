/*
 * feed_json.c
 *		Small things about jsonb and numbers.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "feed/feed_type.h"

/* Add a member to an object that is being written. */
void
fo_feed_put_member(JsonbParseState **state, const char *name, JsonbValue value)
{
	JsonbValue	key = {.type = jbvString,
		.val.string = {strlen(name), unconstify(char *, name)}};

	pushJsonbValue(state, WJB_KEY, &key);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* The number that a text spells; error 22P02 if it spells none. */
Numeric
fo_feed_read_number(const char *spelled)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(spelled),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* A number as it is written. */
char *
fo_feed_write_number(Numeric number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

/* Is a number at least another? */
bool
fo_feed_reaches(Numeric number, Numeric least)
{
	return DatumGetBool(DirectFunctionCall2(numeric_ge, NumericGetDatum(number),
											NumericGetDatum(least)));
}
