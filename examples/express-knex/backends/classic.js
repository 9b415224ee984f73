// The usual way: queries by knex, a cache in Redis that the application keeps right by hand,
// keywords matched in JavaScript, numbers of a day in a materialized view.
//
// With `tuned`, what is asked or written per post goes in one call per feed.

import compression from 'compression';
import express from 'express';

import { HttpError } from '../lib/errors.js';
import * as validate from '../lib/validate.js';
import { createCache } from './classic/cache.js';
import { createClassifications } from './classic/classifications.js';
import { decide, matchKeywords } from './classic/decide.js';
import { historyPage } from './classic/history.js';

const DEFAULT_CONFIG = { mode: 'keyword', strategy: 'moderate', threshold: null };

// One for the post and one for each keyword found in it.
function eventsOf(userId, { post_id, decision, method, reason, keywords }) {
	const event_type = decision === 'hide' ? 'POST_FILTERED' : 'POST_SHOWN';
	return [
		{ user_id: userId, event_type, post_id, method, reason },
		...keywords.map((keyword) => ({ user_id: userId, event_type: 'KEYWORD_HIT', post_id, keyword })),
	];
}

export async function createClassic({ knex, redis, redisUrl, classifier, tuned = false }) {
	const cache = await createCache({ redis, redisUrl });
	const classifications = createClassifications({ knex, cache, classifier, tuned });

	async function filterConfig(userId) {
		const user = await cache.remember(`user:${userId}`, 300, () =>
			knex('users').where({ id: userId }).first('id'));
		if (!user) throw new HttpError(404, 'not_found', `there is no user ${userId}`);
		const config = await cache.remember(`filter_config:${userId}`, 1800, () =>
			knex('filter_config').where({ user_id: userId }).first('mode', 'strategy', 'threshold'));
		return config ?? DEFAULT_CONFIG;
	}

	const keywordsOf = (userId) =>
		cache.remember(`keywords:${userId}`, 600, () =>
			knex('keywords').where({ user_id: userId }).orderBy('id').select('id', 'keyword'));

	// The cache forgets after the row has changed.
	async function forgetKeywords(userId) {
		await cache.forget(`keywords:${userId}`);
		await cache.forget(`user:${userId}`);
	}

	async function record(userId, items) {
		const events = items.flatMap((item) => eventsOf(userId, item));
		if (tuned) {
			if (events.length > 0) await knex('analytics_events').insert(events);
		} else {
			for (const event of events) await knex('analytics_events').insert(event);
		}
	}

	return {
		name: tuned ? 'classic-tuned' : 'classic',
		etag: 'weak',
		middleware: [compression()],
		feedBody: express.json({ limit: '2mb' }),

		async filterFeed(request, response) {
			const posts = validate.posts(request.body);
			const config = await filterConfig(request.userId);
			const keywords = (await keywordsOf(request.userId)).map(({ keyword }) => keyword);
			const matches = posts.map(({ body }) => matchKeywords(body, keywords));
			const verdicts = await classifications.of(posts, matches, config);
			const items = posts.map((post, n) => decide(post, matches[n], verdicts[n], config));
			await record(request.userId, items);
			response.json({ items });
		},

		async listKeywords(request, response) {
			response.json({ items: await keywordsOf(request.userId) });
		},

		async addKeyword(request, response) {
			const keyword = validate.keyword(request.body);
			const [row] = await knex('keywords')
				.insert({ user_id: request.userId, keyword }, ['id', 'keyword']);
			await forgetKeywords(request.userId);
			response.status(201).json(row);
		},

		async deleteKeyword(request, response) {
			const deleted = await knex('keywords')
				.where({ id: request.keywordId, user_id: request.userId }).delete();
			if (!deleted) throw new HttpError(404, 'not_found', `there is no keyword ${request.keywordId}`);
			await forgetKeywords(request.userId);
			response.status(204).end();
		},

		async stats(request, response) {
			const days = validate.days(request.query);
			const items = await cache.remember(`stats:${request.userId}:${days}`, 3600, () =>
				knex('daily_stats')
					.where({ user_id: request.userId })
					.andWhere('date', '>', knex.raw("(now() AT TIME ZONE 'UTC')::date - ?::int", [days]))
					.orderBy('date', 'desc')
					.select(
						knex.raw("to_char(date, 'YYYY-MM-DD') AS date"),
						'total_events', 'posts_shown', 'posts_filtered', 'keyword_hits',
					));
			response.set('Cache-Control', 'private, max-age=60').json({ items });
		},

		async events(request, response) {
			response.json(await historyPage(knex, request.userId, validate.page(request.query)));
		},

		async health() {
			return {
				database: await knex.raw('SELECT 1').then(() => 'ok', () => 'down'),
				redis: await cache.ping().then(() => 'ok', () => 'down'),
			};
		},

		close: () => cache.close(),
	};
}
