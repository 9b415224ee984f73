/*
 * watch.c
 *		CPU that a backend uses for a query, with the watch over queries on and off, and
 *		without query identifiers, which the server computes and the watch needs.
 *
 *		watch PROTOCOL PAIRS RUNS QUERY BASE RANGE
 *
 * runs QUERY, whose $1 is an integer from BASE to BASE + RANGE - 1, RUNS times in each of
 * these three states, and so PAIRS times, in one session, and prints the medians in
 * microseconds and of the ratios.  PROTOCOL is "prepared", or "simple": then
 * the number is written into the text.  CPU is the backend's, from the scheduler's
 * account in nanoseconds, so waiting and the client do not count; turns of milliseconds
 * meet the same weather.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn * connection;

static void
check(PGresult * result)
{
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		exit(1);
	}
	PQclear(result);
}

/* Nanoseconds that the backend has run. */
static double
cpu(void)
{
	char		path[64];
	FILE	   *file;
	double		ns = 0;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", PQbackendPID(connection));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%lf", &ns) != 1)
	{
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	fclose(file);
	return ns;
}

static void
run(const char *query, int prepared, long number)
{
	char		value[32];
	const char *values[] = {value};
	char text[	1024];
	const char *at = strstr(query, "$1");

	snprintf(value, sizeof(value), "%ld", number);
	if (prepared)
		check(PQexecPrepared(connection, "q", 1, values, NULL, NULL, 0));
	else
	{
		snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - query), query, value, at + 2);
		check(PQexec(connection, text));
	}
}

enum
{
	NO_ID,
	OFF,
	ON,
	STATES
};

static const char *const settings[STATES] = {
	"SET compute_query_id = off; SET filteropt.advisor_watch = off",
	"SET compute_query_id = on; SET filteropt.advisor_watch = off",
	"SET compute_query_id = on; SET filteropt.advisor_watch = on"
};

/* Microseconds a query in a turn. */
static double
turn(int state, const char *query, int prepared, int runs, long base, long range)
{
	double		start;

	check(PQexec(connection, settings[state]));
	run(query, prepared, base);
	start = cpu();
	for (int i = 0; i < runs; i++)
		run(query, prepared, base + random() % range);
	return (cpu() - start) / runs / 1000;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *value, int n)
{
	qsort(value, n, sizeof(*value), compare);
	return value[n / 2];
}

int
main(int argc, char **argv)
{
	int			prepared = argc == 7 && strcmp(argv[1], "prepared") == 0;
	int			pairs = argc == 7 ? atoi(argv[2]) : 0;
	double	   *us[STATES];
	double	   *ratio[STATES];	/* to the state before */
	int			runs = argc == 7 ? atoi(argv[3]) : 0;
	long		base = argc == 7 ? atol(argv[5]) : 0;
	long		range = argc == 7 ? atol(argv[6]) : 1;

	if (pairs < 1 || range < 1 || strstr(argv[4], "$1") == NULL)
		return 2;
	connection = PQconnectdb("");
	if (PQstatus(connection) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		return 1;
	}
	if (prepared)
		check(PQprepare(connection, "q", argv[4], 0, NULL));
	for (int state = 0; state < STATES; state++)
	{
		us[state] = calloc(pairs, sizeof(double));
		ratio[state] = calloc(pairs, sizeof(double));
	}
	for (int i = 0; i < pairs; i++)
	{
		/* who goes first changes */
		for (int k = 0; k < STATES; k++)
			us[(i + k) % STATES][i] = turn((i + k) % STATES, argv[4], prepared, runs, base, range);
		for (int state = 1; state < STATES; state++)
			ratio[state][i] = us[state][i] / us[state - 1][i];
	}
	printf("no ids %7.2f us | ids %7.2f us, ratio %.4f | watch %7.2f us, ratio %.4f\n",
		   median(us[NO_ID], pairs), median(us[OFF], pairs), median(ratio[OFF], pairs),
		   median(us[ON], pairs), median(ratio[ON], pairs));
	PQfinish(connection);
	return 0;
}
