/*
 * cache_text.h
 *		The form of a post by which verdicts about it are found again.
 */
#ifndef FO_CACHE_TEXT_H
#define FO_CACHE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that fo_cache_text_normal may write for a text of so many bytes. */
extern size_t fo_cache_text_room(size_t len);
extern size_t fo_cache_text_normal(const uint8_t *text, size_t len, uint8_t *to);

#endif							/* FO_CACHE_TEXT_H */
