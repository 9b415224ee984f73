/*
 * sqltext.h
 *		SQL text made from a rollup's layout.
 */
#ifndef FO_ROLLUP_SQLTEXT_H
#define FO_ROLLUP_SQLTEXT_H

#include "postgres.h"

#include "rollup/layout.h"

extern char *fo_rollup_partials_sql(const FoLayout *layout, const bool *nulls);
extern char *fo_rollup_reading_sql(const FoLayout *layout, const char *data);
extern char *fo_rollup_columns_sql(const FoLayout *layout);
extern char *fo_rollup_type_sql(Oid type, int32 typmod, Oid collation);

#endif							/* FO_ROLLUP_SQLTEXT_H */
