/*
 * slow_plan.c
 *		slow_query_plan(): how the server would now run a query that it has run before, or
 *		with capture how it did, see slow_capture.c.
 *
 * The text is that of the normal form, so the plan is a generic one.  Planning may call
 * functions that the query's author made, so it is done as the role that ran the query,
 * within a security-restricted operation: a superuser who looks runs nothing of theirs.
 * And as names are looked up in the caller's search_path, the caller must be someone who
 * could become that role anyway.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "base/compat_executor.h"
#include "base/compat_query.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(fo_slow_query_plan);

/* Raise that the watch does not know a query. */
static void
raise_unknown(uint64 id, Oid role)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("no query " INT64_FORMAT " of role %u is known here", (int64) id, role),
			 errhint("Take queryid and role from filteropt.slow_query.")));
}

/* The text of a query, or an error. */
static char *
text_of(uint64 id, Oid role)
{
	int			slot = fo_watch_add(id, role, NULL, 0, false);
	LWLock	   *lock;
	FoWatchEntry *entry;
	char	   *text = NULL;
	bool		truncated = false;

	if (slot >= 0)
	{
		char	   *copy = palloc(fo_watch_text_bytes + 1);

		entry = fo_watch_entry(slot, LW_SHARED, &lock);
		if (entry->id == id && entry->role == role && entry->database == MyDatabaseId)
		{
			memcpy(copy, entry->query_text, entry->len);
			copy[entry->len] = '\0';
			truncated = entry->truncated;
			text = copy;
		}
		LWLockRelease(lock);
	}
	if (text == NULL)
		raise_unknown(id, role);
	if (truncated)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the text of the query was cut off"),
				 errhint("Raise filteropt.advisor_text_size and restart the server.")));
	return text;
}

/* Parameters that are all null: the plan does not depend on them. */
static ParamListInfo
null_parameters(const Oid *type, int count)
{
	ParamListInfo params = makeParamList(count);

	for (int i = 0; i < count; i++)
	{
		params->params[i].value = (Datum) 0;
		params->params[i].isnull = true;
		params->params[i].pflags = 0;
		params->params[i].ptype = type[i];
	}
	return params;
}

/* Plan a text and write the plan as EXPLAIN does. */
static char *
explain(const char *text)
{
	List	   *raw = pg_parse_query(text);
	Oid		   *type = NULL;
	int			ntypes = 0;
	Query	   *query;
	List	   *rewritten;
	QueryDesc  *desc;
	ExplainState *es = NewExplainState();

	if (list_length(raw) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("the text is not one statement")));
	query = fo_parse_analyze_varparams(linitial_node(RawStmt, raw), text, &type, &ntypes);
	rewritten = pg_rewrite_query(query);
	if (list_length(rewritten) != 1 || query->commandType == CMD_UTILITY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement has no single plan")));
	desc = CreateQueryDesc(pg_plan_query(linitial_node(Query, rewritten), text,
										 CURSOR_OPT_PARALLEL_OK, NULL),
						   text, GetActiveSnapshot(), InvalidSnapshot, None_Receiver,
						   null_parameters(type, ntypes), NULL, 0);
	ExecutorStart(desc, FO_EXPLAIN_GENERIC);
	ExplainBeginOutput(es);
	ExplainPrintPlan(es, desc);
	ExplainEndOutput(es);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	return es->str->data;
}

/* The generic plan of a query, planned as its role. */
static text *
generic_plan(uint64 id, Oid role)
{
	char	   *query;
	char	   *plan;
	Oid			caller;
	int			context;
	int			nest;

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)) ||
		!has_privs_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of the role that ran the query")));
	fo_watch_flush();
	query = text_of(id, role);

	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(role, context | SECURITY_RESTRICTED_OPERATION);
	nest = NewGUCNestLevel();
	plan = explain(query);
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(caller, context);
	return cstring_to_text(plan);
}

/* The plan of a slow execution, or NULL; the next one's is asked for. */
static char *
captured_plan(uint64 id, Oid role)
{
	if (!fo_watch_may_read(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be the role that runs the query or a member of pg_read_all_stats")));
	fo_watch_flush();
	/* the plan may be there still when the query had to give way to others */
	if (fo_watch_add(id, role, NULL, 0, false) < 0 && !fo_capture_knows(id, role))
		raise_unknown(id, role);
	return fo_capture_ask(id, role);
}

/* slow_query_plan(queryid bigint, role oid, capture boolean) returns text */
Datum
fo_slow_query_plan(PG_FUNCTION_ARGS)
{
	uint64		id = (uint64) PG_GETARG_INT64(0);
	Oid			role = PG_GETARG_OID(1);
	char	   *captured;

	fo_watch_require();
	if (!PG_GETARG_BOOL(2))
		PG_RETURN_TEXT_P(generic_plan(id, role));
	captured = captured_plan(id, role);
	if (captured == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(captured));
}
