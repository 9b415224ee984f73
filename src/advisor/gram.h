/*
 * gram.h
 *		The operator class gram_ops: texts searched by LIKE and ILIKE in little space.
 */
#ifndef FO_ADVISOR_GRAM_H
#define FO_ADVISOR_GRAM_H

#include "postgres.h"

extern Oid	fo_gram_opclass(void);
extern int	fo_gram_buckets_for(double width);
extern bytea *fo_gram_options(int buckets);

#endif							/* FO_ADVISOR_GRAM_H */
