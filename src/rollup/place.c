/*
 * place.c
 *		Where this backend has last found or put the row of a group.
 *
 * The index entry leads there as well; this saves the descent.  A place is only a
 * hint: who follows it must see whether the row there is of the group.  The memory
 * is of this backend and goes with the loaded rollup; no lock is involved.
 */
#include "postgres.h"

#include "rollup/place.h"
#include "utils/memutils.h"

/* The HOT chain that is, or was, a row of the group. */
typedef struct FoPlace
{
	uint32		hash;			/* of the group */
	uint16		uses;
	FoSpot		spot;
} FoPlace;

/*
 * Places remembered per rollup, in sets of so many, the latest first; and uses of
 * one after which the index is asked, which finds other rows as well.
 */
#define PLACES		16384
#define SET_PLACES	4
#define LOOK_ONE_IN	32

/* The set for groups of the hash. */
static FoPlace *
places_of(FoRollup *rollup, uint32 hash)
{
	if (rollup->places == NULL)
		rollup->places = MemoryContextAllocZero(rollup->cxt,
												PLACES * sizeof(FoPlace));
	return &rollup->places[hash % (PLACES / SET_PLACES) * SET_PLACES];
}

/* The place remembered for groups of the hash, or NULL. */
static FoPlace *
find_place(FoRollup *rollup, uint32 hash)
{
	FoPlace    *set = places_of(rollup, hash);

	for (int i = 0; i < SET_PLACES; i++)
	{
		if (set[i].hash == hash && ItemPointerIsValid(&set[i].spot.root))
			return &set[i];
	}
	return NULL;
}

/* Where may the delta's group have its row?  False: ask the index. */
bool
fo_rollup_recall(FoRollup *rollup, const FoDelta *delta, FoSpot *spot)
{
	FoPlace    *place = find_place(rollup, delta->hash);

	if (place == NULL || ++place->uses >= LOOK_ONE_IN)
		return false;
	*spot = place->spot;
	return true;
}

/* Remember where the delta's group has its row; the buffer may be unknown. */
void
fo_rollup_remember(FoRollup *rollup, const FoDelta *delta, ItemPointer root,
				   ItemPointer tip, Buffer buffer)
{
	FoPlace    *place = find_place(rollup, delta->hash);

	if (place == NULL)
	{
		place = places_of(rollup, delta->hash);
		memmove(place + 1, place, (SET_PLACES - 1) * sizeof(FoPlace));
		place->hash = delta->hash;
		place->uses = 0;
	}
	else if (place->uses >= LOOK_ONE_IN)
		place->uses = 0;
	place->spot.root = *root;
	place->spot.tip = ItemPointerGetOffsetNumber(tip);
	place->spot.buffer = buffer;
}
