/*
 * reference.h
 *		What src/core should find, found in the simplest way there is.
 *
 * Whole texts as arrays of characters, every pattern tried at every place, each
 * rule written once in its plainest form.  Of src/core it uses the tables of
 * single characters (unicode.h), which have a test of their own, and types.
 */
#ifndef FO_TEST_REFERENCE_H
#define FO_TEST_REFERENCE_H

#include "core/keyword_build.h"
#include "core/keyword_match.h"

typedef struct RefBytes
{
	const uint8_t *bytes;
	size_t		len;
} RefBytes;

/* What a set is made from; entries may be bad or repeated. */
typedef struct RefSpec
{
	FoFoldLevel fold;
	bool		whole_word;
	bool		opaque;
	const RefBytes *keywords;
	size_t		nkeywords;
	const RefBytes *allow;
	size_t		nallow;
} RefSpec;

typedef struct RefSet RefSet;

/* The entries of a spec, parsed and folded, bad and repeated ones left out. */
extern RefSet *ref_compile(const RefSpec *spec);
extern void ref_free(RefSet *set);
extern size_t ref_count(const RefSet *set, bool allow);

/* What fo_builder_add should say of an entry that is no duplicate. */
extern FoBuildStatus ref_status(const RefSpec *spec, RefBytes source);

/*
 * All occurrences of keywords in body, by start, then keyword.  With allow,
 * those inside an occurrence of an allowed phrase are left out.  Returns how
 * many; *matches is the caller's to free.
 */
extern size_t ref_find(const RefSet *set, const uint8_t *body, size_t len, bool allow,
					   FoMatch **matches);

#endif							/* FO_TEST_REFERENCE_H */
