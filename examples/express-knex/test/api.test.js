// Both servers are asked the same, and answer the same where the classic one is right.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { closeDatabases, counter, databases, newUser, onBoth, postsOf, request, servers, walk }
	from './support.js';

after(closeDatabases);

const both = (method, path, options) =>
	onBoth((name) => request(servers[name], method, path, options));

// What of an item both servers have to agree on.
const essence = ({ body }) =>
	body.items.map(({ post_id, decision, method, keywords }) =>
		({ post_id, decision, method, keywords: [...keywords].sort() }));

function assertSame({ classic, filteropt }, what = (answer) => answer.body) {
	assert.equal(filteropt.status, classic.status);
	assert.deepEqual(what(filteropt), what(classic));
	return filteropt;
}

test('a feed is filtered by keywords', async () => {
	const user = await newUser({ keywords: ['giveaway', 'free money'] });
	const posts = postsOf('A walk in the park', 'Huge GIVEAWAY: free money!');
	const answer = assertSame(await both('POST', `/api/users/${user}/feed`, { body: { posts } }), essence);
	assert.equal(answer.status, 200);
	assert.deepEqual(essence(answer).map(({ decision, keywords }) => [decision, keywords]),
		[['show', []], ['hide', ['free money', 'giveaway']]]);
	assert.deepEqual(answer.body.items[1].spans.map(({ keyword, start, length }) => [keyword, start, length]),
		[['giveaway', 6, 8], ['free money', 16, 10]]);
	assertSame(await both('POST', `/api/users/${user}/feed`, { body: { posts: [] } }));
});

test('the model is asked where the keywords do not decide', async () => {
	const user = await newUser({ keywords: ['war'], mode: 'hybrid', strategy: 'strict' });
	const posts = postsOf(`No war ${user}`, `Order now, supplies are limited ${user}`, `A nice day ${user}`);
	const cold = assertSame(await both('POST', `/api/users/${user}/feed`, { body: { posts } }), essence);
	assert.deepEqual(essence(cold).map(({ decision, method }) => [decision, method]),
		[['hide', 'keyword'], ['hide', 'ai'], ['show', 'ai']]);
	assert.deepEqual(cold.body.items[1].classification, { relevance: 0.8, label: 'advertisement' });
	const warm = assertSame(await both('POST', `/api/users/${user}/feed`, { body: { posts } }), essence);
	assert.deepEqual(essence(warm), essence(cold));
});

test('keywords are added, listed and deleted', async () => {
	const user = await newUser({ keywords: ['first'] });
	const path = `/api/users/${user}/keywords`;
	const words = ({ body }) => body.items.map(({ keyword }) => keyword);

	assertSame(await both('POST', path, { body: { keyword: ' second ' } }), ({ body }) => body.keyword);
	const listed = await both('GET', path);
	assert.deepEqual(words(assertSame(listed, words)), ['first', 'second']);
	const twice = await both('POST', path, { body: { keyword: 'first' } });
	assert.equal(assertSame(twice, ({ body }) => body.error.code).status, 409);

	const deleted = await onBoth((name) =>
		request(servers[name], 'DELETE', `${path}/${listed[name].body.items[0].id}`));
	assert.equal(assertSame(deleted).status, 204);
	assert.deepEqual(words(assertSame(await both('GET', path), words)), ['second']);
	assert.equal(assertSame(await both('DELETE', `${path}/999999999`)).status, 404);
});

test('the history of events goes page by page', async () => {
	const user = await newUser();
	for (const knex of Object.values(databases)) {
		await knex.raw(`INSERT INTO analytics_events (user_id, event_type, post_id, created_at)
			SELECT ?, 'POST_SHOWN', 'post ' || i, timestamptz '2024-05-01' + i * interval '1 second'
			FROM generate_series(1, 50) AS i`, [user]);
	}
	const path = `/api/users/${user}/events`;
	const posts = (items) => items.map(({ post_id }) => post_id);
	const all = await onBoth((name) => walk(servers[name], path, 20));
	assert.deepEqual(posts(all.filteropt), Array.from({ length: 50 }, (_, n) => `post ${50 - n}`));
	assert.deepEqual(posts(all.classic), posts(all.filteropt));
	assertSame(await both('GET', `${path}?page=3&limit=20`), ({ body }) => posts(body.items));
});

test('wrong requests are refused with a status and a reason', async () => {
	const feed = '/api/users/1/feed';
	const wrong = [
		['POST', feed, { raw: '{"posts":' }, 400],
		['POST', feed, {}, 400],
		['POST', feed, { body: {} }, 400],
		['POST', feed, { body: [] }, 400],
		['POST', feed, { body: { posts: 7 } }, 400],
		['POST', feed, { body: { posts: [7] } }, 400],
		['POST', feed, { body: { posts: postsOf('x'.repeat(3_000_000)) } }, 413],
		['POST', '/api/users/999999999/feed', { body: { posts: postsOf('x') } }, 404],
		['POST', '/api/users/x/feed', { body: { posts: [] } }, 400],
		['POST', '/api/users/1/keywords', { body: { keyword: '  ' } }, 400],
		['POST', '/api/users/1/keywords', { body: { keyword: ['x'] } }, 400],
		['POST', '/api/users/1/keywords', { raw: 'x' }, 400],
		['POST', '/api/users/999999999/keywords', { body: { keyword: 'x' } }, 404],
		['DELETE', '/api/users/1/keywords/1;DROP', {}, 400],
		['GET', '/api/users/1/events?limit=0', {}, 400],
		['GET', '/api/users/1/events?limit=5&limit=6', {}, 400],
		['GET', "/api/users/1/events?cursor=x'%20OR%20true--", {}, 400],
		['GET', '/api/users/1/events?page=0', {}, 400],
		['GET', '/api/users/1/stats?days=-1', {}, 400],
		['GET', '/api/nothing', {}, 404],
	];
	for (const [method, path, options, status] of wrong) {
		const answers = await both(method, path, options);
		for (const [name, answer] of Object.entries(answers)) {
			assert.equal(answer.status, status, `${name}: ${method} ${path} ${JSON.stringify(options)}`);
			assert.equal(typeof answer.body.error.message, 'string');
			assert.equal(typeof answer.body.error.code, 'string');
			assert.doesNotMatch(answer.body.error.message, /select .* from|insert into/i, 'no SQL is shown');
		}
	}
});

test('what did not change is not sent again', async () => {
	const user = await newUser({ keywords: ['once'] });
	const path = `/api/users/${user}/keywords`;
	const first = await both('GET', path);
	const etags = await onBoth(async (name) => first[name].headers.get('ETag'));
	const headers = (name) => ({ 'If-None-Match': etags[name], 'Cache-Control': 'max-age=0' });
	const again = await onBoth((name) =>
		request(servers[name], 'GET', path, { headers: headers(name) }));
	assert.equal(assertSame(again).status, 304);
	assert.equal(again.filteropt.headers.get('Cache-Control'), 'private, max-age=0');

	await both('POST', path, { body: { keyword: 'twice' } });
	const changed = await onBoth((name) =>
		request(servers[name], 'GET', path, { headers: headers(name) }));
	assert.equal(assertSame(changed, ({ body }) => body.items.length).status, 200);
});

test('large bodies are compressed for who takes that', async () => {
	const user = await newUser({ keywords: Array.from({ length: 100 }, (_, n) => `keyword number ${n}`) });
	const path = `/api/users/${user}/keywords`;
	const encodingFor = (accept) => onBoth(async (name) => {
		const headers = { 'Accept-Encoding': accept };
		return (await request(servers[name], 'GET', path, { headers })).headers.get('Content-Encoding');
	});
	assert.deepEqual(await encodingFor('gzip'), { classic: 'gzip', filteropt: 'gzip' });
	assert.deepEqual(await encodingFor('identity'), { classic: null, filteropt: null });
	assertSame(await both('GET', path), ({ body }) => body.items.map(({ keyword }) => keyword));
});

test('health and metrics', async () => {
	const health = await both('GET', '/health');
	assert.deepEqual(health.classic.body, { status: 'ok', database: 'ok', redis: 'ok' });
	assert.deepEqual(health.filteropt.body, { status: 'ok', database: 'ok' });
	for (const { body } of Object.values(await both('GET', '/metrics'))) {
		assert.match(body, /^http_request_duration_seconds_count\{.*route="\/health",status="200"\} [1-9]/m);
	}
});

test('an endpoint takes one query, or one and more for each post', async () => {
	const user = await newUser({ keywords: ['war'] });
	const posts = postsOf(...Array.from({ length: 20 }, (_, n) => `Post ${n}`));
	const queriesOf = (name, method, path, options) => counter(servers[name], 'db_queries_total')
		.then(async (before) => {
			assert.equal((await request(servers[name], method, path, options)).status, 200);
			return await counter(servers[name], 'db_queries_total') - before;
		});
	const feed = ['POST', `/api/users/${user}/feed`, { body: { posts } }];
	assert.equal(await queriesOf('filteropt', ...feed), 1);
	assert.equal(await queriesOf('classic', ...feed), 3 + 20);
	assert.equal(await queriesOf('filteropt', 'GET', `/api/users/${user}/stats`), 1);
	assert.equal(await queriesOf('filteropt', 'GET', `/api/users/${user}/events`), 1);
	assert.equal(await queriesOf('filteropt', 'GET', `/api/users/${user}/keywords`), 1);
});
