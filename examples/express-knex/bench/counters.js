// Counters of the servers behind a request.

import { createClient } from 'redis';

export async function queriesOf(url) {
	const metrics = await (await fetch(`${url}/metrics`)).text();
	return Number(metrics.match(/^db_queries_total\S* (\d+)/m)[1]);
}

export async function commandsOf(url) {
	const client = await createClient({ url }).connect();
	const stats = await client.info('stats');
	client.destroy();
	return Number(stats.match(/^total_commands_processed:(\d+)/m)[1]);
}
