/*
 * boundary.h
 *		Whether a pattern found in a folded text may count there.
 */
#ifndef FO_BOUNDARY_H
#define FO_BOUNDARY_H

#include "core/fold.h"
#include "core/keyword_set.h"

/* Attributes of a character of an undisguised text, kept at its first byte. */
#define FO_ATTR_RUN			0x03	/* how often it is repeated: 1, 2, 3 or
									 * more */
#define FO_ATTR_I			0x04	/* written as i ... */
#define FO_ATTR_L			0x08	/* ... or l; both: as a sign that stands
									 * for either */
#define FO_ATTR_EITHER		(FO_ATTR_I | FO_ATTR_L)
#define FO_ATTR_SYMBOL		0x10	/* a symbol used as a letter, maybe
									 * punctuation after all */
#define FO_ATTR_SPLIT		0x20	/* a separator stood before it */

/* Is byte at of the text part of a character of a word? */
static inline bool
fo_text_word(const FoText *text, uint32_t at)
{
	uint8_t		c = text->buf[at];

	if (c < 0x80)
		return fo_ascii_word(c);
	return !text->has_nonword || !(text->nonword[at / 64] >> at % 64 & 1);
}

/* Does a regional indicator (half a flag, U+1F1E6 to U+1F1FF) begin at byte at? */
static inline bool
fo_text_regional(const FoText *text, uint32_t at)
{
	const uint8_t *p = text->buf + at;

	return !text->opaque && text->len - at >= 4 &&
		p[0] == 0xF0 && p[1] == 0x9F && p[2] == 0x87 && p[3] >= 0xA6;
}

extern uint32_t fo_apostrophe_at(const FoText *text, uint32_t at);
extern void fo_boundary_carry(FoText *text, uint32_t bytes);
extern bool fo_boundary_start(const FoText *text, const uint8_t *attributes,
							  uint32_t at, uint8_t flags);
extern bool fo_boundary_end(const FoText *text, const uint8_t *attributes, uint32_t at,
							uint8_t flags, FoFoldLevel level);

#endif							/* FO_BOUNDARY_H */
