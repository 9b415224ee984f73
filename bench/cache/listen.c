/*
 * listen.c
 *		The floor of hearing of a change from Redis: listen SOCKET ROUNDS asks, as the
 *		background worker does, to be told of all changes (client tracking, redirected),
 *		waits in epoll and tells in shared memory which keys "round:N" have changed.  Another
 *		process spins on that, as a reader of the cache does, and prints for each N when
 *		it saw it.
 */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int	rounds;
static atomic_char * changed;

/* Read what has arrived. */
static void
receive(redisContext *redis)
{
	redisReply *message;

	if (redisBufferRead(redis) != REDIS_OK)
		exit(1);
	while (redisReaderGetReply(redis->reader, (void **) &message) == REDIS_OK && message != NULL)
	{
		redisReply *names = message->elements == 3 ? message->element[2] : NULL;

		for (size_t i = 0; names != NULL && i < names->elements; i++)
		{
			const char *round = strstr(names->element[i]->str, "round:");
			int			n = round ? atoi(round + 6) : 0;

			if (n > 0 && n <= rounds)
				changed[n] = 1;
		}
		freeReplyObject(message);
	}
}

/* The process that listens, until it is killed. */
static int
listen_to(const char *address)
{
	redisContext *redis = redisConnectUnix(address);
	redisContext *asker = redisConnectUnix(address);
	redisReply *id = redisCommand(redis, "CLIENT ID");
	struct epoll_event event = {.events = EPOLLIN};
	int			set = epoll_create1(0);

	if (id == NULL || asker->err)
		return 1;
	freeReplyObject(redisCommand(redis, "SUBSCRIBE __redis__:invalidate"));
	freeReplyObject(redisCommand(asker, "CLIENT TRACKING ON REDIRECT %lld BCAST", id->integer));
	epoll_ctl(set, EPOLL_CTL_ADD, redis->fd, &event);
	for (;;)
		if (epoll_wait(set, &event, 1, -1) == 1)
			receive(redis);
}

int
main(int argc, char **argv)
{
	struct timespec t;
	pid_t		child;

	if (argc != 3)
		return 1;
	rounds = atoi(argv[2]);
	changed = mmap(NULL, rounds + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child = fork();
	if (child == 0)
		return listen_to(argv[1]);
	for (int n = 1; n <= rounds; n++)
	{
		do
			clock_gettime(CLOCK_REALTIME, &t);
		while (!changed[n]);
		printf("%d\t%.6f\n", n, t.tv_sec + t.tv_nsec / 1e9);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
