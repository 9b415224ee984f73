/*
 * localtime.c
 *		timezone(zone, timestamptz) for a constant zone, without looking up the
 *		zone's name and rules for every row.
 *
 * Between two changes of its offset a zone's local time is the absolute time
 * plus a constant.  The function remembers one such range and the offset in it,
 * which covers half a year, so a batch of rows costs an addition each.  Only
 * compiled expressions of triggers call it; the visible query keeps timezone().
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "pgtime.h"
#include "rollup/localtime.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(fo_rollup_local_time);

/* The remembered range [from, until), in which local = absolute + offset. */
typedef struct ZoneRange
{
	text	   *name;			/* of the zone it holds for */
	pg_tz	   *zone;
	TimestampTz from;
	TimestampTz until;
	int64		offset;			/* microseconds */
} ZoneRange;

/* Seconds between the epochs of Unix and of PostgreSQL. */
#define EPOCHS_APART \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Unix time of a timestamp, rounded down. */
static pg_time_t
unix_time(TimestampTz ts)
{
	int64		seconds = ts / USECS_PER_SEC;

	if (ts % USECS_PER_SEC < 0)
		seconds--;
	return seconds + EPOCHS_APART;
}

/* Learn the range around ts; its local time is known. */
static void
learn_range(ZoneRange *range, TimestampTz ts, Timestamp local)
{
	pg_time_t	now = unix_time(ts);
	pg_time_t	boundary;
	long		before,
				after;
	int			before_dst,
				after_dst;
	int			found;
	TimestampTz until;

	found = pg_next_dst_boundary(&now, &before, &before_dst, &boundary, &after,
								 &after_dst, range->zone);
	if (found < 0)
		return;
	until = found == 0 ? END_TIMESTAMP :
		(boundary - EPOCHS_APART) * USECS_PER_SEC;
	range->offset = local - ts;
	range->from = ts;
	range->until = until;
}

/* Is the range of this very zone? */
static bool
same_zone(const ZoneRange *range, const text *name)
{
	return VARSIZE_ANY_EXHDR(range->name) == VARSIZE_ANY_EXHDR(name) &&
		memcmp(VARDATA_ANY(range->name), VARDATA_ANY(name),
			   VARSIZE_ANY_EXHDR(name)) == 0;
}

/* Start remembering for a zone. */
static ZoneRange *
new_range(FmgrInfo *flinfo, text *name)
{
	ZoneRange  *range = flinfo->fn_extra;
	MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	char	   *zone = text_to_cstring(name);

	if (range)
		pfree(range->name);
	else
		range = palloc(sizeof(ZoneRange));
	range->name = cstring_to_text(zone);
	range->zone = pg_tzset(zone);
	range->from = range->until = 0;
	pfree(zone);
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = range;
	return range;
}

/* filteropt.rollup_local_time(zone text, ts timestamptz) returns timestamp */
Datum
fo_rollup_local_time(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	TimestampTz ts = PG_GETARG_TIMESTAMPTZ(1);
	ZoneRange  *range = fcinfo->flinfo->fn_extra;
	Datum		local;

	if (range && ts >= range->from && ts < range->until &&
		same_zone(range, name))
		PG_RETURN_TIMESTAMP(ts + range->offset);
	local = DirectFunctionCall2(timestamptz_zone, PointerGetDatum(name),
								TimestampTzGetDatum(ts));
	if (range == NULL || !same_zone(range, name))
		range = new_range(fcinfo->flinfo, name);
	if (range->zone && !TIMESTAMP_NOT_FINITE(ts))
		learn_range(range, ts, DatumGetTimestamp(local));
	return local;
}

/*
 * Is the expression a constant zone whose name cannot be an abbreviation, which
 * timezone() would prefer to a zone of that name?
 */
static bool
is_full_zone(Node *node)
{
	char	   *name;

	if (!IsA(node, Const) || ((Const *) node)->constisnull)
		return false;
	name = TextDatumGetCString(((Const *) node)->constvalue);
	return strchr(name, '/') != NULL || strcmp(name, "UTC") == 0;
}

/* Replace timezone('Area/City', x) in an expression by the fast function. */
Node *
fo_rollup_fast_zones(Node *node, void *context)
{
	FuncExpr   *func;
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Oid			fast;

	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, fo_rollup_fast_zones, context);
	if (!IsA(node, FuncExpr))
		return node;
	func = (FuncExpr *) node;
	if (func->funcid != F_TIMEZONE_TEXT_TIMESTAMPTZ ||
		!is_full_zone(linitial(func->args)))
		return node;
	fast = LookupFuncName(list_make2(makeString("filteropt"),
									 makeString("rollup_local_time")),
						  2, types, true);
	if (OidIsValid(fast))
		func->funcid = fast;
	return node;
}
