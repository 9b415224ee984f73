/*
 * feed_decide.h
 *		The rule that decides on a post.
 */
#ifndef FO_FEED_DECIDE_H
#define FO_FEED_DECIDE_H

#include "postgres.h"

typedef enum FoFeedMode
{
	FO_MODE_KEYWORD,
	FO_MODE_AI,
	FO_MODE_HYBRID
} FoFeedMode;

typedef enum FoFeedStrategy
{
	FO_STRICT,
	FO_MODERATE,
	FO_RELAXED
} FoFeedStrategy;

/* What a model says of a post. */
typedef enum FoVerdict
{
	FO_VERDICT_UNKNOWN,			/* it has not been asked */
	FO_VERDICT_NONE,			/* it had no answer */
	FO_VERDICT_BELOW,			/* its score is below the threshold ... */
	FO_VERDICT_REACHED			/* ... or not */
} FoVerdict;

typedef enum FoDecision
{
	FO_SHOW,
	FO_HIDE,
	FO_ASK						/* a verdict is needed */
} FoDecision;

extern FoDecision fo_feed_by_keywords(FoFeedMode mode, FoFeedStrategy strategy, int nkeywords);
extern FoDecision fo_feed_by_verdict(FoFeedMode mode, FoFeedStrategy strategy, int nkeywords,
									 FoVerdict verdict);
extern FoFeedMode fo_feed_mode(const char *name, const char *whose);
extern FoFeedStrategy fo_feed_strategy(const char *name, const char *whose);
extern const char *fo_feed_mode_name(FoFeedMode mode);
extern const char *fo_feed_strategy_name(FoFeedStrategy strategy);
extern const char *fo_feed_default_threshold(FoFeedStrategy strategy);

#endif							/* FO_FEED_DECIDE_H */
