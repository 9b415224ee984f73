/*
 * rollup.c
 *		Start-up of the rollup feature, and its settings.
 */
#include "postgres.h"

#include "rollup/delta.h"
#include "rollup/reader.h"
#include "rollup/rollup.h"
#include "rollup/settings.h"
#include "rollup/stat.h"
#include "rollup/worker.h"
#include "utils/guc.h"

int			fo_rollup_memory = 65536;
bool		fo_rollup_may_fold = true;
int			fo_rollup_merge_interval = 10;

/* Define the settings. */
static void
define_settings(void)
{
	DefineCustomIntVariable("filteropt.rollup_memory",
							"Memory for rollup deltas of a transaction before they are written early.",
							NULL, &fo_rollup_memory, 65536, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomBoolVariable("filteropt.rollup_fold",
							 "Committing writers add their deltas to rows of the rollup that are there.",
							 "If off, they append rows, and readers sum up what has not been merged.",
							 &fo_rollup_may_fold, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.rollup_merge_interval",
							"Time between two passes of the background worker that merges rollups.",
							"0 turns the worker off.",
							&fo_rollup_merge_interval, 10, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

/* Called once per backend, or once in the postmaster when preloaded. */
void
fo_rollup_init(void)
{
	define_settings();
	fo_rollup_spec_init();
	fo_rollup_delta_init();
	fo_rollup_reader_init();
	fo_rollup_stat_init();
	fo_rollup_worker_init();
}
