/*
 * disguise.h
 *		Undoing the ways in which words are written to evade a filter.
 */
#ifndef FO_DISGUISE_H
#define FO_DISGUISE_H

#include "core/boundary.h"

extern void fo_undisguise(const FoText *text, FoText *plain, uint8_t *attributes);
extern bool fo_attributes_match(const uint8_t *bytes, const uint8_t *pattern,
								const uint8_t *found, uint32_t len, uint8_t flags);

#endif							/* FO_DISGUISE_H */
