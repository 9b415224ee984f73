/*
 * index_size.c
 *		Estimated sizes beside those of indexes that PostgreSQL 15 has built.
 *
 * The tables have 100,000 rows; "pages" is what CREATE INDEX made.  That the
 * content is told rightly from statistics is the matter of 044_advisor_sizes.pl.
 */
#include <math.h>
#include <stddef.h>

#include "core/index_size.h"
#include "support/tap.h"

#define ROWS	100000.0

/* A B-tree that was built. */
typedef struct Btree
{
	const char *what;
	FoIndexContent content;
	double		pages;
} Btree;

static const Btree btrees[] = {
	{"int, unique", {ROWS, ROWS, 4, true}, 276},
	{"int, 100 rows each", {ROWS, 1000, 4, true}, 86},
	{"int, 3 or 4 rows each", {ROWS, 30000, 4, true}, 182},
	{"int, a third null", {ROWS, 5000, 4, true}, 100},
	{"two columns, 3 or 4 rows each", {ROWS, 30000, 8, true}, 182},
	{"INCLUDE stores each", {ROWS, 1000, 8, false}, 278},
	{"boolean", {ROWS, 2, 1, true}, 87},
	{"text, unique", {ROWS, ROWS, 33, true}, 724},
	{"text, 25 values", {ROWS, 25, 9, true}, 88},
	{"char(10), 25 values", {ROWS, 25, 11, false}, 389},
	{"a tenth of the rows", {ROWS / 10, ROWS / 10, 4, true}, 30},
};

/* A GIN index over arrays of integers that was built, 136 rows a page. */
typedef struct Gin
{
	const char *what;
	double		keys;
	double		share;			/* of the rows that have the key */
	double		pages;
} Gin;

static const Gin gins[] = {
	{"10,000 rows each", 10, 0.1, 32},
	{"4,000 rows each", 25, 0.04, 27},
	{"500 rows each", 200, 0.005, 42},
	{"100 rows each", 1000, 0.001, 54},
	{"1 row each", ROWS, 1 / ROWS, 685},
};

/* Is the estimate within a factor of what was built, two pages aside? */
static bool
is_near(double estimate, double real, double factor)
{
	return estimate <= real * factor + 2 && estimate >= real / factor - 2;
}

static void
test_btrees(void)
{
	for (size_t i = 0; i < sizeof(btrees) / sizeof(*btrees); i++)
	{
		FoIndexSize size = fo_index_size_btree(&btrees[i].content);

		ok(is_near(size.pages, btrees[i].pages, 1.1), "%s: %.0f pages, really %.0f",
		   btrees[i].what, size.pages, btrees[i].pages);
	}
}

static void
test_gins(void)
{
	const FoGinTable table = {ROWS, 736};

	for (size_t i = 0; i < sizeof(gins) / sizeof(*gins); i++)
	{
		FoGinSize	keys = {0, 0};
		FoIndexSize size;

		fo_index_size_gin_add(&keys, &table, gins[i].keys, gins[i].share, 4);
		size = fo_index_size_gin(&keys);
		ok(is_near(size.pages, gins[i].pages, 1.3), "GIN, %s: %.0f pages, really %.0f",
		   gins[i].what, size.pages, gins[i].pages);
	}
}

/* More of anything takes no less. */
static void
test_growth(void)
{
	bool		grows = true;
	double		before = 0;

	for (double distinct = 1; distinct <= ROWS; distinct *= 1.1)
	{
		FoIndexContent content = {ROWS, distinct, 8, true};
		FoIndexSize size = fo_index_size_btree(&content);

		grows &= size.pages >= before && size.height >= 1;
		before = size.pages;
	}
	ok(grows, "more keys of the same rows take more");
	ok(fo_index_size_brin(2223, 8).pages == 3, "BRIN takes three pages");
	ok(fo_index_size_btree(&(FoIndexContent) {1, 1, 4, true}).pages == 2,
	   "one row takes two pages");
	ok(isfinite(fo_index_size_btree(&(FoIndexContent) {0, 0, 0, true}).pages),
	   "nothing is no trouble");
}

int
main(void)
{
	test_btrees();
	test_gins();
	test_growth();
	return tap_done();
}
