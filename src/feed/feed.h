/*
 * feed.h
 *		The feed feature, as the module entry sees it.
 */
#ifndef FO_FEED_H
#define FO_FEED_H

extern void fo_feed_init(void);

#endif							/* FO_FEED_H */
