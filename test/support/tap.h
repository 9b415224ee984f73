/*
 * tap.h
 *		Assertions of a unit test, told in the Test Anything Protocol.
 */
#ifndef FO_TEST_TAP_H
#define FO_TEST_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* Assert; the rest is a printf-like name of the test. */
#define ok(condition, ...) tap_ok((condition), __FILE__, __LINE__, __VA_ARGS__)

/* Assert that two numbers are equal. */
#define is(got, wanted, ...) \
	tap_is((int64_t) (got), (int64_t) (wanted), __FILE__, __LINE__, __VA_ARGS__)

extern bool tap_ok(bool condition, const char *file, int line, const char *name,...)
			__attribute__((format(printf, 4, 5)));
extern bool tap_is(int64_t got, int64_t wanted, const char *file, int line, const char *name,...)
			__attribute__((format(printf, 5, 6)));

/* Say something about a failure. */
extern void tap_diag(const char *format,...) __attribute__((format(printf, 1, 2)));

/* Print the plan; returns the exit status of the program. */
extern int	tap_done(void);

#endif							/* FO_TEST_TAP_H */
