// Where the classic server is wrong: what it says, what the filteropt server says, and what
// plain SQL says is true.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { createClient } from 'redis';

import { createApp } from '../app.js';
import { createBackend } from '../backends/index.js';
import { createClassifier } from '../lib/classifier.js';
import { closeDatabases, databases, newUser, onBoth, postsOf, request, servers, walk }
	from './support.js';

after(closeDatabases);

const post = (base, user, ...bodies) =>
	request(base, 'POST', `/api/users/${user}/feed`, { body: { posts: postsOf(...bodies) } });

const decisions = async (base, user, ...bodies) =>
	(await post(base, user, ...bodies)).body.items.map(({ decision }) => decision);

// A server in this process, whose parts the test can reach; it ends with the test.
async function startHere(t, kind, options) {
	const knex = databases[kind];
	const backend = await createBackend(kind, { knex, ...options });
	const server = createApp({ backend, knex }).listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => new Promise((resolve) => {
		server.close(() => resolve(backend.close()));
		server.closeAllConnections();
	}));
	return `http://127.0.0.1:${server.address().port}`;
}

test('words inside words', async () => {
	const user = await newUser({ keywords: ['ass', 'war', 'ad'] });
	const texts = ['A class in software, already', 'What an ass', 'No war'];
	assert.deepEqual(await onBoth((name) => decisions(servers[name], user, ...texts)), {
		classic: ['hide', 'hide', 'hide'],
		filteropt: ['show', 'hide', 'hide'],
	});
});

test('accents, full width and case of other languages', async () => {
	const user = await newUser({ keywords: ['cafe', 'strasse', 'free'] });
	const texts = ['Un CAFÉ, merci', 'Die Straße', 'ｆｒｅｅ for all', 'plain free'];
	assert.deepEqual(await onBoth((name) => decisions(servers[name], user, ...texts)), {
		classic: ['show', 'show', 'show', 'hide'],
		filteropt: ['hide', 'hide', 'hide', 'hide'],
	});
});

// Events of a new user in both databases, at these distances in microseconds.
async function eventsAt(microseconds) {
	const user = await newUser();
	for (const knex of Object.values(databases)) {
		await knex.raw(`INSERT INTO analytics_events (user_id, event_type, created_at)
			SELECT ?, 'POST_SHOWN', timestamptz '2024-05-01 10:00:00+00' + us * interval '1 microsecond'
			FROM unnest(?::int[]) AS us`, [user, microseconds]);
	}
	return user;
}

// How many different events a walk finds, and how many items it returns.
async function walked(user, limit) {
	return onBoth(async (name) => {
		const items = await walk(servers[name], `/api/users/${user}/events`, limit);
		return { different: new Set(items.map(({ id }) => id)).size, items: items.length };
	});
}

async function truth(user) {
	const { rows: [{ count }] } = await databases.filteropt
		.raw('SELECT count(*) FROM analytics_events WHERE user_id = ?', [user]);
	return { different: count, items: count };
}

test('events of one transaction have one time: ties at the end of a page', async () => {
	const user = await eventsAt(Array.from({ length: 25 }, () => 0));
	const { classic, filteropt } = await walked(user, 10);
	assert.deepEqual(classic, { different: 10, items: 10 }, 'the other 15 are lost');
	assert.deepEqual(filteropt, await truth(user));
	assert.deepEqual(filteropt, { different: 25, items: 25 });
});

test('events within a millisecond: microseconds cut off by Date', async () => {
	const user = await eventsAt(Array.from({ length: 25 }, (_, n) => 100 + n));
	const { classic, filteropt } = await walked(user, 10);
	assert.deepEqual(classic, { different: 10, items: 10 });
	assert.deepEqual(filteropt, await truth(user));

	const newest = await onBoth(async (name) =>
		(await request(servers[name], 'GET', `/api/users/${user}/events?limit=1`)).body.items[0].created_at);
	assert.deepEqual(newest, {
		classic: '2024-05-01T10:00:00.000Z',
		filteropt: '2024-05-01T10:00:00.000124+00:00',
	});
});

test('pages by number while events arrive: rows come twice', async () => {
	const user = await eventsAt(Array.from({ length: 20 }, (_, n) => n * 1_000_000));
	const path = `/api/users/${user}/events`;
	const page = (name, query) => request(servers[name], 'GET', `${path}?limit=10&${query}`);
	const ids = ({ body }) => body.items.map(({ id }) => id);

	const repeated = await onBoth(async (name) => {
		const first = await page(name, 'page=1');
		await databases[name]('analytics_events').insert({ user_id: user, event_type: 'POST_SHOWN' });
		const second = await page(name, name === 'classic' ? 'page=2' : `cursor=${first.body.next}`);
		return ids(second).filter((id) => ids(first).includes(id)).length;
	});
	assert.deepEqual(repeated, { classic: 1, filteropt: 0 });
});

test('a keyword added while another request fills the cache', async (t) => {
	const user = await newUser({ keywords: ['war'] });
	const bodies = ['A pyramid scheme'];

	// The reader has read the keywords from the database and is slow to put them into Redis.
	const redis = await createClient({ url: process.env.REDIS_URL }).connect();
	const slow = deferred();
	const reading = deferred();
	const slowRedis = {
		get: (key) => redis.get(key),
		del: (key) => redis.del(key),
		close: () => redis.close(),
		async setEx(key, ...rest) {
			if (key.startsWith('keywords:')) {
				reading.resolve();
				await slow.promise;
			}
			return redis.setEx(key, ...rest);
		},
	};
	const reader = await startHere(t, 'classic', { redis: slowRedis });
	const before = decisions(reader, user, ...bodies);
	await reading.promise;
	await onBoth((name) => request(servers[name], 'POST', `/api/users/${user}/keywords`,
		{ body: { keyword: 'pyramid' } }));
	slow.resolve();
	assert.deepEqual(await before, ['show'], 'asked before the keyword was there');

	const after = await onBoth((name) => decisions(servers[name], user, ...bodies));
	assert.deepEqual(after, { classic: ['show'], filteropt: ['hide'] });
	const words = await databases.classic('keywords').where({ user_id: user }).orderBy('id').pluck('keyword');
	assert.deepEqual(words, ['war', 'pyramid'], 'the table has it');
	assert.ok(await ttlOf(`keywords:${user}`) > 500, 'and it stays wrong for ten minutes');
});

async function ttlOf(key) {
	const redis = await createClient({ url: process.env.REDIS_URL }).connect();
	try {
		return await redis.ttl(key);
	} finally {
		await redis.close();
	}
}

function deferred() {
	const handles = {};
	handles.promise = new Promise((resolve) => { handles.resolve = resolve; });
	return handles;
}

test("the day's numbers", async () => {
	const user = await newUser({ keywords: ['war'] });
	await onBoth((name) => post(servers[name], user, 'No war', 'Peace', 'A walk'));
	const shown = await onBoth(async (name) =>
		(await request(servers[name], 'GET', `/api/users/${user}/stats?days=1`)).body.items
			.map(({ posts_shown, posts_filtered, keyword_hits, total_events }) =>
				({ posts_shown, posts_filtered, keyword_hits, total_events })));
	const { rows } = await databases.filteropt.raw(`
		SELECT count(*) FILTER (WHERE event_type = 'POST_SHOWN') AS posts_shown,
			count(*) FILTER (WHERE event_type = 'POST_FILTERED') AS posts_filtered,
			count(*) FILTER (WHERE event_type = 'KEYWORD_HIT') AS keyword_hits, count(*) AS total_events
		FROM analytics_events WHERE user_id = ?`, [user]);
	assert.deepEqual(shown.classic, [], 'until the view is refreshed tonight, and an hour more');
	assert.deepEqual(shown.filteropt, rows);
	assert.deepEqual(shown.filteropt, [{ posts_shown: 2, posts_filtered: 1, keyword_hits: 1, total_events: 4 }]);
});

test('two users see a new post at once: the model is paid twice', async (t) => {
	const users = [await newUser({ mode: 'ai' }), await newUser({ mode: 'ai' })];
	const calls = await onBoth(async (name) => {
		const classifier = createClassifier({ delay: 100 });
		const base = await startHere(t, name, { classifier, redisUrl: process.env.REDIS_URL });
		const answers = await Promise.all(users.map((user) => decisions(base, user, `Order now! ${users}`)));
		assert.deepEqual(answers, [['show'], ['show']], name);
		return classifier.calls;
	});
	assert.deepEqual(calls, { classic: 2, filteropt: 1 });
});

test('the model fails: the whole feed is lost', async (t) => {
	const user = await newUser({ keywords: ['war'], mode: 'hybrid', strategy: 'strict' });
	t.mock.method(console, 'error', () => {});
	const classifier = { classify: async () => { throw new Error('the model is away'); } };
	const answers = await onBoth(async (name) => {
		const base = await startHere(t, name, { classifier, redisUrl: process.env.REDIS_URL });
		const { status, body } = await post(base, user, 'No war', `Peace ${user}`);
		return { status, decisions: body.items?.map(({ decision }) => decision) };
	});
	assert.deepEqual(answers, {
		classic: { status: 500, decisions: undefined },
		// A strict filter hides what it cannot ask about.
		filteropt: { status: 200, decisions: ['hide', 'hide'] },
	});
});
