/*
 * keyword.h
 *		The keyword feature, as the module entry sees it.
 */
#ifndef FO_KEYWORD_H
#define FO_KEYWORD_H

extern void fo_keyword_init(void);

#endif							/* FO_KEYWORD_H */
