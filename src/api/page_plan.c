/*
 * page_plan.c
 *		Parameters of statements, and the plans that a backend keeps of them.
 *
 * An application asks for few shapes of pages many times.  Each backend keeps the
 * plans of the last statements; PostgreSQL renews a plan by itself when a table,
 * a role or row-level security changes.  A statement that is run rarely is simply
 * prepared again.
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
	int			nargs;
	Oid		   *types;
	SPIPlanPtr	plan;
	uint64		used;			/* the clock at its last use */
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

/* Keep a plan instead of the one that was not used for longest. */
static void
keep(SPIPlanPtr plan, uint64 hash, const char *sql, const FoSqlArgs *args)
{
	KeptPlan   *entry = &kept[0];

	for (int i = 1; i < KEPT_PLANS; i++)
	{
		if (kept[i].used < entry->used)
			entry = &kept[i];
	}
	forget(entry);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	entry->sql = MemoryContextStrdup(TopMemoryContext, sql);
	entry->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * Max(args->count, 1));
	memcpy(entry->types, args->types, sizeof(Oid) * args->count);
	entry->nargs = args->count;
	entry->hash = hash;
	entry->plan = plan;
	entry->used = ++clock_of_use;
}

/* The plan of a statement with parameters of these types; SPI must be connected. */
SPIPlanPtr
fo_sql_plan(const char *sql, const FoSqlArgs *args)
{
	size_t		len = strlen(sql);
	uint64		hash = hash_bytes_extended((const unsigned char *) sql, (int) len, 0);
	SPIPlanPtr	plan;

	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (is_plan_of(&kept[i], hash, sql, args))
		{
			kept[i].used = ++clock_of_use;
			return kept[i].plan;
		}
	}
	plan = SPI_prepare(sql, args->count, args->types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (len <= KEPT_LENGTH)
		keep(plan, hash, sql, args);
	return plan;
}
