/*
 * page_plan.c
 *		Parameters of statements, and the plans that a backend keeps of them.
 *
 * An application asks for few shapes of pages many times.  Each backend keeps the
 * plans of the last statements; PostgreSQL renews a plan by itself when a table,
 * a role or row-level security changes.  A statement that is run rarely is simply
 * prepared again.  While a statement runs, what it calls may ask for pages, too, so
 * its plan must not be given up meanwhile.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "api/page_sql.h"

#define KEPT_PLANS 64

/* A statement longer than this is not kept. */
#define KEPT_LENGTH 8192

typedef struct KeptPlan
{
	uint64		hash;
	char	   *sql;
	Oid		   *types;
	SPIPlanPtr	plan;
	uint64		used;			/* the clock at its last use */
	int			nargs;
	int			running;		/* executions that have not ended */
} KeptPlan;

static KeptPlan kept[KEPT_PLANS];
static uint64 clock_of_use = 0;

/* Add a parameter; returns its number, from 1 on. */
int
fo_sql_add_arg(FoSqlArgs *args, Oid type, Datum value, bool isnull)
{
	if (args->count == args->room)
	{
		int			room = args->room == 0 ? 16 : args->room * 2;

		if (args->room == 0)
		{
			args->types = palloc(sizeof(Oid) * room);
			args->values = palloc(sizeof(Datum) * room);
			args->nulls = palloc(room);
		}
		else
		{
			args->types = repalloc(args->types, sizeof(Oid) * room);
			args->values = repalloc(args->values, sizeof(Datum) * room);
			args->nulls = repalloc(args->nulls, room);
		}
		args->room = room;
	}
	args->types[args->count] = type;
	args->values[args->count] = value;
	args->nulls[args->count] = isnull ? 'n' : ' ';
	return ++args->count;
}

/* Does a kept plan belong to the statement? */
static bool
is_plan_of(const KeptPlan *entry, uint64 hash, const char *sql, const FoSqlArgs *args)
{
	return entry->plan != NULL && entry->hash == hash && entry->nargs == args->count &&
		memcmp(entry->types, args->types, sizeof(Oid) * args->count) == 0 &&
		strcmp(entry->sql, sql) == 0;
}

/* Give up a kept plan. */
static void
forget(KeptPlan *entry)
{
	SPIPlanPtr	plan = entry->plan;
	char	   *sql = entry->sql;
	Oid		   *types = entry->types;

	memset(entry, 0, sizeof(*entry));
	if (plan != NULL)
		SPI_freeplan(plan);
	if (sql != NULL)
		pfree(sql);
	if (types != NULL)
		pfree(types);
}

/*
 * Keep a plan instead of the one, among those not running, that was not used for
 * longest; returns its entry, or NULL if all are running.
 */
static KeptPlan *
keep(SPIPlanPtr plan, uint64 hash, const char *sql, const FoSqlArgs *args)
{
	KeptPlan   *entry = NULL;

	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (kept[i].running == 0 && (entry == NULL || kept[i].used < entry->used))
			entry = &kept[i];
	}
	if (entry == NULL)
		return NULL;
	forget(entry);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	entry->sql = MemoryContextStrdup(TopMemoryContext, sql);
	entry->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * Max(args->count, 1));
	memcpy(entry->types, args->types, sizeof(Oid) * args->count);
	entry->nargs = args->count;
	entry->hash = hash;
	entry->plan = plan;
	return entry;
}

/* The entry of a kept plan, or NULL. */
static KeptPlan *
find(uint64 hash, const char *sql, const FoSqlArgs *args)
{
	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (is_plan_of(&kept[i], hash, sql, args))
			return &kept[i];
	}
	return NULL;
}

/* Run a kept plan. */
static int
run_kept(KeptPlan *entry, const FoSqlArgs *args, int limit)
{
	volatile int result = 0;

	entry->used = ++clock_of_use;
	entry->running++;
	PG_TRY();
	{
		result = SPI_execute_plan(entry->plan, args->values, args->nulls, true, limit);
	}
	PG_FINALLY();
	{
		entry->running--;
	}
	PG_END_TRY();
	return result;
}

/*
 * Run a SELECT for at most so many rows (0: all), which are in SPI_tuptable then;
 * returns their number.  SPI must be connected.
 */
uint64
fo_sql_run(const char *sql, const FoSqlArgs *args, int limit)
{
	size_t		len = strlen(sql);
	uint64		hash = hash_bytes_extended((const unsigned char *) sql, (int) len, 0);
	KeptPlan   *entry = find(hash, sql, args);
	SPIPlanPtr	plan = NULL;
	int			result;

	if (entry == NULL)
	{
		plan = SPI_prepare(sql, args->count, args->types);
		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		if (len <= KEPT_LENGTH)
			entry = keep(plan, hash, sql, args);
	}
	result = entry != NULL ? run_kept(entry, args, limit) :
		SPI_execute_plan(plan, args->values, args->nulls, true, limit);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}
