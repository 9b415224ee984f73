// Runs loops and innocent patterns through knex and pg, each in a session of its own, and
// prints "pattern: parent column|child column|calls" for each loop that is reported.
import knexOf from 'knex';
import pg from 'pg';

// libpq's variables name the server
const server = {
	host: process.env.PGHOST,
	port: Number(process.env.PGPORT),
	user: process.env.PGUSER,
	database: process.env.PGDATABASE,
};
const admin = new pg.Client(server);
await admin.connect();

const patterns = {
	async 'where in a loop'(knex) {
		for (const user of await knex('users').select('id', 'name').orderBy('id').limit(12))
			user.orders = await knex('orders').where({ user_id: user.id });
	},
	async 'first of each in a loop'(knex) {
		for (const order of await knex('orders').orderBy('id').limit(12))
			order.user = await knex('users').where('id', order.user_id).first();
	},
	async 'Promise.all over a map'(knex) {
		const users = await knex('users').orderBy('id').limit(12);
		await Promise.all(users.map((user) => knex('orders').where('user_id', user.id).select('total')));
	},
	async 'in a transaction'(knex) {
		await knex.transaction(async (trx) => {
			for (const user of await trx('users').orderBy('id').limit(12))
				await trx('orders').where('user_id', user.id).count();
		});
	},
	async 'bigint keys, which are strings here'(knex) {
		for (const order of await knex('orders').select('id').orderBy('id').limit(12))
			await knex('items').where('order_id', order.id).orderBy('line');
	},
	async 'uuid keys'(knex) {
		for (const account of await knex('accounts').orderBy('email').limit(12))
			await knex('logins').where('account', account.number).max('at');
	},
	async 'knex.raw with a binding'(knex) {
		for (const user of await knex('users').orderBy('id').limit(12))
			await knex.raw('SELECT total FROM orders WHERE user_id = ? AND total > ?', [user.id, 3]);
	},
	async 'a named statement of pg'(knex, client) {
		const { rows } = await client.query('SELECT id FROM users ORDER BY id LIMIT 12');
		for (const { id } of rows)
			await client.query({ name: 'by_user', text: 'SELECT total FROM orders WHERE user_id = $1', values: [id] });
	},
	async 'interpolated text'(knex, client) {
		const { rows } = await client.query('SELECT id FROM users ORDER BY id LIMIT 12');
		for (const { id } of rows)
			await client.query(`SELECT total FROM orders WHERE user_id = ${id}`);
	},

	async 'no: whereIn'(knex) {
		const users = await knex('users').orderBy('id').limit(12);
		for (let i = 0; i < 12; i++)
			await knex('orders').whereIn('user_id', users.map((user) => user.id));
	},
	async 'no: = ANY of an array'(knex) {
		const users = await knex('users').orderBy('id').limit(12);
		for (let i = 0; i < 12; i++)
			await knex.raw('SELECT * FROM orders WHERE user_id = ANY (?)', [users.map((user) => user.id)]);
	},
	async 'no: a join'(knex) {
		for (let i = 0; i < 12; i++)
			await knex('users').join('orders', 'orders.user_id', 'users.id').limit(50);
	},
	async 'no: requests, one user and its orders'(knex) {
		for (let i = 1; i < 40; i++) {
			const user = await knex('users').where('id', 1 + i * 37 % 60).first();
			await knex('orders').where('user_id', user.id);
		}
	},
	async 'no: pages by keyset'(knex) {
		let last = 0;
		for (let i = 0; i < 20; i++) {
			const page = await knex('orders').where('id', '>', last).orderBy('id').limit(10);
			last = page.at(-1).id;
		}
	},
	async 'no: keys from elsewhere'(knex) {
		for (let i = 1; i < 40; i++)
			await knex('orders').where('user_id', i);
	},
	async 'no: numbers that nothing relates'(knex) {
		for (const user of await knex('users').select('id').orderBy('id').limit(20))
			await knex('numbers').where('n', user.id).first();
	},
	async 'no: inserts'(knex) {
		for (const user of await knex('users').orderBy('id').limit(12))
			await knex('orders').insert({ id: 5000 + user.id, user_id: user.id, total: 1 });
	},
};

for (const [name, pattern] of Object.entries(patterns)) {
	await admin.query('SELECT filteropt.n_plus_one_reset()');
	// one connection: what a pool spreads over several is seen in each of them
	const knex = knexOf({ client: 'pg', connection: server, pool: { min: 1, max: 1 } });
	const client = new pg.Client(server);
	await client.connect();
	await pattern(knex, client);
	await client.end();
	await knex.destroy();
	const { rows } = await admin.query('SELECT parent_column, child_column, calls FROM filteropt.n_plus_one');
	console.log(`${name}: ${rows.map((row) => Object.values(row).join('|')).join(' ')}`);
}
await admin.end();
