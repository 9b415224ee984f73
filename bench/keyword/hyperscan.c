/*
 * hyperscan.c
 *		The peer: a keyword list as a Hyperscan database, plain C.
 *
 * Substrings are compiled as caseless literals, Hyperscan's fastest way.
 * There are two ways to whole words.  HS_WORD_CHECKED compiles the same
 * literals and looks at the bytes beside each match, whose start follows from
 * the keyword's length.  HS_WORD_PATTERN compiles patterns of escaped bytes,
 * with \b at an end that is an ASCII word character: "c++" gives
 * \bc\x2b\x2b; compiling takes fifty times longer and scanning is faster for
 * some sizes.  The report compares with the better of the two.
 *
 * Unless "unicode" is asked for, Hyperscan folds the case of ASCII only and
 * takes bytes above 127 as no part of a word, which is less work than
 * filteropt does for the same list; so the comparison favours the peer.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hs/hs.h>

#include "hyperscan.h"

/* What a boundary check must know of a keyword. */
typedef struct Ends
{
	unsigned int length:30;
	unsigned int first:1;		/* begins with a word byte */
	unsigned int last:1;		/* ends with one */
} Ends;

struct HsList
{
	hs_database_t *database;
	hs_scratch_t *scratch;
	hs_compile_error_t *error;	/* while it is built */
	Ends	   *ends;			/* of each keyword; only for HS_WORD_CHECKED */
};

/* A list to be compiled. */
typedef struct Source
{
	const char *const *keywords;
	const size_t *lengths;
	size_t		n;
	unsigned int *flags;
	unsigned int *ids;
} Source;

/* A scan under way. */
typedef struct Scan
{
	const Ends *ends;
	const char *text;
	size_t		length;
	size_t		count;
	HsVisit		visit;
	void	   *context;
} Scan;

/* Bytes one keyword may need as a pattern: \xHH for each byte, \b twice. */
#define PATTERN_SIZE(length) (4 * (length) + 5)

/* Is the byte a word character to Hyperscan without HS_FLAG_UCP? */
static bool
is_word_byte(unsigned char byte)
{
	return byte < 128 && (isalnum(byte) || byte == '_');
}

/* Write the whole-word pattern of one keyword; returns the bytes written. */
static size_t
write_pattern(char *out, const char *keyword, size_t length, bool unicode)
{
	char	   *start = out;
	unsigned char first = keyword[0];
	unsigned char last = keyword[length - 1];

	if (is_word_byte(first) || (unicode && first >= 128))
		out += sprintf(out, "\\b");
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = keyword[i];

		if (is_word_byte(byte) || (unicode && byte >= 128))
			*out++ = byte;
		else
			out += sprintf(out, "\\x%02x", byte);
	}
	if (is_word_byte(last) || (unicode && last >= 128))
		out += sprintf(out, "\\b");
	*out++ = '\0';
	return out - start;
}

/* A platform with AVX2 and no more; the engines differ, not the code that runs them. */
static const hs_platform_info_t avx2_platform = {
	.tune = HS_TUNE_FAMILY_HSW, .cpu_features = HS_CPU_FEATURES_AVX2
};

/* Compile caseless literals. */
static hs_error_t
compile_literals(HsList *list, const Source *source, const hs_platform_info_t * platform)
{
	return hs_compile_lit_multi(source->keywords, source->flags, source->ids,
								source->lengths, source->n, HS_MODE_BLOCK,
								platform, &list->database, &list->error);
}

/* Compile each keyword as an escaped pattern with boundaries. */
static hs_error_t
compile_words(HsList *list, const Source *source, bool unicode,
			  const hs_platform_info_t * platform)
{
	const char **patterns = malloc(source->n * sizeof(char *));
	size_t		total = 0;
	char	   *buffer;
	char	   *next;
	hs_error_t	result;

	for (size_t i = 0; i < source->n; i++)
		total += PATTERN_SIZE(source->lengths[i]);
	next = buffer = malloc(total);
	for (size_t i = 0; i < source->n; i++)
	{
		patterns[i] = next;
		next += write_pattern(next, source->keywords[i], source->lengths[i],
							  unicode);
	}
	result = hs_compile_multi(patterns, source->flags, source->ids, source->n,
							  HS_MODE_BLOCK, platform, &list->database,
							  &list->error);
	free(buffer);
	free(patterns);
	return result;
}

/* What boundary checks need of all keywords. */
static Ends *
describe_ends(const char *const *keywords, const size_t *lengths, size_t n)
{
	Ends	   *ends = malloc(n * sizeof(Ends));

	for (size_t i = 0; i < n; i++)
	{
		ends[i].length = lengths[i];
		ends[i].first = is_word_byte(keywords[i][0]);
		ends[i].last = is_word_byte(keywords[i][lengths[i] - 1]);
	}
	return ends;
}

/* The flags of every keyword. */
static unsigned int
choose_flags(HsOptions options)
{
	unsigned int flags = HS_FLAG_CASELESS;

	if (options.first_only && options.boundary != HS_WORD_CHECKED)
		flags |= HS_FLAG_SINGLEMATCH;
	if (options.unicode)
		flags |= HS_FLAG_UTF8 | HS_FLAG_UCP;
	return flags;
}

/* Compile the keywords, all with the same flags, and make scratch space. */
static bool
compile_list(HsList *list, Source *source, HsOptions options)
{
	const		hs_platform_info_t *platform = options.avx2 ? &avx2_platform : NULL;
	hs_error_t	result;

	source->flags = calloc(source->n, sizeof(*source->ids));
	source->ids = calloc(source->n, sizeof(*source->ids));
	for (size_t i = 0; i < source->n; i++)
	{
		source->flags[i] = choose_flags(options);
		source->ids[i] = i;
	}
	if (options.boundary == HS_WORD_PATTERN)
		result = compile_words(list, source, options.unicode, platform);
	else
		result = compile_literals(list, source, platform);
	free(source->flags);
	free(source->ids);
	if (result == HS_SUCCESS)
		result = hs_alloc_scratch(list->database, &list->scratch);
	return result == HS_SUCCESS;
}

/*
 * Compile a list of n keywords, none of them empty.  Returns NULL and says
 * why in "error" when Hyperscan refuses it.
 */
struct HsList *
hs_list_build(const char *const *keywords, const size_t *lengths, size_t n,
			  HsOptions options, char *error, size_t error_size)
{
	HsList	   *list = calloc(1, sizeof(HsList));
	Source		source = {keywords, lengths, n, NULL, NULL};

	if (options.boundary == HS_WORD_CHECKED)
		list->ends = describe_ends(keywords, lengths, n);
	if (compile_list(list, &source, options))
		return list;
	snprintf(error, error_size, "%s",
			 list->error ? list->error->message : "out of memory");
	hs_free_compile_error(list->error);
	hs_list_free(list);
	return NULL;
}

/* Release a list and everything Hyperscan allocated for it. */
void
hs_list_free(HsList *list)
{
	hs_free_scratch(list->scratch);
	hs_free_database(list->database);
	free(list->ends);
	free(list);
}

/* Size of the compiled list, without the scratch space of a scan. */
size_t
hs_list_bytes(const HsList *list)
{
	size_t		bytes = 0;

	hs_database_size(list->database, &bytes);
	return bytes;
}

/* Does the match of keyword "id" that ends before byte "end" stand alone? */
static bool
is_whole_word(const Scan *scan, unsigned int id, size_t end)
{
	Ends		ends = scan->ends[id];
	size_t		start = end - ends.length;

	if (ends.first && start > 0 && is_word_byte(scan->text[start - 1]))
		return false;
	return !(ends.last && end < scan->length &&
			 is_word_byte(scan->text[end]));
}

/* hs_scan callbacks: stop at the first match, or count them all. */
static int
on_any(unsigned int id, unsigned long long from, unsigned long long to,
	   unsigned int flags, void *context)
{
	((Scan *) context)->count = 1;
	return 1;
}

static int
on_all(unsigned int id, unsigned long long from, unsigned long long to,
	   unsigned int flags, void *context)
{
	((Scan *) context)->count++;
	return 0;
}

/* The same for whole words that Hyperscan matched as literals. */
static int
on_any_checked(unsigned int id, unsigned long long from, unsigned long long to,
			   unsigned int flags, void *context)
{
	return is_whole_word(context, id, to) ?
		on_any(id, from, to, flags, context) : 0;
}

static int
on_all_checked(unsigned int id, unsigned long long from, unsigned long long to,
			   unsigned int flags, void *context)
{
	return is_whole_word(context, id, to) ?
		on_all(id, from, to, flags, context) : 0;
}

/* hs_scan callback: hand the match to the visitor. */
static int
on_visit(unsigned int id, unsigned long long from, unsigned long long to,
		 unsigned int flags, void *context)
{
	Scan	   *scan = context;

	if (scan->ends && !is_whole_word(scan, id, to))
		return 0;
	return scan->visit(id, scan->context);
}

/* Does any keyword occur in the text? */
bool
hs_list_any(const HsList *list, const char *body, size_t length)
{
	Scan		scan = {list->ends, body, length, 0, NULL, NULL};

	hs_scan(list->database, body, length, 0, list->scratch,
			list->ends ? on_any_checked : on_any, &scan);
	return scan.count > 0;
}

/* Count the occurrences of all keywords in the text. */
size_t
hs_list_all(const HsList *list, const char *body, size_t length)
{
	Scan		scan = {list->ends, body, length, 0, NULL, NULL};

	hs_scan(list->database, body, length, 0, list->scratch,
			list->ends ? on_all_checked : on_all, &scan);
	return scan.count;
}

/* Call "visit" for each match in the text. */
void
hs_list_visit(const HsList *list, const char *body, size_t length,
			  HsVisit visit, void *context)
{
	Scan		scan = {list->ends, body, length, 0, visit, context};

	hs_scan(list->database, body, length, 0, list->scratch, on_visit, &scan);
}
