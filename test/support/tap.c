/*
 * tap.c
 *		Assertions: see tap.h.
 */
#include "support/tap.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static int	run;
static int	failed;

static bool
report(bool condition, const char *file, int line, const char *name, va_list args)
{
	char		text[1000];

	run++;
	vsnprintf(text, sizeof(text), name, args);
	/* A name is one line. */
	for (char *p = text; *p != '\0'; p++)
	{
		if ((unsigned char) *p < ' ')
			*p = ' ';
	}
	printf("%s %d - %s\n", condition ? "ok" : "not ok", run, text);
	if (!condition)
	{
		failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return condition;
}

bool
tap_ok(bool condition, const char *file, int line, const char *name,...)
{
	va_list		args;

	va_start(args, name);
	report(condition, file, line, name, args);
	va_end(args);
	return condition;
}

bool
tap_is(int64_t got, int64_t wanted, const char *file, int line, const char *name,...)
{
	va_list		args;

	va_start(args, name);
	if (!report(got == wanted, file, line, name, args))
		tap_diag("got %" PRId64 ", wanted %" PRId64, got, wanted);
	va_end(args);
	return got == wanted;
}

void
tap_diag(const char *format,...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

int
tap_done(void)
{
	printf("1..%d\n", run);
	return failed > 0;
}
