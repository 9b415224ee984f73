/*
 * nplus_report.c
 *		A loop put into shared memory, with the queries that would replace it.
 *
 * Three of them, as far as they are right for the query in question:
 * - one query for all keys: column = ANY ($1) where that gives for each key the rows that
 *   the query did (no LIMIT, aggregates and so on); else the query as it is, LATERAL to
 *   the keys, which is right for any query;
 * - one query for both: the looped query LATERAL to the one whose result it is run for;
 * - a call of filteropt.embed(), where the rows of one table are wanted.
 */
#include "postgres.h"

#include "advisor/watch.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A loop about to be put into shared memory. */
typedef struct Report
{
	const FoWatchQuery *query;
	const FoWatchKey *key;
	const FoNplusResult *result;
	int			column;			/* of the result */
	FoWatchSource source;
	char	   *text[FO_LOOP_TEXTS];	/* NULL: none */
	int			len[FO_LOOP_TEXTS];
} Report;

/* Normalise the looped query, the key being replaced; NULL if that did not go well. */
static char *
rewrite(Report *report, const char *key_text, const char *insert, bool drop_key, int first,
		FoSqlNormal *normal)
{
	Size		size = fo_loop_text_bytes();
	char	   *out = palloc(size + 1);
	FoSqlSource sql = report->source.sql;

	sql.key = report->key->location - report->source.from;
	sql.key_id = report->key->param;
	sql.key_text = key_text;
	sql.insert = insert;
	sql.drop_key = drop_key;
	sql.first = first;
	fo_sql_normalize(&sql, out, size, normal);
	out[normal->len] = '\0';
	return normal->truncated || normal->key_times == 0 || report->source.cut ||
		!report->source.analysed ? NULL : out;
}

/* A name that is not in a text. */
static const char *
unused_name(const char *name, const char *text, const char *other)
{
	for (int i = 0; i < 10; i++)
	{
		const char *candidate = i == 0 ? name : psprintf("%s_%d", name, i);

		if (strstr(text, candidate) == NULL && strstr(other, candidate) == NULL)
			return candidate;
	}
	return NULL;
}

/* All keys at once by = ANY; NULL where that would not be the same. */
static char *
any_form(Report *report)
{
	const FoSqlSource *sql = &report->source.sql;
	const FoWatchKey *key = report->key;
	int32		column = key->column_location - report->source.from;
	char	   *insert = NULL;
	FoSqlNormal normal;
	char	   *out;

	if (!key->any)
		return NULL;
	if (!key->in_output)
	{
		if (column < 0 || (size_t) column >= sql->len)
			return NULL;
		insert = psprintf(" %.*s,", (int) fo_sql_name(sql->text +column, sql->len - column),
						  sql->text +column);
	}
	out = rewrite(report, "ANY ($)", insert, false, 0, &normal);
	return out != NULL && normal.key_bare && normal.key_times == 1 && normal.is_select ? out : NULL;
}

/* All keys at once, the query LATERAL to them. */
static char *
lateral_form(Report *report)
{
	FoSqlNormal normal;
	const char *plain = rewrite(report, "$", NULL, false, 0, &normal);
	const char *batch = plain ? unused_name("batch", plain, "") : NULL;
	const char *found = plain ? unused_name("found", plain, "") : NULL;
	char	   *inner;

	if (batch == NULL || found == NULL)
		return NULL;
	inner = rewrite(report, psprintf("%s.key", batch), NULL, false, 0, &normal);
	if (inner == NULL)
		return NULL;
	return psprintf("SELECT %s.key, %s.* FROM unnest($%d::%s[]) AS %s (key) "
					"CROSS JOIN LATERAL (%s) AS %s",
					batch, found, normal.key, format_type_be(report->key->type), batch, inner,
					found);
}

/* Both queries as one. */
static char *
join_form(Report *report)
{
	const FoNplusResult *result = report->result;
	int			column = report->column;
	const char *outer = report->text[FO_TEXT_PARENT];
	FoSqlNormal normal;
	const char *plain = rewrite(report, "$", NULL, false, 0, &normal);
	const char *parent = plain ? unused_name("parent", plain, outer) : NULL;
	const char *child = plain ? unused_name("child", plain, outer) : NULL;
	char	   *inner;

	if (parent == NULL || child == NULL || result->cut || !result->unique[column])
		return NULL;
	inner = rewrite(report, psprintf("%s.%s", parent, quote_identifier(result->name[column])),
					NULL, true, result->nparameters, &normal);
	if (inner == NULL)
		return NULL;
	return psprintf("SELECT %s.*, %s.* FROM (%s) AS %s LEFT JOIN LATERAL (%s) AS %s ON true",
					parent, child, outer, parent, inner, child);
}

/* A call of embed() that adds the rows to the parents. */
static char *
embed_form(Report *report)
{
	const FoWatchKey *key = report->key;
	char	   *table = key->alone ? get_rel_name(key->relation) : NULL;
	char	   *schema = table ? get_namespace_name(get_rel_namespace(key->relation)) : NULL;
	char	   *column = table ? get_attname(key->relation, key->attribute, true) : NULL;

	if (schema == NULL || column == NULL)
		return NULL;
	return psprintf("SELECT filteropt.embed($1, %s, %s, foreign_key => %s, key => %s)",
					quote_literal_cstr(table),
					quote_literal_cstr(quote_qualified_identifier(schema, table)),
					quote_literal_cstr(column),
					quote_literal_cstr(report->result->name[report->column]));
}

/* Make all texts of a report. */
static void
make_texts(Report *report)
{
	FoSqlNormal normal;
	char	   *text = palloc(fo_watch_text_bytes + 1);

	report->text[FO_TEXT_PARENT] = pnstrdup(report->result->query_text, report->result->len);
	fo_sql_normalize(&report->source.sql, text, fo_watch_text_bytes, &normal);
	text[		normal.len] = '\0';
	report->text[FO_TEXT_CHILD] = text;

	report->text[FO_TEXT_BATCH] = any_form(report);
	if (report->text[FO_TEXT_BATCH] == NULL)
		report->text[FO_TEXT_BATCH] = lateral_form(report);
	report->text[FO_TEXT_JOIN] = join_form(report);
	report->text[FO_TEXT_EMBED] = embed_form(report);
	for (int i = 0; i < FO_LOOP_TEXTS; i++)
	{
		const char *made = report->text[i] ? report->text[i] : "";
		int			len = (int) strlen(made);
		int			room = (int) fo_loop_text_bytes();

		if (i > FO_TEXT_CHILD)
			/* half a statement is none */
			report->len[i] = len <= room ? len : 0;
		else
			report->len[i] = pg_mbcliplen(made, len, Min(len, room));
	}
}

/* The entry of a loop, a free one, or that of the loop not seen for longest; lock held. */
static int
find_slot(const FoLoopId *id, bool *found)
{
	int			slot = 0;

	*found = false;
	for (int i = 0; i < FO_WATCH_LOOPS; i++)
	{
		FoLoopEntry *entry = fo_loop_entry(i);
		FoLoopEntry *best = fo_loop_entry(slot);

		if (memcmp(&entry->id, id, sizeof(*id)) == 0)
		{
			*found = true;
			return i;
		}
		if (OidIsValid(best->id.database) &&
			(!OidIsValid(entry->id.database) || entry->last_seen < best->last_seen))
			slot = i;
	}
	return slot;
}

/* Fill a new entry. */
static void
fill_entry(FoLoopEntry *entry, const FoLoopId *id, const Report *report)
{
	memset(entry, 0, offsetof(FoLoopEntry, texts));
	entry->id = *id;
	entry->generation = ++fo_watch_shared->generations;
	entry->first_seen = GetCurrentTimestamp();
	for (int i = 0; i < FO_LOOP_TEXTS; i++)
	{
		entry->len[i] = report->len[i];
		if (report->len[i] > 0)
			memcpy(fo_loop_text(entry, i), report->text[i], report->len[i]);
	}
	strlcpy(entry->column, report->result->name[report->column], NAMEDATALEN);
}

/* Note who runs the loop, if there is room for another. */
static void
note_application(FoLoopEntry *entry)
{
	const char *name = application_name ? application_name : "";

	for (int i = 0; i < entry->napps; i++)
		if (strcmp(entry->app[i], name) == 0)
			return;
	if (entry->napps < FO_WATCH_APPS)
		strlcpy(entry->app[entry->napps++], name, NAMEDATALEN);
}

/* Put a loop into shared memory; returns its slot and generation. */
int
fo_nplus_report(const FoWatchQuery *query, QueryDesc *desc, const FoLoopChild *child,
				const FoNplusResult *result, int column, uint64 *generation)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "filteropt loop report",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Report		report = {.query = query, .key = &query->key[child->varying],
		.result = result, .column = column};
	FoLoopId	id;
	FoLoopEntry *entry;
	int			slot;
	bool		found;
	char	   *name;

	memset(&id, 0, sizeof(id));
	id.database = MyDatabaseId;
	id.role = GetUserId();
	id.parent = result->query;
	id.child = query->id;
	id.key = child->varying;
	id.column = column;
	fo_watch_source(&report.source, query, desc);
	make_texts(&report);
	name = OidIsValid(report.key->relation)
		? get_attname(report.key->relation, report.key->attribute, true) : NULL;

	LWLockAcquire(&fo_watch_shared->loop_lock, LW_EXCLUSIVE);
	slot = find_slot(&id, &found);
	entry = fo_loop_entry(slot);
	if (!found)
	{
		fill_entry(entry, &id, &report);
		strlcpy(entry->parameter, name ? name : "", NAMEDATALEN);
	}
	entry->loops++;
	entry->calls += child->runs;
	entry->total += child->total;
	entry->most_calls = Max(entry->most_calls, child->runs);
	entry->last_seen = GetCurrentTimestamp();
	note_application(entry);
	*generation = entry->generation;
	LWLockRelease(&fo_watch_shared->loop_lock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return slot;
}

/* One more execution of a loop, unless its entry is another's by now. */
void
fo_nplus_count(int slot, uint64 generation, const FoLoopChild *child, double us)
{
	FoLoopEntry *entry;

	LWLockAcquire(&fo_watch_shared->loop_lock, LW_EXCLUSIVE);
	entry = fo_loop_entry(slot);
	if (entry->generation == generation && entry->id.database == MyDatabaseId)
	{
		entry->calls++;
		entry->total += us;
		entry->most_calls = Max(entry->most_calls, child->runs);
		entry->last_seen = GetCurrentTimestamp();
	}
	LWLockRelease(&fo_watch_shared->loop_lock);
}
