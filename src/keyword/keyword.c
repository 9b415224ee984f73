/*
 * keyword.c
 *		Start-up of the keyword feature, and the bridge between core and PostgreSQL.
 *
 * Matching keeps its working memory from call to call in a context of its own;
 * nothing here is shared between backends.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "keyword/keyword.h"

/* Matches kept for the next call; more are given back to the system. */
#define MATCHES_KEPT 65536

FoMatcher	fo_keyword_matcher;
FoMatches	fo_keyword_matches;

/* FoUnicodeAlloc: the tables of characters live as long as the backend. */
static void *
allocate_table(size_t size)
{
	return MemoryContextAlloc(TopMemoryContext, size);
}

/* FoAlloc.resize in the memory context arg; sets may be larger than palloc allows. */
static void *
resize(void *arg, void *block, size_t size)
{
	if (block == NULL)
		return MemoryContextAllocHuge((MemoryContext) arg, size);
	return repalloc_huge(block, size);
}

/* FoAlloc.release. */
static void
release(void *arg, void *block)
{
	pfree(block);
}

/* An allocator of the core that takes memory from a context. */
FoAlloc
fo_keyword_alloc(MemoryContext context)
{
	FoAlloc		alloc = {resize, release, context};

	return alloc;
}

/* What the core calls in long loops. */
void
fo_keyword_poll(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Give back what an unusual text made the matcher keep. */
void
fo_keyword_trim(void)
{
	FoMatches  *all[] = {&fo_keyword_matches, &fo_keyword_matcher.allowed,
		&fo_keyword_matcher.found};

	for (size_t i = 0; i < lengthof(all); i++)
	{
		if (all[i]->size <= MATCHES_KEPT)
			continue;
		pfree(all[i]->items);
		memset(all[i], 0, sizeof(FoMatches));
	}
}

/* The bytes of a detoasted text, converted to UTF-8 where the database has another encoding. */
FoBody
fo_keyword_body(text *body)
{
	char	   *bytes = VARDATA_ANY(body);
	int			len = VARSIZE_ANY_EXHDR(body);
	char	   *converted;
	FoBody		result = {(const uint8_t *) bytes, len};

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return result;
	converted = pg_server_to_any(bytes, len, PG_UTF8);
	if (converted != bytes)
	{
		result.bytes = (const uint8_t *) converted;
		result.len = strlen(converted);
	}
	return result;
}

/* A text from bytes of the core, the inverse of fo_keyword_body. */
text *
fo_keyword_text(const uint8_t *bytes, size_t len)
{
	char	   *converted;

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return cstring_to_text_with_len((const char *) bytes, (int) len);
	converted = pg_any_to_server((const char *) bytes, (int) len, PG_UTF8);
	if (converted == (const char *) bytes)
		return cstring_to_text_with_len(converted, (int) len);
	return cstring_to_text(converted);
}

/* Define the settings of the feature, and set up the tables and working memory of matching. */
void
fo_keyword_init(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "filteropt keyword matcher",
												  ALLOCSET_DEFAULT_SIZES);

	fo_unicode_init(allocate_table);
	fo_matcher_begin(&fo_keyword_matcher, fo_keyword_alloc(context), fo_keyword_poll);
	DefineCustomIntVariable("filteropt.keyword_cache_size",
							"Memory of a backend for compiled keyword sets of attached tables.",
							NULL, &fo_keyword_cache_size, 16384, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
}
