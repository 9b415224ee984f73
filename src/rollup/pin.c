/*
 * pin.c
 *		Pin expressions that depend on the setting TimeZone to one zone.
 *
 * Example: with day_tz => 'UTC',
 *		date(created_at)			of a timestamp with time zone becomes
 *		date(timezone('UTC', created_at))
 * so that the result is the same in every session.  What is not in the table
 * below stays as it is, and is refused later if it depends on a setting.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rollup/analyze.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

/* A function of a timestamptz, and the same of the zone's local timestamp. */
typedef struct Pinned
{
	Oid			from;
	Oid			to;
	int			arg;			/* which argument is the timestamptz */
} Pinned;

static const Pinned pins[] = {
	{F_DATE_TIMESTAMPTZ, F_DATE_TIMESTAMP, 0},
	{F_TIME_TIMESTAMPTZ, F_TIME_TIMESTAMP, 0},
	{F_EXTRACT_TEXT_TIMESTAMPTZ, F_EXTRACT_TEXT_TIMESTAMP, 1},
	{F_DATE_PART_TEXT_TIMESTAMPTZ, F_DATE_PART_TEXT_TIMESTAMP, 1},
};

typedef struct PinContext
{
	const char *zone;
	bool		pinned;
} PinContext;

/* The zone as a constant. */
static Expr *
zone_const(PinContext *context)
{
	context->pinned = true;
	return (Expr *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
							  CStringGetTextDatum(context->zone), false, false);
}

/* timezone(zone, arg): the local time of a timestamptz in the zone. */
static Expr *
local_time(PinContext *context, Expr *arg)
{
	return (Expr *) makeFuncExpr(F_TIMEZONE_TEXT_TIMESTAMPTZ, TIMESTAMPOID,
								 list_make2(zone_const(context), arg),
								 InvalidOid, DEFAULT_COLLATION_OID,
								 COERCE_EXPLICIT_CALL);
}

/* Is the first argument a constant that names a part of absolute time? */
static bool
is_absolute_part(FuncExpr *func)
{
	Const	   *part = linitial(func->args);

	return IsA(part, Const) && !part->constisnull &&
		pg_strncasecmp(TextDatumGetCString(part->constvalue), "epoch", 5) == 0;
}

/* Pin one call. The epoch is absolute: taken of a local time it would differ. */
static Node *
pin_function(FuncExpr *func, PinContext *context)
{
	if (func->funcid == F_TIMESTAMP_TIMESTAMPTZ)
		return (Node *) local_time(context, linitial(func->args));
	if (func->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ)
	{
		func->funcid = F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT;
		func->args = lappend(func->args, zone_const(context));
		return (Node *) func;
	}
	for (int i = 0; i < (int) lengthof(pins); i++)
	{
		if (func->funcid != pins[i].from)
			continue;
		if (pins[i].arg == 1 && is_absolute_part(func))
			break;
		func->funcid = pins[i].to;
		lfirst(list_nth_cell(func->args, pins[i].arg)) =
			local_time(context, list_nth(func->args, pins[i].arg));
		/* A cast would print as one with two steps; a call is plain. */
		if (func->funcformat == COERCE_IMPLICIT_CAST)
			func->funcformat = COERCE_EXPLICIT_CAST;
		break;
	}
	return (Node *) func;
}

/* Pin bottom up. */
static Node *
pin_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, pin_mutator, context);
	if (IsA(node, FuncExpr))
		return pin_function((FuncExpr *) node, context);
	return node;
}

/* A copy of the query that depends on no TimeZone; *pinned: was there any? */
Query *
fo_rollup_pin(Query *query, const char *zone, bool *pinned)
{
	PinContext	context = {zone, false};

	query = copyObject(query);
	query->targetList = (List *) pin_mutator((Node *) query->targetList, &context);
	query->jointree->quals = pin_mutator(query->jointree->quals, &context);
	*pinned = context.pinned;
	return query;
}
