/*
 * keyword_source.h
 *		Tables of keywords to which filteropt is attached.
 */
#ifndef FO_KEYWORD_SOURCE_H
#define FO_KEYWORD_SOURCE_H

#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/relcache.h"
#include "utils/typcache.h"

#include "core/unicode.h"
#include "keyword/keyword.h"

/* Column numbers of a store, the table that holds a source's compiled sets. */
enum
{
	FO_STORE_OWNER = 1,
	FO_STORE_COMPILED,
	FO_STORE_REJECTED
};

/* What is known of a source; lives until the source is invalidated and asked for again. */
typedef struct FoKeywordSource
{
	Oid			source;			/* key of the backend's table of sources */
	bool		valid;
	uint64		generation;		/* differs each time that it is described */
	Oid			role;			/* owner of the source */
	Oid			store;
	Oid			store_index;	/* unique index on the store's owner column */
	NameData	owner_column;
	NameData	keyword_column;
	NameData	flag_column;	/* empty: none */
	Oid			owner_type;
	int32		owner_typmod;
	Oid			owner_collation;
	int16		owner_len;
	bool		owner_byval;
	Oid			owner_eq;		/* equality operator of the owners' type */
	FmgrInfo	equal;
	FmgrInfo	hash;
	FoFoldLevel fold;
	bool		whole_word;
	bool		strict;			/* a bad keyword is an error */
	TransactionId since;		/* snapshots that do not see it read the
								 * source */
	List	   *parents;		/* partitioned tables of a partitioned source */
	bool		detaching;		/* is a partition being detached? */
	SPIPlanPtr	select[2];		/* rows of one owner, in order; [1]: without
								 * forced row security */
	SPIPlanPtr	update;
	SPIPlanPtr	insert;
	SPIPlanPtr	delete;
} FoKeywordSource;

/* The keywords of one owner, compiled. */
typedef struct FoCompiled
{
	FoKeywordSet *set;
	char	   *rejected;		/* JSON array of what was skipped, or NULL */
	bool		empty;			/* is there nothing, not even something
								 * rejected? */
} FoCompiled;

/* keyword_source.c */
extern int	fo_keyword_depth;	/* how many kept plans are being executed */
extern FoKeywordSource *fo_keyword_source_get(Oid source);
extern FoKeywordSource *fo_keyword_source_find(Relation relation);
extern bool fo_keyword_source_marker(Oid source, NameData *store, AttrNumber *owner);
extern void fo_keyword_source_renew(Oid source);
extern TypeCacheEntry *fo_keyword_owner_type(Oid type, const char *column);
extern uint32 fo_keyword_owner_hash(FoKeywordSource *source, Datum owner);
extern bool fo_keyword_owner_equal(FoKeywordSource *source, Datum a, Datum b);

/* keyword_compile.c */
extern FoCompiled fo_keyword_compile(FoKeywordSource *source, Datum owner, Snapshot snapshot);
extern void fo_keyword_store(FoKeywordSource *source, Datum owner);
extern int64 fo_keyword_store_all(FoKeywordSource *source);
extern bool fo_keyword_storing;
extern char *fo_keyword_operator(Oid oid);

/* keyword_lookup.c */
extern Datum fo_keyword_owner_arg(FunctionCallInfo fcinfo, FoKeywordSource *source);
extern const FoKeywordSet *fo_keyword_owner_set(FoKeywordSource *source, Datum owner);

/* keyword_store.c */
extern void fo_keyword_need_store(Oid source);

/* keyword_sync.c */
extern bool fo_keyword_is_pending(FoKeywordSource *source, Datum owner);

#endif							/* FO_KEYWORD_SOURCE_H */
