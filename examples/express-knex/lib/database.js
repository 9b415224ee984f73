import Knex from 'knex';
import pg from 'pg';

// Ids and counts stay below 2^53, so they need not be texts in JSON.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export function connect(url, { max = 10 } = {}) {
	return Knex({ client: 'pg', connection: url, pool: { min: 0, max } });
}
