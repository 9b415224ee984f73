/*
 * redis.c
 *		Redis from a client by hiredis: redis ADDRESS CALLS stores 10 000 values of 300
 *		bytes and prints the median time of a GET and of a key of an MGET of 100 in ns.
 *		ADDRESS is a socket's path, or a port of 127.0.0.1.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS	10000
#define BATCH	100

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
store(redisContext *redis)
{
	char		value[300];

	memset(value, 'x', sizeof(value));
	for (int i = 0; i < KEYS; i++)
		freeReplyObject(redisCommand(redis, "SET bench:%031d %b", i, value, sizeof(value)));
}

static void
get(redisContext *redis)
{
	redisReply *reply = redisCommand(redis, "GET bench:%031d", rand() % KEYS);

	if (reply == NULL || reply->len != 300)
		exit(1);
	freeReplyObject(reply);
}

static void
get_many(redisContext *redis)
{
	static char names[BATCH][40];
	const char *argv[BATCH + 1] = {"MGET"};
	redisReply *reply;

	for (int i = 0; i < BATCH; i++)
	{
		snprintf(names[i], sizeof(names[i]), "bench:%031d", rand() % KEYS);
		argv[i + 1] = names[i];
	}
	reply = redisCommandArgv(redis, BATCH + 1, argv, NULL);
	if (reply == NULL || reply->elements != BATCH)
		exit(1);
	freeReplyObject(reply);
}

static double
median_of(redisContext *redis, void (*call) (redisContext *), int calls)
{
	double	   *took = malloc(calls * sizeof(double));
	double		median;

	for (int i = 0; i < calls; i++)
	{
		double		start = now_ns();

		call(redis);
		took[i] = now_ns() - start;
	}
	qsort(took, calls, sizeof(double), compare);
	median = took[calls / 2];
	free(took);
	return median;
}

int
main(int argc, char **argv)
{
	const char *address = argc > 2 ? argv[1] : "6379";
	int			calls = argc > 2 ? atoi(argv[2]) : 1000;
	redisContext *redis = address[0] == '/' ? redisConnectUnix(address)
		: redisConnect("127.0.0.1", atoi(address));

	if (redis == NULL || redis->err)
		return 1;
	store(redis);
	median_of(redis, get, calls / 10 + 1);
	printf("get %.0f\n", median_of(redis, get, calls));
	printf("mget %.0f\n", median_of(redis, get_many, calls / 20 + 1) / BATCH);
	redisFree(redis);
	return 0;
}
