/*
 * keyword_match.c
 *		Looking for keywords in a text of any length, window by window.
 *
 * A window is folded text: CONTEXT bytes of the window before, the part in
 * which hits may begin, and enough behind it for the longest pattern and what
 * boundaries look at.  So memory is bounded whatever the text.
 *
 * Example with a limit of 640 bytes and a longest pattern of 10: the first
 * window yields hits that begin in bytes 0 to 511; its bytes 256 to 639 become
 * the beginning of the second, which yields hits from its byte 256 on.
 */
#include "core/keyword_match.h"

#include <string.h>

#include "core/disguise.h"
#include "core/keyword_presence.h"
#include "core/keyword_scan.h"

#define CONTEXT 256
#define LOOKAHEAD 64
#define WINDOW 16384
#define WINDOW_EVASION 65536
#define MANY_KEYWORDS 4000		/* one of them occurs in most texts ... */
#define FIRST_HIT 4000000		/* ... about so many bytes by so many keywords
								 * from the beginning */
#define PART_GROWTH 4

#define POLL_EVERY 4096			/* steps of what can take long in one window */

/* No character is folded to more than this many times its bytes. */
#define MAX_EXPANSION 12

/*
 * Bytes behind the beginning of a hit that decide about it.  Undisguised, a
 * letter can have been written with four bytes and a separator of four more,
 * and be repeated: beyond 1 024 bytes of that, a hit on the edge of a window
 * may be cut short or missed.
 */
static uint32_t
lookahead(const FoKeywordSet *set)
{
	return set->fold == FO_FOLD_EVASION ? 8 * set->longest + 1024 : set->longest + LOOKAHEAD;
}

/*
 * Set up working memory; nothing is allocated yet.  poll is called between
 * windows, and now and then in one that has very many hits; it may longjmp.
 */
void
fo_matcher_begin(FoMatcher *matcher, FoAlloc alloc, void (*poll) (void))
{
	memset(matcher, 0, sizeof(*matcher));
	matcher->alloc = alloc;
	matcher->poll = poll;
	matcher->kernel = fo_kernel();
}

/* Give a text its buffers for room bytes. */
static void
make_text(const FoAlloc *alloc, FoText *text, uint32_t room)
{
	size_t		bits = ((room + FO_FOLD_SLACK) / 64 + 2) * sizeof(uint64_t);

	text->buf = alloc->resize(alloc->arg, text->buf, room + FO_FOLD_SLACK);
	text->nonword = alloc->resize(alloc->arg, text->nonword, bits);
	memset(text->nonword, 0, bits);
	text->len = 0;
	text->has_nonword = false;
	text->has_high = false;
}

/* Enlarge the buffers to hold room bytes. */
static void
reserve(FoMatcher *matcher, uint32_t room)
{
	const FoAlloc *alloc = &matcher->alloc;
	size_t		bits = ((room + FO_FOLD_SLACK) / 64 + 2) * sizeof(uint64_t);

	matcher->room = 0;
	make_text(alloc, &matcher->text, room);
	make_text(alloc, &matcher->plain, room);
	matcher->attributes = alloc->resize(alloc->arg, matcher->attributes, room + FO_FOLD_SLACK);
	matcher->words = alloc->resize(alloc->arg, matcher->words, bits);
	matcher->candidates = alloc->resize(alloc->arg, matcher->candidates, 2 * bits);
	matcher->edges = alloc->resize(alloc->arg, matcher->edges,
								   2 * (room + FO_FOLD_SLACK) * sizeof(uint32_t));
	if (matcher->offsets != NULL)
		alloc->release(alloc->arg, matcher->offsets);
	matcher->offsets = NULL;
	matcher->room = room;
}

/* Point the texts to arrays of offsets, or to none. */
static void
set_offsets(FoMatcher *matcher, bool wanted)
{
	size_t		n = matcher->room + FO_FOLD_SLACK;

	if (wanted && matcher->offsets == NULL)
		matcher->offsets = matcher->alloc.resize(matcher->alloc.arg, NULL,
												 4 * n * sizeof(uint32_t));
	matcher->text.start = wanted ? matcher->offsets : NULL;
	matcher->text.end = wanted ? matcher->offsets + n : NULL;
	matcher->plain.start = wanted ? matcher->offsets + 2 * n : NULL;
	matcher->plain.end = wanted ? matcher->offsets + 3 * n : NULL;
}

/* Empty a text, the bits of its last content cleared. */
static void
clear_text(FoText *text)
{
	if (text->has_nonword)
		memset(text->nonword, 0, (text->len / 64 + 1) * sizeof(uint64_t));
	text->has_nonword = false;
	text->has_high = false;
	text->len = 0;
}

/*
 * Start to look through body.  offsets: fo_scan_matches will be asked, not
 * only fo_scan_keywords.
 */
void
fo_scan_begin(FoScan *scan, FoMatcher *matcher, const FoKeywordSet *set,
			  const uint8_t *body, size_t len, bool offsets)
{
	bool		evasion = set->fold == FO_FOLD_EVASION;

	scan->matcher = matcher;
	scan->set = set;
	scan->limit = (evasion ? WINDOW_EVASION : WINDOW) + ((lookahead(set) + 63) & ~63u);
	scan->fold = (FoFold) {matcher->kernel, body, len, 0, (FoFoldLevel) set->fold,
						   (set->flags & FO_SET_COLLAPSE) != 0};
	scan->from = 0;
	scan->to = 0;
	scan->started = false;
	scan->one = false;
	scan->part = FIRST_HIT / (set->nkeywords + 1) / 64 * 64 + 64;
	scan->allowed_until = 0;
	/* Windows of an undisguised text are told apart by where they come from. */
	scan->offsets = offsets || (evasion && len > scan->limit / MAX_EXPANSION);
	if (matcher->room < scan->limit)
		reserve(matcher, scan->limit);
}

/* Can it be told without folding that there is nothing to find? */
static bool
text_absent(const FoScan *scan)
{
	const FoKeywordSet *set = scan->set;
	FoMatcher  *matcher = scan->matcher;
	FoRaw		raw = {matcher->kernel, scan->fold.src, scan->fold.len, matcher->words,
		matcher->candidates, matcher->candidates + WINDOW / 64 + 1};

	if (set->nkeywords == 0 || scan->fold.len == 0)
		return true;
	return set->engines[FO_ENGINE_DISGUISED].npatterns == 0 && scan->fold.len <= WINDOW &&
		fo_keywords_absent(set, &set->engines[FO_ENGINE_KEYWORDS], &raw);
}

/* Make the matcher's text ready to be filled. */
static void
begin_text(const FoScan *scan)
{
	FoMatcher  *matcher = scan->matcher;

	clear_text(&matcher->text);
	matcher->text.half_flag = false;
	matcher->text.opaque = (scan->set->flags & FO_SET_OPAQUE) != 0;
	set_offsets(matcher, scan->offsets);
}

/*
 * Limit of the next window.  When one hit is enough and there are keywords
 * enough for one to be likely, the first windows are small.
 */
static uint32_t
next_limit(FoScan *scan)
{
	const FoKeywordSet *set = scan->set;
	uint32_t	limit = scan->from + scan->part + lookahead(set);

	if (!scan->one || set->nkeywords < MANY_KEYWORDS || set->fold == FO_FOLD_EVASION ||
		limit >= scan->limit)
		return scan->limit;
	scan->part *= PART_GROWTH;
	return limit;
}

/* Fold the next window; false when the text has been looked through. */
bool
fo_scan_next(FoScan *scan)
{
	FoText	   *text = &scan->matcher->text;

	if (scan->started)
	{
		uint32_t	kept = scan->to < CONTEXT ? scan->to : CONTEXT;

		if (scan->to == text->len)
			return false;
		scan->matcher->poll();
		fo_boundary_carry(text, scan->to - kept);
		fo_fold_drop(text, scan->to - kept);
		scan->from = kept;
	}
	else if (text_absent(scan))
		return false;
	else
		begin_text(scan);
	scan->started = true;
	fo_fold_fill(&scan->fold, text, next_limit(scan));
	memset(text->buf + text->len, 0, FO_KERNEL_SLACK);
	if (scan->fold.pos == scan->fold.len)
		scan->to = text->len;
	else
		scan->to = (text->len - lookahead(scan->set)) & ~63u;
	return true;
}

/* Run an engine over the window; found and arg as in FoField. */
static bool
run_engine(FoScan *scan, int which, FoPatternFound found, void *arg)
{
	FoMatcher  *matcher = scan->matcher;
	const FoEngine *engine = &scan->set->engines[which];
	bool		disguised = which == FO_ENGINE_DISGUISED || which == FO_ENGINE_ALLOW_DISGUISED;
	FoField		field = {matcher->kernel, &matcher->text, NULL, scan->from, scan->to,
		matcher->words, matcher->candidates, matcher->edges,
		matcher->edges + matcher->room + FO_FOLD_SLACK,
		&matcher->steps, matcher->poll, found, arg};

	if (engine->npatterns == 0)
		return false;
	if (disguised)
	{
		field.text = &matcher->plain;
		field.attributes = matcher->attributes;
		field.from = 0;
		field.to = matcher->plain.len;
	}
	else if (matcher->text.start != NULL)
	{
		/* A character of the source can reach over the edge: see in_window. */
		field.from -= field.from > 0 ? 64 : 0;
		field.to = field.to + 64 < matcher->text.len ? field.to + 64 : matcher->text.len;
	}
	return fo_engine_run(scan->set, engine, &field);
}

/* Undisguise the window, if the set asks for it. */
static void
prepare_disguised(FoScan *scan)
{
	FoMatcher  *matcher = scan->matcher;

	if (scan->set->fold != FO_FOLD_EVASION)
		return;
	clear_text(&matcher->plain);
	fo_undisguise(&matcher->text, &matcher->plain, matcher->attributes);
	memset(matcher->plain.buf + matcher->plain.len, 0, FO_KERNEL_SLACK);
}

/*
 * Does an occurrence at byte at of a text begin in this window's own part?  Where
 * it came from tells, since the two texts have different edges, and what one
 * character was folded to is not to be parted.
 */
static bool
in_window(const FoScan *scan, const FoText *found, uint32_t at)
{
	const FoText *text = &scan->matcher->text;

	if (found->start == NULL)
		return true;
	return (scan->from == 0 || found->start[at] >= text->start[scan->from]) &&
		(scan->to == text->len || found->start[at] < text->start[scan->to]);
}

/* State of the callbacks below. */
typedef struct Report
{
	FoScan	   *scan;
	const FoText *text;
	FoFound		found;
	void	   *arg;
	FoMatches  *matches;
} Report;

/* FoPatternFound that passes the number of the keyword on. */
static bool
report_keyword(void *arg, const FoPattern *pattern, uint32_t at)
{
	Report	   *report = arg;

	if (!in_window(report->scan, report->text, at))
		return false;
	return report->found(report->arg, pattern->keyword);
}

/*
 * Call found for the keywords of this window, any number of times for each;
 * allowed phrases are not looked at.  Returns true when found stopped it.
 */
bool
fo_scan_keywords(FoScan *scan, FoFound found, void *arg)
{
	Report		report = {scan, &scan->matcher->text, found, arg, NULL};

	if (run_engine(scan, FO_ENGINE_KEYWORDS, report_keyword, &report))
		return true;
	if (scan->set->engines[FO_ENGINE_DISGUISED].npatterns == 0)
		return false;
	prepare_disguised(scan);
	report.text = &scan->matcher->plain;
	return run_engine(scan, FO_ENGINE_DISGUISED, report_keyword, &report);
}

/* FoPatternFound that collects occurrences. */
static bool
report_match(void *arg, const FoPattern *pattern, uint32_t at)
{
	Report	   *report = arg;
	FoMatches  *matches = report->matches;
	const FoAlloc *alloc = &report->scan->matcher->alloc;
	FoMatch    *match;

	if (!in_window(report->scan, report->text, at))
		return false;
	if (matches->used == matches->size)
	{
		matches->size = matches->size == 0 ? 64 : matches->size * 2;
		matches->items = alloc->resize(alloc->arg, matches->items,
									   matches->size * sizeof(FoMatch));
	}
	match = &matches->items[matches->used++];
	match->start = report->text->start[at];
	match->end = report->text->end[at + pattern->len - 1];
	match->keyword = pattern->keyword;
	return false;
}

/* Order by start, then by the order of the set, then by end. */
static int
compare_matches(const FoMatch *a, const FoMatch *b)
{
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->keyword != b->keyword)
		return a->keyword < b->keyword ? -1 : 1;
	return (a->end > b->end) - (a->end < b->end);
}

/* Move item number i of n down to where no item below it is larger. */
static void
sift_down(FoMatch *items, size_t n, size_t i)
{
	FoMatch		moved = items[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child)
	{
		if (child + 1 < n && compare_matches(&items[child], &items[child + 1]) < 0)
			child++;
		if (compare_matches(&moved, &items[child]) >= 0)
			break;
		items[i] = items[child];
	}
	items[i] = moved;
}

/* Call poll once in a while. */
static void
count_step(FoMatcher *matcher)
{
	if (++matcher->steps % POLL_EVERY == 0)
		matcher->poll();
}

/* Heapsort: in place, so that poll may leave it, and never much slower than usual. */
static void
sort_items(FoMatcher *matcher, FoMatch *items, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
	{
		count_step(matcher);
		sift_down(items, n, i);
	}
	while (n > 1)
	{
		FoMatch		largest = items[0];

		count_step(matcher);
		items[0] = items[--n];
		items[n] = largest;
		sift_down(items, n, 0);
	}
}

/*
 * Sort occurrences.  Those of one class come by position, so that only what
 * begins at one place is to be sorted.
 */
static void
sort_matches(FoMatcher *matcher, FoMatches *matches)
{
	FoMatch    *items = matches->items;
	size_t		first = 0;
	size_t		i;

	for (i = 1; i < matches->used && items[i - 1].start <= items[i].start; i++)
		count_step(matcher);
	if (i < matches->used)
	{
		sort_items(matcher, items, matches->used);
		return;
	}
	for (i = 1; i <= matches->used; i++)
	{
		if (i < matches->used && items[i].start == items[first].start)
			continue;
		if (i - first > 1)
			sort_items(matcher, items + first, i - first);
		first = i;
	}
}

/* Collect the occurrences of one kind of this window, sorted. */
static void
collect(FoScan *scan, int engine, FoMatches *matches)
{
	Report		report = {scan, &scan->matcher->text, NULL, NULL, matches};

	matches->used = 0;
	run_engine(scan, engine, report_match, &report);
	report.text = &scan->matcher->plain;
	run_engine(scan, engine + 1, report_match, &report);
	sort_matches(scan->matcher, matches);
}

/*
 * Put into matches (of this matcher's allocator, reused) the occurrences of
 * this window that no allowed phrase covers, by position.  A keyword that is
 * found at one place both as written and undisguised is reported once, the
 * longer way.
 */
void
fo_scan_matches(FoScan *scan, FoMatches *matches)
{
	FoMatches  *allowed = &scan->matcher->allowed;
	size_t		next = 0;
	size_t		kept = 0;

	prepare_disguised(scan);
	collect(scan, FO_ENGINE_KEYWORDS, matches);
	collect(scan, FO_ENGINE_ALLOW, allowed);
	for (size_t i = 0; i < matches->used; i++)
	{
		FoMatch		match = matches->items[i];

		for (; next < allowed->used && allowed->items[next].start <= match.start; next++)
		{
			if (allowed->items[next].end > scan->allowed_until)
				scan->allowed_until = allowed->items[next].end;
		}
		if (match.end <= scan->allowed_until)
			continue;
		if (kept > 0 && matches->items[kept - 1].start == match.start &&
			matches->items[kept - 1].keyword == match.keyword)
			kept--;
		matches->items[kept++] = match;
	}
	for (; next < allowed->used; next++)
	{
		if (allowed->items[next].end > scan->allowed_until)
			scan->allowed_until = allowed->items[next].end;
	}
	matches->used = kept;
}

/* FoFound that stops at the first keyword. */
static bool
stop(void *arg, uint32_t keyword)
{
	(void) arg;
	(void) keyword;
	return true;
}

/* Does any keyword occur, allowed phrases not looked at? */
static bool
any_keyword(FoScan *scan)
{
	while (fo_scan_next(scan))
	{
		if (fo_scan_keywords(scan, stop, NULL))
			return true;
	}
	return false;
}

/* Does a keyword of the set occur in body, outside allowed phrases? */
bool
fo_keyword_occurs(FoMatcher *matcher, const FoKeywordSet *set, const uint8_t *body, size_t len)
{
	FoScan		scan;
	bool		found;

	fo_scan_begin(&scan, matcher, set, body, len, false);
	scan.one = true;
	found = any_keyword(&scan);
	if (!found || set->nallow == 0)
		return found;
	fo_scan_begin(&scan, matcher, set, body, len, true);
	found = false;
	while (!found && fo_scan_next(&scan))
	{
		fo_scan_matches(&scan, &matcher->found);
		found = matcher->found.used > 0;
	}
	return found;
}
