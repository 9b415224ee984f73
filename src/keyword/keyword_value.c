/*
 * keyword_value.c
 *		Compiling keywords into a set, with PostgreSQL's errors; reading sets.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "keyword/keyword.h"

/* Characters of a bad keyword that an error message shows. */
#define SHOWN_CHARS 60

static const char *const fold_names[FO_FOLD_LEVELS] = {"none", "case", "accent", "evasion"};

/*
 * The set last used at a call site: its copy when the value was toasted or
 * outdated, and otherwise that the block at that address has been checked.
 */
typedef struct SetCache
{
	MemoryContext context;
	const void *checked;		/* a block in place ... */
	uint64_t	digest;			/* ... with that digest and size */
	uint32_t	size;
	Oid			toast_relation;
	Oid			toast_value;
	FoKeywordSet *copy;			/* of the toasted value, or of the outdated
								 * block */
} SetCache;

/* The fold level of that name; error 22023 if there is none. */
FoFoldLevel
fo_keyword_fold_level(const char *name)
{
	for (int i = 0; i < FO_FOLD_LEVELS; i++)
	{
		if (strcmp(name, fold_names[i]) == 0)
			return (FoFoldLevel) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized fold level \"%s\"", name),
			 errhint("Fold levels are \"none\", \"case\", \"accent\" and \"evasion\".")));
}

/* The name of a fold level. */
const char *
fo_keyword_fold_name(FoFoldLevel fold)
{
	return fold_names[fold];
}

/* Start a set in the current memory context. */
void
fo_keyword_begin_set(FoBuilder *builder, FoFoldLevel fold, bool whole_word)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && fold >= FO_FOLD_ACCENT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("fold level \"%s\" needs a database with encoding UTF8",
						fo_keyword_fold_name(fold)),
				 errdetail("The encoding of this database is %s.", GetDatabaseEncodingName()),
				 errhint("Use fold => 'case' or fold => 'none'.")));
	fo_builder_begin(builder, fold, whole_word, encoding == PG_SQL_ASCII,
					 fo_keyword_alloc(CurrentMemoryContext), fo_keyword_poll);
}

/* Say in the words of an error message what is wrong with a keyword. */
char *
fo_keyword_complaint(FoBuildStatus status, const uint8_t *keyword, size_t len)
{
	text	   *whole = fo_keyword_text(keyword, Min(len, SHOWN_CHARS * 4));
	char	   *shown = text_to_cstring(whole);
	int			clipped = pg_mbcharcliplen(shown, strlen(shown), SHOWN_CHARS);
	const char *more = clipped < (int) strlen(shown) || len > SHOWN_CHARS * 4 ? "..." : "";

	shown[clipped] = '\0';
	switch (status)
	{
		case FO_BUILD_EMPTY:
			return psprintf("\"%s%s\" has no character to look for", shown, more);
		case FO_BUILD_VANISHES:
			return psprintf("\"%s%s\" has only characters that its fold level ignores",
							shown, more);
		case FO_BUILD_TOO_LONG:
			return psprintf("\"%s%s\" has more than %d characters", shown, more,
							FO_KEYWORD_MAX_CHARS);
		default:
			return NULL;
	}
}

/* Raise the error that belongs to a status other than FO_BUILD_OK. */
static void
build_error(FoBuildStatus status, const uint8_t *keyword, size_t len, int entry, bool allow)
{
	const char *what = allow ? "allowed phrase" : "keyword";

	if (status == FO_BUILD_TOO_MANY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a keyword set holds at most %d keywords", FO_KEYWORD_MAX_COUNT)));
	if (status == FO_BUILD_TOO_BIG)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a compiled keyword set takes at most 1 GB"),
				 errhint("Distribute the keywords over several sets.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %d: %s", what, entry, fo_keyword_complaint(status, keyword, len)),
			 status == FO_BUILD_EMPTY ?
			 errhint("Write \\* to look for an asterisk.") : 0));
}

/* Add a keyword, or an allowed phrase; entry is its number for messages, from 1. */
void
fo_keyword_add(FoBuilder *builder, Datum keyword, bool isnull, int entry, bool allow)
{
	FoBody		source;
	FoBuildStatus status;
	text	   *value;

	CHECK_FOR_INTERRUPTS();
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %d is null", allow ? "allowed phrase" : "keyword", entry),
				 errhint("Leave out entries that are null.")));
	value = DatumGetTextPP(keyword);
	source = fo_keyword_body(value);
	status = fo_builder_add(builder, source.bytes, source.len, allow);
	if (status != FO_BUILD_OK)
		build_error(status, source.bytes, source.len, entry, allow);
	if ((Pointer) value != DatumGetPointer(keyword))
		pfree(value);
}

/* Lay the set out; the result is a varlena. */
FoKeywordSet *
fo_keyword_finish_set(FoBuilder *builder)
{
	FoKeywordSet *set;
	FoBuildStatus status = fo_builder_finish(builder, &set);

	if (status != FO_BUILD_OK)
		build_error(status, NULL, 0, 0, false);
	SET_VARSIZE(set, set->size);
	return set;
}

/* Compile an outdated block anew, in the current memory context. */
static FoKeywordSet *
recompile(const FoKeywordSet *old)
{
	FoBuilder	builder;
	uint32_t	total = old->nkeywords + old->nallow;

	fo_keyword_begin_set(&builder, (FoFoldLevel) old->fold, (old->flags & FO_SET_WHOLE_WORD) != 0);
	for (uint32_t i = 0; i < total; i++)
	{
		uint32_t	len;
		const uint8_t *source = fo_keyword_source(old, i, &len);
		FoBuildStatus status = fo_builder_add(&builder, source, len, i >= old->nkeywords);

		/*
		 * What an older version of Unicode let stand may vanish in a newer
		 * one.
		 */
		if (status != FO_BUILD_OK && status != FO_BUILD_VANISHES)
			build_error(status, source, len, (int) i + 1, i >= old->nkeywords);
	}
	return fo_keyword_finish_set(&builder);
}

/*
 * The set that a detoasted datum holds, ready for matching: the block itself,
 * or, when it is of another version, one compiled anew in the given context.
 */
const FoKeywordSet *
fo_keyword_usable(struct varlena *datum, MemoryContext context)
{
	const FoKeywordSet *set = (const FoKeywordSet *) datum;
	FoSetState	state = fo_keyword_set_state(set, VARSIZE(datum));
	MemoryContext old;

	if (state == FO_SET_CORRUPT)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("keyword set is corrupt")));
	if (state == FO_SET_CURRENT)
		return set;
	old = MemoryContextSwitchTo(context);
	set = recompile(set);
	MemoryContextSwitchTo(old);
	return set;
}

/* The cache of a call site. */
static SetCache *
get_cache(FunctionCallInfo fcinfo)
{
	SetCache   *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SetCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "filteropt keyword set",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	return cache;
}

/* Forget what the cache holds. */
static void
reset_cache(SetCache *cache)
{
	MemoryContext context = cache->context;

	MemoryContextReset(context);
	memset(cache, 0, sizeof(*cache));
	cache->context = context;
}

/*
 * A set stored out of line: copied once for a call site as long as it gets the
 * same value.  The identity of a toasted value is that of its chunks, which
 * cannot be reused while a query can still see them.
 */
static const FoKeywordSet *
toasted_set(SetCache *cache, struct varlena *datum)
{
	struct varatt_external pointer;
	MemoryContext old;

	VARATT_EXTERNAL_GET_POINTER(pointer, datum);
	if (cache->copy != NULL && cache->toast_value == pointer.va_valueid &&
		cache->toast_relation == pointer.va_toastrelid)
		return cache->copy;
	reset_cache(cache);
	old = MemoryContextSwitchTo(cache->context);
	cache->copy = unconstify(FoKeywordSet *,
							 fo_keyword_usable(detoast_attr(datum), cache->context));
	MemoryContextSwitchTo(old);
	cache->toast_value = pointer.va_valueid;
	cache->toast_relation = pointer.va_toastrelid;
	return cache->copy;
}

/*
 * The set that is argument number arg of a function, ready for matching.  Costs
 * nothing when the call site has seen it before.
 */
const FoKeywordSet *
fo_keyword_set_arg(FunctionCallInfo fcinfo, int arg)
{
	struct varlena *datum = (struct varlena *) PG_GETARG_POINTER(arg);
	SetCache   *cache = get_cache(fcinfo);
	const FoKeywordSet *set;

	if (VARATT_IS_EXTERNAL_ONDISK(datum))
		return toasted_set(cache, datum);
	if (VARATT_IS_EXTENDED(datum))
		return fo_keyword_usable(detoast_attr(datum), CurrentMemoryContext);
	set = (const FoKeywordSet *) datum;
	if (cache->checked == set && VARSIZE(datum) == cache->size && set->digest == cache->digest)
		return cache->copy != NULL ? cache->copy : set;
	reset_cache(cache);
	set = fo_keyword_usable(datum, cache->context);
	if (set != (const FoKeywordSet *) datum)
		cache->copy = unconstify(FoKeywordSet *, set);
	cache->checked = datum;
	cache->size = VARSIZE(datum);
	cache->digest = set->digest;
	return set;
}

/* A set of any version, detoasted, of which only the members before engines are used. */
FoKeywordSet *
fo_keyword_preamble(Datum datum)
{
	FoKeywordSet *set = (FoKeywordSet *) PG_DETOAST_DATUM(datum);

	if (fo_keyword_set_state(set, VARSIZE(set)) == FO_SET_CORRUPT)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("keyword set is corrupt")));
	return set;
}
