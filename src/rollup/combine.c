/*
 * combine.c
 *		Arithmetic of partial columns: feed a base row's value in, take one out,
 *		combine two partial rows.
 *
 * All of it is exact, floating-point sums aside: for those a removal is only
 * counted (FO_COL_LOST), because subtraction would leave rounding errors behind,
 * and readers recompute the group from the base table.  The same holds for the
 * removal of a numeric NaN or infinity, which no subtraction undoes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "rollup/delta.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* A sum of int2 or int4 does not fit; counts and numerics always do. */
void
fo_rollup_out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("bigint out of range in a rollup"),
			 errhint("Cast the argument of sum or avg to bigint in the query of the rollup: "
					 "it is summed as numeric then.")));
}

/* Add to a 64-bit column. sum(int4) of PostgreSQL would wrap; this does not. */
static void
add_int(Datum *acc, int64 value)
{
	int64		result;

	if (pg_add_s64_overflow(DatumGetInt64(*acc), value, &result))
		fo_rollup_out_of_range();
	*acc = Int64GetDatum(result);
}

/* Replace a by-reference accumulator. */
static void
replace_datum(Datum *acc, Datum value)
{
	pfree(DatumGetPointer(*acc));
	*acc = value;
}

/* Keep the more extreme of the accumulator and the value. */
static void
keep_better(FoRollup *rollup, int column, Datum *acc, bool *accnull, Datum value)
{
	FoColumn   *col = &rollup->layout->columns[column];
	int			att = rollup->layout->ngroups + column;

	if (!*accnull &&
		!DatumGetBool(FunctionCall2Coll(&rollup->better[column], col->collation,
										value, *acc)))
		return;
	if (!*accnull && !rollup->typbyval[att])
		pfree(DatumGetPointer(*acc));
	*acc = datumCopy(value, rollup->typbyval[att], rollup->typlen[att]);
	if (rollup->typlen[att] == -1)
	{
		Datum		flat = PointerGetDatum(PG_DETOAST_DATUM_COPY(*acc));

		pfree(DatumGetPointer(*acc));
		*acc = flat;
	}
	*accnull = false;
}

/* The value of an integer input of any width. */
static int64
int_input(Oid type, Datum value)
{
	return type == INT2OID ? DatumGetInt16(value) : DatumGetInt32(value);
}

/* Add or subtract a numeric; a NaN or infinity makes the sum one. */
static void
add_numeric(Oid type, Datum *acc, Datum value, int sign)
{
	Datum		term = type == INT8OID ?
		DirectFunctionCall1(int8_numeric, value) : value;
	PGFunction	op = sign > 0 ? numeric_add : numeric_sub;

	replace_datum(acc, DirectFunctionCall2(op, *acc, term));
}

/* Count the scale of a numeric in the histogram; NaN and infinity have none. */
static void
add_scale(Datum *acc, Datum value, int sign)
{
	Numeric		num = DatumGetNumeric(value);
	int			digits;
	char	   *text;

	if (numeric_is_nan(num) || numeric_is_inf(num))
		return;
	digits = FO_SCALE_DIGITS *
		DatumGetInt32(DirectFunctionCall1(numeric_scale, value));
	text = palloc(digits + 2);
	text[		0] = '1';

	memset(text +1, '0', digits);
	text[		digits + 1] = '\0';

	add_numeric(NUMERICOID, acc,
				DirectFunctionCall3(numeric_in, CStringGetDatum(text),
									ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1)), sign);
	pfree(text);
}

/* Is the removal of this value something that a subtraction cannot undo? */
static bool
loses(Oid type, Datum value)
{
	if (type != NUMERICOID)
		return true;
	return numeric_is_nan(DatumGetNumeric(value)) ||
		numeric_is_inf(DatumGetNumeric(value));
}

/* Add a float to a sum; removals only count as lost. */
static void
add_float(Oid type, Datum *acc, Datum value, int sign)
{
	if (sign > 0)
		*acc = Float8GetDatum(DatumGetFloat8(*acc) +
							  (type == FLOAT4OID ? DatumGetFloat4(value) :
							   DatumGetFloat8(value)));
}

/*
 * Feed a non-null input value into a partial column (sign 1), or take it out
 * (sign -1).  By-reference results are allocated in the current context, which
 * must be that of the delta.
 */
void
fo_rollup_add_input(FoRollup *rollup, int column, Datum *acc, bool *accnull,
					Datum value, int sign)
{
	FoColumn   *col = &rollup->layout->columns[column];
	Oid			type = col->input < 0 ? InvalidOid :
		rollup->layout->inputs[col->input].type;

	switch (col->kind)
	{
		case FO_COL_COUNT:
			add_int(acc, sign);
			break;
		case FO_COL_TRUE:
			add_int(acc, DatumGetBool(value) ? sign : 0);
			break;
		case FO_COL_FALSE:
			add_int(acc, DatumGetBool(value) ? 0 : sign);
			break;
		case FO_COL_SUM_INT:
			add_int(acc, sign * int_input(type, value));
			break;
		case FO_COL_SUM_NUMERIC:
			if (type == INT8OID || sign > 0 || !loses(type, value))
				add_numeric(type, acc, value, sign);
			break;
		case FO_COL_SCALES:
			add_scale(acc, value, sign);
			break;
		case FO_COL_SUM_FLOAT:
			add_float(type, acc, value, sign);
			break;
		case FO_COL_SUM_INTERVAL:
			replace_datum(acc, DirectFunctionCall2(sign > 0 ? interval_pl :
												   interval_mi, *acc, value));
			break;
		case FO_COL_LOST:
			if (sign < 0 && loses(type, value))
				add_int(acc, 1);
			break;
		case FO_COL_BEST:
			if (sign > 0)
				keep_better(rollup, column, acc, accnull, value);
			break;
		case FO_COL_GONE:
			if (sign < 0)
				keep_better(rollup, column, acc, accnull, value);
			break;
	}
}

/* Set the partial columns of a delta to "nothing happened". */
void
fo_rollup_init_partials(FoRollup *rollup, Datum *values, bool *nulls)
{
	FoLayout   *layout = rollup->layout;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		int			att = layout->ngroups + i;

		nulls[att] = false;
		switch (layout->columns[i].kind)
		{
			case FO_COL_SUM_NUMERIC:
			case FO_COL_SCALES:
				values[att] = DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
				break;
			case FO_COL_SUM_FLOAT:
				values[att] = Float8GetDatum(0);
				break;
			case FO_COL_SUM_INTERVAL:
				values[att] = PointerGetDatum(palloc0(sizeof(Interval)));
				break;
			case FO_COL_BEST:
			case FO_COL_GONE:
				values[att] = (Datum) 0;
				nulls[att] = true;
				break;
			default:
				values[att] = Int64GetDatum(0);
				break;
		}
	}
}

/*
 * Combine another partial row of the same group into values/nulls (arrays over
 * all columns of the data table).  Memory as in fo_rollup_add_input.
 */
void
fo_rollup_combine(FoRollup *rollup, Datum *values, bool *nulls,
				  const Datum *more, const bool *morenulls)
{
	FoLayout   *layout = rollup->layout;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		int			att = layout->ngroups + i;

		if (morenulls[att])
			continue;
		switch (layout->columns[i].kind)
		{
			case FO_COL_SUM_NUMERIC:
			case FO_COL_SCALES:
				add_numeric(NUMERICOID, &values[att], more[att], 1);
				break;
			case FO_COL_SUM_FLOAT:
				add_float(FLOAT8OID, &values[att], more[att], 1);
				break;
			case FO_COL_SUM_INTERVAL:
				replace_datum(&values[att],
							  DirectFunctionCall2(interval_pl, values[att],
												  more[att]));
				break;
			case FO_COL_BEST:
			case FO_COL_GONE:
				keep_better(rollup, i, &values[att], &nulls[att], more[att]);
				break;
			default:
				add_int(&values[att], DatumGetInt64(more[att]));
				break;
		}
	}
}
