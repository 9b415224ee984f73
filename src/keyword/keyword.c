/*
 * keyword.c
 *		Start-up of the keyword feature.
 */
#include "postgres.h"

#include "keyword/keyword.h"

/* Define the settings of the feature. */
void
fo_keyword_init(void)
{
}
