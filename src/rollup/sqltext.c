/*
 * sqltext.c
 *		SQL text made from a rollup's layout: the query that computes partial rows
 *		from the base table, and the one that reads them.
 *
 * The text is parsed again right away, under search_path = pg_catalog (which
 * deparse_expression respects), so names are bound once and safely.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "rollup/sqltext.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

/* The base table's name, schema and all. */
static const char *
base_name(const FoLayout *layout)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(layout->base)),
									  get_rel_name(layout->base));
}

/* An expression over the base table, whose alias is b. */
static char *
expression(const FoLayout *layout, Node *node)
{
	List	   *context = deparse_context_for("b", layout->base);

	return deparse_expression(copyObject(node), context, true, false);
}

/* A type as it stands in a cast or a column definition. */
char *
fo_rollup_type_sql(Oid type, int32 typmod, Oid collation)
{
	char	   *name = format_type_extended(type, typmod,
											FORMAT_TYPE_TYPEMOD_GIVEN |
											FORMAT_TYPE_FORCE_QUALIFY);

	if (!OidIsValid(collation) || collation == get_typcollation(type))
		return name;
	return psprintf("%s COLLATE %s", name, generate_collation_name(collation));
}

/* "a = b" with the type's own equality operator, wherever it lives. */
static char *
equality(Oid type, const char *a, const char *b)
{
	Oid			op = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	Oid			function = get_opcode(op);

	return psprintf("(%s) OPERATOR(%s.%s) %s", a,
					quote_identifier(get_namespace_name(get_func_namespace(function))),
					get_opname(op), b);
}

/* The FILTER clause of an input, or nothing. */
static const char *
filter_clause(const FoLayout *layout, const FoInput *input)
{
	if (input->filter == NULL)
		return "";
	return psprintf(" FILTER (WHERE %s)",
					expression(layout, (Node *) input->filter));
}

/* Append how a partial column is computed from base rows. */
static void
append_partial(StringInfo buf, const FoLayout *layout, const FoColumn *column)
{
	const FoInput *input;
	const char *arg;
	const char *filter;

	if (column->input < 0)
	{
		appendStringInfoString(buf, "count(*)");
		return;
	}
	input = &layout->inputs[column->input];
	arg = input->arg ? expression(layout, (Node *) input->arg) : "*";
	filter = filter_clause(layout, input);
	switch (column->kind)
	{
		case FO_COL_COUNT:
			appendStringInfo(buf, "count(%s)%s", arg, filter);
			break;
		case FO_COL_TRUE:
			appendStringInfo(buf, "count(CASE WHEN %s THEN 1 END)%s", arg, filter);
			break;
		case FO_COL_FALSE:
			appendStringInfo(buf, "count(CASE WHEN NOT (%s) THEN 1 END)%s", arg,
							 filter);
			break;
		case FO_COL_SUM_NUMERIC:
			appendStringInfo(buf, "coalesce(sum((%s)::numeric)%s, 0)", arg, filter);
			break;
		case FO_COL_SCALES:
			appendStringInfo(buf, "coalesce(sum(('1' || repeat('0', %d * scale(%s)))::numeric)"
							 "%s, 0)",
							 FO_SCALE_DIGITS, arg, filter);
			break;
		case FO_COL_SUM_FLOAT:
			appendStringInfo(buf, "coalesce(sum((%s)::float8)%s, 0)", arg, filter);
			break;
		case FO_COL_SUM_INT:
		case FO_COL_SUM_INTERVAL:
			appendStringInfo(buf, "coalesce(sum(%s)%s, '0')", arg, filter);
			break;
		case FO_COL_LOST:
			appendStringInfoString(buf, "0::bigint");
			break;
		case FO_COL_BEST:
			appendStringInfo(buf, "%s(%s)%s", column->aggname, arg, filter);
			break;
		case FO_COL_GONE:
			appendStringInfo(buf, "NULL::%s",
							 format_type_extended(column->type, -1,
												  FORMAT_TYPE_FORCE_QUALIFY));
			break;
	}
}

/*
 * The query that computes partial rows from the base table.  With "nulls", only
 * the one group whose values are the parameters $1, $2, ...; a null value is
 * told by nulls[].
 */
char *
fo_rollup_partials_sql(const FoLayout *layout, const bool *nulls)
{
	StringInfoData buf;
	const char *glue = " WHERE ";

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = 0; i < layout->ngroups; i++)
		appendStringInfo(&buf, "%s, ", expression(layout, layout->groups[i]));
	for (int i = 0; i < layout->ncolumns; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, ", ");
		append_partial(&buf, layout, &layout->columns[i]);
	}
	appendStringInfo(&buf, " FROM %s b", base_name(layout));
	if (layout->where)
	{
		appendStringInfo(&buf, " WHERE (%s)", expression(layout, layout->where));
		glue = " AND ";
	}
	for (int i = 0; nulls && i < layout->ngroups; i++)
	{
		char	   *group = expression(layout, layout->groups[i]);

		if (nulls[i])
			appendStringInfo(&buf, "%s(%s) IS NULL", glue, group);
		else
			appendStringInfo(&buf, "%s%s", glue,
							 equality(exprType(layout->groups[i]), group,
									  psprintf("$%d", i + 1)));
		glue = " AND ";
	}
	for (int i = 0; i < layout->ngroups; i++)
		appendStringInfo(&buf, "%s%d", i == 0 ? " GROUP BY " : ", ", i + 1);
	return buf.data;
}

/* The sum over the partial rows of a column that adds up. */
static char *
total(const FoLayout *layout, int column)
{
	const char *name = fo_rollup_column_name(layout, layout->ngroups + column);

	if (layout->columns[column].kind == FO_COL_SUM_NUMERIC ||
		layout->columns[column].kind == FO_COL_SCALES ||
		layout->columns[column].kind == FO_COL_SUM_FLOAT ||
		layout->columns[column].kind == FO_COL_SUM_INTERVAL)
		return psprintf("sum(d.%s)", name);
	return psprintf("filteropt.rollup_add(d.%s)", name);
}

/* The aggregate computed from the base rows of the group of d. */
static char *
from_base(const FoLayout *layout, const FoAgg *agg)
{
	StringInfoData buf;
	const char *glue = " WHERE ";

	initStringInfo(&buf);
	appendStringInfo(&buf, "(SELECT %s FROM %s b",
					 expression(layout, (Node *) agg->ref), base_name(layout));
	if (layout->where)
	{
		appendStringInfo(&buf, " WHERE (%s)", expression(layout, layout->where));
		glue = " AND ";
	}
	for (int i = 0; i < layout->ngroups; i++)
	{
		char	   *group = expression(layout, layout->groups[i]);
		char	   *value = psprintf("d.g%d", i + 1);

		appendStringInfo(&buf, "%s(%s OR ((%s) IS NULL AND %s IS NULL))", glue,
						 equality(exprType(layout->groups[i]), group, value),
						 group, value);
		glue = " AND ";
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* The value of sum or avg once it is known that some input was not null. */
static char *
sum_or_average(const FoLayout *layout, const FoAgg *agg)
{
	FoColumnKind kind = layout->columns[agg->main].kind;
	char	   *sum = total(layout, agg->main);
	char	   *count = total(layout, agg->count);

	if (agg->scales >= 0)
		sum = psprintf("round(%s, (length(%s::text) - 1) / %d)", sum,
					   total(layout, agg->scales), FO_SCALE_DIGITS);
	if (agg->kind == FO_AGG_SUM)
		return sum;
	if (kind == FO_COL_SUM_FLOAT || kind == FO_COL_SUM_INTERVAL)
		return psprintf("%s / %s::float8", sum, count);
	return psprintf("%s::numeric / %s::numeric", sum, count);
}

/* Append the expression that yields a sum or an average. */
static void
append_sum(StringInfo buf, const FoLayout *layout, const FoAgg *agg)
{
	appendStringInfoString(buf, "CASE");
	if (agg->doubt >= 0)
		appendStringInfo(buf, " WHEN %s > 0 THEN %s", total(layout, agg->doubt),
						 from_base(layout, agg));
	appendStringInfo(buf, " WHEN %s > 0 THEN %s END", total(layout, agg->count),
					 sum_or_average(layout, agg));
}

/* Append the expression that yields min or max. */
static void
append_extreme(StringInfo buf, const FoLayout *layout, const FoAgg *agg)
{
	const FoColumn *column = &layout->columns[agg->main];
	char	   *best = psprintf("%s(d.%s)", column->aggname,
								fo_rollup_column_name(layout, layout->ngroups + agg->main));
	char	   *gone = psprintf("%s(d.%s)", column->aggname,
								fo_rollup_column_name(layout, layout->ngroups + agg->doubt));

	appendStringInfo(buf, "CASE WHEN %s IS NULL OR %s OPERATOR(pg_catalog.%s) %s"
					 " THEN %s ELSE %s END",
					 gone, best, get_opname(column->better), gone, best,
					 from_base(layout, agg));
}

/* Append the expression that yields the aggregate from the partial rows d. */
static void
append_final(StringInfo buf, const FoLayout *layout, const FoAgg *agg)
{
	char	   *main = total(layout, agg->main);

	appendStringInfoString(buf, "(");
	switch (agg->kind)
	{
		case FO_AGG_COUNT:
			if (layout->ngroups == 0)
				appendStringInfo(buf, "coalesce(%s, 0)", main);
			else
				appendStringInfoString(buf, main);
			break;
		case FO_AGG_SUM:
		case FO_AGG_AVG:
			if (agg->count == 0 && layout->ngroups > 0 && agg->doubt < 0)
				appendStringInfoString(buf, sum_or_average(layout, agg));
			else
				append_sum(buf, layout, agg);
			break;
		case FO_AGG_EXTREME:
			append_extreme(buf, layout, agg);
			break;
		case FO_AGG_BOOL_AND:
			appendStringInfo(buf, "CASE WHEN %s > 0 THEN false WHEN %s > 0 THEN true END",
							 total(layout, agg->count), main);
			break;
		case FO_AGG_BOOL_OR:
			appendStringInfo(buf, "CASE WHEN %s > 0 THEN true WHEN %s > 0 THEN false END",
							 main, total(layout, agg->count));
			break;
	}
	appendStringInfo(buf, ")::%s",
					 format_type_extended(agg->ref->aggtype, -1,
										  FORMAT_TYPE_FORCE_QUALIFY));
}

/* The query over the data table: groups g1, g2, ... and one column per aggregate. */
char *
fo_rollup_reading_sql(const FoLayout *layout, const char *data)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = 0; i < layout->ngroups; i++)
		appendStringInfo(&buf, "d.g%d, ", i + 1);
	for (int i = 0; i < layout->naggs; i++)
	{
		append_final(&buf, layout, &layout->aggs[i]);
		appendStringInfoString(&buf, ", ");
	}
	appendStringInfo(&buf, "1 FROM %s d", data);
	for (int i = 0; i < layout->ngroups; i++)
		appendStringInfo(&buf, "%sd.g%d", i == 0 ? " GROUP BY " : ", ", i + 1);
	if (layout->ngroups > 0)
		appendStringInfoString(&buf, " HAVING filteropt.rollup_add(d.n) > 0");
	return buf.data;
}

/* The column definitions of the data table. */
char *
fo_rollup_columns_sql(const FoLayout *layout)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < layout->ngroups; i++)
		appendStringInfo(&buf, "g%d %s, ", i + 1,
						 fo_rollup_type_sql(exprType(layout->groups[i]),
											exprTypmod(layout->groups[i]),
											exprCollation(layout->groups[i])));
	for (int i = 0; i < layout->ncolumns; i++)
	{
		const FoColumn *column = &layout->columns[i];

		appendStringInfo(&buf, "%s%s %s%s", i == 0 ? "" : ", ",
						 fo_rollup_column_name(layout, layout->ngroups + i),
						 fo_rollup_type_sql(column->type, column->typmod,
											column->collation),
						 column->kind == FO_COL_BEST || column->kind == FO_COL_GONE ?
						 "" : " NOT NULL");
	}
	return buf.data;
}
