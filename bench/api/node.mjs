// What Node's zlib takes for the bodies that come as lines "kB<TAB>body":
// prints a JSON array of {task, way, microseconds, bytes}, medians.
import { createInterface } from 'node:readline';
import { gunzipSync, gzipSync } from 'node:zlib';

const rounds = Number(process.argv[2]) * 5;

function median(run) {
	const times = [];
	for (let round = 0; round < rounds; round++) {
		const started = process.hrtime.bigint();
		run();
		times.push(Number(process.hrtime.bigint() - started) / 1000);
	}
	return times.sort((a, b) => a - b)[rounds >> 1];
}

const measured = [];
for await (const line of createInterface({ input: process.stdin })) {
	const [kb, body] = line.split('\t');
	const packed = gzipSync(body);
	for (const level of [6, 1]) {
		measured.push({
			task: `${kb} kB, gzip`,
			way: `Node's zlib, level ${level}`,
			microseconds: median(() => gzipSync(body, { level })),
			bytes: gzipSync(body, { level }).length,
		});
	}
	measured.push({
		task: `${kb} kB, gunzip`,
		way: "Node's zlib",
		microseconds: median(() => gunzipSync(packed)),
		bytes: body.length,
	});
}
console.log(JSON.stringify(measured));
