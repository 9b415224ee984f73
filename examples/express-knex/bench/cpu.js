// CPU time of processes, as Linux counts it.

import { readFileSync, readdirSync } from 'node:fs';

const TICKS = 100; // a second, on every Linux there is

// A line of /proc/PID/stat behind the name, which may hold blanks; null if the process is gone.
function stat(pid) {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
		return text.slice(text.lastIndexOf(')') + 2).split(' ');
	} catch {
		return null;
	}
}

const PPID = 1, UTIME = 11, STIME = 12, CUTIME = 13, CSTIME = 14;

// The time of a process and of its children, those that have ended included.
export function cpuSeconds(pid) {
	const own = stat(pid);
	if (!own) return 0;
	let ticks = [UTIME, STIME, CUTIME, CSTIME].reduce((sum, field) => sum + Number(own[field]), 0);
	for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
		const other = stat(entry);
		if (other && Number(other[PPID]) === pid) ticks += Number(other[UTIME]) + Number(other[STIME]);
	}
	return ticks / TICKS;
}

export function serverPids(server) {
	const pid = (name) => Number(process.env[name]);
	return {
		node: pid(`${server.toUpperCase()}_PID`),
		postgres: pid('POSTGRES_PID'),
		redis: pid('REDIS_PID'),
	};
}
