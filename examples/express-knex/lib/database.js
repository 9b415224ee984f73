import Knex from 'knex';
import pg from 'pg';

// Ids and counts stay below 2^53, so they need not be texts in JSON.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

// Without a URL, libpq's variables say where the database is: PGHOST, PGDATABASE and so on.
export function connect(url, { database, max = 10 } = {}) {
	return Knex({ client: 'pg', connection: url ?? { database }, pool: { min: 0, max } });
}
