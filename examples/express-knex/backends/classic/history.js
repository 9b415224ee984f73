// A page of a user's events, newest first.

export async function historyPage(knex, userId, { limit, cursor, number }) {
	const query = knex('analytics_events')
		.where({ user_id: userId })
		.orderBy('created_at', 'desc')
		.limit(limit + 1)
		.select('id', 'event_type', 'post_id', 'created_at');
	if (number !== null) query.offset((number - 1) * limit);
	else if (cursor !== null) query.andWhere('created_at', '<', cursor);

	const rows = await query;
	const items = rows.slice(0, limit);
	return {
		items,
		has_next: rows.length > limit,
		// A Date knows milliseconds, PostgreSQL microseconds.
		next: items.at(-1)?.created_at.toISOString() ?? null,
	};
}
