/*
 * keyword.h
 *		The keyword feature: what its files share.
 */
#ifndef FO_KEYWORD_H
#define FO_KEYWORD_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "core/keyword_build.h"
#include "core/keyword_match.h"

/* Working memory of matching in this backend, and the matches last collected. */
extern FoMatcher fo_keyword_matcher;
extern FoMatches fo_keyword_matches;

/* A text as the core takes it: UTF-8, or bytes in a database without encoding. */
typedef struct FoBody
{
	const uint8_t *bytes;
	size_t		len;
} FoBody;

/* filteropt.keyword_cache_size, in kB */
extern int	fo_keyword_cache_size;

/* keyword.c */
extern void fo_keyword_init(void);
extern FoAlloc fo_keyword_alloc(MemoryContext context);
extern void fo_keyword_poll(void);
extern void fo_keyword_trim(void);
extern FoBody fo_keyword_body(text *body);
extern text *fo_keyword_text(const uint8_t *bytes, size_t len);

/* keyword_value.c: making and reading sets */
extern FoFoldLevel fo_keyword_fold_level(const char *name);
extern const char *fo_keyword_fold_name(FoFoldLevel fold);
extern void fo_keyword_begin_set(FoBuilder *builder, FoFoldLevel fold, bool whole_word);
extern void fo_keyword_add(FoBuilder *builder, Datum keyword, bool isnull, int entry, bool allow);
extern FoKeywordSet *fo_keyword_finish_set(FoBuilder *builder);
extern char *fo_keyword_complaint(FoBuildStatus status, const uint8_t *keyword, size_t len);
extern const FoKeywordSet *fo_keyword_usable(struct varlena *datum, MemoryContext context);
extern const FoKeywordSet *fo_keyword_set_arg(FunctionCallInfo fcinfo, int arg);
extern FoKeywordSet *fo_keyword_preamble(Datum datum);

/* keyword_text.c */

/* Called for each occurrence, by position. */
typedef void (*FoMatchFound) (void *arg, const FoMatch *match);
extern void fo_keyword_each_match(const FoKeywordSet *set, FoBody body, FoMatchFound found,
								  void *arg);
extern int32 fo_keyword_characters(const FoKeywordSet *set, FoBody body, uint32_t start,
								   uint32_t end);
extern ArrayType *fo_keyword_list_of(const FoKeywordSet *set, FoBody body);

#endif							/* FO_KEYWORD_H */
