/*
 * compat_executor.h
 *		Differences between PostgreSQL 14 and 18 in hooks around the executor and in
 *		query identifiers.
 */
#ifndef FO_COMPAT_EXECUTOR_H
#define FO_COMPAT_EXECUTOR_H

#include "base/compat.h"

#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "executor/executor.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/queryjumble.h"
#else
#include "utils/queryjumble.h"
#endif

/* Arguments of ExecutorRun, and the same passed on. */
#if PG_VERSION_NUM >= 180000
#define FO_RUN_ARGS		QueryDesc *desc, ScanDirection direction, uint64 count
#define FO_RUN_PASS		desc, direction, count
#else
#define FO_RUN_ARGS		QueryDesc *desc, ScanDirection direction, uint64 count, bool execute_once
#define FO_RUN_PASS		desc, direction, count, execute_once
#endif

/* To begin an execution only to show its plan, whose parameters have no values. */
#if PG_VERSION_NUM >= 160000
#define FO_EXPLAIN_GENERIC (EXEC_FLAG_EXPLAIN_ONLY | EXEC_FLAG_EXPLAIN_GENERIC)
#else
#define FO_EXPLAIN_GENERIC EXEC_FLAG_EXPLAIN_ONLY
#endif

#endif							/* FO_COMPAT_EXECUTOR_H */
