/*
 * advisor.h
 *		The advisor feature, as the module entry sees it.
 */
#ifndef FO_ADVISOR_H
#define FO_ADVISOR_H

extern void fo_advisor_init(void);

#endif							/* FO_ADVISOR_H */
