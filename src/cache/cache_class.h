/*
 * cache_class.h
 *		Verdicts of models: their keys, for exact and near matches, and what they save;
 *		also for those who look many of them up at once.
 */
#ifndef FO_CACHE_CLASS_H
#define FO_CACHE_CLASS_H

#include "cache/cache_internal.h"
#include "fmgr.h"

#define FO_CLASS_KEY_BYTES	(3 + 64)

typedef struct FoClassKey
{
	char		bytes[FO_CLASS_KEY_BYTES];	/* without a zero at the end */
	uint8		scope[32];		/* digest of model, prompt and parameters */
	uint64		simhash;		/* of the normal text; both only for near
								 * matches */
} FoClassKey;

extern void fo_class_make_key(FoClassKey *to, text *body, text *model, text *prompt,
							  Jsonb *params, bool near);
extern void fo_class_key(FoClassKey *to, FunctionCallInfo fcinfo, int prompt_arg, bool near);
extern FoCacheResource *fo_class_resource(void);
extern void fo_class_count_savings(FoCacheResource *resource, Jsonb *object);
extern Jsonb *fo_class_verdict(const char *bytes);

#endif							/* FO_CACHE_CLASS_H */
