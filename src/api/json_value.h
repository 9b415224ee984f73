/*
 * json_value.h
 *		Column values as JSON.
 */
#ifndef FO_JSON_VALUE_H
#define FO_JSON_VALUE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

/* How values of a type become JSON. */
typedef struct FoJsonType
{
	Oid			type;			/* of a domain, the type below it */
	FmgrInfo	convert;		/* to_jsonb() for this type, unless there is a
								 * shorter way */
} FoJsonType;

extern void fo_json_type(FoJsonType *how, Oid type);
extern void fo_json_push(JsonbParseState **state, JsonbIteratorToken token, FoJsonType *how,
						 Datum value, bool isnull);
extern void fo_json_push_key(JsonbParseState **state, const char *key);
extern void fo_json_push_text(JsonbParseState **state, const char *key, text *value);
extern void fo_json_push_bool(JsonbParseState **state, const char *key, bool value);
extern void fo_json_push_int(JsonbParseState **state, const char *key, int64 value);
extern void fo_json_push_jsonb(JsonbParseState **state, JsonbIteratorToken token, Jsonb *value);

#endif							/* FO_JSON_VALUE_H */
