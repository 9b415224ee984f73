// Stands in for a model that is asked over the network: how much does a post look like an
// advertisement, from 0 to 1?  It takes its time, as a model does.

import { setTimeout as wait } from 'node:timers/promises';

const SIGNS = /\b(free|order now|trick|webinar|win big|spins?|limited|link in bio|doctors hate|#ad)\b/gi;

export function createClassifier({ delay = 200 } = {}) {
	const classifier = {
		calls: 0,
		async classify({ body }) {
			classifier.calls++;
			await wait(delay);
			const signs = body.match(SIGNS)?.length ?? 0;
			return { relevance: Math.min(1, signs * 0.4), label: signs > 0 ? 'advertisement' : 'other' };
		},
	};
	return classifier;
}
