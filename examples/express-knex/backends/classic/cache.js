// Values as JSON in Redis, for a time.

import { createClient } from 'redis';

export async function createCache({ redis, redisUrl }) {
	const client = redis ?? await createClient({ url: redisUrl }).on('error', logOnce()).connect();

	async function get(key) {
		const text = await client.get(key);
		return text === null ? undefined : JSON.parse(text);
	}

	async function set(key, seconds, value) {
		await client.setEx(key, seconds, JSON.stringify(value));
	}

	return {
		get,
		set,

		// Several keys at once; undefined for what is not there.
		async getMany(keys) {
			if (keys.length === 0) return [];
			const texts = await client.mGet(keys);
			return texts.map((text) => (text === null ? undefined : JSON.parse(text)));
		},

		// The value of a key, read and kept if it is not there.
		async remember(key, seconds, read) {
			const cached = await get(key);
			if (cached !== undefined) return cached;
			const value = await read();
			if (value !== undefined) await set(key, seconds, value);
			return value;
		},

		forget: (key) => client.del(key),
		ping: () => client.ping(),
		close: () => client.close(),
	};
}

// The client reconnects by itself and raises an error for each try.
function logOnce() {
	let last;
	return (error) => {
		if (error.message !== last) console.error(`redis: ${error.message}`);
		last = error.message;
	};
}
