// What feed_filter leaves open: posts that the model has to be asked about.  One caller among all
// gets a post as "pending" and asks; the others get it as "waiting" and look again.

import { setTimeout as wait } from 'node:timers/promises';

const PAUSE = 50;
const PATIENCE = 200; // rounds, so ten seconds

const CLASSIFIED = `
	SELECT json_build_object('items', json_agg(f))::text AS body
	FROM filteropt.feed_classified('home', ?::bigint, ?::jsonb) AS f`;

export function createSettle({ run, classifier, filter }) {
	// A model that fails has no verdict: then the user's strategy decides.
	async function verdictOn(post, { token }) {
		const verdict = await classifier.classify(post).catch(() => null);
		return { ...post, token, verdict };
	}

	async function ask(userId, posts, items) {
		const verdicts = await Promise.all(posts.map((post, n) => verdictOn(post, items[n])));
		return run('classified', CLASSIFIED, [userId, JSON.stringify(verdicts)]);
	}

	async function lookAgain(userId, posts) {
		await wait(PAUSE);
		return run('filter', filter, [JSON.stringify({ posts }), userId]);
	}

	// Replace the items of one decision by what a step makes of them.
	async function replace(items, posts, decision, step) {
		const places = [...items.keys()].filter((n) => items[n].decision === decision);
		if (places.length === 0) return;
		const { rows: [{ body }] } = await step(places.map((n) => posts[n]), places.map((n) => items[n]));
		JSON.parse(body).items.forEach((item, n) => { items[places[n]] = item; });
	}

	return async function settle(userId, requestBody, answerBody) {
		const { posts } = JSON.parse(requestBody);
		const { items } = JSON.parse(answerBody);
		for (let round = 0; round < PATIENCE; round++) {
			await replace(items, posts, 'pending', (some, open) => ask(userId, some, open));
			await replace(items, posts, 'waiting', (some) => lookAgain(userId, some));
			if (!items.some(({ decision }) => decision === 'pending' || decision === 'waiting')) break;
		}
		return JSON.stringify({ items });
	};
}
