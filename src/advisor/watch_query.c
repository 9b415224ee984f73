/*
 * watch_query.c
 *		What a backend knows of each query it runs: where its keys are, from parse
 *		analysis, and what its executions cost, until shared memory is told.
 *
 * Queries are told apart by the server's query identifier.  A prepared statement is
 * analysed once and run often, so what analysis told must be kept: here, for some 250
 * queries, in sets of four, of which the least lately used goes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "advisor/watch.h"
#include "base/compat.h"
#include "miscadmin.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "parser/parser.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define SETS 64
#define WAYS 4

/* Shared memory is told of so many executions together, or of one that took so long. */
#define CALLS_TOLD	64
#define TOLD_AT_ONCE_US 500

/* Share of the queries run once and fast that shared memory is told of all the same. */
#define ONCE_SHARE (1.0 / 16)

/* No more of a text is looked at. */
#define MAX_SOURCE 65536

static FoWatchQuery *set[SETS];
static FoWatchQuery *latest = NULL;
static uint64 clock_tick = 0;

/* Tell shared memory of what a query has cost. */
static void
tell(FoWatchQuery *query)
{
	if (query->pending.calls == 0)
		return;
	if (query->slot < 0)
		query->slot = fo_watch_add(query->id, query->role, NULL, 0, false);
	if (query->slot >= 0 && !fo_watch_tell(query->slot, query))
		query->slot = -1;
	memset(&query->pending, 0, sizeof(query->pending));
	memset(query->histogram, 0, sizeof(query->histogram));
}

/* What is known of a query; made if need be. */
FoWatchQuery *
fo_watch_query(uint64 id)
{
	int			number = (int) ((id ^ id >> 32) % SETS);
	FoWatchQuery *victim = set[number];

	if (latest != NULL && latest->id == id)
		return latest;
	if (victim == NULL)
	{
		victim = MemoryContextAllocZero(TopMemoryContext, sizeof(FoWatchQuery) * WAYS);
		set[number] = victim;
	}
	for (int i = 0; i < WAYS; i++)
	{
		FoWatchQuery *query = &set[number][i];

		if (query->id == id)
		{
			query->used = ++clock_tick;
			latest = query;
			return query;
		}
		if (query->used < victim->used)
			victim = query;
	}
	tell(victim);
	memset(victim, 0, sizeof(*victim));
	victim->id = id;
	victim->used = ++clock_tick;
	victim->slot = -1;
	latest = victim;
	return victim;
}

/* Tell shared memory of everything. */
void
fo_watch_flush(void)
{
	for (int i = 0; i < SETS * WAYS; i++)
		if (set[i / WAYS] != NULL)
			tell(&set[i / WAYS][i % WAYS]);
}

/* What the walk over a query carries along. */
typedef struct Walk
{
	FoWatchQuery *known;
	const char *text;
	Query	   *top;
	Query	   *query;			/* that the walk is in */
} Walk;

/* Can the query take many keys at once and still return, for each, the rows that it did? */
static bool
is_plain(const Query *query)
{
	return query->commandType == CMD_SELECT && !query->hasAggs && !query->hasWindowFuncs &&
		!query->hasTargetSRFs && !query->hasModifyingCTE && query->groupClause == NIL &&
		query->groupingSets == NIL && query->havingQual == NULL &&
		query->distinctClause == NIL && query->setOperations == NULL &&
		query->limitCount == NULL && query->limitOffset == NULL && query->rowMarks == NIL &&
		query->cteList == NIL;
}

/* Is a column in the result of a query as it is? */
static bool
in_output(const Query *query, const Var *column)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) entry->expr;

		if (!entry->resjunk && IsA(var, Var) && var->varno == column->varno &&
			var->varattno == column->varattno && var->varlevelsup == 0)
			return true;
	}
	return false;
}

/* Is an expression one of the conditions that a query's WHERE has joined by AND? */
static bool
is_condition(const Query *query, const OpExpr *op)
{
	Node	   *quals = query->jointree ? query->jointree->quals : NULL;

	if (quals != NULL && IsA(quals, BoolExpr) && ((BoolExpr *) quals)->boolop == AND_EXPR)
		return list_member_ptr(((BoolExpr *) quals)->args, op);
	return quals == (const Node *) op;
}

static Node *
strip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Note a comparison of a column of a table with a parameter or constant. */
static void
note_key(Walk *walk, const OpExpr *op, const Var *column, Node *value, bool column_first)
{
	FoWatchQuery *known = walk->known;
	FoWatchKey *key = &known->key[known->nkeys];
	RangeTblEntry *rte;

	if (walk->query == NULL || known->nkeys >= FO_LOOP_KEYS || column->varlevelsup > 0 ||
		column->varattno <= 0 || column->varno > list_length(walk->query->rtable))
		return;
	rte = rt_fetch(column->varno, walk->query->rtable);
	if (rte->rtekind == RTE_RELATION && rte->relid < FirstNormalObjectId)
		return;
	*key = (FoWatchKey)
	{
		.relation = rte->rtekind == RTE_RELATION ? rte->relid : InvalidOid,
			.attribute = column->varattno, .column_location = column->location
	};
	if (IsA(value, Param))
	{
		key->param = ((Param *) value)->paramid;
		key->location = ((Param *) value)->location;
		key->type = ((Param *) value)->paramtype;
	}
	else
	{
		Const	   *constant = (Const *) value;

		key->location = constant->location;
		key->type = constant->consttype;
		known->constant[known->nkeys] = constant->constisnull ? FO_LOOP_NONE :
			fo_watch_value(constant->consttype, constant->constvalue);
	}
	if (key->location < 0 || !fo_watch_is_key_type(key->type))
		return;
	key->any = column_first && walk->query == walk->top && is_plain(walk->top) &&
		is_condition(walk->top, op);
	key->in_output = walk->query == walk->top && in_output(walk->top, column);
	key->alone = key->any && walk->top->sortClause == NIL && OidIsValid(key->relation) &&
		walk->top->jointree->quals == (const Node *) op && list_length(walk->top->rtable) == 1;
	known->nkeys++;
}

/* Is an operator an equality?  Most queries ask of the same few. */
static bool
is_equality(const OpExpr *op)
{
	static Oid	known[8];
	Oid		   *slot = &known[op->opno % lengthof(known)];

	if (*slot != op->opno && op_mergejoinable(op->opno, exprType(linitial(op->args))))
		*slot = op->opno;
	return *slot == op->opno;
}

/* Note a comparison, if it is one that can find rows by a key. */
static void
note_comparison(Walk *walk, const OpExpr *op)
{
	Node	   *left = strip_relabel(linitial(op->args));
	Node	   *right = strip_relabel(lsecond(op->args));
	bool		column_first = IsA(left, Var);
	Node	   *value = column_first ? right : left;

	if (IsA(column_first ? left : right, Var) &&
		((IsA(value, Param) && ((Param *) value)->paramkind == PARAM_EXTERN) ||
		 IsA(value, Const)) &&
		is_equality(op))
		note_key(walk, op, (Var *) (column_first ? left : right), value, column_first);
}

/* Note a parameter that is a name in the text, as variables of PL/pgSQL are. */
static void
note_variable(Walk *walk, const Param *param)
{
	FoWatchQuery *known = walk->known;
	int			i = known->nvariables;

	if (param->paramkind != PARAM_EXTERN || param->location < 0 || i >= FO_WATCH_VARIABLES ||
		walk->text[param->location] == '$')
		return;
	for (; i > 0 && known->variable[i - 1] > param->location; i--)
	{
		known->variable[i] = known->variable[i - 1];
		known->variable_id[i] = known->variable_id[i - 1];
	}
	known->variable[i] = param->location;
	known->variable_id[i] = param->paramid;
	known->nvariables++;
}

static bool
walk_query(Node *node, void *context)
{
	Walk	   *walk = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *outer = walk->query;

		walk->query = (Query *) node;
		(void) query_tree_walker(walk->query, walk_query, context, 0);
		walk->query = outer;
		return false;
	}
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
		note_comparison(walk, (OpExpr *) node);
	else if (IsA(node, Param))
		note_variable(walk, (Param *) node);
	return expression_tree_walker(node, walk_query, context);
}

/* How often a parameter is used in what the walk has noted. */
static bool
used_twice(const FoWatchQuery *known, const FoWatchKey *key)
{
	int			times = 0;

	for (int i = 0; i < known->nkeys; i++)
		times += known->key[i].param == key->param;
	return key->param > 0 && times > 1;
}

/* Learn from the parse analysis of a query. */
void
fo_watch_parsed(ParseState *pstate, Query *query)
{
	FoWatchQuery *known = fo_watch_query((uint64) query->queryId);
	Walk		walk = {.known = known, .text = pstate->p_sourcetext, .top = query};

	known->text_len = pstate->p_sourcetext ? strlen(pstate->p_sourcetext) : 0;
	known->nkeys = 0;
	known->nvariables = 0;

	/*
	 * queries that lock rows stay as they are; so do the server's own for
	 * foreign keys
	 */
	if (pstate->p_sourcetext == NULL || query->rowMarks != NIL)
		return;
	(void) walk_query((Node *) query, &walk);
	for (int i = 0; i < known->nkeys; i++)
		known->key[i].any &= !used_twice(known, &known->key[i]);
}

/* The text of an executed query, ready to be normalised. */
void
fo_watch_source(FoWatchSource *source, const FoWatchQuery *query, QueryDesc *desc)
{
	int			location = Max(desc->plannedstmt->stmt_location, 0);
	const char *start = desc->sourceText + location;
	int			len = (int) strnlen(start, MAX_SOURCE);
	size_t		body_len;
	int			body;

	source->cut = len == MAX_SOURCE;
	if (desc->plannedstmt->stmt_len > 0 && desc->plannedstmt->stmt_len <= len)
	{
		len = desc->plannedstmt->stmt_len;
		source->cut = false;
	}
	/* the same query may have been analysed in another spelling */
	source->analysed = strlen(desc->sourceText) == query->text_len;
	body_len = (size_t) len;
	body = (int) fo_sql_body(start, &body_len);
	source->from = location + body;
	for (int i = 0; i < query->nvariables; i++)
	{
		source->variable[i] = query->variable[i] - source->from;
		source->variable_id[i] = query->variable_id[i];
	}
	source->sql = (FoSqlSource)
	{
		.text = start + body, .len = body_len, .key = -1,
			.backslash = !standard_conforming_strings,
			.variable = source->variable, .variable_id = source->variable_id,
			.nvariables = source->analysed ? query->nvariables : 0
	};
}

/* Put the normal form of an executed query into shared memory. */
static void
publish(FoWatchQuery *query, QueryDesc *desc)
{
	FoWatchSource source;
	FoSqlNormal result;
	char	   *out;
	int			len;

	query->slot = fo_watch_add(query->id, query->role, NULL, 0, false);
	if (query->slot >= 0)
		return;
	fo_watch_source(&source, query, desc);
	out = palloc(fo_watch_text_bytes);
	fo_sql_normalize(&source.sql, out, fo_watch_text_bytes, &result);
	len = (int) result.len;
	if (result.truncated)
		len = pg_mbcliplen(out, len, len);
	query->slot = fo_watch_add(query->id, query->role, out, len, result.truncated || source.cut);
	pfree(out);
}

/* Count an execution that a role began. */
void
fo_watch_account(FoWatchQuery *query, QueryDesc *desc, Oid role, const FoWatchCost *cost)
{
	FoWatchCost *pending = &query->pending;
	uint16	   *bucket = &query->histogram[fo_latency_bucket(cost->total)];

	if (query->role != role)
	{
		tell(query);
		query->role = role;
		query->slot = -1;
		query->executions = 0;
	}
	pending->calls++;
	pending->slow_calls += cost->slow_calls;
	pending->total += cost->total;
	pending->rows += cost->rows;
	pending->hit += cost->hit;
	pending->read += cost->read;
	pending->dirtied += cost->dirtied;
	pending->temp_read += cost->temp_read;
	pending->temp_written += cost->temp_written;
	*bucket += 1;

	/*
	 * what a session runs once and fast gets a place in shared memory by luck
	 * only
	 */
	if (query->slot < 0 &&
		(++query->executions > 1 || cost->total >= TOLD_AT_ONCE_US ||
		 FO_RANDOM_DOUBLE() < ONCE_SHARE))
		publish(query, desc);
	if (cost->total >= TOLD_AT_ONCE_US || pending->calls >= CALLS_TOLD)
		tell(query);
}
