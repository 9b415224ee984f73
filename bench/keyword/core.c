/*
 * core.c
 *		The engines without PostgreSQL: CPU time per text, build time, bytes.
 *
 *	core [-m ms] [-r rounds] [-p n] [-e engines] [-t tasks] -k KEYWORDS NAME=TEXTS...
 *
 * Files hold one keyword or text a line.  Tasks are word/any, word/all,
 * substring/any and substring/all; engines and tasks are separated by commas,
 * and all are run by default.  For each task every engine builds its set, then
 * the engines take turns: in each round each of them scans all texts as often
 * as fits into "ms" milliseconds (at least once).  Reported is the median of
 * the rounds, tab-separated:
 *
 *	scan   N  texts  boundary  matches  engine  ns per text  matching texts
 *	build  N  -      boundary  matches  engine  ns           bytes
 *
 * Hyperscan's whole words are measured in two ways, see hyperscan.c; the way
 * that compiles slowly (hyperscan-b) is left out beyond "n" keywords, and so is
 * Hyperscan as it compiles for AVX2 (hyperscan-avx2).  The
 * floor engine reads every byte, lower-cases it, and knows nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "hyperscan.h"

#define MAX_ENGINES 16
#define MAX_ROUNDS 99
#define BUILD_BUDGET_NS 50e6	/* repeat a build until this has gone by */
#define BUILD_REPEATS 2000

/* Command-line settings. */
static double round_ns = 20e6;
static int	rounds = 5;
static size_t max_patterns = 1000;
static const char *only_engines;
static const char *only_tasks;

/* Write why and exit. */
static void
die(const char *what, const char *why)
{
	fprintf(stderr, "core: %s: %s\n", what, why);
	exit(1);
}

/* CPU time of this process in nanoseconds. */
static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* qsort comparison of doubles. */
static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Median of n numbers, which are sorted in place. */
static double
median(double *numbers, int n)
{
	qsort(numbers, n, sizeof(double), compare_doubles);
	return n % 2 ? numbers[n / 2] : (numbers[n / 2 - 1] + numbers[n / 2]) / 2;
}

/* Read a file of lines; empty lines are left out. */
static Lines
read_lines(const char *path)
{
	FILE	   *file = fopen(path, "r");
	Lines		lines = {0};
	size_t		room = 0;
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		length;

	if (!file)
		die(path, strerror(errno));
	while ((length = getline(&line, &size, file)) >= 0)
	{
		if (length > 0 && line[length - 1] == '\n')
			length--;
		if (length == 0)
			continue;
		if (lines.n == room)
		{
			room = room ? 2 * room : 1024;
			lines.line = realloc(lines.line, room * sizeof(char *));
			lines.length = realloc(lines.length, room * sizeof(size_t));
		}
		lines.line[lines.n] = strndup(line, length);
		lines.length[lines.n++] = length;
	}
	free(line);
	fclose(file);
	return lines;
}

/* The floor: lower-case every ASCII byte, and add the bytes up. */
__attribute__((target_clones("avx2", "default"), optimize("O3")))
static size_t
floor_scan(const void *set, Task task, const char *text, size_t length)
{
	uint8_t		sum = 0;

	(void) set;
	(void) task;
	for (size_t i = 0; i < length; i++)
	{
		uint8_t		byte = text[i];

		byte |= (uint8_t) (byte - 'A') < 26 ? 0x20 : 0;
		sum ^= byte;
	}
	return sum == 1;
}

/* The floor has no set. */
static void *
floor_build(const Lines *keywords, Task task)
{
	(void) task;
	return (void *) keywords;
}

static void
floor_release(void *set)
{
	(void) set;
}

static size_t
floor_bytes(const void *set)
{
	(void) set;
	return 0;
}

static const Engine floor_engine = {
	"floor", floor_build, floor_release, floor_bytes, floor_scan
};

/* Hyperscan's side of the engine interface. */
static void *
hyperscan_list(const Lines *keywords, Task task, HsBoundary boundary, bool avx2)
{
	HsOptions	options = {
		.boundary = boundary,
		.first_only = !task.all,
		.avx2 = avx2
	};
	char		error[256];
	HsList	   *list = hs_list_build(keywords->line, keywords->length,
									 keywords->n, options,
									 error, sizeof(error));

	if (!list)
		die("hyperscan", error);
	return list;
}

static void *
hyperscan_build(const Lines *keywords, Task task)
{
	return hyperscan_list(keywords, task,
						  task.whole_word ? HS_WORD_CHECKED : HS_SUBSTRING, false);
}

/* As for a processor without AVX-512; left out where it compiles for long. */
static void *
hyperscan_avx2_build(const Lines *keywords, Task task)
{
	if (keywords->n > max_patterns)
		return NULL;
	return hyperscan_list(keywords, task,
						  task.whole_word ? HS_WORD_CHECKED : HS_SUBSTRING, true);
}

/* Whole words by \b; a large list would take minutes to compile. */
static void *
hyperscan_pattern_build(const Lines *keywords, Task task)
{
	if (!task.whole_word || keywords->n > max_patterns)
		return NULL;
	return hyperscan_list(keywords, task, HS_WORD_PATTERN, false);
}

static void
hyperscan_release(void *set)
{
	hs_list_free(set);
}

static size_t
hyperscan_bytes(const void *set)
{
	return hs_list_bytes(set);
}

static size_t
hyperscan_scan(const void *set, Task task, const char *text, size_t length)
{
	return task.all ? hs_list_all(set, text, length) :
		hs_list_any(set, text, length);
}

static const Engine hyperscan_engine = {
	"hyperscan", hyperscan_build, hyperscan_release, hyperscan_bytes,
	hyperscan_scan
};

static const Engine hyperscan_pattern_engine = {
	"hyperscan-b", hyperscan_pattern_build, hyperscan_release,
	hyperscan_bytes, hyperscan_scan
};

static const Engine hyperscan_avx2_engine = {
	"hyperscan-avx2", hyperscan_avx2_build, hyperscan_release, hyperscan_bytes,
	hyperscan_scan
};

/* The floor and the peers, which come before filteropt's own engines. */
static const Engine *const peers[] = {
	&floor_engine, &hyperscan_engine, &hyperscan_pattern_engine,
	&hyperscan_avx2_engine, NULL
};

/* An engine with its compiled set while a task is measured. */
typedef struct Runner
{
	const Engine *engine;
	void	   *set;
	double		ns[MAX_ROUNDS];
	size_t		hits;
} Runner;

/* Is the name in a list with commas, or no list given? */
static bool
is_wanted(const char *list, const char *name)
{
	const char *at = list;
	size_t		length = strlen(name);

	while (at && *at)
	{
		size_t		word = strcspn(at, ",");

		if (word == length && strncmp(at, name, length) == 0)
			return true;
		at += word + (at[word] == ',');
	}
	return !list;
}

/* All engines that are wanted; returns how many. */
static int
list_engines(Runner *runners)
{
	int			n = 0;

	for (const Engine *const *peer = peers; *peer; peer++)
		if (is_wanted(only_engines, (*peer)->name))
			runners[n++].engine = *peer;
	for (const Engine *const *own = filteropt_engines; *own; own++)
		if (is_wanted(only_engines, (*own)->name))
			runners[n++].engine = *own;
	return n;
}

/* Names of a task for the report. */
static const char *
boundary_name(Task task)
{
	return task.whole_word ? "word" : "substring";
}

static const char *
matches_name(Task task)
{
	return task.all ? "all" : "any";
}

/* Build the set, repeatedly when that is quick; print the median and bytes. */
static void
build_set(Runner *runner, const Lines *keywords, Task task)
{
	const Engine *engine = runner->engine;
	static double ns[BUILD_REPEATS];
	double		begin = cpu_ns();
	int			n = 0;

	do
	{
		double		start = cpu_ns();

		if (n > 0)
			engine->release(runner->set);
		runner->set = engine->build(keywords, task);
		ns[n++] = cpu_ns() - start;
		if (!runner->set)
			return;
	} while (n < BUILD_REPEATS && cpu_ns() - begin < BUILD_BUDGET_NS);
	printf("build\t%zu\t-\t%s\t%s\t%s\t%.0f\t%zu\n", keywords->n,
		   boundary_name(task), matches_name(task), engine->name,
		   median(ns, n), engine->bytes(runner->set));
}

/* Scan all texts for about round_ns; returns nanoseconds per text. */
static double
scan_round(Runner *runner, Task task, const Lines *texts)
{
	double		start = cpu_ns();
	double		elapsed;
	size_t		passes = 0;

	do
	{
		size_t		hits = 0;

		for (size_t i = 0; i < texts->n; i++)
			hits += runner->engine->scan(runner->set, task, texts->line[i],
										 texts->length[i]) > 0;
		runner->hits = hits;
		passes++;
		elapsed = cpu_ns() - start;
	} while (elapsed < round_ns);
	return elapsed / passes / texts->n;
}

/* Let the engines take turns over one file of texts, and print medians. */
static void
scan_texts(Runner *runners, int n, Task task, size_t keywords,
		   const char *name, const Lines *texts)
{
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			if (runners[i].set)
				runners[i].ns[round] = scan_round(&runners[i], task, texts);
	for (int i = 0; i < n; i++)
		if (runners[i].set)
			printf("scan\t%zu\t%s\t%s\t%s\t%s\t%.1f\t%zu\n", keywords, name,
				   boundary_name(task), matches_name(task),
				   runners[i].engine->name, median(runners[i].ns, rounds),
				   runners[i].hits);
	fflush(stdout);
}

/* One task: build every engine's set, scan every file, release. */
static void
run_task(Task task, const Lines *keywords, int n_texts, char **names,
		 const Lines *texts)
{
	Runner		runners[MAX_ENGINES] = {0};
	int			n = list_engines(runners);
	char		name[32];

	snprintf(name, sizeof(name), "%s/%s", boundary_name(task), matches_name(task));
	if (!is_wanted(only_tasks, name))
		return;
	for (int i = 0; i < n; i++)
		build_set(&runners[i], keywords, task);
	for (int t = 0; t < n_texts; t++)
		scan_texts(runners, n, task, keywords->n, names[t], &texts[t]);
	for (int i = 0; i < n; i++)
		if (runners[i].set)
			runners[i].engine->release(runners[i].set);
}

int
main(int argc, char **argv)
{
	const char *keyword_path = NULL;
	Lines		keywords;
	Lines	   *texts;
	int			option;

	while ((option = getopt(argc, argv, "m:r:e:k:p:t:")) != -1)
	{
		if (option == 'm')
			round_ns = atof(optarg) * 1e6;
		else if (option == 'r')
			rounds = atoi(optarg);
		else if (option == 'e')
			only_engines = optarg;
		else if (option == 'p')
			max_patterns = atoi(optarg);
		else if (option == 't')
			only_tasks = optarg;
		else if (option == 'k')
			keyword_path = optarg;
		else
			die("usage", "core [-m ms] [-r rounds] [-p n] [-e engines] "
				"[-t tasks] -k KEYWORDS NAME=TEXTS...");
	}
	if (!keyword_path || rounds < 1 || rounds > MAX_ROUNDS)
		die("usage", "-k is needed, and -r from 1 to 99");
	keywords = read_lines(keyword_path);
	texts = calloc(argc - optind + 1, sizeof(Lines));
	for (int i = optind; i < argc; i++)
	{
		char	   *path = strchr(argv[i], '=');

		if (!path)
			die(argv[i], "expected NAME=TEXTS");
		*path = '\0';
		texts[i - optind] = read_lines(path + 1);
	}
	for (int i = 0; i < 4; i++)
	{
		Task		task = {i < 2, i % 2};

		run_task(task, &keywords, argc - optind, argv + optind, texts);
	}
	return 0;
}
