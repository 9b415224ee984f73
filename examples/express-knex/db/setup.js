// node db/setup.js DATABASE_URL classic|filteropt: make the tables of a server, with some data.

import { readFile } from 'node:fs/promises';

import { connect } from '../lib/database.js';

const [url, kind] = process.argv.slice(2);
const knex = connect(url);
for (const file of ['schema', kind, 'seed']) {
	await knex.raw(await readFile(new URL(`./${file}.sql`, import.meta.url), 'utf8'));
}
await knex.destroy();
