/*
 * cache_class.h
 *		Keys of classification, for exact and near matches.
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

extern void fo_class_key(FoClassKey *to, FunctionCallInfo fcinfo, int prompt_arg, bool near);
extern FoCacheResource *fo_class_resource(void);
extern Jsonb *fo_class_verdict(const char *bytes);

#endif							/* FO_CACHE_CLASS_H */
