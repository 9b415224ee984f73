/*
 * filteropt.c
 *		Module entry: each feature initialises itself, nothing else happens here.
 */
#include "postgres.h"

#include "fmgr.h"

#include "advisor/advisor.h"
#include "api/api.h"
#include "cache/cache.h"
#include "feed/feed.h"
#include "keyword/keyword.h"
#include "rollup/rollup.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Called once per backend, or once in the postmaster when preloaded. */
void
_PG_init(void)
{
	/*
	 * Callbacks at the end of a transaction are called in reverse order: the
	 * cache looks last, at what the others wrote before the commit as well.
	 */
	fo_cache_init();
	fo_keyword_init();
	fo_rollup_init();
	fo_api_init();
	fo_feed_init();
	fo_advisor_init();
}
