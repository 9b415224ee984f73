// Load on the servers of with-servers, in turns: requests a second, latencies, queries and
// commands per request, and the CPU time of each process per request.  A report, not a test.
//
//   node bench/load.js SECONDS ROUNDS CONNECTIONS [WORD]: what has WORD in its title, else all

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

import { cpuSeconds, serverPids } from './cpu.js';
import { commandsOf, queriesOf } from './counters.js';

const [seconds, rounds, connections] = process.argv.slice(2, 5).map(Number);
const word = process.argv[5] ?? '';
const SERVERS = ['classic', 'tuned', 'filteropt', 'floor'];
const urlOf = (server) => process.env[`${server.toUpperCase()}_URL`];

const posts = readFileSync(new URL('../public/posts.json', import.meta.url), 'utf8');
const feedBody = `{"posts":${posts}}`;
const headers = { 'Content-Type': 'application/json' };

// Requests of users from one id to another, in turn.
const users = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const feeds = (ids) => ids.map((id) =>
	({ method: 'POST', path: `/api/users/${id}/feed`, headers, body: feedBody }));
const gets = (ids, path) => ids.map((id) => ({ method: 'GET', path: `/api/users/${id}/${path}` }));

const SCENARIOS = [
	['feed: 20 posts, 50 keywords', feeds(users(2, 50))],
	['feed: the same, verdicts of a model for the rest', feeds(users(51, 100))],
	['list of 50 keywords', gets(users(2, 50), 'keywords')],
	['numbers of the last 7 days', gets(users(2, 50), 'stats')],
	['history: 20 newest events', gets(users(2, 50), 'events')],
];

// Everything that only grows, of one server and what stands behind it.
async function totals(server) {
	const pids = serverPids(server);
	return {
		queries: await queriesOf(urlOf(server)),
		commands: await commandsOf(process.env.REDIS_URL),
		node: cpuSeconds(pids.node),
		postgres: cpuSeconds(pids.postgres),
		redis: cpuSeconds(pids.redis),
	};
}

async function shoot(server, requests, duration) {
	const times = [];
	// Each connection begins with another user.
	let begun = 0;
	const setupClient = (client) => {
		const first = Math.floor(begun++ / connections * requests.length);
		client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
	};
	const run = autocannon({ url: urlOf(server), connections, duration, requests, setupClient });
	run.on('response', (client, status, bytes, milliseconds) => times.push(milliseconds));
	const result = await run;
	if (result.non2xx || result.errors) {
		throw new Error(`${server}: ${result.non2xx} refused, ${result.errors} failed`);
	}
	return { times, perSecond: times.length / result.duration };
}

async function measure(server, requests) {
	const before = await totals(server);
	const { times, perSecond } = await shoot(server, requests, seconds);
	const after = await totals(server);
	const per = (name) => (after[name] - before[name]) / times.length;
	times.sort((a, b) => a - b);
	const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
	return {
		'requests/s': perSecond,
		'p50 ms': quantile(0.5),
		'p95 ms': quantile(0.95),
		'p99 ms': quantile(0.99),
		queries: per('queries'),
		'redis calls': per('commands'),
		'node µs': per('node') * 1e6,
		'postgres µs': per('postgres') * 1e6,
		'redis µs': per('redis') * 1e6,
	};
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const medians = (results) => Object.fromEntries(Object.keys(results[0]).map((name) =>
	[name, median(results.map((result) => result[name]))]));

function show(number) {
	return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

function print(title, byServer) {
	const names = Object.keys(byServer.classic);
	const ours = byServer.filteropt;
	console.log(`\n${title}`);
	console.log(' '.repeat(10) +
		[...names, 'throughput', 'p99'].map((name) => name.padStart(12)).join(''));
	for (const [server, result] of Object.entries(byServer)) {
		// filteropt's share of the others' figures.
		const ratios = [ours['requests/s'] / result['requests/s'], ours['p99 ms'] / result['p99 ms']];
		console.log(server.padEnd(10) + [...names.map((name) => show(result[name])),
			...ratios.map((ratio) => `x ${ratio.toFixed(2)}`)].map((text) => text.padStart(12)).join(''));
	}
}

const floor = fork(fileURLToPath(new URL('floor.js', import.meta.url)));
const [port] = await once(floor, 'message');
Object.assign(process.env, { FLOOR_URL: `http://127.0.0.1:${port}`, FLOOR_PID: floor.pid });

console.log(`${connections} connections, median of ${rounds} rounds of ${seconds} s.`);
console.log('Per request: queries to PostgreSQL, calls of Redis, CPU time.');
console.log('The last columns: filteropt in terms of each.');
console.log('floor: Express alone, which reads and answers as much and asks nobody.');
for (const [title, requests] of SCENARIOS.filter(([name]) => name.includes(word))) {
	const servers = SERVERS.filter((server) => server !== 'floor' || title.startsWith('feed'));
	const results = Object.fromEntries(servers.map((server) => [server, []]));
	// Plans, caches and compiled code first.
	if (rounds > 1) for (const server of servers) await shoot(server, requests, 1);
	for (let round = 0; round < rounds; round++) {
		for (const server of servers) results[server].push(await measure(server, requests));
	}
	print(title, Object.fromEntries(servers.map((server) => [server, medians(results[server])])));
}
floor.disconnect();
