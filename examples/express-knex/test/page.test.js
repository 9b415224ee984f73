// The page in headless Chromium: what is hidden and why, the day's numbers, the hidden words.
// With SCREENSHOT=FILE it leaves a picture there.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

import { closeDatabases, databases, newUser, request, servers } from './support.js';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const skip = existsSync(executablePath) ? false : `there is no ${executablePath}`;

let browser;
before(async () => {
	if (skip) return;
	browser = await chromium.launch({
		executablePath,
		args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
			'--disable-background-networking', '--disable-component-update', '--disable-sync'],
	});
});
after(async () => {
	await browser?.close();
	await closeDatabases();
});

// The page of a user once it shows a feed; problems in it fail the test.
async function open(user) {
	const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
	page.on('pageerror', (error) => assert.fail(error));
	await page.goto(`${servers.filteropt}/?user=${user}`);
	await page.locator('#numbers dd').first().waitFor();
	return page;
}

const texts = (page, selector) => page.locator(selector).allTextContents();
const numbers = async (page) => (await texts(page, '#numbers dd')).map(Number);
const recorded = async (user) => {
	const { rows: [row] } = await databases.filteropt.raw(`
		SELECT count(*) FILTER (WHERE event_type = 'POST_SHOWN') AS shown,
			count(*) FILTER (WHERE event_type = 'POST_FILTERED') AS hidden,
			count(*) FILTER (WHERE event_type = 'KEYWORD_HIT') AS hits, count(*) AS total
		FROM analytics_events WHERE user_id = ?`, [user]);
	return [row.shown, row.hidden, row.hits, row.total];
};

test('the page shows the feed, why posts are hidden, and the numbers', { skip }, async () => {
	const user = await newUser({ keywords: ['crypto*', 'ending the war', 'cafe'] });
	const page = await open(user);

	assert.equal(await page.locator('.post').count(), 20);
	assert.deepEqual(await texts(page, '.post.hide mark'),
		['crypto', 'Café', 'ending the war', 'Crypto']);
	assert.equal(await page.locator('.post:not(.hide) mark').count(), 0);
	assert.match(await page.locator('.post[data-id=p05] .reason').textContent(), /^hidden: .*cafe/);
	assert.match(await page.locator('#summary').textContent(), /^20 posts, 4 hidden, in \d+ ms$/);
	assert.deepEqual(await numbers(page), [16, 4, 4, 24]);
	assert.deepEqual(await numbers(page), await recorded(user));

	await page.locator('#show-hidden').uncheck();
	assert.equal(await page.locator('.post:visible').count(), 16);
	await page.close();
});

test('words are added and removed on the page', { skip }, async () => {
	const user = await newUser();
	const page = await open(user);
	assert.equal(await page.locator('.post.hide').count(), 0);

	await page.locator('#add input').fill('tomatoes');
	await page.locator('#add button').click();
	await page.locator('.post.hide[data-id=p17] mark').waitFor();
	assert.deepEqual(await texts(page, '#keywords .word'), ['tomatoes']);

	await page.locator('#keywords .remove').click();
	await page.locator('.post.hide').waitFor({ state: 'detached' });
	assert.deepEqual(await texts(page, '#keywords .word'), []);

	await page.locator('#add input').fill('*');
	await page.locator('#add button').click();
	await page.getByText('has no character to look for').waitFor();
	await page.close();
});

test('texts are texts on the page, whatever is in them', { skip }, async () => {
	const user = await newUser({ keywords: ['<img src=x onerror=alert(1)>'] });
	const page = await open(user);
	page.on('dialog', () => assert.fail('a script of a keyword ran'));
	assert.deepEqual(await texts(page, '#keywords .word'), ['<img src=x onerror=alert(1)>']);
	assert.equal(await page.locator('#keywords img').count(), 0);
	await page.close();
});

test('a picture of the page', { skip: skip || !process.env.SCREENSHOT }, async () => {
	await (await open(await newUser({ mode: 'ai' }))).close(); // the model has seen the posts
	const page = await open(1);
	const { body } = await request(servers.filteropt, 'GET', '/api/users/1/keywords');
	await page.locator('#keywords li').nth(body.items.length - 1).waitFor();
	await page.screenshot({ path: process.env.SCREENSHOT });
	await page.close();
});
