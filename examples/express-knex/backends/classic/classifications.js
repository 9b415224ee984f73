// What the model said of a post: from Redis, else from the table, else from the model.

import { createHash } from 'node:crypto';

import { needsVerdict } from './decide.js';

const TTL = 24 * 3600;
const hashOf = (post) => createHash('sha256').update(post.body).digest('hex');
const keyOf = (hash) => `classification:${hash}`;

export function createClassifications({ knex, cache, classifier, tuned }) {
	const stored = (hash) =>
		knex('classifications').where({ content_hash: hash }).first('verdict');

	async function ask(post, hash) {
		const verdict = await classifier.classify(post);
		await knex('classifications').insert({ content_hash: hash, verdict })
			.onConflict('content_hash').merge();
		return verdict;
	}

	async function remembered(post) {
		const hash = hashOf(post);
		return cache.remember(keyOf(hash), TTL, async () =>
			(await stored(hash))?.verdict ?? ask(post, hash));
	}

	// One question to Redis for all posts; the rest one by one, at the same time.
	async function rememberedTogether(posts) {
		const cached = await cache.getMany(posts.map((post) => keyOf(hashOf(post))));
		return Promise.all(posts.map((post, n) => cached[n] ?? remembered(post)));
	}

	async function oneByOne(posts) {
		const verdicts = [];
		for (const post of posts) verdicts.push(await remembered(post));
		return verdicts;
	}

	return {
		// A verdict for each post that needs one, undefined for the others.
		async of(posts, matches, config) {
			const undecided = posts.filter((post, n) => needsVerdict(matches[n], config));
			const verdicts = await (tuned ? rememberedTogether : oneByOne)(undecided);
			const byPost = new Map(undecided.map((post, n) => [post, verdicts[n]]));
			return posts.map((post) => byPost.get(post));
		},
	};
}
