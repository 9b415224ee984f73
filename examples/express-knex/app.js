// The HTTP API, whichever backend answers it.  A backend has one method per endpoint; what
// is common to both (routes, validation, errors, metrics) is here and in lib/.

import { fileURLToPath } from 'node:url';
import express from 'express';

import { errorHandler, notFound } from './lib/errors.js';
import { createMetrics } from './lib/metrics.js';
import * as validate from './lib/validate.js';

const PUBLIC = fileURLToPath(new URL('./public', import.meta.url));

export function createApp({ backend, knex }) {
	const app = express();
	const metrics = createMetrics({ backend: backend.name, knex });

	app.disable('x-powered-by');
	app.set('etag', backend.etag);
	app.use(metrics.observe);
	for (const middleware of backend.middleware) app.use(middleware);

	app.get('/health', async (request, response) => {
		const checks = await backend.health();
		const ok = Object.values(checks).every((check) => check === 'ok');
		response.status(ok ? 200 : 503).json({ status: ok ? 'ok' : 'degraded', ...checks });
	});
	app.get('/metrics', metrics.expose);
	app.use('/api/users/:user', userRoutes(backend));
	app.use(express.static(PUBLIC, { maxAge: '1 minute' }));

	app.use(notFound);
	app.use(errorHandler);
	return app;
}

function userRoutes(backend) {
	const routes = express.Router({ mergeParams: true });

	routes.param('keyword', (request, response, next, value) => {
		request.keywordId = validate.id(value, 'keyword');
		next();
	});
	routes.use((request, response, next) => {
		request.userId = validate.id(request.params.user, 'user');
		next();
	});

	routes.post('/feed', backend.feedBody, backend.filterFeed);
	routes.get('/keywords', backend.listKeywords);
	routes.post('/keywords', express.json(), backend.addKeyword);
	routes.delete('/keywords/:keyword', backend.deleteKeyword);
	routes.get('/stats', backend.stats);
	routes.get('/events', backend.events);
	return routes;
}
