/*
 * feed_decide.c
 *		The rule that decides on a post: by mode, strategy, the number of distinct
 *		keywords found in it and what a model says.
 *
 * An example: in mode hybrid, a moderate filter hides a post with two keywords and
 * shows one with none, whatever a model says; about a post with one keyword the
 * model is asked, and it is hidden if the score reaches the threshold.
 */
#include "postgres.h"

#include "feed/feed_decide.h"

static const char *const mode_names[] = {"keyword", "ai", "hybrid"};
static const char *const strategy_names[] = {"strict", "moderate", "relaxed"};

/* Scores from which on a post is hidden, unless the threshold is given. */
static const char *const thresholds[] = {"0.5", "0.7", "0.9"};

/* By mode, strategy and number of keywords: 0, 1, or more. */
static const FoDecision by_keywords[3][3][3] = {
	[FO_MODE_KEYWORD] = {
		[FO_STRICT] = {FO_SHOW, FO_HIDE, FO_HIDE},
		[FO_MODERATE] = {FO_SHOW, FO_HIDE, FO_HIDE},
		[FO_RELAXED] = {FO_SHOW, FO_SHOW, FO_HIDE},
	},
	[FO_MODE_AI] = {
		[FO_STRICT] = {FO_ASK, FO_ASK, FO_ASK},
		[FO_MODERATE] = {FO_ASK, FO_ASK, FO_ASK},
		[FO_RELAXED] = {FO_ASK, FO_ASK, FO_ASK},
	},
	[FO_MODE_HYBRID] = {
		[FO_STRICT] = {FO_ASK, FO_HIDE, FO_HIDE},
		[FO_MODERATE] = {FO_SHOW, FO_ASK, FO_HIDE},
		[FO_RELAXED] = {FO_SHOW, FO_ASK, FO_ASK},
	},
};

/* What the keywords alone decide. */
FoDecision
fo_feed_by_keywords(FoFeedMode mode, FoFeedStrategy strategy, int nkeywords)
{
	return by_keywords[mode][strategy][Min(nkeywords, 2)];
}

/*
 * What a verdict decides when it has been asked for.  Where the model had no
 * answer, a strict filter hides, a relaxed one shows, and a moderate one goes by
 * the keywords, if the mode is one where they count.
 */
FoDecision
fo_feed_by_verdict(FoFeedMode mode, FoFeedStrategy strategy, int nkeywords, FoVerdict verdict)
{
	switch (verdict)
	{
		case FO_VERDICT_REACHED:
			return FO_HIDE;
		case FO_VERDICT_BELOW:
			return FO_SHOW;
		case FO_VERDICT_NONE:
			if (strategy == FO_MODERATE)
				return mode == FO_MODE_HYBRID && nkeywords > 0 ? FO_HIDE : FO_SHOW;
			return strategy == FO_STRICT ? FO_HIDE : FO_SHOW;
		case FO_VERDICT_UNKNOWN:
			break;
	}
	return FO_ASK;
}

/* The place of a name in a list; error 22023 if it is not there. */
static int
find_name(const char *const *names, const char *what, const char *name, const char *whose)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized %s \"%s\" in the filter config of %s", what, name, whose),
			 errhint("It is one of \"%s\", \"%s\" and \"%s\".", names[0], names[1], names[2])));
}

/* The mode of that name. */
FoFeedMode
fo_feed_mode(const char *name, const char *whose)
{
	return (FoFeedMode) find_name(mode_names, "mode", name, whose);
}

/* The strategy of that name. */
FoFeedStrategy
fo_feed_strategy(const char *name, const char *whose)
{
	return (FoFeedStrategy) find_name(strategy_names, "strategy", name, whose);
}

const char *
fo_feed_mode_name(FoFeedMode mode)
{
	return mode_names[mode];
}

const char *
fo_feed_strategy_name(FoFeedStrategy strategy)
{
	return strategy_names[strategy];
}

/* The threshold of a strategy, as a number is written. */
const char *
fo_feed_default_threshold(FoFeedStrategy strategy)
{
	return thresholds[strategy];
}
