/*
 * apply.h
 *		What the parts of index_apply share.
 */
#ifndef FO_ADVISOR_APPLY_H
#define FO_ADVISOR_APPLY_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/shm_mq.h"

/* The statements that index_apply runs. */
typedef enum FoIndexAction
{
	FO_INDEX_CREATE,
	FO_INDEX_CREATE_ONLY,		/* of a partitioned table, not its partitions */
	FO_INDEX_ATTACH,			/* of a partition, to that of its parent */
	FO_INDEX_DROP,
	FO_INDEX_REINDEX
} FoIndexAction;

/*
 * A statement, checked and written anew with every name qualified.  What follows
 * from it comes after it: statements are separated by ";" and a line end.
 */
typedef struct FoIndexStatement
{
	FoIndexAction action;
	char	   *ddl;			/* NULL: IF [NOT] EXISTS leaves nothing to do */
	char	   *undo;			/* NULL: nothing to take back */
	char	   *schema;
	char	   *index;			/* name of the index; NULL for REINDEX TABLE */
	Oid			relation;

	/* of CREATE INDEX: what makes the same index of another table */
	bool		unique;
	bool		has_expressions;
	char	   *columns;		/* what its name says of them */
	char	   *tail;			/* follows the name of the table */

	/* of an index of a partitioned table that an earlier call began */
	Oid			begun;
	int64		begun_id;		/* in index_applied */
} FoIndexStatement;

/* Settings of the caller that the worker takes over. */
#define FO_INDEX_SETTINGS	3
extern const char *const fo_index_settings[FO_INDEX_SETTINGS];

/*
 * The job in shared memory.  The caller writes it before the worker starts;
 * only the fields at the end change later, each by one side, without a lock.
 * Texts follow, zero-terminated, in the order of FoIndexText; then the queue.
 */
typedef enum FoIndexText
{
	FO_TEXT_DDL,
	FO_TEXT_UNDO,				/* empty: none */
	FO_TEXT_SCHEMA,
	FO_TEXT_INDEX,				/* empty: none */
	FO_TEXT_SETTINGS,			/* the first of FO_INDEX_SETTINGS */
	FO_TEXTS = FO_TEXT_SETTINGS + FO_INDEX_SETTINGS
} FoIndexText;

typedef struct FoIndexJob
{
	Oid			database;
	Oid			session_user;	/* who logged in: the worker logs in as that */
	Oid			role;			/* whose rights count */
	Oid			relation;
	FoIndexAction action;
	int			lock_timeout;	/* ms; 0: none */
	Size text[	FO_TEXTS];		/* offsets from the job */
	Size		queue;			/* offset of the queue for messages to the
								 * caller */
	pid_t		worker;			/* set by the worker when it can be cancelled */
	bool		cancelled;		/* set by the caller when it gives up */
	bool		done;			/* set by the worker when all went well */
	int64		id;				/* set by the worker: row of index_applied */
} FoIndexJob;

#define FO_JOB_TEXT(job, which)	((char *) (job) + (job)->text[which])
#define FO_JOB_QUEUE(job)		((shm_mq *) ((char *) (job) + (job)->queue))

/* apply_parse.c */
extern FoIndexStatement *fo_index_parse(const char *ddl);
extern char *fo_index_qualified_name(Oid relation);
extern void fo_index_write_create(FoIndexStatement *statement);

/* apply_part.c */
extern void fo_index_find_begun(FoIndexStatement *statement, const char *name);
extern List *fo_index_steps(const FoIndexStatement *whole, Oid index, int most);
extern void fo_index_check_parts(Oid relation);

/* advise_id.c */
extern char *fo_advise_statement(const char *text);

#endif							/* FO_ADVISOR_APPLY_H */
