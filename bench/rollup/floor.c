/*
 * floor.c
 *		The least that any trigger costs: one in C that does nothing.
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(floor_nothing);

/* CREATE TRIGGER ... AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW */
Datum
floor_nothing(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}
