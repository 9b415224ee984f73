// Numbers for Prometheus: requests by route and status with their duration, and how many
// queries went to the database.

import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export function createMetrics({ backend, knex }) {
	const registry = new Registry();
	registry.setDefaultLabels({ backend });
	collectDefaultMetrics({ register: registry });

	const requests = new Histogram({
		name: 'http_request_duration_seconds',
		help: 'Duration of requests',
		labelNames: ['method', 'route', 'status'],
		buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
		registers: [registry],
	});
	const queries = new Counter({
		name: 'db_queries_total',
		help: 'Queries sent to PostgreSQL',
		registers: [registry],
	});
	knex.on('query', () => queries.inc());

	function observe(request, response, next) {
		const started = process.hrtime.bigint();
		response.on('finish', () => {
			const seconds = Number(process.hrtime.bigint() - started) / 1e9;
			const route = request.route?.path ?? 'none';
			requests.observe({ method: request.method, route, status: response.statusCode }, seconds);
		});
		next();
	}

	async function expose(request, response) {
		response.type(registry.contentType).send(await registry.metrics());
	}

	return { observe, expose };
}
