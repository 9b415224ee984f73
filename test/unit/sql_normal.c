/*
 * sql_normal.c
 *		Constants become parameters, whatever the text; what must stay stays.
 */
#include <string.h>

#include "core/sql_normal.h"
#include "support/tap.h"

static char out[4096];
static FoSqlNormal result;

/* Normalise and compare. */
static void
becomes(FoSqlSource source, const char *wanted, const char *name)
{
	source.len = strlen(source.text);
	fo_sql_normalize(&source, out, sizeof(out) - 1, &result);
	out[result.len] = '\0';
	if (!ok(strcmp(out, wanted) == 0, "%s", name))
		tap_diag("got: %s", out);
}

static void
plain(const char *text, const char *wanted)
{
	becomes((FoSqlSource) {.text = text, .key = -1}, wanted, text);
}

static void
test_constants(void)
{
	plain("SELECT *  FROM post -- newest\n WHERE day > date '2024-01-01' AND state = 'open'"
		  " ORDER BY 1 LIMIT 10;",
		  "SELECT * FROM post WHERE day > $1::date AND state = $2 ORDER BY 1 LIMIT $3");
	plain("select 1.5e-3, .5, 0x1F, 1_000, -7", "select $1, $2, $3, $4, -$5");
	plain("select $2, 'a''b', 3", "select $2, $3, $4");
	plain("select E'a\\'b', e'\\\\', U&'d\\0061' UESCAPE '!', B'1', x'ff', N'n'",
		  "select $1, $2, $3, $4, $5, $6");
	plain("select 'a'\n 'b', 'c'", "select $1, $2");
	plain("select $$a'b$$, $t$ $$ $u$ $t$, a$b, $1", "select $2, $3, a$b, $1");
	plain("select \"a 1\", U&\"b 2\", t.c3 from t", "select \"a 1\", U&\"b 2\", t.c3 from t");
	plain("select /* a /* b */ 'c' */ 1", "select $1");
	plain("select timestamp with time zone '2024-01-01', x at time zone 'UTC'",
		  "select $1::timestamp with time zone, x at time zone $2");
	plain("select interval '1' day, null, true", "select $1::interval day, null, true");
	plain("select x::numeric(10, 2), c::varchar(5), f(3)",
		  "select x::numeric(10, 2), c::varchar(5), f($1)");
	plain("select a, 5 from t group by 1, b, 2 having count(*) > 3 order by 2 desc, 1 limit 1",
		  "select a, $1 from t group by 1, b, 2 having count(*) > $2 order by 2 desc, 1 limit $3");
	plain("select f(x order by 1, 2), 3", "select f(x order by 1, 2), $1");
	plain("select 'open", "select $1");
	plain("select $tag$ open", "select $1");
	plain("", "");
	plain(" ; ", "");
	becomes((FoSqlSource) {.text = "select 'a\\'b', 'c'", .key = -1, .backslash = true},
			"select $1, $2", "backslash escapes");
}

static void
test_variables(void)
{
	static const int32_t variable[] = {7, 30, 49};
	static const int32_t id[] = {8, 3, 8};
	FoSqlSource source = {
		.text = "SELECT me, x FROM t WHERE a = r.\"the id\" AND b = me AND c = 'c'",
		.key = -1, .variable = variable, .variable_id = id, .nvariables = 3
	};

	becomes(source, "SELECT $1, x FROM t WHERE a = $2 AND b = $1 AND c = $3",
			"names that stand for parameters");
	is(result.highest, 3, "their number");
	becomes((FoSqlSource) {.text = "SELECT $1, 5, $2", .key = -1, .first = 3},
			"SELECT $4, $6, $5", "numbers from another one on");
}

static void
key(const char *text, int at, const char *key_text, const char *insert, const char *wanted,
	bool bare)
{
	becomes((FoSqlSource) {.text = text, .key = at,
						   .key_id = text[at] == '$' ? text[at + 1] - '0' : 0,
						   .key_text = key_text, .insert = insert}, wanted, text);
	is(result.key_bare, bare, "bare or not");
}

/* Keys whose place something else takes: the other numbers close up. */
static void
test_dropped_keys(void)
{
	static const int32_t variable[] = {7, 30, 49};
	static const int32_t id[] = {8, 3, 8};

	becomes((FoSqlSource) {.text = "SELECT $3, $1, 'a' FROM t WHERE id = $2 OR x = $2", .key = 37,
						   .key_id = 2, .key_text = "p.id", .drop_key = true, .first = 4},
			"SELECT $6, $5, $7 FROM t WHERE id = p.id OR x = p.id", "a parameter");
	is(result.key_times, 2, "used twice");
	becomes((FoSqlSource) {.text = "SELECT 'a' FROM t WHERE id = 7 AND x = 8", .key = 29,
						   .key_text = "p.id", .drop_key = true},
			"SELECT $1 FROM t WHERE id = p.id AND x = $2", "a constant");
	becomes((FoSqlSource) {.text =
						   "SELECT me, x FROM t WHERE a = r.\"the id\" AND b = me AND c = 'c'",
						   .key = 7, .key_id = 8, .key_text = "p.id", .drop_key = true,
						   .variable = variable, .variable_id = id, .nvariables = 3},
			"SELECT p.id, x FROM t WHERE a = $1 AND b = p.id AND c = $2", "a variable");
}

static void
body(const char *text, const char *expected)
{
	size_t		len = strlen(text);
	size_t		at = fo_sql_body(text, &len);

	ok(at + len <= strlen(text) && len == strlen(expected) &&
	   memcmp(text + at, expected, len) == 0, "the query in %s", text);
}

/* The query in a statement. */
static void
test_bodies(void)
{
	body("PREPARE q (int) AS SELECT 1", " SELECT 1");
	body("declare \"for\" /* for */ cursor with hold for select 2", " select 2");
	body("COPY (SELECT a, (b) FROM t) TO STDOUT", "SELECT a, (b) FROM t");
	body("COPY t (a, b) FROM STDIN", "COPY t (a, b) FROM STDIN");
	body("explain select 1", " select 1");
	body("EXPLAIN ANALYZE VERBOSE SELECT 1", " SELECT 1");
	body("EXPLAIN (ANALYZE, COSTS off) SELECT 1", " SELECT 1");
	body("EXPLAIN (SELECT 1)", " (SELECT 1)");
	body("EXPLAIN ((SELECT 1) UNION SELECT 2)", " ((SELECT 1) UNION SELECT 2)");
	body("EXPLAIN (COSTS off) DECLARE c CURSOR FOR SELECT 3", " SELECT 3");
	body("create table t (\"as\", b) as select 1 as one", " select 1 as one");
	body("SELECT 1 AS a", "SELECT 1 AS a");
	body("PREPARE", "PREPARE");
	body("COPY (SELECT 1", "SELECT 1");
	body("COPY (", "");
	body("EXPLAIN", "");
	body("EXPLAIN (ANALYZE", "EXPLAIN (ANALYZE");
	body("", "");
}

static void
test_keys(void)
{
	key("SELECT a FROM t WHERE id = 42 AND b = 7", 27, "ANY ($)", " id,",
		"SELECT id, a FROM t WHERE id = ANY ($1) AND b = $2", true);
	key("SELECT a FROM t WHERE id = -42", 27, "ANY ($)", NULL,
		"SELECT a FROM t WHERE id = ANY ($1)", true);
	key("SELECT a FROM t WHERE b = 7 AND id = $1", 37, "k.key", NULL,
		"SELECT a FROM t WHERE b = $2 AND id = k.key", true);
	is(result.key, 1, "number of the key");
	key("SELECT a FROM t WHERE id = '1'::int", 27, "k.key", NULL,
		"SELECT a FROM t WHERE id = k.key::int", false);
	key("SELECT a FROM t WHERE id = date '1'", 32, "k.key", NULL,
		"SELECT a FROM t WHERE id = k.key::date", false);
	key("SELECT a FROM t WHERE 5 = id", 22, "k.key", NULL,
		"SELECT a FROM t WHERE k.key = id", false);
	key("SELECT a FROM t WHERE id = ($1)", 28, "k.key", NULL,
		"SELECT a FROM t WHERE id = (k.key)", false);
	key("SELECT a FROM t WHERE id = $1 + 1", 27, "k.key", NULL,
		"SELECT a FROM t WHERE id = k.key + $2", false);
	is(fo_sql_name("a.\"b.c\".d = 1", 13), 9, "length of a name");
}

/* Does the output show any of the word "secret" that is longer than two letters? */
static bool
shows_secret(void)
{
	for (size_t i = 0; i + 3 <= result.len; i++)
		if (memcmp(out + i, "sec", 3) == 0)
			return true;
	return false;
}

/* Whatever the size of the output: never more, and no constant is half shown. */
static void
test_cut(void)
{
	FoSqlSource source = {
		.text = "SELECT date 'secret', 'secret' FROM t WHERE id = 'secret'", .key = 49,
	.key_text = "ANY ($)", .insert = " id,"};
	bool		fits = true;
	size_t		whole;

	source.len = strlen(source.text);
	fo_sql_normalize(&source, out, sizeof(out), &result);
	whole = result.len;
	for (size_t size = 0; size < 80; size++)
	{
		memset(out, '#', 100);
		fo_sql_normalize(&source, out, size, &result);
		fits = fits && result.len <= size && out[size] == '#' &&
			!shows_secret() && result.truncated == (size < whole);
	}
	ok(fits, "at any size");
	fits = true;
	for (source.len = 0; source.len < 57; source.len++)
	{
		fo_sql_normalize(&source, out, sizeof(out), &result);
		fits = fits && !shows_secret();
	}
	ok(fits, "cut off anywhere");
}

int
main(void)
{
	test_constants();
	test_variables();
	test_keys();
	test_dropped_keys();
	test_bodies();
	test_cut();
	return tap_done();
}
