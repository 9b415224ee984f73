-- A web application's tables with primary keys and unique constraints, and nothing
-- else.  :scale rows are multiplied by it; the data are the same at each run.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SELECT setseed(0.42);

CREATE TABLE users (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	email text NOT NULL UNIQUE,
	name text NOT NULL,
	plan text NOT NULL,
	created_at timestamptz NOT NULL,
	deleted_at timestamptz);
INSERT INTO users (email, name, plan, created_at, deleted_at)
	SELECT 'User' || i || '@example.' || (ARRAY['com','org','net'])[1 + i % 3],
		md5(i::text), (ARRAY['free','free','free','free','pro','team'])[1 + (random() * 5)::int],
		'2024-01-01'::timestamptz + i * interval '5 minutes',
		CASE WHEN random() < 0.03 THEN '2024-11-01'::timestamptz END
	FROM generate_series(1, 40000 * :scale) i;

CREATE TABLE keywords (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
	word text NOT NULL,
	kind text NOT NULL,
	active boolean NOT NULL DEFAULT true);
INSERT INTO keywords (user_id, word, kind, active)
	SELECT 1 + (random() * (40000 * :scale - 1))::int, substr(md5(random()::text), 1, 8),
		(ARRAY['word','word','phrase','regex'])[1 + i % 4], random() < 0.9
	FROM generate_series(1, 300000 * :scale) i;

CREATE TABLE posts (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id bigint NOT NULL REFERENCES users,
	title text NOT NULL,
	body text NOT NULL,
	status text NOT NULL,
	tags text[] NOT NULL,
	meta jsonb NOT NULL,
	score int NOT NULL,
	created_at timestamptz NOT NULL);
INSERT INTO posts (user_id, title, body, status, tags, meta, score, created_at)
	SELECT 1 + (power(random(), 2) * (40000 * :scale - 1))::int, md5(random()::text) || ' ' || md5(i::text),
		repeat(md5(random()::text) || ' ', 6),
		(ARRAY['published','published','published','published','published','published','published','draft','hidden','pending'])[1 + (random() * 9)::int],
		ARRAY['tag' || (power(random(), 3) * 500)::int, 'tag' || (random() * 2000)::int],
		jsonb_build_object('lang', (ARRAY['en','de','fr','ja'])[1 + (random() * 3)::int], 'source', 'src' || (random() * 3000)::int),
		(random() * 1000)::int, '2024-01-01'::timestamptz + i * interval '2 minutes'
	FROM generate_series(1, 150000 * :scale) i;

CREATE TABLE events (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id bigint NOT NULL,
	type text NOT NULL,
	payload jsonb,
	created_at timestamptz NOT NULL);
INSERT INTO events (user_id, type, payload, created_at)
	SELECT 1 + (power(random(), 2) * (40000 * :scale - 1))::int,
		(ARRAY['shown','shown','shown','shown','filtered','clicked','signup'])[1 + (random() * 6)::int],
		jsonb_build_object('post', (random() * 150000)::int), '2024-01-01'::timestamptz + i * interval '30 seconds'
	FROM generate_series(1, 800000 * :scale) i;

CREATE TABLE cache (
	key text PRIMARY KEY,
	value text NOT NULL,
	expires_at timestamptz NOT NULL);
INSERT INTO cache SELECT 'k:' || md5(i::text), repeat('v', 200), '2024-06-01'::timestamptz + random() * interval '180 days'
	FROM generate_series(1, 100000 * :scale) i;

CREATE TABLE jobs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	queue text NOT NULL,
	state text NOT NULL,
	priority int NOT NULL,
	run_at timestamptz NOT NULL,
	args jsonb NOT NULL);
INSERT INTO jobs (queue, state, priority, run_at, args)
	SELECT (ARRAY['mail','index','ai'])[1 + i % 3],
		CASE WHEN random() < 0.005 THEN 'queued' WHEN random() < 0.01 THEN 'failed' ELSE 'done' END,
		(random() * 3)::int, '2024-01-01'::timestamptz + i * interval '1 minute', '{"a": 1}'
	FROM generate_series(1, 200000 * :scale) i;

CREATE TABLE sessions (
	token uuid PRIMARY KEY,
	user_id bigint NOT NULL REFERENCES users,
	last_seen timestamptz NOT NULL,
	revoked boolean NOT NULL);
INSERT INTO sessions SELECT md5(i::text)::uuid, 1 + (random() * (40000 * :scale - 1))::int,
	'2024-06-01'::timestamptz + random() * interval '180 days', random() < 0.2
	FROM generate_series(1, 120000 * :scale) i;
VACUUM ANALYZE;
