// Shows user 1's feed filtered: what is hidden and why, the day's numbers, the hidden words.

const user = new URLSearchParams(location.search).get('user') ?? '1';
const api = `/api/users/${user}`;
const $ = (id) => document.getElementById(id);

async function call(path, { body, ...options } = {}) {
	const response = await fetch(`${api}/${path}`, {
		...options,
		...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
	});
	const answer = response.status === 204 ? null : await response.json();
	if (!response.ok) throw new Error(answer.error.message);
	return answer;
}

function fromTemplate(id, fill) {
	const node = $(id).content.firstElementChild.cloneNode(true);
	fill((selector) => node.querySelector(selector), node);
	return node;
}

// Put <mark> round the spans, which count characters from 1 and may overlap.
function highlighted(body, spans = []) {
	const characters = Array.from(body);
	const marked = new Set(spans.flatMap(({ start, length }) =>
		Array.from({ length }, (_, n) => start - 1 + n)));
	const nodes = [];
	for (let from = 0; from < characters.length;) {
		let to = from;
		while (to < characters.length && marked.has(to) === marked.has(from)) to++;
		const text = characters.slice(from, to).join('');
		if (marked.has(from)) {
			const mark = document.createElement('mark');
			mark.textContent = text;
			nodes.push(mark);
		} else {
			nodes.push(text);
		}
		from = to;
	}
	return nodes;
}

function reasonOf({ decision, method, reason, keywords }) {
	if (decision === 'show') return '';
	if (decision !== 'hide') return reason;
	return method === 'ai' ? `hidden by the model: ${reason}` : `hidden: ${keywords.join(', ')}`;
}

function showFeed(posts, items, milliseconds) {
	$('feed').replaceChildren(...items.map((item, n) =>
		fromTemplate('post', (find, node) => {
			node.dataset.id = item.post_id;
			node.classList.add(item.decision);
			find('.author').textContent = posts[n].author;
			find('.body').append(...highlighted(posts[n].body, item.spans));
			find('.reason').textContent = reasonOf(item);
		})));
	const hidden = items.filter(({ decision }) => decision === 'hide').length;
	$('summary').textContent =
		`${items.length} posts, ${hidden} hidden, in ${milliseconds.toFixed(0)} ms`;
}

const NUMBERS = {
	posts_shown: 'posts shown',
	posts_filtered: 'posts hidden',
	keyword_hits: 'keywords found',
	total_events: 'events',
};

function number(label, value) {
	const box = document.createElement('div');
	const term = Object.assign(document.createElement('dt'), { textContent: label });
	const text = Object.assign(document.createElement('dd'), { textContent: value.toLocaleString('en') });
	box.append(term, text);
	return box;
}

function bar(day, most) {
	const column = document.createElement('div');
	for (const [name, value] of [['shown', day.posts_shown], ['filtered', day.posts_filtered]]) {
		const part = Object.assign(document.createElement('span'), { className: name });
		part.style.height = `${(value / most) * 75}%`;
		column.append(part);
	}
	column.title = `${day.date}: ${day.posts_shown} shown, ${day.posts_filtered} hidden`;
	column.append(Object.assign(document.createElement('small'), { textContent: day.date.slice(5) }));
	return column;
}

async function showStats() {
	const { items } = await call('stats?days=7');
	const today = items[0] ?? {};
	$('numbers').replaceChildren(...Object.entries(NUMBERS).map(([name, label]) =>
		number(label, today[name] ?? 0)));
	const most = Math.max(1, ...items.map((day) => day.posts_shown + day.posts_filtered));
	$('days').replaceChildren(...[...items].reverse().map((day) => bar(day, most)));
}

async function showKeywords() {
	const { items } = await call('keywords');
	$('keywords').replaceChildren(...items.map(({ id, keyword }) =>
		fromTemplate('keyword', (find) => {
			find('.word').textContent = keyword;
			find('.remove').addEventListener('click', () => change(`keywords/${id}`, { method: 'DELETE' }));
		})));
}

async function filter() {
	const posts = await (await fetch('posts.json')).json();
	const started = performance.now();
	const { items } = await call('feed', { method: 'POST', body: { posts } });
	showFeed(posts, items, performance.now() - started);
	await showStats();
}

async function attempt(action) {
	$('problem').textContent = '';
	try {
		await action();
	} catch (error) {
		$('problem').textContent = error.message;
	}
}

const change = (path, options) => attempt(async () => {
	await call(path, options);
	await Promise.all([showKeywords(), filter()]);
	$('add').reset();
});

$('add').addEventListener('submit', (event) => {
	event.preventDefault();
	change('keywords', { method: 'POST', body: { keyword: new FormData($('add')).get('keyword') } });
});
$('again').addEventListener('click', () => attempt(filter));
$('show-hidden').addEventListener('change', ({ target }) => {
	document.body.classList.toggle('only-shown', !target.checked);
});
attempt(() => Promise.all([showKeywords(), filter()]));
