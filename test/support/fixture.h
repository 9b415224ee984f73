/*
 * fixture.h
 *		What tests of src/core need: memory, random numbers and texts, sets.
 */
#ifndef FO_TEST_FIXTURE_H
#define FO_TEST_FIXTURE_H

#include "support/reference.h"

/* Memory filled with rubbish, and how many blocks of it there are. */
extern const FoAlloc fx_alloc;
extern long fx_blocks;

/* Number of calls of fx_poll so far. */
extern long fx_polls;
extern void fx_poll(void);

extern void fx_init(void);

/* Every kernel that runs on this processor, the portable one first. */
extern const FoKernel *const *fx_kernels(size_t *n);

/* A repeatable random number below n (n > 0). */
typedef struct FxRandom
{
	uint64_t	state;
} FxRandom;

extern uint32_t fx_random(FxRandom *random, uint32_t n);

/* A copy that ends where its block ends, so that reading on is noticed. */
extern uint8_t *fx_exact(const void *bytes, size_t len);

/*
 * A text folded by kernel, in steps of limit bytes when that is not 0; with
 * offsets when they are asked for.  For fx_free_text.
 */
extern FoText fx_fold(const FoKernel *kernel, FoFoldLevel level, bool collapse, bool offsets,
					  const uint8_t *src, size_t len, uint32_t limit);
extern void fx_free_text(FoText *text);

/* Is the folded form of a text (by the fastest kernel, blanks collapsed) this one? */
extern bool fx_folds_to(FoFoldLevel level, const char *source, const char *wanted);

/*
 * Compile a set; entries that are refused are left out.  The block has no byte
 * too many and is released with free.
 */
extern FoKeywordSet *fx_build(const RefSpec *spec);

/* Release what a builder has allocated for itself. */
extern void fx_release_builder(FoBuilder *builder);

/* All occurrences, of all windows; the result's items are released with free. */
extern FoMatches fx_find(FoMatcher *matcher, const FoKeywordSet *set,
						 const uint8_t *body, size_t len);

/* Mark in seen (a byte per keyword) those that fo_scan_keywords reports. */
extern void fx_keywords(FoMatcher *matcher, const FoKeywordSet *set,
						const uint8_t *body, size_t len, uint8_t *seen);

extern void fx_matcher_end(FoMatcher *matcher);

/*
 * Do all kernels find in body what the reference finds, in every way of asking?
 * Returns NULL, or what differed, in a static buffer.
 */
extern const char *fx_differs(const RefSpec *spec, const uint8_t *body, size_t len);

/* The same for one matcher, which may have been used before. */
extern const char *fx_matcher_differs(FoMatcher *matcher, const RefSpec *spec,
									  const uint8_t *body, size_t len);

/* Print a spec and a text (its beginning) as TAP comments. */
extern void fx_explain(const RefSpec *spec, const uint8_t *body, size_t len);

#endif							/* FO_TEST_FIXTURE_H */
