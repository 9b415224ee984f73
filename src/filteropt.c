/*
 * filteropt.c
 *		Module entry: each feature initialises itself, nothing else happens here.
 */
#include "postgres.h"

#include "fmgr.h"

#include "api/api.h"
#include "keyword/keyword.h"
#include "rollup/rollup.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Called once per backend, or once in the postmaster when preloaded. */
void
_PG_init(void)
{
	fo_keyword_init();
	fo_rollup_init();
	fo_api_init();
}
