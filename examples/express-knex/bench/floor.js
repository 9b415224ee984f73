// The floor: the same application with a backend that asks nobody.  It reads a feed and answers
// with as much as the filteropt server does, so what it takes is Express' share.

import { readFileSync } from 'node:fs';
import express from 'express';

import { createApp } from '../app.js';

const posts = JSON.parse(readFileSync(new URL('../public/posts.json', import.meta.url), 'utf8'));
const body = JSON.stringify({
	items: posts.map(({ id }) => ({
		post_id: id, decision: 'show', method: 'keyword', reason: 'no keyword found', keywords: [],
		spans: [], classification: null, level: null, token: null,
	})),
});
const answer = (request, response) => response.type('json').send(body);

const backend = {
	name: 'floor',
	etag: false,
	middleware: [],
	feedBody: express.text({ type: 'application/json', limit: '2mb' }),
	filterFeed: answer,
	listKeywords: answer,
	addKeyword: answer,
	deleteKeyword: answer,
	stats: answer,
	events: answer,
};
const server = createApp({ backend, knex: { on() {} } }).listen(0, '127.0.0.1', () => {
	process.send(server.address().port);
});
process.once('disconnect', () => process.exit());
