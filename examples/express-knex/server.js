// node server.js filteropt|classic
//
//   DATABASE_URL  postgres://..., or libpq's variables
//   REDIS_URL     redis://... (classic only)
//   PORT          3000, 0 for any       HOST       127.0.0.1
//   CLASSIFIER_MS how long the model that is played here takes, 200

import { createApp } from './app.js';
import { createBackend } from './backends/index.js';
import { createClassifier } from './lib/classifier.js';
import { connect } from './lib/database.js';

const {
	DATABASE_URL, REDIS_URL, HOST = '127.0.0.1', PORT = '3000', CLASSIFIER_MS = '200',
} = process.env;
const kind = process.argv[2] ?? 'filteropt';

const knex = connect(DATABASE_URL);
const backend = await createBackend(kind, {
	knex,
	redisUrl: REDIS_URL,
	classifier: createClassifier({ delay: Number(CLASSIFIER_MS) }),
});
const server = createApp({ backend, knex }).listen(Number(PORT), HOST, (error) => {
	if (error) throw error;
	console.log(`${kind} listens on http://${HOST}:${server.address().port}`);
});

// Finish what is under way, then end by itself.
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.once(signal, () => {
		server.close(async () => {
			await backend.close();
			await knex.destroy();
		});
		server.closeIdleConnections();
	});
}
