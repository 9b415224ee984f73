/*
 * cache_redis_fill.c
 *		Filling Redis from reads: what a reader found elsewhere, and Redis lacks.
 *
 * A fill must not put an older value where a change has been meanwhile, however late it
 * arrives.  So it takes two steps.  First the reader leases the name, if Redis has nothing
 * there, by a record that no other has.  If the key's fences are then still what they were
 * before the reader looked, any change to come finds the lease and covers it by its fence;
 * and the value replaces nothing but this very lease.
 *
 *	a change marked the key before the lease:	the fences have moved, no fill
 *	it tells Redis after the lease:				the lease is gone, no fill
 *	it cannot tell Redis:						the fill may come, but nobody reads Redis
 *												before the name has been erased
 *	the lease expires, or Redis restarts:		no fill
 *
 * Nothing here writes the database, so it is done in read-only transactions too; not on a
 * standby, which is behind, and not where other servers change values, of which this one
 * may hear late.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "cache/cache_redis.h"
#include "cache/cache_redis_conn.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#define LEASE_MS	5000

/* A fill under way. */
typedef struct Fill
{
	FoRedisChange change;
	char		lease[FO_RECORD_HEADER];
	bool		leased;
} Fill;

/* Redis must not know more than this server does after a crash. */
static void
flush_writer(const FoCacheItem *item)
{
	XLogRecPtr	end;

	if (item->xid_is_bound)
	{
		fo_change_flush_read();
		return;
	}
	if (!TransactionIdIsNormal(item->xid))
		return;
	end = TransactionIdGetCommitLSN(item->xid);
	if (!XLogRecPtrIsInvalid(end))
		XLogFlush(end);
}

/* Ask for leases of all names; false if Redis failed. */
static bool
lease(Fill *fills, int n)
{
	for (int i = 0; i < n; i++)
	{
		FoRecord	record = fo_redis_new_record(FO_RECORD_LEASE);
		const char *argv[] = {"SET", NULL, fills[i].lease, "NX", "PX", CppAsString2(LEASE_MS)};
		size_t		len[] = {3, 0, FO_RECORD_HEADER, 2, 2, strlen(CppAsString2(LEASE_MS))};

		record.nonce = fo_redis_nonce();
		fo_record_write(&record, fills[i].lease);
		fo_redis_full_name(&fills[i].change);
		argv[1] = fills[i].change.full_name;
		len[1] = fills[i].change.full_len;
		fo_redis_command(6, argv, len);
	}
	for (int i = 0; i < n; i++)
	{
		redisReply *reply = fo_redis_reply();

		if (reply == NULL)
			return false;
		fills[i].leased = reply->type == REDIS_REPLY_STATUS;
		freeReplyObject(reply);
	}
	return true;
}

/* Replace a lease by its value. */
static void
send_fill(const Fill *fill)
{
	char		keep[24];
	const char *argv[] = {fill->change.full_name, fill->lease, fill->change.record, keep};
	size_t		len[] = {fill->change.full_len, FO_RECORD_HEADER, fill->change.record_len, 0};

	len[3] = snprintf(keep, sizeof(keep), INT64_FORMAT, fill->change.keep_ms);
	fo_redis_script(FO_SCRIPT_FILL, 4, argv, len);
}

/* Read the replies to fills that were sent, and count. */
static void
count_fills(FoCacheKey **keys, const Fill *fills, int n)
{
	for (int i = 0; i < n; i++)
	{
		redisReply *reply;

		if (!fills[i].leased)
			continue;
		reply = fo_redis_reply();
		if (reply == NULL)
			return;
		fo_cache_count(keys[i]->resource,
					   reply->type == REDIS_REPLY_INTEGER && reply->integer == 1
					   ? FO_COUNT_L2_PUTS : FO_COUNT_FILLS_REFUSED);
		freeReplyObject(reply);
	}
	fo_redis_end();
}

/*
 * Put values into Redis, in two round trips, where it has nothing.  The guard says
 * whether the fences of a key are as they were before its value was read.
 */
void
fo_redis_fill(FoCacheKey **keys, FoCacheItem **items, int n, FoRedisGuard guard, void *guard_arg)
{
	MemoryContext work;
	MemoryContext old;
	Fill	   *fills;

	if (n == 0 || fo_cache_redis_shared || RecoveryInProgress() || IsInParallelMode() ||
		!fo_redis_configured() || GetDatabaseEncoding() == PG_SQL_ASCII)
		return;					/* the last may hold what is no UTF-8, an
								 * error */
	work = AllocSetContextCreate(CurrentMemoryContext, "filteropt redis fills",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	fills = palloc_extended(sizeof(Fill) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
	{
		flush_writer(items[i]);
		fo_redis_name(keys[i], &fills[i].change);
		fo_redis_record(keys[i], items[i], &fills[i].change);
	}
	if (fo_redis_begin(true) && lease(fills, n))
	{
		for (int i = 0; i < n; i++)
		{
			if (!fills[i].leased)
				continue;
			if (guard(guard_arg, i))
				send_fill(&fills[i]);
			else
			{
				fills[i].leased = false;
				fo_cache_count(keys[i]->resource, FO_COUNT_FILLS_REFUSED);
			}
		}
		count_fills(keys, fills, n);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}
