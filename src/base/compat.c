/*
 * compat.c
 *		Functions whose making differs between the versions of PostgreSQL.
 */
#include "postgres.h"

#include "access/xlog.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#include "base/compat.h"

/* The timeline that this server writes, or replays as a standby. */
uint32
fo_timeline(void)
{
	TimeLineID	timeline;

	if (RecoveryInProgress())
	{
		(void) GetXLogReplayRecPtr(&timeline);
		return timeline;
	}
#if PG_VERSION_NUM >= 150000
	return GetWALInsertionTimeLine();
#else
	return ThisTimeLineID;
#endif
}
