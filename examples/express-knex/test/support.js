// What the tests share: the two servers (see with-servers), their databases, users of one's own.

import { connect } from '../lib/database.js';

export const servers = {
	classic: process.env.CLASSIC_URL,
	filteropt: process.env.FILTEROPT_URL,
};

export const databases = {
	classic: connect(undefined, { database: 'classic', max: 2 }),
	filteropt: connect(undefined, { database: 'filteropt', max: 2 }),
};

export async function closeDatabases() {
	await Promise.all(Object.values(databases).map((knex) => knex.destroy()));
}

// The result of a function for both servers, by their names.
export async function onBoth(run) {
	const [classic, filteropt] = await Promise.all([run('classic'), run('filteropt')]);
	return { classic, filteropt };
}

// A request; the answer has status, headers and the body, parsed if it is JSON.
export async function request(base, method, path, { body, raw, headers = {} } = {}) {
	const response = await fetch(base + path, {
		method,
		body: raw ?? (body && JSON.stringify(body)),
		headers: { ...(body || raw ? { 'Content-Type': 'application/json' } : {}), ...headers },
	});
	const text = await response.text();
	const json = response.headers.get('content-type')?.startsWith('application/json');
	return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

// Ids that no other test file and no seed has.
let lastUser = process.pid * 1000;

// The same new user in both databases.
export async function newUser({ keywords = [], mode = 'keyword', strategy = 'moderate' } = {}) {
	const id = ++lastUser;
	for (const knex of Object.values(databases)) {
		await knex('users').insert({ id, email: `test${id}@example.org` });
		await knex('filter_config').insert({ user_id: id, mode, strategy });
		if (keywords.length > 0) {
			await knex('keywords').insert(keywords.map((keyword) => ({ user_id: id, keyword })));
		}
	}
	return id;
}

// Posts with these bodies, each with an id of its own.
export const postsOf = (...bodies) => bodies.map((body, n) => ({ id: `post ${n + 1}`, body }));

// All items of a list, following the cursors from page to page.
export async function walk(base, path, limit) {
	const items = [];
	let cursor = '';
	for (let page = 0; page < 1000; page++) {
		const { status, body } = await request(base, 'GET', `${path}?limit=${limit}${cursor}`);
		if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
		items.push(...body.items);
		if (!body.has_next) return items;
		cursor = `&cursor=${encodeURIComponent(body.next)}`;
	}
	throw new Error(`${path} does not end`);
}

// The value of one of a server's counters.
export async function counter(base, name) {
	const { body } = await request(base, 'GET', '/metrics');
	const line = body.split('\n').find((text) => text.startsWith(name));
	return Number(line.split(' ').at(-1));
}
