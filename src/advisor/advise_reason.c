/*
 * advise_reason.c
 *		Say why an index is advised.
 */
#include "postgres.h"

#include "advisor/advise.h"
#include "catalog/pg_am.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

/* What the using queries do with a key, or NULL if nothing is known. */
static const char *
role_in_need(const FoAdviseNeed *need, const FoAdviseKey *key)
{
	static const char *const words[] = {"equal", "one of several", "range", "join", "search"};
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, need->terms)
	{
		FoAdviseTerm *term = lfirst(lc);

		if (term->key.attnum == key->attnum && equal(term->key.expr, key->expr))
			return words[term->use];
	}
	foreach(lc, need->orders)
	{
		foreach(lc2, (List *) lfirst(lc))
		{
			if (fo_advise_same_key(lfirst(lc2), key))
				return "order";
		}
	}
	return NULL;
}

static const char *
role_of(FoAdvise *advise, const FoAdviseIndex *index, const FoPickSet *chosen,
		const FoAdviseKey *key)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, advise->queries)
	{
		FoAdviseQuery *query = lfirst(lc);
		FoAdvisePlan *plan = query->query ? fo_advise_plan(advise, query, chosen) : NULL;

		if (!plan || !fo_pick_has(&plan->used, index->number))
			continue;
		foreach(lc2, query->needs)
		{
			const FoAdviseNeed *need = lfirst(lc2);
			const char *role = need->relid == index->relid ? role_in_need(need, key) : NULL;

			if (role)
				return role;
		}
	}
	return "stored";
}

/* Which INCLUDEd columns may one day hold what an index entry cannot? */
static void
say_unbounded(StringInfo buf, const FoAdviseIndex *index)
{
	int			attnum = -1;
	const char *before = "; refuses rows whose values pass 2.7 kB in ";

	while ((attnum = bms_next_member(index->include, attnum)) >= 0)
	{
		if (!fo_advise_is_unbounded(index->relid, (AttrNumber) attnum))
			continue;
		appendStringInfo(buf, "%s%s", before,
						 get_attname(index->relid, (AttrNumber) attnum, false));
		before = ", ";
	}
}

/* Why an index is advised. */
char *
fo_advise_reason(FoAdvise *advise, const FoAdviseIndex *index, const FoPickSet *chosen)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < index->nkeys; i++)
		appendStringInfo(&buf, "%s%s (%s)", i == 0 ? "" : ", ", fo_advise_key_text(index, i),
						 role_of(advise, index, chosen, &index->keys[i]));
	if (index->predicate)
		appendStringInfo(&buf, "; holds %.3g %% of the rows", index->share * 100);
	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i].expr)
		{
			appendStringInfoString(&buf, "; needs ANALYZE when it is made, for an expression");
			break;
		}
	}
	if (index->include)
	{
		appendStringInfoString(&buf, "; answers without reading the table");
		say_unbounded(&buf, index);
	}
	if (index->am == BRIN_AM_OID)
		appendStringInfoString(&buf, "; the table lies in its order");
	return buf.data;
}
