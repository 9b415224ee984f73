/*
 * keyword_compile.c
 *		From the rows of one owner in a source to a compiled set in its store.
 *
 * The rows are read and the store is written as the owner of the source, whose
 * row-level security does not apply: a set holds all keywords of its owner.
 * Who may see what is decided when a set is looked up.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "keyword/keyword_source.h"

/* Rows fetched at a time. */
#define FETCH 1000

/* How often a rebuild says how far it is. */
#define PROGRESS_MS 2000

/* Is a store being written by us? Then its guard lets every row pass. */
bool		fo_keyword_storing = false;

/* Acting as another role. */
typedef struct Disguise
{
	Oid			role;
	int			context;
} Disguise;

/* Become the owner of the source. */
static Disguise
become_owner(const FoKeywordSource *source)
{
	Disguise	before;

	GetUserIdAndSecContext(&before.role, &before.context);
	SetUserIdAndSecContext(source->role, before.context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	return before;
}

/* An operator, as SQL that does not depend on search_path. */
char *
fo_keyword_operator(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
	Form_pg_operator operator;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", oid);
	operator = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)",
					  quote_identifier(get_namespace_name(operator->oprnamespace)),
					  NameStr(operator->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/* Prepare a statement with up to three parameters, the first an owner, and keep it. */
static SPIPlanPtr
prepare(const FoKeywordSource *source, const char *sql, int nargs)
{
	Oid			types[3] = {source->owner_type, BYTEAOID, JSONBOID};
	SPIPlanPtr	plan;

	types[1] = get_atttype(source->store, FO_STORE_COMPILED);
	plan = SPI_prepare(sql, nargs, types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* A relation, qualified and quoted. */
static char *
qualified(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* SQL that yields owner, keyword and whether it is an allowed phrase of all rows. */
static char *
select_rows(const FoKeywordSource *source)
{
	const char *flag = NameStr(source->flag_column);

	return psprintf("SELECT k.%s, k.%s::pg_catalog.text COLLATE pg_catalog.\"C\", %s FROM %s%s k",
					quote_identifier(NameStr(source->owner_column)),
					quote_identifier(NameStr(source->keyword_column)),
					flag[0] == '\0' ? "false"
					: psprintf("coalesce(k.%s, false)", quote_identifier(flag)),
					get_rel_relkind(source->source) == RELKIND_RELATION ? "ONLY " : "",
					qualified(source->source));
}

/* Prepare what reads the keywords of an owner, in an order that is the same everywhere. */
static SPIPlanPtr
prepare_select(const FoKeywordSource *source)
{
	return prepare(source,
				   psprintf("%s WHERE k.%s %s $1 ORDER BY 3, 2",
							select_rows(source),
							quote_identifier(NameStr(source->owner_column)),
							fo_keyword_operator(source->owner_eq)), 1);
}

/* A set being compiled from rows. */
typedef struct Compilation
{
	FoKeywordSource *source;
	FoBuilder	builder;
	StringInfoData rejected;
	bool		any;
} Compilation;

/* Note a keyword that cannot be compiled, or raise an error when the source is strict. */
static void
reject(Compilation *compilation, const char *keyword, const char *reason)
{
	if (compilation->source->strict)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bad keyword in table \"%s\": %s",
						get_rel_name(compilation->source->source), reason),
				 errhint("Attach the table with on_bad => 'skip' to have such rows ignored.")));
	appendStringInfoString(&compilation->rejected,
						   compilation->rejected.len == 0 ? "[{\"keyword\": " : ", {\"keyword\": ");
	if (keyword == NULL)
		appendStringInfoString(&compilation->rejected, "null");
	else
		escape_json(&compilation->rejected, keyword);
	appendStringInfoString(&compilation->rejected, ", \"reason\": ");
	escape_json(&compilation->rejected, reason);
	appendStringInfoChar(&compilation->rejected, '}');
}

/* Start a set in the current memory context. */
static void
begin(Compilation *compilation, FoKeywordSource *source)
{
	compilation->source = source;
	compilation->any = false;
	initStringInfo(&compilation->rejected);
	fo_keyword_begin_set(&compilation->builder, source->fold, source->whole_word);
}

/* Add a row as select_rows yields it; allowed phrases come after all keywords. */
static void
add_row(Compilation *compilation, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	bool		flag = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
	Datum		keyword = SPI_getbinval(tuple, desc, 2, &isnull);
	FoBody		body;
	FoBuildStatus status;

	compilation->any = true;
	if (isnull)
	{
		reject(compilation, NULL, "keyword is null");
		return;
	}
	body = fo_keyword_body(DatumGetTextPP(keyword));
	status = fo_builder_add(&compilation->builder, body.bytes, body.len, flag);
	if (status == FO_BUILD_TOO_MANY || status == FO_BUILD_TOO_BIG)
		fo_keyword_add(&compilation->builder, keyword, false, 0, flag);
	else if (status != FO_BUILD_OK)
		reject(compilation, text_to_cstring(fo_keyword_text(body.bytes, body.len)),
			   fo_keyword_complaint(status, body.bytes, body.len));
}

/* Lay the set out in the given memory context. */
static FoCompiled
end(Compilation *compilation, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	FoCompiled	compiled = {NULL, NULL, !compilation->any};

	compilation->builder.alloc = fo_keyword_alloc(context);
	compiled.set = fo_keyword_finish_set(&compilation->builder);
	if (compilation->rejected.len > 0)
		compiled.rejected = psprintf("%s]", compilation->rejected.data);
	MemoryContextSwitchTo(old);
	return compiled;
}

/*
 * Compile the keywords of an owner as the snapshot shows them to the current
 * role.  The result is in the current memory context.
 */
FoCompiled
fo_keyword_compile(FoKeywordSource *source, Datum owner, Snapshot snapshot)
{
	MemoryContext context = CurrentMemoryContext;
	Compilation compilation;
	FoCompiled	compiled;
	SPIPlanPtr *select;

	SPI_connect();
	/* The plan cache does not tell these two cases apart. */
	select = &source->select[InNoForceRLSOperation()];
	if (*select == NULL)
		*select = prepare_select(source);
	begin(&compilation, source);
	fo_keyword_depth++;
	if (SPI_execute_snapshot(*select, &owner, NULL, snapshot, InvalidSnapshot,
							 true, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read keywords");
	fo_keyword_depth--;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_row(&compilation, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	}
	compiled = end(&compilation, context);
	SPI_finish();
	return compiled;
}

/*
 * Run a plan that writes the store, on what is committed by now whatever the
 * transaction's isolation level; returns the number of rows.
 */
static uint64
run(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	int			result;

	fo_keyword_storing = true;
	fo_keyword_depth++;
	PG_TRY();
	{
		result = SPI_execute_snapshot(plan, values, nulls, GetLatestSnapshot(),
									  InvalidSnapshot, false, false, 0);
	}
	PG_FINALLY();
	{
		fo_keyword_storing = false;
		fo_keyword_depth--;
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "could not write compiled keywords: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* Prepare what writes the store. */
static void
prepare_writes(FoKeywordSource *source)
{
	char	   *store = qualified(source->store);
	char	   *equal = fo_keyword_operator(source->owner_eq);
	char	   *update = psprintf("UPDATE %s SET compiled = $2, rejected = $3 WHERE owner %s $1",
								  store, equal);
	char	   *insert = psprintf("INSERT INTO %s (owner, compiled, rejected) VALUES ($1, $2, $3)",
								  store);
	char	   *delete = psprintf("DELETE FROM %s WHERE owner %s $1", store, equal);

	source->update = prepare(source, update, 3);
	source->insert = prepare(source, insert, 3);
	source->delete = prepare(source, delete, 1);
}

/* Put what was compiled for an owner into the store. */
static void
put(FoKeywordSource *source, Datum owner, FoCompiled compiled)
{
	Datum		values[3] = {owner, PointerGetDatum(compiled.set), (Datum) 0};
	char		nulls[3] = {' ', ' ', 'n'};

	if (source->update == NULL)
		prepare_writes(source);
	if (compiled.rejected != NULL)
	{
		values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(compiled.rejected));
		nulls[2] = ' ';
	}
	if (compiled.empty)
		run(source->delete, values, nulls);
	else if (run(source->update, values, nulls) == 0)
		run(source->insert, values, nulls);
}

/*
 * Compile the keywords of an owner as committed now, or changed by this
 * transaction, and put the set into the store.  The caller holds the lock that
 * keeps others from storing sets of this owner.
 */
void
fo_keyword_store(FoKeywordSource *source, Datum owner)
{
	Disguise	before = become_owner(source);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FoCompiled	compiled = fo_keyword_compile(source, owner, snapshot);

	UnregisterSnapshot(snapshot);
	SPI_connect();
	put(source, owner, compiled);
	SPI_finish();
	SetUserIdAndSecContext(before.role, before.context);
}

/* Say now and then how far a rebuild is. */
static void
show_progress(int64 owners, TimestampTz *last)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(*last, now, PROGRESS_MS))
		return;
	*last = now;
	ereport(NOTICE, (errmsg("compiled the keywords of " INT64_FORMAT " owners so far", owners)));
}

/* State of a rebuild: the rows of one owner after the other. */
typedef struct Rebuild
{
	FoKeywordSource *source;
	MemoryContext context;		/* of the current owner */
	Compilation compilation;
	Datum		owner;
	bool		started;
	int64		owners;
	TimestampTz last;
} Rebuild;

/* Store the current owner's set. */
static void
finish_owner(Rebuild *rebuild)
{
	MemoryContext old = MemoryContextSwitchTo(rebuild->context);

	put(rebuild->source, rebuild->owner, end(&rebuild->compilation, rebuild->context));
	MemoryContextSwitchTo(old);
	MemoryContextReset(rebuild->context);
	rebuild->owners++;
	show_progress(rebuild->owners, &rebuild->last);
}

/* Take a row, which begins another owner or belongs to the current one. */
static void
take_row(Rebuild *rebuild, HeapTuple tuple, TupleDesc desc)
{
	FoKeywordSource *source = rebuild->source;
	bool		isnull;
	Datum		owner = SPI_getbinval(tuple, desc, 1, &isnull);
	MemoryContext old;

	if (rebuild->started && !fo_keyword_owner_equal(source, owner, rebuild->owner))
	{
		finish_owner(rebuild);
		rebuild->started = false;
	}
	old = MemoryContextSwitchTo(rebuild->context);
	if (!rebuild->started)
	{
		rebuild->owner = datumCopy(owner, source->owner_byval, source->owner_len);
		begin(&rebuild->compilation, source);
		rebuild->started = true;
	}
	add_row(&rebuild->compilation, tuple, desc);
	MemoryContextSwitchTo(old);
}

/*
 * Compile the keywords of all owners anew in one pass over the source, on which
 * the caller holds a lock that keeps writers out; returns how many owners have a
 * set then.  What is committed by now counts, not the snapshot of a transaction
 * that began before others wrote.
 */
int64
fo_keyword_store_all(FoKeywordSource *source)
{
	Disguise	before = become_owner(source);
	Rebuild		rebuild = {.source = source, .last = GetCurrentTimestamp()};
	Portal		portal;
	char	   *sql;

	rebuild.context = AllocSetContextCreate(CurrentMemoryContext, "filteropt keyword rebuild",
											ALLOCSET_DEFAULT_SIZES);
	SPI_connect();
	run(SPI_prepare(psprintf("DELETE FROM %s", qualified(source->store)), 0, NULL), NULL, NULL);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	sql = psprintf("%s WHERE k.%s IS NOT NULL ORDER BY 1, 3, 2",
				   select_rows(source), quote_identifier(NameStr(source->owner_column)));
	portal = SPI_cursor_open_with_args(NULL, sql, 0, NULL, NULL, NULL, true, 0);
	do
	{
		SPITupleTable *rows;
		uint64		n;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH);
		rows = SPI_tuptable;
		n = SPI_processed;
		for (uint64 i = 0; i < n; i++)
			take_row(&rebuild, rows->vals[i], rows->tupdesc);
		SPI_freetuptable(rows);
		if (n == 0)
			break;
	} while (true);
	if (rebuild.started)
		finish_owner(&rebuild);
	SPI_cursor_close(portal);
	PopActiveSnapshot();
	SPI_finish();
	SetUserIdAndSecContext(before.role, before.context);
	fo_keyword_source_renew(source->source);
	return rebuild.owners;
}
