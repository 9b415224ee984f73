// What happens to a post, and why.

// The keywords that occur in a text, however it is written.
export function matchKeywords(text, keywords) {
	const lowered = text.toLowerCase();
	return keywords.filter((keyword) => lowered.includes(keyword.toLowerCase()));
}

export function needsVerdict(matched, { mode }) {
	return mode === 'ai' || (mode === 'hybrid' && matched.length === 0);
}

export function decide(post, matched, verdict, config) {
	const item = { post_id: post.id, keywords: matched };
	if (!needsVerdict(matched, config)) {
		return matched.length > 0
			? { ...item, decision: 'hide', method: 'keyword', reason: `keyword: ${matched.join(', ')}` }
			: { ...item, decision: 'show', method: 'keyword', reason: 'no keyword' };
	}
	const hide = verdict.relevance >= Number(config.threshold);
	return {
		...item,
		decision: hide ? 'hide' : 'show',
		method: 'ai',
		reason: `relevance ${verdict.relevance}`,
		classification: verdict,
	};
}
