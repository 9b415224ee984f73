// What happens to a post, and why.

// By mode and strategy, for 0, 1 or more keywords found; the model decides where it says "ask".
const BY_KEYWORDS = {
	keyword: {
		strict: ['show', 'hide', 'hide'],
		moderate: ['show', 'hide', 'hide'],
		relaxed: ['show', 'show', 'hide'],
	},
	ai: {
		strict: ['ask', 'ask', 'ask'],
		moderate: ['ask', 'ask', 'ask'],
		relaxed: ['ask', 'ask', 'ask'],
	},
	hybrid: {
		strict: ['ask', 'hide', 'hide'],
		moderate: ['show', 'ask', 'hide'],
		relaxed: ['show', 'ask', 'ask'],
	},
};
const THRESHOLDS = { strict: 0.5, moderate: 0.7, relaxed: 0.9 };

// The keywords that occur in a text, however it is written.
export function matchKeywords(text, keywords) {
	const lowered = text.toLowerCase();
	return keywords.filter((keyword) => lowered.includes(keyword.toLowerCase()));
}

const byKeywords = (matched, { mode, strategy }) =>
	BY_KEYWORDS[mode][strategy][Math.min(matched.length, 2)];

export const needsVerdict = (matched, config) => byKeywords(matched, config) === 'ask';

export function decide(post, matched, verdict, config) {
	const item = { post_id: post.id, keywords: matched };
	const decision = byKeywords(matched, config);
	if (decision !== 'ask') {
		const reason = matched.length > 0 ? `keywords: ${matched.join(', ')}` : 'no keyword';
		return { ...item, decision, method: 'keyword', reason };
	}
	const hide = verdict.relevance >= Number(config.threshold ?? THRESHOLDS[config.strategy]);
	return {
		...item,
		decision: hide ? 'hide' : 'show',
		method: 'ai',
		reason: `relevance ${verdict.relevance}`,
		classification: verdict,
	};
}
