/*
 * api.h
 *		What every endpoint needs: pages, chosen fields, embedded children,
 *		compression and the headers of HTTP caching.
 */
#ifndef FO_API_H
#define FO_API_H

#include "postgres.h"

extern void fo_api_init(void);

extern int	fo_api_page_size_max;
extern int	fo_api_offset_max;

#endif							/* FO_API_H */
