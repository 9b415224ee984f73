/*
 * compat.h
 *		Differences between PostgreSQL 14 and 18, kept out of the features.
 */
#ifndef FO_COMPAT_H
#define FO_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#if PG_VERSION_NUM < 140000
#error "filteropt needs PostgreSQL 14 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

extern void fo_begin_rows(FunctionCallInfo fcinfo);

#endif							/* FO_COMPAT_H */
