/*
 * compat_worker.c
 *		What differs between PostgreSQL 14 and 18 around background workers.
 */
#include "base/compat_worker.h"

#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/backend_status.h"

/*
 * Connect a worker as a user that is logged in somewhere: from 17 on also if
 * the user may log in no more.
 */
void
fo_worker_connect(Oid database, Oid user)
{
#if PG_VERSION_NUM >= 170000
	BackgroundWorkerInitializeConnectionByOid(database, user, BGWORKER_BYPASS_ROLELOGINCHECK);
#else
	BackgroundWorkerInitializeConnectionByOid(database, user, 0);
#endif
}

/*
 * The progress counters of a process, PGSTAT_NUM_PROGRESS_PARAM of them; false
 * if it does not execute that command.  Takes no snapshot and no lock.
 */
bool
fo_backend_progress(int pid, ProgressCommandType command, int64 *progress)
{
	bool		found = false;

	pgstat_clear_backend_activity_snapshot();
	for (int i = 1; !found && i <= pgstat_fetch_stat_numbackends(); i++)
	{
#if PG_VERSION_NUM >= 160000
		PgBackendStatus *status = &pgstat_get_local_beentry_by_index(i)->backendStatus;
#else
		PgBackendStatus *status = &pgstat_fetch_stat_local_beentry(i)->backendStatus;
#endif

		if (status->st_procpid != pid || status->st_progress_command != command)
			continue;
		memcpy(progress, status->st_progress_param, sizeof(status->st_progress_param));
		found = true;
	}
	pgstat_clear_backend_activity_snapshot();
	return found;
}
