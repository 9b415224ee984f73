/*
 * shmem.c
 *		Shared memory for features.
 *
 * Preloaded, a region is reserved in main shared memory at server start.  Otherwise
 * the first backend that wants it makes a dynamic segment, pins it and leaves its
 * handle in a few bytes of main shared memory, of which the server keeps some spare
 * for such late comers (pg_prewarm does the same).  If either cannot be had, the
 * region is FO_SHMEM_NONE, from then on for all backends, and the feature does without.
 * A backend that cannot map what others have is told so by `apart`.
 *
 * Locks: AddinShmemInitLock guards making a region; its contents are the feature's.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define MAX_REGIONS 8

/* In main shared memory when the region itself is not. */
typedef struct Stub
{
	dsm_handle	handle;			/* DSM_HANDLE_INVALID until made */
	int			tranche;		/* GIVEN_UP: it could not be made */
} Stub;

#define GIVEN_UP	(-1)

static FoShmemRegion *regions[MAX_REGIONS];
static int	nregions = 0;
static shmem_startup_hook_type prev_startup_hook = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type prev_request_hook = NULL;
#endif

/* Ask for the space of all regions, in the postmaster. */
static void
request_regions(void)
{
	for (int i = 0; i < nregions; i++)
		RequestAddinShmemSpace(regions[i]->size());
}

#if PG_VERSION_NUM >= 150000
static void
request_hook(void)
{
	if (prev_request_hook)
		prev_request_hook();
	request_regions();
}
#endif

/* Make or find all regions when the postmaster makes shared memory. */
static void
startup_hook(void)
{
	if (prev_startup_hook)
		prev_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < nregions; i++)
	{
		FoShmemRegion *region = regions[i];
		Size		size = region->size();
		bool		found;
		int		   *tranche;

		/*
		 * the tranche's number precedes the region, on a cache line of its
		 * own
		 */
		tranche = ShmemInitStruct(region->name, size, &found);
		region->base = (char *) tranche + PG_CACHE_LINE_SIZE;
		region->place = FO_SHMEM_MAIN;
		if (!found)
		{
			*tranche = LWLockNewTrancheId();
			region->tranche = *tranche;
			memset(region->base, 0, size - PG_CACHE_LINE_SIZE);
			region->init(region->base, size - PG_CACHE_LINE_SIZE);
		}
		region->tranche = *tranche;
		LWLockRegisterTranche(region->tranche, region->name);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Announce a region; in _PG_init, before its first use. */
void
fo_shmem_register(FoShmemRegion *region)
{
	Assert(nregions < MAX_REGIONS);
	region->base = NULL;
	region->place = FO_SHMEM_NONE;
	regions[nregions++] = region;
	if (!process_shared_preload_libraries_in_progress || nregions > 1)
		return;

	prev_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_hook;
#if PG_VERSION_NUM >= 150000
	prev_request_hook = shmem_request_hook;
	shmem_request_hook = request_hook;
#else
	request_regions();
#endif
}

/* Make the segment of a region and say so in its stub. */
static dsm_segment *
make_segment(FoShmemRegion *region, Stub *stub)
{
	Size		size = region->size();
	dsm_segment *segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);

	if (segment == NULL)
		return NULL;
	region->base = (void *) CACHELINEALIGN(dsm_segment_address(segment));
	region->tranche = LWLockNewTrancheId();
	memset(region->base, 0, size - PG_CACHE_LINE_SIZE);
	region->init(region->base, size - PG_CACHE_LINE_SIZE);
	dsm_pin_segment(segment);
	stub->tranche = region->tranche;
	stub->handle = dsm_segment_handle(segment);
	return segment;
}

/* Find or make the segment of a region; leaves region->base NULL if it cannot. */
static void
attach_segment(FoShmemRegion *region)
{
	Stub	   *stub;
	bool		found;
	dsm_segment *segment = NULL;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	stub = ShmemInitStruct(region->name, sizeof(Stub), &found);
	if (!found)
		*stub = (Stub) {FO_DSM_HANDLE_INVALID, 0};
	if (stub->handle == FO_DSM_HANDLE_INVALID && stub->tranche != GIVEN_UP)
	{
		/* unless this succeeds, nobody is to try again */
		stub->tranche = GIVEN_UP;
		segment = make_segment(region, stub);
	}
	else if (stub->handle != FO_DSM_HANDLE_INVALID)
	{
		region->apart = true;
		segment = dsm_attach(stub->handle);
		if (segment != NULL)
		{
			region->base = (void *) CACHELINEALIGN(dsm_segment_address(segment));
			region->apart = false;
		}
	}
	if (segment != NULL)
	{
		region->tranche = stub->tranche;
		LWLockRegisterTranche(region->tranche, region->name);
		dsm_pin_mapping(segment);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * The region's memory, or NULL when there is none to be had; tried once a backend.
 * Safe in read-only transactions and on a standby.
 */
void *
fo_shmem_attach(FoShmemRegion *region)
{
	ResourceOwner old_owner = CurrentResourceOwner;
	ResourceOwner owner;
	MemoryContext context = CurrentMemoryContext;
	uint32		holdoff = InterruptHoldoffCount;

	if (region->base != NULL || region->failed || !IsUnderPostmaster)
		return region->base;

	/* an error part-way must not leave anything to the caller's transaction */
	owner = ResourceOwnerCreate(NULL, region->name);
	CurrentResourceOwner = owner;
	PG_TRY();
	{
		attach_segment(region);
		region->place = region->base ? FO_SHMEM_SEGMENT : FO_SHMEM_NONE;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();

		/*
		 * the error has let interrupts in, which a lock's release counts as
		 * well
		 */
		InterruptHoldoffCount = holdoff;
		if (LWLockHeldByMe(AddinShmemInitLock))
		{
			HOLD_INTERRUPTS();
			LWLockRelease(AddinShmemInitLock);
		}
		region->base = NULL;
	}
	PG_END_TRY();
	/* as of top level, since it has no parent that could take over locks */
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, true);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, true);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, true);
	CurrentResourceOwner = old_owner;
	ResourceOwnerDelete(owner);
	region->failed = region->base == NULL;
	return region->base;
}
