/*
 * rollup.h
 *		The rollup feature, as the module entry sees it.
 */
#ifndef FO_ROLLUP_H
#define FO_ROLLUP_H

extern void fo_rollup_init(void);

#endif							/* FO_ROLLUP_H */
