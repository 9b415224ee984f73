/*
 * loop_watch.c
 *		Streams of queries with and without loops in them.
 */
#include <stdlib.h>
#include <string.h>

#include "core/loop_watch.h"
#include "support/tap.h"

static FoLoopWatch watch;
static FoLoopParent memory[FO_LOOP_PARENTS];
static const FoLoopLimits limits = {5, 1000};
static int64_t now;
static uint64_t xact;
static bool related;
static int	reports;
static int	more;

/* Begin a session. */
static void
session(bool is_related)
{
	memset(&watch, 0, sizeof(watch));
	now = 1;
	xact = 1;
	reports = more = 0;
	related = is_related;
}

/* A query returns rows: two columns, the first counts from 1000 in steps of 17. */
static void
returns(uint64_t query, int rows, const int64_t *key)
{
	int			slot = fo_loop_parent_slot(&watch, query);

	watch.parent[slot] = &memory[slot];
	fo_loop_begin(&watch, slot, query, 2, xact, now);
	for (int i = 0; i < rows; i++)
	{
		int64_t		row[] = {1000 + 17 * i, key[i]};

		fo_loop_row(&memory[slot], row);
	}
}

/* A query is run with one or two keys. */
static void
runs2(uint64_t query, int64_t key, int64_t other, int nkeys)
{
	int64_t		keys[] = {key, other};
	FoLoopRun	run = {query, xact, now, 1, nkeys, keys};
	FoLoopChild *child;
	FoLoopVerdict verdict = fo_loop_run(&watch, &run, &limits, &child);

	if (verdict == FO_LOOP_SUSPECT)
	{
		bool		guilty = false;

		for (int i = 0; i < child->ncandidates; i++)
			guilty = guilty || (child->candidate[i].hits >= limits.min &&
								fo_loop_convincing(&watch, child, &child->candidate[i], related));
		fo_loop_judge(child, guilty);
		reports += guilty;
	}
	more += verdict == FO_LOOP_GOES_ON;
}

static void
runs(uint64_t query, int64_t key)
{
	runs2(query, key, 0, 1);
}

static int64_t ids[1000];
static int64_t random_ids[1000];

static void
test_loops(void)
{
	session(false);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++)
		runs(2, random_ids[i]);
	is(reports, 1, "in order, irregular, in a transaction");
	is(more, 15, "and the rest of it");

	session(false);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++, xact++, now += 500)
		runs(2, random_ids[i]);
	is(reports, 1, "without a transaction");

	session(true);
	returns(1, 20, ids);
	for (int i = 19; i >= 0; i--)
		runs(2, ids[i]);
	is(reports, 1, "backwards and regular, related, in a transaction");

	session(false);
	returns(1, 500, random_ids);
	for (int i = 0; i < 500; i++)
		runs(2, random_ids[i]);
	is(reports, 1, "more rows than are remembered");
	is(more, 495, "and the rest of them");

	session(false);
	for (int loop = 0; loop < 3; loop++)
	{
		returns(1, 20, random_ids + loop * 20);
		for (int i = 0; i < 20; i++)
			runs2(2, 7, random_ids[loop * 20 + i], 2);
	}
	is(reports, 3, "three loops, the second of two keys changing");

	session(false);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++)
	{
		runs(2, random_ids[i]);
		runs(3, random_ids[i]);
		returns(4, 3, ids);
	}
	is(reports, 2, "two queries a row, and another with results of its own");

	session(false);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++)
	{
		runs(2, random_ids[i]);
		runs(2, random_ids[i]);
	}
	is(reports, 1, "every key twice");

	session(false);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i += 2)
		runs(2, random_ids[i]);
	is(reports, 1, "every other row");
}

static void
test_innocents(void)
{
	session(false);
	returns(1, 100, ids);
	for (int i = 0; i < 100; i++)
		runs(2, ids[i]);
	is(reports, 0, "small numbers in order that nothing relates");

	session(false);
	returns(1, 100, ids);
	for (int i = 0; i < 1000; i++)
		runs(2, 1 + random_ids[i] % 100);
	is(reports, 0, "small numbers at random that nothing relates");

	session(true);
	returns(1, 100, ids);
	for (int i = 0; i < 1000; i++, xact++)
		runs(2, 1 + random_ids[i] % 100);
	is(reports, 0, "related, at random, every one a transaction of its own");

	session(true);
	for (int i = 0; i < 1000; i++, xact++)
	{
		returns(1, 1, random_ids + i);
		runs(2, random_ids[i]);
	}
	is(reports, 0, "fetch a user, fetch its orders");

	session(true);
	for (int i = 0; i < 100; i++)
	{
		runs(1, random_ids[i]);
		returns(1, 20, random_ids + i + 1);
	}
	is(reports, 0, "a page after a page");

	session(true);
	returns(1, 4, random_ids);
	for (int i = 0; i < 4; i++)
		runs(2, random_ids[i]);
	is(reports, 0, "four rows");

	session(true);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++)
		runs2(2, random_ids[i], random_ids[i] + 1, 2);
	is(reports, 0, "two keys change");

	session(true);
	returns(1, 20, random_ids);
	for (int i = 0; i < 20; i++, xact++, now += 1001)
		runs(2, random_ids[i]);
	is(reports, 0, "pauses longer than the window");

	session(true);
	returns(1, 20, random_ids);
	for (int i = 0; i < 100; i++)
		runs(2, random_ids[5]);
	is(reports, 0, "one key all the time");

	session(true);
	returns(1, 20, random_ids);
	for (int i = 0; i < 100; i++)
		runs(2, i % 4 ? random_ids[500 + i] : random_ids[i % 20]);
	is(reports, 0, "one key of four");

	session(true);
	memset(ids, 0, sizeof(ids));
	for (int i = 0; i < 20; i++)
		ids[i] = FO_LOOP_NONE;
	returns(1, 20, ids);
	for (int i = 0; i < 20; i++)
		runs(2, FO_LOOP_NONE);
	is(reports, 0, "nulls");
}

/* Any stream whatever keeps within the memory; sanitizers watch. */
static void
test_any(void)
{
	session(true);
	for (int i = 0; i < 300000; i++)
	{
		uint64_t	query = 1 + (uint64_t) rand() % 40;
		int64_t		key = rand() % 30;

		if (rand() % 20 == 0)
			returns(query, rand() % 300, random_ids);
		else
			runs2(query, key, rand() % 3, 1 + rand() % 2);
		xact += rand() % 5 == 0;
		now += rand() % 400;
	}
	ok(watch.generations > 10000, "random streams");
}

int
main(void)
{
	srand(1);
	for (int i = 0; i < 1000; i++)
	{
		ids[i] = i + 1;
		random_ids[i] = ((int64_t) rand() << 16) + i + 5000;
	}
	test_loops();
	test_innocents();
	test_any();
	return tap_done();
}
