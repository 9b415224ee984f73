/*
 * advisor.c
 *		Start-up of the advisor feature: its settings, shared memory and hooks.
 */
#include "postgres.h"

#include "advisor/advise.h"
#include "advisor/advisor.h"
#include "advisor/watch.h"

/* Define the settings of the feature and, when preloaded, take its hooks. */
void
fo_advisor_init(void)
{
	fo_advise_init();
	fo_watch_init();
}
