/*
 * keyword_pattern.h
 *		The pattern language of one keyword.
 */
#ifndef FO_KEYWORD_PATTERN_H
#define FO_KEYWORD_PATTERN_H

#include "core/fold.h"
#include "core/keyword_build.h"

/* Bytes that the unescaped text of a keyword can have. */
#define FO_PATTERN_MAX_BYTES (FO_KEYWORD_MAX_CHARS * 4)

typedef struct FoParsed
{
	uint8_t		bytes[FO_PATTERN_MAX_BYTES];	/* without stars and
												 * backslashes */
	uint32_t	len;
	bool		open_start;
	bool		open_end;
} FoParsed;

extern FoBuildStatus fo_pattern_parse(const uint8_t *source, size_t len, bool opaque,
									  FoParsed *parsed);
extern uint8_t fo_pattern_flags(const FoText *text, bool open_start, bool open_end);
extern int	fo_pattern_class(const FoText *text, uint8_t flags, uint32_t *token_len);

#endif							/* FO_KEYWORD_PATTERN_H */
