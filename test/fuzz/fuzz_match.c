/*
 * fuzz_match.c
 *		Sets and texts from any bytes, against the reference matcher.
 *
 * Input: a byte of options, entries each behind RS (0x1E) or, for allowed
 * phrases, US (0x1F), and the text behind GS (0x1D).  What is no UTF-8 is only
 * matched by all kernels, which must agree and read nothing out of bounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define MAX_ENTRIES 40
#define MAX_INPUT 3000

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_utf8(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	uint32_t	cp;

	for (; p < end; p += fo_utf8_decode(p, end, &cp))
	{
		fo_utf8_decode(p, end, &cp);
		if (cp == FO_INVALID_CHAR)
			return false;
	}
	return true;
}

/* Bytes up to the next separator. */
static size_t
entry_length(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *from = p;

	while (p < end && (*p < 0x1D || *p > 0x1F))
		p++;
	return (size_t) (p - from);
}

/* Do all kernels find the same?  Without the reference: for invalid texts. */
static void
compare_kernels(const RefSpec *spec, const uint8_t *body, size_t len)
{
	FoKeywordSet *set = fx_build(spec);
	uint8_t    *exact = fx_exact(body, len);
	FoMatches	first = {NULL, 0, 0};
	size_t		n;
	const FoKernel *const *kernels = fx_kernels(&n);

	for (size_t i = 0; i < n; i++)
	{
		FoMatcher	matcher;
		FoMatches	found;

		fo_matcher_begin(&matcher, fx_alloc, fx_poll);
		matcher.kernel = kernels[i];
		found = fx_find(&matcher, set, exact, len);
		if (i > 0 && (found.used != first.used ||
					  (found.used > 0 && memcmp(found.items, first.items,
												found.used * sizeof(FoMatch)) != 0)))
			abort();
		if (fo_keyword_occurs(&matcher, set, exact, len) != (found.used > 0))
			abort();
		fx_matcher_end(&matcher);
		if (i == 0)
			first = found;
		else
			free(found.items);
	}
	free(first.items);
	free(exact);
	free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RefBytes	keywords[MAX_ENTRIES];
	RefBytes	allow[MAX_ENTRIES];
	RefSpec		spec = {.keywords = keywords, .allow = allow};
	const uint8_t *p = data + 1;
	const uint8_t *end = data + size;

	if (size < 2 || size > MAX_INPUT)
		return 0;
	fx_init();
	/* Without an encoding there is no folding beyond case. */
	spec.opaque = (data[0] & 8) != 0;
	spec.fold = (FoFoldLevel) (data[0] & (spec.opaque ? 1 : 3));
	spec.whole_word = (data[0] & 4) != 0;
	while (p < end && *p != 0x1D)
	{
		bool		allowed = *p++ == 0x1F;
		size_t		len = entry_length(p, end);

		if (allowed && spec.nallow < MAX_ENTRIES)
			allow[spec.nallow++] = (RefBytes) {p, len};
		else if (!allowed && spec.nkeywords < MAX_ENTRIES)
			keywords[spec.nkeywords++] = (RefBytes) {p, len};
		p += len;
	}
	p += p < end;
	if (!spec.opaque && !is_utf8(data + 1, size - 1))
		compare_kernels(&spec, p, (size_t) (end - p));
	else
	{
		const char *difference = fx_differs(&spec, p, (size_t) (end - p));

		if (difference != NULL)
		{
			fx_explain(&spec, p, (size_t) (end - p));
			printf("%s\n", difference);
			fflush(stdout);
			abort();
		}
	}
	return 0;
}
