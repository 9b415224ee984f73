/*
 * compat_worker.h
 *		Differences between PostgreSQL 14 and 18 around background workers.
 */
#ifndef FO_COMPAT_WORKER_H
#define FO_COMPAT_WORKER_H

#include "postgres.h"

#include "utils/backend_progress.h"

extern void fo_worker_connect(Oid database, Oid user);
extern bool fo_backend_progress(int pid, ProgressCommandType command, int64 *progress);

#endif							/* FO_COMPAT_WORKER_H */
