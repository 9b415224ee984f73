/*
 * fields.c
 *		The chosen columns of a row as JSON.
 *
 * A row that is passed to a function is put together first, and all its columns
 * are detoasted for that, wanted or not.  So the planner rewrites the call: where
 * the list of names is known when planning (a literal, or a parameter of a plan
 * made for its values) and the row is that of a relation in FROM,
 *		fields(t, '{id,title}')  becomes  fields_of('{id,title}', t.id, t.title)
 * which reads these two columns alone.  A row that an outer join or a grouping set may
 * leave out, or that RETURNING has no old or new version of, is null as a whole; its
 * columns would be an object of nulls.  Such calls are left as they are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "api/json_value.h"

PG_FUNCTION_INFO_V1(fo_api_fields);
PG_FUNCTION_INFO_V1(fo_api_fields_of);
PG_FUNCTION_INFO_V1(fo_api_fields_support);

/* What a call site remembers: which columns, and how they become JSON. */
typedef struct Chosen
{
	Oid			type;			/* of the row */
	int32		typmod;
	ArrayType  *wanted;			/* a copy; NULL: all columns */
	int			count;
	char	  **names;
	int		   *columns;
	FoJsonType *json;
} Chosen;

/* The names in a list; an error if one is null. */
static char **
wanted_names(ArrayType *wanted, int *count)
{
	Datum	   *datums;
	bool	   *nulls;
	char	  **names;

	deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT, &datums, &nulls, count);
	names = palloc(sizeof(char *) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("entry %d of the wanted fields is null", i + 1)));
		names[i] = TextDatumGetCString(datums[i]);
	}
	return names;
}

/* The number of a row's column, from 0 on. */
static int
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of the row does not exist", name),
			 errhint("Rows of a subquery have the columns that it selects.")));
}

/* Find out which columns are wanted of rows of a type, in the call site's memory. */
static Chosen *
choose(FunctionCallInfo fcinfo, TupleDesc desc, ArrayType *wanted)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	Chosen	   *chosen = palloc0(sizeof(Chosen));

	chosen->type = desc->tdtypeid;
	chosen->typmod = desc->tdtypmod;
	chosen->columns = palloc(sizeof(int) * Max(desc->natts, 1));
	if (wanted != NULL)
	{
		chosen->wanted = (ArrayType *) DatumGetPointer(datumCopy(PointerGetDatum(wanted),
																 false, -1));
		chosen->names = wanted_names(wanted, &chosen->count);
		chosen->columns = palloc(sizeof(int) * Max(chosen->count, 1));
		for (int i = 0; i < chosen->count; i++)
			chosen->columns[i] = find_column(desc, chosen->names[i]);
	}
	else
	{
		chosen->names = palloc(sizeof(char *) * Max(desc->natts, 1));
		for (int i = 0; i < desc->natts; i++)
		{
			if (TupleDescAttr(desc, i)->attisdropped)
				continue;
			chosen->names[chosen->count] = pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
			chosen->columns[chosen->count++] = i;
		}
	}
	chosen->json = palloc0(sizeof(FoJsonType) * Max(chosen->count, 1));
	for (int i = 0; i < chosen->count; i++)
		fo_json_type(&chosen->json[i], TupleDescAttr(desc, chosen->columns[i])->atttypid);
	MemoryContextSwitchTo(old);
	return chosen;
}

/* Is what the call site remembers right for this call? */
static bool
still_right(const Chosen *chosen, Oid type, int32 typmod, ArrayType *wanted)
{
	if (chosen == NULL || chosen->type != type || chosen->typmod != typmod ||
		(chosen->wanted == NULL) != (wanted == NULL))
		return false;
	return wanted == NULL || (VARSIZE(wanted) == VARSIZE(chosen->wanted) &&
							  memcmp(wanted, chosen->wanted, VARSIZE(wanted)) == 0);
}

/* Make an object of the chosen values. */
static Datum
make_object(const Chosen *chosen, const Datum *values, const bool *nulls)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < chosen->count; i++)
	{
		int			column = chosen->columns[i];

		fo_json_push_key(&state, chosen->names[i]);
		fo_json_push(&state, WJB_VALUE, &chosen->json[i], values[column], nulls[column]);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* fields(row, wanted) */
Datum
fo_api_fields(PG_FUNCTION_ARGS)
{
	Oid			argument = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Chosen	   *chosen = (Chosen *) fcinfo->flinfo->fn_extra;
	ArrayType  *wanted = PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1);
	HeapTupleHeader row;
	HeapTupleData tuple;
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;

	if (!type_is_rowtype(argument))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a value of type %s has no fields", format_type_be(argument)),
				 errhint("Pass the alias of a table in FROM, or a jsonb document.")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	if (!still_right(chosen, desc->tdtypeid, desc->tdtypmod, wanted))
		fcinfo->flinfo->fn_extra = chosen = choose(fcinfo, desc, wanted);
	values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	tuple = (HeapTupleData) {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(make_object(chosen, values, nulls));
}

/* Names and types of a call of fields_of(), found once. */
static Chosen *
choose_arguments(FunctionCallInfo fcinfo)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	Chosen	   *chosen = palloc0(sizeof(Chosen));

	if (get_fn_expr_variadic(fcinfo->flinfo) || PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fields_of() takes names and as many values")));
	chosen->wanted = PG_GETARG_ARRAYTYPE_P_COPY(0);
	chosen->names = wanted_names(chosen->wanted, &chosen->count);
	if (chosen->count != PG_NARGS() - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d names are given for %d values", chosen->count, PG_NARGS() - 1)));
	chosen->columns = palloc(sizeof(int) * Max(chosen->count, 1));
	chosen->json = palloc0(sizeof(FoJsonType) * Max(chosen->count, 1));
	for (int i = 0; i < chosen->count; i++)
	{
		chosen->columns[i] = i;
		fo_json_type(&chosen->json[i], get_fn_expr_argtype(fcinfo->flinfo, i + 1));
	}
	MemoryContextSwitchTo(old);
	return chosen;
}

/* fields_of(names, VARIADIC values) */
Datum
fo_api_fields_of(PG_FUNCTION_ARGS)
{
	Chosen	   *chosen = (Chosen *) fcinfo->flinfo->fn_extra;
	Datum	   *values;
	bool	   *nulls;

	if (chosen == NULL || PG_ARGISNULL(0) ||
		!still_right(chosen, chosen->type, chosen->typmod, PG_GETARG_ARRAYTYPE_P(0)))
		fcinfo->flinfo->fn_extra = chosen = choose_arguments(fcinfo);
	values = palloc(sizeof(Datum) * Max(chosen->count, 1));
	nulls = palloc(sizeof(bool) * Max(chosen->count, 1));
	for (int i = 0; i < chosen->count; i++)
	{
		values[i] = PG_GETARG_DATUM(i + 1);
		nulls[i] = PG_ARGISNULL(i + 1);
	}
	PG_RETURN_DATUM(make_object(chosen, values, nulls));
}

/* Can a join leave a relation's row out of the result of the query? */
static bool
has_outer_join(Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = (RangeTblEntry *) lfirst(cell);

		if (rte->rtekind == RTE_JOIN && IS_OUTER_JOIN(rte->jointype))
			return true;
	}
	return false;
}

/* A column of the relation or subquery that a whole-row variable is of, or NULL. */
static Node *
column_of_variable(PlannerInfo *root, Var *whole, const char *name)
{
	RangeTblEntry *rte = rt_fetch(whole->varno, root->parse->rtable);
	Var		   *column = copyObject(whole);
	ListCell   *cell;

	if (rte->rtekind == RTE_RELATION)
	{
		column->varattno = get_attnum(rte->relid, name);
		if (column->varattno <= 0)
			return NULL;
		get_atttypetypmodcoll(rte->relid, column->varattno, &column->vartype,
							  &column->vartypmod, &column->varcollid);
		column->varattnosyn = column->varattno;
		return (Node *) column;
	}
	foreach(cell, rte->subquery->targetList)
	{
		TargetEntry *entry = (TargetEntry *) lfirst(cell);

		if (entry->resjunk ||
			strcmp(strVal(list_nth(rte->eref->colnames, entry->resno - 1)), name) != 0)
			continue;
		column->varattno = column->varattnosyn = entry->resno;
		column->vartype = exprType((Node *) entry->expr);
		column->vartypmod = exprTypmod((Node *) entry->expr);
		column->varcollid = exprCollation((Node *) entry->expr);
		return (Node *) column;
	}
	return NULL;
}

/* A column of ROW(...), or NULL. */
static Node *
column_of_row(RowExpr *row, const char *name)
{
	ListCell   *arg;
	ListCell   *colname;

	forboth(arg, row->args, colname, row->colnames)
	{
		if (strcmp(strVal(lfirst(colname)), name) == 0)
			return (Node *) lfirst(arg);
	}
	return NULL;
}

/* Can the columns of this expression stand for it? */
static bool
is_plain_row(PlannerInfo *root, Node *row)
{
	Var		   *var = (Var *) row;
	RangeTblEntry *rte;

	if (IsA(row, RowExpr))
		return true;
	if (!IsA(row, Var) || var->varattno != 0 || var->varlevelsup != 0 ||
		var->varno == root->parse->resultRelation || root->parse->groupingSets != NIL ||
		has_outer_join(root->parse))
		return false;
	rte = rt_fetch(var->varno, root->parse->rtable);
	return rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY;
}

/* Rewrite fields(row, wanted), or return NULL. */
static Node *
rewrite(PlannerInfo *root, FuncExpr *call)
{
	Node	   *row = linitial(call->args);
	Const	   *wanted = lsecond(call->args);
	Oid			argtypes[2] = {TEXTARRAYOID, ANYOID};
	List	   *args = list_make1(wanted);
	char	  **names;
	int			count;
	Oid			fields_of;

	if (!IsA(wanted, Const) || wanted->constisnull || !is_plain_row(root, row) ||
		array_contains_nulls(DatumGetArrayTypeP(wanted->constvalue)))
		return NULL;
	names = wanted_names(DatumGetArrayTypeP(wanted->constvalue), &count);
	fields_of = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
								CStringGetDatum("fields_of"),
								PointerGetDatum(buildoidvector(argtypes, 2)),
								ObjectIdGetDatum(get_func_namespace(call->funcid)));
	if (!OidIsValid(fields_of) || count == 0 || count >= FUNC_MAX_ARGS)
		return NULL;
	for (int i = 0; i < count; i++)
	{
		Node	   *column = IsA(row, Var) ? column_of_variable(root, (Var *) row, names[i]) :
			column_of_row((RowExpr *) row, names[i]);

		if (column == NULL)
			return NULL;		/* fields() will complain */
		args = lappend(args, copyObject(column));
	}
	return (Node *) makeFuncExpr(fields_of, JSONBOID, args, InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* Planner support function of fields(row, wanted). */
Datum
fo_api_fields_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestSimplify) && request->root != NULL)
		result = rewrite(request->root, request->fcall);
	PG_RETURN_POINTER(result);
}
