/*
 * cache_record.c
 *		Tests of the records in Redis: what was written is read, and nothing that
 *		was cut, stretched or spoilt is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache_record.h"

static int	tests;
static int	failures;

static void
ok(bool good, const char *what)
{
	tests++;
	if (!good)
		failures++;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* A record of any kind, with all numbers different. */
static FoRecord
sample(char kind)
{
	FoRecord	record = {.kind = kind, .server = UINT64_C(0xfedcba9876543210),
		.timeline = 7, .xid = UINT32_MAX, .nonce = UINT64_C(0x0123456789abcdef),
		.created = -5, .expires = INT64_MAX, .stale_until = INT64_MIN};

	record.key = "k\0y";
	record.key_len = 3;
	record.value = kind == FO_RECORD_VALUE ? "va\0ue" : NULL;
	record.value_len = record.raw_len = kind == FO_RECORD_VALUE ? 5 : 0;
	return record;
}

static bool
same(const FoRecord *a, const FoRecord *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->server == b->server &&
		a->timeline == b->timeline && a->xid == b->xid && a->nonce == b->nonce &&
		a->created == b->created && a->expires == b->expires &&
		a->stale_until == b->stale_until && a->raw_len == b->raw_len &&
		a->key_len == b->key_len && a->value_len == b->value_len &&
		memcmp(a->key, b->key, a->key_len) == 0 &&
		(a->value_len == 0 || memcmp(a->value, b->value, a->value_len) == 0);
}

/* Does a record come back as it went, from memory of just its size? */
static bool
returns(const FoRecord *record)
{
	size_t		len = fo_record_bytes(record);
	char	   *bytes = malloc(len);
	FoRecord	back;
	bool		good;

	fo_record_write(record, bytes);
	good = fo_record_read(&back, bytes, len) && same(record, &back);
	free(bytes);
	return good;
}

/* Is the record refused at every other length, cut or stretched? */
static bool
refuses_other_lengths(const FoRecord *record)
{
	size_t		len = fo_record_bytes(record);
	bool		good = true;

	for (size_t n = 0; n < len + 20; n++)
	{
		char	   *bytes = calloc(1, len + 20);
		char	   *exact = malloc(n + 1);
		FoRecord	back;

		fo_record_write(record, bytes);
		memcpy(exact, bytes, n);
		good = good && fo_record_read(&back, exact, n) == (n == len);
		free(exact);
		free(bytes);
	}
	return good;
}

/* Does reading survive each byte spoilt, and are spoilt ids and kinds refused? */
static bool
refuses_spoilt(const FoRecord *record)
{
	size_t		len = fo_record_bytes(record);
	char	   *bytes = malloc(len);
	bool		good = true;

	for (size_t at = 0; at < len; at++)
	{
		FoRecord	back;
		bool		sound;

		fo_record_write(record, bytes);
		bytes[at] = (char) (bytes[at] ^ 0x5a);
		sound = fo_record_read(&back, bytes, len);
		good = good && !(sound && at < 5) &&
			(!sound || (back.key_len <= len && back.value_len <= len));
	}
	free(bytes);
	return good;
}

int
main(void)
{
	static const char kinds[] = {FO_RECORD_VALUE, FO_RECORD_TOMBSTONE, FO_RECORD_FENCE,
		FO_RECORD_LEASE};
	FoRecord	record;

	for (size_t i = 0; i < sizeof(kinds); i++)
	{
		record = sample(kinds[i]);
		ok(returns(&record), "comes back as it went");
		ok(refuses_other_lengths(&record), "of its very length only");
		ok(refuses_spoilt(&record), "spoilt in its first bytes it is refused");
	}
	record = sample(FO_RECORD_VALUE);
	record.flags = FO_RECORD_NEGATIVE | FO_RECORD_BOUND;
	record.value_len = record.raw_len = 0;
	ok(returns(&record), "a negative value");
	record = sample(FO_RECORD_VALUE);
	record.flags = FO_RECORD_PACKED;
	record.raw_len = 1000;
	ok(returns(&record), "a compressed value");
	record.key_len = 0;
	ok(returns(&record), "an empty key");
	record.flags = 0;
	ok(!returns(&record), "a value of another length than it says");
	record = sample(FO_RECORD_VALUE);
	record.flags = FO_RECORD_NEGATIVE;
	ok(!returns(&record), "a negative value with bytes");
	record.flags = 128;
	ok(!returns(&record), "an unknown flag");
	record = sample(FO_RECORD_FENCE);
	record.value = "x";
	record.value_len = 1;
	ok(!returns(&record), "a fence with a value");
	printf("1..%d\n", tests);
	return failures > 0;
}
