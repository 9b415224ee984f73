import { createClassic } from './classic.js';
import { createFilteropt } from './filteropt.js';

const KINDS = {
	classic: createClassic,
	'classic-tuned': (options) => createClassic({ ...options, tuned: true }),
	filteropt: createFilteropt,
};

export const kinds = Object.keys(KINDS);

export async function createBackend(kind, options) {
	const create = KINDS[kind];
	if (!create) throw new Error(`no backend "${kind}": there are ${kinds.join(', ')}`);
	return create(options);
}
