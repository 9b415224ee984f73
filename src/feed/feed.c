/*
 * feed.c
 *		Start-up of the feed feature: its settings.
 */
#include "postgres.h"

#include "feed/feed.h"

/* Define the settings of the feature. */
void
fo_feed_init(void)
{
}
