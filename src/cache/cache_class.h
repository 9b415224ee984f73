/*
 * cache_class.h
 *		Verdicts of models, for those who look many of them up at once.
 */
#ifndef FO_CACHE_CLASS_H
#define FO_CACHE_CLASS_H

#include "cache/cache_internal.h"

#define FO_CLASSIFICATION_KEY_BYTES	(3 + 64)

extern void fo_classification_make_key(char *to, text *body, text *model, text *prompt,
									   Jsonb *params);
extern void fo_classification_count_savings(FoCacheResource *resource, Jsonb *object);

#endif							/* FO_CACHE_CLASS_H */
