/*
 * peer.c
 *		Peers of cache_get as C functions of the server: a look-up by primary key with a
 *		saved plan, as good as SPI allows; and a function that does nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(peer_select);

/* peer_select(key text) returns jsonb: SELECT v FROM peer WHERE k = key */
Datum
peer_select(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = TEXTOID;
	Datum		key = PG_GETARG_DATUM(0);
	Datum		value = (Datum) 0;
	bool		isnull = true;

	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare("SELECT v FROM public.peer WHERE k = $1 AND expires > now()", 1, &type);
		SPI_keepplan(plan);
	}
	SPI_execute_plan(plan, &key, NULL, true, 1);
	if (SPI_processed == 1)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			value = SPI_datumTransfer(value, false, -1);
	}
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(value);
}

PG_FUNCTION_INFO_V1(peer_nothing);

/* peer_nothing(resource text, key text) returns jsonb: its argument looked at, no more */
Datum
peer_nothing(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(1);

	if (VARSIZE_ANY_EXHDR(key) == 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_NULL();
}
