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

/* What is remembered of a rollup: sets of places, in each the latest first. */
typedef struct FoPlaces
{
	int			count;			/* of places: a power of two */
	int			lost;			/* since it has that many */
	FoPlace		place[FLEXIBLE_ARRAY_MEMBER];
} FoPlaces;

/*
 * A rollup begins with a few places and gets twice as many when half as many as it has
 * were lost to others, up to a limit and one for all rollups together: a backend that
 * writes to a thousand partitions has as many rollups.  After so many uses of a place the
 * index is asked, which finds other rows as well.
 */
#define FEWEST_PLACES	256
#define MOST_PLACES		16384
#define ALL_PLACES		(64 * MOST_PLACES)
#define SET_PLACES		4
#define LOOK_ONE_IN		32

static int	all_places = 0;		/* of this backend */

/* The set for groups of the hash. */
static FoPlace *
set_of(FoPlaces *places, uint32 hash)
{
	return &places->place[hash % (uint32) (places->count / SET_PLACES) * SET_PLACES];
}

static FoPlaces *
make_places(FoRollup *rollup, int count)
{
	FoPlaces   *places = MemoryContextAllocZero(rollup->cxt, offsetof(FoPlaces, place) +
												sizeof(FoPlace) * (Size) count);

	places->count = count;
	all_places += count;
	return places;
}

/* Have twice as many places.  Each set becomes two, so all of them find room. */
static void
grow(FoRollup *rollup)
{
	FoPlaces   *old = rollup->places;
	FoPlaces   *places = make_places(rollup, 2 * old->count);

	for (int i = 0; i < old->count; i++)
	{
		FoPlace    *place = set_of(places, old->place[i].hash);

		if (!ItemPointerIsValid(&old->place[i].spot.root))
			continue;
		while (ItemPointerIsValid(&place->spot.root))
			place++;
		*place = old->place[i];
	}
	rollup->places = places;
	all_places -= old->count;
	pfree(old);
}

/* The set for groups of the hash, with room for one more in front. */
static FoPlace *
make_room(FoRollup *rollup, uint32 hash)
{
	FoPlaces   *places = rollup->places;
	FoPlace    *set;

	if (places->lost > places->count / 2 && places->count < MOST_PLACES &&
		all_places + places->count <= ALL_PLACES)
	{
		grow(rollup);
		places = rollup->places;
	}
	set = set_of(places, hash);
	if (ItemPointerIsValid(&set[SET_PLACES - 1].spot.root) && places->lost < MOST_PLACES)
		places->lost++;
	memmove(set + 1, set, (SET_PLACES - 1) * sizeof(FoPlace));
	return set;
}

/* The rollup is being freed, and its places with it. */
void
fo_rollup_forget_places(FoRollup *rollup)
{
	if (rollup->places != NULL)
		all_places -= rollup->places->count;
}

/* The place remembered for groups of the hash, or NULL. */
static FoPlace *
find_place(FoRollup *rollup, uint32 hash)
{
	FoPlace    *set;

	if (rollup->places == NULL)
		rollup->places = make_places(rollup, FEWEST_PLACES);
	set = set_of(rollup->places, hash);
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
		place = make_room(rollup, delta->hash);
		place->hash = delta->hash;
		place->uses = 0;
	}
	else if (place->uses >= LOOK_ONE_IN)
		place->uses = 0;
	place->spot.root = *root;
	place->spot.tip = ItemPointerGetOffsetNumber(tip);
	place->spot.buffer = buffer;
}
