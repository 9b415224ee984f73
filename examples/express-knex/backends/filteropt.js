// The same with filteropt: each endpoint is one SQL call, whose answer is the JSON that goes out.

import express from 'express';

import { HttpError } from '../lib/errors.js';
import * as validate from '../lib/validate.js';
import { createSettle } from './filteropt/settle.js';

// A posted feed goes through to the database as it came.
const FILTER = `
	SELECT json_build_object('items',
			coalesce(json_agg(f) FILTER (WHERE f.post_id IS NOT NULL), '[]'))::text AS body,
		coalesce(bool_or(f.decision IN ('pending', 'waiting')), false) AS undecided
	FROM users u LEFT JOIN LATERAL filteropt.feed_filter('home', u.id,
		coalesce(?::jsonb -> 'posts', 'null')) AS f ON true
	WHERE u.id = ? GROUP BY u.id`;

const KEYWORDS = `
	SELECT json_build_object('items', coalesce(json_agg(k), '[]'))
	FROM (SELECT id, keyword FROM keywords WHERE user_id = ? ORDER BY id) AS k`;

const ADD_KEYWORD = `
	INSERT INTO keywords (user_id, keyword)
	SELECT ?, word FROM (SELECT ?::text AS word) AS given
	WHERE filteropt.keyword_set(ARRAY[word]) IS NOT NULL -- an error if it cannot be one
	RETURNING json_build_object('id', id, 'keyword', keyword)::text AS body`;

const DELETE_KEYWORD = 'DELETE FROM keywords WHERE id = ? AND user_id = ?';

const STATS = `
	SELECT json_build_object('items', coalesce(json_agg(s), '[]'))
	FROM (SELECT date, total_events, posts_shown, posts_filtered, keyword_hits FROM daily_stats
		WHERE user_id = ? AND date > (now() AT TIME ZONE 'UTC')::date - ?::int
		ORDER BY date DESC) AS s`;

const HISTORY = `
	SELECT filteropt.page('analytics_events', ARRAY['created_at DESC'], ?, ?,
		filter => jsonb_build_object('user_id', ?::bigint),
		fields => ARRAY['id', 'event_type', 'post_id', 'created_at'])`;

const HISTORY_BY_NUMBER = `
	SELECT filteropt.page_offset('analytics_events', ARRAY['created_at DESC'], ?, ?,
		filter => jsonb_build_object('user_id', ?::bigint),
		fields => ARRAY['id', 'event_type', 'post_id', 'created_at'])`;

// A body that clients may keep as long as they ask whether it is still the same: with its tag,
// nothing at all if the client has it already, and compressed if that pays.
const conditional = (select) => `
	WITH answer AS MATERIALIZED (SELECT (${select})::text AS body),
		cache AS MATERIALIZED (SELECT body, filteropt.http_cache(ttl => '0',
			etag => filteropt.http_etag(body), if_none_match => ?,
			vary => ARRAY['Accept-Encoding']) AS http FROM answer)
	SELECT (http ->> 'status')::int AS status, http -> 'headers' AS headers, packed.*
	FROM cache, filteropt.gzip_body(CASE http ->> 'status' WHEN '200' THEN body END, ?) AS packed`;

export function createFilteropt({ knex, classifier }) {
	// Named statements are planned once per connection.
	const run = (name, sql, bindings) => knex.raw(sql, bindings).options({ name });
	const settle = createSettle({ run, classifier, filter: FILTER });

	async function get(request, response, name, select, bindings) {
		const { rows: [row] } = await run(name, conditional(select), [
			...bindings,
			request.get('If-None-Match') ?? null,
			request.get('Accept-Encoding') ?? null,
		]);
		response.status(row.status).set(row.headers);
		if (row.content_encoding) response.set('Content-Encoding', row.content_encoding);
		if (row.body === null) response.end();
		else response.type('json').send(row.body);
	}

	return {
		name: 'filteropt',
		etag: false, // the database's
		middleware: [],
		feedBody: express.text({ type: 'application/json', limit: '2mb' }),

		async filterFeed(request, response) {
			const { rows: [answer] } = await run('filter', FILTER, [request.body ?? '', request.userId]);
			if (!answer) throw new HttpError(404, 'not_found', `there is no user ${request.userId}`);
			response.type('json').send(answer.undecided
				? await settle(request.userId, request.body, answer.body)
				: answer.body);
		},

		listKeywords: (request, response) =>
			get(request, response, 'keywords', KEYWORDS, [request.userId]),

		async addKeyword(request, response) {
			const keyword = validate.keyword(request.body);
			const { rows: [row] } = await run('add_keyword', ADD_KEYWORD, [request.userId, keyword]);
			response.status(201).type('json').send(row.body);
		},

		async deleteKeyword(request, response) {
			const { rowCount } = await run('delete_keyword', DELETE_KEYWORD,
				[request.keywordId, request.userId]);
			if (!rowCount) throw new HttpError(404, 'not_found', `there is no keyword ${request.keywordId}`);
			response.status(204).end();
		},

		stats: (request, response) =>
			get(request, response, 'stats', STATS, [request.userId, validate.days(request.query)]),

		events(request, response) {
			const { limit, cursor, number } = validate.page(request.query);
			return number === null
				? get(request, response, 'history', HISTORY, [limit, cursor, request.userId])
				: get(request, response, 'history_by_number', HISTORY_BY_NUMBER,
					[number, limit, request.userId]);
		},

		async health() {
			const installed = "SELECT 1 FROM pg_extension WHERE extname = 'filteropt'";
			return {
				database: await knex.raw(installed).then(({ rowCount }) =>
					(rowCount ? 'ok' : 'filteropt is not installed'), () => 'down'),
			};
		},

		async close() {},
	};
}
