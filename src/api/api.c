/*
 * api.c
 *		Start-up of the api feature: its settings.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "api/api.h"

int			fo_api_page_size_max = 1000;
int			fo_api_offset_max = 10000;

/* Define the settings of the feature. */
void
fo_api_init(void)
{
	DefineCustomIntVariable("filteropt.api_page_size_max",
							"Most rows of a page that page() and page_offset() give.",
							NULL, &fo_api_page_size_max, 1000, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("filteropt.api_offset_max",
							"Most rows that page_offset() reads and throws away before its page.",
							NULL, &fo_api_offset_max, 10000, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
}
