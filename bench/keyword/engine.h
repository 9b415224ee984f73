/*
 * engine.h
 *		What the microbenchmark asks of an engine, and the keyword list it gets.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

/* Lines of a file: texts or keywords. */
typedef struct Lines
{
	size_t		n;
	const char **line;
	size_t	   *length;
} Lines;

/* What one set is compiled for; an engine may ignore "all". */
typedef struct Task
{
	bool		whole_word;
	bool		all;			/* count occurrences, else stop at one */
} Task;

/* A way to match.  Build returns NULL where the engine cannot do the task. */
typedef struct Engine
{
	const char *name;
	void	   *(*build) (const Lines *keywords, Task task);
	void		(*release) (void *set);
	size_t		(*bytes) (const void *set);
	size_t		(*scan) (const void *set, Task task,
						 const char *text, size_t length);
} Engine;

/* filteropt's own, one per folding level; NULL ends the list. */
extern const Engine *const filteropt_engines[];

#endif							/* BENCH_ENGINE_H */
