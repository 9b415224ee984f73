/*
 * shmem.h
 *		Shared memory for features, with or without shared_preload_libraries.
 */
#ifndef FO_BASE_SHMEM_H
#define FO_BASE_SHMEM_H

#include "storage/lwlock.h"

/* Where a region lives. */
typedef enum FoShmemPlace
{
	FO_SHMEM_NONE,				/* nowhere: the server had no room */
	FO_SHMEM_MAIN,				/* main shared memory, reserved by preloading */
	FO_SHMEM_SEGMENT			/* a pinned dynamic segment, made at run time */
} FoShmemPlace;

/* One feature's region; filled in by the feature before _PG_init returns. */
typedef struct FoShmemRegion
{
	const char *name;			/* also of its LWLock tranche */
	Size		(*size) (void);
	void		(*init) (void *region, Size size);	/* zeroed memory, once */

	/* set by fo_shmem_attach */
	void	   *base;
	FoShmemPlace place;
	int			tranche;
	bool		failed;			/* not to be tried again in this backend */
	bool		apart;			/* others have it, this backend could not map
								 * it */
} FoShmemRegion;

extern void fo_shmem_register(FoShmemRegion *region);
extern void *fo_shmem_attach(FoShmemRegion *region);

#endif							/* FO_BASE_SHMEM_H */
