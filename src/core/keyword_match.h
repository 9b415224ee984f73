/*
 * keyword_match.h
 *		Looking for the keywords of a set in a text.
 */
#ifndef FO_KEYWORD_MATCH_H
#define FO_KEYWORD_MATCH_H

#include "core/fold.h"
#include "core/keyword_set.h"

/* An occurrence, in bytes of the source text. */
typedef struct FoMatch
{
	uint32_t	start;
	uint32_t	end;
	uint32_t	keyword;
} FoMatch;

typedef struct FoMatches
{
	FoMatch    *items;
	size_t		used;
	size_t		size;
} FoMatches;

/*
 * Working memory for matching, kept from text to text.  It grows with the
 * longest keyword, to 2 MB for most sets and 16 MB at most, not with the text.
 */
typedef struct FoMatcher
{
	FoAlloc		alloc;
	void		(*poll) (void);
	const FoKernel *kernel;
	uint32_t	room;			/* bytes that the buffers hold, without slack */
	FoText		text;
	FoText		plain;			/* the text undisguised */
	uint8_t    *attributes;
	uint64_t   *words;
	uint64_t   *candidates;		/* twice as many */
	uint32_t   *edges;			/* beginnings of words and, from room on,
								 * their ends */
	uint32_t   *offsets;		/* four arrays of room; NULL until needed */
	FoMatches	allowed;		/* of the window */
	FoMatches	found;			/* of fo_keyword_occurs */
	uint32_t	steps;			/* since the beginning, for poll */
} FoMatcher;

/* A text being looked through, window by window. */
typedef struct FoScan
{
	FoMatcher  *matcher;
	const FoKeywordSet *set;
	FoFold		fold;
	uint32_t	limit;			/* bytes of a window, at most */
	uint32_t	part;			/* bytes that the next one is for, if it is
								 * small */
	uint32_t	from;			/* hits of this window begin here ... */
	uint32_t	to;				/* ... or later, and before this byte */
	bool		started;
	bool		one;			/* the first hit will do */
	bool		offsets;		/* where matches are will be asked */
	uint32_t	allowed_until;	/* end of the allowed phrases seen so far that
								 * reaches furthest */
} FoScan;

/* Called for each keyword found; returns true to stop. */
typedef bool (*FoFound) (void *arg, uint32_t keyword);

extern void fo_matcher_begin(FoMatcher *matcher, FoAlloc alloc, void (*poll) (void));
extern void fo_scan_begin(FoScan *scan, FoMatcher *matcher, const FoKeywordSet *set,
						  const uint8_t *body, size_t len, bool offsets);
extern bool fo_scan_next(FoScan *scan);
extern bool fo_scan_keywords(FoScan *scan, FoFound found, void *arg);
extern void fo_scan_matches(FoScan *scan, FoMatches *matches);
extern bool fo_keyword_occurs(FoMatcher *matcher, const FoKeywordSet *set,
							  const uint8_t *body, size_t len);

#endif							/* FO_KEYWORD_MATCH_H */
