// What a request must look like before a backend sees it.

import { HttpError } from './errors.js';

const MAX_PAGE = 100;
const MAX_DAYS = 366;

function refuse(message) {
	throw new HttpError(400, 'invalid_request', message);
}

function integer(value, name, { min, max }) {
	if (!/^\d{1,15}$/.test(value) || Number(value) < min || Number(value) > max) {
		refuse(`${name} must be a whole number from ${min} to ${max}`);
	}
	return Number(value);
}

// An optional parameter of the query string; given twice it is an array.
function optional(query, name) {
	const value = query[name];
	if (value !== undefined && typeof value !== 'string') refuse(`${name} must be given once`);
	return value;
}

export function id(value, name = 'id') {
	return integer(value, name, { min: 1, max: 999_999_999_999_999 });
}

export function days(query) {
	return integer(optional(query, 'days') ?? '7', 'days', { min: 1, max: MAX_DAYS });
}

// Pages by cursor; by number for clients that cannot pass one.
export function page(query) {
	const limit = integer(optional(query, 'limit') ?? '20', 'limit', { min: 1, max: MAX_PAGE });
	const number = optional(query, 'page');
	const cursor = optional(query, 'cursor') ?? null;
	if (number === undefined) return { limit, cursor, number: null };
	if (cursor !== null) refuse('give cursor or page, not both');
	return { limit, cursor, number: integer(number, 'page', { min: 1, max: 1_000_000 }) };
}

export function keyword(body) {
	const word = body?.keyword;
	if (typeof word !== 'string' || word.trim() === '') {
		refuse('keyword must be a text with something in it');
	}
	if (word.length > 1000) refuse('keyword must have at most 1000 characters');
	return word.trim();
}

export function posts(body) {
	const list = body?.posts;
	if (!Array.isArray(list)) refuse('posts must be an array');
	list.forEach((post, n) => {
		if (typeof post?.id !== 'string' || post.id === '') refuse(`posts[${n}].id must be a text`);
		if (typeof post.body !== 'string') refuse(`posts[${n}].body must be a text`);
	});
	return list;
}
