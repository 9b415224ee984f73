// node db/setup.js classic|filteropt: make the tables of a server, with some data, in the
// database that DATABASE_URL or libpq's variables name.

import { readFile } from 'node:fs/promises';

import { connect } from '../lib/database.js';

const [kind] = process.argv.slice(2);
const knex = connect(process.env.DATABASE_URL);
for (const file of ['schema', kind, 'seed']) {
	await knex.raw(await readFile(new URL(`./${file}.sql`, import.meta.url), 'utf8'));
}
await knex.destroy();
