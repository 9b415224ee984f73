/*
 * watch_value.c
 *		Values as keys: one number for equal values, of whatever type that ids have.
 *
 * A parameter and the column it came from need not have the same type: an int4 parameter
 * may be compared with a bigint column, a varchar with a text.  So integers are keys
 * themselves, and strings are hashed by their bytes.  What ids are never made of has no
 * key, nor has what would have to be detoasted first.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

/* Longer strings are no ids. */
#define MAX_STRING 256

static int64
hash_key(const void *bytes, int len, uint64 seed)
{
	int64		key = (int64) hash_bytes_extended(bytes, len, seed);

	return key == FO_LOOP_NONE ? 0 : key;
}

/* The key of a string; blanks at the end of a bpchar do not count. */
static int64
string_key(Datum value, bool blanks_count)
{
	const struct varlena *string = (const struct varlena *) DatumGetPointer(value);
	const char *bytes = VARDATA_ANY(string);
	int			len;

	if (VARATT_IS_EXTERNAL(string) || VARATT_IS_COMPRESSED(string))
		return FO_LOOP_NONE;
	len = VARSIZE_ANY_EXHDR(string);
	while (!blanks_count && len > 0 && bytes[len - 1] == ' ')
		len--;
	return len == 0 || len > MAX_STRING ? FO_LOOP_NONE : hash_key(bytes, len, 0);
}

/* The key of a number with decimals, which may be written in several ways. */
static int64
numeric_key(Datum value)
{
	const struct varlena *number = (const struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_EXTERNAL(number) || VARATT_IS_COMPRESSED(number))
		return FO_LOOP_NONE;
	return DatumGetInt64(DirectFunctionCall2(hash_numeric_extended, value, Int64GetDatum(0)));
}

/* The type that values of a type are like: of domains their base, citext is text. */
static Oid
plain_type(Oid type)
{
	char		category;
	bool		preferred;

	if (type < FirstNormalObjectId)
		return type;
	type = getBaseType(type);
	if (type < FirstNormalObjectId)
		return type;
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING && get_typlen(type) == -1 ? TEXTOID : InvalidOid;
}

/* May columns of a type hold ids? */
bool
fo_watch_is_key_type(Oid type)
{
	switch (plain_type(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
		case NUMERICOID:
			return true;
		default:
			return false;
	}
}

/* The key of a value that is not null, FO_LOOP_NONE if it has none. */
int64
fo_watch_value(Oid type, Datum value)
{
	switch (plain_type(type))
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return DatumGetInt64(value);
		case OIDOID:
			return DatumGetObjectId(value);
		case DATEOID:
			return hash_key(&value, sizeof(value), DATEOID);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			{
				Timestamp	time = DatumGetTimestamp(value);

				return hash_key(&time, sizeof(time), TIMESTAMPOID);
			}
		case TEXTOID:
		case VARCHAROID:
			return string_key(value, true);
		case BPCHAROID:
			return string_key(value, false);
		case NAMEOID:
			{
				const char *name = NameStr(*DatumGetName(value));

				return hash_key(name, (int) strlen(name), 0);
			}
		case UUIDOID:
			return hash_key(DatumGetUUIDP(value)->data, UUID_LEN, UUIDOID);
		case NUMERICOID:
			return numeric_key(value);
		default:
			return FO_LOOP_NONE;
	}
}
