/*
 * group.c
 *		The partial rows of one group: how they are found, and what their
 *		combination says.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "rollup/group.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Does the index have exactly the group columns as keys, in order, ascending? */
bool
fo_rollup_is_group_index(Relation index, int ngroups)
{
	if (index->rd_rel->relam != BTREE_AM_OID || !index->rd_index->indisvalid ||
		RelationGetIndexPredicate(index) != NIL ||
		index->rd_index->indnkeyatts != ngroups)
		return false;
	for (int i = 0; i < ngroups; i++)
	{
		if (index->rd_index->indkey.values[i] != i + 1 || index->rd_indoption[i] != 0)
			return false;
	}
	return true;
}

/*
 * Make the scan key "column i equals", whose argument fo_rollup_set_key fills in.
 */
void
fo_rollup_init_key(ScanKey key, Relation index, int i)
{
	Oid			type = index->rd_opcintype[i];
	Oid			op = get_opfamily_member(index->rd_opfamily[i], type, type,
										 BTEqualStrategyNumber);

	ScanKeyEntryInitialize(key, 0, i + 1, BTEqualStrategyNumber, type,
						   index->rd_indcollation[i], get_opcode(op), (Datum) 0);
}

/* Turn it into "column i equals the value", or "is null". */
void
fo_rollup_set_key(ScanKey key, Datum value, bool isnull)
{
	key->sk_flags = isnull ? SK_ISNULL | SK_SEARCHNULL : 0;
	key->sk_strategy = isnull ? InvalidStrategy : BTEqualStrategyNumber;
	key->sk_argument = isnull ? (Datum) 0 : value;
}

/*
 * Forget removed values that cannot matter: one less extreme than an extreme
 * that is still there.  Returns whether the group is in doubt afterwards.
 */
bool
fo_rollup_settle(FoRollup *rollup, FoDelta *sum)
{
	FoLayout   *layout = rollup->layout;
	bool		doubt = false;

	for (int i = 0; i < layout->naggs; i++)
	{
		FoAgg	   *agg = &layout->aggs[i];
		int			best = layout->ngroups + agg->main;
		int			gone = layout->ngroups + agg->doubt;

		if (agg->doubt < 0)
			continue;
		if (agg->kind != FO_AGG_EXTREME)
			doubt |= DatumGetInt64(sum->values[gone]) != 0;
		else if (!sum->nulls[gone])
		{
			FoColumn   *column = &layout->columns[agg->main];

			if (!sum->nulls[best] &&
				DatumGetBool(FunctionCall2Coll(&rollup->better[agg->main],
											   column->collation,
											   sum->values[best],
											   sum->values[gone])))
				sum->nulls[gone] = true;
			else
				doubt = true;
		}
	}
	return doubt;
}
