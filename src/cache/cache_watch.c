/*
 * cache_watch.c
 *		Triggers that tell the cache of changes of tables.
 *
 * filteropt.cache_watch makes them: arguments are a resource and key templates.  With
 * templates each changed row drops the keys that its old and new version spell; without
 * any, a change fences all values of the resource, which is what cached_query lives on.
 *
 * Example: resource "keywords", template "keywords:{user_id}"; an UPDATE that moves a
 * row from user 1 to user 2 drops "keywords:1" and "keywords:2".
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/cache_internal.h"
#include "cache/cache_watch.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Append the text of a column; false if it is null, when the key cannot exist. */
static bool
append_column(StringInfo to, Relation rel, HeapTuple tuple, const char *name)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			number = SPI_fnumber(desc, name);
	char	   *value;

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						RelationGetRelationName(rel)),
				 errdetail("A trigger of filteropt.cache_watch uses it."),
				 errhint("Call filteropt.cache_unwatch and filteropt.cache_watch again.")));
	value = SPI_getvalue(tuple, desc, number);
	if (value == NULL)
		return false;
	appendStringInfoString(to, value);
	return true;
}

/* Spell a key template with the columns of a row. */
static bool
spell_key(StringInfo to, const char *template, Relation rel, HeapTuple tuple)
{
	resetStringInfo(to);
	for (const char *p = template; *p != '\0'; p++)
	{
		const char *close;

		if (p[0] == '{' && p[1] == '{')
			p++;
		else if (p[0] == '{' && (close = strchr(p, '}')) != NULL)
		{
			char	   *name = pnstrdup(p + 1, close - p - 1);

			if (!append_column(to, rel, tuple, name))
				return false;
			p = close;
			continue;
		}
		appendStringInfoChar(to, *p);
	}
	return true;
}

/* Fence all values of a resource, to the end of the transaction. */
static void
fence_resource(FoCacheResource *resource)
{
	FoCacheSlot *slot = fo_resource_slot(resource);

	fo_cache_require_company();
	if (slot != NULL)
		fo_fence_mark(&slot->data);
}

/* Drop the keys that the row versions of a change spell. */
static void
drop_keys(TriggerData *data, const char *resource_name, int nkeys, char **templates)
{
	HeapTuple	versions[2] = {data->tg_trigtuple, NULL};
	StringInfoData old_key;
	StringInfoData key;

	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		versions[1] = data->tg_newtuple;
	initStringInfo(&old_key);
	initStringInfo(&key);
	for (int k = 0; k < nkeys; k++)
	{
		bool		had_old = false;

		for (int v = 0; v < 2 && versions[v] != NULL; v++)
		{
			FoCacheResource *resource;

			if (!spell_key(&key, templates[k], data->tg_relation, versions[v]) ||
				(had_old && strcmp(key.data, old_key.data) == 0))
				continue;
			resource = fo_resource_find(resource_name, strlen(resource_name));
			if (resource == NULL)
				return;
			fo_cache_delete(resource, key.data, key.len);
			resetStringInfo(&old_key);
			appendBinaryStringInfo(&old_key, key.data, key.len);
			had_old = true;
		}
	}
}

PG_FUNCTION_INFO_V1(fo_cache_watch_changed);

/* Trigger: arguments are a resource and key templates. */
Datum
fo_cache_watch_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Trigger    *trigger;
	FoCacheResource *resource;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		data->tg_trigger->tgnargs < 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("fo_cache_watch_changed must be called as an AFTER trigger with a "
						"resource"),
				 errhint("Use filteropt.cache_watch to make it.")));
	trigger = data->tg_trigger;
	resource = fo_resource_find(trigger->tgargs[0], strlen(trigger->tgargs[0]));
	if (resource == NULL)
		return PointerGetDatum(NULL);	/* it was dropped: nothing is cached */
	if (trigger->tgnargs == 1)
		fence_resource(resource);
	else if (TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		fo_change_clear(resource);	/* TRUNCATE: the keys are not known */
	else
		drop_keys(data, trigger->tgargs[0], trigger->tgnargs - 1, trigger->tgargs + 1);
	return PointerGetDatum(NULL);
}

/* Does a table tell of each change that touches the values of a resource? */
bool
fo_cache_is_watched(Relation rel, const char *resource)
{
	Oid			function = LookupFuncName(list_make2(makeString("filteropt"),
													 makeString("cache_watch_changed")),
										  0, NULL, false);

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid == function && trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
			TRIGGER_FOR_ROW(trigger->tgtype) && trigger->tgnargs == 1 &&
			strcmp(trigger->tgargs[0], resource) == 0)
			return true;
	}
	return false;
}
